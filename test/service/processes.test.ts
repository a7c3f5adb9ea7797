import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { byUrl, useBackend } from './backends.js';

const CHILD = fileURLToPath(new URL('./increment-child.mjs', import.meta.url));
const BUILT = new URL('../../dist/src/index.js', import.meta.url);

describe('increment in several processes', () => {
  const bench = useBackend(byUrl);
  const children: ChildProcess[] = [];

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  function start(): ChildProcess {
    const child = fork(CHILD, [bench.servers[0]!.url, '500', '5'], { execArgv: [], serialization: 'advanced' });
    children.push(child);
    return child;
  }

  /** The next message of a child; an error if it exits without one. */
  async function message(child: ChildProcess): Promise<unknown> {
    const exit = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the child exited with ${code}`)));
    exit.catch(() => {});
    const [found] = await Promise.race([once(child, 'message'), exit]);
    return found;
  }

  it.each([
    ['a new counter', undefined],
    ['a number that was set', 1000],
  ])('loses nothing and gives no sum twice: %s', async (_what, first) => {
    expect(existsSync(BUILT), 'the package is built before this test: npm run build').toBe(true);
    const cache = bench.open();
    if (first !== undefined) await cache.set('page:views', first, 'client-123');
    const counting = [start(), start(), start()];
    await Promise.all(counting.map(message));
    const done = counting.map(message);
    for (const child of counting) child.send('go');
    const sums = (await Promise.all(done)).flatMap((each) => (each as { sums: number[] }).sums);
    expect(await cache.get('page:views', 'client-123')).toBe((first ?? 0) + 1500);
    expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 1500 }, (_, i) => (first ?? 0) + i + 1));
  });
});
