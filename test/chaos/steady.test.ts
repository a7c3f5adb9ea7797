// One process lives through round after round of faults and is not closed: what it holds is what it held before.

import { createHook } from 'node:async_hooks';
import { Agent, type Server } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type Cache, createCache, type RedisClient } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { expressApp, koaApp, listen } from './apps.js';
import { ask } from './load.js';
import { reached } from './rig.js';
import { World } from './world.js';

const ROUNDS = 3;
/** Requests to each application, during each fault and after it. */
const BURST = 60;
const ITEMS = 40;
/** How many requests are under way at a time. */
const AT_A_TIME = 10;
/** How long an answer may take, ms: how long it does take is tested elsewhere. */
const PATIENCE = 15_000;
/** Bytes that all the rounds may leave, some 900 for a request: they leave half of it, and no more after ten rounds. */
const GROWTH = 2.5 * 1024 * 1024;

/** Timers and sockets that have begun and not ended: also those that keep no process alive. */
const begun = new Map<number, string>();
const hook = createHook({
  init: (id, kind) => {
    if (kind === 'Timeout' || kind === 'TCPWRAP' || kind === 'TCPSERVERWRAP') begun.set(id, kind);
  },
  destroy: (id) => begun.delete(id),
});

function counted(kinds: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function listeners(client: RedisClient): Record<string, number> {
  return Object.fromEntries(client.eventNames().map((event) => [String(event), client.listenerCount(event)]));
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in use when nothing is left to collect. */
async function memory(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect();
    // What is finalised, and promises that have been settled, go only in a later turn.
    await new Promise(setImmediate);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('after many faults, and without closing', () => {
  let server: RedisServer;
  let clients: RedisClient[];
  /** The connections that the caches make from them, to follow the log. */
  let tails: RedisClient[];
  let caches: Cache[];
  let servers: Server[];
  let ports: number[];
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);

  beforeEach(async () => {
    hook.enable();
    process.on('warning', warned);
    server = await startRedis();
    // As an application makes them, with all their defaults.
    clients = [new Redis(server.url), new Redis5(server.url) as unknown as RedisClient];
    for (const client of clients) client.on('error', () => {});
  });

  afterEach(async () => {
    for (const each of servers) {
      each.closeAllConnections();
      each.close();
    }
    await Promise.all(caches.map((cache) => cache.close()));
    for (const client of clients) client.disconnect();
    await server.stop();
    process.off('warning', warned);
    hook.disable();
  });

  /** Requests of all kinds to both applications, some at a time. All are answered. */
  async function burst(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });
    let next = 0;
    const work = async () => {
      while (next < BURST) {
        const turn = next++;
        const [client, id] = [`client-${turn % 2}`, turn % ITEMS];
        const method = turn % 25 === 24 ? 'PUT' : 'GET';
        const path = `/items/${id}`;
        const answers = await Promise.all(ports.map((port) => ask(port, method, path, client, agent, PATIENCE)));
        expect(answers.map(({ status }) => status)).toEqual([200, 200]);
        if (turn % 10 === 9)
          await Promise.all(caches.map((cache) => cache.getOrSet(`value:${id}`, () => turn, client)));
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    agent.destroy();
  }

  /** Waits until both serve from the cache again, and what they had to invalidate is in Redis. */
  async function recovered(): Promise<void> {
    const agent = new Agent();
    await vi.waitFor(
      async () => {
        for (const [i, port] of ports.entries()) {
          expect(await caches[i]!.invalidateKey('nothing', 'nobody')).toMatchObject({ durable: true });
          await ask(port, 'GET', '/items/0', 'client-0', agent);
          expect((await ask(port, 'GET', '/items/0', 'client-0', agent)).cache).toContain('; hit');
        }
      },
      { timeout: 15_000, interval: 20 },
    );
    agent.destroy();
  }

  async function round(): Promise<void> {
    const faults: [strike: () => Promise<unknown>, mend: () => Promise<unknown>][] = [
      [() => server.kill(), () => server.restart()],
      [() => server.pause(), () => server.resume()],
      [() => server.restart(), async () => {}],
      [() => server.command('FLUSHALL'), async () => {}],
    ];
    for (const [strike, mend] of faults) {
      await strike();
      await burst();
      await mend();
      await recovered();
      await burst();
    }
  }

  /** Reads all of the ledger's table, as the others may have to: clients keep room for so large a reply from then on. */
  async function newcomer(redis: RedisClient): Promise<void> {
    const cache = createCache({ redis });
    await reached(cache);
    await cache.close();
  }

  async function figures() {
    await Promise.all(
      servers.map(async (each) => {
        each.closeIdleConnections();
        await vi.waitFor(async () => {
          const open = await new Promise((resolve) => each.getConnections((_error, count) => resolve(count)));
          expect(open).toBe(0);
        });
      }),
    );
    const list = String(await server.command('CLIENT', 'LIST'));
    return {
      connections: list.split('\n').filter((line) => line.startsWith('id=') && !line.includes(' cmd=client')).length,
      listeners: [...clients, ...tails].map(listeners),
      active: counted(process.getActiveResourcesInfo()),
      begun: counted(begun.values()),
      memory: await memory(),
    };
  }

  /** Waits until there are no more of any kind than before: a timer of the wait itself may be among them. */
  async function backTo(before: Record<string, number>, now: () => Record<string, number>): Promise<void> {
    await vi.waitFor(
      () => {
        for (const [kind, count] of Object.entries(now())) expect(count, kind).toBeLessThanOrEqual(before[kind] ?? 0);
      },
      { timeout: 5000, interval: 5 },
    );
  }

  it('listeners, timers, sockets, connections and memory are what they were', { timeout: 120_000 }, async () => {
    const world = new World();
    const duplicates = clients.map((client) => vi.spyOn(client, 'duplicate'));
    caches = clients.map((redis) => createCache({ redis, maxDisconnected: 300 }));
    tails = duplicates.map(({ mock }) => mock.results[0]?.value as RedisClient);
    let breaks = 0;
    for (const cache of caches) cache.on('breaker', ({ state }) => (breaks += Number(state === 'open')));
    const started = await Promise.all([listen(expressApp(caches[0]!, world)), listen(koaApp(caches[1]!, world))]);
    servers = started.map(({ server }) => server);
    ports = started.map(({ port }) => port);
    await Promise.all(caches.map(reached));
    // Once before it counts: connections, code and tables that are made when they are first needed.
    await round();
    await Promise.all(clients.map(newcomer));
    const before = await figures();
    breaks = 0;
    for (let i = 0; i < ROUNDS; i++) await round();
    expect(breaks).toBeGreaterThanOrEqual(ROUNDS * clients.length);
    const after = await figures();
    expect(after.listeners).toEqual(before.listeners);
    expect(after.connections).toBe(before.connections);
    await backTo(before.active, () => counted(process.getActiveResourcesInfo()));
    await backTo(before.begun, () => counted(begun.values()));
    expect(after.memory - before.memory).toBeLessThan(GROWTH);
    expect(warnings).toEqual([]);
  });
});
