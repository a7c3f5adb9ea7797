// The benchmark itself, once, as short as it can be: that it starts, measures, judges and ends.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const program = (path: string) => fileURLToPath(new URL(`../../bench/${path}`, import.meta.url));
const RUN = program('run.js');
const BRIEFLY = ['--quick', '--rounds', '1', '--seconds', '0.2', '--warming', '100', '--connections', '4'];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bench = (...args: string[]) => spawnSync(process.execPath, [RUN, ...args], { encoding: 'utf8' });

it('measures hits of the built package, tells the goals, and takes its own results again', () => {
  const file = join(folder, 'run.json');
  const run = bench(
    ...BRIEFLY,
    '--only',
    '^hit-1k express hit memory$',
    '--scene',
    '^hit-1k$',
    '--starts',
    '2',
    '--json',
    file,
  );
  expect(run.status, run.stderr).toBe(0);
  const { nodes } = JSON.parse(readFileSync(file, 'utf8'));
  const [{ scenes, goals }] = nodes;
  const [{ rows }] = scenes;
  expect(rows.map(({ name }: { name: string }) => name)).toEqual(['express bare', 'express hit memory']);
  expect(rows[1].rate.median).toBeGreaterThan(0);
  expect(rows[1].ratio.rounds).toHaveLength(2);
  const goal = goals.find(
    ({ what }: { what: string }) => what === 'express, middleware, memory, 1k: of the bare handler',
  );
  expect(goal.found).toBe(rows[1].ratio.median);
  expect(bench('--render', file).stdout).toBe(run.stdout);
}, 60_000);

it.each([
  ['run.js', ['--rounds', 'many'], '--rounds takes a whole number from 1 to 1000, not many'],
  ['run.js', ['--lead-in='], '--lead-in takes a number from 0 to 60, not '],
  ['run.js', ['--scene', '['], '--scene takes a regular expression, not ['],
  ['run.js', ['--json', '/no such/file'], '--json takes a file that can be written, not /no such/file'],
  ['run.js', ['--quick', '--write'], '--write takes the figures of a whole run: leave --quick out'],
  ['run.js', ['--profile='], '--profile takes a folder'],
  ['statistics.js', ['--quik'], "Unknown option '--quik'"],
  ['scaling/run.js', ['--only', 'memory,size,sise'], ', not memory,size,sise'],
])('%s %j: says what an option takes, before anything is measured', (path, args, says) => {
  const run = spawnSync(process.execPath, [program(path), ...args], { encoding: 'utf8', timeout: 20_000 });
  expect(run.stderr).toContain(says);
  expect(run.status).toBe(2);
});

it('takes no other file for its own results', () => {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url));
  const run = bench('--render', file);
  expect(run.stderr).toBe(`bench: --render takes a file that --json has written, not ${file}\n`);
  expect(run.status).toBe(1);
});

it('puts together what was measured in parts, and only what belongs together', () => {
  const kept = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
  const [node] = kept.nodes;
  const [hits] = node.scenes;
  const part = (name: string, change: object) => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify({ ...kept, ...change }));
    return file;
  };
  const of = (...scenes: string[]) => ({ ...node, goals: [], scenes: scenes.map((name) => ({ ...hits, name })) });
  const tags = part('tags.json', { nodes: [of('tags')] });
  const first = part('first.json', { nodes: [of('hit-1k')] });
  const other = part('other.json', {
    nodes: [{ ...of('hit-1k'), node: '99.0.0', options: { ...node.options, rounds: 99 } }],
  });
  const file = join(folder, 'whole.json');
  const run = bench('--render', tags, '--render', first, '--render', other, '--json', file);
  expect(run.status, run.stderr).toBe(0);
  const { nodes } = JSON.parse(readFileSync(file, 'utf8')) as { nodes: (typeof node)[] };
  expect(nodes.map(({ node }) => node)).toEqual([node.node, '99.0.0']);
  expect(nodes[0].scenes.map(({ name }: { name: string }) => name)).toEqual(['hit-1k', 'tags']);
  // By what is in either part.
  expect(nodes[0].goals).toEqual(node.goals);

  const refused = (second: string) => bench('--render', first, '--render', second).stderr;
  expect(refused(first)).toContain(`${first} has the scene hit-1k of Node ${node.node} once more`);
  const machine = part('machine.json', { machine: { ...kept.machine, cpu: 'another' } });
  expect(refused(machine)).toContain(`${machine} is of another machine`);
  const rounds = part('rounds.json', { nodes: [{ ...of('tags'), options: { ...node.options, rounds: 99 } }] });
  expect(refused(rounds)).toContain(`${rounds} was measured in another way`);
});

it('tells what the statistics cost to the end', () => {
  const run = spawnSync(process.execPath, [program('statistics.js'), '--quick', '--only=^$'], { encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  expect(run.stdout).toMatch(/A hit that is counted: \d+ \(\d+–\d+\) ns/);
});
