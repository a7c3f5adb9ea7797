import { describe, expect, it } from 'vitest';
import { fieldFilter, fieldText, isToken, tokens } from '../../../src/http/headers.js';
import type { Fields } from '../../../src/types.js';

describe('fieldText', () => {
  it.each<[fields: Fields, text: string | undefined]>([
    [{}, undefined],
    [{ a: undefined }, undefined],
    [{ a: '' }, ''],
    [{ a: 'x' }, 'x'],
    [{ a: 7 }, '7'],
    [{ a: ['x', 'y'] }, 'x, y'],
    [{ a: [] }, ''],
  ])('of %j', (fields, text) => {
    expect(fieldText(fields, 'a')).toBe(text);
  });

  it.each(['constructor', 'toString', '__proto__'])('finds no field %s that nobody sent', (name) => {
    expect(fieldText({}, name)).toBeUndefined();
  });
});

describe('tokens', () => {
  it.each([
    [undefined, []],
    ['', []],
    [' , ,', []],
    ['a', ['a']],
    ['A , b,\tC,', ['a', 'b', 'c']],
    ['a, a', ['a', 'a']],
  ])('of %j', (text, list) => {
    expect(tokens(text)).toEqual(list);
  });
});

describe('isToken', () => {
  it.each(['a', 'x-Field', '1', "!#$%&'*+-.^_`|~"])('%j is one', (text) => {
    expect(isToken(text)).toBe(true);
  });

  it.each(['', ' ', 'a b', 'a,b', 'a/b', 'a:', '"a"', '\u00e9', 'a\n', '(a)', 'a=b', 'a;b', '{a}', 'a@b', 'a\\'])(
    '%j is none',
    (text) => {
      expect(isToken(text)).toBe(false);
    },
  );
});

describe('fieldFilter', () => {
  it.each([
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authentication-info',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ])('drops %s, a field of the connection (RFC 9111 §3.1)', (name) => {
    expect(fieldFilter({})(name)).toBe(false);
  });

  it('drops what Connection names, in any case', () => {
    const keep = fieldFilter({ connection: 'close, X-Hop ,x-other' });
    expect(['x-hop', 'x-other', 'x-third'].map(keep)).toEqual([false, false, true]);
  });

  it.each(['etag', 'cache-control', 'content-type'])('drops %s too, where Connection names it', (name) => {
    expect(fieldFilter({ connection: ['close', name] })(name)).toBe(false);
  });

  it.each(['close', 'keep-alive', 'Keep-Alive, close', ''])('drops no field for Connection: %s', (connection) => {
    expect(['etag', 'date', 'x-other'].map(fieldFilter({ connection }))).toEqual([true, true, true]);
  });

  it('drops more, where it is told to', () => {
    const keep = fieldFilter({}, { more: ['x-user', 'etag'] });
    expect(['x-user', 'etag', 'x-other', 'retry-after'].map(keep)).toEqual([false, false, true, false]);
  });

  it.each(['retry-after', 'x-request-id', 'ratelimit', 'x-ratelimit-limit'])(
    'keeps %s, which speaks to one client, where it is told to',
    (name) => {
      expect(fieldFilter({}, { personal: false })(name)).toBe(true);
      expect(fieldFilter({}, { personal: true })(name)).toBe(false);
    },
  );

  it.each(['connection', 'proxy-authenticate', 'te', 'age', 'content-length', 'x-hop', 'x-user'])(
    'drops %s all the same',
    (name) => {
      expect(fieldFilter({ connection: 'x-hop' }, { personal: false, more: ['x-user'] })(name)).toBe(false);
    },
  );

  it.each([
    'retry-after',
    'x-request-id',
    'request-id',
    'x-correlation-id',
    'x-trace-id',
    'x-amzn-trace-id',
    'x-amzn-requestid',
    'traceparent',
    'tracestate',
    'authentication-info',
    'server-timing',
    'x-response-time',
    'x-runtime',
    'cf-ray',
    'ratelimit',
    'ratelimit-policy',
    'ratelimit-remaining',
    'x-ratelimit-limit',
    'x-rate-limit-reset',
  ])('drops %s, which speaks to one client', (name) => {
    expect(fieldFilter({})(name)).toBe(false);
  });

  it.each(['age', 'content-length'])('drops %s, which is worked out anew', (name) => {
    expect(fieldFilter({})(name)).toBe(false);
  });

  it.each([
    'content-type',
    'content-encoding',
    'etag',
    'last-modified',
    'vary',
    'date',
    'cache-control',
    'location',
    'link',
    'access-control-allow-origin',
    'x-generated',
    'x-ratelimited',
    'x-rate-limited',
    'our-ratelimit-page',
    'our-x-rate-limit',
    'proxy-status',
  ])('keeps %s', (name) => {
    expect(fieldFilter({ connection: 'close' })(name)).toBe(true);
  });
});
