// What the middleware can be told, by its options and by handlers, and how it refuses what it cannot use.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type CacheControl, ConfigError, createCache, type RouteOptions } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { afterAll, describe, expect, it } from 'vitest';
import { NEWEST, numbered, useBench } from './bench.js';
import { Layer, type Source } from './hosts.js';
import { soon } from './traffic.js';

const bench = useBench();

const fails = () => {
  throw new Error('as it is');
};

describe.each(NEWEST)('options: $label', (combination) => {
  describe('ttl', () => {
    it('is 300 seconds unless told otherwise', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      await host.ask('/x');
      host.clock.forward(299);
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
      host.clock.forward(1);
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it("is the cache's, then the route's, then the handler's Cache-Control, then what the handler tells the cache", async () => {
      const host = await bench.start(combination, { ttl: 10 });
      host.get('/cache', {}, numbered());
      host.get('/route', { ttl: 20 }, numbered());
      host.get('/field', { ttl: 20 }, numbered({ headers: { 'Cache-Control': 'max-age=30' } }));
      host.get('/shared', { ttl: 20 }, numbered({ headers: { 'Cache-Control': 'max-age=30, s-maxage=40' } }));
      const told = numbered({ headers: { 'Cache-Control': 'max-age=30, s-maxage=40' } });
      host.get('/told', { ttl: 20 }, (asked) => {
        asked.cache.ttl(50);
        return told(asked);
      });
      const ttl = async (path: string) => {
        await host.ask(path);
        return (await host.ask(path)).header('cache-status');
      };
      for (const [path, seconds] of [
        ['/cache', 10],
        ['/route', 20],
        ['/field', 30],
        ['/shared', 40],
        ['/told', 50],
      ] as const) {
        expect(await ttl(path)).toBe(`respcache; hit; ttl=${seconds}`);
      }
    });

    it('can be a function of the request, which may leave it to the usual', async () => {
      const host = await bench.start(combination);
      host.get('/x', { ttl: ({ query }) => (query.ttl === undefined ? undefined : Number(query.ttl)) }, numbered());
      const ttl = async (target: string) =>
        [await host.ask(target), (await host.ask(target)).header('cache-status')][1];
      expect(await ttl('/x?ttl=7')).toBe('respcache; hit; ttl=7');
      expect(await ttl('/x')).toBe('respcache; hit; ttl=300');
    });

    it.each<[string, () => number]>([
      ['throws', fails],
      ['gives 0', () => 0],
      ['gives less than 0', () => -1],
      ['gives no number', () => Number.NaN],
    ])('of a function that %s is none: the answer is not stored', async (_, ttl) => {
      const host = await bench.start(combination);
      host.get('/x', { ttl }, numbered());
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=uri-miss; detail=not-fresh');
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it('of Expires counts from the Date beside it', async () => {
      const host = await bench.start(combination);
      const now = host.clock.now();
      const headers = { Date: new Date(now).toUTCString(), Expires: new Date(now + 60_000).toUTCString() };
      host.get('/x', {}, numbered({ headers }));
      await host.ask('/x');
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; hit; ttl=60');
    });
  });

  describe('tags', () => {
    it('can be a list, a function, and what the handler adds', async () => {
      const host = await bench.start(combination);
      const handler = numbered();
      host.get('/:id', { tags: ({ params }) => ['all', `id:${params.id}`] }, (asked) => {
        asked.cache.tag('told', 'told').tag(`told:${asked.params.id}`);
        return handler(asked);
      });
      let runs = 0;
      for (const tag of ['all', 'id:1', 'told', 'told:1']) {
        expect(await host.texts('/1', 2)).toEqual([`run ${++runs}`, `run ${runs}`]);
        await host.cache.invalidateByTags([tag]);
      }
      await host.cache.invalidateByTags(['id:2', 'other']);
      expect(await host.texts('/1', 1)).toEqual([`run ${++runs}`]);
      await host.cache.invalidateByTags(['id:2', 'other']);
      expect(await host.texts('/1', 1)).toEqual([`run ${runs}`]);
    });

    it.each<[string, () => string[]]>([
      ['throws', fails],
      ['gives no list', () => 7 as unknown as string[]],
      ['gives no texts', () => [7] as unknown as string[]],
      ['promises', (async () => ['x']) as unknown as () => string[]],
    ])('of a function that %s cannot be had: the answer leaves, and is not stored', async (_, tags) => {
      const host = await bench.start(combination);
      host.get('/x', { tags }, numbered());
      const answer = await host.ask('/x');
      expect(answer).toMatchObject({ status: 200, text: 'run 1' });
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
      expect(host.cache.getStats()).toMatchObject({ sets: 0, reasons: { tags: 2 } });
    });

    it('that cannot be had are not told as stored', async () => {
      const host = await bench.start(combination);
      host.get('/x', { tags: fails }, numbered());
      expect((await host.ask('/x')).header('cache-status')).not.toContain('stored');
    });
  });

  describe('a handler', () => {
    it('can keep its answer out', async () => {
      const host = await bench.start(combination);
      const handler = numbered();
      host.get('/x', {}, (asked) => {
        asked.cache.noStore('mine');
        return handler(asked);
      });
      const because: unknown[] = [];
      host.cache.on('miss', (miss) => because.push(miss.because));
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=uri-miss; detail=handler');
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
      expect(because).toEqual(['mine', 'mine']);
    });

    it('can keep its answer out while it streams', async () => {
      const host = await bench.start(combination);
      let runs = 0;
      const because: unknown[] = [];
      // Where the pieces are asked for before the head has left, it is known by then.
      for (const kind of ['miss', 'skip'] as const)
        host.cache.on(kind, ({ reason, because: why }) => reason === 'handler' && because.push(why));
      host.get('/x', {}, ({ cache }) => {
        const pieces = function* () {
          yield 'run ';
          cache.noStore(runs === 0 ? 'mine' : undefined);
          yield `${++runs}`;
        };
        return { body: Readable.from(pieces()) };
      });
      expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 2']);
      expect(host.cache.getStats().sets).toBe(0);
      expect(because).toEqual(['mine', undefined]);
    });

    it.each([
      ['at once', true],
      ['while it streams', false],
    ])('that keeps its answer out %s has what is stale served no more', async (_when, atOnce) => {
      const host = await bench.start(combination);
      let runs = 0;
      host.get('/x', { ttl: 10, staleWhileRevalidate: 60 }, ({ cache }) => {
        const run = ++runs;
        if (atOnce && run > 1) cache.noStore();
        const pieces = async function* () {
          yield 'run ';
          // The head has left by then.
          await nextTurn();
          if (run > 1) cache.noStore();
          yield `${run}`;
        };
        return { body: Readable.from(pieces()) };
      });
      await host.ask('/x');
      host.clock.forward(11);
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
      await soon(() => expect(host.cache.getStats().sets).toBe(2));
      expect(await host.texts('/x', 2)).toEqual(['run 3', 'run 4']);
    });

    it('is told what became of the request, and layers outside too', async () => {
      const seen: unknown[] = [];
      const host = await bench.start(combination);
      host.use(
        new Layer(
          (_req, res, next) => {
            res.once('finish', () => seen.push(res.cache.status));
            next();
          },
          async (ctx, next) => {
            ctx.res.once('finish', () => seen.push(ctx.cache.status));
            await next();
          },
        ),
      );
      host.all('/x', {}, ({ cache }) => ({ body: cache.status }));
      for (const ask of [{}, {}, { headers: { 'If-Match': '*' } }, { method: 'POST' }]) await host.ask('/x', ask);
      expect(seen).toEqual(['miss', 'hit', 'bypass', 'bypass']);
      expect(await host.texts('/x?other', 1)).toEqual(['miss']);
      expect((await host.ask('/x', { method: 'POST' })).text).toBe('bypass');
    });

    it.each<[string, string, (cache: CacheControl) => unknown]>([
      ['a ttl of 0', 'cache.ttl() is 0', (cache) => cache.ttl(0)],
      ['a ttl that is no number', 'cache.ttl() is "60"', (cache) => cache.ttl('60' as unknown as number)],
      ['an empty tag', 'cache.tag() is [""]', (cache) => cache.tag('')],
      ['a tag that is no text', 'cache.tag() is [7]', (cache) => cache.tag(7 as unknown as string)],
    ])('is refused %s', async (_, told, misuse) => {
      const host = await bench.start(combination);
      const thrown: unknown[] = [];
      host.get('/x', {}, ({ cache }) => {
        try {
          misuse(cache);
        } catch (error) {
          thrown.push(error);
        }
        return { body: 'x' };
      });
      await host.ask('/x');
      expect(thrown).toEqual([expect.any(ConfigError)]);
      expect((thrown[0] as ConfigError).message.split(';')[0]).toBe(told);
    });
  });

  describe('when', () => {
    it('that says no passes the request by', async () => {
      const host = await bench.start(combination);
      host.get('/x', { when: ({ query }) => query.fresh === undefined }, numbered());
      const answer = await host.ask('/x?fresh');
      expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=when');
      expect(await host.texts('/x?fresh', 1)).toEqual(['run 2']);
      expect(await host.texts('/x', 2)).toEqual(['run 3', 'run 3']);
    });

    it('that throws passes the request by', async () => {
      const host = await bench.start(combination);
      host.get('/x', { when: fails }, numbered());
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=bypass; detail=when');
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it.each<[what: string, said: () => unknown]>([
      ['nothing', () => undefined],
      ['null', () => null],
      ['an empty text', () => ''],
    ])('that says %s says no', async (_, said) => {
      const host = await bench.start(combination);
      host.get('/x', { when: said as () => boolean }, numbered());
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=bypass; detail=when');
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it.each<[what: string, said: () => Promise<boolean>]>([
      ['yes', async () => true],
      ['no', async () => false],
      ['and throws', async () => fails()],
    ])('that promises %s passes the request by, and is told of', async (_, said) => {
      const host = await bench.start(combination);
      const errors: unknown[] = [];
      host.cache.on('error', ({ operation, error }) => errors.push([operation, String(error)]));
      host.get('/x', { when: said as unknown as () => boolean }, numbered());
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=bypass; detail=when');
      const message = 'TypeError: the option when gave a promise; it takes a function that answers at once';
      expect(errors).toEqual([['when', message]]);
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });
  });

  describe('requestDirectives', () => {
    const asking = [{ 'Cache-Control': 'no-cache' }, { 'Cache-Control': 'MAX-AGE=0' }, { Pragma: 'no-cache' }];

    it('of a client are ignored', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      await host.ask('/x');
      for (const headers of asking) expect((await host.ask('/x', { headers })).text).toBe('run 1');
    });

    it('are obeyed where the route honours them', async () => {
      const host = await bench.start(combination);
      const handler = numbered();
      host.get('/x', { requestDirectives: 'honor' }, handler);
      await host.ask('/x');
      for (const headers of asking) {
        const answer = await host.ask('/x', { headers });
        expect(answer.header('cache-status')).toMatch(/^respcache; fwd=request; fwd-status=200; stored/);
      }
      expect(handler.runs).toBe(4);
      // What the handler has said since is the answer from then on.
      expect((await host.ask('/x', { headers: { 'Cache-Control': 'max-age=60' } })).text).toBe('run 4');
      const unstored = await host.ask('/x', { headers: { 'Cache-Control': 'no-store' } });
      expect(unstored.header('cache-status')).toBe('respcache; fwd=bypass; detail=request');
      expect((await host.ask('/x')).text).toBe('run 4');
    });
  });

  it('that are undefined override nothing, and are not written into', async () => {
    const host = await bench.start(combination, { ttl: 10, tags: ['mine'], vary: ['accept'] });
    const options = Object.freeze({ ttl: undefined, tags: undefined, vary: undefined, when: undefined });
    host.get('/x', options as unknown as RouteOptions<Source>, numbered());
    await host.ask('/x');
    const hit = await host.ask('/x');
    expect(hit.header('cache-status')).toBe('respcache; hit; ttl=10');
    expect(hit.header('vary')).toContain('accept');
    await host.cache.invalidateByTags(['mine']);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });

  it('are not needed: there is a cache for those who name none', async () => {
    const host = await bench.start(combination);
    host.use(new Layer(forExpress.cacheMiddleware(), forKoa.cacheMiddleware()));
    host.get('/by-default', numbered());
    host.post('/by-default', new Layer(forExpress.invalidate('x'), forKoa.invalidate('x')), () => ({ body: 'done' }));
    // It is shared with the other combinations.
    const ask = { headers: { 'X-Client-Id': combination.label } };
    expect(await host.texts('/by-default', 2, ask)).toEqual(['run 1', 'run 1']);
    await host.ask('/by-default', { method: 'POST', ...ask });
    expect(await host.texts('/by-default', 1, ask)).toEqual(['run 2']);
    expect(host.cache.getStats().totalRequests).toBe(0);
  });
});

describe.each([
  ['express', forExpress],
  ['koa', forKoa],
] as const)('bad options of %s', (_, adapter) => {
  const { cacheMiddleware, invalidate, clear, statsRouter, sessionStore } = adapter;
  const createServer = adapter.createServer as (app: unknown, options: unknown) => unknown;
  const cache = createCache({ redis: false });
  afterAll(() => cache.close());

  it.each<[string, object]>([
    ['option ttll', { ttll: 60 }],
    ['option ttl', { ttl: 0 }],
    ['option ttl', { ttl: -1 }],
    ['option ttl', { ttl: '60' }],
    ['option ttl', { ttl: Number.NaN }],
    ['option ttl', { ttl: null }],
    ['option negativeTtl', { negativeTtl: -1 }],
    ['option tags', { tags: 'users' }],
    ['option tags', { tags: [''] }],
    ['option tags', { tags: [7] }],
    ['option key', { key: '' }],
    ['option key', { key: 7 }],
    ['option tenant', { tenant: 7 }],
    ['option tenant', { tenant: true }],
    ['option tenant', { tenant: null }],
    ['option tenant', { tenant: '' }],
    ['option tenant', { tenant: 'x client' }],
    ['option tenant.headers', { tenant: { headers: 'x' } }],
    ['option tenant.header', { tenant: { header: '' } }],
    ['option tenant.resolve', { tenant: { resolve: 'x' } }],
    ['option tenant.required', { tenant: { required: 'yes' } }],
    ['option vary', { vary: 'accept' }],
    ['option vary', { vary: ['a b'] }],
    ['option vary', { vary: ['*'] }],
    ['option when', { when: true }],
    ['option identity', { identity: 'me' }],
    ['option query', { query: ['a'] }],
    ['option query', { query: null }],
    ['option query', { query: { only: ['a'], ignore: ['b'] } }],
    ['option query.only', { query: { only: 'a' } }],
    ['option query.ignored', { query: { ignored: ['a'] } }],
    ['option maxBodyBytes', { maxBodyBytes: 0 }],
    ['option maxBodyBytes', { maxBodyBytes: 1.5 }],
    ['option requestDirectives', { requestDirectives: 'honour' }],
    ['option exposeKey', { exposeKey: 1 }],
    ['option collapse', { collapse: 'yes' }],
    ['option earlyRefresh', { earlyRefresh: -1 }],
    ['option cache', { cache: {} }],
    ['option cache', { cache: 'redis://localhost' }],
    ['option cache', { cache: null }],
  ])('cacheMiddleware names %s of %j', (setting, options) => {
    const make = () => cacheMiddleware({ cache, ...options } as never);
    expect(make).toThrow(expect.objectContaining({ name: 'ConfigError', setting }));
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => invalidate(undefined as unknown as string)],
    ['an empty text', () => invalidate('', { cache })],
    ['an empty list', () => invalidate([], { cache })],
    ['a list that has an empty text', () => invalidate(['users', ''], { cache })],
    ['no names', () => invalidate({ cache })],
    ['a number', () => invalidate(7 as unknown as string, { cache })],
    ['numbers', () => invalidate({ cache, tags: [7] as unknown as string[] })],
    ['an empty tag', () => invalidate({ cache, tags: '' })],
    ['a name that it does not know', () => invalidate({ cache, tag: 'users' } as never)],
    ['a name that it does not know beside one that it does', () => invalidate({ cache, keys: 'a', tag: 'b' } as never)],
    ['an allTenants that is no flag', () => invalidate({ cache, tags: 'a', allTenants: 'yes' as unknown as boolean })],
    ['options that it does not know', () => invalidate('users', { cache, tags: 'users' } as never)],
    ['a cache that is none', () => invalidate('users', { cache: {} as never })],
  ])('invalidate refuses %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ name: 'ConfigError' }));
  });

  it.each<[string, () => unknown]>([
    ['clear: options that it does not know', () => clear({ cache, tags: ['users'] } as never)],
    ['clear: a cache that is none', () => clear({ cache: {} as never })],
    ['statsRouter: options that it does not know', () => statsRouter({ cache, autorize: () => true } as never)],
    ['statsRouter: an authorize that is no function', () => statsRouter({ cache, authorize: true as never })],
    ['statsRouter: a cache that is none', () => statsRouter({ cache: {} as never })],
  ])('are refused by %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ name: 'ConfigError' }));
  });

  it.each<[what: string, make: (options: never) => unknown]>([
    ['cacheMiddleware', cacheMiddleware],
    ['clear', clear],
    ['invalidate', (options) => invalidate('users', options)],
    ['statsRouter', statsRouter],
    ['sessionStore', sessionStore],
    [
      'createServer',
      (options) =>
        createServer(
          Object.assign(() => {}, { callback: () => {}, context: {} }),
          options,
        ),
    ],
  ])('%s takes an object', (what, make) => {
    for (const [options, held] of [
      [null, 'null'],
      [7, '7'],
      ['users', '"users"'],
      [[], '[]'],
    ])
      expect(() => make(options as never)).toThrow(`the options of ${what}() is ${held}; it takes an object`);
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    ['', '""'],
    [[], '[]'],
    [[''], '[""]'],
  ])('invalidate says what it takes in place of %j', (spec, held) => {
    expect(() => invalidate(spec as never, { cache })).toThrow(
      `what invalidate() is given is ${held}; it takes a key, a list of keys, or { keys, tags, patterns }`,
    );
  });

  it('invalidate takes one cache', () => {
    const other = createCache({ redis: false });
    expect(() => invalidate({ tags: ['t'], cache: other }, { cache })).toThrow(
      'option cache of invalidate() is an object of the class Cache; it takes the cache that is named beside it',
    );
    expect(() => invalidate({ tags: ['t'], cache }, { cache })).not.toThrow();
    return other.close();
  });

  it('are told with what they held and what they take', () => {
    const make = () => cacheMiddleware({ cache, ttl: -1 });
    expect(make).toThrow('option ttl is -1; it takes a number of seconds above 0');
  });
});
