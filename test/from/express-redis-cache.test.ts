// docs/from/express-redis-cache.md: what it says of this cache. The old package cannot be installed beside today's clients.

import express, { type Express, type RequestHandler } from 'express';
import type { Cache } from 'respcache';
import { cacheMiddleware, invalidate } from 'respcache/express';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../adapters/client.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy } from '../support/tcp-proxy.js';
import { as, MigrationPage, Stage, texts } from './stage.js';

const page = new MigrationPage('express-redis-cache');
const stage = new Stage();
let redis: RedisServer;
let cache: Cache;

beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(async () => {
  await redis.command('FLUSHALL');
  cache = stage.cache({ redis: redis.url, timeout: 5000 });
  await cache.health();
});
afterEach(() => stage.close());
afterAll(async () => {
  page.snippets.close();
  await redis.stop();
});

/** A handler that counts its runs, behind middleware. */
function layered(...layers: RequestHandler[]): Express {
  let runs = 0;
  return express().use(...layers, (_req, res) => res.send(String(++runs)));
}

/** The same, served. */
const counting = (...layers: RequestHandler[]): Promise<number> => stage.serve(layered(...layers));

describe('docs/from/express-redis-cache.md', () => {
  it('has no code that is not run here', () => page.expectSnippets(['after']));

  it('says of every option, method and event what becomes of it', () => {
    page.expectRowsFor([
      ...['host', 'port', 'auth_pass', 'client', 'prefix', 'expire', 'FOREVER', 'type', 'binary'],
      ...['route', 'get', 'add', 'del', 'size', 'error', 'message', 'connected', 'disconnected', 'deprecated'],
      ...['express_redis_cache_name', 'expressRedisCacheName', 'use_express_redis_cache', 'expressRedisCache'],
    ]);
  });

  it('caches, and forgets what was written', async () => {
    const { address } = await page.snippets.serve('after', { REDIS_URL: redis.url });
    const text = async (path: string, method = 'GET') => (await fetch(address + path, { method })).text();
    const first = await text('/articles');
    const detail = await text('/articles/0');
    await expect.poll(() => text('/articles')).toBe(await text('/articles'));
    expect(await text('/articles')).toContain('["Hello"]');
    expect(await text('/articles', 'POST')).toContain('More');
    expect(await text('/articles')).not.toBe(first);
    expect(await text('/articles')).toContain('More');
    expect(await text('/articles/0')).toBe(detail);
  });
});

describe('what express-redis-cache has, here', () => {
  it('names by request, and deletion by name and pattern', async () => {
    const one = stage.cache({ redis: redis.url, timeout: 5000, tenant: false });
    const port = await counting(cacheMiddleware({ cache: one, key: (req) => `page:${req.query.p}` }));
    expect(await texts(port, '/?p=1', '/?p=2', '/?p=1')).toEqual(['1', '2', '1']);
    const clearing = express();
    clearing.post('/one', invalidate('page:1', { cache: one }), (_req, res) => res.end());
    clearing.post('/all', invalidate({ cache: one, patterns: ['page:*'] }), (_req, res) => res.end());
    const other = await stage.serve(clearing);
    await ask(other, '/one', { method: 'POST' });
    expect(await texts(port, '/?p=1', '/?p=2')).toEqual(['3', '2']);
    await ask(other, '/all', { method: 'POST' });
    expect(await texts(port, '/?p=1', '/?p=2')).toEqual(['4', '5']);
  });

  it('skipping, before and in the handler', async () => {
    const port = await counting(cacheMiddleware({ cache, when: (req) => !req.query.skip }), (req, res, next) => {
      if (req.query.drop) res.cache.noStore();
      next();
    });
    expect(await texts(port, '/?skip=1', '/?skip=1', '/?drop=1', '/?drop=1')).toEqual(['1', '2', '3', '4']);
  });

  it('values by hand, with their types', async () => {
    await cache.set('user:info', { at: new Date(0) }, 'shared', { ttl: 60 });
    expect(await cache.get('user:info', 'shared')).toEqual({ at: new Date(0) });
    expect(await cache.delete('user:info', 'shared')).toBe(true);
  });
});

describe('what behaves better', () => {
  it('neither a request nor a pattern asks for KEYS', async () => {
    const port = await counting(cacheMiddleware({ cache }));
    await redis.command('CONFIG', 'RESETSTAT');
    expect(await texts(port, '/users/1', '/users/1', '/users/2')).toEqual(['1', '1', '2']);
    await cache.set('users:1', 1, 'client');
    await cache.invalidatePattern('users:*', 'client');
    expect(await cache.get('users:1', 'client')).toBeUndefined();
    const commands = String(await redis.command('INFO', 'commandstats'));
    expect(commands).toMatch(/cmdstat_/);
    expect(commands).not.toMatch(/cmdstat_(keys|scan|flush)/);
  });

  it('glob signs in URLs are nothing special', async () => {
    const port = await counting(cacheMiddleware({ cache }));
    const urls = ['/articles/1', '/articles?1', '/articles/[0-9]', '/articles/*'];
    expect(await texts(port, ...urls, ...urls)).toEqual(['1', '2', '3', '4', '1', '2', '3', '4']);
  });

  it('a POST runs, and invalidates its URL', async () => {
    const port = await counting(cacheMiddleware({ cache }));
    expect(await texts(port, '/', ['/', { method: 'POST' }], '/')).toEqual(['1', '2', '3']);
  });

  it('ten requests at once run the handler once', async () => {
    let [arrived, open] = [0, () => {}];
    const opened = new Promise<void>((done) => {
      open = done;
    });
    const arrives: RequestHandler = (_req, _res, next) => {
      next();
      if (++arrived === 10) setImmediate(open);
    };
    const app = express();
    app.use(
      arrives,
      layered(cacheMiddleware({ cache }), async (_req, _res, next) => {
        await opened;
        next();
      }),
    );
    const port = await stage.serve(app);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(port, '/')));
    expect(answers.map(({ text }) => text)).toEqual(Array(10).fill('1'));
  });

  it('the status and the fields are kept', async () => {
    const port = await counting(cacheMiddleware({ cache }), (_req, res, next) => {
      res.status(404).set('X-Shelf', 'none');
      next();
    });
    const [first, second] = [await ask(port, '/'), await ask(port, '/')];
    expect([first, second].map(({ status, text }) => [status, text])).toEqual([
      [404, '1'],
      [404, '1'],
    ]);
    expect(second.header('x-shelf')).toBe('none');
  });

  it('two clients have an answer each', async () => {
    const port = await counting(cacheMiddleware({ cache }));
    const [ada, bob] = [as('/', { 'x-client-id': 'ada' }), as('/', { 'x-client-id': 'bob' })];
    expect(await texts(port, ada, bob, ada)).toEqual(['1', '2', '1']);
  });

  it('all ways to answer are stored', async () => {
    let runs = 0;
    const app = express();
    app.use(cacheMiddleware({ cache }));
    app.get('/buffer', (_req, res) => res.send(Buffer.from([0xff, 0x00, ++runs])));
    app.get('/json', (_req, res) => res.json({ run: ++runs }));
    app.get('/pieces', (_req, res) => {
      res.write('run ');
      res.end(String(++runs));
    });
    const port = await stage.serve(app);
    for (const path of ['/buffer', '/json', '/pieces']) {
      expect((await ask(port, path)).body).toEqual((await ask(port, path)).body);
    }
    expect(runs).toBe(3);
  });

  it('a Redis that does not answer is not waited for', async () => {
    const proxy = await startProxy(redis.port);
    stage.onClose(() => proxy.close());
    const away = stage.cache({ redis: `redis://127.0.0.1:${proxy.port}`, l1: false });
    await away.health();
    const port = await counting(cacheMiddleware({ cache: away }));
    proxy.blackhole();
    // It would never come, if it were waited for.
    expect(await texts(port, '/', '/')).toEqual(['1', '2']);
  });

  it('an invalidation outranks a handler that was running', async () => {
    let during = async (): Promise<unknown> => undefined;
    const port = await counting(cacheMiddleware({ cache }), async (_req, _res, next) => {
      const invalidating = during;
      during = async () => undefined;
      await invalidating();
      next();
    });
    during = () => cache.clear();
    expect(await texts(port, '/', '/', '/')).toEqual(['1', '2', '2']);
  });
});
