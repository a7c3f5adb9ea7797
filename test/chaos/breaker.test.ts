import { createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { openRig, reached } from './rig.js';

/** A clock that can be stopped: then a breaker that has opened stays open. */
function stoppable() {
  let stopped: number | undefined;
  return {
    clock: { now: () => stopped ?? Date.now() },
    stop: () => {
      stopped = Date.now();
    },
  };
}

describe('once Redis has failed a few times, no request waits for it', () => {
  let server: RedisServer;
  let proxy: TcpProxy;

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
  });

  afterEach(async () => {
    await proxy.close();
    await server.stop();
  });

  it.each<[what: string, strike: () => unknown]>([
    ['it refuses connections', () => server.kill()],
    ['it is paused', () => server.pause()],
    ['the network swallows everything', () => proxy.blackhole()],
    ['the network is slower than the deadline', () => (proxy.latency = 100)],
  ])('when %s', async (_what, strike) => {
    const url = `redis://127.0.0.1:${proxy.port}`;
    const { clock, stop } = stoppable();
    const rig = await openRig({ redis: [url, url], options: { clock }, writer: false, warm: true });
    await rig.hit();
    // Entries to be written while it lasts.
    for (const app of rig.apps) await rig.invalidate(app);
    stop();
    await strike();
    await rig.broken();
    // Those that were on their way are given up at their deadline.
    await rig.answered(30);
    const before = rig.apps.map(({ failures }) => failures.get('read'));
    await rig.answered(50);
    expect(rig.apps.map(({ failures }) => failures.get('read'))).toEqual(before);
    for (const { cache, breaker } of rig.apps) {
      expect(breaker.at(-1)).toBe('open');
      expect(await cache.health()).toMatchObject({ breaker: 'open', reachable: false });
    }
  });

  it('also when reads fail one by one, and slow writes between them succeed', async () => {
    const { clock, stop } = stoppable();
    const cache = createCache({ redis: `redis://127.0.0.1:${proxy.port}`, clock });
    try {
      await reached(cache);
      stop();
      proxy.latency = 60;
      const states: string[] = [];
      cache.on('breaker', ({ state }) => states.push(state));
      // What getOrSet makes is written, and the write has more time than the read before it.
      for (let i = 0; i < 10; i++) expect(await cache.getOrSet(`key:${i}`, () => i, 'c')).toBe(i);
      expect(states.at(-1)).toBe('open');
    } finally {
      proxy.latency = 0;
      await cache.close();
    }
  });

  it('but not where more is to be written at once than may be on its way: that says nothing of Redis', async () => {
    const cache = createCache({ redis: server.url, timeout: 10_000 });
    try {
      await reached(cache);
      const states: string[] = [];
      const refused: string[] = [];
      cache.on('breaker', ({ state }) => states.push(state));
      cache.on('error', ({ error }) => refused.push(String(error)));
      const value = Buffer.alloc(1_000_000);
      await Promise.all(Array.from({ length: 60 }, (_, i) => cache.set(`k:${i}`, value, 'c')));
      expect(refused.length).toBeGreaterThan(20);
      expect(new Set(refused)).toEqual(new Set(['UnavailableError: too much is on its way']));
      expect(states).toEqual([]);
      expect(await cache.health()).toMatchObject({ breaker: 'closed', reachable: true });
    } finally {
      await cache.close();
    }
  });

  it('until it is back, also where nobody asks', async () => {
    const cache = createCache({ redis: server.url });
    try {
      await reached(cache);
      await server.kill();
      const opened = new Promise<void>((done) => cache.on('breaker', ({ state }) => state === 'open' && done()));
      for (let i = 0; i < 5; i++) await cache.get('a', 'c');
      await opened;
      const closed = new Promise<void>((done) => cache.on('breaker', ({ state }) => state === 'closed' && done()));
      await server.restart();
      await closed;
      expect(cache.statistics.facts()).toMatchObject({ store: { breaker: 'closed' } });
    } finally {
      await cache.close();
    }
  });
});
