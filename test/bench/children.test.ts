// Contenders, and servers of others, end with the bench, and leave nothing behind.

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startChild } from '../../bench/lib/children.js';

let left: string;

beforeEach(async () => {
  left = await mkdtemp(join(tmpdir(), 'left-'));
  await writeFile(join(left, 'file'), '');
});
afterEach(() => rm(left, { recursive: true, force: true }));

const isRunning = (pid: string) => existsSync(`/proc/${pid}`);

it('is over with its folder when it is stopped', async () => {
  const { pid, stop } = await startChild('sleep', ['1000'], left);
  await stop();
  expect([isRunning(pid), existsSync(left)]).toEqual([false, false]);
});

it('is over with its folder when who started it was killed', async () => {
  const script = `
    import { startChild } from ${JSON.stringify(new URL('../../bench/lib/children.js', import.meta.url).href)};
    console.log((await startChild('sleep', ['1000'], ${JSON.stringify(left)})).pid);
  `;
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [pid] = await once(createInterface(starter.stdout), 'line');
  // What is said on standard error is over when nobody has it any more: the keeper of the program, too.
  const closed = once(starter, 'close');
  starter.stderr.resume();
  starter.kill('SIGKILL');
  await closed;
  expect([isRunning(pid), existsSync(left)]).toEqual([false, false]);
});

it('is over where the bench has gone before it had begun', async () => {
  const file = fileURLToPath(new URL('../../bench/contenders/invalidation.js', import.meta.url));
  const dist = new URL('../../dist', import.meta.url).href;
  const wanted = { cache: 'respcache', store: 'memory', does: 'tag', slug: 'left', sizes: [20_000], redis: 1, dist };
  const contender = fork(file, [JSON.stringify(wanted)], { stdio: 'ignore', execArgv: [] });
  contender.disconnect();
  // Who has filled a cache for nobody ends with an error, as there is nobody to be told.
  expect(await once(contender, 'exit')).toEqual([0, null]);
});
