import { describe, expect, it } from 'vitest';
import type { Reason } from '../../../src/events.js';
import {
  barringCredentials,
  hasBody,
  ineligible,
  isPersonal,
  isUnsafe,
  openCredentials,
} from '../../../src/request/eligibility.js';
import type { RequestView } from '../../../src/request/request.js';
import type { Fields } from '../../../src/types.js';

const request = (headers: Fields = {}, method = 'GET', target = '/'): RequestView => ({
  method,
  target,
  headers,
  rawHeaders: [],
  secure: false,
  source: undefined,
});

describe('isUnsafe', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL', 'PURGE', 'CONNECT', 'get'])('%s may change things', (method) => {
    expect(isUnsafe(method)).toBe(true);
  });

  const safe = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'];
  it.each(safe)('%s changes nothing (RFC 9110 §9.2.1)', (method) => {
    expect(isUnsafe(method)).toBe(false);
  });
});

describe('isPersonal', () => {
  it.each<[reason: Reason | undefined, personal: boolean]>([
    ['authorization', true],
    ['cookie', true],
    ['personal', true],
    ['private', false],
    [undefined, false],
  ])('of %j: %s', (reason, personal) => {
    expect(isPersonal(reason)).toBe(personal);
  });
});

describe('ineligible', () => {
  it.each<[view: RequestView, reason: Reason | undefined]>([
    [request(), undefined],
    [request({}, 'HEAD'), undefined],
    [request({ 'if-none-match': '"a"', 'if-modified-since': 'x' }), undefined],
    [request({ authorization: 'x', cookie: 'y', 'cache-control': 'no-store' }), undefined],
    [request({}, 'GET', '//elsewhere/x'), undefined],
    [request({}, 'POST'), 'method'],
    [request({}, 'OPTIONS', '*'), 'method'],
    [request({}, 'QUERY'), 'method'],
    [request({}, 'GET', 'http://other.example/'), 'target'],
    [request({}, 'GET', '/x#y'), 'target'],
    [request({}, 'GET', '*'), 'target'],
    [request({}, 'GET', ''), 'target'],
    [request({ upgrade: 'websocket' }), 'upgrade'],
    // A part is taken from the whole that is stored (RFC 9110 §14.2).
    [request({ range: 'bytes=0-1' }), undefined],
    [request({ range: '', 'if-range': '"a"' }), undefined],
    [request({ 'if-match': '"a"' }), 'precondition'],
    [request({ 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }), 'precondition'],
  ])('%j: %s', (view, reason) => {
    expect(ineligible(view)).toBe(reason);
  });
});

describe('hasBody', () => {
  it.each<[headers: Fields, has: boolean]>([
    [{}, false],
    [{ 'content-length': '0' }, false],
    [{ 'content-length': '00' }, false],
    [{ 'content-length': '1' }, true],
    [{ 'transfer-encoding': 'chunked' }, true],
  ])('%j: %s', (headers, has) => {
    expect(hasBody({ headers })).toBe(has);
  });

  it('goes by what follows the fields where these need not tell (HTTP/2)', () => {
    expect(hasBody({ headers: {}, isFollowed: true })).toBe(true);
    expect(hasBody({ headers: { 'content-length': '0' }, isFollowed: true })).toBe(false);
  });
});

describe('openCredentials', () => {
  it.each<[headers: Fields, found: ReturnType<typeof openCredentials>]>([
    [{}, undefined],
    [{ authorization: 'Bearer x' }, { authorization: true, cookie: false }],
    [{ cookie: 'a=b' }, { authorization: false, cookie: true }],
    [
      { authorization: '', cookie: '' },
      { authorization: true, cookie: true },
    ],
  ])('%j', (headers, found) => {
    expect(openCredentials(headers, false, true)).toEqual(found);
  });

  it.each<[headers: Fields, found: ReturnType<typeof openCredentials>]>([
    [{}, undefined],
    [{ 'x-other': '1' }, undefined],
    [{ 'x-api-key': '' }, { authorization: false, cookie: false, named: ['x-api-key'] }],
    [
      { 'x-api-key': 'k', authorization: 'x' },
      { authorization: true, cookie: false, named: ['x-api-key'] },
    ],
  ])('are also what the option personal names: %j', (headers, found) => {
    expect(openCredentials(headers, false, true, ['x-api-key', 'x-user'])).toEqual(found);
    expect(openCredentials(headers, true, true, ['x-api-key', 'x-user'])).toBeUndefined();
  });

  it.each([true, false])('are no longer open where the key is personal (cookies guarded: %s)', (guardsCookies) => {
    expect(openCredentials({ authorization: 'x', cookie: 'y' }, true, guardsCookies)).toBeUndefined();
  });

  it.each<[headers: Fields, found: ReturnType<typeof openCredentials>]>([
    [{ cookie: 'a=b' }, undefined],
    [
      { authorization: 'x', cookie: 'a=b' },
      { authorization: true, cookie: false },
    ],
  ])('are no cookies where these are left to Cache-Control (RFC 9111 §7.3): %j', (headers, found) => {
    expect(openCredentials(headers, false, false)).toEqual(found);
  });
});

describe('barringCredentials', () => {
  const none = { authorization: false, cookie: false };
  const named = { ...none, named: ['x-api-key', 'x-user'] };

  it.each<[...Parameters<typeof barringCredentials>, ReturnType<typeof barringCredentials>]>([
    [{ ...none, authorization: true }, none, [], 'authorization'],
    [{ ...none, authorization: true }, { ...none, cookie: true }, [], 'authorization'],
    [{ ...none, authorization: true }, { ...none, authorization: true }, [], undefined],
    [{ ...none, authorization: true }, none, ['authorization'], undefined],
    [{ ...none, cookie: true }, { ...none, authorization: true }, [], 'cookie'],
    [{ ...none, cookie: true }, { ...none, cookie: true }, [], undefined],
    [{ ...none, cookie: true }, none, ['cookie'], undefined],
    [{ ...none, cookie: true }, none, ['authorization'], 'cookie'],
    [named, none, [], 'personal'],
    [named, { ...none, cookie: true }, [], undefined],
    [named, { ...none, authorization: true }, [], 'personal'],
    [named, none, ['x-user'], 'personal'],
    [named, none, ['x-user', 'x-api-key'], undefined],
    [{ ...named, cookie: true }, { ...none, authorization: true }, [], 'cookie'],
  ])('of %j where %j is let in and %j is in the key: %s', (credentials, shared, keyed, barring) => {
    expect(barringCredentials(credentials, shared, keyed)).toBe(barring);
  });
});
