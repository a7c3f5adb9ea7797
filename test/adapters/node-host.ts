// Servers whose listeners are wrapped: what the tests of `respcache/node` share.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cache, type CacheOptions, createCache } from 'respcache';
import { type Listener, type WithCacheOptions, withCache } from 'respcache/node';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { ManualClock } from './bench.js';
import { type Answer, type Arriving, type Ask, ask, begin } from './client.js';

export const STORES = ['memory', 'redis'] as const;
export type Store = (typeof STORES)[number];

/** A listener behind its cache, and a client of it. */
export class Wrapped {
  readonly cache: Cache;
  readonly clock: ManualClock;
  readonly server: Server;

  constructor(cache: Cache, clock: ManualClock, server: Server) {
    this.cache = cache;
    this.clock = clock;
    this.server = server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  ask(target: string, options?: Ask): Promise<Answer> {
    return ask(this.port, target, options);
  }

  begin(target: string, options?: Ask): Promise<Arriving> {
    return begin(this.port, target, options);
  }

  /** The texts of several answers to the same request, one asked after the other. */
  async texts(target: string, times: number, options?: Ask): Promise<string[]> {
    const found: string[] = [];
    for (let i = 0; i < times; i++) found.push((await this.ask(target, options)).text);
    return found;
  }
}

interface Bench {
  /** A cache of its own, whose time is moved by hand. */
  cache(store: Store, options?: CacheOptions): Promise<{ readonly cache: Cache; readonly clock: ManualClock }>;
  /** Serves what `make` makes of a cache. */
  serve(store: Store, make: (cache: Cache) => Listener | Server, options?: CacheOptions): Promise<Wrapped>;
  /** Serves a listener behind the cache. */
  wrap(store: Store, listener: Listener, options?: WithCacheOptions & CacheOptions): Promise<Wrapped>;
}

/** To be called once at the top of a file: starts the Redis server, and closes after each test what it has opened. */
export function useNode(): Bench {
  let redis: RedisServer;
  let names = 0;
  const opened: { close(): unknown }[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
  });
  afterAll(() => redis.stop());

  const bench: Bench = {
    async cache(store, options = {}) {
      const clock = new ManualClock();
      const place = store === 'redis' ? { redis: redis.url, l1: false, prefix: `node-${names++}:` } : { redis: false };
      const cache = createCache({ timeout: 10_000, clock, ...place, ...options } as CacheOptions);
      opened.push(cache);
      await cache.health();
      return { cache, clock };
    },
    async serve(store, make, options) {
      const { cache, clock } = await bench.cache(store, options);
      const made = make(cache);
      const server = typeof made === 'function' ? createServer(made as Parameters<typeof createServer>[1]) : made;
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      opened.push({
        close: async () => {
          const closed = once(server, 'close');
          server.close();
          server.closeAllConnections();
          await closed;
        },
      });
      return new Wrapped(cache, clock, server);
    },
    wrap(store, listener, options = {}) {
      return bench.serve(store, (cache) => withCache(listener, { ...options, cache } as WithCacheOptions));
    },
  };
  return bench;
}

/** A listener that says how often it has run. */
export function counting(more: Listener = () => {}): Listener & { runs: number } {
  const listener: Listener & { runs: number } = (req, res) => {
    listener.runs++;
    more(req, res);
    if (!res.writableEnded) res.end(`run ${listener.runs}`);
  };
  listener.runs = 0;
  return listener;
}
