// One application on Express and the same on Koa, each with a cache of its own, as two processes would have.

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import express from 'express';
import Koa from 'koa';
import type { Cache } from 'respcache';
import * as onExpress from 'respcache/express';
import * as onKoa from 'respcache/koa';
import type { World } from './world.js';

/** How long a handler takes, ms: invalidations come while it works. */
const HANDLER_TIME = 10;
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, HANDLER_TIME));

const ROUTE = { ttl: 3600, tags: ['items'], key: 'items' };

export function expressApp(cache: Cache, world: World): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.get('/items/:id', onExpress.cacheMiddleware({ ...ROUTE, cache }), async (req, res) => {
    const item = { client: req.get('x-client-id') ?? '', id: String(req.params.id) };
    const version = world.version(item);
    await later();
    res.json({ ...item, version });
  });
  app.put('/items/:id', onExpress.cacheMiddleware({ cache }), onExpress.invalidate('items', { cache }), (req, res) => {
    world.change([{ client: req.get('x-client-id') ?? '', id: String(req.params.id) }]);
    res.json({ changed: true });
  });
  return app;
}

export function koaApp(cache: Cache, world: World): RequestListener {
  const router = new Router();
  router.get('/items/:id', onKoa.cacheMiddleware({ ...ROUTE, cache }), async (ctx) => {
    const item = { client: ctx.get('x-client-id'), id: String(ctx.params.id) };
    const version = world.version(item);
    await later();
    ctx.body = { ...item, version };
  });
  router.put('/items/:id', onKoa.cacheMiddleware({ cache }), onKoa.invalidate('items', { cache }), (ctx) => {
    world.change([{ client: ctx.get('x-client-id'), id: String(ctx.params.id) }]);
    ctx.body = { changed: true };
  });
  const app = new Koa();
  app.use(router.routes());
  return app.callback();
}

export async function listen(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  // A connection that is closed as idle just when it is used again would look like a failure.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}
