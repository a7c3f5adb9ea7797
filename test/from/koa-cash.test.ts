// docs/from/koa-cash.md: its two applications, side by side, and the features that it maps.

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import Koa, { type Middleware } from 'koa';
import { cacheMiddleware, invalidate } from 'respcache/koa';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ask } from '../adapters/client.js';
import { load } from '../adapters/hosts.js';
import { both, count } from './koa-cash.js';
import { answersOf, as, MigrationPage, Stage, texts } from './stage.js';

const compress: (options: object) => Middleware = load('koa-compress');
const page = new MigrationPage('koa-cash');
const stage = new Stage();
afterEach(() => stage.close());
afterAll(() => page.snippets.close());

describe('docs/from/koa-cash.md', () => {
  it('has no code that is not run here', () => page.expectSnippets(['before', 'after']));

  it('says of every option what becomes of it', () => {
    const source = readFileSync(new URL('../../node_modules/koa-cash/index.js', import.meta.url), 'utf8');
    const used = [...source.matchAll(/\boptions\.(\w+)/g)].map((match) => match[1]!);
    const taken = [...source.matchAll(/const \{ (\w+) \} = options/g)].map((match) => match[1]!);
    const said = [...source.matchAll(/ctx\.(cash\w+) =/g)].map((match) => match[1]!);
    expect([...used, ...taken, ...said].length).toBeGreaterThan(8);
    page.expectRowsFor([...used, ...taken, ...said]);
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

describe('what koa-cash has, here', () => {
  const counting = (...layers: Middleware[]) => {
    let runs = 0;
    const app = new Koa();
    for (const layer of layers) app.use(layer);
    app.use((ctx) => count(ctx, ++runs));
    return stage.serve(app.callback());
  };

  it('hash: a key function, and query', async () => {
    const cache = stage.cache();
    const port = await counting(
      cacheMiddleware({ cache, key: (ctx) => ctx.get('x-plan') || 'none', query: { ignore: ['utm_*'] } }),
    );
    const paid = as('/?utm_source=mail', { 'x-plan': 'paid' });
    expect(await texts(port, '/', '/?utm_source=x', paid, paid)).toEqual(['1', '1', '2', '2']);
  });

  it('cashed: ttl and noStore in the handler', async () => {
    const port = await counting(cacheMiddleware({ cache: stage.cache() }), (ctx, next) => {
      if (ctx.query.personal) ctx.cache.noStore();
      else ctx.cache.ttl(7);
      return next();
    });
    expect(await texts(port, '/?personal=1', '/?personal=1')).toEqual(['1', '2']);
    await ask(port, '/');
    expect((await ask(port, '/')).header('cache-status')).toMatch(/^respcache; hit; ttl=[67]$/);
  });

  it('cashClear: by key, from code and on a route', async () => {
    const cache = stage.cache();
    const clearing = invalidate('/list', { cache });
    const port = await counting(cacheMiddleware({ cache, tenant: false }), (ctx, next) =>
      ctx.method === 'POST' ? clearing(ctx, next) : next(),
    );
    expect(await texts(port, '/list', '/list', ['/other', { method: 'POST' }], '/list')).toEqual(['1', '1', '2', '3']);
    await cache.clear();
    expect(await texts(port, '/list')).toEqual(['4']);
  });

  it('compression: koa-compress, before the cache or after it', async () => {
    const answer: Middleware = (ctx, next) => {
      ctx.type = 'text';
      return next();
    };
    const [gzip, plain] = [{ 'accept-encoding': 'gzip' }, { 'accept-encoding': 'identity' }];
    const outcome = async (...layers: Middleware[]) => {
      const port = await counting(...layers, answer);
      const answers = [];
      for (const headers of [gzip, plain, gzip]) answers.push(await ask(port, '/', { headers }));
      const texts = answers.map(({ body, header }) =>
        (header('content-encoding') === 'gzip' ? gunzipSync(body) : body).toString(),
      );
      return { texts, codings: answers.map(({ header }) => header('content-encoding') ?? 'identity') };
    };
    const cashed = () => cacheMiddleware({ cache: stage.cache() });
    const compressing = () => compress({ threshold: 0 });
    const codings = ['gzip', 'identity', 'gzip'];
    // In either place it says that the answer varies, and before its handler runs.
    expect(await outcome(compressing(), cashed())).toEqual({ texts: ['1', '2', '1'], codings });
    expect(await outcome(cashed(), compressing())).toEqual({ texts: ['1', '2', '1'], codings });
  });

  it('HEAD and conditions', async () => {
    const ports = await both(stage, count);
    for (const port of [ports.old, ports.now]) {
      await ask(port, '/');
      expect((await ask(port, '/', { method: 'HEAD' })).header('content-length')).toBe('1');
    }
    const etag = (await ask(ports.now, '/')).header('etag')!;
    expect((await ask(ports.now, '/', { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect(ports.runs).toEqual({ old: 1, now: 1 });
  });
});
