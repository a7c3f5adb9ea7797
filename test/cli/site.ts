// An application over a Redis of its own, which the command line looks at.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express, { type Express } from 'express';
import { type Cache, createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { type RedisServer, startRedis } from '../support/redis.js';

export interface Site {
  readonly redis: RedisServer;
  readonly cache: Cache;
  readonly origin: string;
  close(): Promise<void>;
}

/** A folder for what a file of tests writes, and how to remove it. */
export function ownFolder(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'respcache-cli-'));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** Starts it, its cache around all routes that `fill` adds. */
export async function openSite(fill: (app: Express, cache: Cache) => void): Promise<Site> {
  const redis = await startRedis();
  const cache = createCache({ redis: redis.url, timeout: 10_000 });
  const app = express();
  app.use(cacheMiddleware({ cache }));
  fill(app, cache);
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await cache.close();
    await redis.stop();
  };
  return { redis, cache, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
