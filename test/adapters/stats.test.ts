// P7 through the middleware: figures that add up, health, and operations for those who may.

import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import type { Health, Report, Stats } from 'respcache';
import { describe, expect, it } from 'vitest';
import { COMBINATIONS, Gate, NEWEST, numbered, OF_KOA, START, useBench } from './bench.js';
import type { Answer, Ask } from './client.js';
import { type Host, Layer, load } from './hosts.js';

const bench = useBench();

const json = <T>(answer: Answer): T => JSON.parse(answer.text) as T;
const post = (body?: unknown, headers: Record<string, string> = {}): Ask => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
});

const ms = expect.any(Number);
const PERCENTILES = { p50: ms, p90: ms, p99: ms, max: ms };
const ADMIN = { 'X-Admin': 'yes' };
const authorize = ({ headers }: { headers: NodeJS.Dict<string | string[]> }) => headers['x-admin'] === 'yes';

describe.each(NEWEST)('stats: $label', (combination) => {
  async function started(options?: Parameters<Host['stats']>[0], below = '/cache'): Promise<Host> {
    const host = await bench.start(combination);
    host.use({});
    host.mount(below, host.stats(options));
    host.get('/x', { key: 'x', tags: ['x'] }, numbered());
    return host;
  }

  it('are JSON, for nobody to store', async () => {
    const host = await started();
    await host.texts('/x', 3);
    const answer = await host.ask('/cache');
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toMatch(/^application\/json\b/);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(json<Report>(answer)).toEqual({
      hits: 2,
      misses: 1,
      sets: 1,
      deletes: 0,
      errors: 0,
      totalRequests: 3,
      hitRate: 66.67,
      averageHitTime: expect.any(Number),
      averageMissTime: expect.any(Number),
      averageSetTime: expect.any(Number),
      collapsed: 0,
      stale: 0,
      revalidated: 0,
      bypassed: 0,
      outcomes: { fresh: 2, stale: 0, collapsed: 0, revalidated: 0, miss: 1, bypass: 0 },
      tiers: { memory: combination.store === 'memory' ? 2 : 0, redis: combination.store === 'redis' ? 2 : 0 },
      bytes: { served: 10, stored: 5 },
      refreshes: 0,
      shadow: { compared: 0, different: 0 },
      reasons: {},
      scope: 'process',
      processes: 1,
      since: START,
      now: START,
      status: 'healthy',
      recentErrors: 0,
      latency: { hit: PERCENTILES, miss: PERCENTILES, set: PERCENTILES },
      store: {
        kind: combination.store,
        breaker: 'closed',
        items: combination.store === 'memory' ? 1 : 0,
        bytes: expect.any(Number),
        maxItems: 1000,
        maxBytes: 67_108_864,
      },
      ledger: {
        epoch: expect.any(String),
        sequence: expect.any(Number),
        lag: expect.any(Number),
        current: combination.store === 'memory',
      },
      timeline: {
        step: 5,
        slots: [
          {
            at: START,
            outcomes: { fresh: 2, stale: 0, collapsed: 0, revalidated: 0, miss: 1, bypass: 0 },
            hitTime: expect.any(Number),
            missTime: expect.any(Number),
          },
        ],
      },
      authorized: false,
    });
  });

  it('answer with and without a slash at the end, and HEAD', async () => {
    const host = await started();
    for (const path of ['/cache', '/cache/', '/cache/health', '/cache?x=1']) {
      expect((await host.ask(path)).status, path).toBe(200);
      expect(await host.ask(path, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    }
  });

  it('do not count those who ask for them', async () => {
    const host = await started({ authorize });
    for (const path of ['/cache', '/cache/health', '/cache']) await host.ask(path);
    await host.ask('/cache', { headers: { Cookie: 'a=1' } });
    await host.ask('/cache/clear', post({}));
    await host.ask('/cache/clear', post({}, ADMIN));
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 0, hits: 0, misses: 0, bypassed: 0, reasons: {} });
  });

  it('leave other paths to others', async () => {
    const host = await started({ authorize });
    for (const path of ['/cache/nothing', '/cache/clear', '/cache/invalidate']) {
      expect((await host.ask(path, { headers: ADMIN })).status, path).toBe(404);
    }
    for (const method of ['PUT', 'DELETE']) {
      expect((await host.ask('/cache/clear', { ...post({}, ADMIN), method })).status).toBe(404);
    }
  });

  it('show tenants only to whom authorize lets', async () => {
    const host = await started({ authorize: async (source) => authorize(source) });
    await host.texts('/x', 2, { headers: { 'X-Client-Id': 'acme' } });
    const without = await host.ask('/cache');
    expect(without.text).not.toContain('acme');
    const { tenants } = json<{ tenants: Record<string, Stats> }>(await host.ask('/cache', { headers: ADMIN }));
    expect(tenants).toEqual({ acme: expect.objectContaining({ hits: 1, misses: 1, totalRequests: 2 }) });
    expect(host.cache.getStats('acme')).toEqual(tenants.acme);
  });

  describe('health', () => {
    it('is well with 200', async () => {
      const host = await started();
      const answer = await host.ask('/cache/health');
      expect(answer.status).toBe(200);
      expect(answer.header('cache-control')).toBe('no-store');
      expect(json<Health>(answer)).toMatchObject({
        status: 'healthy',
        store: combination.store,
        reachable: true,
        breaker: 'closed',
        recentErrors: 0,
      });
    });

    it('is 503 from so many errors on, until they are long ago', async () => {
      const host = await bench.start(combination, { unhealthyErrors: 2 });
      host.mount('/cache', host.stats());
      const tags = () => {
        throw new Error('as it is');
      };
      host.get('/x', { tags }, numbered());
      await host.ask('/x');
      expect((await host.ask('/cache/health')).status).toBe(200);
      await host.ask('/x');
      const answer = await host.ask('/cache/health');
      expect(answer.status).toBe(503);
      expect(json<Health>(answer)).toMatchObject({ status: 'unhealthy', recentErrors: 2 });
      host.clock.forward(60);
      expect((await host.ask('/cache/health')).status).toBe(200);
    });
  });

  it('count what comes to other routes below their mount, and not what they answer themselves', async () => {
    const host = await started({ authorize });
    host.get('/cache/of/orders', { key: 'orders' }, numbered());
    for (let i = 0; i < 3; i++) expect((await host.ask('/cache/of/orders')).status).toBe(200);
    await host.ask('/cache/health');
    await host.ask('/cache/clear', post({}, ADMIN));
    await host.ask('/cache/of/none');
    const { totalRequests, hits, outcomes } = json<Report>(await host.ask('/cache'));
    expect([totalRequests, hits, outcomes.miss]).toEqual([4, 2, 2]);
  });

  describe('operations', () => {
    it.each<[string, Parameters<Host['stats']>[0]]>([
      ['there is no authorize', undefined],
      ['authorize says no', { authorize: () => false }],
      ['authorize promises no', { authorize: async () => false }],
    ])('are not there where %s', async (_, options) => {
      const host = await started(options);
      await host.texts('/x', 1);
      const invalidation = { tags: ['x'], tenant: 'a' };
      for (const [path, body] of [
        ['/clear', {}],
        ['/invalidate', invalidation],
      ] as const) {
        expect((await host.ask(`/cache${path}`, post(body, ADMIN))).status).toBe(404);
        expect((await host.ask(`/cache${path}`, { method: 'POST' })).status).toBe(404);
      }
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
    });

    it.each<[string, () => boolean | Promise<boolean>]>([
      [
        'throws',
        () => {
          throw new Error('no');
        },
      ],
      ['rejects', () => Promise.reject(new Error('no'))],
    ])('do nothing where authorize %s', async (_, failing) => {
      const host = await started({ authorize: failing });
      await host.texts('/x', 1);
      expect((await host.ask('/cache/clear', post({}))).status).toBeGreaterThanOrEqual(400);
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
    });

    it.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp'])(
      'refuse what a form of another site can send: %s',
      async (type) => {
        const host = await started({ authorize });
        await host.texts('/x', 1);
        const headers = { ...ADMIN, ...(type === undefined ? {} : { 'Content-Type': type }) };
        for (const path of ['/clear', '/invalidate']) {
          const answer = await host.ask(`/cache${path}`, { method: 'POST', headers, body: '{"tags":["x"]}' });
          expect(answer.status).toBe(415);
        }
        expect(await host.texts('/x', 1)).toEqual(['run 1']);
      },
    );

    it.each([{}, undefined])('clear, with the body %j', async (body) => {
      const host = await started({ authorize });
      await host.texts('/x', 1);
      const answer = await host.ask(
        '/cache/clear',
        post(body, { ...ADMIN, 'Content-Type': 'application/json; charset=utf-8' }),
      );
      expect(answer.status).toBe(200);
      expect(json(answer)).toEqual({ sequence: expect.any(Number), durable: true });
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it.each([
      [{ tenant: 'a', tags: ['x'] }, ['run 3', 'run 2']],
      [{ tenant: 'a', keys: ['x'] }, ['run 3', 'run 2']],
      [{ tenant: 'a', keys: ['/x'] }, ['run 3', 'run 2']],
      [{ tenant: 'a', patterns: ['*'] }, ['run 3', 'run 2']],
      [{ tenant: 'a', tags: ['y'], keys: ['y'], patterns: ['y*'] }, ['run 1', 'run 2']],
      [{ tenant: null, keys: ['x'], tags: ['x'], patterns: ['*'] }, ['run 1', 'run 2']],
      [{ tags: ['x'] }, ['run 3', 'run 4']],
    ])('invalidate %j', async (body, expected) => {
      const host = await started({ authorize });
      const asked = async () => [
        ...(await host.texts('/x', 1, { headers: { 'X-Client-Id': 'a' } })),
        ...(await host.texts('/x', 1, { headers: { 'X-Client-Id': 'b' } })),
      ];
      expect(await asked()).toEqual(['run 1', 'run 2']);
      const answer = await host.ask('/cache/invalidate', post(body, ADMIN));
      expect(answer.status).toBe(200);
      expect(json(answer)).toEqual({ sequence: expect.any(Number), durable: true });
      expect(await asked()).toEqual(expected);
    });

    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['an empty object', {}],
      ['a list', []],
      ['null', 'null'],
      ['no JSON', '{"tags":'],
      ['keys without a tenant', { keys: ['x'] }],
      ['patterns without a tenant', { patterns: ['*'] }],
      ['an empty tenant', { tenant: '', tags: ['x'] }],
      ['a tenant that is no text', { tenant: 7, tags: ['x'] }],
      ['tags that are no list', { tags: 'x' }],
      ['tags that are no texts', { tags: [7] }],
      ['an empty tag', { tags: [''] }],
      ['a field that there is not', { tenant: 'a', tags: ['x'], pattern: ['*'] }],
      ['more than 64 KiB', { tags: ['x'.repeat(70_000)] }],
    ])('refuse to invalidate %s', async (_, body) => {
      const host = await started({ authorize });
      await host.texts('/x', 1);
      expect((await host.ask('/cache/invalidate', post(body, ADMIN))).status).toBe(400);
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
    });
  });

  it('add up: every request is counted once, whatever became of it', async () => {
    const host = await bench.start(combination, { maxBodyBytes: 1000 });
    const slow = new Gate();
    host.use({});
    host.get('/fast', { ttl: 60 }, numbered());
    host.get('/slow', { ttl: 60 }, async () => {
      await slow.opened;
      return { body: 'slow' };
    });
    host.get('/large', {}, () => ({ body: 'x'.repeat(2000) }));
    host.get('/private', {}, () => ({ headers: { 'Cache-Control': 'private' }, body: 'x' }));
    host.get('/throws', {}, () => {
      throw Object.assign(new Error('no'), { status: 418 });
    });
    host.get('/identity', { identity: ({ query }) => String(query.u) }, () => ({ body: 'x' }));
    host.get('/never', { when: () => false }, () => ({ body: 'x' }));
    host.post('/fast', host.invalidating({ tags: 'x' }), () => ({ body: 'x' }));
    const kinds: [string, Ask][] = [
      ['/fast', {}],
      ['/fast', { method: 'HEAD' }],
      ['/fast', { method: 'POST' }],
      ['/fast', { headers: { Cookie: 'a=1' } }],
      ['/fast', { headers: { Authorization: 'a' } }],
      ['/fast', { headers: { Range: 'bytes=0-1' } }],
      ['/fast', { headers: { 'If-None-Match': '*' } }],
      ['/fast', { headers: { 'X-Client-Id': 'a' } }],
      ['/slow', {}],
      ['/large', {}],
      ['/private', {}],
      ['/throws', {}],
      ['/identity?u=1', { headers: { Cookie: 'a=1' } }],
      ['/never', {}],
      ['/nowhere', {}],
      ['/nowhere', { method: 'DELETE' }],
    ];
    const sent: Promise<Answer>[] = [];
    for (let i = 0; i < 8; i++) for (const [target, ask] of kinds) sent.push(host.ask(target, ask));
    setImmediate(slow.open);
    const answers = await Promise.all(sent);
    const { hits, misses, bypassed, totalRequests } = host.cache.getStats();
    expect(totalRequests).toBe(8 * kinds.length);
    expect(hits + misses + bypassed).toBe(totalRequests);
    // Whoever was not told of a bypass or a miss was told of a hit, or of another's run that answered it.
    const told = answers.filter((answer) => /; (hit|collapsed)\b/.test(answer.header('cache-status') ?? ''));
    expect(hits).toBe(told.length);
  });

  it('count a request that its client gave up once', async () => {
    const host = await bench.start(combination);
    const [begun, go, gone] = [new Gate(), new Gate(), new Gate()];
    host.use({});
    host.get('/x', {}, async ({ res }) => {
      res.once('close', gone.open);
      begun.open();
      await go.opened;
      return { body: 'x' };
    });
    const asking = host.begin('/x').catch(() => undefined);
    await begun.opened;
    (await host.server()).closeAllConnections();
    await Promise.all([asking, gone.opened]);
    go.open();
    await host.ask('/x');
    // What was made for the first is whole, and may be there for the second.
    const { totalRequests, hits, misses } = host.cache.getStats();
    expect([totalRequests, hits + misses]).toEqual([2, 2]);
  });
});

describe.each(COMBINATIONS)('operations that change something: $label', (combination) => {
  it('take a body that another layer has parsed', async () => {
    const host = await bench.start(combination);
    const express = load<{ json(): RequestHandler }>(combination.framework === 'express 4' ? 'express4' : 'express');
    const { koaBody } = load<{ koaBody: () => Middleware }>('koa-body');
    host.use(new Layer(express.json(), koaBody()));
    host.mount('/cache', host.stats({ authorize }));
    host.get('/x', { tags: ['x'] }, numbered());
    await host.texts('/x', 1);
    expect((await host.ask('/cache/invalidate', post({ tags: ['x'] }, ADMIN))).status).toBe(200);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });

  it('read a body that a parser of another type has left', async () => {
    const host = await bench.start(combination);
    const express = load<{ urlencoded(options: object): RequestHandler }>(
      combination.framework === 'express 4' ? 'express4' : 'express',
    );
    const { koaBody } = load<{ koaBody: (options: object) => Middleware }>('koa-body');
    host.use(new Layer(express.urlencoded({ extended: false }), koaBody({ json: false })));
    host.mount('/cache', host.stats({ authorize }));
    host.get('/x', { tags: ['x'] }, numbered());
    await host.texts('/x', 1);
    expect((await host.ask('/cache/invalidate', post({ tags: ['x'] }, ADMIN))).status).toBe(200);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });

  it.each([
    ['bytes', (body: Buffer) => body],
    ['a text', String],
  ])('read a body that a parser of any type has left as %s', async (_, kept) => {
    const host = await bench.start(combination);
    const read = async (req: IncomingMessage) => kept(await buffer(req));
    host.use(
      new Layer(
        (req, _res, next) => {
          const parsed = (body: unknown) => {
            req.body = body;
            next();
          };
          read(req).then(parsed, next);
        },
        async (ctx, next) => {
          Object.assign(ctx.request, { body: await read(ctx.req) });
          await next();
        },
      ),
    );
    host.mount('/cache', host.stats({ authorize }));
    host.get('/x', { tags: ['x'] }, numbered());
    await host.texts('/x', 1);
    expect((await host.ask('/cache/invalidate', post('{"tags"', ADMIN))).status).toBe(400);
    expect((await host.ask('/cache/invalidate', post({ tags: ['x'] }, ADMIN))).status).toBe(200);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
    expect((await host.ask('/cache/clear', post(undefined, ADMIN))).status).toBe(200);
    expect(await host.texts('/x', 1)).toEqual(['run 3']);
  });

  it('do nothing where a layer has read the body, and keeps it to itself: it may have named one tenant', async () => {
    const host = await bench.start(combination);
    const reading = async (req: IncomingMessage) => {
      for await (const _ of req);
    };
    host.use(
      new Layer(
        (req, _res, next) => void reading(req).then(() => next(), next),
        async ({ req }, next) => {
          await reading(req);
          await next();
        },
      ),
    );
    host.mount('/cache', host.stats({ authorize }));
    host.get('/x', {}, numbered());
    await host.texts('/x', 1);
    for (const headers of [ADMIN, { ...ADMIN, 'Transfer-Encoding': 'chunked' }])
      expect((await host.ask('/cache/clear', post({ tenant: 'acme' }, headers))).status).toBe(400);
    expect(await host.texts('/x', 1)).toEqual(['run 1']);
    // There was nothing to read.
    expect((await host.ask('/cache/clear', post(undefined, ADMIN))).status).toBe(200);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });
});

describe.each(OF_KOA)('stats: $label', (combination) => {
  it.each([
    ['/of/:team/cache{/*path}', '/of/a%20b/cache'],
    ['/Cache{/*path}', '/cache'],
    ['/cache/:page', '/cache'],
    ['/cache{/:page}', '/cache'],
  ])('can be a handler of the route %s', async (route, at) => {
    const host = await bench.start(combination);
    host.all(route, host.stats({ authorize }));
    expect(json<Health>(await host.ask(`${at}/health`))).toMatchObject({ status: 'healthy' });
    expect((await host.ask(`${at}/nothing`)).status).toBe(404);
    expect((await host.ask(`${at}/clear`, post({}, ADMIN))).status).toBe(200);
  });

  it('can be a handler of @koa/router', async () => {
    const host = await bench.start(combination);
    host.use({});
    host.all('/ops/cache{/*path}', host.stats({ authorize }));
    host.get('/x', { tags: ['x'] }, numbered());
    await host.texts('/x', 2);
    for (const path of ['/ops/cache', '/ops/cache/']) {
      expect(json<Stats>(await host.ask(path))).toMatchObject({ hits: 1, misses: 1, totalRequests: 2 });
    }
    expect(json<Health>(await host.ask('/ops/cache/health'))).toMatchObject({ status: 'healthy' });
    expect((await host.ask('/ops/cache/clear', post({}))).status).toBe(404);
    expect((await host.ask('/ops/cache/clear', post({}, ADMIN))).status).toBe(200);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });
});
