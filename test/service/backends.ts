// What the suites of the programmatic API run on, and how their caches are opened and closed.

import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type Cache, type CacheOptions, createCache, type RedisClient } from 'respcache';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type RedisServer, startCluster, startRedis } from '../support/redis.js';

/** A kind of store, with its servers. */
export interface Backend {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What `createCache` is given as `redis`: a client of its own each time, where it is the caller's. */
  target(): NonNullable<CacheOptions['redis']>;
  /** The masters; none for a store in memory. */
  readonly servers: readonly RedisServer[];
}

export const memory: Backend = {
  start: async () => {},
  stop: async () => {},
  target: () => false,
  servers: [],
};

/** One Redis server, reached the way that `target` says. */
export function standalone(target: (server: RedisServer) => NonNullable<CacheOptions['redis']>): Backend {
  let server: RedisServer;
  return {
    start: async () => {
      server = await startRedis();
    },
    stop: () => server.stop(),
    target: () => target(server),
    get servers() {
      return [server];
    },
  };
}

export const byUrl: Backend = standalone(({ url }) => url);
export const ioredis6: Backend = standalone(({ url }) => new Redis(url));
export const ioredis5: Backend = standalone(({ url }) => new Redis5(url) as unknown as RedisClient);

export function cluster(): Backend {
  let nodes: Awaited<ReturnType<typeof startCluster>>;
  return {
    start: async () => {
      nodes = await startCluster({ masters: 3 });
    },
    stop: () => nodes.stop(),
    target: () => ({ cluster: nodes.startupNodes }),
    get servers() {
      return nodes.nodes;
    },
  };
}

/** What a suite works with. */
export interface Bench {
  readonly shared: boolean;
  readonly servers: readonly RedisServer[];
  /** A new cache on the backend, closed after the test. It has patience: what is tested here is not the deadline. */
  open(options?: CacheOptions): Cache;
  /** Two caches that share a store, as two processes would; in memory there is one, twice. The same in all tests. */
  pair(): readonly [Cache, Cache];
  /** The first of them. */
  cache(): Cache;
  /** One command on each master. */
  command(...args: string[]): Promise<unknown[]>;
  /** One command on the master that has its keys; nothing in memory. */
  onOwner(...args: string[]): Promise<unknown>;
  /** All keys in Redis, sorted. */
  keys(): Promise<string[]>;
  /** Has it done after the test, before the servers are emptied. */
  atEnd(cleanup: () => unknown): void;
}

/** Takes everything out of Redis but the ledger: with a new one, the caches of `pair()` would have to load it first. */
export const EMPTY = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  if not string.find(key, '{respcache}', 1, true) then redis.call('UNLINK', key) end
end`;

/** Registers the hooks of a backend in the `describe` that calls it. */
export function useBackend(backend: Backend): Bench {
  const afterTest: (() => unknown)[] = [];
  const afterTests: (() => unknown)[] = [];
  let shared: readonly [Cache, Cache] | undefined;
  const runAll = async (cleanups: (() => unknown)[]) => {
    for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) await cleanup();
  };
  // Asked after each test: a connection for each command would take longer than most of them.
  let admins: readonly Redis[] = [];
  const call = (admin: Redis, [name, ...rest]: string[]) => admin.call(name!, ...rest);
  const command = (...args: string[]) => Promise.all(admins.map((admin) => call(admin, args)));
  const open = (cleanups: (() => unknown)[], options: CacheOptions = {}) => {
    const redis = backend.target();
    if (typeof redis === 'object' && 'disconnect' in redis) cleanups.push(() => redis.disconnect());
    const cache = createCache({ redis, timeout: 5000, ...options });
    cleanups.push(() => cache.close());
    return cache;
  };
  const pair = () => {
    if (shared !== undefined) return shared;
    const first = open(afterTests);
    shared = [first, backend === memory ? first : open(afterTests)];
    return shared;
  };

  beforeAll(async () => {
    await backend.start();
    admins = backend.servers.map(({ url }) => new Redis(url));
  });
  afterEach(async () => {
    await runAll(afterTest);
    await command('EVAL', EMPTY, '0');
    if (backend === memory) await shared?.[0].clear();
  });
  afterAll(async () => {
    await runAll(afterTests);
    for (const admin of admins) admin.disconnect();
    await backend.stop();
  });

  return {
    get shared() {
      return backend.servers.length > 0;
    },
    get servers() {
      return backend.servers;
    },
    open: (options) => open(afterTest, options),
    pair,
    cache: () => pair()[0],
    command,
    onOwner: async (...args) => {
      if (admins.length > 0) return Promise.any(admins.map((admin) => call(admin, args)));
    },
    keys: async () => (await command('KEYS', '*')).flat().map(String).sort(),
    atEnd: (cleanup) => afterTest.push(cleanup),
  };
}

/** A time that stands still until a test moves it. */
export function manualClock(): { now(): number; advance(seconds: number): void } {
  let time = Date.now();
  return {
    now: () => time,
    advance: (seconds) => {
      time += seconds * 1000;
    },
  };
}

/** A promise to be settled by hand. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve'];
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}
