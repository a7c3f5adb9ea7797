// `withCache` around whole applications: of Express, Koa and Fastify, with and without `cacheMiddleware` inside.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type Router from '@koa/router';
import type { Express, Request } from 'express';
import Fastify from 'fastify';
import type Koa from 'koa';
import type { Context, Middleware } from 'koa';
import type { Cache } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { withCache } from 'respcache/node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { load } from './hosts.js';
import { STORES, useNode, type Wrapped } from './node-host.js';

const bench = useNode();

type App = (req: IncomingMessage, res: ServerResponse) => unknown;

/** What ran, in its order. */
const ran: string[] = [];
afterEach(() => {
  ran.length = 0;
});

/** One application for both families: a log, a cache around all routes and on some, and handlers. */
function express(name: string, cache: Cache): App {
  const app = load<() => Express>(name)();
  const mount = (options: object = {}) => forExpress.cacheMiddleware({ cache, ...options });
  const what = (req: Request) => `${req.params.id} ${Object.getPrototypeOf(req) === app.request}`;
  app.use((_req, _res, next) => {
    ran.push('log');
    next();
  });
  app.get('/bare/:id', (_req, res) => void res.send(`run ${ran.push('bare')}`));
  app.use(mount());
  app.get('/users/:id', mount({ ttl: 60, tags: (req: Request) => [`is ${what(req)}`] }), (req, res) => {
    res.cache.tag('said');
    res.send(`${req.params.id} run ${ran.push('users')}`);
  });
  app.get('/who', mount({ identity: (req: Request) => req.get('x-user') }), (req, res) => {
    res.send(`${req.get('x-user')} run ${ran.push('who')}`);
  });
  app.post(
    '/users',
    forExpress.invalidate({ tags: (req: Request) => String(req.query.tag) }, { cache }),
    (_req, res) => {
      res.status(201).json({});
    },
  );
  app.get('/fails', () => {
    throw Object.assign(new Error('as it is'), { stack: 'as it is' });
  });
  return app;
}

function koa(name: string, cache: Cache): App {
  const app = new (load<typeof Koa>(name))();
  app.silent = true;
  const router = new (load<typeof Router>('@koa/router'))();
  const mount = (options: object = {}) => forKoa.cacheMiddleware({ cache, ...options }) as never;
  const what = (ctx: Context) => `${ctx.params.id} ${ctx.app === app}`;
  app.use((_ctx, next) => {
    ran.push('log');
    return next();
  });
  app.use((ctx, next) => {
    if (!ctx.path.startsWith('/bare/')) return next();
    ctx.body = `run ${ran.push('bare')}`;
    return undefined;
  });
  app.use(mount());
  router.get('/users/:id', mount({ ttl: 60, tags: (ctx: Context) => [`is ${what(ctx)}`] }), (ctx) => {
    (ctx as unknown as Context).cache.tag('said');
    ctx.body = `${ctx.params.id} run ${ran.push('users')}`;
  });
  router.get('/who', mount({ identity: (ctx: Context) => ctx.get('x-user') || undefined }), (ctx) => {
    ctx.body = `${ctx.get('x-user')} run ${ran.push('who')}`;
  });
  router.post(
    '/users',
    forKoa.invalidate({ tags: (ctx: Context) => String(ctx.query.tag) }, { cache }) as never,
    (ctx) => {
      ctx.status = 201;
      ctx.body = {};
    },
  );
  router.get('/fails', () => {
    throw new Error('as it is');
  });
  app.use(router.routes() as unknown as Middleware);
  return app.callback();
}

const FRAMEWORKS: [string, (cache: Cache) => App][] = [
  ['express 4', (cache) => express('express4', cache)],
  ['express 5', (cache) => express('express', cache)],
  ['koa 2', (cache) => koa('koa2', cache)],
  ['koa 3', (cache) => koa('koa', cache)],
];

describe.each(STORES)('an application behind the cache on %s', (store) => {
  describe.each(FRAMEWORKS)('of %s', (_, make) => {
    const start = (options: object = {}): Promise<Wrapped> =>
      bench.serve(store, (cache) => withCache(make(cache), { cache, ...options }));

    it('is not entered by a hit: none of its layers runs', async () => {
      const host = await start();
      expect(await host.texts('/bare/1', 3)).toEqual(['run 2', 'run 2', 'run 2']);
      expect(ran).toEqual(['log', 'bare']);
    });

    it('is one cache with those mounted inside: one lookup, one fill, each request counted once', async () => {
      const host = await start();
      const sets: string[] = [];
      host.cache.on('set', ({ key }) => void sets.push(key));
      expect(await host.texts('/users/1', 3)).toEqual(Array(3).fill('1 run 2'));
      expect(ran).toEqual(['log', 'users']);
      expect(sets).toHaveLength(1);
      expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 1, sets: 1, totalRequests: 3 });
    });

    it('has the options inside win, and their functions called with what they know', async () => {
      const host = await start({ ttl: 5 });
      expect(await host.texts('/users/1', 1)).toEqual(['1 run 2']);
      host.clock.forward(30);
      expect(await host.texts('/users/1', 1)).toEqual(['1 run 2']);
      await host.cache.invalidateByTags(['is 1 true']);
      expect(await host.texts('/users/1', 2)).toEqual(['1 run 4', '1 run 4']);
      await host.cache.invalidateByTags(['said']);
      expect(await host.texts('/users/1', 1)).toEqual(['1 run 6']);
      await host.ask('/users?tag=is%201%20true', { method: 'POST' });
      expect(await host.texts('/users/1', 1)).toEqual(['1 run 9']);
    });

    it('has what only an inner mount tells apart looked up there', async () => {
      const host = await start();
      const by = (name: string) => ({ headers: { 'X-User': name, Cookie: `sid=${name}` } });
      for (const name of ['ada', 'bob']) {
        const texts = await host.texts('/who', 3, by(name));
        expect(texts[0]).toMatch(new RegExp(`^${name} run`));
        expect(new Set(texts).size).toBe(1);
      }
      expect(ran.filter((each) => each === 'who')).toHaveLength(2);
      expect(host.cache.getStats()).toMatchObject({ hits: 4, misses: 2, totalRequests: 6 });
    });

    it('says itself what went wrong in it, and nothing of that is kept', async () => {
      const host = await start();
      expect(await host.ask('/fails')).toMatchObject({ status: 500 });
      expect(await host.ask('/fails')).toMatchObject({ status: 500 });
      expect(host.cache.getStats()).toMatchObject({ sets: 0, totalRequests: 2 });
    });

    it('is run in the background from its outermost layer on', async () => {
      const host = await start({ staleWhileRevalidate: 60 });
      expect(await host.texts('/users/1', 1)).toEqual(['1 run 2']);
      host.clock.forward(100);
      expect(await host.texts('/users/1', 1)).toEqual(['1 run 2']);
      await vi.waitFor(async () => expect(await host.texts('/users/1', 1)).toEqual(['1 run 4']));
      expect(ran).toEqual(['log', 'users', 'log', 'users']);
      expect(host.cache.getStats()).toMatchObject({ refreshes: 1 });
    });

    it('is warmed', async () => {
      const host = await start();
      expect(await host.cache.warm({ app: host.server, urls: ['/users/1', '/bare/1'] })).toMatchObject({ warmed: 2 });
      expect(host.cache.getStats()).toMatchObject({ sets: 2, totalRequests: 0 });
    });

    it('is entered for requests that are not for its cache', async () => {
      const host = await start();
      const me = { headers: { Authorization: 'Bearer me' } };
      expect(await host.texts('/bare/1', 2, me)).toEqual(['run 2', 'run 4']);
    });
  });

  it('of Fastify is not entered by a hit, and invalidated by what it does', async () => {
    const { cache } = await bench.cache(store);
    let runs = 0;
    const app = Fastify({ serverFactory: (handler) => createServer(withCache(handler, { cache })) });
    app.addHook('onRequest', async () => {
      ran.push('hook');
    });
    app.get('/users', async (_request, reply) => {
      (reply.raw as unknown as { cache: { tag(name: string): void } }).cache.tag('users');
      return { run: ++runs };
    });
    app.post('/users', async (_request, reply) => reply.code(201).send({}));
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    try {
      const get = async () => (await (await fetch(`${origin}/users`)).json()) as { run: number };
      expect([await get(), await get()]).toEqual([{ run: 1 }, { run: 1 }]);
      expect(ran).toEqual(['hook']);
      expect((await fetch(`${origin}/users`, { method: 'POST' })).status).toBe(201);
      expect(await get()).toEqual({ run: 2 });
      await cache.invalidateByTags(['users']);
      expect(await get()).toEqual({ run: 3 });
    } finally {
      await app.close();
    }
  });
});

describe.each(STORES)('two caches on %s', (store) => {
  it('hear all of a response, with a layer between that has methods of its own', async () => {
    const { cache: inner } = await bench.cache(store);
    const seen: string[] = [];
    const host = await bench.serve(store, (outer) => {
      const handler = withCache(
        (_req, res) => {
          ran.push('handler');
          res.write('a');
          res.end('b');
        },
        { cache: inner },
      );
      return withCache(
        (req, res) => {
          for (const name of ['writeHead', 'write', 'end'] as const) {
            const before = res[name] as (...args: unknown[]) => never;
            res[name] = ((...args: unknown[]) => {
              seen.push(name);
              return before.apply(res, args);
            }) as never;
          }
          return handler(req, res);
        },
        { cache: outer },
      );
    });
    expect(await host.texts('/x', 2)).toEqual(['ab', 'ab']);
    // As without a cache: Node asks for the head as the first piece comes to it.
    expect(seen).toEqual(['write', 'writeHead', 'end']);
    await host.cache.clear();
    expect((await host.ask('/x')).text).toBe('ab');
    // The inner one has it still.
    expect(ran).toEqual(['handler']);
  });
});
