// A request that a layer has made into another: by its URL, before it comes to the cache, or by its method, behind that.

import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { COMBINATIONS, numbered, useBench } from './bench.js';
import { FAILURES, Layer } from './hosts.js';

const bench = useBench();

/** Sends clients that say so in a field to a URL of their own. */
const rewriting = new Layer(
  (req, _res, next) => {
    const to = req.headers['x-to'];
    if (to !== undefined) req.url = String(to);
    next();
  },
  (ctx, next) => {
    const to = ctx.headers['x-to'];
    if (to !== undefined) ctx.url = String(to);
    return next();
  },
);

const overriding = new Layer(
  (req, _res, next) => {
    req.method = String(req.headers['x-method'] ?? req.method);
    next();
  },
  (ctx, next) => {
    ctx.method = String(ctx.headers['x-method'] ?? ctx.method);
    return next();
  },
);

const to = (url: string) => ({ headers: { 'X-To': url } });
const method = (name: string) => ({ headers: { 'X-Method': name } });

describe.each(COMBINATIONS)('rewritten: $label', (combination) => {
  it('a URL that a layer outside gives a handler is told apart from the one that was asked for', async () => {
    const host = await bench.start(combination);
    host.use(rewriting);
    const asked: IncomingMessage[] = [];
    host.use({}, ({ req }) => {
      asked.push(req);
      return { body: `of ${req.url}` };
    });
    for (const status of [/fwd=uri-miss; stored$/, /; hit;/, /; hit;/]) {
      for (const url of ['/m/home', '/m/other', '/', '/home?b=1', '/ome']) {
        const answer = await host.ask('/home', to(url));
        expect(answer.header('cache-status'), url).toMatch(status);
        expect(answer.text).toBe(`of ${url}`);
      }
      const plain = await host.ask('/home');
      expect(plain.header('cache-status')).toMatch(status);
      expect(plain.text).toBe('of /home');
    }
    // Koa keeps the URL as it came in its context alone.
    if (host.family === 'express') {
      const explained = await Promise.all(asked.map((req) => host.cache.explain(req)));
      expect(explained.map(({ steps }) => steps.at(-1)?.ok)).toEqual(asked.map(() => true));
      expect(new Set(explained.map(({ key }) => key)).size).toBe(asked.length);
    }
    // What changes a URL changes whatever it was made into.
    await host.cache.invalidateKey('/home', null);
    expect((await host.ask('/home', to('/m/home'))).header('cache-status')).toMatch(/fwd=uri-miss; stored$/);
  });

  it('a URL that a layer within a mount makes of it is told apart, though the target ends so', async () => {
    const host = await bench.start(combination);
    host.mount('/app', rewriting, {}, ({ req }) => ({ body: `of ${req.url}` }));
    for (let i = 0; i < 2; i++) {
      expect((await host.ask('/app/a/home')).text).toBe('of /a/home');
      expect((await host.ask('/app/a/home', to('/home'))).text).toBe('of /home');
    }
    expect((await host.ask('/app/a/home', to('/home'))).header('cache-status')).toContain('; hit;');
  });

  it('a URL that leads into a mount is told apart, though that leaves the target of it', async () => {
    const host = await bench.start(combination);
    host.use(rewriting);
    host.mount('/m', {}, ({ req }) => ({ body: `mobile ${req.url}` }));
    host.use({}, ({ req }) => ({ body: `plain ${req.url}` }));
    for (let i = 0; i < 2; i++) {
      expect((await host.ask('/home')).text).toBe('plain /home');
      expect((await host.ask('/home', to('/m/home'))).text).toBe('mobile /home');
    }
    expect((await host.ask('/home', to('/m/home'))).header('cache-status')).toContain('; hit;');
  });

  it('a method that a layer inside gives a handler is not answered from, or kept as, that of the client', async () => {
    const host = await bench.start(combination);
    host.use({}, overriding);
    host.use(numbered());
    const read = () => host.ask('/x').then(({ text }) => text);
    const deleted = await host.ask('/x', method('DELETE'));
    expect([deleted.text, deleted.header('cache-status')]).toEqual(['run 1', 'respcache; fwd=uri-miss; detail=method']);
    expect([await read(), await read()]).toEqual(['run 2', 'run 2']);
    const again = await host.ask('/x?again', method('POST'));
    expect(again.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=method');
    expect(await read()).toBe('run 2');
    expect((await host.ask('/y', method('HEAD'))).header('cache-status')).toBe(
      'respcache; fwd=uri-miss; detail=method',
    );
  });

  it.each(FAILURES)('what is stored stands in for no such handler that fails: it %s', async (_, fail) => {
    const host = await bench.start(combination);
    host.use({ ttl: 10, staleIfError: 60 }, overriding);
    host.use((asked) => (asked.method === 'DELETE' ? fail(asked) : { body: 'stored' }));
    await host.ask('/x');
    host.clock.forward(10);
    const status = await host.ask('/x', method('DELETE')).then(
      (answer) => answer.status,
      () => 'none',
    );
    expect([500, 503, 'none']).toContain(status);
  });

  it('a POST that a layer inside makes into another method gives no answer for GETs', async () => {
    const host = await bench.start(combination);
    host.use({ storePost: true }, overriding);
    host.use(numbered({ headers: { 'Cache-Control': 'max-age=60', 'Content-Location': '/x' } }));
    const deleted = await host.ask('/x', { method: 'POST', ...method('DELETE') });
    expect([deleted.text, deleted.header('cache-status')]).toEqual(['run 1', 'respcache; fwd=method; detail=method']);
    expect((await host.ask('/x')).text).toBe('run 2');
    expect((await host.ask('/x', { method: 'POST' })).header('cache-status')).toBe('respcache; fwd=method; stored');
    expect((await host.ask('/x')).text).toBe('run 3');
  });

  it('a method that changes something invalidates its URL, whichever the client has sent', async () => {
    const host = await bench.start(combination);
    host.use({ vary: ['x-method'] }, overriding);
    host.use(numbered());
    const read = () => host.ask('/x').then(({ text }) => text);
    expect([await read(), await read()]).toEqual(['run 1', 'run 1']);
    expect((await host.ask('/x', method('PUT'))).text).toBe('run 2');
    expect(await read()).toBe('run 3');
    expect(host.cache.getStats().totalRequests).toBe(4);
  });
});
