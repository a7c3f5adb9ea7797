import { afterAll, beforeAll, describe, it } from 'vitest';
import { type RedisCluster, startCluster } from '../support/redis.js';
import { openRig } from './rig.js';

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

  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 });
  });

  afterAll(() => cluster.stop());

  it('the master with the ledger is killed, and its replica takes over', async () => {
    const slot = Number(await cluster.nodes[0]!.command('CLUSTER', 'KEYSLOT', '{respcache}:head'));
    const redis = { cluster: cluster.startupNodes };
    const rig = await openRig({ redis: [redis, redis] });
    await rig.hit();
    await cluster.nodes[Math.floor((slot * 3) / 16_384)]!.kill();
    await rig.answered(30);
    await rig.durable(rig.apps[0]);
    await rig.hit();
    await rig.mended();
  });
});
