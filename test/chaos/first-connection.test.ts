// A first connection that is made and never answered, as by a load balancer in front of nothing.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { type CacheOptions, createCache, UnavailableError } from 'respcache';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.stop());

/** Takes connections, and answers none until it is mended; then new ones reach Redis. */
async function startHole(): Promise<{ readonly url: string; readonly taken: () => number; mend(): void }> {
  const sockets: Socket[] = [];
  let mended = false;
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    if (!mended) return void socket.resume();
    const upstream = connect(redis.port, '127.0.0.1').on('error', () => {});
    sockets.push(upstream);
    socket.pipe(upstream).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => sockets.length,
    mend: () => {
      mended = true;
    },
  };
}

describe('a first connection that is never answered', () => {
  const open = (options: CacheOptions) => {
    const cache = createCache({ timeout: 20, breaker: { failures: 1, openFor: 20 }, ...options });
    onTestFinished(() => cache.close());
    return cache;
  };

  it('is given up, and a new one made', async () => {
    const hole = await startHole();
    const cache = open({ redis: hole.url });
    const { backend } = cache.services;
    // Its own, and the one that hears of invalidations.
    await vi.waitFor(() => expect(hole.taken()).toBe(2), { interval: 5 });
    expect(await cache.get('k', 'c')).toBeUndefined();
    hole.mend();
    await vi.waitFor(
      async () => {
        await cache.get('k', 'c');
        expect(backend.broken).toBe(false);
      },
      { interval: 10, timeout: 1900 },
    );
    await cache.set('k', 'v', 'c');
    expect(await cache.get('k', 'c')).toBe('v');
    // The other one, too: it waits for news.
    await vi.waitFor(async () => expect(await redis.command('CLIENT', 'LIST')).toMatch('cmd=xread'), {
      interval: 20,
      timeout: 1900,
    });
  });

  it('keeps nobody from closing the cache', async () => {
    const hole = await startHole();
    const cache = open({ redis: hole.url });
    await vi.waitFor(() => expect(hole.taken()).toBe(2), { interval: 5 });
    expect(await cache.get('k', 'c')).toBeUndefined();
    await cache.close();
  });

  it("keeps nobody from closing the cache, be it the caller's own", async () => {
    const hole = await startHole();
    const client = new Redis(hole.url).on('error', () => {});
    onTestFinished(() => client.disconnect());
    const cache = open({ redis: client });
    await vi.waitFor(() => expect(hole.taken()).toBe(2), { interval: 5 });
    await cache.close();
  });

  it("keeps nobody waiting who erases a tenant, once the cache is closed, be it the caller's own", async () => {
    const hole = await startHole();
    const client = new Redis(hole.url).on('error', () => {});
    onTestFinished(() => client.disconnect());
    const cache = open({ redis: client });
    const begun = new Promise((resolve) => cache.on('purge', resolve));
    const erasing = expect(cache.invalidateTenant('leaves', { erase: true })).rejects.toThrow(UnavailableError);
    await begun;
    await cache.close();
    await erasing;
  });
});
