// Found with the example applications: an Express application may send its answers from another layer than the route
// (an error handler, a serializer behind all routes). The options of the route must still see the route's `req.params`.

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import { type Cache, createCache } from 'respcache';
import { cacheMiddleware, invalidate } from 'respcache/express';
import { afterEach, beforeEach, expect, it } from 'vitest';

let cache: Cache;
let server: Server;
let origin: string;
let label: string;

beforeEach(async () => {
  cache = createCache({ redis: false });
  label = 'old';
  const app = express();
  app.use(cacheMiddleware({ cache }));
  app.get('/direct/:id', cacheMiddleware({ cache, tags: (req) => [`zone:${req.params.id}`] }), (_req, res) => {
    res.json(label);
  });
  app.get('/thrown/:id', cacheMiddleware({ cache, tags: (req) => [`zone:${req.params.id}`] }), () => {
    throw Object.assign(new Error('no such zone'), { status: 404 });
  });
  app.get('/lasting/:id', cacheMiddleware({ cache, ttl: (req) => Number(req.params.id) }), (_req, res, next) => {
    res.locals.answer = label;
    next();
  });
  app.put('/direct/:id/label', invalidate({ cache, tags: (req) => [`zone:${req.params.id}`] }), (_req, res, next) => {
    label = 'new';
    res.locals.answer = label;
    next();
  });
  app.use((_req, res, next) => {
    if (res.locals.answer === undefined) next();
    else res.json(res.locals.answer);
  });
  const failed: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status).json({ error: error.message });
  };
  app.use(failed);
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await cache.close();
});

async function send(path: string, method = 'GET'): Promise<{ text: string; said: string | null }> {
  const response = await fetch(origin + path, { method });
  return { text: await response.text(), said: response.headers.get('cache-status') };
}

it('a write that is answered by a layer behind all routes invalidates what its own params say', async () => {
  await send('/direct/1');
  expect((await send('/direct/1/label', 'PUT')).text).toBe('"new"');
  expect((await send('/direct/1')).text).toBe('"new"');
});

it('an answer of the error handler has the tags that its route gives it', async () => {
  await send('/thrown/1');
  expect((await send('/thrown/1')).said).toMatch(/^respcache; hit/);
  await cache.invalidateByTags(['zone:1']);
  expect((await send('/thrown/1')).said).toBe('respcache; fwd=uri-miss; stored');
});

it('an answer of a layer behind all routes lasts as long as its route says', async () => {
  await send('/lasting/1000');
  expect((await send('/lasting/1000')).said).toMatch(/^respcache; hit; ttl=(999|1000)$/);
});
