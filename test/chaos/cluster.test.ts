import { type Cache, createCache } from 'respcache';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type RedisCluster, startCluster } from '../support/redis.js';
import { openRig, reached } from './rig.js';

describe('under load, with a Cluster', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startCluster({ masters: 3 });
  });

  afterAll(() => cluster.stop());

  /** The master that holds the ledger. */
  async function ledgerIndex(): Promise<number> {
    const slot = Number(await cluster.nodes[0]!.command('CLUSTER', 'KEYSLOT', '{respcache}:head'));
    return Math.floor((slot * 3) / 16_384);
  }

  it.each([
    ['with the ledger', 0],
    ['without the ledger', 1],
  ])('a master %s is killed, and restarted without its data', async (_which, step) => {
    const index = ((await ledgerIndex()) + step) % 3;
    const redis = { cluster: cluster.startupNodes };
    const rig = await openRig({ redis: [redis, redis] });
    await rig.hit();
    await cluster.nodes[index]!.kill();
    await rig.answered(60);
    await cluster.nodes[index]!.restart();
    await cluster.ready();
    await rig.hit();
    await rig.durable(rig.apps[0]);
    await rig.hit();
    await rig.mended();
  });
});

describe('under load, with a Cluster of masters and replicas', () => {
  let cluster: RedisCluster;
  /** The master that holds the ledger. */
  let ledger: number;

  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 });
    const slot = Number(await cluster.nodes[0]!.command('CLUSTER', 'KEYSLOT', '{respcache}:head'));
    ledger = Math.floor((slot * 3) / 16_384);
  });

  afterAll(() => cluster.stop());

  /** Has a master's replica take its place while both are well; resolves when both know. */
  async function handOver(index: number): Promise<void> {
    const [master, replica] = [cluster.nodes[index]!, cluster.nodes[3 + index]!];
    await replica.command('CLUSTER', 'FAILOVER');
    const roles = () =>
      Promise.all([master, replica].map((node) => node.command('ROLE').then((role) => (role as unknown[])[0])));
    await expect.poll(roles, { timeout: 10_000 }).toEqual(['slave', 'master']);
  }

  const KEYS = Array.from({ length: 60 }, (_each, i) => `k${i}`);

  async function filled(): Promise<Cache> {
    const cache = createCache({ redis: { cluster: cluster.startupNodes }, l1: false, sweepInterval: false });
    onTestFinished(() => cache.close());
    await reached(cache);
    await cache.mset(Object.fromEntries(KEYS.map((key) => [key, key])), 'acme');
    return cache;
  }

  it('a master hands over to its replica, where much is asked at once', async () => {
    const cache = await filled();
    await handOver((ledger + 1) % 3);
    const found = () => Promise.all(KEYS.map((key) => cache.get(key, 'acme')));
    await expect.poll(found, { timeout: 5000 }).toEqual(KEYS);
  });

  it('a master hands over to its replica, and all of a tenant is deleted', async () => {
    const cache = await filled();
    await handOver((ledger + 2) % 3);
    const erased = () => cache.invalidateTenant('acme', { erase: true }).then(() => 'done', String);
    await expect.poll(erased, { timeout: 5000 }).toBe('done');
    const left = async () =>
      (await Promise.all(cluster.nodes.map((node) => node.command('KEYS', 'client:acme:*')))).flat();
    await expect.poll(left, { timeout: 5000 }).toEqual([]);
  });

  it('the master with the ledger is killed, and its replica takes over', async () => {
    const redis = { cluster: cluster.startupNodes };
    const rig = await openRig({ redis: [redis, redis] });
    await rig.hit();
    await cluster.nodes[ledger]!.kill();
    await rig.answered(30);
    await rig.durable(rig.apps[0]);
    await rig.hit();
    await rig.mended();
  });
});
