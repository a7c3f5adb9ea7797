// docs/from/apicache.md: its two applications, side by side, and the features that it maps.

import express, { type RequestHandler } from 'express';
import { cacheMiddleware, clear, invalidate, statsRouter } from 'respcache/express';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ask } from '../adapters/client.js';
import { type Apicache, apicache } from './apicache.js';
import { answersOf, as, MigrationPage, Stage, texts } from './stage.js';

const page = new MigrationPage('apicache');
const stage = new Stage();
afterEach(() => stage.close());
afterAll(() => page.snippets.close());

describe('docs/from/apicache.md', () => {
  it('has no code that is not run here', () => page.expectSnippets(['before', 'after']));

  it('says of every option and method what becomes of it', () => {
    const fresh: Apicache = apicache.newInstance();
    page.expectRowsFor([...Object.keys(fresh.options()), ...Object.keys(fresh)]);
  });

  it('answers the same before and after, on a hit, on a miss, and after a write', async () => {
    const requests = [
      ...[
        'GET /users',
        'GET /users',
        'GET /users?page=2',
        'GET /users/0',
        'GET /users/0',
        'GET /users/7',
        'GET /users/7',
      ],
      ...['POST /users', 'GET /users', 'GET /users', 'GET /users/0'],
    ];
    const [before, after] = await Promise.all(
      ['before', 'after'].map((name) => answersOf(page.snippets, name, requests)),
    );
    expect(after).toEqual(before);
    expect(before![0]).toBe(before![1]);
    expect(before!.at(-3)).toContain('Bob');
  });
});

describe('what apicache has, here', () => {
  /** Counts the runs of the handler behind a middleware. */
  const counting = (layer: RequestHandler, ...more: RequestHandler[]) => {
    let runs = 0;
    const app = express();
    app.get('/run{/*path}', layer, ...more, (_req, res) => res.send(String(++runs)));
    return app;
  };

  it('toggle: when, and noStore', async () => {
    const cache = stage.cache();
    const app = counting(cacheMiddleware({ cache, when: (req) => req.query.off === undefined }), (req, res, next) => {
      if (req.query.personal) res.cache.noStore();
      next();
    });
    const port = await stage.serve(app);
    expect(await texts(port, '/run', '/run', '/run?off=1', '/run?off=1')).toEqual(['1', '1', '2', '3']);
    expect(await texts(port, '/run?personal=1', '/run?personal=1')).toEqual(['4', '5']);
  });

  it('enabled: false', async () => {
    const port = await stage.serve(counting(cacheMiddleware({ cache: stage.cache(), when: () => false })));
    expect(await texts(port, '/run', '/run')).toEqual(['1', '2']);
  });

  it("defaultDuration and local options: the cache's, the route's, the request's", async () => {
    const cache = stage.cache({ ttl: 1000 });
    const left = async (layer: RequestHandler, target = '/run') => {
      const port = await stage.serve(counting(layer));
      await ask(port, target);
      return Number(/ttl=(\d+)/.exec((await ask(port, target)).header('cache-status') ?? '')?.[1]);
    };
    const within = (seconds: number) => expect.toSatisfy((ttl: number) => ttl > seconds - 60 && ttl <= seconds);
    expect(await left(cacheMiddleware({ cache }))).toEqual(within(1000));
    expect(await left(cacheMiddleware({ cache, ttl: 600 }), '/run/route')).toEqual(within(600));
    expect(await left(cacheMiddleware({ cache, ttl: (req) => Number(req.query.t) }), '/run?t=300')).toEqual(
      within(300),
    );
  });

  it('x-apicache-bypass: when', async () => {
    const cache = stage.cache();
    const port = await stage.serve(counting(cacheMiddleware({ cache, when: (req) => !req.get('x-bypass') })));
    expect(await texts(port, '/run', as('/run', { 'x-bypass': 'true' }), '/run')).toEqual(['1', '2', '1']);
  });

  it('appendKey: a key function', async () => {
    const cache = stage.cache();
    const port = await stage.serve(counting(cacheMiddleware({ cache, key: (req) => String(req.get('x-plan')) })));
    const [free, paid] = [as('/run', { 'x-plan': 'free' }), as('/run', { 'x-plan': 'paid' })];
    expect(await texts(port, free, paid, free, paid)).toEqual(['1', '2', '1', '2']);
  });

  it('jsonp: no parameter in the key', async () => {
    const cache = stage.cache();
    const port = await stage.serve(counting(cacheMiddleware({ cache, query: { ignore: ['*'] } })));
    expect(await texts(port, '/run?callback=a', '/run?callback=b')).toEqual(['1', '1']);
  });

  it('headerBlacklist: a private field', async () => {
    const app = counting(cacheMiddleware({ cache: stage.cache() }), (_req, res, next) => {
      res.set({ 'cache-control': 'max-age=60, private="x-user"', 'x-user': 'ada', 'x-kept': 'yes' });
      next();
    });
    const port = await stage.serve(app);
    const [first, second] = [await ask(port, '/run'), await ask(port, '/run')];
    expect([first.text, first.header('x-user')]).toEqual(['1', 'ada']);
    expect([second.text, second.header('x-user'), second.header('x-kept')]).toEqual(['1', undefined, 'yes']);
  });

  it('statusCodes: negativeTtl', async () => {
    let runs = 0;
    const app = express();
    app.get('/gone', cacheMiddleware({ cache: stage.cache(), negativeTtl: 0 }), (_req, res) => {
      res.status(404).send(String(++runs));
    });
    expect(await texts(await stage.serve(app), '/gone', '/gone')).toEqual(['1', '2']);
  });

  it("headers: the browser's max-age", async () => {
    const port = await stage.serve(counting(cacheMiddleware({ cache: stage.cache(), browserTtl: 300 })));
    expect((await ask(port, '/run')).header('cache-control')).toMatch(/max-age=300/);
  });

  it('respectCacheControl: requestDirectives', async () => {
    const cache = stage.cache();
    const port = await stage.serve(counting(cacheMiddleware({ cache, requestDirectives: 'honor' })));
    expect(await texts(port, '/run', as('/run', { 'cache-control': 'no-cache' }), '/run')).toEqual(['1', '2', '2']);
  });

  it('clear: by group, by URL, all', async () => {
    const cache = stage.cache();
    const app = counting(cacheMiddleware({ cache, tags: (req) => [`group:${req.query.g}`] }));
    app.post('/group', invalidate({ cache, tags: ['group:a'] }), (_req, res) => res.end());
    app.post('/url', invalidate('/run', { cache }), (_req, res) => res.end());
    app.post('/all', clear({ cache }), (_req, res) => res.end());
    const port = await stage.serve(app);
    const post = (target: string) => ask(port, target, { method: 'POST' });
    expect(await texts(port, '/run?g=a', '/run?g=b', '/run/x')).toEqual(['1', '2', '3']);
    await post('/group');
    expect(await texts(port, '/run?g=b', '/run/x', '/run?g=a')).toEqual(['2', '3', '4']);
    await post('/url');
    expect(await texts(port, '/run/x', '/run?g=a', '/run?g=b')).toEqual(['3', '5', '6']);
    await post('/all');
    expect(await texts(port, '/run/x')).toEqual(['7']);
  });

  it('clear from code, where all are one tenant with a name', async () => {
    const cache = stage.cache({ tenant: () => 'everybody' });
    const port = await stage.serve(counting(cacheMiddleware({ cache, key: 'runs' })));
    expect(await texts(port, '/run', '/run')).toEqual(['1', '1']);
    await cache.invalidateKey('/run', 'everybody');
    expect(await texts(port, '/run', '/run')).toEqual(['2', '2']);
    await cache.invalidatePattern('ru*', 'everybody');
    expect(await texts(port, '/run')).toEqual(['3']);
  });

  it('getPerformance: getStats and the router', async () => {
    const cache = stage.cache();
    const app = counting(cacheMiddleware({ cache }));
    app.use('/figures', statsRouter({ cache }));
    const port = await stage.serve(app);
    await texts(port, '/run', '/run');
    expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1, hitRate: 50 });
    expect(JSON.parse((await ask(port, '/figures')).text)).toMatchObject({ hits: 1, misses: 1 });
  });
});
