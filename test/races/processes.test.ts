import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

/** How long each load runs, seconds; `npm run soak` gives more. */
const SECONDS = Number(process.env.PROCESSES_SECONDS ?? 2.5);
const WORKERS = 3;

interface Counts {
  reads: number;
  hits: number;
  handlerRuns: number;
  writes: number;
  durable: number;
  failures: number;
  violations: object[];
}

let database: RedisServer;
let redis: RedisServer;

beforeAll(async () => {
  [database, redis] = await Promise.all([startRedis(), startRedis()]);
});

afterAll(() => Promise.all([database.stop(), redis.stop()]));

/** Runs the workers for the time, `meanwhile` beside them, and adds up what they counted. */
async function load(options: object, slack: number, meanwhile: () => Promise<void> = async () => {}): Promise<Counts> {
  await database.command('FLUSHALL');
  const keys = ['a', 'b', 'c', 'd'];
  const setup = { redis: redis.url, database: database.url, options, keys, slack };
  const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));
  const env = { ...process.env, WORKER: JSON.stringify(setup) };
  const workers = Array.from({ length: WORKERS }, () => fork(worker, { env, execArgv: [] }));
  try {
    await Promise.all(workers.map((each) => once(each, 'message')));
    await Promise.all([pause(SECONDS * 1000), meanwhile()]);
    const counts = await Promise.all(workers.map(finish));
    return counts.reduce((sum, each) => {
      const numbers = Object.entries(each).map(([name, value]) => [
        name,
        typeof value === 'number'
          ? value + (sum[name as keyof Counts] as number)
          : [...sum.violations, ...each.violations],
      ]);
      return Object.fromEntries(numbers) as Counts;
    });
  } finally {
    for (const each of workers) each.kill('SIGKILL');
  }
}

async function finish(worker: ChildProcess): Promise<Counts> {
  const counts = once(worker, 'message');
  worker.send('stop');
  return (await counts)[0] as Counts;
}

function isExact(counts: Counts): void {
  // A soak says how much it has tried.
  if (process.env.PROCESSES_SECONDS !== undefined) console.info(counts);
  expect(counts.violations).toEqual([]);
  expect(counts.failures).toBe(0);
  expect(counts.durable).toBeGreaterThan(10);
  expect(counts.hits).toBeGreaterThan(5);
}

describe(`${WORKERS} processes on one Redis for ${SECONDS} s each`, { timeout: SECONDS * 1000 + 60_000 }, () => {
  it('serve nothing older than the last durable invalidation, from Redis', async () => {
    isExact(await load({ prefix: 'redis:', l1: false }, 0));
  });

  it('nor from memory before Redis, at once, when consistency is strong', async () => {
    isExact(await load({ prefix: 'strong:', consistency: 'strong' }, 0));
  });

  it('nor from memory before Redis, once the push had its time', async () => {
    isExact(await load({ prefix: 'pushed:' }, 250));
  });

  it('nor while Redis is flushed, paused, killed and started again', async () => {
    const counts = await load({ prefix: 'chaos:', consistency: 'strong' }, 0, async () => {
      const step = (SECONDS * 1000) / 8;
      await pause(step);
      await redis.command('FLUSHALL');
      await pause(step);
      await redis.pause();
      await pause(step);
      await redis.resume();
      await pause(step);
      await redis.kill();
      await pause(step);
      await redis.restart();
    });
    isExact(counts);
  });
});
