import { describe, expect, it } from 'vitest';
import type { SearchRule } from '../../../src/http/no-vary-search.js';
import { SORTED } from '../../../src/request/query.js';
import { isSelf, leadsBack, pathsMeant, sameOrigin, targetsOf } from '../../../src/request/reference.js';
import type { Fields } from '../../../src/types.js';
import { view } from '../made.js';

describe('sameOrigin', () => {
  it.each([
    ['/x?b&a', '/x?b&a'],
    ['x', '/users/x'],
    ['?c', '/users/5?c'],
    ['HTTP://EXAMPLE.com:80/x#y', '/x'],
    ['//example.com/../x', '/x'],
  ])('leads by %j to %j', (reference, target) => {
    expect(sameOrigin(view({ target: '/users/5' }), reference)).toBe(target);
  });

  it.each([
    undefined,
    'https://example.com/x',
    '//other.example/x',
    'http://example.com:8080/',
    'mailto:a@b',
    'http://',
  ])('leads nowhere by %j', (reference) => {
    expect(sameOrigin(view(), reference)).toBeUndefined();
  });

  it.each<[reference: string, fields: Fields]>([
    ['https://example.com/x', { 'x-forwarded-proto': 'https' }],
    ['http://example.com/x', { 'x-forwarded-proto': 'https' }],
    ['http://shop.example/x', { 'x-forwarded-host': 'Shop.example' }],
    ['https://shop.example/x', { 'x-forwarded-host': 'shop.example, inner', 'x-forwarded-proto': 'https,http' }],
    ['https://shop.example:8443/x', { 'x-forwarded-host': 'shop.example:8443', 'x-forwarded-proto': 'https' }],
    [
      'https://shop.example:8443/x',
      { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443' },
    ],
    ['https://shop.example/x', { forwarded: 'for=10.0.0.1;host="shop.example";Proto=https' }],
    ['http://shop.example/x', { forwarded: 'for=10.0.0.1;Host=shop.example' }],
    ['http://shop.example/x', { host: undefined, ':authority': 'shop.example' }],
  ])('leads by %j to its path, where proxies, or the connection, say %j', (reference, fields) => {
    const headers = { host: 'example.com', ...fields };
    expect(sameOrigin(view({ headers }), reference)).toBe('/x');
    expect(sameOrigin(view({ headers }), 'http://other.example/x')).toBeUndefined();
    expect(sameOrigin(view({ headers }), 'ftp://example.com/x')).toBeUndefined();
  });

  it.each<Fields>([
    { 'x-forwarded-host': '[', 'x-forwarded-proto': ' ,', 'x-forwarded-port': 'x', forwarded: 'host=' },
    { 'x-forwarded-proto': 'javascript' },
  ])('leads by what proxies say that is none, %j, as without it', (fields) => {
    const headers = { host: 'example.com', ...fields };
    expect(sameOrigin(view({ headers }), 'http://example.com/x')).toBe('/x');
    expect(sameOrigin(view({ headers }), 'https://example.com/x')).toBeUndefined();
  });

  it.each(['', 'a b', '['])('leads nowhere where the request has no usable host: %j', (host) => {
    expect(sameOrigin(view({ headers: host === '' ? {} : { host } }), '/x')).toBeUndefined();
    expect(sameOrigin(view({ headers: { host } }), 'http://example.com/x')).toBeUndefined();
    const absolute = view({ target: 'http://example.com/users', headers: { host } });
    expect(sameOrigin(absolute, '/x')).toBeUndefined();
  });

  it.each([
    ['b', '/users/b'],
    ['?c', '/users/5?c'],
    ['/x', '/x'],
  ])('leads by %j to %j from a target in absolute form', (reference, target) => {
    expect(sameOrigin(view({ target: 'http://example.com/users/5' }), reference)).toBe(target);
  });

  it('leads to the place of an encrypted connection by https alone', () => {
    expect(sameOrigin(view({ secure: true }), 'https://example.com/x')).toBe('/x');
    expect(sameOrigin(view({ secure: true }), 'http://example.com/x')).toBeUndefined();
  });

  it('goes by what the first of several proxies says', () => {
    const headers = { host: 'example.com', 'x-forwarded-host': 'shop.example, inner.example' };
    expect(sameOrigin(view({ headers }), 'http://inner.example/x')).toBeUndefined();
  });
});

describe('isSelf', () => {
  const request = view({ target: '/users?b=2&a=1' });

  it.each(['/users?b=2&a=1', '?b=2&a=1', 'http://example.com/users?b=2&a=1', '/x/../users?b=2&a=1', ''])(
    'is so for %j',
    (reference) => {
      expect(isSelf(request, reference)).toBe(true);
    },
  );

  it.each([undefined, '/users', '/users?a=1&b=2', '/users/5?b=2&a=1', 'https://example.com/users?b=2&a=1'])(
    'is not so for %j',
    (reference) => {
      expect(isSelf(request, reference)).toBe(false);
    },
  );

  it('is never so where the request has no usable host', () => {
    expect(isSelf(view({ headers: {} }), '/')).toBe(false);
  });
});

describe('targetsOf', () => {
  const at = (target: string) => {
    const request = view({ target });
    return targetsOf(request).map((each) => [each.at.headers.host, each.at.secure, each.target]);
  };

  it.each([
    ['/a?b', '/a?b'],
    ['/a?b#c', '/a?b'],
    ['/a#c#d', '/a'],
  ])('is where %j is kept, without a fragment', (target, kept) => {
    expect(at(target)).toEqual([['example.com', false, kept]]);
  });

  it.each([
    ['http://other.example/a?b', 'other.example', false, '/a?b'],
    ['HTTPS://Other.example:444/a/', 'other.example:444', true, '/a/'],
    ['http://other.example', 'other.example', false, '/'],
    ['http://other.example?b', 'other.example', false, '/?b'],
  ] as const)('is by Host and by the authority of %j', (target, host, secure, kept) => {
    expect(at(target)).toEqual([
      ['example.com', false, kept],
      [host, secure, kept],
    ]);
  });

  it.each(['*', 'http://', 'ftp://example.com/a', 'example.com:443', 'x?http://example.com/a'])(
    'is nowhere for %j',
    (target) => {
      expect(at(target)).toEqual([]);
    },
  );
});

describe('targetsOf, of a target in absolute form', () => {
  it('keeps what proxies say', () => {
    const headers = { host: 'example.com', 'x-forwarded-proto': 'https' };
    const found = targetsOf(view({ target: 'http://other.example/a', headers }));
    expect(found[1]?.at.headers).toEqual({ ...headers, host: 'other.example' });
  });
});

describe('pathsMeant', () => {
  const under = (prefix: string | undefined, reference: string | undefined) =>
    pathsMeant(view({ headers: { host: 'example.com', 'x-forwarded-prefix': prefix } }), reference);

  it('is the path, and what a proxy leaves of it that takes a prefix off', () => {
    expect(under(undefined, '/api/users')).toEqual(['/api/users']);
    expect(under('/api', '/api/users?a')).toEqual(['/api/users?a', '/users?a']);
  });

  it.each(['/apis/users', '/api', '/users/api/'])('is %j alone, which has no such prefix', (reference) => {
    expect(under('/api', reference)).toEqual([reference]);
  });

  it.each([undefined, 'http://other.example/api/users'])('is nothing for %j', (reference) => {
    expect(under('/api', reference)).toEqual([]);
  });
});

describe('leadsBack', () => {
  const back = (reference: string, rule?: SearchRule, prefix?: string) => {
    const headers = { host: 'example.com', 'x-forwarded-prefix': prefix };
    return leadsBack(view({ target: '/users?b=2&a=1', headers }), reference, SORTED, rule);
  };

  it('goes by the key: the order of parameters makes no difference', () => {
    expect(back('/users?a=1&b=2')).toBe(true);
    expect(back('/users?a=1')).toBe(false);
    expect(back('/other?a=1&b=2')).toBe(false);
  });

  it('goes by what the response says of its query', () => {
    const rule: SearchRule = { keyOrder: false, ignore: ['b'], except: [] };
    expect(back('/users?a=1', rule)).toBe(true);
    expect(back('/users?a=2', rule)).toBe(false);
  });

  it('looks at the path that a proxy leaves, too', () => {
    expect(back('/api/users?a=1&b=2', undefined, '/api')).toBe(true);
    expect(back('/api/users?a=1&b=2', undefined, '/app')).toBe(false);
  });
});
