// How contenders are measured, where not all of them can be.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { measure as measureCold } from '../../bench/kinds/cold.js';
import { measure } from '../../bench/kinds/latency.js';
import { measure as measureRounds } from '../../bench/kinds/rounds.js';
import { contender } from '../../bench/scenes/define.js';

const WARMING = { step: 10, patience: 1, least: 1, most: 10, seconds: 1 };
const context = {
  options: { starts: 1, rounds: 1, seconds: 0.05, leadIn: 0, connections: 2, warming: WARMING },
  node: { name: process.version, execPath: process.execPath },
  redis: { port: 0, client: { flushall: () => {} } },
  freeCores: 0,
  say: () => {},
};

const of = (stack: string, what: string, more: object) => ({ ...contender(stack, what, more), scene: 'some' });

it('who gives a wrong answer is told with the reason and ended, so that the bench ends, too', () => {
  const script = `
    import { measure } from ${JSON.stringify(new URL('../../bench/kinds/rounds.js', import.meta.url).href)};
    import { contender } from ${JSON.stringify(new URL('../../bench/scenes/define.js', import.meta.url).href)};
    const context = { ...${JSON.stringify(context)}, say: () => {}, redis: { client: { flushall: () => {} } } };
    const entries = [{ ...contender('http', 'bare', { expected: { status: 201 } }), scene: 'hits' }];
    const { rows } = await measure({ name: 'hits', size: 1024, entries }, context);
    console.log(rows[0].failed);
  `;
  const options = { encoding: 'utf8', timeout: 10_000 } as const;
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], options);
  expect([run.status, run.stdout], run.stderr).toEqual([0, 'not "HTTP/1.1 201 ", but "HTTP/1.1 200 OK":\n']);
});

it('latency is told of those whose limit has not failed, and the others do not end the bench', async () => {
  const entries = [
    { ...of('koa', 'bare', {}), file: 'nobody.js' },
    { ...of('koa', 'handler', { limit: 'koa bare' }), ours: true },
    of('http', 'bare', {}),
    { ...of('http', 'handler', { limit: 'http bare' }), ours: true },
  ];
  const { rows } = await measure({ name: 'latency', size: 1024, entries }, context);
  const failures = rows.map((row: { name: string; failed?: string }) => [row.name, row.failed]);
  expect(failures).toEqual([
    ['koa bare', expect.stringMatching(/^Error: Cannot find module .*nobody\.js/)],
    ['koa handler', 'its limit has failed'],
    ['http bare', undefined],
    ['http handler', undefined],
  ]);
  expect(rows[3]).toMatchObject({ limit: 'http bare', ratio50: { rounds: [expect.any(Number)] } });
});

it('tells of answers that are no hits, whatever is measured of them', async () => {
  const entries = [
    of('http', 'bare', {}),
    { ...of('http', 'handler', { limit: 'http bare', mark: 'respcache; hit' }), ours: true },
  ];
  const note = {
    text: expect.stringMatching(/^some http handler: (\d+) of \1 answers were not what is measured \(respcache; hit\)/),
    useless: true,
    ours: true,
  };
  for (const kind of [measure, measureRounds]) {
    const { notes } = await kind({ name: 'some', size: 1024, entries }, context);
    expect(notes).toEqual([note]);
  }
});

it('a cold start ends with the right answer, or with the reason why it was none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cold-'));
  try {
    const failing = 'export const middleware = () => (_req, res) => res.status(503).end("not yet");';
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'failing.js'), failing);
    const cache = relative(fileURLToPath(new URL('../../bench/caches', import.meta.url)), join(folder, 'failing'));
    const entries = [
      { ...of('express', 'bare', { does: 'cold' }), file: 'cold.js' },
      { ...of('express', 'failing', { does: 'cold', cache }), file: 'cold.js' },
    ];
    const { rows } = await measureCold(
      { name: 'cold', size: 1024, entries },
      { ...context, options: { ...context.options, quick: true } },
    );
    expect(rows).toMatchObject([
      { took: { rounds: { length: 3 } } },
      { failed: 'Error: not the answer, but 503 and "not yet"' },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
