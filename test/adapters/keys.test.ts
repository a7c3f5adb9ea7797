// Which requests are the same to the cache, and what mounts inside of mounts make of that.

import type { CacheControl, RouteOptions } from 'respcache';
import { describe, expect, it } from 'vitest';
import { NEWEST, numbered, useBench } from './bench.js';
import { type Asked, createHost, type Host, type Source } from './hosts.js';

const bench = useBench();

const user = ({ headers }: Source) => headers['x-user'] as string | undefined;
const as = (name: string, more = {}) => ({ headers: { 'X-User': name, ...more } });

describe.each(NEWEST)('keys: $label', (combination) => {
  /** Asks for each target, and says which handler run each was given. */
  async function runsOf(host: Host, targets: readonly string[]): Promise<number[]> {
    const found: number[] = [];
    for (const target of targets) found.push(Number((await host.ask(target)).text.replace('run ', '')));
    return found;
  }

  describe('the query', () => {
    it('is the same in any order of its names', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      expect(await runsOf(host, ['/x?b=2&a=1', '/x?a=1&b=2', '/x?&a=1&&b=2&'])).toEqual([1, 1, 1]);
    });

    it('is another in another order of one name, wherever other names stand', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      const targets = ['/x?a=1&a=2', '/x?a=2&a=1', '/x?a=1&b=0&a=2', '/x?b=0&a=1&a=2', '/x?a=2&b=0&a=1'];
      expect(await runsOf(host, targets)).toEqual([1, 2, 3, 3, 4]);
    });

    it('is another with another value, with none, and with an empty one', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      expect(await runsOf(host, ['/x', '/x?a', '/x?a=', '/x?a=1', '/x?A=1', '/x'])).toEqual([1, 2, 3, 4, 5, 1]);
    });

    it('counts without the names to be ignored', async () => {
      const host = await bench.start(combination);
      host.get('/x', { query: { ignore: ['utm_*', 'fbclid'] } }, numbered());
      const targets = [
        ...[
          '/x?a=1',
          '/x?a=1&utm_source=mail',
          '/x?utm_source=b&utm_medium=c&a=1',
          '/x?fbclid=x&a=1',
          '/x?utm%5Fid=1&a=1',
        ],
        ...['/x?a=1&utm=1', '/x?a=1&fbclid2=1', '/x?a=1&my_utm_x=1'],
      ];
      expect(await runsOf(host, targets)).toEqual([1, 1, 1, 1, 1, 2, 3, 4]);
    });

    it('counts with the names to be kept only', async () => {
      const host = await bench.start(combination);
      host.get('/x', { query: { only: ['page', 'filter*'] } }, numbered());
      const targets = [
        ...['/x?page=1', '/x?page=1&other=2', '/x?z=1&page=1&pages=3', '/x?page=2', '/x'],
        ...['/x?page=1&filter[a]=1', '/x?filter[a]=1&page=1&x', '/x?page=1&filter[a]=2'],
        // Express 4 reads these as `page`.
        ...['/x?[page]=1', '/x?%5Bpage%5D=1', '/x?[page]=2&page=1', '/x?page=1&[page]=2'],
      ];
      expect(await runsOf(host, targets)).toEqual([1, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]);
    });

    it.each<[from: string, to: string, more?: Record<string, string>]>([
      ['/x?utm_source=mail&a=1', '/x?a=1'],
      ['/x?b=1&a=1', 'http://h.example/x?a=1&b=1'],
      ['/x?', '/x'],
      ['/x', '/shop/x'],
      ['/x?ref=mail', '/x', { 'No-Vary-Search': 'params=("ref")' }],
    ])('has no place for a redirect that leads to it: %s to %s', async (from, to, more = {}) => {
      const host = await bench.start(combination);
      const headers = { Host: 'h.example', 'X-Forwarded-Prefix': '/shop' };
      const handler = numbered(() =>
        handler.runs === 1 ? { status: 301, headers: { Location: to, ...more }, body: '' } : {},
      );
      host.get('/x', { query: { ignore: ['utm_*'] } }, handler);
      const redirect = await host.ask(from, { headers });
      expect(redirect).toMatchObject({ status: 301 });
      expect(redirect.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=loop');
      const followed = new URL(to, 'http://h.example').href.replace('http://h.example', '').replace('/shop', '');
      expect(await host.ask(followed, { headers })).toMatchObject({ status: 200, text: 'run 2' });
    });

    it('has a place for a redirect that leads elsewhere', async () => {
      const host = await bench.start(combination);
      const handler = numbered(() => ({ status: 301, headers: { Location: '/x?a=2' }, body: '' }));
      host.get('/x', { query: { ignore: ['utm_*'] } }, handler);
      for (const _ of [1, 2]) expect(await host.ask('/x?a=1&utm_id=1')).toMatchObject({ status: 301 });
      expect(handler.runs).toBe(1);
    });

    it('follows the rule of the cache where the route has none of its own', async () => {
      const host = await bench.start(combination, { query: { ignore: ['v'] } });
      host.get('/x', {}, numbered());
      host.get('/y', { query: { ignore: [] } }, numbered());
      expect(await runsOf(host, ['/x?v=1', '/x?v=2'])).toEqual([1, 1]);
      expect(await runsOf(host, ['/y?v=1', '/y?v=2'])).toEqual([1, 2]);
    });
  });

  it('a named route is still told apart by its queries and variants, and invalidated with all of them', async () => {
    const host = await bench.start(combination);
    host.get('/users', { key: 'users:list' }, numbered({ headers: { Vary: 'Accept' } }));
    host.get('/others', { key: 'users:other' }, numbered());
    host.post('/users', host.invalidating('users:list'), () => ({}));
    const asked = async () => [
      ...(await host.texts('/users', 1)),
      ...(await host.texts('/users?page=2', 1)),
      ...(await host.texts('/users', 1, { headers: { Accept: 'a/b' } })),
      ...(await host.texts('/others', 1)),
    ];
    expect(await asked()).toEqual(['run 1', 'run 2', 'run 3', 'run 1']);
    expect(await asked()).toEqual(['run 1', 'run 2', 'run 3', 'run 1']);
    await host.ask('/users', { method: 'POST' });
    expect(await asked()).toEqual(['run 4', 'run 5', 'run 6', 'run 1']);
  });

  it('a key function adds to the URL and does not stand in its place', async () => {
    const host = await bench.start(combination);
    host.use({ key: (source) => String(source.headers['x-user']) }, ({ url, headers }) => ({
      body: `${url} ${headers['x-user']}`,
    }));
    for (const [path, name] of [
      ['/a', '1'],
      ['/b', '1'],
      ['/a', '2'],
      ['/a', '1'],
    ] as const) {
      expect((await host.ask(path, as(name))).text).toBe(`${path} ${name}`);
    }
    expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 3 });
  });

  describe('mounted on the application and again on a route', () => {
    it('is one cache: one lookup, one run, one entry, counted once', async () => {
      const host = await bench.start(combination);
      const handler = numbered();
      host.use({}, {});
      host.get('/x', {}, { ttl: 60 }, handler);
      const answer = await host.ask('/x');
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; stored');
      expect(answer.header('vary')).toBe('x-client-id');
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; hit; ttl=60');
      expect(handler.runs).toBe(1);
      expect(host.cache.getStats()).toMatchObject({ totalRequests: 2, hits: 1, misses: 1, bypassed: 0, sets: 1 });
    });

    it('lives by the inner ttl, tags, key, negativeTtl and maxBodyBytes', async () => {
      const host = await bench.start(combination);
      const outer = { ttl: 100, tags: ['outer'], key: 'outer', negativeTtl: 100, maxBodyBytes: 1 };
      host.use(outer);
      host.get('/ttl', { ttl: 10, maxBodyBytes: 100 }, numbered());
      host.get('/negative', { negativeTtl: 20, maxBodyBytes: 100 }, numbered({ status: 404 }));
      host.get('/large', numbered());
      host.get('/tags', { tags: ['inner'], maxBodyBytes: 100 }, numbered());
      host.get('/key', { key: 'inner', tags: [], maxBodyBytes: 100 }, numbered());
      for (const name of ['outer', 'inner']) host.post(`/${name}`, host.invalidating(name), () => ({}));
      const status = async (path: string) => [await host.ask(path), (await host.ask(path)).header('cache-status')][1];
      expect(await status('/ttl')).toBe('respcache; hit; ttl=10');
      expect(await status('/negative')).toBe('respcache; hit; ttl=20');
      expect(await status('/large')).toBe('respcache; fwd=uri-miss; detail=too-large');
      expect(await host.texts('/tags', 2)).toEqual(['run 1', 'run 1']);
      expect(await host.texts('/key', 2)).toEqual(['run 1', 'run 1']);
      await host.cache.invalidateByTags(['outer']);
      expect(await host.texts('/tags', 1)).toEqual(['run 1']);
      await host.cache.invalidateByTags(['inner']);
      expect(await host.texts('/tags', 1)).toEqual(['run 2']);
      await host.ask('/outer', { method: 'POST' });
      expect(await host.texts('/key', 1)).toEqual(['run 1']);
      await host.ask('/inner', { method: 'POST' });
      expect(await host.texts('/key', 1)).toEqual(['run 2']);
    });

    it('obeys the inner vary', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', { vary: ['Cookie'] }, ({ headers }) => ({ body: String(headers.cookie) }));
      for (const cookie of ['a', 'b', 'a', 'b']) {
        expect(await host.texts('/x', 1, { headers: { Cookie: cookie } })).toEqual([cookie]);
      }
      expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
    });

    it('obeys the inner when', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', { when: (source) => user(source) === undefined }, ({ headers }) => ({
        body: String(headers['x-user']),
      }));
      expect(await host.texts('/x', 2)).toEqual(['undefined', 'undefined']);
      expect(await host.texts('/x', 1, as('a'))).toEqual(['a']);
      expect(await host.texts('/x', 1)).toEqual(['undefined']);
      expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 1, bypassed: 1, totalRequests: 4 });
    });

    it('obeys the inner when where it says no to all', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', { when: () => false }, numbered());
      expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 2']);
      expect(host.cache.getStats()).toMatchObject({ bypassed: 2, totalRequests: 2, sets: 0 });
    });

    it('is let in by the inner when where the outer one says no', async () => {
      const host = await bench.start(combination);
      host.use({ when: () => false });
      host.get('/yes', { when: () => true }, numbered());
      host.get('/no', { ttl: 60 }, numbered());
      expect(await host.texts('/yes', 2)).toEqual(['run 1', 'run 1']);
      expect(await host.texts('/no', 2)).toEqual(['run 1', 'run 2']);
    });

    it.each<[string, RouteOptions<Source>]>([
      ['identity', { identity: user }],
      ['key function', { key: (source) => user(source) ?? 'nobody' }],
      ['tenant function', { tenant: user }],
      ['tenant header', { tenant: 'X-User' }],
    ])('obeys the inner %s', async (name, options) => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', options, ({ headers }) => ({ body: String(headers['x-user']) }));
      for (const each of ['a', 'b', 'a', 'b']) expect(await host.texts('/x', 1, as(each))).toEqual([each]);
      expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2, totalRequests: 4 });
      const cookies = ['a', 'b', 'a'].map((each) => as(each, { Cookie: `sid=${each}` }));
      const expected = name === 'identity' || name === 'key function' ? { hits: 5 } : { hits: 2, bypassed: 3 };
      for (const ask of cookies) expect(await host.texts('/x', 1, ask)).toEqual([ask.headers['X-User']]);
      expect(host.cache.getStats()).toMatchObject(expected);
    });

    it('obeys the inner query', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', { query: { ignore: ['v'] } }, numbered());
      expect(await runsOf(host, ['/x?v=1', '/x?v=2', '/x'])).toEqual([1, 1, 1]);
    });

    it('does not answer in the outer place what only the inner one may', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', { tenant: { required: true } }, ({ headers }) => ({ body: String(headers['x-client-id']) }));
      expect(await host.texts('/x', 2)).toEqual(['undefined', 'undefined']);
      expect(host.cache.getStats()).toMatchObject({ hits: 0, bypassed: 2 });
    });

    it('obeys an inner mount on a layer between, too', async () => {
      const host = await bench.start(combination);
      host.use({ ttl: 100 });
      host.mount('/below', { ttl: 50 });
      host.get('/below/x', { ttl: 10 }, numbered());
      host.get('/below/y', numbered());
      const status = async (path: string) => [await host.ask(path), (await host.ask(path)).header('cache-status')][1];
      expect(await status('/below/x')).toBe('respcache; hit; ttl=10');
      expect(await status('/below/y')).toBe('respcache; hit; ttl=50');
    });
  });

  describe('three mounts, one inside the other', () => {
    it.each<[string, RouteOptions<Source>]>([
      ['when', { when: (source) => user(source) === undefined }],
      ['personal', { personal: ['x-user'] }],
    ])('do not answer in the middle what only the innermost may: %s', async (_name, options) => {
      const host = await bench.start(combination);
      host.use({});
      host.mount('/below', { query: { ignore: ['v'] } });
      host.get('/below/x', options, ({ headers }) => ({ body: String(headers['x-user']) }));
      expect(await host.texts('/below/x', 2)).toEqual(['undefined', 'undefined']);
      expect(await host.texts('/below/x', 1, as('a'))).toEqual(['a']);
      expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1, bypassed: 1, totalRequests: 3 });
    });

    it('do not do so either where the outermost could not tell whose the request is, and the next one can', async () => {
      const host = await bench.start(combination);
      let fails = 0;
      const tenant = async () => {
        if (fails-- > 0) throw new Error('the database is away');
        return 'one';
      };
      host.use({ tenant });
      host.mount('/below', {});
      host.get('/below/x', { personal: ['x-user'] }, ({ headers }) => ({ body: String(headers['x-user']) }));
      expect(await host.texts('/below/x', 2)).toEqual(['undefined', 'undefined']);
      fails = 1;
      expect(await host.texts('/below/x', 1, as('a'))).toEqual(['a']);
      expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1, bypassed: 1, totalRequests: 3 });
    });
  });

  it('hits say further down what the inner mount has them say', async () => {
    const host = await bench.start(combination);
    host.use({ browserTtl: 600 });
    const tagged = { tags: ['a', 'b'], surrogateTags: 'Cache-Tag' };
    host.get('/x', { browserTtl: 0, cdnTtl: 30, ...tagged }, numbered({ headers: { 'Cache-Control': 'max-age=900' } }));
    const told = async () => {
      const answer = await host.ask('/x');
      return ['cache-control', 'cdn-cache-control', 'cache-tag'].map((name) => answer.header(name));
    };
    for (let i = 0; i < 3; i++) expect(await told()).toEqual(['no-cache', 'max-age=30', 'a,b']);
    expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 1, totalRequests: 3 });
  });

  it('an inner mount has its answer made anew early', async () => {
    const host = await bench.start(combination);
    host.use({});
    const handler = numbered();
    host.get('/x', { ttl: 10, earlyRefresh: 1e9 }, (asked) => {
      const until = performance.now() + 3; // what costs nothing is never made early
      while (performance.now() < until);
      return handler(asked);
    });
    for (const run of ['run 1', 'run 1']) {
      const stored = new Promise((resolve) => host.cache.on('set', resolve));
      expect(await host.texts('/x', 1)).toEqual([run]);
      await stored;
    }
    expect(host.cache.getStats().refreshes).toBe(1);
  });

  it('below a mount, a request is known by the whole of its URL', async () => {
    const host = await bench.start(combination);
    host.mount('/a', {}, () => ({ body: 'a' }));
    host.mount('/b', {}, () => ({ body: 'b' }));
    for (const path of ['/a/x', '/b/x', '/a/x', '/b/x']) expect(await host.texts(path, 1)).toEqual([path.slice(1, 2)]);
    expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
  });

  it('two caches, one inside the other, each do their work', async () => {
    const host = await bench.start(combination);
    const inner = await bench.start(combination);
    const handler = numbered();
    host.use({});
    host.get('/x', createHost(combination.framework, inner.cache).caching({ ttl: 60 }), handler);
    const statuses = [];
    for (let i = 0; i < 2; i++) statuses.push((await host.ask('/x')).all('cache-status').join(', '));
    await host.cache.clear();
    const third = await host.ask('/x');
    statuses.push(third.all('cache-status').join(', '));
    expect(statuses).toEqual([
      'respcache; fwd=uri-miss; stored, respcache; fwd=uri-miss; stored',
      'respcache; fwd=uri-miss; stored, respcache; hit; ttl=300',
      'respcache; hit; ttl=60, respcache; fwd=uri-miss; stored',
    ]);
    expect([third.text, handler.runs]).toEqual(['run 1', 1]);
  });

  it('a handler within two caches speaks to both', async () => {
    const host = await bench.start(combination);
    const inner = await bench.start(combination);
    const inside = createHost(combination.framework, inner.cache).caching({});
    let runs = 0;
    const saying = (say: (cache: CacheControl) => void) => (asked: Asked) => {
      say(asked.cache);
      return { body: `run ${++runs}` };
    };
    host.use({});
    host.get(
      '/refused',
      inside,
      saying((cache) => cache.noStore()),
    );
    host.get(
      '/short',
      inside,
      saying((cache) => cache.ttl(5)),
    );
    host.get(
      '/tagged',
      inside,
      saying((cache) => cache.tag('t')),
    );
    expect(await host.texts('/refused', 2)).toEqual(['run 1', 'run 2']);
    expect(await host.texts('/short', 2)).toEqual(['run 3', 'run 3']);
    for (const { clock } of [host, inner]) clock.forward(6);
    expect(await host.texts('/short', 1)).toEqual(['run 4']);
    expect(await host.texts('/tagged', 1)).toEqual(['run 5']);
    for (const { cache } of [host, inner]) await cache.invalidateByTags(['t'], undefined);
    expect(await host.texts('/tagged', 1)).toEqual(['run 6']);
  });

  it('of two caches the outer one knows the tags of what the inner one has given it', async () => {
    const host = await bench.start(combination);
    const inner = await bench.start(combination);
    const handler = numbered();
    host.use({});
    host.get('/x', createHost(combination.framework, inner.cache).caching({}), (asked) => {
      asked.cache.tag('t');
      return handler(asked);
    });
    // The second of the inner one's hits comes by the short way.
    for (const hits of [0, 1, 2]) {
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
      expect(inner.cache.getStats().hits).toBe(hits);
      if (hits < 2) await host.cache.clear();
    }
    for (const { cache } of [inner, host]) await cache.invalidateByTags(['t'], undefined);
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });

  it('what a mount within another cache has for each user is given to no other by the mount around both', async () => {
    const host = await bench.start(combination);
    const inner = await bench.start(combination);
    host.use({});
    host.get(
      '/x',
      createHost(combination.framework, inner.cache).caching({ when: () => false }),
      createHost(combination.framework, host.cache).caching({ identity: user }),
      ({ headers }) => ({ body: `for ${headers['x-user']}` }),
    );
    for (const name of ['ada', 'bob'])
      expect((await host.ask('/x', { headers: { 'X-User': name } })).text).toBe(`for ${name}`);
  });

  it('a mount within another cache, whose questions to the handler are not the client’s, leaves the answer to that one', async () => {
    const host = await bench.start(combination);
    const inner = await bench.start(combination);
    const { framework } = combination;
    const handler = numbered({ headers: { ETag: '"e"' } });
    host.use({ ttl: 5, retain: 60 });
    host.get(
      '/x',
      createHost(framework, inner.cache).caching({ ttl: 5, retain: 60 }),
      createHost(framework, host.cache).caching({ ttl: 5, browserTtl: 7, retain: 60 }),
      (asked) =>
        asked.headers['if-none-match'] === '"e"' ? { status: 304, headers: { ETag: '"e"' } } : handler(asked),
    );
    for (const status of ['fwd=uri-miss; stored', 'fwd=stale; fwd-status=304; stored']) {
      const answer = await host.ask('/x');
      expect([answer.status, answer.text]).toEqual([200, 'run 1']);
      expect(answer.all('cache-status').join(', ')).toMatch(`respcache; ${status}`);
      for (const { clock } of [host, inner]) clock.forward(6);
    }
  });
});
