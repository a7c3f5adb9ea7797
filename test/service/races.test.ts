// Two caches on one Redis, one of them over a slow line: what it has read is old by the time that it acts on it.

import { Redis } from 'ioredis';
import { type Cache, type CacheOptions, createCache } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { startProxy } from '../support/tcp-proxy.js';
import { byUrl, useBackend } from './backends.js';

/** Milliseconds each way: enough for the others to act meanwhile. */
const LATENCY = 60;

describe('a cache over a slow line', () => {
  const bench = useBackend(byUrl);

  /** A cache that knows the ledger already, with a line that is slow from now on. */
  async function openSlow(options: CacheOptions = {}): Promise<Cache> {
    const proxy = await startProxy(bench.servers[0]!.port);
    const cache = createCache({ redis: `redis://127.0.0.1:${proxy.port}`, timeout: 5000, ...options });
    bench.atEnd(() => proxy.close());
    bench.atEnd(() => cache.close());
    await cache.get('warm', 'c');
    await cache.increment('warm', 1, 'c');
    proxy.latency = LATENCY;
    return cache;
  }

  /** How often Redis has run a command so far. */
  async function calls(command: string): Promise<number> {
    const info = String(await bench.onOwner('INFO', 'commandstats'));
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  }

  /** Starts what is to be overtaken, and resolves when Redis has run `command` for it; its answer is under way then. */
  async function overtaken<T>(command: string, work: () => Promise<T>): Promise<{ result: Promise<T> }> {
    const before = await calls(command);
    const result = work();
    await vi.waitFor(async () => expect(await calls(command)).toBeGreaterThan(before), { interval: 2, timeout: 5000 });
    return { result };
  }

  it('loses no increments of others when it makes a counter of a number that was set', async () => {
    const fast = bench.open();
    await fast.set('n', 1000, 'c');
    const slow = await openSlow();
    const { result } = await overtaken('mget', () => slow.increment('n', 1, 'c'));
    for (let i = 0; i < 5; i++) await fast.increment('n', 1, 'c');
    await result;
    expect(await fast.get('n', 'c')).toBe(1006);
  });

  it('loses no increments of others when it begins a counter again after an invalidation', async () => {
    const fast = bench.open();
    await fast.increment('n', 1000, 'c');
    const slow = await openSlow();
    await fast.invalidateTenant('c');
    const { result } = await overtaken('mget', () => slow.increment('n', 1, 'c'));
    for (let i = 0; i < 5; i++) await fast.increment('n', 1, 'c');
    await result;
    expect(await fast.get('n', 'c')).toBe(6);
  });

  it('does not make a counter of a number in the place of what was set meanwhile', async () => {
    const fast = bench.open();
    await fast.set('n', 1000, 'c');
    const slow = await openSlow();
    const { result } = await overtaken('mget', () => slow.increment('n', 1, 'c'));
    await fast.set('n', 5, 'c');
    expect(await result).toBe(6);
    expect(await fast.get('n', 'c')).toBe(6);
  });

  it('does not count on what was invalidated meanwhile, once the invalidation is durable', async () => {
    const fast = bench.open();
    await fast.increment('n', 1000, 'c');
    const slow = await openSlow();
    const { result } = await overtaken('mget', () => slow.increment('n', 1, 'c'));
    await fast.invalidateKey('n', 'c');
    await result;
    expect(await fast.get('n', 'c')).toBeUndefined();
    expect(await fast.increment('n', 1, 'c')).toBe(1);
  });

  it.each([
    ['knows all that was invalidated before', false],
    ['has to read first what was invalidated before', true],
  ])('does not store what it began to set before an invalidation, where it %s', async (_, behind) => {
    // Who follows the log asks by the same command now and then, and so does who has not asked for long.
    const fast = bench.open({ l1: false });
    const slow = await openSlow({ l1: false });
    if (behind) await fast.invalidateTenant('somebody');
    await fast.get('a', 'c');
    const { result } = await overtaken('get', () => slow.set('a', 'old', 'c', { tags: ['t'] }));
    await fast.invalidateByTags(['t'], 'c');
    await result;
    expect(await fast.get('a', 'c')).toBeUndefined();
  });

  it('does not store what it began to set before an invalidation, though its question was asked again after it', async () => {
    const fast = bench.open();
    const proxy = await startProxy(bench.servers[0]!.port);
    // It asks again by itself what a lost connection has left without an answer.
    const redis = new Redis(`redis://127.0.0.1:${proxy.port}`);
    const slow = createCache({ redis, timeout: 5000 });
    bench.atEnd(() => proxy.close());
    bench.atEnd(() => redis.disconnect());
    bench.atEnd(() => slow.close());
    await slow.set('a', 'older', 'c');
    proxy.blackhole();
    const setting = slow.set('a', 'old', 'c', { tags: ['t'] });
    await fast.invalidateByTags(['t'], 'c');
    proxy.cut();
    proxy.restore();
    await setting;
    expect(redis.status).toBe('ready');
    expect(await fast.get('a', 'c')).toBeUndefined();
    // What is set from now on stands.
    await slow.set('a', 'new', 'c', { tags: ['t'] });
    expect(await fast.get('a', 'c')).toBe('new');
  });

  it('removes nothing that was set while it sweeps after clear', async () => {
    const fast = bench.open();
    await fast.set('a', 'old', 'c');
    const slow = await openSlow();
    const sweeps = await calls('getrange');
    await slow.clear();
    await vi.waitFor(async () => expect(await calls('getrange')).toBeGreaterThan(sweeps + 1), {
      interval: 2,
      timeout: 5000,
    });
    // It has read that this key is dead, and is about to remove it.
    await fast.set('a', 'new', 'c');
    await fast.increment('n', 7, 'c');
    // The answer to the first of these comes after what it has read, the second goes out after what it does then.
    await slow.get('a', 'c');
    await slow.get('a', 'c');
    expect(await fast.get('a', 'c')).toBe('new');
    expect(await fast.get('n', 'c')).toBe(7);
  });
});

describe('a cache that has just started', () => {
  const bench = useBackend(byUrl);

  /** How often the ledger's keys were read: each time the type of three of them is asked first, of one twice where it is missing. */
  async function loads(): Promise<number> {
    const info = String(await bench.onOwner('INFO', 'commandstats'));
    return Number(/^cmdstat_type:calls=(\d+)/m.exec(info)?.[1]) / 3;
  }

  it('loads the ledger once for all who ask at the same time', async () => {
    await bench.command('FLUSHALL');
    await bench.command('CONFIG', 'RESETSTAT');
    const cache = bench.open();
    const found = await Promise.all(Array.from({ length: 100 }, (_, i) => cache.get(`key:${i}`, 'c')));
    expect(found.filter((value) => value !== undefined)).toEqual([]);
    expect(await loads()).toBeLessThanOrEqual(2);
  });

  it('loads it once also where another has begun it', async () => {
    await bench.open().get('a', 'c');
    await bench.command('CONFIG', 'RESETSTAT');
    const cache = bench.open();
    await Promise.all(Array.from({ length: 100 }, (_, i) => cache.get(`key:${i}`, 'c')));
    expect(await loads()).toBeLessThanOrEqual(2);
  });
});

describe('a cache that is closed', () => {
  const bench = useBackend(byUrl);

  it.each([true, false])('sends the invalidations that wait still (memory before Redis: %s)', async (l1) => {
    const other = bench.open();
    const keys = ['a', 'b', 'c'];
    for (const key of keys) await other.set(key, 'old', 'c');
    const cache = bench.open({ l1 });
    await cache.get('a', 'c');
    // The first is on its way, and the others are gathered behind it.
    const receipts = Promise.all(keys.map((key) => cache.invalidateKey(key, 'c')));
    await cache.close();
    expect(await other.mget(keys, 'c')).toEqual([undefined, undefined, undefined]);
    expect((await receipts).map(({ durable }) => durable)).toEqual([true, true, true]);
  });
});
