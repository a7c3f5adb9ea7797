import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { RedisClient } from 'respcache';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { openRig, type Rig } from './rig.js';
import { survive } from './survive.js';

interface Queues {
  readonly offlineQueue?: { readonly length: number };
  readonly commandQueue?: { readonly length: number };
}

/** The commands that a client holds: those that wait for a connection, and those that wait for an answer. */
function held(client: RedisClient): { offline: number; sent: number } {
  const { offlineQueue, commandQueue } = client as unknown as Queues;
  expect(commandQueue).toBeDefined();
  return { offline: offlineQueue?.length ?? 0, sent: commandQueue?.length ?? 0 };
}

const MAKERS: [name: string, make: (url: string) => RedisClient][] = [
  ['ioredis 6', (url) => new Redis(url)],
  ['ioredis 5', (url) => new Redis5(url) as unknown as RedisClient],
];

describe.each(MAKERS)("under load, with the caller's own client of %s as it is by default", (_name, make) => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let clients: RedisClient[];

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.disconnect();
    await proxy.close();
    await server.stop();
  });

  async function open(): Promise<Rig> {
    const url = `redis://127.0.0.1:${proxy.port}`;
    clients = [make(url), make(url)];
    return openRig({ redis: [clients[0]!, clients[1]!] });
  }

  it.each<[what: string, strike: () => Promise<void> | void, mend: () => Promise<void> | void]>([
    ['Redis is killed and restarted', () => server.kill(), () => server.restart()],
    ['the network swallows everything for a while', () => proxy.blackhole(), () => proxy.restore()],
  ])('nothing piles up in it, and the hits come back: %s', async (_what, strike, mend) => {
    const rig = await open();
    await survive(rig, {
      strike,
      mend: async () => {
        // Requests have been coming all the time; what the breaker lets through is a handful.
        for (const client of clients) {
          expect(held(client).offline).toBeLessThanOrEqual(20);
          expect(held(client).sent).toBeLessThanOrEqual(100);
        }
        const before = clients.map((client) => held(client).offline + held(client).sent);
        await rig.answered(60);
        for (const [i, client] of clients.entries()) {
          expect(held(client).offline + held(client).sent).toBeLessThanOrEqual(before[i]! + 20);
        }
        await mend();
      },
    });
    await rig.close();
    for (const client of clients) expect(client.status).toBe('ready');
  });
});
