// Runs that were kept: read again, and put together where a run was made in parts.

import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { placeOf } from '../scenes/index.js';
import { judgeGoals } from './goals.js';

/**
 * The runs in these files as one, with the goals judged by all of it. Parts are of the same machine and build, and under one
 * Node of the same way of measuring: only what was measured may differ.
 * @param {string[]} files
 * @throws where a file has no run, or one that cannot be a part of the same
 */
export function resultsIn(files) {
  const [first, ...parts] = files.map(runIn);
  for (const [i, part] of parts.entries()) add(first, part, files[i + 1]);
  if (parts.length > 0) for (const result of first.nodes) result.goals = judgeGoals(result);
  return first;
}

function runIn(file) {
  let run;
  try {
    run = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Told below: it is no such file.
  }
  if (Array.isArray(run?.nodes) && run.machine && run.nodes.every(({ options }) => options)) return run;
  throw new Error(`--render takes a file that --json has written, not ${file}`);
}

function add(run, part, file) {
  const refuse = (why) => {
    throw new Error(`--render takes parts of one run: ${file} ${why}`);
  };
  // How many cores were free is looked at each time anew.
  const fixed = ({ free, ...machine }) => machine;
  if (!isDeepStrictEqual(fixed(part.machine), fixed(run.machine))) refuse('is of another machine, or other versions');
  run.machine.free = Math.min(run.machine.free, part.machine.free);
  for (const result of part.nodes) {
    const same = run.nodes.find(({ node }) => node === result.node);
    if (same === undefined) {
      run.nodes.push(result);
      continue;
    }
    if (!isDeepStrictEqual(result.options, same.options))
      refuse(`was measured in another way under Node ${result.node} (rounds, seconds, connections)`);
    const twice = result.scenes.find(({ name }) => same.scenes.some((scene) => scene.name === name));
    if (twice) refuse(`has the scene ${twice.name} of Node ${result.node} once more`);
    same.scenes.push(...result.scenes);
    same.notes.push(...result.notes);
    same.scenes.sort((a, b) => placeOf(a.name) - placeOf(b.name));
  }
}
