import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type Cache, type CacheOptions, createCache, type RedisClient, UnavailableError } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { valueEntry } from '../../src/testing/suite/entries.js';
import { startRedis } from '../support/redis.js';
import { byUrl, cluster, useBackend } from './backends.js';

const EVENTS = ['ready', 'error', 'close', 'end', 'connect', 'reconnecting', 'node error', '+node', '-node'];

/** How many listen to a client, by event. */
function listeners(client: RedisClient): Record<string, number> {
  return Object.fromEntries(EVENTS.map((event) => [event, client.listenerCount(event)]));
}

type ClientOptions = Pick<RedisOptions, 'lazyConnect' | 'keyPrefix' | 'db' | 'enableAutoPipelining'>;

const MAKERS: [name: string, make: (url: string, options?: ClientOptions) => RedisClient][] = [
  ['ioredis 6', (url, options = {}) => new Redis(url, options)],
  ['ioredis 5', (url, options = {}) => new Redis5(url, options) as unknown as RedisClient],
];

describe.each(MAKERS)("a caller's client of %s", (_name, make) => {
  const bench = useBackend(byUrl);
  const url = () => bench.servers[0]!.url;

  function client(options?: ClientOptions): RedisClient {
    const made = make(url(), options);
    bench.atEnd(() => made.disconnect());
    return made;
  }

  function cacheOn(redis: RedisClient, options: CacheOptions = {}): Cache {
    const cache = createCache({ redis, timeout: 5000, ...options });
    bench.atEnd(() => cache.close());
    return cache;
  }

  it.each([false, true])(
    'reads what was written before, though it is held back (pipelines of its own: %s)',
    async (own) => {
      const redis = client({ enableAutoPipelining: own });
      const cache = cacheOn(redis);
      await cache.services.backend.sync();
      const { backend } = cache.services;
      const key = 'client:c:order';
      const entry = valueEntry({ asOf: backend.ledger.position()!, expiresAt: Number.POSITIVE_INFINITY });
      // ioredis sends one automatic pipeline at a time: while this one is under way, the write waits in the next.
      const busy = redis.eval('for i = 1, 3000000 do end return 1', 0);
      await nextTurn();
      const early = backend.read(['client:c:other']);
      const written = backend.write([{ key, entry }]);
      expect(await backend.read([key])).toEqual([entry]);
      await Promise.all([busy, early, written]);
    },
  );

  it('stays open when the cache is closed, and has as many listeners as before', async () => {
    const redis = client();
    await redis.ping();
    const before = listeners(redis);
    const cache = cacheOn(redis);
    await cache.set('a', 1, 'c');
    await cache.close();
    expect(redis.status).toBe('ready');
    expect(await redis.ping()).toBe('PONG');
    expect(listeners(redis)).toEqual(before);
  });

  it('gets all its listeners back though it was connecting when it was given', async () => {
    const redis = client();
    const before = listeners(redis);
    const cache = cacheOn(redis);
    await cache.get('a', 'c');
    await cache.close();
    await redis.ping();
    expect(listeners(redis)).toEqual(before);
  });

  it('serves when it connects only at its first command', async () => {
    const redis = client({ lazyConnect: true });
    const cache = cacheOn(redis, { timeout: 500 });
    await cache.set('a', 1, 'c');
    expect(await cache.get('a', 'c')).toBe(1);
  });

  it('may put a prefix of its own before every key', async () => {
    const cache = cacheOn(client({ keyPrefix: 'mine:' }), { prefix: 'shop:' });
    const other = cacheOn(client({ keyPrefix: 'yours:' }), { prefix: 'shop:' });
    await cache.set('users:list', 1, 'client-123', { tags: ['users'] });
    await cache.increment('views', 3, 'client-123');
    expect((await bench.keys()).filter((key) => key.startsWith('mine:'))).toEqual(
      expect.arrayContaining(['mine:shop:client:client-123:users:list', 'mine:shop:client:client-123:views']),
    );
    expect((await bench.keys()).filter((key) => !/^(mine|yours):/.test(key) && key.includes('shop'))).toEqual([]);
    expect(await other.get('users:list', 'client-123')).toBeUndefined();
    expect(await cache.increment('views', 1, 'client-123')).toBe(4);
    await other.clear();
    expect(await cache.get('users:list', 'client-123')).toBe(1);
    await cache.invalidateByTags(['users']);
    expect(await cache.get('users:list', 'client-123')).toBeUndefined();
  });

  it('may use another database, where other caches are not seen', async () => {
    const first = cacheOn(client({ db: 0 }));
    const second = cacheOn(client({ db: 3 }));
    await first.set('a', 0, 'c');
    await second.set('a', 3, 'c');
    await first.clear();
    expect([await first.get('a', 'c'), await second.get('a', 'c')]).toEqual([undefined, 3]);
  });

  it('may be shared by several caches without a warning', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    bench.atEnd(() => process.off('warning', warned));
    const redis = client();
    const before = listeners(redis);
    const caches = Array.from({ length: 5 }, (_, i) => cacheOn(redis, { prefix: `p${i}:` }));
    await Promise.all(caches.map((cache) => cache.set('a', 1, 'c')));
    await Promise.all(caches.map((cache) => cache.close()));
    // Warnings are told in a later turn.
    await nextTurn();
    expect(warnings.map(({ name }) => name)).not.toContain('MaxListenersExceededWarning');
    expect(listeners(redis)).toEqual(before);
  });

  it('may be closed by its owner: reads find nothing, and nothing hangs or throws', async () => {
    const redis = client();
    const cache = cacheOn(redis, { timeout: 500 });
    await cache.set('a', 1, 'c');
    await redis.quit();
    expect(await cache.get('a', 'c')).toBeUndefined();
    await cache.set('a', 2, 'c');
    expect(await cache.delete('a', 'c')).toBe(false);
    expect(await cache.invalidateTenant('c')).toMatchObject({ durable: false });
    await expect(cache.increment('a', 1, 'c')).rejects.toThrow(UnavailableError);
    expect(await cache.health()).toMatchObject({ reachable: false });
    await cache.close();
  });
});

describe('a client of its own', () => {
  const bench = useBackend(byUrl);

  const clients = async () =>
    String(await bench.onOwner('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => line.includes(' cmd=') && !line.includes('cmd=client')).length;

  it.each([
    ['a URL', () => bench.servers[0]!.url],
    ['options', () => ({ host: '127.0.0.1', port: bench.servers[0]!.port })],
    ['options that connect late', () => ({ host: '127.0.0.1', port: bench.servers[0]!.port, lazyConnect: true })],
  ])('is closed with the cache: made from %s', async (_what, redis) => {
    const before = await clients();
    const cache = createCache({ redis: redis(), timeout: 1000 });
    await cache.set('a', 1, 'c');
    expect(await cache.get('a', 'c')).toBe(1);
    await cache.close();
    await vi.waitFor(async () => expect(await clients()).toBe(before));
  });

  it('is closed once, however often close is called', async () => {
    const cache = bench.open();
    await cache.get('a', 'c');
    await Promise.all([cache.close(), cache.close()]);
    await cache.close();
  });

  it('may be closed before it has connected: what waits for it is told at once', async () => {
    const cache = bench.open();
    const reading = cache.get('a', 'c');
    const started = performance.now();
    await cache.close();
    expect(await reading).toBeUndefined();
    // Its deadline is 5 seconds.
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('leaves a closed cache that finds nothing and says so', async () => {
    const cache = bench.open({ timeout: 500 });
    await cache.set('a', 1, 'c');
    await cache.close();
    expect(await cache.get('a', 'c')).toBeUndefined();
    expect(await cache.getOrSet('a', () => 2, 'c')).toBe(2);
    expect(await cache.clear()).toMatchObject({ durable: false });
    expect(await cache.health()).toMatchObject({ reachable: false });
  });

  it('reaches a Unix socket by its path', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'respcache-socket-'));
    bench.atEnd(() => rm(dir, { recursive: true, force: true }));
    const path = join(dir, 'redis.sock');
    const server = await startRedis({ config: { unixsocket: path } });
    bench.atEnd(() => server.stop());
    const cache = createCache({ redis: path, timeout: 5000 });
    bench.atEnd(() => cache.close());
    await cache.set('a', 1, 'c');
    expect(await cache.get('a', 'c')).toBe(1);
    expect(await server.command('EXISTS', 'client:c:a')).toBe(1);
  });

  it('signs in with a password, and chooses a database, by its URL', async () => {
    const server = await startRedis({ config: { requirepass: 'p@ss/word' } });
    bench.atEnd(() => server.stop());
    const cache = createCache({
      redis: `redis://:${encodeURIComponent('p@ss/word')}@127.0.0.1:${server.port}/5`,
      timeout: 5000,
    });
    bench.atEnd(() => cache.close());
    await cache.set('a', 1, 'c');
    expect(await cache.get('a', 'c')).toBe(1);
    expect(String(await server.command('INFO', 'keyspace'))).toContain('db5:');
  });
});

describe("a caller's Cluster client", () => {
  const bench = useBackend(cluster());

  it('serves, and stays open when the cache is closed', async () => {
    const client = new Cluster(bench.servers.map(({ port }) => ({ host: '127.0.0.1', port })));
    bench.atEnd(() => client.disconnect());
    await client.ping();
    const before = listeners(client);
    const cache = createCache({ redis: client, timeout: 5000 });
    await cache.mset({ a: 1, b: 2, d: 3 }, 'c');
    expect(await cache.mget(['a', 'b', 'd'], 'c')).toEqual([1, 2, 3]);
    await cache.close();
    expect(await client.get('foreign')).toBeNull();
    expect(listeners(client)).toEqual(before);
  });

  it('that reads from replicas is an error at construction: what is invalidated could come back', () => {
    const client = new Cluster([{ host: '127.0.0.1', port: bench.servers[0]!.port }], {
      scaleReads: 'slave',
      lazyConnect: true,
    });
    bench.atEnd(() => client.disconnect());
    expect(() => createCache({ redis: client })).toThrow(/scaleReads/);
  });
});

describe('caches with different prefixes', () => {
  const bench = useBackend(byUrl);

  it('do not see each other', async () => {
    const [a, b, bare] = [bench.open({ prefix: 'a:' }), bench.open({ prefix: 'a:b:' }), bench.open()];
    await a.set('key', 'a', 'c', { tags: ['t'] });
    await b.set('key', 'b', 'c', { tags: ['t'] });
    expect(await bare.get('key', 'c')).toBeUndefined();
    await bare.set('key', 'bare', 'c', { tags: ['t'] });
    expect([await a.get('key', 'c'), await b.get('key', 'c'), await bare.get('key', 'c')]).toEqual(['a', 'b', 'bare']);
    await a.invalidateByTags(['t']);
    await a.invalidateTenant('c');
    await a.invalidatePattern('*', 'c');
    await a.clear();
    expect([await a.get('key', 'c'), await b.get('key', 'c'), await bare.get('key', 'c')]).toEqual([
      undefined,
      'b',
      'bare',
    ]);
  });

  it('may not have one that another cache takes for a client of its own', () => {
    expect(() => bench.open({ prefix: 'client:c:' })).toThrow(/option prefix is "client:c:"; it takes/);
  });

  it('count apart', async () => {
    const [a, b] = [bench.open({ prefix: 'a:' }), bench.open({ prefix: 'b:' })];
    await a.increment('n', 5, 'c');
    expect(await b.increment('n', 1, 'c')).toBe(1);
    expect(await a.get('n', 'c')).toBe(5);
  });
});
