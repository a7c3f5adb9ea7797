// While Redis is full: a process that starts reads, and what it invalidates needs no room, but makes some.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache } from '../../src/index.js';
import { cli } from '../cli/streams.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;

beforeEach(async () => {
  redis = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
});

afterEach(async () => {
  await redis.stop();
});

it('a cache that begins on a full Redis finds what is there, and invalidates it', async () => {
  const before = createCache({ redis: redis.url, timeout: 5000 });
  await before.set('a', 1, 'client-123', { tags: ['users'] });
  await before.close();
  await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  await expect(redis.command('SET', 'foreign', 'x')).rejects.toThrow(/OOM/);

  const cache = createCache({ redis: redis.url, timeout: 5000 });
  expect(await cache.get('a', 'client-123')).toBe(1);
  expect(await cache.invalidateByTags(['users'], 'client-123')).toMatchObject({ durable: true });
  expect(await cache.get('a', 'client-123')).toBeUndefined();
  await cache.close();

  for (const args of [['keys'], ['invalidate', '--tag', 'users', '--yes'], ['clear', '--yes']])
    expect(await cli(['--redis', redis.url, ...args]), args[0]).toMatchObject({ code: 0, err: '' });
});

it('what was invalidated makes room on a full Redis, by a sweep and by the next one', async () => {
  const cache = createCache({ redis: redis.url, timeout: 5000, sweepInterval: 0.05 });
  const failed: string[] = [];
  cache.on('error', ({ operation }) => failed.push(operation));
  const left = () => redis.command('EXISTS', 'client:client-123:a', 'client:client-123:b');
  await cache.mset({ a: 1, b: 2 }, 'client-123');
  await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  await expect(redis.command('SET', 'foreign', 'x')).rejects.toThrow(/OOM/);
  expect(await left()).toBe(2);
  expect(await cache.invalidateKey('a', 'client-123')).toMatchObject({ durable: true });
  await expect.poll(left, { timeout: 5000 }).toBe(1);
  expect(await cache.clear()).toMatchObject({ durable: true });
  await expect.poll(left, { timeout: 5000 }).toBe(0);
  expect(failed).toEqual([]);
  await cache.close();
});

it('a Redis that evicts the ledger as soon as it is begun is not asked for it without end', async () => {
  const cache = createCache({ redis: redis.url, timeout: 5000, l1: false });
  const told: string[] = [];
  cache.on('error', ({ operation, error }) => told.push(`${operation}: ${error}`));
  await cache.set('a', 1, 'client-123');
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru', 'maxmemory', '1');
  expect(await cache.get('a', 'client-123')).toBeUndefined();
  expect(told).toEqual([expect.stringMatching(/^read: UnavailableError: .*lost as soon as it is begun/)]);
  expect(await cache.invalidateTenant('client-123')).toMatchObject({ durable: false });
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  await expect.poll(() => cache.invalidateTenant('client-123'), { timeout: 5000 }).toMatchObject({ durable: true });
  await cache.set('a', 2, 'client-123');
  expect(await cache.get('a', 'client-123')).toBe(2);
  await cache.close();
});
