// Found while writing the example applications: a condition that cannot be judged must not let a request in.

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { type Cache, createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { afterEach, expect, it } from 'vitest';

let cache: Cache;
let server: Server;

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await cache.close();
});

it('a request for which the option `when` throws passes the cache by', async () => {
  cache = createCache({ redis: false });
  const when = (): boolean => {
    throw new Error('nobody is logged in');
  };
  const app = express().get('/', cacheMiddleware({ cache, when }), (_req, res) => {
    res.json('personal');
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(response.headers.get('cache-status')).toBe('respcache; fwd=bypass; detail=when');
});
