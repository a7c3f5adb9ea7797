import { describe, expect, it } from 'vitest';
import { Control } from '../../../src/control.js';
import { decode, encode } from '../../../src/entry/codec.js';
import type { CacheEvents } from '../../../src/events.js';
import { assess, type Context, type Terms, tagsOf, termsOf } from '../../../src/fill/assess.js';
import { MAX_DELTA_SECONDS } from '../../../src/http/cache-control.js';
import { DEFAULT_ROUTE, resolveRoute } from '../../../src/route.js';
import type { RouteOptions } from '../../../src/route-options.js';
import type { Fields } from '../../../src/types.js';
import { BORN, contextOf, dateAt, servicesOf, stored, view } from '../made.js';

/** The terms of a response that came at BORN. */
function terms(fields: Fields, options: RouteOptions = {}, changes: Partial<Context> = {}): Terms {
  const context = contextOf(options, changes);
  return termsOf(context, assess(context, 200, fields), fields, BORN);
}
/** For how many seconds it is fresh, and for how many it is kept. */
const lives = (...asked: Parameters<typeof terms>) => {
  const { freshUntil, expiresAt } = terms(...asked);
  return [freshUntil - BORN, expiresAt - BORN].map((ms) => ms / 1000);
};

const fails = () => {
  throw new Error('no');
};

describe('assess', () => {
  const life = (options: RouteOptions, status = 200, fields: Fields = {}, changes: Partial<Context> = {}) =>
    assess(contextOf(options, changes), status, fields).life;

  it('gives what says nothing the lifetime of the options', () => {
    expect(life({ ttl: 60 })).toMatchObject({ seconds: 60, source: 'configured' });
  });

  it.each([404, 410])('gives a %i that says nothing a lifetime of its own', (status) => {
    expect(life({ ttl: 60, negativeTtl: 5 }, status).seconds).toBe(5);
    expect(assess(contextOf({ negativeTtl: 0 }), status, {}).reason).toBe('not-fresh');
  });

  it('asks a function for the lifetime, with the source of the request', () => {
    const request = view({ source: 7 });
    expect(life({ ttl: (source) => (source as number) * 2 }, 200, {}, { request }).seconds).toBe(14);
  });

  it('takes the usual lifetime where a function says nothing', () => {
    expect(life({ ttl: () => undefined }).seconds).toBe(300);
  });

  it('takes the number that was said further out where a function says nothing', () => {
    const outer = resolveRoute({ ttl: () => 7 }, resolveRoute({ ttl: 60 }, DEFAULT_ROUTE));
    const route = resolveRoute({ ttl: () => undefined }, outer);
    expect(life({}, 200, {}, { route }).seconds).toBe(60);
  });

  it.each<[what: string, ttl: () => unknown, told: string]>([
    ['throws', fails, 'no'],
    ['gives a text', () => '60', 'the option ttl gave "60"; it takes a function that gives seconds, or nothing'],
    [
      'gives no number',
      () => Number.NaN,
      'the option ttl gave NaN; it takes a function that gives seconds, or nothing',
    ],
    ['promises', async () => 60, 'the option ttl gave a promise; it takes a function that answers at once'],
  ])('does not store where a function %s, and tells of it', (_, ttl, told) => {
    const services = servicesOf();
    const errors: CacheEvents['error'][] = [];
    services.events.on('error', (event) => errors.push(event));
    expect(assess(contextOf({ ttl: ttl as () => number }, { services }), 200, {}).reason).toBe('not-fresh');
    expect(errors).toMatchObject([{ operation: 'ttl', error: { message: told } }]);
  });

  it('gives what says nothing no lifetime at all in the mode of the RFC', () => {
    expect(life({ mode: 'rfc9111', ttl: 60 })).toMatchObject({ seconds: 0, source: 'none' });
    expect(assess(contextOf({ mode: 'rfc9111' }), 200, {}).reason).toBe('not-fresh');
  });

  it('guesses where the options say so', () => {
    const fields = { 'last-modified': dateAt(-1000) };
    expect(life({ mode: 'rfc9111' }, 200, fields)).toMatchObject({ seconds: 100, source: 'heuristic' });
    expect(life({ heuristic: 0.5 }, 200, fields)).toMatchObject({ seconds: 500, source: 'heuristic' });
    expect(life({}, 200, fields).source).toBe('configured');
  });

  it('goes by what the handler has said through res.cache', () => {
    const control = new Control().ttl(7);
    expect(life({}, 200, { 'cache-control': 'max-age=60' }, { control })).toMatchObject({ seconds: 7, source: 'told' });
    expect(assess(contextOf({}, { control: control.noStore() }), 200, {}).reason).toBe('handler');
  });

  it('reads the targeted fields of the options', () => {
    const fields = { 'cdn-cache-control': 'max-age=5', 'cache-control': 'max-age=60' };
    expect(life({ targetedFields: ['CDN-Cache-Control'] }, 200, fields).seconds).toBe(5);
    expect(life({}, 200, fields).seconds).toBe(60);
  });

  it('counts the age from when the handler was given the request', () => {
    expect(life({}, 200, { 'cache-control': 'max-age=60' }, { requestedAt: BORN - 10_000 })).toMatchObject({
      seconds: 50,
      age: 10,
    });
  });

  it('goes by the mode', () => {
    const fields = { 'set-cookie': 'a=b', 'cache-control': 'max-age=60' };
    expect(assess(contextOf(), 200, fields).reason).toBe('set-cookie');
    expect(assess(contextOf({ mode: 'rfc9111' }), 200, fields).reason).toBeUndefined();
  });
});

describe('termsOf', () => {
  it('are when a response was stored, and what is to be made of it', () => {
    const fields = { 'cache-control': 'public, max-age=60, stale-while-revalidate=5, stale-if-error=10', age: '20' };
    expect(terms(fields)).toEqual({
      storedAt: BORN,
      freshUntil: BORN + 40_000,
      expiresAt: BORN + 50_000,
      mustRevalidate: false,
      staleWhileRevalidate: 5,
      staleIfError: 10,
      initialAge: 20,
      sharedWith: { authorization: true, cookie: true },
    });
  });

  it('keep nothing that is stale and good for nothing', () => {
    expect(lives({ 'cache-control': 'max-age=60' })).toEqual([60, 60]);
    expect(lives({})).toEqual([300, 300]);
  });

  it('keep what is fresh for ever for as long as HTTP can say', () => {
    expect(lives({}, { ttl: Number.POSITIVE_INFINITY })).toEqual([MAX_DELTA_SECONDS, MAX_DELTA_SECONDS]);
  });

  it.each([
    ['stale-while-revalidate=30', 90],
    ['stale-if-error=40', 100],
    ['stale-while-revalidate=30, stale-if-error=40', 100],
    ['must-revalidate, stale-if-error=40', 60],
  ])('keep it for as long as it may be served: %s', (directives, kept) => {
    expect(lives({ 'cache-control': `max-age=60, ${directives}` })).toEqual([60, kept]);
  });

  it('count the windows from when freshness ends, be it before it was stored', () => {
    expect(lives({ 'cache-control': 'max-age=60, stale-if-error=40', age: '80' })).toEqual([-20, 20]);
  });

  it.each<[fields: Fields]>([[{ etag: '"a"' }], [{ 'last-modified': dateAt(-5) }]])(
    'keep what the handler can be asked about as long again as it was fresh, 300 seconds at least: %j',
    (fields) => {
      expect(lives({ 'cache-control': 'max-age=1000', ...fields })).toEqual([1000, 2000]);
      expect(lives({ 'cache-control': 'max-age=60', ...fields })).toEqual([60, 360]);
    },
  );

  it('keep it a day at the most', () => {
    expect(lives({ 'cache-control': 'max-age=100000', etag: '"a"' })).toEqual([100_000, 186_400]);
  });

  it('keep it as long as the option says', () => {
    const fields = { 'cache-control': 'max-age=60', etag: '"a"' };
    expect(lives(fields, { retain: 7 })).toEqual([60, 67]);
    expect(lives(fields, { retain: 0 })).toEqual([60, 60]);
    expect(lives(fields, { retain: 1_000_000 })).toEqual([60, 1_000_060]);
    expect(lives(fields, { mode: 'rfc9111' })).toEqual([60, 86_460]);
  });

  it('keep it as long as it may be served, where that is longer', () => {
    expect(lives({ 'cache-control': 'max-age=60, stale-if-error=400', etag: '"a"' })).toEqual([60, 460]);
  });

  it('keep what nobody can ask about for clients that say that a stale one will do', () => {
    const fields = { 'cache-control': 'max-age=60' };
    expect(lives(fields, { requestDirectives: 'honor' })).toEqual([60, 360]);
    expect(lives(fields, { requestDirectives: 'honor', retain: 5 })).toEqual([60, 65]);
    expect(lives(fields, { retain: 5 })).toEqual([60, 60]);
  });

  it('keep what is stale as it comes from now on, not from when it was fresh', () => {
    const fields = { 'cache-control': 'max-age=60', age: '1000', etag: '"a"' };
    expect(lives(fields, { mode: 'rfc9111', retain: 5 })).toEqual([-940, 5]);
    expect(lives(fields)).toEqual([-940, 300]);
  });

  it('keep what may not be used without asking for its validator', () => {
    expect(terms({ 'cache-control': 'no-cache', etag: '"a"' }, { mode: 'rfc9111' })).toMatchObject({
      freshUntil: BORN,
      expiresAt: BORN + 86_400_000,
      mustRevalidate: true,
    });
  });

  it.each(['staleIfError', 'staleWhileRevalidate', 'retain'])(
    'can be stored in Redis with a %s of for ever',
    (name) => {
      const fields = { 'cache-control': 'max-age=60', etag: '"a"' };
      const entry = stored(terms(fields, { [name]: Number.POSITIVE_INFINITY }));
      expect(decode('k', encode('k', entry))).toEqual(entry);
    },
  );
});

describe('tagsOf', () => {
  const tags = (options: RouteOptions, fields: Fields = {}, changes: Partial<Context> = {}) =>
    tagsOf(contextOf(options, changes), fields);

  it('are those of the route', () => {
    expect(tags({})).toEqual([]);
    expect(tags({ tags: ['a', 'b'] })).toEqual(['a', 'b']);
    expect(tags({ tags: (source) => [`user:${source}`] }, {}, { request: view({ source: 7 }) })).toEqual(['user:7']);
    expect(tags({ tags: () => 'users' })).toEqual(['users']);
  });

  it('are the groups of the response as well (RFC 9875 §2)', () => {
    expect(tags({ tags: ['a'] }, { 'cache-groups': '"b", "c";x=1' })).toEqual(['a', 'b', 'c']);
    expect(tags({ tags: ['a'] }, { 'cache-groups': 'b' })).toEqual(['a']);
  });

  it.each<[what: string, find: () => never]>([
    ['throws', fails],
    ['gives no list', () => 5 as never],
    ['gives other things than texts', () => [5] as never],
    ['gives nothing', () => undefined as never],
    ['promises', () => Promise.reject(new Error('unheard, it would end the process')) as never],
  ])('cannot be had where a function %s', (_, find) => {
    expect(tags({ tags: find })).toBeUndefined();
  });
});
