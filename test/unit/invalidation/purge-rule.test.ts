import express from 'express';
import { createCache } from 'respcache';
import { cacheMiddleware, invalidate } from 'respcache/express';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors.js';
import { changedUrls, everything, type InvalidateSpec, ruleOf } from '../../../src/invalidation/purge-rule.js';
import { QueryRules } from '../../../src/request/query.js';
import type { RequestView } from '../../../src/request/request.js';
import type { Fields } from '../../../src/types.js';

const request = (target = '/users?b=2&a=1', secure = false): RequestView => ({
  method: 'POST',
  target,
  headers: { host: 'example.com' },
  rawHeaders: [],
  secure,
  source: { id: '7' },
});
const context = (fields: Fields = {}, view = request()) => ({
  tenant: 'acme',
  request: view,
  fields,
  queries: new QueryRules(),
});
const purgeOf = (spec: Parameters<typeof ruleOf>[0]) => ruleOf(spec)(context());

describe('ruleOf', () => {
  it.each<[spec: Parameters<typeof ruleOf>[0], tags: string[]]>([
    ['users:list', ['k:acme:users:list']],
    [
      ['a', 'b'],
      ['k:acme:a', 'k:acme:b'],
    ],
    [{ keys: 'a' }, ['k:acme:a']],
    [{ keys: '/users?b=2&a=1' }, ['k:acme:/users?a=1&b=2', 'q:acme:/users']],
    [{ tags: 'users' }, ['g:acme:users']],
    [{ tags: ['a', 'b'], keys: ['c'] }, ['k:acme:c', 'g:acme:a', 'g:acme:b']],
    [{ tags: ['a'], allTenants: true }, ['G:a']],
    [{ tags: (source) => `user:${(source as { id: string }).id}` }, ['g:acme:user:7']],
    [{ keys: () => ['a', 'b'] }, ['k:acme:a', 'k:acme:b']],
    [{ tags: () => [] }, []],
  ])('%j', (spec, tags) => {
    expect(purgeOf(spec)).toEqual({ tags, patterns: [] });
  });

  it('is only what counts for all tenants, where the tenant cannot be found', () => {
    const nobody = { ...context(), tenant: undefined };
    const spec = { keys: 'a', tags: 'b', patterns: 'c:*' };
    expect(ruleOf(spec)(nobody)).toEqual({ tags: [], patterns: [] });
    expect(ruleOf({ ...spec, allTenants: true })(nobody)).toEqual({ tags: ['G:b'], patterns: [] });
    expect(changedUrls(nobody)).toEqual({ tags: [], patterns: [] });
  });

  it('keeps patterns to the tenant of the request', () => {
    expect(purgeOf({ patterns: ['users:*', '*'], tags: ['a'], allTenants: true })).toEqual({
      tags: ['G:a'],
      patterns: [
        { tenant: 'acme', glob: 'users:*' },
        { tenant: 'acme', glob: '*' },
      ],
    });
  });

  it.each<[spec: unknown, names: string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [5, '5'],
    ['', '""'],
    [{}, '{}'],
    [[1], '1'],
    [{ allTenants: true }, 'allTenants'],
    [{ tag: 'users' }, 'tag'],
    [{ keys: 'users:list', tag: 'users' }, 'tag'],
    [[], '[]'],
    [{ tags: [] }, 'tags'],
    [{ tags: 5 }, 'tags'],
    [{ tags: [''] }, 'tags'],
    [{ keys: [5] }, 'keys'],
    [{ patterns: {} }, 'patterns'],
    [{ tags: Array(2).fill('a', 1) }, 'tags'],
    [Array(2).fill('a', 1), 'null'],
    [{ tags: 'a', allTenants: 'no' }, 'allTenants'],
    [{ keys: 'users:list', allTenants: true }, 'allTenants'],
    [{ patterns: 'users:*', allTenants: true }, 'allTenants'],
  ])('refuses %j', (spec, names) => {
    expect(() => ruleOf(spec as InvalidateSpec)).toThrow(ConfigError);
    expect(() => ruleOf(spec as InvalidateSpec)).toThrow(names);
  });
});

it('ruleOf goes by the lists as they were given', () => {
  const keys = ['a'];
  const tags = ['a'];
  const rules = [ruleOf(keys), ruleOf({ keys, tags })];
  for (const list of [keys, tags]) list[0] = 'b';
  expect(rules.map((rule) => rule(context()).tags)).toEqual([['k:acme:a'], ['k:acme:a', 'g:acme:a']]);
});

describe('a function of ruleOf', () => {
  it.each([
    ['keys', 5],
    ['tags', ['a', null]],
    ['tags', Array(2).fill('a', 1)],
    ['patterns', Promise.resolve('a')],
  ])('that gives no names is told of by its own name: %s', (name, given) => {
    expect(() => purgeOf({ [name]: () => given } as InvalidateSpec)).toThrow(
      new RegExp(
        `^the function ${name} of invalidate\\(\\) gave .*; it takes a function that (gives a text or a list of texts|answers at once)$`,
      ),
    );
  });

  it.each([undefined, null, []])('that gives %j invalidates nothing', (given) => {
    expect(purgeOf({ tags: () => given as never })).toEqual({ tags: [], patterns: [] });
  });
});

describe('everything', () => {
  it('is one tag', () => {
    expect(everything(context())).toEqual({ tags: ['*'], patterns: [] });
  });
});

describe('changedUrls (RFC 9111 §4.4)', () => {
  /** The tags of a URL: its own, and that of its path, for whatever answers several queries of it. */
  const reached = (target: string, origin = 'http://example.com') => [
    `u:acme:${origin}${target}`,
    `p:acme:${origin}${target.replace(/\?.*/, '')}`,
  ];

  it.each<[fields: Fields, more: string[]]>([
    [{}, []],
    [{ location: '/users/5' }, ['/users/5']],
    [{ location: 'users/5' }, ['/users/5']],
    [{ location: '5' }, ['/5']],
    [{ location: '?c=1' }, ['/users?c=1']],
    [{ location: 'http://example.com/users/5?d&c#e' }, ['/users/5?c&d']],
    [{ location: 'HTTP://EXAMPLE.com:80/x' }, ['/x']],
    [{ location: '//example.com/x' }, ['/x']],
    [{ 'content-location': '/users/6' }, ['/users/6']],
    [{ location: '/a', 'content-location': '/b' }, ['/a', '/b']],
    // Other origins are none of our business.
    [{ location: 'http://other.example/users/5' }, []],
    [{ location: '//other.example/users/5' }, []],
    [{ location: 'https://example.com/users/5' }, []],
    [{ location: 'http://example.com:8080/users/5' }, []],
    [{ location: 'http://example.com@other.example/' }, []],
    [{ location: 'javascript:alert(1)' }, []],
    [{ location: 'http://' }, []],
    [{ location: '' }, ['/users?a=1&b=2']],
  ])('the URL itself, and with %j also %j', (fields, more) => {
    const tags = ['/users?a=1&b=2', ...more].flatMap((target) => reached(target));
    expect(changedUrls(context(fields))).toEqual({ tags, patterns: [] });
  });

  it('over an encrypted connection too', () => {
    expect(changedUrls(context({ location: 'https://example.com/x' }, request('/y', true))).tags).toEqual(
      ['/y', '/x'].flatMap((target) => reached(target, 'https://example.com')),
    );
  });

  // RFC 9112 §3.2.2: its authority goes before Host; handlers go by Host all the same.
  it.each<[target: string, origin: string, path: string]>([
    ['http://example.com/x?b&a#c', 'http://example.com', '/x?a&b'],
    ['http://EXAMPLE.com:80', 'http://example.com', '/'],
    ['https://other.example:8443/a/../x', 'https://other.example:8443', '/a/../x'],
    ['http://user@other.example?a', 'http://other.example', '/?a'],
  ])('is, by a target in absolute form, %j, the path by Host, and that of %s', (target, origin, path) => {
    const { tags } = changedUrls(context({}, request(target)));
    expect(new Set(tags)).toEqual(new Set([...reached(path), ...reached(path, origin)]));
  });

  it.each(['/x#y', '/x#', '/x#y?z'])('is not told apart by what no target has: %s', (target) => {
    expect(changedUrls(context({}, request(target))).tags).toEqual(reached('/x'));
  });

  it.each(['*', '', 'http://', 'example.com:80'])('is none, by a target that is none: %j', (target) => {
    expect(changedUrls(context({}, request(target))).tags).toEqual([]);
  });

  it('is the URL alone where there is no usable host', () => {
    const view = { ...request('/x'), headers: {} };
    expect(changedUrls(context({ location: '/y' }, view)).tags).toEqual(reached('/x', 'http://'));
  });

  it('also without the parameters that a mount leaves out of its keys', () => {
    const { queries } = context();
    queries.add({ only: undefined, ignore: ['b'], sort: false });
    const { tags } = changedUrls({ ...context({ location: '/users/5?c' }), queries });
    const path = 'p:acme:http://example.com/users';
    expect(tags).toEqual([
      'u:acme:http://example.com/users?a=1&b=2',
      'u:acme:http://example.com/users?a=1',
      path,
      ...reached('/users/5?c'),
    ]);
  });

  it.each<[field: string | string[], groups: string[]]>([
    ['"users"', ['users']],
    ['"users", "lists";p=1, "a b"', ['users', 'lists', 'a b']],
    [
      ['"a"', '"b"'],
      ['a', 'b'],
    ],
    ['"a", "a"', ['a']],
    ['users', []],
    ['"a', []],
    ['', []],
  ])('the groups of the tenant that Cache-Group-Invalidation names: %j (RFC 9875 §3)', (field, groups) => {
    const { tags, patterns } = changedUrls(context({ 'cache-group-invalidation': field }));
    expect(tags).toEqual([...reached('/users?a=1&b=2'), ...groups.map((group) => `g:acme:${group}`)]);
    expect(patterns).toEqual([]);
  });

  it.each([
    ['ignored', { ignore: ['utm_*'] }, '/users?utm_source=mail&page=2'],
    ['not named', { only: ['page'] }, '/users?page=2&x=1'],
    ['sorted', {}, '/users?b=1&a=2'],
    ['not sorted', { sort: false }, '/users?b=1&a=2'],
  ])('is the URL of the stored response, where parameters are %s', async (_, query, url) => {
    const cache = createCache({ redis: false });
    const app = express();
    let users = 1;
    app.use(cacheMiddleware({ cache, query }));
    app.get('/users', (_req, res) => void res.send(String(users)));
    app.post('/users', (_req, res) => void res.send(String(++users)));
    const get = () => supertest(app).get(url).set('Host', 'example.com');
    expect((await get()).text).toBe('1');
    expect((await get()).headers['cache-status']).toContain('hit');
    await supertest(app).post(url).set('Host', 'example.com');
    expect((await get()).text).toBe('2');
  });

  it.each([
    ['ignored', { ignore: ['utm_*'] }, '/users?utm_source=mail&page=2'],
    ['not named', { only: ['page'] }, '/users?page=2&x=1'],
    ['all left out', { only: [] }, '/users?x=1'],
    ['sorted', {}, '/users?b=1&a=2'],
    ['not sorted', { sort: false }, '/users?b=1&a=2'],
  ])('is what a key says that has the URL as it was asked for, where parameters are %s', async (_, query, url) => {
    const cache = createCache({ redis: false });
    const app = express();
    let runs = 0;
    app.use(cacheMiddleware({ cache, query, key: 'list' }));
    app.get('/users', (_req, res) => void res.send(String(++runs)));
    app.post('/import', invalidate({ cache, keys: url }), (_req, res) => void res.send('ok'));
    const get = () => supertest(app).get(url).set('Host', 'example.com');
    await get();
    const ways: (() => Promise<unknown>)[] = [
      () => cache.invalidateKey(url, null),
      () => cache.invalidateKey(url.replace('/users', 'list'), null),
      async () => supertest(app).post('/import'),
    ];
    for (const [i, way] of ways.entries()) {
      expect((await get()).text).toBe(String(i + 1));
      await way();
      expect((await get()).text).toBe(String(i + 2));
    }
  });

  it('by such a key, is nothing else of its path', async () => {
    const cache = createCache({ redis: false });
    const app = express();
    app.use(cacheMiddleware({ cache, query: { ignore: ['x'] } }));
    app.get('/users', (_req, res) => void res.send('users'));
    for (const url of ['/users', '/users?a=1', '/users?a=2']) await supertest(app).get(url).set('Host', 'example.com');
    await cache.invalidateKey('/users?x=1', null);
    const hits = ['/users', '/users?a=1', '/users?a=2'].map(async (url) => {
      const { headers } = await supertest(app).get(url).set('Host', 'example.com');
      return /; hit/.test(headers['cache-status']!);
    });
    expect(await Promise.all(hits)).toEqual([false, true, true]);
  });

  it('is that of a stored response which answers other queries, too', async () => {
    const cache = createCache({ redis: false });
    const app = express();
    let users = 1;
    app.use(cacheMiddleware({ cache }));
    app.get('/users', (_req, res) => void res.set('No-Vary-Search', 'params=("utm_x")').send(String(users)));
    app.post('/users', (_req, res) => void res.send(String(++users)));
    const get = (url: string) => supertest(app).get(url).set('Host', 'example.com');
    await get('/users?page=1&utm_x=1');
    expect((await get('/users?page=1&utm_x=2')).headers['cache-status']).toContain('hit');
    await supertest(app).post('/users?utm_x=3&page=1').set('Host', 'example.com');
    expect((await get('/users?page=1&utm_x=2')).text).toBe('2');
  });

  it.each([
    ['/users?utm_x=2*', 1],
    ['/users[?]*utm_x=?', 1],
    ['/us*&utm_x=2', 1],
    ['list?utm_x=*', 1],
    ['*utm_x=2*', 1],
    ['/users/*', 0],
    ['/user?utm_x=2', 0],
    ['/others?utm_x=2*', 0],
    ['/u', 0],
  ])('so is one that a pattern means by a query: %s', async (pattern, more) => {
    const cache = createCache({ redis: false });
    const app = express();
    let runs = 0;
    app.use(cacheMiddleware({ cache, key: 'list' }));
    app.get('/users', (_req, res) => void res.set('No-Vary-Search', 'params=("utm_x")').send(String(++runs)));
    const get = () => supertest(app).get('/users?page=1&utm_x=2').set('Host', 'example.com');
    await get();
    await cache.invalidatePattern(pattern, null);
    expect((await get()).text).toBe(String(1 + more));
  });
});
