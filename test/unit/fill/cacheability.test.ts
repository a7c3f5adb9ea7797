import { describe, expect, it } from 'vitest';
import type { Reason } from '../../../src/events.js';
import { type Candidate, hasValidator, sharedWith, unstorable } from '../../../src/fill/cacheability.js';
import { saidBy } from '../../../src/lookup/freshness.js';
import { MODES } from '../../../src/policy.js';
import type { Fields } from '../../../src/types.js';

const APPLICATION = MODES.application.policy;
const RFC9111 = MODES.rfc9111.policy;

const candidate = (changes: Partial<Candidate> = {}): Candidate => {
  const { fields = {} } = changes;
  return {
    policy: APPLICATION,
    method: 'GET',
    ranged: false,
    credentials: undefined,
    keyed: [],
    status: 200,
    fields,
    said: saidBy(fields, ['respcache-cache-control']),
    refused: false,
    lifetime: { seconds: 300, source: 'configured', mustRevalidate: false },
    maxBodyBytes: 1000,
    retain: undefined,
    ...changes,
  };
};
const withFields = (fields: Fields) => unstorable(candidate({ fields }));
const explicit = { seconds: 60, source: 'declared', mustRevalidate: false } as const;
const none = { seconds: 0, source: 'none', mustRevalidate: false } as const;
/** The same in the mode of the RFC, for a response that says nothing of its lifetime unless told otherwise. */
const strictly = (changes: Partial<Candidate> = {}) =>
  unstorable(candidate({ policy: RFC9111, lifetime: { ...none, seconds: 60, source: 'heuristic' }, ...changes }));

describe('unstorable, by the status', () => {
  it.each([200, 203, 204, 300, 301, 308, 404, 410])('stores %i without a word from the handler', (status) => {
    expect(unstorable(candidate({ status }))).toBeUndefined();
  });

  it.each([201, 202, 205, 302, 303, 307, 400, 402, 405, 409, 414, 418, 451])('stores %i only on its word', (status) => {
    expect(unstorable(candidate({ status }))).toBe('status');
    expect(unstorable(candidate({ status, lifetime: explicit }))).toBeUndefined();
    expect(unstorable(candidate({ status, lifetime: { ...explicit, source: 'told' } }))).toBeUndefined();
  });

  it.each([
    ...[206, 226, 304, 401, 403, 407, 412, 416, 417, 425, 428, 429, 431],
    ...[500, 501, 502, 503, 504, 511, 599, 100, 101, 103],
  ])('never stores %i', (status) => {
    expect(unstorable(candidate({ status, lifetime: explicit }))).toBe('status');
  });
});

describe('unstorable, by the status, in the mode of the RFC (RFC 9111 §3)', () => {
  it.each([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])(
    'stores %i without an explicit lifetime (RFC 9110 §15.1)',
    (status) => {
      expect(strictly({ status })).toBeUndefined();
    },
  );

  it.each([201, 202, 205, 299, 302, 303, 307, 400, 401, 403, 418, 425, 499, 500, 502, 503, 504, 599])(
    'stores %i with an explicit lifetime, or if it is public',
    (status) => {
      expect(strictly({ status })).toBe('status');
      expect(strictly({ status, lifetime: explicit })).toBeUndefined();
      expect(strictly({ status, fields: { 'cache-control': 'public' } })).toBeUndefined();
    },
  );

  // RFC 6585 §3 to §6: 428, 429, 431 and 511.
  it.each([206, 226, 304, 412, 416, 428, 429, 431, 511, 100, 101, 103])('never stores %i', (status) => {
    expect(strictly({ status, lifetime: explicit })).toBe('status');
    expect(strictly({ status, fields: { 'cache-control': 'public' }, lifetime: explicit })).toBe('status');
  });
});

describe('unstorable, by the fields', () => {
  it.each<[fields: Fields, reason: Reason | undefined]>([
    [{}, undefined],
    [{ 'cache-control': 'public, max-age=60' }, undefined],
    [{ 'cache-control': 'must-revalidate, proxy-revalidate, no-transform' }, undefined],
    [{ 'cache-control': 'no-store' }, 'no-store'],
    [{ 'cache-control': 'No-Store' }, 'no-store'],
    [{ 'cache-control': 'no-store=1' }, 'no-store'],
    [{ 'cache-control': 'private' }, 'private'],
    // CVE-2026-8404: the case of directives
    [{ 'cache-control': 'PRIVATE, max-age=60' }, 'private'],
    [{ 'cache-control': ['max-age=60', 'Private'] }, 'private'],
    [{ 'cache-control': 'public, private' }, 'private'],
    [{ 'cache-control': 'no-cache' }, 'no-cache'],
    [{ 'cache-control': 'max-age=60, no-cache' }, 'no-cache'],
    // RFC 9111 §5.2.2.4, §5.2.2.7: the qualified forms are about some fields alone.
    [{ 'cache-control': 'private="x-user"' }, undefined],
    [{ 'cache-control': 'no-cache="set-cookie"' }, undefined],
    [{ 'cache-control': 'private=x-user, no-cache=x-user' }, undefined],
    [{ 'cache-control': 'private="x-user", private' }, 'private'],
    [{ 'cache-control': 'no-cache, no-cache="x-user"' }, 'no-cache'],
    // What names no fields is taken for the plain one.
    [{ 'cache-control': 'private=""' }, 'private'],
    [{ 'cache-control': 'no-cache="a b"' }, 'no-cache'],
    [{ 'cache-control': 'ext="private"' }, undefined],
    [{ pragma: 'no-cache' }, 'no-cache'],
    [{ pragma: 'no-cache', 'cache-control': 'max-age=60' }, undefined],
    [{ 'set-cookie': 'a=b' }, 'set-cookie'],
    [{ 'set-cookie': ['a=b', 'c=d'] }, 'set-cookie'],
    [{ 'set-cookie': 'a=b', 'cache-control': 'public, max-age=60' }, 'set-cookie'],
    [{ 'set-cookie': 'a=b', 'cache-control': 'private="set-cookie"' }, 'set-cookie'],
    [{ vary: 'Accept' }, undefined],
    // CVE-2026-6907, CVE-2026-48587
    [{ vary: '*' }, 'vary-star'],
    [{ vary: 'Accept , *' }, 'vary-star'],
    [{ vary: [' *', 'Accept'] }, 'vary-star'],
    [{ 'content-type': 'text/event-stream' }, 'event-stream'],
    [{ 'content-type': 'Text/Event-Stream; charset=utf-8' }, 'event-stream'],
    [{ 'content-type': 'text/plain' }, undefined],
    [{ trailer: 'Digest' }, 'trailers'],
    // It means nothing with a 200 (RFC 9110 §14.4).
    [{ 'content-range': 'bytes 0-1/2' }, undefined],
    [{ 'content-length': '1000' }, undefined],
    [{ 'content-length': 1001 }, 'too-large'],
    // RFC 9213: Cache-Control is for others then.
    [{ 'respcache-cache-control': 'max-age=60', 'cache-control': 'private, no-store' }, undefined],
    [{ 'respcache-cache-control': 'private', 'cache-control': 'public' }, 'private'],
    [{ 'respcache-cache-control': 'no-store' }, 'no-store'],
    [{ 'respcache-cache-control': 'No-Store', 'cache-control': 'private' }, 'private'],
  ])('%j: %s', (fields, reason) => {
    expect(withFields(fields)).toBe(reason);
  });
});

describe('unstorable, by the fields, in the mode of the RFC', () => {
  it.each<[fields: Fields, reason: Reason | undefined]>([
    [{ 'cache-control': 'no-store' }, 'no-store'],
    [{ 'cache-control': 'private' }, 'private'],
    [{ 'cache-control': 'private="x-user"' }, undefined],
    [{ vary: '*' }, 'vary-star'],
    // RFC 9111 §7.3: cookies are the origin's concern.
    [{ 'set-cookie': 'a=b' }, undefined],
    [{ 'content-type': 'text/event-stream' }, 'event-stream'],
    [{ trailer: 'Digest' }, 'trailers'],
    [{ 'content-length': '1001' }, 'too-large'],
  ])('%j: %s', (fields, reason) => {
    expect(strictly({ fields })).toBe(reason);
  });
});

describe('unstorable, by must-understand (RFC 9111 §5.2.2.3)', () => {
  const fields = { 'cache-control': 'no-store, must-understand, max-age=60' };

  it.each([APPLICATION, RFC9111])('stores what it understands, although it says no-store', (policy) => {
    expect(unstorable(candidate({ policy, fields, lifetime: explicit }))).toBeUndefined();
    expect(unstorable(candidate({ policy, fields, lifetime: explicit, status: 404 }))).toBeUndefined();
  });

  it.each([299, 418, 451, 499, 599])('does not store a %i, which it does not understand', (status) => {
    const alone = { 'cache-control': 'must-understand, max-age=60' };
    expect(strictly({ fields, lifetime: explicit, status })).toBe('status');
    expect(strictly({ fields: alone, lifetime: explicit, status })).toBe('status');
  });

  it.each([
    ...[200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308],
    ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 413, 414, 415, 417, 421, 422, 426],
    ...[500, 501, 502, 503, 504, 505],
  ])('stores a %i, which it understands', (status) => {
    expect(strictly({ fields, lifetime: explicit, status })).toBeUndefined();
  });

  it('does not make storable what never is', () => {
    expect(strictly({ fields, lifetime: explicit, status: 206 })).toBe('status');
    expect(strictly({ fields: { 'cache-control': 'must-understand, private' }, lifetime: explicit })).toBe('private');
  });
});

describe('unstorable, by what is stale as it leaves', () => {
  const over = { seconds: 0, source: 'declared', mustRevalidate: false } as const;
  const asked = { ...over, mustRevalidate: true };

  it.each<[what: string, fields: Fields]>([
    ['an entity tag', { etag: '"a"' }],
    ['a date of modification', { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }],
  ])('stores it for %s, in the mode of the RFC', (_, fields) => {
    expect(strictly({ fields, lifetime: over })).toBeUndefined();
    expect(strictly({ fields, lifetime: { ...over, seconds: -60 } })).toBeUndefined();
    expect(strictly({ fields, lifetime: none })).toBeUndefined();
    expect(unstorable(candidate({ fields, lifetime: over }))).toBe('not-fresh');
  });

  it('stores what may not be used without asking for its validator, in the mode of the RFC', () => {
    const fields = { 'cache-control': 'no-cache', etag: '"a"' };
    expect(strictly({ fields, lifetime: asked })).toBeUndefined();
    expect(unstorable(candidate({ fields, lifetime: asked }))).toBe('no-cache');
  });

  it('does not store it there either, where nothing stale is kept', () => {
    expect(strictly({ fields: { etag: '"a"' }, lifetime: asked, retain: 0 })).toBe('not-fresh');
  });

  it.each<[fields: Fields, reason: Reason]>([
    [{}, 'not-fresh'],
    [{ 'cache-control': 'max-age=0' }, 'not-fresh'],
    [{ 'cache-control': 'no-cache' }, 'no-cache'],
  ])('does not store what nobody can ask about: %j', (fields, reason) => {
    expect(strictly({ fields, lifetime: asked })).toBe(reason);
  });

  it.each(['stale-while-revalidate', 'stale-if-error'])('stores it for its %s', (name) => {
    const fields = { 'cache-control': `max-age=0, ${name}=30` };
    for (const policy of [APPLICATION, RFC9111]) {
      expect(unstorable(candidate({ policy, fields, lifetime: over }))).toBeUndefined();
      expect(unstorable(candidate({ policy, fields, lifetime: { ...over, seconds: -29.5 } }))).toBeUndefined();
      expect(unstorable(candidate({ policy, fields, lifetime: { ...over, seconds: -30 } }))).toBe('not-fresh');
    }
  });

  it('does not store it for windows that something forbids', () => {
    const fields = { 'cache-control': 'max-age=0, must-revalidate, stale-if-error=30' };
    expect(unstorable(candidate({ fields, lifetime: asked }))).toBe('not-fresh');
  });
});

describe('unstorable, by other things', () => {
  it.each<[what: string, changes: Partial<Candidate>, reason: Reason]>([
    ['a HEAD', { method: 'HEAD' }, 'head'],
    ['noStore()', { refused: true }, 'handler'],
    ['a lifetime of 0', { lifetime: { ...explicit, seconds: 0 } }, 'not-fresh'],
    ['a lifetime that is over', { lifetime: { ...explicit, seconds: -1 } }, 'not-fresh'],
    ['no lifetime at all', { lifetime: { ...explicit, seconds: Number.NaN } }, 'not-fresh'],
    ['a part, where a part was asked for', { ranged: true, status: 206 }, 'range'],
    ['a 416, where a part was asked for', { ranged: true, status: 416 }, 'range'],
    [
      'a 200 that says to be a part, where one was asked for',
      { ranged: true, fields: { 'content-range': 'items 0-9/20' } },
      'range',
    ],
    ['a 404, where a part was asked for', { ranged: true, status: 404 }, 'range'],
    ['a POST without a word on its lifetime', { method: 'POST' }, 'method'],
    [
      'a POST with a guess at its lifetime',
      { method: 'POST', lifetime: { ...explicit, source: 'heuristic' } },
      'method',
    ],
  ])('%s: %s', (_, changes, reason) => {
    expect(unstorable(candidate(changes))).toBe(reason);
  });

  it('stores the whole, where a part was asked for and the whole was given', () => {
    expect(unstorable(candidate({ ranged: true }))).toBeUndefined();
  });

  it('stores a POST that says how long (RFC 9110 §9.3.3)', () => {
    expect(unstorable(candidate({ method: 'POST', lifetime: explicit }))).toBeUndefined();
    expect(unstorable(candidate({ method: 'POST', lifetime: { ...explicit, source: 'told' } }))).toBeUndefined();
  });
});

describe('unstorable, by credentials', () => {
  const AUTHORIZATION = { authorization: true, cookie: false };
  const COOKIE = { authorization: false, cookie: true };
  const BOTH = { authorization: true, cookie: true };

  it.each<[credentials: Candidate['credentials'], cacheControl: string, reason: Reason | undefined]>([
    [AUTHORIZATION, '', 'authorization'],
    [AUTHORIZATION, 'max-age=60', 'authorization'],
    [AUTHORIZATION, 'public', undefined],
    [AUTHORIZATION, 's-maxage=60', undefined],
    [AUTHORIZATION, 'must-revalidate', undefined],
    [AUTHORIZATION, 'proxy-revalidate', 'authorization'],
    [AUTHORIZATION, 'public=1', 'authorization'],
    [AUTHORIZATION, 'must-revalidate=x', 'authorization'],
    [AUTHORIZATION, 'public; max-age=60', 'authorization'],
    [AUTHORIZATION, 'must-revalidate; max-age=0', 'authorization'],
    [COOKIE, '', 'cookie'],
    [COOKIE, 'max-age=60', 'cookie'],
    [COOKIE, 'public', undefined],
    [COOKIE, 's-maxage=60', undefined],
    [COOKIE, 'must-revalidate', 'cookie'],
    [BOTH, 'must-revalidate', 'cookie'],
    [BOTH, 'Public', undefined],
    [BOTH, 'public, private', 'private'],
    [BOTH, 'ext="public"', 'authorization'],
  ])('%j and %j: %s (RFC 9111 §3.5)', (credentials, cacheControl, reason) => {
    expect(unstorable(candidate({ credentials, fields: { 'cache-control': cacheControl } }))).toBe(reason);
  });

  it.each<[cacheControl: string, reason: Reason | undefined]>([
    ['must-revalidate', 'personal'],
    ['public', undefined],
    ['s-maxage=60', undefined],
  ])('what the option personal names and %j, in both modes: %s', (cacheControl, reason) => {
    const credentials = { authorization: false, cookie: false, named: ['x-api-key'] };
    const fields = { 'cache-control': cacheControl };
    expect(unstorable(candidate({ credentials, fields }))).toBe(reason);
    expect(strictly({ credentials, fields, lifetime: explicit })).toBe(reason);
  });

  it.each<[cacheControl: string, reason: Reason | undefined]>([
    ['max-age=60', 'authorization'],
    ['public', undefined],
    ['s-maxage=60', undefined],
    ['must-revalidate', undefined],
  ])('Authorization and %j in the mode of the RFC: %s (RFC 9111 §3.5)', (cacheControl, reason) => {
    const fields = { 'cache-control': cacheControl };
    expect(strictly({ credentials: AUTHORIZATION, fields, lifetime: explicit })).toBe(reason);
  });

  it.each<[credentials: Candidate['credentials'], keyed: string[], reason: Reason | undefined]>([
    [AUTHORIZATION, ['authorization'], undefined],
    [AUTHORIZATION, ['cookie'], 'authorization'],
    [COOKIE, ['cookie'], undefined],
    [COOKIE, ['accept'], 'cookie'],
    [BOTH, ['authorization'], 'cookie'],
    [BOTH, ['authorization', 'cookie'], undefined],
  ])('%j where the key has %j: %s', (credentials, keyed, reason) => {
    expect(unstorable(candidate({ credentials, keyed }))).toBe(reason);
  });

  it('a Vary of the handler itself does not vouch for credentials', () => {
    expect(unstorable(candidate({ credentials: COOKIE, fields: { vary: 'Cookie' } }))).toBe('cookie');
  });
});

describe('sharedWith', () => {
  it.each([
    ['', false, false],
    ['max-age=60', false, false],
    ['must-revalidate', true, false],
    ['public', true, true],
    ['s-maxage=1', true, true],
    ['s-maxage=0', false, false],
    ['s-maxage=x', false, false],
  ])('%j', (cacheControl, authorization, cookie) => {
    expect(sharedWith(saidBy({ 'cache-control': cacheControl }, []))).toEqual({ authorization, cookie });
  });
});

describe('hasValidator', () => {
  it.each<[fields: Fields, has: boolean]>([
    [{}, false],
    [{ etag: 'W/"a"' }, true],
    [{ 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }, true],
    [{ date: 'Sun, 06 Nov 1994 08:49:37 GMT' }, false],
  ])('%j: %s', (fields, has) => {
    expect(hasValidator(fields)).toBe(has);
  });
});
