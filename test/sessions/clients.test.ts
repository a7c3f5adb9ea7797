// Sessions and limits over each way to reach Redis.

import { Redis as Redis5 } from 'ioredis5';
import { type CacheOptions, createCache, type RedisClient } from 'respcache';
import { describe, expect, it } from 'vitest';
import { limitOf } from '../../src/limits/limit.js';
import { type RedisServer, startCluster, startRedis } from '../support/redis.js';
import { asked, expressStore } from './stage.js';

/** Does all that both do, and leaves one session, `s0`, and one count behind. */
async function useBoth(redis: NonNullable<CacheOptions['redis']>): Promise<void> {
  const cache = createCache({ redis });
  const store = expressStore(cache);
  const ids = Array.from({ length: 30 }, (_each, i) => `s${i}`);
  await Promise.all(ids.map((id) => asked((done) => store.set(id, { cookie: {}, user: id }, done))));
  const all = await asked<{ id: string; user: string }[]>((done) => store.all(done));
  expect(all?.map(({ user }) => user).sort()).toEqual([...ids].sort());
  await asked((done) => store.clear(done));
  expect(await asked((done) => store.length(done))).toBe(0);
  await asked((done) => store.set('s0', { cookie: {} }, done));
  await asked((done) => store.touch('s0', { cookie: {} }, done));
  const { limit } = limitOf({ points: 2, duration: 60, block: 100, cost: 2, hits: 1, cache });
  const visit = { headers: {}, ip: '::1', source: undefined };
  await (await limit.check(visit)).onHit?.();
  expect((await limit.check(visit)).refusal?.status).toBe(429);
  await cache.close();
}

describe('sessions and limits', () => {
  it('work with a client of ioredis 5 and its key prefix', async () => {
    const server: RedisServer = await startRedis();
    const client = new Redis5(server.url, { keyPrefix: 'mine:' });
    await useBoth(client as unknown as RedisClient);
    const keys = (await server.command('KEYS', 'mine:[sl]*:*')) as string[];
    expect(keys.filter((key) => !key.includes('lease')).sort()).toEqual([
      'mine:limit:default:b::0%003A0%003A0%003A0%003A%003A',
      'mine:session:default:s0',
    ]);
    client.disconnect();
    await server.stop();
  });

  it('work on a Cluster', async () => {
    const cluster = await startCluster({ masters: 3 });
    await useBoth({ cluster: cluster.startupNodes });
    await cluster.stop();
  });
});
