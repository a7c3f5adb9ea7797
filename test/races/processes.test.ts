import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

/** How long each load runs, seconds, and on until enough has been tried; `npm run soak` gives more. */
const SECONDS = Number(process.env.PROCESSES_SECONDS ?? 1.5);
const WORKERS = 3;
/** Without so much a load would prove nothing. */
const ENOUGH = { durable: 10, hits: 5 };

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
let workers: ChildProcess[] = [];

beforeAll(async () => {
  [database, redis] = await Promise.all([startRedis(), startRedis()]);
});

afterAll(() => {
  endWorkers();
  return Promise.all([database.stop(), redis.stop()]);
});

/** All loads are run by the same processes, one after the other: each starts with a cache and a server of its own. */
function startWorkers(): void {
  const file = fileURLToPath(new URL('worker.mjs', import.meta.url));
  workers = Array.from({ length: WORKERS }, () => fork(file, { execArgv: [] }));
}

function endWorkers(): void {
  for (const each of workers.splice(0)) each.kill('SIGKILL');
}

/** Runs the workers for the time, `meanwhile` beside them, and adds up what they counted. */
async function load(options: object, slack: number, meanwhile: () => Promise<void> = async () => {}): Promise<Counts> {
  await database.command('FLUSHALL');
  const keys = ['a', 'b', 'c', 'd'];
  const setup = { redis: redis.url, database: database.url, options, keys, slack };
  if (workers.length === 0) startWorkers();
  try {
    await Promise.all(workers.map((each) => answer(each, setup)));
    await Promise.all([pause(SECONDS * 1000), meanwhile()]);
    while (!isEnough(sum(await toAll('count')))) await pause(100);
    return sum(await toAll('stop'));
  } catch (error) {
    // What is wrong with one load is not to be with the next.
    endWorkers();
    throw error;
  }
}

const toAll = (message: string) => Promise.all(workers.map((each) => answer(each, message))) as Promise<Counts[]>;

async function answer(worker: ChildProcess, message: string | object): Promise<unknown> {
  const answered = once(worker, 'message');
  worker.send(message);
  return (await answered)[0];
}

function sum(counts: readonly Counts[]): Counts {
  return counts.reduce((sum, each) => {
    const numbers = Object.entries(each).map(([name, value]) => [
      name,
      typeof value === 'number'
        ? value + (sum[name as keyof Counts] as number)
        : [...sum.violations, ...each.violations],
    ]);
    return Object.fromEntries(numbers) as Counts;
  });
}

/** Also once something is wrong: there is nothing more to wait for. */
function isEnough({ durable, hits, failures, violations }: Counts): boolean {
  return failures + violations.length > 0 || (durable > ENOUGH.durable && hits > ENOUGH.hits);
}

function isExact(counts: Counts): void {
  // A soak says how much it has tried.
  if (process.env.PROCESSES_SECONDS !== undefined) console.info(counts);
  expect(counts.violations).toEqual([]);
  expect(counts.failures).toBe(0);
  expect(counts.durable).toBeGreaterThan(ENOUGH.durable);
  expect(counts.hits).toBeGreaterThan(ENOUGH.hits);
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
