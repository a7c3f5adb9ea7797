// A layer outside that answers while the lookup waits for Redis, or the statistics for what they tell, as one does that gives up
// after a time: what is found then can no longer be given, which is nobody's error.

import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import Koa from 'koa';
import type { Cache } from 'respcache';
import { cacheMiddleware, statsRouter } from 'respcache/express';
import { cacheMiddleware as koaCache, statsRouter as koaStats } from 'respcache/koa';
import { type CachedResponse, type Listener, withCache } from 'respcache/node';
import { afterEach, expect, it } from 'vitest';
import { useNode } from './node-host.js';

const bench = useNode();

const errors: unknown[] = [];
afterEach(() => {
  errors.length = 0;
});

const isLate = (req: IncomingMessage) => req.headers['x-late'] !== undefined;

/** Around a listener of Node's. */
const inFront =
  (inner: (req: IncomingMessage, res: ServerResponse) => unknown): Listener =>
  (req, res) => {
    const given = inner(req, res);
    if (isLate(req)) res.end('first');
    if (given instanceof Promise) given.catch((error: unknown) => errors.push(error));
  };

/** In Express, around these layers. */
function ofExpress(...inside: RequestHandler[]): Listener {
  const app = express();
  app.use((req, res, next) => {
    next();
    if (isLate(req)) res.end('first');
  });
  app.use(...inside);
  app.use((error: unknown, _req: Request, _res: Response, _next: NextFunction) => void errors.push(error));
  return app as unknown as Listener;
}

const lateInKoa: Koa.Middleware = (ctx, next) => {
  const done = next();
  if (isLate(ctx.req)) {
    ctx.respond = false;
    ctx.res.end('first');
  }
  return done;
};

/** In Koa, of these layers, the first one first. */
function ofKoa(...layers: unknown[]): ReturnType<Koa['callback']> {
  const app = new Koa();
  app.on('error', (error: unknown) => void errors.push(error));
  for (const layer of layers) app.use(layer as Koa.Middleware);
  return app.callback();
}
const stored: Koa.Middleware = (ctx) => {
  ctx.body = 'stored';
};

type Sites = readonly (readonly [string, (cache: Cache) => Listener])[];

const SITES: Sites = [
  ['a listener', (cache) => inFront(withCache((_req, res) => void res.end('stored'), { cache }))],
  ['Express', (cache) => ofExpress(cacheMiddleware({ cache }), (_req, res) => void res.end('stored'))],
  ['Koa', (cache) => ofKoa(lateInKoa, koaCache({ cache }), stored) as Listener],
  [
    'Koa, whose first layer it is',
    (cache) => {
      const callback = ofKoa(koaCache({ cache }), stored);
      return inFront((req, res) => callback(req, res as CachedResponse));
    },
  ],
];

it.each(SITES)('%s: it stays the answer', async (_name, make) => {
  const host = await bench.serve('redis', make);
  expect(await host.texts('/x', 3)).toEqual(['stored', 'stored', 'stored']);
  expect(await host.texts('/x', 3, { headers: { 'x-late': '1' } })).toEqual(['first', 'first', 'first']);
  expect(errors).toEqual([]);
  expect(await host.texts('/x', 1)).toEqual(['stored']);
});

const STATISTICS: Sites = [
  ['Express', (cache) => ofExpress(statsRouter({ cache }))],
  ['Koa', (cache) => ofKoa(lateInKoa, koaStats({ cache })) as Listener],
];

it.each(STATISTICS)(
  '%s, the statistics: it stays the answer, and nobody follows the figures for it',
  async (_name, make) => {
    const host = await bench.serve('memory', make);
    const late = { headers: { 'x-late': '1' } };
    expect(await host.texts('/', 2, late)).toEqual(['first', 'first']);
    // As many as may follow.
    expect(new Set(await host.texts('/events', 50, late))).toEqual(new Set(['first']));
    const reading = await host.begin('/events');
    expect(reading.head.status).toBe(200);
    reading.abort();
    expect(errors).toEqual([]);
  },
);
