// An invalidation while Redis cannot be reached: not durable, in force here at once, and everywhere later by itself.

import { type Cache, type CacheOptions, createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { reached } from './rig.js';

describe('an invalidation that Redis does not hear of', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let here: Cache;
  let there: Cache;
  const caches: Cache[] = [];

  function open(redis: CacheOptions['redis'] & {}): Cache {
    const cache = createCache({ redis });
    caches.push(cache);
    return cache;
  }

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    here = open(`redis://127.0.0.1:${proxy.port}`);
    there = open(server.url);
    await Promise.all([reached(here), reached(there)]);
    await here.mset({ 'users:list': 'old', 'users:count': 1 }, 'c', { tags: ['users'] });
    await here.set('users:list', 'kept', 'd', { tags: ['others'] });
    await vi.waitFor(async () => expect(await there.get('users:list', 'c')).toBe('old'));
  });

  afterEach(async () => {
    proxy.restore();
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
    await proxy.close();
    await server.stop();
  });

  const FAULTS: [what: string, strike: () => unknown, mend: () => unknown][] = [
    ['the network cuts its connection', () => proxy.cut(), () => proxy.restore()],
    ['the network swallows it', () => proxy.blackhole(), () => proxy.restore()],
    ['Redis is paused', () => server.pause(), () => server.resume()],
    [
      'Redis refuses the command',
      () => server.command('ACL', 'SETUSER', 'default', '-eval', '-evalsha'),
      () => server.command('ACL', 'SETUSER', 'default', '+@all'),
    ],
  ];

  it.each(FAULTS)('when %s', async (_what, strike, mend) => {
    await strike();
    expect(await here.invalidateByTags(['users'], 'c')).toEqual({ sequence: expect.any(Number), durable: false });
    expect(await here.mget(['users:list', 'users:count'], 'c')).toEqual([undefined, undefined]);
    await mend();
    // Nobody invalidates again, and no other process has to ask.
    await vi.waitFor(
      async () => expect(await there.mget(['users:list', 'users:count'], 'c')).toEqual([undefined, undefined]),
      {
        timeout: 10_000,
      },
    );
    await vi.waitFor(async () => expect(await here.get('users:list', 'd')).toBe('kept'), { timeout: 5000 });
    expect(await here.mget(['users:list', 'users:count'], 'c')).toEqual([undefined, undefined]);
  });

  it.each<[how: string, invalidate: (cache: Cache) => Promise<unknown>, reaches: readonly [boolean, boolean]]>([
    ['delete', (cache) => cache.delete('users:list', 'c'), [true, false]],
    ['invalidateKey', (cache) => cache.invalidateKey('users:list', 'c'), [true, false]],
    ['a tag for all clients', (cache) => cache.invalidateByTags(['users']), [true, false]],
    ['a pattern', (cache) => cache.invalidatePattern('users:*', 'c'), [true, false]],
    ['invalidateTenant', (cache) => cache.invalidateTenant('c'), [true, false]],
    ['clear', (cache) => cache.clear(), [true, true]],
  ])('holds by itself later: %s', async (_how, invalidate, [ofOne, ofOther]) => {
    proxy.cut();
    await invalidate(here);
    // Here what was there is not used again, not even once the network is back but Redis does not know yet.
    await vi.waitFor(async () => expect(await there.get('users:list', 'c')).toBe('old'));
    proxy.restore();
    await vi.waitFor(async () => expect((await there.get('users:list', 'c')) === undefined).toBe(ofOne), {
      timeout: 10_000,
    });
    expect((await there.get('users:list', 'd')) === undefined).toBe(ofOther);
  });

  it('does not get lost among very many', async () => {
    proxy.cut();
    const receipts = await Promise.all(Array.from({ length: 15_000 }, (_, i) => here.invalidateKey(`none:${i}`, 'c')));
    receipts.push(await here.invalidateKey('users:list', 'c'));
    expect(receipts.some(({ durable }) => durable)).toBe(false);
    proxy.restore();
    await vi.waitFor(async () => expect(await there.get('users:list', 'c')).toBeUndefined(), { timeout: 10_000 });
  });

  it('does not hinder what is stored and read meanwhile of other clients', async () => {
    await server.command('ACL', 'SETUSER', 'default', '-eval', '-evalsha');
    expect(await here.invalidateTenant('c')).toMatchObject({ durable: false });
    await here.set('users:list', 'new', 'd');
    expect(await here.get('users:list', 'd')).toBe('new');
    expect(await there.get('users:list', 'd')).toBe('new');
  });
});
