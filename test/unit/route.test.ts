import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { DEFAULT_ROUTE, looksUpElsewhere, type Route, resolveRoute } from '../../src/route.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';

const resolve = (options: unknown, base = DEFAULT_ROUTE) => resolveRoute(options as RouteOptions, base);
const fn = () => 'x';

describe('resolveRoute', () => {
  it('knows each option', () => {
    // A mode stands in a route as the policy that it means.
    const named = Object.keys(DEFAULT_ROUTE).map((name) => (name === 'policy' ? 'mode' : name));
    expect(named.filter((name) => name !== 'version' && name !== 'usualTtl').sort()).toEqual([...ROUTE_OPTIONS].sort());
  });

  it('is the base where nothing is said, and undefined says nothing', () => {
    const nothing = Object.fromEntries(ROUTE_OPTIONS.map((name) => [name, undefined]));
    expect(resolve({})).toEqual(DEFAULT_ROUTE);
    expect(resolve(nothing)).toEqual(DEFAULT_ROUTE);
  });

  it('lays options over a base', () => {
    const outer = resolve({ ttl: 60, tags: ['a'], key: 'outer' });
    const inner = resolve({ ttl: 5, vary: ['Accept'] }, outer);
    expect(inner).toMatchObject({ ttl: 5, tags: ['a'], key: 'outer', vary: ['accept'] });
    expect(outer.ttl).toBe(60);
    expect(Object.isFrozen(inner)).toBe(true);
  });

  it('keeps lists as they were given, whatever becomes of them', () => {
    const list = ['a'];
    const route = resolve({ tags: list, query: { only: list } });
    list[0] = 'b';
    expect(route).toMatchObject({ tags: ['a'], query: { only: ['a'] } });
  });

  it.each<[options: unknown, expected: Partial<Route>]>([
    [{ ttl: 0.5 }, { ttl: 0.5 }],
    [{ ttl: Number.POSITIVE_INFINITY }, { ttl: Number.POSITIVE_INFINITY }],
    [{ ttl: fn }, { ttl: fn as never }],
    [{ negativeTtl: 0 }, { negativeTtl: 0 }],
    [{ tags: [] }, { tags: [] }],
    [{ tags: fn }, { tags: fn as never }],
    [{ key: fn }, { key: fn }],
    [{ tenant: false }, { tenant: { header: undefined, resolve: undefined, required: false } }],
    [{ tenant: 'X-Tenant' }, { tenant: { header: 'x-tenant', resolve: undefined, required: false } }],
    [{ tenant: fn }, { tenant: { header: undefined, resolve: fn, required: true } }],
    [{ tenant: {} }, { tenant: { header: 'x-client-id', resolve: undefined, required: false } }],
    [{ tenant: { required: true } }, { tenant: { header: 'x-client-id', resolve: undefined, required: true } }],
    [{ tenant: { header: 'A', required: true } }, { tenant: { header: 'a', resolve: undefined, required: true } }],
    [{ vary: ['Accept-Language', 'X_Y'] }, { vary: ['accept-language', 'x_y'] }],
    [{ query: {} }, { query: { only: undefined, ignore: [], sort: true } }],
    [{ query: { only: ['a'] } }, { query: { only: ['a'], ignore: [], sort: true } }],
    [{ query: { only: [] } }, { query: { only: [], ignore: [], sort: true } }],
    [{ query: { ignore: ['utm_*'] } }, { query: { only: undefined, ignore: ['utm_*'], sort: true } }],
    [{ query: { sort: false } }, { query: { only: undefined, ignore: [], sort: false } }],
    [{ maxBodyBytes: 1 }, { maxBodyBytes: 1 }],
    [{ requestDirectives: 'honor' }, { requestDirectives: 'honor' }],
    [{ staleWhileRevalidate: 0 }, { staleWhileRevalidate: 0 }],
    [{ staleWhileRevalidate: 1.5 }, { staleWhileRevalidate: 1.5 }],
    [{ staleIfError: 86_400 }, { staleIfError: 86_400 }],
    [{ retain: 0 }, { retain: 0 }],
    [{ heuristic: 0 }, { heuristic: 0 }],
    [{ heuristic: 1 }, { heuristic: 1 }],
    [{ targetedFields: [] }, { targetedFields: [] }],
    [{ targetedFields: ['CDN-Cache-Control', 'X'] }, { targetedFields: ['cdn-cache-control', 'x'] }],
    [{ storePost: true }, { storePost: true }],
    [{ browserTtl: 0 }, { browserTtl: 0 }],
    [{ cdnTtl: 60 }, { cdnTtl: 60 }],
    // It goes out as it was written.
    [{ surrogateTags: 'Cache-Tag' }, { surrogateTags: 'Cache-Tag' }],
    [{ exposeKey: true }, { exposeKey: true }],
    [{ collapse: false }, { collapse: false }],
    [{ earlyRefresh: 1.5 }, { earlyRefresh: 1.5 }],
  ])('%j', (options, expected) => {
    expect(resolve(options)).toMatchObject(expected);
  });

  it('finds the tenant by a function alone, where there is one', () => {
    expect(resolve({ tenant: { resolve: fn, header: 'a' } }).tenant).toMatchObject({ header: undefined, resolve: fn });
  });

  it.each<[options: unknown, setting: string, takes: string]>([
    [{ ttl: 0 }, 'option ttl is 0', 'a number of seconds above 0'],
    [{ ttl: null }, 'option ttl is null', 'a number of seconds above 0'],
    [{ negativeTtl: -1 }, 'option negativeTtl is -1', 'a number of seconds, 0 or more'],
    [{ negativeTtl: Number.NaN }, 'option negativeTtl is NaN', 'a number of seconds, 0 or more'],
    [{ tags: 'users' }, 'option tags is "users"', 'a list of texts that are not empty'],
    [{ tags: [''] }, 'option tags is [""]', 'a list of texts that are not empty'],
    [{ tags: [5] }, 'option tags is [5]', 'a list of texts that are not empty'],
    [{ tags: Array(2).fill('a', 1) }, 'option tags is [null,"a"]', 'a list of texts that are not empty'],
    [{ key: '' }, 'option key is ""', 'a text that is not empty, or a function'],
    [{ key: 5 }, 'option key is 5', 'a text that is not empty, or a function'],
    [{ tenant: true }, 'option tenant is true', "a header's name, a function, false, or { header, resolve, required }"],
    [{ tenant: null }, 'option tenant is null', "a header's name, a function, false, or { header, resolve, required }"],
    [{ tenant: '' }, 'option tenant is ""', 'the name of a header field'],
    [{ tenant: 'a b' }, 'option tenant is "a b"', 'the name of a header field'],
    [{ tenant: [] }, 'option tenant is []', 'header'],
    [{ tenant: { header: 'a:' } }, 'option tenant.header is "a:"', 'the name of a header field'],
    [{ tenant: { resolve: 'x' } }, 'option tenant.resolve is "x"', 'a function'],
    [{ tenant: { required: 1 } }, 'option tenant.required is 1', 'true or false'],
    [{ tenant: { heade: 'x' } }, 'option tenant.heade is "x"', 'there is no such option (header, resolve, required)'],
    [{ vary: 'accept' }, 'option vary is "accept"', 'a list of texts'],
    [{ vary: ['a b'] }, 'option vary is "a b"', 'the name of a header field'],
    // Nothing could ever be found under it: a mistake, and one that must not reach a request.
    [{ vary: ['*'] }, 'option vary is "*"', 'the name of a header field'],
    [{ personal: 'x-api-key' }, 'option personal is "x-api-key"', 'a list of texts'],
    [{ personal: ['a b'] }, 'option personal is "a b"', 'the name of a header field'],
    [{ personal: ['*'] }, 'option personal is', 'the name of a header field'],
    [{ when: true }, 'option when is true', 'a function'],
    [{ identity: 'user' }, 'option identity is "user"', 'a function'],
    [{ query: ['a'] }, 'option query is ["a"]', 'an object'],
    [{ query: { ignore: 'a' } }, 'option query.ignore is "a"', 'a list of texts'],
    [{ query: { only: [1] } }, 'option query.only is [1]', 'a list of texts'],
    [{ query: { igonre: [] } }, 'option query.igonre is []', 'there is no such option (only, ignore, sort)'],
    [{ query: { only: ['a'], ignore: ['b'] } }, 'option query is', 'only or ignore, not both'],
    [{ maxBodyBytes: 0 }, 'option maxBodyBytes is 0', 'a whole number, 1 or more'],
    [{ maxBodyBytes: '1mb' }, 'option maxBodyBytes is "1mb"', 'a whole number, 1 or more'],
    [{ requestDirectives: 'honour' }, 'option requestDirectives is "honour"', "'ignore' or 'honor'"],
    [{ mode: 'rfc7234' }, 'option mode is "rfc7234"', "'application' or 'rfc9111'"],
    [{ mode: null }, 'option mode is null', "'application' or 'rfc9111'"],
    [{ staleWhileRevalidate: -1 }, 'option staleWhileRevalidate is -1', 'a number of seconds, 0 or more'],
    [{ staleWhileRevalidate: '60' }, 'option staleWhileRevalidate is "60"', 'a number of seconds, 0 or more'],
    [{ staleIfError: -1 }, 'option staleIfError is -1', 'a number of seconds, 0 or more'],
    [{ staleIfError: true }, 'option staleIfError is true', 'a number of seconds, 0 or more'],
    [{ retain: Number.NaN }, 'option retain is NaN', 'a number of seconds, 0 or more'],
    [{ retain: false }, 'option retain is false', 'a number of seconds, 0 or more'],
    [{ heuristic: 1.1 }, 'option heuristic is 1.1', 'a fraction from 0 to 1'],
    [{ heuristic: -0.1 }, 'option heuristic is -0.1', 'a fraction from 0 to 1'],
    [{ heuristic: true }, 'option heuristic is true', 'a fraction from 0 to 1'],
    [{ heuristic: Number.NaN }, 'option heuristic is NaN', 'a fraction from 0 to 1'],
    [{ targetedFields: 'cdn-cache-control' }, 'option targetedFields is "cdn-', 'a list of texts that are not empty'],
    [{ targetedFields: [''] }, 'option targetedFields is [""]', 'a list of texts that are not empty'],
    [{ targetedFields: ['a b'] }, 'option targetedFields is "a b"', 'the name of a header field'],
    [{ storePost: 1 }, 'option storePost is 1', 'true or false'],
    [{ browserTtl: -1 }, 'option browserTtl is -1', 'a number of seconds, 0 or more'],
    [{ browserTtl: '0' }, 'option browserTtl is "0"', 'a number of seconds, 0 or more'],
    [{ cdnTtl: -1 }, 'option cdnTtl is -1', 'a number of seconds, 0 or more'],
    [{ cdnTtl: false }, 'option cdnTtl is false', 'a number of seconds, 0 or more'],
    [{ surrogateTags: true }, 'option surrogateTags is true', 'the name of a header field'],
    [{ surrogateTags: 'a:' }, 'option surrogateTags is "a:"', 'the name of a header field'],
    [{ surrogateTags: '' }, 'option surrogateTags is ""', 'the name of a header field'],
    [{ query: { sort: 'no' } }, 'option query.sort is "no"', 'true or false'],
    [{ exposeKey: 'yes' }, 'option exposeKey is "yes"', 'true or false'],
    [{ collapse: 0 }, 'option collapse is 0', 'true or false'],
    [{ earlyRefresh: -1 }, 'option earlyRefresh is -1', 'a number of'],
  ])('refuses %j', (options, setting, takes) => {
    expect(() => resolve(options)).toThrow(ConfigError);
    expect(() => resolve(options)).toThrow(setting);
    expect(() => resolve(options)).toThrow(takes);
  });

  it('shows what it held however it looks', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const held of [cyclic, 5n, Symbol('s'), fn, { toJSON: () => undefined }, 'x'.repeat(5)]) {
      expect(() => resolve({ exposeKey: held })).toThrow(ConfigError);
    }
  });

  it('keeps its message short however much it held', () => {
    const long = { a: 'x'.repeat(10_000) };
    expect(() => resolve({ vary: long })).toThrow(/^.{1,400}$/);
    expect(() => resolve({ exposeKey: 'x'.repeat(10_000) })).toThrow(/^.{1,400}$/);
  });
});

describe('looksUpElsewhere', () => {
  const outer = resolve({ key: 'outer' });
  const inner = (options: RouteOptions) => looksUpElsewhere(resolve(options, outer), outer);

  it.each<[options: RouteOptions]>([
    [{ tenant: false }],
    [{ personal: ['x-api-key'] }],
    [{ when: () => true }],
    [{ identity: () => 'x' }],
    [{ query: { only: [] } }],
    [{ requestDirectives: 'honor' }],
    [{ mode: 'rfc9111' }],
    [{ query: { sort: false } }],
    [{ key: () => 'x' }],
    [{ browserTtl: 1 }],
    [{ cdnTtl: 1 }],
    [{ surrogateTags: 'x' }],
    [{ collapse: false }],
    [{ earlyRefresh: 1 }],
  ])('is so with %j', (options) => {
    expect(inner(options)).toBe(true);
  });

  it.each<[options: RouteOptions]>([
    [{}],
    [{ key: 'inner' }],
    [{ mode: 'application' }],
    [{ staleWhileRevalidate: 1, staleIfError: 1, retain: 1, heuristic: 1, targetedFields: ['x'], storePost: true }],
    [{ ttl: 1, negativeTtl: 1, tags: ['a'], vary: ['a'], maxBodyBytes: 1, exposeKey: true }],
  ])('is not so with %j', (options) => {
    expect(inner(options)).toBe(false);
  });
});
