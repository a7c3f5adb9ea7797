import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../src/entry/entry.js';
import type { SearchRule } from '../../../src/http/no-vary-search.js';
import {
  keySpace,
  normalizeKeyName,
  normalizePattern,
  responseAddress,
  responseSubject,
  subjectOfKey,
  targetUris,
  valueKey,
  valueNames,
  variantAddress,
} from '../../../src/request/key.js';
import { type QueryRule, QueryRules } from '../../../src/request/query.js';
import type { RequestView } from '../../../src/request/request.js';
import { escapeTenant } from '../../../src/request/tenant.js';
import type { Fields } from '../../../src/types.js';

const ALL: QueryRule = { only: undefined, ignore: [], sort: true };

const request = (target: string, headers: Fields = { host: 'example.com' }, secure = false): RequestView => ({
  method: 'GET',
  target,
  headers,
  rawHeaders: [],
  secure,
  source: undefined,
});
const address = (target: string, headers?: Fields, scope: string[] = [], secure = false) =>
  responseAddress('', 'acme', request(target, headers, secure), ALL, scope);

describe('valueKey', () => {
  it.each([
    ['', 'client-123', 'users:list', 'client:client-123:users:list'],
    ['app:', 'acme', 'a', 'app:client:acme:a'],
    ['', 'acme', '~a', 'client:acme:%7ea'],
    ['', 'acme', '%7ea', 'client:acme:%257ea'],
    ['', 'acme', 'a~%', 'client:acme:a~%'],
    ['', 'acme', '~sha256:x', 'client:acme:%7esha256:x'],
  ])('of %j, %j, %j', (prefix, tenant, key, expected) => {
    expect(valueKey(prefix, tenant, key)).toBe(expected);
  });

  it('is a hash from 513 characters on', () => {
    expect(valueKey('', 'a', 'x'.repeat(512))).toBe(`client:a:${'x'.repeat(512)}`);
    expect(valueKey('', 'a', 'x'.repeat(513))).toMatch(/^client:a:~sha256:[\w-]{43}$/);
    expect(valueKey('', 'a', 'x'.repeat(513))).not.toBe(valueKey('', 'a', 'x'.repeat(514)));
  });

  it('tells halves of characters apart that would be the same in UTF-8', () => {
    const keys = ['\uD800', '\uD801', '\uDC00', '\uFFFD'].map((key) => valueKey('', 'a', key));
    expect(new Set(keys).size).toBe(4);
    expect(keys.every((key) => key.isWellFormed())).toBe(true);
  });
});

describe('keySpace', () => {
  it('is the beginning of all keys of a tenant, or of all tenants', () => {
    expect(valueKey('p:', 'acme', 'k').startsWith(keySpace('p:', 'acme'))).toBe(true);
    expect(keySpace('p:', 'acme').startsWith(keySpace('p:'))).toBe(true);
    expect(valueKey('p:', 'acme2', 'k').startsWith(keySpace('p:', 'acme'))).toBe(false);
  });
});

describe('responseAddress', () => {
  it('is made of origin, path and sorted query', () => {
    expect(address('/users?b=2&a=1')).toEqual({
      tenant: 'acme',
      key: 'client:acme:~http://example.com~/users~a=1&b=2',
      names: ['/users', '/users?a=1&b=2'],
      uri: 'http://example.com/users?a=1&b=2',
      pathUri: 'http://example.com/users',
    });
  });

  it('takes an empty query for none', () => {
    expect(address('/users?')).toEqual(address('/users'));
    expect(address('/users')).toMatchObject({ names: ['/users'], uri: 'http://example.com/users' });
  });

  it.each<[what: string, a: [string, Fields?, string[]?, boolean?], b: [string, Fields?, string[]?, boolean?]]>([
    ['the path', ['/a'], ['/b']],
    ['the case of the path', ['/a'], ['/A']],
    ['a slash at the end', ['/a'], ['/a/']],
    ['an escape of the path', ['/a%2Fb'], ['/a/b']],
    ['dots in the path', ['/a/../b'], ['/b']],
    ['the query', ['/?a=1'], ['/?a=2']],
    ['where the query begins', ['/a?b'], ['/a%3Fb']],
    ['a question mark in the query', ['/a?b?c'], ['/a?b%3Fc']],
    ['a tilde against the end of a part', ['/a~b'], ['/a?b']],
    ['an escaped tilde', ['/a~b'], ['/a%7Eb']],
    ['a control character in the query (aspnetcore#67763)', ['/?a=%1E'], ['/?a=']],
    ['the host', ['/', { host: 'a' }], ['/', { host: 'b' }]],
    ['the port', ['/', { host: 'a' }], ['/', { host: 'a:8080' }]],
    ['a missing host', ['/', { host: 'a' }], ['/', {}]],
    ['the scheme', ['/', { host: 'a' }, [], true], ['/', { host: 'a' }, [], false]],
    ['X-Forwarded-Host', ['/', { host: 'a' }], ['/', { host: 'a', 'x-forwarded-host': 'b' }]],
    ['X-Forwarded-Proto', ['/', { 'x-forwarded-proto': 'http' }], ['/', { 'x-forwarded-proto': 'https' }]],
    ['X-Original-URL', ['/', {}], ['/', { 'x-original-url': '/admin' }]],
    ['X-Rewrite-URL', ['/', {}], ['/', { 'x-rewrite-url': '/admin' }]],
    ['X-Forwarded-Prefix', ['/', {}], ['/', { 'x-forwarded-prefix': '/api' }]],
    ['X-Forwarded-Port', ['/', {}], ['/', { 'x-forwarded-port': '81' }]],
    ['host in Forwarded', ['/', { forwarded: 'host=a' }], ['/', { forwarded: 'for=x;host=b' }]],
    // No blank may stand there (RFC 7239 §4), and readers that trim look through it.
    ['a host in Forwarded behind blanks', ['/', {}], ['/', { forwarded: 'for=x; Host\t = "b"' }]],
    ['the host behind blanks', ['/', { forwarded: 'host = a' }], ['/', { forwarded: 'host = b' }]],
    ['a quoted host in Forwarded', ['/', { forwarded: 'host="a;b"' }], ['/', { forwarded: 'host="a"' }]],
    [
      'what stands in quotes behind a semicolon',
      ['/', { forwarded: 'host="a;b"' }],
      ['/', { forwarded: 'host="a;c"' }],
    ],
    ['a scheme behind a host', ['/', { forwarded: 'host=a;proto=http' }], ['/', { forwarded: 'host=a;proto=https' }]],
    [
      'which of two fields holds a value',
      ['/', { 'x-forwarded-host': 'a' }],
      ['/', { 'x-forwarded-prefix': 'a', 'x-forwarded-host': '' }],
    ],
    [
      'a bar in a field against the next field',
      ['/', { 'x-forwarded-proto': 'a|x-forwarded-host=b' }],
      ['/', { 'x-forwarded-proto': 'a', 'x-forwarded-host': 'b' }],
    ],
    [
      'a second bar in a field against the next field',
      ['/', { 'x-forwarded-proto': 'a|b|x-forwarded-host=c' }],
      ['/', { 'x-forwarded-proto': 'a|b', 'x-forwarded-host': 'c' }],
    ],
    ['a bar against a percent sign', ['/', { 'x-forwarded-host': 'a|' }], ['/', { 'x-forwarded-host': 'a%' }]],
    ['a bar against an escaped one', ['/', { 'x-forwarded-host': 'a|' }], ['/', { 'x-forwarded-host': 'a%7C' }]],
    // Handlers look up what a host is for, and some find nothing for the same in capitals.
    ['the case of the host', ['/', { host: 'Example.COM' }], ['/', { host: 'example.com' }]],
    ['its case over HTTP/2', ['/', { ':authority': 'Example.COM' }], ['/', { ':authority': 'example.com' }]],
    ['the scope', ['/', {}, ['identity=a']], ['/', {}, ['identity=b']]],
    ['the kind of scope', ['/', {}, ['identity=a']], ['/', {}, ['key=a']]],
    ['scopes that run together', ['/', {}, ['key=a~identity=b']], ['/', {}, ['key=a', 'identity=b']]],
    ['a scope against the query', ['/?key=a', {}], ['/', {}, ['key=a']]],
    ['a second tilde of the path', ['/a~b~c', {}], ['/a~b?c', {}, ['']]],
    ['a tilde against a hash', ['/', {}, ['key=~']], ['/', {}, ['key=#']]],
    ['a tilde against a percent sign', ['/', {}, ['key=~']], ['/', {}, ['key=%']]],
    ['a hash against a percent sign', ['/', {}, ['key=#']], ['/', {}, ['key=%']]],
  ])('tells apart %s', (_, a, b) => {
    expect(address(...a).key).not.toBe(address(...b).key);
  });

  it.each<[what: string, a: [string, Fields?], b: [string, Fields?]]>([
    ['the order of parameters', ['/?a=1&b=2'], ['/?b=2&a=1']],
    ['which proxies were passed', ['/', { 'x-forwarded-for': '10.0.0.1' }], ['/', {}]],
    ['for= in Forwarded', ['/', { forwarded: 'for=10.0.0.1;host=a' }], ['/', { forwarded: 'for=10.0.0.2;host=a' }]],
    ['Forwarded with nothing but for=', ['/', { forwarded: 'for=10.0.0.1' }], ['/', {}]],
  ])('does not look at %s', (_, a, b) => {
    expect(address(...a).key).toBe(address(...b).key);
  });

  it('is no programmatic key, whatever that is called', () => {
    const { key } = address('/users');
    const rest = key.slice(keySpace('', 'acme').length);
    expect(valueKey('', 'acme', rest)).not.toBe(key);
    const long = address(`/${'x'.repeat(600)}`).key;
    expect(valueKey('', 'acme', long.slice(keySpace('', 'acme').length))).not.toBe(long);
  });

  it('is bounded, whatever a client sends', () => {
    const long = 'x'.repeat(16_000);
    const headers = { host: long, 'x-forwarded-host': long, forwarded: `host=${long}` };
    expect(address(`/${long}?${long}`, headers, [long]).key.length).toBeLessThan(600);
  });

  it('is bounded, however long the name of a tenant is', () => {
    const tenant = escapeTenant('\u00fc'.repeat(4000));
    expect(responseAddress('', tenant, request('/'), ALL, []).key.length).toBeLessThan(1200);
  });

  it('follows the rule for the query', () => {
    const found = responseAddress('', 'acme', request('/a?utm_x=1&b=2'), { ...ALL, ignore: ['utm_*'] }, []);
    expect(found.names).toEqual(['/a', '/a?b=2']);
    expect(found.key).toBe(address('/a?b=2').key);
  });
});

describe('responseAddress, where the order of parameters counts', () => {
  const unsorted = (target: string) => responseAddress('', 'acme', request(target), { ...ALL, sort: false }, []);

  it('keeps the query as it came in the key; the URI, which invalidates, has it in order', () => {
    expect(unsorted('/users?b=2&a=1')).toMatchObject({
      key: 'client:acme:~http://example.com~/users~b=2&a=1',
      uri: 'http://example.com/users?a=1&b=2',
    });
  });

  it('has the names that an invalidation asks for: with the query in order', () => {
    expect(unsorted('/users?b=2&a=1').names).toEqual(['/users', normalizeKeyName('/users?b=2&a=1')]);
  });
});

describe('responseAddress, by what a response says of its query (No-Vary-Search)', () => {
  const rule = (changes: Partial<SearchRule>): SearchRule => ({ keyOrder: false, ignore: [], except: [], ...changes });
  const under = (target: string, by: SearchRule, query = ALL) =>
    responseAddress('', 'acme', request(target), query, [], by);

  it('is that of the query without what makes no difference', () => {
    expect(under('/a?page=2&utm_x=1', rule({ ignore: ['utm_x'] }))).toEqual(address('/a?page=2'));
  });

  it('is that of the path, where the whole query makes none', () => {
    expect(under('/a?page=2&b', rule({ ignore: 'all' }))).toEqual(address('/a'));
  });

  it('is that of the named parameters, where these alone make one', () => {
    expect(under('/a?page=2&b', rule({ ignore: 'all', except: ['page'] }))).toEqual(address('/a?page=2'));
  });

  it('has one key for all orders, where order makes none', () => {
    const unsorted = { ...ALL, sort: false };
    const keys = ['/a?b=2&a=1', '/a?a=1&b=2'].map((target) => under(target, rule({ keyOrder: true }), unsorted).key);
    expect(new Set(keys).size).toBe(1);
  });

  it('is the usual one where there is no query', () => {
    expect(under('/a', rule({ ignore: ['b'] }))).toEqual(address('/a'));
  });

  // Handlers are not given what stands behind so many parameters: without those that say nothing they would be.
  it('is the usual one where there are more parameters than handlers are given', () => {
    const target = `/a?${'b&'.repeat(1000)}page=2`;
    expect(under(target, rule({ ignore: ['b'] })).key).toBe(address(target).key);
    expect(under(target, rule({ ignore: ['b'] })).key).not.toBe(address('/a?page=2').key);
  });

  it('tells apart what does make a difference', () => {
    const by = rule({ ignore: ['utm_x'] });
    expect(under('/a?page=2&utm_x=1', by).key).not.toBe(under('/a?page=3&utm_x=1', by).key);
  });

  it('has the names that an invalidation asks for, in whichever order the rule has put the parameters', () => {
    const { names } = under('/a?a.c=2&a-b=1', rule({ keyOrder: true }));
    expect(names).toEqual(['/a', normalizeKeyName('/a?a-b=1&a.c=2')]);
  });
});

describe('targetUris', () => {
  const uris = (target: string, ...rules: QueryRule[]) => {
    const queries = new QueryRules();
    for (const rule of rules) queries.add(rule);
    return targetUris(request('/from?x=1'), target, queries);
  };

  it('are those of the responses of the target', () => {
    const { uri, pathUri } = address('/users?b=2&a=1');
    expect(uris('/users?b=2&a=1')).toEqual({ uris: [uri], pathUri });
  });

  it('are those that any mount may keep it under, each once', () => {
    const rules: QueryRule[] = [
      { ...ALL, ignore: ['utm_*'] },
      { ...ALL, only: ['b'] },
      { ...ALL, sort: false },
    ];
    expect(uris('/users?utm_x=1&b=2', ...rules).uris).toEqual([
      'http://example.com/users?b=2&utm_x=1',
      'http://example.com/users?b=2',
    ]);
  });

  it('are one where there is no query', () => {
    const { uris: found, pathUri } = uris('/users', { ...ALL, ignore: ['x'] });
    expect([...found, pathUri]).toEqual(['http://example.com/users', 'http://example.com/users']);
  });
});

describe('the URI that unsafe methods invalidate', () => {
  const uriOf = (target: string, host = 'example.com', secure = false) => address(target, { host }, [], secure).uri;

  it.each([
    ['/~a', '/%7Ea'],
    ['/~a', '/%7ea'],
    ['/a-b._0', '/%61%2D%62%2e%5F%30'],
    ['/%2Fa', '/%2fa'],
    ['/a?x=~', '/a?x=%7E'],
    ['/a?b=1&a=2', '/a?a=2&b=1'],
    // Clients may escape these or not.
    ['/a@b.c', '/a%40b.c'],
    ['/a|b', '/a%7cb'],
    ['/C++,R&D;x=y', '/C%2B%2B%2CR%26D%3Bx%3Dy'],
    ['/a[1]*', '/a%5B1%5D%2A'],
    ['/a"b', '/a%22b'],
    ['/a?x[]=a@b', '/a?x%5B%5D=a%40b'],
    // Routers take these for one.
    ['/users', '/users/'],
    ['/users?a', '/Users/?a'],
    ['/%zz', '/%ZZ'],
  ])('is the same for %s and %s', (a, b) => {
    expect(uriOf(b)).toBe(uriOf(a));
  });

  it.each([
    ['/a/b', '/a%2Fb'],
    ['/a?b', '/a%3Fb'],
    ['/%', '/%25'],
    ['/a', '/'],
    ['/a', '/a//'],
    ['/a', '/a%23'],
    ['/a?b', '/a?B'],
    ['/a?b', '/a?b/'],
  ])('is not the same for %s and %s', (a, b) => {
    expect(uriOf(b)).not.toBe(uriOf(a));
  });

  it.each([
    ['example.com:80', false, 'http://example.com/a'],
    ['EXAMPLE.com', false, 'http://example.com/a'],
    ['example.com:443', true, 'https://example.com/a'],
    ['example.com:443', false, 'http://example.com:443/a'],
    ['example.com:80', true, 'https://example.com:80/a'],
    ['example.com:8080', false, 'http://example.com:8080/a'],
    ['[::80]', false, 'http://[::80]/a'],
    ['[::80]:80', false, 'http://[::80]/a'],
  ])('of the host %s, encrypted: %s, is %s', (host, secure, uri) => {
    expect(uriOf('/a', host, secure)).toBe(uri);
  });

  it('leaves keys apart: a handler may tell what is the same to others', () => {
    const keys = ['/~a', '/%7Ea'].map((target) => address(target).key);
    expect(new Set(keys).size).toBe(2);
  });
});

describe('the URI of a request over HTTP/2', () => {
  it.each<[headers: Fields, uri: string]>([
    [{ ':authority': 'Example.com' }, 'http://example.com/a'],
    // It takes the place of a Host beside it (RFC 9113 §8.3.1).
    [{ host: 'other.example', ':authority': 'example.com:80' }, 'http://example.com/a'],
    [{ ':authority': 'example.com', 'x-forwarded-proto': 'https' }, 'http://example.com|x-forwarded-proto=https/a'],
    [{ host: 'Example.COM:80', 'x-forwarded-host': 'B' }, 'http://example.com|x-forwarded-host=B/a'],
    [{ ':authority': 'a|b', host: '|:authority=c' }, 'http://a%7Cb/a'],
    [{ host: 'a|b', 'x-forwarded-host': '|:authority=c' }, 'http://a%7Cb|x-forwarded-host=%7C:authority=c/a'],
  ])('is that over HTTP/1, by %j, though the key is another', (headers, uri) => {
    const found = address('/a', headers);
    expect(found.uri).toBe(uri);
    expect(found.key).not.toBe(address('/a').key);
    expect(targetUris(request('/a', headers), '/a', new QueryRules()).uris).toEqual([uri]);
  });
});

describe('variantAddress', () => {
  it('is beside the key, and nobody else is there', () => {
    const { key } = address('/a');
    expect(variantAddress(key, 'v')).toBe(`${key}#v`);
    expect(address('/a?#v').key).not.toContain('#');
    expect(address('/a', undefined, ['#v']).key).not.toContain('#');
  });
});

describe('responseSubject', () => {
  it('can be reached by path, by path and query, by its name, and by its name and query', () => {
    const subject = responseSubject(address('/users?b=2&a=1'), { tags: ['t'], name: 'users:list' });
    expect(subject).toEqual({
      tenant: 'acme',
      names: ['users:list', '/users', '/users?a=1&b=2', 'users:list?a=1&b=2'],
      uri: 'http://example.com/users?a=1&b=2',
      tags: ['t'],
    });
  });

  it('can be reached by its path, too, where it answers other queries', () => {
    const subject = responseSubject(address('/users?a=1'), {
      tags: [],
      name: undefined,
      search: '[false,"params","b"]',
    });
    expect(subject.pathUri).toBe('http://example.com/users');
  });

  it('has the path alone without name and query', () => {
    expect(responseSubject(address('/users'), { tags: [], name: undefined }).names).toEqual(['/users']);
  });
});

describe('a value', () => {
  it.each([
    ['users:list', ['users:list']],
    ['find?b=2&a=1', ['find?a=1&b=2', 'find?b=2&a=1']],
    ['why?', ['why', 'why?']],
    ['~a', ['~a']],
    ['%7ea', ['%7ea']],
    ['/caf\u00e9', ['/caf%C3%A9', '/caf\u00e9']],
    ['/caf\u00e9?b&a', ['/caf%C3%A9?a&b', '/caf%C3%A9?b&a', '/caf\u00e9?b&a']],
  ])('%j is known as keys are invalidated, and as it was given', (key, names) => {
    expect(valueNames(key)).toEqual(names);
    const entry = { kind: 'value', tags: [] } as unknown as Entry;
    expect(subjectOfKey('p:', valueKey('p:', 'acme', key), entry).names).toEqual(names);
  });
});

describe('normalizeKeyName', () => {
  it.each([
    ['users:list', 'users:list'],
    ['/users?b=2&a=1', '/users?a=1&b=2'],
    ['/users?', '/users'],
    ['users:list?b&a', 'users:list?a&b'],
    ['/users/%31', '/users/1'],
    ['/users/a%40b.c', '/users/a@b.c'],
    ['/a%3Fb?x=a%26b', '/a%3Fb?x=a&b'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/caf\u00e9 au lait', '/caf%C3%A9%20au%20lait'],
    ['/\u{1F600}', '/%F0%9F%98%80'],
    ['/\uD800', '/%EF%BF%BD'],
    ['/a%2fb?x=%31', '/a%2Fb?x=1'],
    ['users:list?x=%31', 'users:list?x=1'],
    ['users:%31', 'users:%31'],
    ['caf\u00e9', 'caf\u00e9'],
  ])('%j is %j', (name, normalized) => {
    expect(normalizeKeyName(name)).toBe(normalized);
  });

  it.each(['/users/%31', '/caf%c3%a9?x=%7e', '/caf\u00c3\u00a9'])('is how %j is known, too', (target) => {
    const found = address(target);
    const { names } = responseSubject(found, { tags: [], name: undefined });
    expect(names.at(-1)).toBe(normalizeKeyName(target));
    const entry = { kind: 'response', tags: [] } as unknown as Entry;
    expect(subjectOfKey('', found.key, entry).names).toEqual(names);
  });
});

it('subjectOfKey knows of what is kept under a hash the name alone that its route has', () => {
  const { key } = responseAddress('', 'acme', request(`/${'x'.repeat(600)}`), ALL, []);
  const of = (name?: string) => subjectOfKey('', key, { kind: 'response', tags: ['t'], name } as unknown as Entry);
  expect(of('/users/%31')).toEqual({ tenant: 'acme', names: ['/users/1'], tags: ['t'] });
  expect(of()).toEqual({ tenant: 'acme', names: [], tags: ['t'] });
});

describe('normalizePattern', () => {
  it.each([
    ['/users/a%40b.c', '/users/a@b.c'],
    ['/users/%31*', '/users/1*'],
    ['/a%2fb', '/a%2Fb'],
    ['/caf\u00e9*', '/caf%C3%A9*'],
    // What is escaped means itself, and a place goes on reaching what is below it.
    ['/a%5b1%5D/*', '/a\\[1\\]/*'],
    ['/a%5B1%5D', '/a\\[1\\]*'],
    ['/a%2A?', '/a\\*?'],
    ['users:%40*', 'users:%40*'],
  ])('%j is %j', (pattern, normalized) => {
    expect(normalizePattern(pattern)).toBe(normalized);
  });
});
