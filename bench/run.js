// Measures respcache against what it cannot beat, and against other caches. bench/README.md says how to read what it prints.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { measureScene } from './kinds/index.js';
import { killAll } from './lib/contender.js';
import { judgeGoals } from './lib/goals.js';
import { machine } from './lib/machine.js';
import { readOptions } from './lib/options.js';
import { installPackages, nodeOf } from './lib/packages.js';
import { writePage } from './lib/page.js';
import { startRedis } from './lib/redis.js';
import { asMarkdown, asText } from './lib/report.js';
import { resultsIn } from './lib/results.js';
import { chosenScenes } from './scenes/index.js';

const options = readOptions(process.argv.slice(2));

process.on('exit', killAll);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => process.exit(code));
}

/** Below that share of free cores a run is said to be of little use. */
const QUIET = 0.8;

const scenes = chosenScenes(options);

if (options.list) process.stdout.write(`${scenes.flatMap(names).join('\n')}\n`);
else await main().catch((error) => stop(error.message));

function names({ name, entries }) {
  return entries.map((entry) => `${name} ${entry.name}`);
}

async function main() {
  if (options.render !== undefined) return publish(resultsIn(options.render));
  if (scenes.length === 0) stop(`nothing ${options.quick ? 'of a quick run ' : ''}has such a name: see --list`);
  for (const dist of options.dists) {
    const folder = fileURLToPath(dist);
    if (!existsSync(`${folder}/src/index.js`)) stop(`nothing is built in ${folder}: npm run build`);
  }
  if (needsPackages()) installPackages(say);
  const nodes = options.nodes.map(nodeOf);
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  publish(await bench(nodes));
}

/** Peers and other versions of Node are this folder's packages; the limits and ours are not. */
function needsPackages() {
  const own = String(process.versions.node.split('.')[0]);
  const others = options.nodes.some((major) => major !== undefined && major !== own);
  return others || scenes.some(({ entries }) => entries.some(({ peer, config }) => peer || config.compression));
}

async function bench(nodes) {
  const redis = await startRedis();
  try {
    const run = {
      date: new Date().toISOString().slice(0, 10),
      machine: await machine(redis),
      nodes: [],
    };
    const { cores, free } = run.machine;
    if (free < cores * QUIET)
      say(`bench: only ${free.toFixed(1)} of ${cores} cores are free: the figures will be of little use`);
    for (const node of nodes) run.nodes.push(await underNode(node, { redis, freeCores: free }));
    return run;
  } finally {
    await redis.stop();
  }
}

/** All scenes under one Node. */
async function underNode(node, about) {
  const { starts, rounds, seconds, leadIn, connections, quick, dists } = options;
  const way = { starts, rounds, seconds, leadIn, connections, quick, dists: dists.length };
  const result = { node: node.name.slice(1), options: way, scenes: [], notes: [] };
  for (const [i, scene] of scenes.entries()) {
    say(
      `${elapsed()} Node ${result.node}: ${scene.name} (${i + 1} of ${scenes.length}), ${scene.entries.length} contenders`,
    );
    // What is left of other scenes, and of the same one under another Node, would be found.
    await about.redis.client.flushall();
    const { rows, notes } = await measureScene(scene, { ...about, options, node, say });
    result.scenes.push({ name: scene.name, rows });
    result.notes.push(...notes);
  }
  if (result.notes.some(({ useless, ours }) => useless && ours)) process.exitCode = 1;
  return { ...result, goals: judgeGoals(result) };
}

/** Minutes and seconds since the beginning. */
function elapsed() {
  const seconds = Math.floor(performance.now() / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Prints a run, and writes it where the options say. */
function publish(run) {
  const json = `${JSON.stringify(run, null, 1)}\n`;
  if (options.json === '-') process.stdout.write(json);
  else process.stdout.write(`\n${asText(run)}`);
  if (options.json !== undefined && options.json !== '-') writeFileSync(options.json, json);
  if (options.write) writePage(asMarkdown(run));
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function stop(reason) {
  say(`bench: ${reason}`);
  process.exit(1);
}
