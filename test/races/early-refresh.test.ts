import { afterEach, expect, it, vi } from 'vitest';
import type { CacheOptions } from '../../src/options.js';
import { Process } from './harness.js';

afterEach(() => vi.restoreAllMocks());

/** A cache with an entry that took its handler 100 ms, `left` ms before it expires; chance says `random`. */
async function before(left: number, random: number, options: CacheOptions): Promise<Process> {
  let now = 1_000_000;
  const process = new Process({ redis: false, ttl: 10, clock: { now: () => now }, ...options });
  let elapsed = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed);
  vi.spyOn(Math, 'random').mockReturnValue(random);
  const first = await process.open('/a', 't', []);
  elapsed += 100;
  first.finish('old');
  now += 10_000 - left;
  return process;
}

it('one request in the last moments runs the handler, and the others are still served', async () => {
  const process = await before(50, 0.5, { earlyRefresh: 1 });
  const due = await process.open('/a', 't', []);
  expect(due.hit).toBeUndefined();
  expect((await process.open('/a', 't', [])).hit).toBe('old');
  due.finish('new');
  expect((await process.open('/a', 't', [])).hit).toBe('new');
});

it('a refresh that fails leaves the entry as it is', async () => {
  const process = await before(50, 0.5, { earlyRefresh: 1 });
  const due = await process.open('/a', 't', []);
  due.abort();
  expect(due.hit).toBeUndefined();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  expect((await process.open('/a', 't', [])).hit).toBe('old');
});

it.each([
  ['when chance says no', 50, 0.99, { earlyRefresh: 1 }],
  ['long before the end', 5_000, 0.5, { earlyRefresh: 1 }],
  ['where the option does not ask for it', 50, 0.5, {}],
])('nobody runs it %s', async (_when, left, random, options) => {
  const process = await before(left, random, options);
  expect((await process.open('/a', 't', [])).hit).toBe('old');
});

it('the measure makes it earlier', async () => {
  const process = await before(5_000, 0.5, { earlyRefresh: 100 });
  expect((await process.open('/a', 't', [])).hit).toBeUndefined();
});
