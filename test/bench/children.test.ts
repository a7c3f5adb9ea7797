// Servers of others end with the bench, and leave nothing behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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
