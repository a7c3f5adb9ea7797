// Processes that serve a response and a value at each of some places, and what Redis' ledger and a replica have of them.

import type { Server } from 'node:http';
import express from 'express';
import { Redis } from 'ioredis';
import Koa from 'koa';
import { type Cache, type CacheOptions, createCache, type Receipt } from 'respcache';
import * as onExpress from 'respcache/express';
import * as onKoa from 'respcache/koa';
import supertest from 'supertest';
import { expect, vi } from 'vitest';
import type { Purge } from '../../src/invalidation/purge-table.js';
import { globalTag, keyTag, ownTag, tenantTag } from '../../src/invalidation/tags.js';
import type { RedisServer } from '../support/redis.js';
import { listen } from './apps.js';
import { reached } from './rig.js';

/** What there is, a response and a value at each: whose, its path (and key), and how it is invalidated. */
export const PLACES: readonly {
  readonly client: string;
  readonly path: string;
  readonly invalidate?: (cache: Cache) => Promise<Receipt>;
}[] = [
  { client: 'c1', path: '/key', invalidate: (cache) => cache.invalidateKey('/key', 'c1') },
  { client: 'c1', path: '/tag', invalidate: (cache) => cache.invalidateByTags(['tag'], 'c1') },
  { client: 'c1', path: '/shared-tag', invalidate: (cache) => cache.invalidateByTags(['shared-tag']) },
  { client: 'c1', path: '/pattern', invalidate: (cache) => cache.invalidatePattern('/pat*', 'c1') },
  { client: 'c2', path: '/tenant', invalidate: (cache) => cache.invalidateTenant('c2') },
  { client: 'c1', path: '/kept' },
];

/** The same as the ledger holds it. */
export const PURGES: readonly string[] = [
  keyTag('c1', '/key'),
  ownTag('c1', 'tag'),
  globalTag('shared-tag'),
  JSON.stringify({ tenant: 'c1', glob: '/pat*' }),
  tenantTag('c2'),
];

export type Served = Record<string, { response: string; value: unknown }>;

/** The database: what handlers answer. */
export const world = { state: 'old' };

/** What is to be seen at each place: the old where it is kept, else what the handler says now, and no value. */
function seen(isKept: (path: string) => boolean): Served {
  const at = (path: string) =>
    isKept(path) ? { response: 'old', value: 'old' } : { response: 'new', value: undefined };
  return Object.fromEntries(PLACES.map(({ path }) => [path, at(path)]));
}

export const ALL_OLD: Served = seen(() => true);
export const AFTER: Served = seen((path) => path === '/kept');
export const NOTHING_OLD: Served = seen(() => false);

const tagOf = (path: string) => path.slice(1);

function expressApp(cache: Cache): express.Express {
  const app = express();
  app.use(onExpress.cacheMiddleware({ cache, ttl: 3600 }));
  app.use((req, res) => {
    res.cache.tag(tagOf(req.path));
    res.send(world.state);
  });
  return app;
}

function koaApp(cache: Cache): ReturnType<Koa['callback']> {
  const app = new Koa();
  app.use(onKoa.cacheMiddleware({ cache, ttl: 3600 }));
  app.use((ctx) => {
    ctx.cache.tag(tagOf(ctx.path));
    ctx.body = world.state;
  });
  return app.callback();
}

/** What one process has: a cache with an application on it. */
export class Process {
  readonly cache: Cache;
  #server: Server | undefined;
  #port = 0;

  constructor(redis: string, options: CacheOptions) {
    // With patience: what is tested here is not the deadline.
    this.cache = createCache({ redis, timeout: 2000, ...options });
  }

  async open(): Promise<this> {
    const { server, port } = await listen(this.cache.settings.l1 ? expressApp(this.cache) : koaApp(this.cache));
    this.#server = server;
    this.#port = port;
    await reached(this.cache);
    return this;
  }

  /** Stores a value at each place. The responses store themselves when they are asked for. */
  async fill(): Promise<void> {
    for (const { client, path } of PLACES) await this.cache.set(path, 'old', client, { tags: [tagOf(path)] });
  }

  /** Asks for all that there is. */
  async served(): Promise<Served> {
    const found: Served = {};
    for (const { client, path } of PLACES) {
      const answer = await supertest(`http://127.0.0.1:${this.#port}`)
        .get(path)
        .set({ 'x-client-id': client, host: 'promotion' })
        .expect(200);
      found[path] = { response: answer.text, value: await this.cache.get(path, client) };
    }
    return found;
  }

  /** Waits until this process has heard of a purge, if it serves from memory without asking. */
  async heard({ sequence }: Receipt): Promise<void> {
    const { l1, consistency } = this.cache.settings;
    if (!l1 || consistency === 'strong') return;
    const { ledger } = this.cache.services.backend;
    await vi.waitFor(() => expect(ledger.position()?.sequence).toBeGreaterThanOrEqual(sequence), {
      timeout: 5000,
      interval: 1,
    });
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    await this.cache.close();
  }
}

export const KINDS = {
  pushed: {},
  strong: { consistency: 'strong' },
  bare: { l1: false },
} as const satisfies Record<string, CacheOptions>;
export type Kind = keyof typeof KINDS;

export const HEAD = '{respcache}:head';
const LOG = '{respcache}:log';

/** What a server's ledger has been told: tags, and patterns as JSON. */
export async function purgesIn(server: RedisServer): Promise<string[]> {
  const records = (await server.command('XRANGE', LOG, '-', '+')) as [string, string[]][];
  return records.flatMap(([, [, , , record]]) => {
    if (!record) return [];
    const { tags, patterns } = JSON.parse(record) as Purge;
    return [...tags, ...patterns.map((pattern) => JSON.stringify(pattern))];
  });
}

export async function epochIn(server: RedisServer): Promise<string> {
  const head = String(await server.command('GET', HEAD));
  return head.slice(0, head.lastIndexOf(':'));
}

/** All entries of a server, by key. */
export async function dump({ url }: RedisServer): Promise<Map<string, Buffer>> {
  const redis = new Redis(url);
  const found = new Map<string, Buffer>();
  for (const key of await redis.keys('client:*')) found.set(key, (await redis.dumpBuffer(key))!);
  redis.disconnect();
  return found;
}

export async function restore({ url }: RedisServer, entries: ReadonlyMap<string, Buffer>): Promise<void> {
  const redis = new Redis(url);
  for (const [key, bytes] of entries) await redis.restore(key, 0, bytes);
  redis.disconnect();
}
