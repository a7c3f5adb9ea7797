// Reads V8's CPU profiles: where a contender's time went, per request.

import { readFileSync } from 'node:fs';

const MOST = 25;

/** The lines of a profile: µs per answer by origin, and the functions of the package that took most themselves. */
export function describeProfile(file, answers) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const origins = new Map();
  const functions = new Map();
  for (const [i, id] of samples.entries()) {
    const { callFrame } = byId.get(id);
    const origin = originOf(callFrame);
    add(origins, origin, timeDeltas[i]);
    if (origin === 'respcache') add(functions, nameOf(callFrame), timeDeltas[i]);
  }
  origins.delete('(idle)');
  const total = [...origins.values()].reduce((sum, each) => sum + each, 0);
  const lines = (map) =>
    [...map].sort(([, a], [, b]) => b - a).map(([name, us]) => `  ${(us / answers).toFixed(2).padStart(8)}  ${name}`);
  return [
    `  ${(total / answers).toFixed(2).padStart(8)}  µs per request, of which`,
    ...lines(origins).slice(0, MOST),
    ...(functions.size === 0 ? [] : ['', '  in respcache itself:', ...lines(functions).slice(0, MOST)]),
    '',
  ].join('\n');
}

function add(map, name, us) {
  map.set(name, (map.get(name) ?? 0) + us);
}

/** The package that a function belongs to, `node:…` for a module of Node's, `(garbage collector)` and such as they are. */
function originOf({ url, functionName }) {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native code';
  if (url.startsWith('node:')) return url;
  const packages = url.split('/node_modules/');
  if (packages.length > 1) return packages.at(-1).match(/^(?:@[^/]+\/)?[^/]+/)[0];
  return url.includes('/bench/') ? 'bench' : 'respcache';
}

function nameOf({ functionName, url, lineNumber }) {
  const file = url.slice(url.lastIndexOf('/', url.lastIndexOf('/') - 1) + 1);
  return `${functionName || '(anonymous)'}  ${file}:${lineNumber + 1}`;
}
