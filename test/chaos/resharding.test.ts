// A Cluster that hands keys from one server to another while it is used: all of it lives, and nothing may fail for that.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { type Cache, createCache, type RedisClient } from 'respcache';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { keysBelow } from '../../src/stores/redis-scan.js';
import { asked, expressStore } from '../sessions/stage.js';
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '../support/redis.js';
import { reached } from './rig.js';

const IDS = Array.from({ length: 60 }, (_each, i) => `s${i}`);
/** The one that is handed on, of so many that a client sends together. */
const KEY = 'session:default:s0';

describe('a Cluster that moves its slots', () => {
  let cluster: RedisCluster;
  /** A server that has joined it, and has hardly any slot. */
  let added: RedisServer;

  beforeAll(async () => {
    cluster = await startCluster({ masters: 3 });
    added = await join();
    // ioredis forgets a server without a slot whenever it asks for the slots, be it on the way there with a command or not.
    const id = await idOf(added);
    for (const node of [added, ...cluster.nodes]) await node.command('CLUSTER', 'SETSLOT', '0', 'NODE', id);
  });

  afterAll(async () => {
    await added.stop();
    await cluster.stop();
  });

  /** A server that joins it: no slot is its own, and clients do not know it yet. */
  async function join(): Promise<RedisServer> {
    // Without slots it is to stay a master.
    const stays = { 'cluster-allow-replica-migration': 'no' };
    const config = { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1', ...stays };
    const server = await startRedis({ config });
    await server.command('CLUSTER', 'MEET', '127.0.0.1', String(cluster.nodes[0]!.port));
    await vi.waitFor(async () => {
      for (const node of cluster.nodes) expect(await node.command('CLUSTER', 'NODES')).toContain(`:${server.port}@`);
      expect(await server.command('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    }, 30_000);
    return server;
  }

  const idOf = async (node: RedisServer) => String(await node.command('CLUSTER', 'MYID'));

  /** The slot of the key, and who has it. */
  async function placeOf(key: string): Promise<{ slot: string; owner: RedisServer }> {
    const slot = String(await cluster.nodes[0]!.command('CLUSTER', 'KEYSLOT', key));
    for (const owner of [...cluster.nodes, added]) {
      const found = await owner.command('GET', key).catch(() => null);
      if (found !== null) return { slot, owner };
    }
    throw new Error(`nobody has ${key}`);
  }

  /** Hands a key on, but not yet its slot; returns what does that. */
  async function handOn(key: string, to: RedisServer): Promise<() => Promise<void>> {
    const { slot, owner } = await placeOf(key);
    const [from, next] = [await idOf(owner), await idOf(to)];
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
    await owner.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', next);
    expect(await owner.command('MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000')).toBe('OK');
    return async () => {
      for (const node of [to, owner]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', next);
    };
  }

  /** All that a cache does, for many keys at once. */
  async function useAll(cache: Cache, store: ReturnType<typeof expressStore>): Promise<void> {
    const read = (id: string) => asked<{ user: string }>((done) => store.get(id, done)).then((found) => found?.user);
    expect(await Promise.all(IDS.map(read))).toEqual(IDS);
    const write = (id: string) => asked((done) => store.set(id, { cookie: {}, user: id }, done));
    await Promise.all(
      IDS.map((id) => Promise.all([write(id), asked((done) => store.touch(id, { cookie: {} }, done))])),
    );
    await cache.mset(Object.fromEntries(IDS.map((id) => [id, id])), 'acme');
    expect(await cache.mget(IDS, 'acme')).toEqual(IDS);
    await Promise.all(IDS.map((id) => cache.increment(`n:${id}`, 1, 'acme')));
  }

  it('is gone through to the last key: also on a server that the client has not heard of, and not if slots move meanwhile', async () => {
    const [first] = cluster.nodes as [RedisServer];
    const all = [added, ...cluster.nodes];
    const give = async (slot: string, to: RedisServer) => {
      const id = await idOf(to);
      for (const node of all) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', id);
    };
    // So that it has none.
    await give('0', first);
    const redis = new Cluster(cluster.startupNodes);
    const cache = createCache({ redis, sweepInterval: false, timeout: 2000 });
    onTestFinished(async () => {
      await cache.close();
      redis.disconnect();
      await give('0', added);
    });
    await cache.set('a', 1, 'leaves');
    const { slot, owner } = await placeOf('client:leaves:a');
    await (await handOn('client:leaves:a', added))();
    await give(slot, added);
    expect(redis.nodes('master').map(({ options }) => options.port)).not.toContain(added.port);
    await cache.invalidateTenant('leaves', { erase: true });
    expect(await added.command('EXISTS', 'client:leaves:a')).toBe(0);

    const going = keysBelow(cache.services.backend.link!, 'client:leaves:');
    await going.next();
    await give(slot, owner);
    const rest = async () => {
      for (let step = await going.next(); !step.done; step = await going.next());
    };
    await expect(rest()).rejects.toMatchObject({ code: 'ERR_RESPCACHE_UNAVAILABLE' });
  });

  const made: [client: string, connect: () => RedisClient | { cluster: { host: string; port: number }[] }][] = [
    ['of our own', () => ({ cluster: cluster.startupNodes })],
    [
      'of the caller, ioredis 5',
      () => new Cluster5(cluster.startupNodes, { enableAutoPipelining: true }) as unknown as RedisClient,
    ],
  ];

  it.each(made)('fails nobody by a client %s', async (_which, connect) => {
    const redis = connect();
    const cache = createCache({ redis, l1: false, sweepInterval: false, timeout: 2000 });
    onTestFinished(async () => {
      await cache.close();
      if ('disconnect' in redis) redis.disconnect();
    });
    await reached(cache);
    const errors: unknown[] = [];
    cache.on('error', ({ error }) => errors.push(error));
    const store = expressStore(cache);
    await Promise.all(IDS.map((id) => asked((done) => store.set(id, { cookie: {}, user: id }, done))));
    const { owner } = await placeOf(KEY);
    for (const to of [cluster.nodes.find((node) => node !== owner)!, added, owner]) {
      const finish = await handOn(KEY, to);
      await useAll(cache, store);
      await finish();
      await useAll(cache, store);
    }
    expect(errors).toEqual([]);
  });

  it('ends no process where the server that gets a key is killed: who asks is told', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown) => unheard.push(error);
    process.on('unhandledRejection', hear);
    onTestFinished(() => void process.off('unhandledRejection', hear));
    const cache = createCache({ redis: { cluster: cluster.startupNodes }, l1: false, sweepInterval: false });
    onTestFinished(() => cache.close());
    await reached(cache);
    const store = expressStore(cache);
    await asked((done) => store.set('s0', { cookie: {}, user: 's0' }, done));
    const joined = await join();
    onTestFinished(() => joined.stop());
    await handOn(KEY, joined);
    const read = () => asked<{ user: string }>((done) => store.get('s0', done));
    expect(await read()).toMatchObject({ user: 's0' });
    await joined.pause();
    await expect(read()).rejects.toThrow('longer than');
    const { client } = cache.services.backend.link!;
    const known = () => (client as Cluster).nodes('all').map(({ options }) => options.port);
    expect(known()).toContain(joined.port);
    await joined.kill();
    await vi.waitFor(() => expect(known()).not.toContain(joined.port));
    // Node tells of what nobody has heard once promises have had their turn.
    await nextTurn();
    expect(unheard).toEqual([]);
  });
});
