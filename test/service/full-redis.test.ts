// A process that starts while Redis is full: it reads, and what it invalidates needs no room.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCache } from '../../src/index.js';
import { cli } from '../cli/streams.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
});

afterAll(async () => {
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
