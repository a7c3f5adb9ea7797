import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type Cache, createCache, type RedisClient, UnavailableError } from 'respcache';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { serializeValue } from '../../src/entry/value.js';
import { RedisLink } from '../../src/stores/redis-link.js';
import { DEAD, TAKE } from '../../src/write-behind/lane-scripts.js';
import { Lanes } from '../../src/write-behind/lanes.js';
import { Tickets } from '../../src/write-behind/tickets.js';
import { deferred } from '../service/backends.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy } from '../support/tcp-proxy.js';
import { writeBehindSuite } from './suite.js';

let server: RedisServer;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => server.stop());

interface Options {
  lease?: number;
  closeTimeout?: number;
  redis?: RedisClient | string;
}

function open(prefix: string, options: Options = {}): Cache {
  const { redis = server.url, ...more } = options;
  const cache = createCache({ redis, prefix, timeout: 5000, writeBehind: { durable: true, ...more } });
  cleanups.push(() => cache.close());
  return cache;
}

/** Has a process stand still before its next purge, as it caches what it has queued. Returns what has it go on. */
function stood({ services: { backend } }: Cache): () => void {
  const purge = backend.purge.bind(backend);
  const gate = deferred<void>();
  vi.spyOn(backend, 'purge').mockImplementationOnce(async (...args) => {
    await gate.promise;
    return purge(...args);
  });
  return gate.resolve;
}

describe('write-behind in this process, cached in Redis', () => {
  writeBehindSuite({ durable: false, target: () => server.url });
});

describe('durable write-behind', () => {
  writeBehindSuite({ durable: true, target: () => server.url });

  it.each([
    ['5', () => new Redis5(server.url) as unknown as RedisClient],
    ['6', () => new Redis(server.url)],
  ])('works over a client of ioredis %s, which stays open', async (_version, client) => {
    const redis = client();
    const prefix = `${randomUUID()}:`;
    const cache = open(prefix, { redis });
    const save = vi.fn();
    cache.onWriteBehind('save:rows', save);
    await cache.writeBehind('n', Buffer.from([0, 255, 128]), 'c', { handler: 'save:rows' });
    await cache.flush();
    const connection = { url: server.url };
    const queue = new Queue('save%3Arows', { connection, prefix: `${prefix}{respcache}:behind:bull` });
    cleanups.push(() => queue.close());
    // Nothing is left of its ticket.
    await vi.waitFor(async () => expect(await queue.getJobCountByTypes()).toBe(0));
    expect(save).toHaveBeenCalledWith(expect.objectContaining({ value: Buffer.from([0, 255, 128]) }));
    await cache.close();
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('a write waits for a process that has its handler', async () => {
    const prefix = `${randomUUID()}:`;
    const [writer, worker] = [open(prefix), open(prefix)];
    await writer.writeBehind('n', 1, 'c', { handler: 'save' });
    expect(await worker.get('n', 'c')).toBe(1);
    await writer.close();
    const saved = new Promise((resolve) => worker.onWriteBehind('save', ({ value }) => resolve(value)));
    expect(await saved).toBe(1);
  });

  it.each([
    { done: true, away: 0, runs: 1 },
    { done: true, away: 2, runs: 1 },
    { done: false, away: 0, runs: 2 },
  ])('what is given up as the connection is lost is not read for longer: %o', async ({ done, away, runs }) => {
    const cache = open(`${randomUUID()}:`, { lease: 200 });
    const gone = vi.fn();
    cache.on('persist', gone);
    const { run, within } = RedisLink.prototype;
    let [lost, refused] = [0, 0];
    const losing = vi.spyOn(RedisLink.prototype, 'run').mockImplementation(async function (this: RedisLink, ...what) {
      if (what[0] !== DEAD || lost++ > 0) return run.apply(this, what);
      if (done) await run.apply(this, what);
      throw new Error('Connection is closed.');
    });
    const refusing = vi.spyOn(RedisLink.prototype, 'within').mockImplementation(function (this: RedisLink, ...what) {
      if (lost === 0 || refused === away) return within.apply(this, what);
      refused++;
      return Promise.reject(new UnavailableError('Redis is not connected'));
    });
    cleanups.push(() => [losing, refusing].map((spy) => spy.mockRestore()));
    const [begun, fail] = [deferred<void>(), deferred<never>()];
    const save = vi.fn(async () => {
      begun.resolve();
      await fail.promise;
    });
    cache.onWriteBehind('save', save, { retries: 0 });
    await cache.set('list', 'old', 'c', { tags: ['list'] });
    await cache.writeBehind('n', 1, 'c', { handler: 'save', invalidate: { tags: ['list'] } });
    await begun.promise;
    fail.reject(new Error('the row is gone'));
    await vi.waitFor(() => expect(gone).toHaveBeenCalledOnce(), { timeout: 10_000 });
    expect(gone).toHaveBeenCalledWith(expect.objectContaining({ dead: 'the row is gone' }));
    await expect.poll(() => cache.mget(['n', 'list'], 'c')).toEqual([undefined, undefined]);
    expect(await cache.deadLetters()).toMatchObject([{ key: 'n' }]);
    expect(save).toHaveBeenCalledTimes(runs);
  });

  it('a write that ends each process that is at work on it becomes a dead letter', async () => {
    const prefix = `${randomUUID()}:`;
    const [writer, worker] = [open(prefix), open(prefix)];
    await writer.writeBehind('n', 1, 'c', { handler: 'save' });
    const redis = new Redis(server.url);
    cleanups.push(() => redis.disconnect());
    const [state = ''] = await redis.keys(`${prefix}*lane:*:state`);
    const save = vi.fn();
    const died = new Promise((resolve) => worker.on('persist', resolve));
    // As so many processes leave it that have ended in the handler: each has begun an attempt.
    await redis.hset(state, 'attempts', 2 + 1 + 10);
    const end = worker.onWriteBehind('save', save, { retries: 2 });
    expect(await died).toMatchObject({ dead: expect.stringMatching(/^write-behind: 11 processes ended/) });
    expect(save).not.toHaveBeenCalled();
    expect(await worker.deadLetters()).toMatchObject([{ key: 'n', value: 1 }]);
    expect(await worker.get('n', 'c')).toBeUndefined();
    await end();
    const saved = new Promise((resolve) => worker.onWriteBehind('save', ({ attempt }) => resolve(attempt)));
    expect(await worker.replayDeadLetters()).toBe(1);
    expect(await saved).toBe(1);
  });

  it('closing ends with the write at work: what waits behind it is for the next process, at once', async () => {
    const prefix = `${randomUUID()}:`;
    const [closing, next] = [open(prefix), open(prefix)];
    const gate = deferred<void>();
    const [first, second] = [vi.fn(() => gate.promise), vi.fn()];
    closing.onWriteBehind('save', first);
    for (const value of [1, 2, 3]) await closing.writeBehind('n', value, 'c', { handler: 'save' });
    await vi.waitFor(() => expect(first).toHaveBeenCalled());
    const closed = closing.close();
    gate.resolve();
    await closed;
    expect(first).toHaveBeenCalledTimes(1);
    next.onWriteBehind('save', second);
    await next.flush();
    expect(second.mock.calls.map(([{ value, attempt }]) => [value, attempt])).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });

  it('what was being taken for a handler as that is taken away is persisted by it', async () => {
    const cache = open(`${randomUUID()}:`);
    const { run } = RedisLink.prototype;
    const [taken, on] = [deferred<void>(), deferred<void>()];
    const slow = vi.spyOn(RedisLink.prototype, 'run').mockImplementation(async function (this: RedisLink, ...what) {
      const answer = await run.apply(this, what);
      if (what[0] !== TAKE) return answer;
      taken.resolve();
      await on.promise;
      return answer;
    });
    cleanups.push(() => slow.mockRestore());
    const save = vi.fn();
    const end = cache.onWriteBehind('save', save, { retries: 0 });
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await taken.promise;
    const ended = end();
    on.resolve();
    await ended;
    expect(await cache.deadLetters()).toEqual([]);
    expect(save).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ value: 1, attempt: 1 }));
    expect(await cache.get('n', 'c')).toBe(1);
  });

  it('a write whose handler does not end is the next process’ once closing has waited long enough', async () => {
    const prefix = `${randomUUID()}:`;
    const client = new Redis(server.url);
    cleanups.push(() => client.disconnect());
    const closing = open(prefix, { redis: client, closeTimeout: 50, lease: 300 });
    const begun = new Promise((resolve) => {
      closing.onWriteBehind('save', () => {
        resolve(undefined);
        return new Promise(() => {});
      });
    });
    await closing.writeBehind('n', 1, 'c', { handler: 'save' });
    await begun;
    await closing.close();
    const next = open(prefix, { lease: 300 });
    const saved = new Promise((resolve) => next.onWriteBehind('save', ({ value }) => resolve(value)));
    expect(await saved).toBe(1);
  });

  it('what a handler ends only after closing has waited is persisted again: nobody has said what it makes out of date', async () => {
    const prefix = `${randomUUID()}:`;
    const client = new Redis(server.url);
    cleanups.push(() => client.disconnect());
    const closing = open(prefix, { redis: client, closeTimeout: 50, lease: 2500 });
    const gate = deferred<void>();
    const first = vi.fn(() => gate.promise);
    closing.onWriteBehind('save', first);
    const next = open(prefix, { lease: 2500 });
    await next.set('list', 1, 'c');
    await closing.writeBehind('n', 1, 'c', { handler: 'save', invalidate: { keys: ['list'] } });
    await vi.waitFor(() => expect(first).toHaveBeenCalled());
    await closing.close();
    gate.resolve();
    const second = vi.fn();
    next.onWriteBehind('save', second);
    await next.flush();
    expect(second).toHaveBeenCalledTimes(1);
    expect(await next.get('list', 'c')).toBeUndefined();
  });

  it('keeps the order of a key over two processes', async () => {
    const prefix = `${randomUUID()}:`;
    const caches = [open(prefix), open(prefix)];
    const seen: number[] = [];
    let active = 0;
    for (const cache of caches) {
      cache.onWriteBehind<number>(
        'save',
        async ({ value, attempt }) => {
          expect(++active).toBe(1);
          await new Promise(setImmediate);
          active--;
          if (value % 4 === 0 && attempt === 1) throw new Error('not now');
          seen.push(value);
        },
        { backoff: () => 1 },
      );
    }
    for (let i = 0; i < 20; i++) await caches[i % 2]!.writeBehind('n', i, 'c', { handler: 'save' });
    await caches[0]!.flush();
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    // Where the other process has persisted it before it was cached, it is not: that is not certain to be after it any more.
    expect([19, undefined]).toContain(await caches[1]!.get('n', 'c'));
  });

  it('what a process that stood still had queued does not come over what was written and persisted meanwhile', async () => {
    const prefix = `${randomUUID()}:`;
    const [slow, fast] = [open(prefix), open(prefix)];
    const goOn = stood(slow);
    let database = 0;
    const end = fast.onWriteBehind<number>('save', ({ value }) => {
      database = value;
    });
    const first = slow.writeBehind('n', 1, 'c', { handler: 'save' });
    await vi.waitFor(() => expect(database).toBe(1));
    await fast.writeBehind('n', 2, 'c', { handler: 'save' });
    await fast.flush();
    expect(database).toBe(2);
    goOn();
    await first;
    expect(await fast.get('n', 'c')).toBeUndefined();
    // Whoever persists it before it is cached would see to it that it is not.
    await end();
    await slow.writeBehind('n', 3, 'c', { handler: 'save' });
    expect(await fast.get('n', 'c')).toBe(3);
  });

  it('what a process that stood still had queued does not come into the cache where another has given it up meanwhile', async () => {
    const prefix = `${randomUUID()}:`;
    const [slow, fast] = [open(prefix), open(prefix)];
    const goOn = stood(slow);
    const end = fast.onWriteBehind('save', () => Promise.reject(new Error('never')), { retries: 0 });
    const first = slow.writeBehind('n', 1, 'c', { handler: 'save' });
    await vi.waitFor(async () => expect(await fast.deadLetters()).toHaveLength(1));
    // Behind what it invalidates then.
    await end();
    goOn();
    await first;
    expect(await fast.get('n', 'c')).toBeUndefined();
    expect(await slow.getOrSet('n', () => 'of the database', 'c')).toBe('of the database');
  });

  it('a process that hears of its turn when that is over lets another have it', async () => {
    const prefix = `${randomUUID()}:`;
    const proxy = await startProxy(server.port);
    cleanups.push(() => proxy.close());
    const [writer, late] = [open(prefix), open(prefix, { lease: 100, redis: `redis://127.0.0.1:${proxy.port}` })];
    const save = vi.fn();
    await writer.writeBehind('n', 1, 'c', { handler: 'save' });
    await late.invalidateByTags(['connected']);
    proxy.latency = 100;
    late.onWriteBehind('save', save);
    const attempts = async () => {
      const [state] = (await server.command('KEYS', `${prefix}*:state`)) as string[];
      return Number(state && (await server.command('HGET', state, 'attempts')));
    };
    await vi.waitFor(async () => expect(await attempts()).toBeGreaterThan(2), { timeout: 10_000, interval: 20 });
    expect(save).not.toHaveBeenCalled();
    proxy.latency = 0;
    await late.flush();
    expect(save).toHaveBeenCalledTimes(1);
  });

  it('refuses a write while Redis does not answer, and caches nothing of it', async () => {
    const own = await startRedis();
    cleanups.push(() => own.stop());
    const cache = createCache({ redis: own.url, prefix: `${randomUUID()}:`, writeBehind: { durable: true } });
    cleanups.push(() => cache.close());
    cache.onWriteBehind('save', () => {});
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.flush();
    await own.stop();
    await expect(cache.writeBehind('n', 2, 'c', { handler: 'save' })).rejects.toThrow(UnavailableError);
  });

  it('a write whose answer was lost on the way is persisted soon, and not when its key is written again', async () => {
    const cache = open(`${randomUUID()}:`);
    const save = vi.fn();
    cache.onWriteBehind('save', save);
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.flush();
    const link = cache.services.backend.link!;
    vi.spyOn(link, 'within').mockImplementationOnce(async (_ms, _operation, work) => {
      await work();
      throw new UnavailableError('the answer is lost');
    });
    await expect(cache.writeBehind('n', 2, 'c', { handler: 'save' })).rejects.toThrow('the answer is lost');
    await cache.flush();
    expect(save.mock.calls.map(([{ value }]) => value)).toEqual([1, 2]);
    expect(await cache.get('n', 'c')).toBeUndefined();
  });

  it('a write whose process died before its ticket was made is persisted by the next one that has its handler', async () => {
    const prefix = `${randomUUID()}:`;
    const [writer, worker] = [open(prefix), open(prefix)];
    const putting = vi.spyOn(Tickets.prototype, 'put').mockResolvedValueOnce(undefined);
    cleanups.push(() => putting.mockRestore());
    await writer.writeBehind('n', 1, 'c', { handler: 'save' });
    await writer.close();
    const saved = new Promise((resolve) => worker.onWriteBehind('save', ({ value }) => resolve(value)));
    expect(await saved).toBe(1);
  });

  it('a write behind one that Redis has failed is not tried in its turn: each would wait as long', async () => {
    const cache = open(`${randomUUID()}:`);
    await cache.set('a', 1, 'c');
    const failure = new UnavailableError('Redis does not answer');
    const adding = vi.spyOn(Lanes.prototype, 'add').mockRejectedValueOnce(failure);
    cleanups.push(() => adding.mockRestore());
    const writes = [1, 2].map((i) => cache.writeBehind('n', i, 'c', { handler: 'save' }));
    const failures = await Promise.all(writes.map((write) => write.catch((error: unknown) => error)));
    expect(failures).toEqual([failure, failure]);
    expect(adding).toHaveBeenCalledTimes(1);
  });

  it('what may not be the last any more is queued, and not cached', async () => {
    const cache = open(`${randomUUID()}:`);
    await cache.set('n', 'before', 'c');
    const asking = vi.spyOn(Lanes.prototype, 'isLast').mockRejectedValueOnce(new UnavailableError('no answer'));
    cleanups.push(() => asking.mockRestore());
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    expect(asking).toHaveBeenCalled();
    expect(await cache.get('n', 'c')).toBeUndefined();
    const saved = new Promise((resolve) => cache.onWriteBehind('save', ({ value }) => resolve(value)));
    expect(await saved).toBe(1);
  });

  it('dead letters that cannot be read hide no other, and can be discarded', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = open(prefix);
    const told = vi.fn();
    cache.onWriteBehind('save', () => Promise.reject(new Error('never')), { retries: 0 });
    for (const key of ['a', 'b']) await cache.writeBehind(key, 1, 'c', { handler: 'save' });
    await cache.flush();
    const dead = `${prefix}{respcache}:behind:dead`;
    const [letter] = await cache.deadLetters();
    const write = { ...letter, body: Buffer.from('of a later version'), invalidate: {} };
    const redis = new Redis(server.url);
    await redis.hset(dead, letter!.id, serializeValue({ write, failedAt: 1, error: 'it cannot be read' }));
    await redis.hset(dead, 'damaged', 'damaged');
    redis.disconnect();
    cache.on('error', told);
    expect(await cache.deadLetters()).toMatchObject([
      { id: letter!.id, key: letter!.key, value: undefined, error: 'it cannot be read' },
      { value: 1, error: 'never' },
    ]);
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ operation: 'write-behind' }));
    expect(await cache.discardDeadLetters()).toBe(3);
    expect(await cache.deadLetters()).toEqual([]);
  });

  it('a dead letter that is replayed by its id is the only one that is read', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = open(prefix);
    const save = vi.fn().mockRejectedValueOnce(new Error('never'));
    cache.onWriteBehind('save', save, { retries: 0 });
    await cache.writeBehind('a', 1, 'c', { handler: 'save' });
    await cache.flush();
    const [letter] = await cache.deadLetters();
    const redis = new Redis(server.url);
    await redis.hset(`${prefix}{respcache}:behind:dead`, 'damaged', 'damaged');
    redis.disconnect();
    const told = vi.fn();
    cache.on('error', told);
    expect(await cache.replayDeadLetters('another')).toBe(0);
    expect(await cache.replayDeadLetters(letter!.id)).toBe(1);
    await cache.flush();
    expect(save).toHaveBeenCalledTimes(2);
    expect(told).not.toHaveBeenCalled();
    expect(await cache.replayDeadLetters('damaged')).toBe(0);
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ operation: 'write-behind' }));
  });

  it('what another process has taken by the time that it is to be given up is not told of as dead', async () => {
    const cache = open(`${randomUUID()}:`, { lease: 300 });
    const dying = vi.spyOn(Lanes.prototype, 'die').mockResolvedValueOnce(false);
    cleanups.push(() => dying.mockRestore());
    const fates: unknown[] = [];
    cache.on('persist', ({ dead, attempt }) => fates.push(dead ?? attempt));
    const save = vi.fn().mockRejectedValueOnce(new Error('never'));
    cache.onWriteBehind('save', save, { retries: 0 });
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.flush();
    expect(fates).toEqual([2]);
  });

  it('dead letters are read in steps, the first first: together they may be more than Redis sends at once', async () => {
    const own = await startRedis({ config: { 'client-output-buffer-limit': 'normal 4mb 0 0' } });
    cleanups.push(() => own.stop());
    const cache = open('', { redis: own.url });
    const save = vi.fn().mockRejectedValue(new Error('never'));
    cache.onWriteBehind('save', save, { retries: 0 });
    const keys = Array.from({ length: 6 }, (_, i) => `k:${i}`);
    for (const key of keys) {
      await cache.writeBehind(key, 'x'.repeat(1_000_000), 'c', { handler: 'save' });
      await cache.flush();
    }
    expect((await cache.deadLetters()).map(({ key }) => key)).toEqual(keys);
    expect((await cache.deadLetters(2)).map(({ key }) => key)).toEqual(keys.slice(0, 2));
    save.mockResolvedValue(undefined);
    expect(await cache.replayDeadLetters()).toBe(6);
    await cache.flush();
    expect(await cache.deadLetters()).toEqual([]);
  });

  it('a Redis that refuses to hand out tickets is asked again after a rest, and not as fast as it answers', async () => {
    const own = await startRedis();
    cleanups.push(() => own.stop());
    const cache = open('', { redis: own.url });
    const told = vi.fn();
    cache.on('error', told);
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await own.command('CONFIG', 'SET', 'maxmemory', '1');
    const save = vi.fn();
    cache.onWriteBehind('save', save);
    await vi.waitFor(() => expect(told).toHaveBeenCalled(), { timeout: 5000 });
    for (let answers = 0; answers < 50; answers++) await cache.services.backend.link!.client.ping();
    expect(told.mock.calls.length).toBeLessThan(5);
    await own.command('CONFIG', 'SET', 'maxmemory', '0');
    await cache.flush();
    expect(save).toHaveBeenCalledTimes(1);
  });

  it('a Redis that evicts what expires has nobody persist a write beside who is at work on it', async () => {
    const own = await startRedis({ config: { 'maxmemory-policy': 'volatile-lru' } });
    cleanups.push(() => own.stop());
    const cache = open('', { redis: own.url });
    const gate = deferred<void>();
    const saved: unknown[] = [];
    cache.onWriteBehind('save', async ({ value, attempt }) => {
      saved.push([value, attempt]);
      await gate.promise;
    });
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await vi.waitFor(() => expect(saved).toHaveLength(1));
    await own.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(own.command('SET', 'more', 'than there is room for')).rejects.toThrow('OOM');
    await own.command('CONFIG', 'SET', 'maxmemory', '0');
    const taking = vi.spyOn(Lanes.prototype, 'take');
    cleanups.push(() => taking.mockRestore());
    await cache.writeBehind('n', 2, 'c', { handler: 'save' });
    await vi.waitFor(() => expect(taking).toHaveBeenCalled());
    expect(await taking.mock.results[0]!.value).toEqual({ wait: expect.any(Number) });
    gate.resolve();
    await cache.flush();
    expect(saved).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('writes that are coalesced while the database is down share one ticket', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = open(prefix);
    const save = vi.fn().mockRejectedValue(new Error('down'));
    cache.onWriteBehind('save', save, { coalesce: true, backoff: () => 60_000 });
    await cache.writeBehind('n', 0, 'c', { handler: 'save' });
    await vi.waitFor(() => expect(save).toHaveBeenCalled());
    for (let i = 1; i < 20; i++) await cache.writeBehind('n', i, 'c', { handler: 'save' });
    const queue = new Queue('save', { connection: { url: server.url }, prefix: `${prefix}{respcache}:behind:bull` });
    cleanups.push(() => queue.close());
    // A second one, where the second write came while the first was at work.
    expect(await queue.getJobCountByTypes()).toBeLessThanOrEqual(2);
  });

  it('a write that is coalesced before its worker comes is persisted', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = open(prefix);
    const save = vi.fn();
    for (let round = 1; round <= 5; round++) {
      const end = cache.onWriteBehind('save', save, { coalesce: true });
      await Promise.all([0, 1, 2].map((i) => cache.writeBehind('n', `${round}.${i}`, 'c', { handler: 'save' })));
      await cache.flush();
      expect(save.mock.lastCall).toEqual([expect.objectContaining({ value: `${round}.2` })]);
      await end();
    }
  });

  it('a flush ends with what there was, though the lane has been empty unseen and others write again', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = open(prefix, { closeTimeout: 0 });
    cache.onWriteBehind('save', () => new Promise(() => {}));
    for (let i = 0; i < 3; i++) await cache.writeBehind('n', i, 'c', { handler: 'save' });
    const flushed = vi.fn();
    void cache.flush().then(flushed);
    const [lane] = (await server.command('SMEMBERS', `${prefix}{respcache}:behind:lanes`)) as string[];
    const state = `${lane!.split(' ')[1]}:state`;
    await pause(50);
    expect(flushed).not.toHaveBeenCalled();
    // So it is once the last of those that it waits for has ended, and others have come.
    await server.command('HSET', state, 'begun', 'anew');
    await vi.waitFor(() => expect(flushed).toHaveBeenCalled());
  });

  /** A process that writes behind, and says what it does, one line each. */
  function start(
    prefix: string,
    mode: 'write' | 'persist' | 'close' | 'late' | 'refused',
  ): ChildProcess & { lines: string[] } {
    const file = fileURLToPath(new URL('child.mjs', import.meta.url));
    const child = spawn(process.execPath, [file, server.url, prefix, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => child.kill('SIGKILL'));
    const lines: string[] = [];
    child.stdout!.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')));
    return Object.assign(child, { lines });
  }

  it('a process that closes while a handler does not end, ends', async () => {
    const child = start(`${randomUUID()}:`, 'close');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(child.lines).toContain('persisting 0');
  });

  it('a process that registers a handler after it has closed ends: nobody works for it any more', async () => {
    const child = start(`${randomUUID()}:`, 'late');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(child.lines).toContain('registered');
  });

  it('nobody who flushes is kept waiting by a cache that is closed, also over a client that stays open', async () => {
    const redis = new Redis(server.url);
    cleanups.push(() => redis.disconnect());
    const cache = open(`${randomUUID()}:`, { redis });
    await cache.writeBehind('n', 1, 'c', { handler: 'of another process' });
    const flushing = cache.flush();
    await cache.close();
    await flushing;
  });

  it('closing waits for nobody where nothing is at work, and Redis has no room for BullMQ’s connections', async () => {
    const own = await startRedis();
    cleanups.push(() => own.stop());
    const redis = new Redis(own.url);
    cleanups.push(() => redis.disconnect());
    // Whoever closes it waits for as long as the test may take, and longer.
    const cache = open('', { redis, closeTimeout: 60_000 });
    const refused = new Promise((resolve) => cache.on('error', resolve));
    cache.onWriteBehind('save', () => {});
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.flush();
    await redis.config('SET', 'maxclients', '1');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await refused;
    await cache.close();
  });

  it('keeps dead letters where they are once it is closed, also over a client that stays open', async () => {
    const redis = new Redis(server.url);
    cleanups.push(() => redis.disconnect());
    const cache = open(`${randomUUID()}:`, { redis });
    cache.onWriteBehind('save', () => Promise.reject(new Error('never')), { retries: 0 });
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.flush();
    await cache.close();
    await expect(cache.replayDeadLetters()).rejects.toThrow('the cache is closed');
    expect(await cache.deadLetters()).toMatchObject([{ key: 'n', value: 1 }]);
  });

  it('a process that was told that its client cannot be used ends: nothing is left open', async () => {
    const child = start('x:', 'refused');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(child.lines).toEqual([expect.stringContaining('keyPrefix x:')]);
  });

  describe('a process that is killed', () => {
    it.each([
      ['between the write and the persist', 'write', 'written'],
      ['while it persists', 'persist', 'persisting 0'],
    ] as const)('%s loses nothing: another process persists all, in order', async (_when, mode, line) => {
      const prefix = `${randomUUID()}:`;
      const child = start(prefix, mode);
      await vi.waitFor(() => expect(child.lines).toEqual(expect.arrayContaining(['written', line])), {
        timeout: 15_000,
      });
      child.kill('SIGKILL');
      await once(child, 'close');

      const heir = open(prefix, { lease: 300 });
      expect(await heir.get('n', 'c')).toBe(4);
      const seen: unknown[] = [];
      heir.onWriteBehind('save', ({ value }) => {
        seen.push(value);
      });
      await vi.waitFor(() => expect(seen).toEqual([0, 1, 2, 3, 4]), { timeout: 15_000 });
      await heir.flush();
      expect(await heir.get('n', 'c')).toBe(4);
    });
  });
});
