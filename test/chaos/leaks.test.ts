import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type CacheOptions, createCache, type RedisClient } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { openRig, reached } from './rig.js';

/** Timers, sockets and servers that keep this process alive. */
function resources(): Record<string, number> {
  const count = { Timeout: 0, TCPSocketWrap: 0, TCPServerWrap: 0 };
  for (const kind of process.getActiveResourcesInfo()) if (kind in count) count[kind as keyof typeof count]++;
  return count;
}

/** A timer of the wait itself, or of the test's, may be among them. */
async function backTo(before: Record<string, number>): Promise<void> {
  let now = resources();
  for (let turn = 0; turn < 500 && Object.entries(before).some(([kind, count]) => now[kind]! > count); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    now = resources();
  }
  for (const [kind, count] of Object.entries(before)) expect(now[kind], kind).toBeLessThanOrEqual(count);
}

const EVENTS = ['ready', 'error', 'close', 'end', 'connect', 'reconnecting', 'wait'];

function listeners(client: RedisClient): Record<string, number> {
  return Object.fromEntries(EVENTS.map((event) => [event, client.listenerCount(event)]));
}

describe('after close nothing is left', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let before: Record<string, number>;

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    before = resources();
  });

  afterEach(async () => {
    await proxy.close();
    await server.stop();
  });

  const FAULTS: [when: string, strike: () => Promise<void> | void, mend?: () => Promise<void> | void][] = [
    ['all is well', () => {}],
    ['Redis has been killed', () => server.kill()],
    ['Redis is paused', () => server.pause(), () => server.resume()],
    [
      'the network swallows everything',
      () => {
        proxy.blackhole();
      },
      () => {
        proxy.restore();
      },
    ],
    [
      'the network is slow',
      () => {
        proxy.latency = 200;
      },
    ],
  ];

  /** Closes a cache while reads, writes and purges are under way; how long that takes, ms, and their end. */
  async function closeBusy(redis: CacheOptions['redis'] & {}, strike: () => Promise<void> | void) {
    const cache = createCache({ redis });
    await reached(cache);
    await strike();
    const work = [cache.get('a', 'c'), cache.set('b', 2, 'c'), cache.invalidateTenant('c'), cache.clear()];
    const started = performance.now();
    await cache.close();
    return { took: performance.now() - started, done: Promise.all(work) };
  }

  it.each(FAULTS)('of a client of its own, and close does not hang, when %s', async (_when, strike, mend) => {
    const { took, done } = await closeBusy(`redis://127.0.0.1:${proxy.port}`, strike);
    expect(took).toBeLessThan(5000);
    await done;
    // What the proxy and the server still hold of the connections is theirs.
    await mend?.();
    await vi.waitFor(() => expect(proxy.connections).toBe(0), { timeout: 5000 });
    await backTo(before);
  });

  describe.each([
    ['ioredis 6', (url: string): RedisClient => new Redis(url)],
    ['ioredis 5', (url: string): RedisClient => new Redis5(url) as unknown as RedisClient],
  ])("of its listeners on a caller's client of %s", (_name, make) => {
    it.each(FAULTS)('when %s', async (_when, strike) => {
      const client = make(`redis://127.0.0.1:${proxy.port}`);
      client.on('error', () => {});
      await client.ping();
      const had = listeners(client);
      const { took } = await closeBusy(client, strike);
      expect(took).toBeLessThan(5000);
      // While it connects, ioredis has listeners of its own there.
      await vi.waitFor(() => expect(listeners(client)).toEqual(had), { timeout: 5000, interval: 2 });
      client.disconnect();
    });
  });

  it('after an outage under load', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await rig.hit();
    await server.kill();
    await rig.broken();
    await rig.answered(20);
    await rig.close();
    await backTo(before);
  });

  it('of the copies in memory', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await rig.hit();
    const kept = () => rig.apps.map(({ cache }) => cache.services.backend.kept().bytes);
    for (const bytes of kept()) expect(bytes).toBeGreaterThan(0);
    await rig.close();
    expect(kept()).toEqual([0, 0]);
  });

  it('after many caches have come and gone', async () => {
    for (let i = 0; i < 20; i++) {
      const cache = createCache({ redis: server.url });
      await cache.get('a', 'c');
      await cache.close();
    }
    await vi.waitFor(async () => {
      const list = String(await server.command('CLIENT', 'LIST'));
      expect(list.trim().split('\n').length).toBe(1);
    });
    await backTo(before);
  });
});
