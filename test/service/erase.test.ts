import { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Cache, createCache, UnavailableError } from '../../src/index.js';
import { sharedTurn } from '../../src/invalidation/sweeper.js';
import { reached } from '../chaos/rig.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;
let client: Redis;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
});

afterAll(async () => {
  await client.quit();
  await redis.stop();
});

it('erasing a tenant deletes all that it has, tells how far it is, and leaves others alone', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'erase:' });
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`key:${i}`, i]));
  await cache.mset(many, 'leaves');
  await cache.mset({ a: 1, b: 2 }, 'stays');
  await cache.increment('visits', 3, 'leaves');
  // Neither of another version nor of another type is anything of this tenant's left behind.
  await client.set('erase:client:leaves:damaged', 'no frame');
  await client.rpush('erase:client:leaves:list', 'x');
  const steps: number[] = [];
  const receipt = await cache.invalidateTenant('leaves', {
    erase: true,
    onProgress: ({ removed }) => steps.push(removed),
  });
  expect(receipt.durable).toBe(true);
  expect(await client.keys('erase:client:leaves:*')).toEqual([]);
  expect(steps.at(-1)).toBe(1503);
  expect(steps.length).toBeGreaterThan(1);
  expect(await cache.mget(['a', 'b'], 'stays')).toEqual([1, 2]);
  await cache.close();
});

it('erasing can be broken off: what is left is not served, and goes the next time', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'broken-off:' });
  await cache.mset(Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`key:${i}`, i])), 'leaves');
  const stopping = new AbortController();
  const erasing = cache.invalidateTenant('leaves', {
    erase: true,
    onProgress: () => stopping.abort(new Error('enough')),
    signal: stopping.signal,
  });
  await expect(erasing).rejects.toThrow('enough');
  const left = await client.keys('broken-off:client:*');
  expect(left.length).toBeGreaterThan(0);
  expect(left.length).toBeLessThan(1500);
  expect(await cache.get('key:1499', 'leaves')).toBeUndefined();
  await cache.invalidateTenant('leaves', { erase: true });
  expect(await client.keys('broken-off:client:*')).toEqual([]);
  await cache.close();
});

it('erasing is given up where Redis hangs: nobody waits for as long as that does', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'hangs:' });
  await cache.set('a', 1, 'leaves');
  await redis.pause();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const erasing = cache.invalidateTenant('leaves', { erase: true });
    const refused = expect(erasing).rejects.toMatchObject({ code: 'ERR_RESPCACHE_UNAVAILABLE' });
    await vi.advanceTimersByTimeAsync(20_000);
    await refused;
  } finally {
    vi.useRealTimers();
    await redis.resume();
  }
  expect(await client.keys('hangs:client:*')).toEqual(['hangs:client:leaves:a']);
  await cache.close();
});

it.each([
  [{ eras: true }, 'option of invalidateTenant: eras is true'],
  [{ erase: 'yes' }, 'option erase is "yes"'],
  [true, 'the options of invalidateTenant() is true'],
  [{ erase: true, onProgress: 1 }, 'option onProgress is 1'],
  [{ erase: true, signal: 'SIGINT' }, 'option signal is "SIGINT"'],
])('erasing refuses %j, and has invalidated nothing', async (options, message) => {
  const cache = createCache({ redis: false });
  await cache.set('a', 1, 'leaves');
  await expect(cache.invalidateTenant('leaves', options as object)).rejects.toThrow(message);
  expect(await cache.get('a', 'leaves')).toBe(1);
  await cache.close();
});

it('a connection that is lost is told of as such, by what erases and by what saves', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'lost:' });
  const told: unknown[] = [];
  cache.on('error', ({ error }) => told.push(error));
  await cache.mset(Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`key:${i}`, i])), 'leaves');
  const client = cache.services.backend.link!.client as Redis;
  const onProgress = () => client.disconnect(true);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  for (const work of [
    () => cache.backup(nowhere, { onProgress }),
    () => cache.invalidateTenant('leaves', { erase: true, onProgress }),
  ]) {
    await reached(cache);
    await expect(work()).rejects.toThrow(UnavailableError);
  }
  for (const error of told) expect(String(error)).not.toMatch(/writeable|maxRetries|closed/);
  await cache.close();
});

it('a sweep removes what was invalidated and has not expired, without reading a body or blocking with KEYS', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'sweep:' });
  await cache.mset({ a: 'x'.repeat(10_000), b: 1 }, 'c', { tags: ['dead'] });
  await cache.set('stays', 1, 'c');
  await cache.invalidateByTags(['dead'], 'c');
  expect(await client.keys('sweep:client:*')).toHaveLength(3);
  await client.config('RESETSTAT');
  await cache.services.backend.sweep();
  const stats = await client.info('commandstats');
  expect(await client.keys('sweep:client:*')).toEqual(['sweep:client:c:stays']);
  expect(stats).toMatch(/cmdstat_scan:/);
  expect(stats).not.toMatch(/cmdstat_(keys|flushdb|flushall):/);
  await cache.close();
});

it('one process sweeps at a time, and whoever is next knows up to where the one before it has', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'turns:' });
  const link = cache.services.backend.link!;
  const [here, there] = [sharedTurn(link, 'turns:'), sharedTurn(link, 'turns:')];
  expect(await here.take()).toEqual({ sequence: -1 });
  expect(await there.take()).toBeUndefined();
  await here.done(7);
  expect(await there.take()).toEqual({ sequence: 7 });
  expect(await here.take()).toBeUndefined();
  await there.done(8);
  expect(await here.take(true)).toEqual({ sequence: 8 });
  await cache.close();
});

it('a sweep that is only due waits until it is, whoever has swept last; one that is asked for does not', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'due:' });
  const link = cache.services.backend.link!;
  const [here, there] = [sharedTurn(link, 'due:', 0.5), sharedTurn(link, 'due:', 0.5)];
  const began = performance.now();
  expect(await here.take(true)).toEqual({ sequence: -1 });
  await here.done(7);
  expect(await there.take(true)).toBeUndefined();
  expect(await there.take()).toEqual({ sequence: 7 });
  await there.done(8);
  await vi.waitFor(async () => expect(await here.take(true)).toEqual({ sequence: 8 }), { timeout: 5000, interval: 5 });
  expect(performance.now() - began).toBeGreaterThan(450);
  await cache.close();
});

it('several processes sweep no more often than one does', async () => {
  const server = await startRedis();
  const commands = new Redis(server.port);
  const caches: Cache[] = [];
  for (let i = 0; i < 4; i++) {
    caches.push(createCache({ redis: server.url, sweepInterval: 0.6, publishInterval: false }));
    await reached(caches.at(-1)!);
  }
  const began = performance.now();
  await vi.waitFor(
    async () => {
      await caches[0]!.invalidateByTags(['dead'], 'c');
      // So few keys are gone through in one step.
      const scans = /^cmdstat_scan:calls=(\d+)/m.exec(await commands.info('commandstats'));
      expect(Number(scans?.[1] ?? 0)).toBeGreaterThanOrEqual(5);
    },
    { timeout: 15_000, interval: 20 },
  );
  expect(performance.now() - began).toBeGreaterThan(4 * 540);
  for (const cache of caches) await cache.close();
  commands.disconnect();
  await server.stop();
});

it('a sweep is spared where nothing was invalidated since the last one', async () => {
  const cache = createCache({ redis: redis.url, prefix: 'spared:' });
  const { backend } = cache.services;
  const scans = async () => Number(/^cmdstat_scan:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1] ?? 0);
  await cache.invalidateByTags(['dead'], 'c');
  await backend.sweep();
  const before = await scans();
  await backend.sweep();
  expect(await scans()).toBe(before);
  await cache.invalidateByTags(['dead'], 'c');
  await backend.sweep();
  expect(await scans()).toBeGreaterThan(before);
  await cache.close();
});

it('erasing does not say that it is done where Redis was restarted meanwhile: a cursor of before leaves keys out', async () => {
  const server = await startRedis({ config: { appendonly: 'yes', appendfsync: 'always' } });
  // It asks again over the next connection what had no answer, and so hides that there is another.
  const own = new Redis(server.port, { maxRetriesPerRequest: null });
  own.on('error', () => {});
  const cache = createCache({ redis: own });
  cache.on('error', () => {});
  await cache.mset(Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`key:${i}`, i])), 'leaves');
  let restarting: Promise<void> | undefined;
  const onProgress = () => {
    if (restarting === undefined) process.kill(server.pid, 'SIGKILL');
    restarting ??= server.restart();
  };
  await expect(cache.invalidateTenant('leaves', { erase: true, onProgress })).rejects.toMatchObject({
    code: 'ERR_RESPCACHE_UNAVAILABLE',
  });
  await restarting;
  await cache.invalidateTenant('leaves', { erase: true });
  expect(await own.keys('client:leaves:*')).toEqual([]);
  await cache.close();
  await own.quit();
  await server.stop();
});
