// A Redis that answers, and refuses: it has too few replicas, or its user may not.

import { type Cache, createCache, UnavailableError } from 'respcache';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;
let cache: Cache;

beforeAll(async () => {
  redis = await startRedis();
  cache = createCache({ redis: redis.url, timeout: 5000, writeBehind: { durable: true } });
  await cache.set('a', 1, 'c');
});

afterAll(async () => {
  await cache.close();
  await redis.stop();
});

type Way = [what: string, work: () => Promise<unknown>];
const write = () => cache.writeBehind('b', 1, 'c', { handler: 'save' });

it.each<Way>([
  ['increment', () => cache.increment('n', 1, 'c')],
  ['erasing a tenant', () => cache.invalidateTenant('c', { erase: true })],
  ['a durable write', write],
])('%s rejects with an UnavailableError that says why', async (_what, work) => {
  await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
  try {
    const refused = work();
    await expect(refused).rejects.toThrow(UnavailableError);
    await expect(refused).rejects.toThrow(/NOREPLICAS/);
  } finally {
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
  }
});

it('so does a durable write whose ticket is refused', async () => {
  await redis.command('ACL', 'SETUSER', 'default', '-lpush');
  try {
    await expect(write()).rejects.toThrow(UnavailableError);
  } finally {
    await redis.command('ACL', 'SETUSER', 'default', '+lpush');
  }
});
