import { Cluster } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisStore } from '../../src/stores/redis.js';
import type { RedisClient } from '../../src/stores/redis-client.js';
import { RedisLink } from '../../src/stores/redis-link.js';
import { START, valueEntry } from '../../src/testing/suite/entries.js';
import { type RedisCluster, startCluster } from '../support/redis.js';
import { redisSuite } from './redis-suite.js';

let cluster: RedisCluster;
const nodes = () => cluster.startupNodes;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(async () => {
  await cluster.stop();
});

redisSuite('RedisStore over a Cluster of ioredis 6', () => new Cluster(nodes()));
redisSuite('RedisStore over a Cluster of ioredis 5', () => new Cluster5(nodes()) as unknown as RedisClient);
redisSuite(
  'RedisStore over a Cluster of ioredis 6 with a keyPrefix',
  () => new Cluster(nodes(), { keyPrefix: 'app6:', enableAutoPipelining: true }),
);

describe('RedisStore over a Cluster', () => {
  const fail = (error: unknown) => {
    throw error;
  };
  const made = (client: RedisClient) =>
    new RedisStore(new RedisLink(client, fail), { now: () => START, onDamage: fail });

  it('keeps entries on all masters, and sweeps all of them', async () => {
    const client = new Cluster(nodes());
    const store = made(client);
    const items = Array.from({ length: 300 }, (_, i) => ({ key: `spread:${i}`, entry: valueEntry() }));
    await store.set(items);
    const sizes = await Promise.all(cluster.nodes.map((node) => node.command('DBSIZE')));
    expect(Math.min(...sizes.map(Number))).toBeGreaterThan(50);
    expect(await store.sweep('spread:', () => true)).toBe(300);
    client.disconnect();
  });

  it.each<[where: string, connect: () => RedisClient]>([
    ['its options, ioredis 6', () => new Cluster(nodes(), { keyPrefix: 'in:' })],
    ['the options of its nodes, ioredis 6', () => new Cluster(nodes(), { redisOptions: { keyPrefix: 'in:' } })],
    ['its options, ioredis 5', () => new Cluster5(nodes(), { keyPrefix: 'in:' }) as unknown as RedisClient],
    [
      'the options of its nodes, ioredis 5',
      () => new Cluster5(nodes(), { redisOptions: { keyPrefix: 'in:' } }) as unknown as RedisClient,
    ],
  ])('keeps to a keyPrefix in %s', async (_, connect) => {
    const [inside, outside] = [connect(), new Cluster(nodes())];
    const [ours, others] = [made(inside), made(outside)];
    const keys = ['prefix:a', 'prefix:b', 'prefix:c', 'prefix:d'];
    await ours.set(keys.map((key) => ({ key, entry: valueEntry() })));
    await others.set(keys.map((key) => ({ key, entry: valueEntry({ tags: ['other'] }) })));
    expect(await ours.get(keys)).toEqual(keys.map(() => valueEntry()));
    expect(await Promise.all(keys.map((key) => outside.exists(`in:${key}`)))).toEqual([1, 1, 1, 1]);
    expect(await ours.sweep('prefix:', () => true)).toBe(4);
    expect(await others.get(keys)).toEqual(keys.map(() => valueEntry({ tags: ['other'] })));
    await others.delete(keys);
    for (const client of [inside, outside]) client.disconnect();
  });
});
