// Warming: the application is run without clients, for what it is to have ready.

import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import {
  type App,
  type CacheOptions,
  createCache,
  RespcacheError,
  type WarmOptions,
  type WarmProgress,
  type WarmReport,
} from 'respcache';
import { type Listener, withCache } from 'respcache/node';
import { ChaosStore } from 'respcache/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deferred } from '../service/backends.js';
import { NEWEST, numbered, stream, useBench } from './bench.js';
import type { Host } from './hosts.js';

const bench = useBench();
const ACME = { headers: { 'X-Client-Id': 'acme', Host: 'localhost' } };

describe.each(NEWEST)('warming: $label', (combination) => {
  const start = async () => {
    const host = await bench.start(combination);
    host.use({});
    return host;
  };
  const warm = async (host: Host, options: Omit<WarmOptions, 'app'>): Promise<WarmReport> =>
    host.cache.warm({ app: await host.server(), ...options });

  it('fills the cache for each tenant; clients are then served from it', async () => {
    const host = await start();
    const handler = numbered();
    host.get('/x', {}, handler);
    const report = await warm(host, { urls: ['/x', '/x?b=2&a=1'], tenants: ['acme', 'b'] });
    expect(report).toEqual({ requested: 4, warmed: 4, fresh: 0, uncacheable: 0, failed: 0, problems: [] });
    expect(handler.runs).toBe(4);
    for (const target of ['/x', '/x?a=1&b=2'])
      expect((await host.ask(target, ACME)).header('cache-status')).toMatch(/^respcache; hit/);
    expect((await host.ask('/x', { headers: { Host: 'localhost' } })).header('cache-status')).toMatch(/uri-miss/);
    const figures = { hits: 2, misses: 1, totalRequests: 3, sets: 5 };
    await vi.waitFor(() => expect(host.cache.getStats()).toMatchObject(figures), { interval: 2 });
  });

  it('takes a path as its handler has it, and so do explanations', async () => {
    const host = await start();
    host.get('/:page', {}, numbered());
    const headers = { 'x-client-id': 'acme', host: 'localhost' };
    const urls = ['/caf\u00e9', '/a b?c=\u65e5', '/d%20e'];
    expect(await warm(host, { urls, tenants: ['acme'] })).toMatchObject({ warmed: 3, problems: [] });
    for (const url of urls) expect(await host.cache.explain({ url, headers })).toMatchObject({ outcome: 'hit' });
    for (const target of ['/caf%C3%A9', '/a%20b?c=%E6%97%A5', '/d%20e'])
      expect((await host.ask(target, ACME)).header('cache-status')).toMatch(/^respcache; hit/);
  });

  it('asks for the fields of each tenant once, and for each URL once, however often it is named', async () => {
    const host = await start();
    host.get('/:page', {}, numbered());
    const headers = vi.fn((tenant: string | undefined) => ({ 'X-Client-Id': `${tenant}` }));
    const tenants = ['acme', 'b'];
    expect(await warm(host, { urls: ['/x', '/y', '/x'], tenants, headers })).toMatchObject({ requested: 4, warmed: 4 });
    expect(headers.mock.calls).toEqual([['acme'], ['b']]);
  });

  it('leaves what is fresh, and makes anew what would not be for long enough', async () => {
    const host = await start();
    const handler = numbered();
    host.get('/x', { ttl: 60 }, handler);
    expect(await warm(host, { urls: ['/x'] })).toMatchObject({ warmed: 1 });
    host.clock.forward(30);
    expect(await warm(host, { urls: ['/x'] })).toMatchObject({ warmed: 0, fresh: 1 });
    expect(handler.runs).toBe(1);
    expect(await warm(host, { urls: ['/x'], minFresh: 40 })).toMatchObject({ warmed: 1, fresh: 0 });
    expect(handler.runs).toBe(2);
    expect((await host.ask('/x', { headers: { Host: 'localhost' } })).text).toBe('run 2');
  });

  it('tells what cannot be stored, and why', async () => {
    const host = await bench.start(combination, { maxBodyBytes: 100 });
    host.use({});
    host.get('/private', {}, numbered({ headers: { 'Cache-Control': 'private' } }));
    host.get('/cookie', {}, numbered({ headers: { 'Set-Cookie': 'a=1' } }));
    host.get('/large', {}, () => ({ body: stream(['x'.repeat(60), 'x'.repeat(60)]) }));
    host.get('/when', { when: () => false }, numbered());
    const urls = ['/private', '/cookie', '/large', '/when'];
    const report = await warm(host, { urls, concurrency: 1 });
    expect(report).toMatchObject({ requested: 4, uncacheable: 4, warmed: 0, failed: 0 });
    expect(report.problems.map(({ url, reason }) => `${url} ${reason}`)).toEqual([
      '/private private',
      '/cookie set-cookie',
      '/large too-large',
      '/when when',
    ]);
  });

  it('tells what was stored, and is not any more by the word of its handler', async () => {
    const host = await start();
    const control = ['max-age=60', 'no-store'];
    host.get('/x', {}, () => ({ body: 'x', headers: { 'Cache-Control': control.shift()! } }));
    expect(await warm(host, { urls: ['/x'] })).toMatchObject({ warmed: 1 });
    const report = await warm(host, { urls: ['/x'], minFresh: 1000 });
    expect(report).toMatchObject({ warmed: 0, uncacheable: 1, problems: [{ reason: 'no-store' }] });
  });

  it('names the tenant as a mount has it, and so does an explanation by the router', async () => {
    const host = await bench.start(combination);
    host.mount('/cache', host.stats({ authorize: () => true }));
    host.use({ tenant: 'x-org' });
    host.get('/x', {}, numbered());
    const asked = { headers: { 'X-Org': 'acme', Host: `127.0.0.1:${await host.port()}` } };
    expect(await warm(host, { urls: ['/x'], tenants: ['acme'], host: asked.headers.Host })).toMatchObject({
      warmed: 1,
    });
    expect((await host.ask('/x', asked)).header('cache-status')).toMatch(/^respcache; hit/);
    const explained = await host.ask('/cache/explain?url=/x&tenant=acme', { headers: { 'Accept-Encoding': 'gzip' } });
    expect(JSON.parse(explained.text)).toMatchObject({ outcome: 'hit', tenant: 'acme' });
    await host.ask('/cache/warm', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ urls: ['/x'], tenants: ['b'] }),
    });
    expect((await host.ask('/x', { headers: { 'X-Org': 'b' } })).header('cache-status')).toMatch(/^respcache; hit/);
  });

  it('asks by the fields that it is given, however their names are spelt', async () => {
    const host = await start();
    host.get('/x', {}, numbered({ headers: { Vary: 'Accept' } }));
    for (const fields of [{}, { Accept: 'application/json' }, { Host: 'api.example.com' }, { 'X-Client-Id': 'acme' }]) {
      const headers = { Accept: '*/*', ...ACME.headers, ...fields };
      const urls = [`/x?${Object.keys(fields)}`];
      expect(await warm(host, { urls, tenants: ['acme'], headers: fields })).toMatchObject({ warmed: 1 });
      expect((await host.ask(urls[0]!, { headers })).header('cache-status'), urls[0]).toMatch(/^respcache; hit/);
    }
  });

  it('ends when the cache is closed, and does not say that it is done', async () => {
    const host = await start();
    host.get('/:id', {}, async () => {
      void host.cache.close();
      return { body: 'x' };
    });
    const urls = Array.from({ length: 50 }, (_, i) => `/${i}`);
    await expect(warm(host, { urls, concurrency: 1 })).rejects.toThrow('warm: the cache is closed');
    await expect(warm(host, { urls })).rejects.toThrow('warm: the cache is closed');
  });

  it('says so where no cache looks after a URL', async () => {
    const host = await bench.start(combination);
    host.get(
      '/x',
      new (await import('./hosts.js')).Layer(
        (_req, _res, next) => next(),
        (_ctx, next) => next(),
      ),
      numbered(),
    );
    expect((await warm(host, { urls: ['/x'] })).problems).toEqual([
      { url: '/x', tenant: undefined, reason: 'no cacheMiddleware of this cache' },
    ]);
  });

  it('stores streams whose length nobody knows', async () => {
    const host = await start();
    host.get('/x', {}, () => ({ body: stream(['a', 'b']) }));
    expect(await warm(host, { urls: ['/x'] })).toMatchObject({ warmed: 1, uncacheable: 0 });
    const answer = await host.ask('/x', {
      headers: { Host: 'localhost', 'Accept-Encoding': 'gzip, deflate, br, zstd' },
    });
    expect([answer.text, answer.header('cache-status')]).toEqual(['ab', expect.stringMatching(/^respcache; hit/)]);
  });

  it('tries again what fails, and gives up at last', async () => {
    const host = await start();
    let runs = 0;
    const never = vi.fn(() => ({ status: 500, body: 'x' }));
    host.get('/flaky', {}, () => ({ status: ++runs < 3 ? 503 : 200, body: 'x' }));
    host.get('/never', {}, never);
    const report = await warm(host, { urls: ['/flaky', '/never'], retries: 2 });
    expect(report).toMatchObject({ warmed: 1, failed: 1, problems: [{ url: '/never', reason: 'status 500' }] });
    expect(runs).toBe(3);
    expect(never).toHaveBeenCalledTimes(3);
  });

  it('tries again what was invalidated while it was made', async () => {
    const host = await start();
    let runs = 0;
    host.get('/x', {}, async () => {
      if (++runs === 1) await host.cache.clear();
      return { body: 'x' };
    });
    host.get('/always', {}, async () => {
      await host.cache.invalidateKey('/always', null);
      return { body: 'x' };
    });
    expect(await warm(host, { urls: ['/x'] })).toMatchObject({ warmed: 1, problems: [] });
    expect((await host.ask('/x', { headers: { Host: 'localhost' } })).header('cache-status')).toMatch(
      /^respcache; hit/,
    );
    const problems = [{ url: '/always', reason: 'invalidated' }];
    expect(await warm(host, { urls: ['/always'], retries: 1 })).toMatchObject({ failed: 1, uncacheable: 0, problems });
  });

  it('gives up a handler that does not answer', async () => {
    const host = await start();
    host.get('/x', {}, () => new Promise<never>(() => {}));
    const report = await warm(host, { urls: ['/x'], timeout: 20, retries: 0 });
    expect(report.problems).toEqual([{ url: '/x', tenant: undefined, reason: 'not answered' }]);
  });

  it('runs so many at a time, and tells how far it is', async () => {
    const host = await start();
    let [under, most] = [0, 0];
    host.get('/:id', {}, async () => {
      most = Math.max(most, ++under);
      await new Promise(setImmediate);
      under--;
      return { body: 'x' };
    });
    const progress: WarmProgress[] = [];
    const urls = Array.from({ length: 20 }, (_, i) => `/${i}`);
    await warm(host, { urls: urls.map((url) => `${url}?few`) });
    expect(most).toBe(4);
    most = 0;
    await warm(host, { urls, concurrency: 3, onProgress: (each) => progress.push(each) });
    expect(most).toBe(3);
    expect(progress.map(({ done }) => done)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(progress.every(({ total }) => total === 20)).toBe(true);
  });

  it('reads a sitemap of the application, and those that it is an index of', async () => {
    const host = await start();
    const xml = (body: string) => () => ({
      body: `<?xml version="1.0"?>${body}`,
      headers: { 'Content-Type': 'text/xml' },
    });
    host.get(
      '/sitemap.xml',
      { when: () => false },
      xml(`<sitemapindex><sitemap><loc>http://shop.example/one.xml</loc></sitemap></sitemapindex>`),
    );
    host.get(
      '/one.xml',
      { when: () => false },
      xml(`<urlset><!-- <url><loc>/no</loc></url> -->
      <url><loc> http://shop.example/p?a=1&amp;b=2 </loc></url><url><loc><![CDATA[http://shop.example/q]]></loc></url></urlset>`),
    );
    host.get('/:page', {}, numbered());
    expect(await warm(host, { sitemap: '/sitemap.xml' })).toMatchObject({ requested: 2, warmed: 2 });
    expect(host.cache.getStats().totalRequests).toBe(0);
    const answer = await host.ask('/p?a=1&b=2', { headers: { Host: 'shop.example' } });
    expect(answer.header('cache-status')).toMatch(/^respcache; hit/);
    await expect(warm(host, { sitemap: '/nowhere/x.xml', retries: 0 })).rejects.toThrow(
      /the sitemap \/nowhere\/x.xml cannot be read: status 404/,
    );
  });

  it('takes what was most requested, for those who requested it', async () => {
    const host = await start();
    const handler = numbered({ headers: { Vary: 'Accept-Language' } });
    host.get('/:page', {}, handler);
    const german = {
      headers: { 'X-Client-Id': 'ac:me', Host: 'shop.example', 'Accept-Language': 'de', 'X-Forwarded-Proto': 'https' },
    };
    await host.texts('/often', 5, german);
    await host.texts('/seldom', 1, german);
    await host.texts('/other', 2, ACME);
    await host.cache.clear();
    expect(await warm(host, { popular: 2 })).toMatchObject({ requested: 2, warmed: 2 });
    const runs = handler.runs;
    expect((await host.ask('/often', german)).header('cache-status')).toMatch(/hit/);
    expect((await host.ask('/other', ACME)).header('cache-status')).toMatch(/hit/);
    expect(handler.runs).toBe(runs);
    expect(await warm(host, { popular: 5, tenants: ['acme'] })).toMatchObject({ requested: 1, fresh: 1 });
  });

  it('takes what was requested by clients that name no host, as checks of load balancers do', async () => {
    const host = await start();
    host.get('/alive', {}, numbered());
    const port = await host.port();
    const asked = () => {
      const asking = connect(port, '127.0.0.1');
      asking.write('GET /alive HTTP/1.0\r\n\r\n');
      return text(asking);
    };
    await asked();
    await host.cache.clear();
    expect(await warm(host, { popular: 1, retries: 0 })).toMatchObject({ requested: 1, warmed: 1, problems: [] });
    expect(await asked()).toMatch(/^cache-status: respcache; hit/im);
  });

  it('keeps warm, round by round, until it is stopped', async () => {
    const host = await start();
    const handler = numbered();
    host.get('/x', { ttl: 60 }, handler);
    const reports: WarmReport[] = [];
    const stop = host.cache.keepWarm({
      ...{ app: await host.server(), urls: ['/x'], every: 0.02 },
      onReport: (report) => reports.push(report),
    });
    await vi.waitFor(() => expect(reports.length).toBeGreaterThan(2), { interval: 5 });
    stop();
    const { length } = reports;
    expect(reports[0]).toMatchObject({ warmed: 1 });
    expect(reports[1]).toMatchObject({ fresh: 1 });
    expect(handler.runs).toBe(1);
    const stopping = new AbortController();
    const other = vi.fn(() => stopping.abort());
    host.cache.keepWarm({
      app: await host.server(),
      urls: ['/x'],
      every: 0.001,
      signal: stopping.signal,
      onReport: other,
    });
    // As many rounds of another's as would have been of these.
    const rounds = vi.fn();
    const end = host.cache.keepWarm({ app: await host.server(), urls: ['/x'], every: 0.03, onReport: rounds });
    await vi.waitFor(() => expect(rounds.mock.calls.length).toBeGreaterThan(2), { interval: 5 });
    end();
    expect(reports).toHaveLength(length);
    expect(other).toHaveBeenCalledTimes(1);
  });

  it.each([
    { minFresh: undefined, first: 'warmed' },
    { minFresh: 0, first: 'fresh' },
  ])(
    'makes anew in a round what would be over before the next, unless told otherwise: %o',
    async ({ minFresh, first }) => {
      const host = await start();
      host.get('/x', { ttl: 60 }, numbered());
      await warm(host, { urls: ['/x'] });
      const report = deferred<WarmReport>();
      const options = { app: await host.server(), urls: ['/x'], every: 100, onReport: report.resolve };
      const stop = host.cache.keepWarm(minFresh === undefined ? options : { ...options, minFresh });
      expect(await report.promise).toMatchObject({ requested: 1, [first]: 1 });
      stop();
    },
  );

  it.each(['by a handler', 'as it tells how far it is'])(
    'can be broken off %s: no other request is made',
    async (by) => {
      const host = await start();
      const stopping = new AbortController();
      const handler = vi.fn(() => {
        if (by === 'by a handler') stopping.abort();
        return { body: 'x' };
      });
      const onProgress = vi.fn(() => stopping.abort());
      host.get('/:id', {}, handler);
      const urls = Array.from({ length: 50 }, (_, i) => `/${i}`);
      const { signal } = stopping;
      await expect(warm(host, { urls, concurrency: 1, signal, onProgress })).rejects.toThrow(/abort/i);
      await new Promise(setImmediate);
      expect(handler).toHaveBeenCalledTimes(1);
      expect(onProgress).toHaveBeenCalledTimes(by === 'by a handler' ? 0 : 1);
    },
  );

  it.each([{ urls: ['/x'] }, { sitemap: '/x' }])(
    'waits for no handler that never ends, once it is broken off: %o',
    async (what) => {
      const host = await start();
      const stopping = new AbortController();
      host.get('/:id', {}, () => {
        stopping.abort();
        return new Promise<never>(() => {});
      });
      const { signal } = stopping;
      await expect(warm(host, { ...what, signal })).rejects.toThrow(/abort/i);
    },
  );
});

describe('warming', () => {
  const cache = createCache({ redis: false });
  const app = () => {};

  it.each<[object, RegExp]>([
    [{ app }, /what warm\(\) is given is .*; it takes urls, a sitemap, or popular/],
    [{ urls: ['/x'] }, /option app is undefined; it takes Express' or Koa's application/],
    [{ app, urls: [''] }, /option urls is/],
    [{ app, urls: null }, /option urls is null; it takes a list/],
    [{ app, urls: ['/x'], signal: {} }, /option signal is {}; it takes an AbortSignal/],
    [undefined as never, /the options of warm is undefined; it takes an object/],
    [{ app, urls: ['http://[nowhere'] }, /option urls is "http:\/\/\[nowhere"; it takes paths/],
    [{ app, sitemap: 7 }, /option sitemap is 7; it takes a text/],
    [{ app, urls: ['/x'], host: '' }, /option host is ""; it takes a text/],
    [{ app, urls: ['/x'], concurrency: 0 }, /option concurrency is 0; it takes a whole number, from 1 to 1000/],
    [{ app, urls: ['/x'], retries: -1 }, /option retries is -1/],
    [{ app, urls: ['/x'], minFresh: -1 }, /option minFresh is -1/],
    [{ app, urls: ['/x'], every: 3 }, /option of warm: every is 3; it takes no value/],
  ])('refuses %j', async (options, message) => {
    await expect(cache.warm(options as WarmOptions)).rejects.toThrow(message);
  });

  it('refuses a server that has no application', async () => {
    const options = { app: createServer(), urls: ['/x'] };
    await expect(cache.warm(options)).rejects.toThrow(/option app is .*; it takes Express' or Koa's application/);
  });

  it('refuses a function of headers that promises them: it would go on without', async () => {
    const headers = async () => ({ 'x-client-id': 'a' });
    await expect(cache.warm({ app, urls: ['/x'], headers: headers as never })).rejects.toThrow(
      'the option headers of warm gave a promise; it takes a function that answers at once',
    );
  });

  it('tells of listeners that reject, as do backups and erasures: they ended the process', async () => {
    const failed = new Set<string>();
    const cache = createCache({ redis: false });
    cache.on('error', ({ operation }) => failed.add(operation));
    const onProgress = () => Promise.reject(new Error('unheard'));
    const app: App = (_req, res) => res.end('x');
    await cache.warm({ app, urls: ['/x'], retries: 0, onProgress });
    await cache.set('a', 1, 'c');
    const file = join(tmpdir(), `respcache-warm-${process.pid}.bak`);
    onTestFinished(() => rm(file, { force: true }));
    await cache.backup(file, { onProgress });
    await cache.restore(file, { onProgress });
    await cache.invalidateTenant('c', { erase: true, onProgress });
    const reported = new Promise<void>((resolve) => {
      const onReport = async () => {
        resolve();
        throw new Error('unheard');
      };
      cache.keepWarm({ app, urls: ['/x'], every: 60, onReport });
    });
    expect(failed).toEqual(new Set(['warm', 'backup', 'restore', 'erase']));
    failed.clear();
    await reported;
    await vi.waitFor(() => expect(failed).toEqual(new Set(['warm'])));
    await cache.close();
  });

  it('that goes on ends without a word with its cache, and waits as long as is asked for', async () => {
    const ended = createCache({ redis: false });
    const told = vi.fn();
    ended.on('error', told);
    process.on('warning', told);
    onTestFinished(() => void process.off('warning', told));
    const [reported, begun] = [deferred<WarmReport>(), deferred<void>()];
    // More than Node's timers know: it would make 1 ms of them.
    ended.keepWarm({ app: (_req, res) => res.end('x'), urls: ['/x'], every: 3e6, onReport: reported.resolve });
    await reported.promise;
    ended.keepWarm({ app: () => begun.resolve(), urls: ['/x'], every: 60 });
    await begun.promise;
    await ended.close();
    await new Promise(setImmediate);
    expect(told).not.toHaveBeenCalled();
  });

  it('that goes on refuses what cannot be used', () => {
    expect(() => cache.keepWarm({ app, urls: [''], every: 60 })).toThrow(/option urls is/);
    expect(() => cache.keepWarm(undefined as never)).toThrow(
      /the options of keepWarm is undefined; it takes an object/,
    );
  });

  it('refuses a sitemap that is longer than one may be, rather than to leave some of it out', async () => {
    const longest = '<url><loc>/x</loc></url>'.repeat(50_000);
    const answering: App = (_req, res) => res.end('x');
    expect(await cache.warm({ app: answering, sitemap: `<urlset>${longest}</urlset>` })).toMatchObject({
      requested: 1,
    });
    const sitemap = `<urlset>${longest}<url><loc>/x</loc></url></urlset>`;
    await expect(cache.warm({ app, sitemap })).rejects.toThrow(/has more than 50000 locations/);
  });

  it.each([
    ['it is larger than one may be', Buffer.alloc(52_428_801), 'status 200, 52428801 bytes'],
    ['its gzip is damaged', Buffer.from([0x1f, 0x8b, 8, 0]), 'unexpected end of file'],
    ['its gzip is larger than one may be', gzipSync(Buffer.alloc(52_428_801)), 'Cannot create a Buffer larger than'],
  ])('names the sitemap that cannot be read: %s', async (_what, body, why) => {
    const zipped: App = (_req, res) => res.end(body);
    const refused = expect(cache.warm({ app: zipped, sitemap: '/sitemap.xml.gz' })).rejects;
    await refused.toThrow(new RegExp(`^the sitemap /sitemap\\.xml\\.gz cannot be read: ${why}`));
    await refused.toBeInstanceOf(RespcacheError);
  });

  it.each([
    [
      'pages alone, of those that name their images, too',
      '<urlset xmlns:image="i"><url><loc>/page</loc><image:image><image:loc>http://cdn.example/a.jpg</image:loc></image:image></url></urlset>',
      ['/page'],
    ],
    [
      'those of an index with a prefix',
      '<s:sitemapindex xmlns:s="i"><s:sitemap><s:loc>/more.xml</s:loc></s:sitemap></s:sitemapindex>',
      ['/more.xml', '/more'],
    ],
    [
      'each of those that name each other, once',
      '<sitemapindex><sitemap><loc>/more.xml</loc></sitemap><sitemap><loc>/ring.xml</loc></sitemap></sitemapindex>',
      ['/more.xml', '/ring.xml', '/more'],
    ],
    [
      'what its characters stand for, be they written by names or by numbers; what stands for none is left',
      '<urlset><url><loc>/a?&AMP;&#38;&#x2B;&#X2b;&#x110000;&nbsp;</loc></url></urlset>',
      ['/a?&&++&#x110000;&nbsp;'],
    ],
    [
      'those of a list that a remark calls an index',
      '<!-- no <sitemapindex> --><urlset><url><loc>/page</loc></url></urlset>',
      ['/page'],
    ],
  ])('asks for what a sitemap says: %s', async (_what, sitemap, wanted) => {
    const cache = createCache({ redis: false });
    const asked: unknown[] = [];
    const app: App = (req, res) => {
      asked.push(req.url);
      if (req.url === '/more.xml') res.end('<s:urlset xmlns:s="i"><s:url><s:loc>/more</s:loc></s:url></s:urlset>');
      else if (req.url === '/ring.xml') res.end('<sitemapindex><sitemap><loc>/ring.xml</loc></sitemap></sitemapindex>');
      else res.end('x');
    };
    const { requested } = await cache.warm({ app, sitemap, retries: 0 });
    expect(asked).toEqual(wanted);
    expect(requested).toBe(1);
    await cache.close();
  });

  it.each<[what: string, options: () => CacheOptions, reason: string]>([
    [
      'its store does not take what was made',
      () => {
        const store = new ChaosStore();
        store.fail(undefined, 'set');
        return { store };
      },
      'the store could not take it',
    ],
    ['Redis is not there', () => ({ redis: 'redis://127.0.0.1:1' }), 'unavailable'],
  ])('tries again, and says so, where %s', async (_what, options, reason) => {
    const cache = createCache(options());
    cache.on('error', () => {});
    const listener = vi.fn((_req, res) => res.end('x')) as Listener;
    const report = await cache.warm({ app: withCache(listener, { cache }), urls: ['/x'], retries: 1 });
    expect(report).toMatchObject({ requested: 1, failed: 1, problems: [{ url: '/x', reason }] });
    expect(listener).toHaveBeenCalledTimes(2);
    await cache.close();
  });

  it('asks as a URL says, and where it is but a path, as the options do', async () => {
    const cache = createCache({ redis: false });
    const asked: unknown[] = [];
    const app: App = (req, res) => {
      asked.push(`${req.url} ${req.headers.host} ${(req.socket as TLSSocket).encrypted ?? false}`);
      res.end('x');
    };
    const urls = ['x', '/y?a=1', 'http://a.example/p?a=1', 'https://b.example'];
    await cache.warm({ app, urls, concurrency: 1 });
    await cache.warm({ app, urls, concurrency: 1, host: 'c.example', secure: true });
    expect(asked).toEqual([
      ...['/x localhost false', '/y?a=1 localhost false', '/p?a=1 a.example false', '/ b.example true'],
      ...['/x c.example true', '/y?a=1 c.example true', '/p?a=1 a.example false', '/ b.example true'],
    ]);
    await cache.close();
  });

  it('reads a sitemap as it is sent, by the fields that it is given, but in no form that would have to be undone', async () => {
    const cache = createCache({ redis: false });
    const asked: unknown[] = [];
    const app: App = (req, res) => {
      asked.push([req.url, req.headers.host, req.headers['accept-encoding']]);
      if (req.url !== '/sitemap.xml') return res.end('x');
      res.write('<urlset><url><loc>http://shop.example/é');
      res.write(Buffer.from('</loc></url></urlset>').toString('base64'), 'base64');
      res.end(() => {});
    };
    await cache.warm({ app, sitemap: '/sitemap.xml', headers: { Host: 'shop.example', 'Accept-Encoding': 'br' } });
    expect(asked).toEqual([
      ['/sitemap.xml', 'shop.example', 'identity'],
      ['/%C3%A9', 'shop.example', 'br'],
    ]);
    await cache.close();
  });

  it('says so where an index leads to another one for ever', async () => {
    const app: App = (req, res) => {
      const page = Number(req.url?.split('=')[1] ?? 0);
      res.end(`<sitemapindex><sitemap><loc>/sitemap.xml?page=${page + 1}</loc></sitemap></sitemapindex>`);
    };
    await expect(cache.warm({ app, sitemap: '/sitemap.xml' })).rejects.toThrow(
      'the sitemap /sitemap.xml?page=11 is 11 indexes deep: they may go on for ever',
    );
  });

  it('reports a URL of a sitemap that is none', async () => {
    const options = { app: () => {}, sitemap: '<urlset><url><loc>http://[no where</loc></url></urlset>', retries: 0 };
    expect(await cache.warm(options)).toMatchObject({
      requested: 1,
      failed: 1,
      problems: [{ url: 'http://[no where' }],
    });
  });

  it('cannot know the header of a tenant that a function finds', async () => {
    const cache = createCache({ redis: false, tenant: () => 'a' });
    const options = { app, urls: ['/x'], tenants: ['a'] };
    await expect(cache.warm(options)).rejects.toThrow(
      /option headers of warm is .*; it takes a function of the tenant/,
    );
    const answering: App = (_req, res) => res.end('x');
    expect(await cache.warm({ app: answering, urls: ['/x'] })).toMatchObject({ requested: 1, uncacheable: 1 });
  });

  it('ends before its process does, which nothing else may hold where a handler hangs', () => {
    const program = `
      const { createCache } = await import(${JSON.stringify(new URL('../../dist/src/index.js', import.meta.url).href)});
      const options = { app: () => {}, urls: ['/x'], timeout: 100, retries: 0 };
      console.log((await createCache({ redis: false }).warm(options)).problems[0].reason);
      createCache({ redis: false }).keepWarm({ ...options, timeout: 60_000, every: 60 });`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect([stdout, status]).toEqual(['not answered\n', 0]);
  });

  it('goes on in the background, and a round that fails is an error event', async () => {
    const failing = createCache({ redis: false });
    const failed = new Promise((resolve) => failing.on('error', resolve));
    failing.keepWarm({ app, sitemap: '/x.xml', every: 1000, timeout: 10 });
    expect(await failed).toMatchObject({ operation: 'warm' });
    await failing.close();
  });
});
