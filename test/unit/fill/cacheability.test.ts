import { describe, expect, it } from 'vitest';
import type { Reason } from '../../../src/events.js';
import { type Candidate, sharedWith, unstorable } from '../../../src/fill/cacheability.js';
import type { Fields } from '../../../src/types.js';

const candidate = (changes: Partial<Candidate> = {}): Candidate => ({
  method: 'GET',
  credentials: undefined,
  keyed: [],
  status: 200,
  fields: {},
  refused: false,
  lifetime: { seconds: 300, explicit: false },
  maxBodyBytes: 1000,
  ...changes,
});
const withFields = (fields: Fields) => unstorable(candidate({ fields }));
const explicit = { seconds: 60, explicit: true };

describe('unstorable, by the status', () => {
  it.each([200, 203, 204, 300, 301, 308, 404, 410])('stores %i without a word from the handler', (status) => {
    expect(unstorable(candidate({ status }))).toBeUndefined();
  });

  it.each([201, 202, 205, 302, 303, 307, 400, 402, 405, 409, 418, 451])('stores %i only on its word', (status) => {
    expect(unstorable(candidate({ status }))).toBe('status');
    expect(unstorable(candidate({ status, lifetime: explicit }))).toBeUndefined();
  });

  it.each([206, 304, 401, 403, 407, 412, 416, 417, 429, 500, 501, 502, 503, 504, 599, 100, 101, 103])(
    'never stores %i',
    (status) => {
      expect(unstorable(candidate({ status, lifetime: explicit }))).toBe('status');
    },
  );
});

describe('unstorable, by the fields', () => {
  it.each<[fields: Fields, reason: Reason | undefined]>([
    [{}, undefined],
    [{ 'cache-control': 'public, max-age=60' }, undefined],
    [{ 'cache-control': 'must-revalidate, proxy-revalidate, no-transform' }, undefined],
    [{ 'cache-control': 'no-store' }, 'no-store'],
    [{ 'cache-control': 'No-Store' }, 'no-store'],
    [{ 'cache-control': 'private' }, 'private'],
    // CVE-2026-8404: the case of directives
    [{ 'cache-control': 'PRIVATE, max-age=60' }, 'private'],
    [{ 'cache-control': ['max-age=60', 'Private'] }, 'private'],
    [{ 'cache-control': 'public, private' }, 'private'],
    [{ 'cache-control': 'no-cache' }, 'no-cache'],
    [{ 'cache-control': 'max-age=60, no-cache' }, 'no-cache'],
    // The qualified forms are taken for the plain ones: stricter than RFC 9111 §5.2.2.4 and .7 ask for.
    [{ 'cache-control': 'private="x-user"' }, 'private'],
    [{ 'cache-control': 'no-cache="set-cookie"' }, 'no-cache'],
    [{ 'cache-control': 'ext="private"' }, undefined],
    [{ pragma: 'no-cache' }, 'no-cache'],
    [{ 'set-cookie': 'a=b' }, 'set-cookie'],
    [{ 'set-cookie': ['a=b', 'c=d'] }, 'set-cookie'],
    [{ 'set-cookie': 'a=b', 'cache-control': 'public, max-age=60' }, 'set-cookie'],
    [{ vary: 'Accept' }, undefined],
    // CVE-2026-6907, CVE-2026-48587
    [{ vary: '*' }, 'vary-star'],
    [{ vary: 'Accept , *' }, 'vary-star'],
    [{ vary: [' *', 'Accept'] }, 'vary-star'],
    [{ 'content-type': 'text/event-stream' }, 'event-stream'],
    [{ 'content-type': 'Text/Event-Stream; charset=utf-8' }, 'event-stream'],
    [{ 'content-type': 'text/plain' }, undefined],
    [{ trailer: 'Digest' }, 'trailers'],
    [{ 'content-range': 'bytes 0-1/2' }, 'status'],
    [{ 'content-length': '1000' }, undefined],
    [{ 'content-length': 1001 }, 'too-large'],
  ])('%j: %s', (fields, reason) => {
    expect(withFields(fields)).toBe(reason);
  });
});

describe('unstorable, by other things', () => {
  it.each<[what: string, changes: Partial<Candidate>, reason: Reason]>([
    ['a HEAD', { method: 'HEAD' }, 'head'],
    ['noStore()', { refused: true }, 'handler'],
    ['a lifetime of 0', { lifetime: { seconds: 0, explicit: true } }, 'not-fresh'],
    ['a lifetime that is over', { lifetime: { seconds: -1, explicit: true } }, 'not-fresh'],
    ['no lifetime at all', { lifetime: { seconds: Number.NaN, explicit: true } }, 'not-fresh'],
  ])('%s: %s', (_, changes, reason) => {
    expect(unstorable(candidate(changes))).toBe(reason);
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
    expect(sharedWith({ 'cache-control': cacheControl })).toEqual({ authorization, cookie });
  });
});
