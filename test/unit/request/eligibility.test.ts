import { describe, expect, it } from 'vitest';
import type { Reason } from '../../../src/events.js';
import { asksForHandler, ineligible, isUnsafe, openCredentials } from '../../../src/request/eligibility.js';
import type { RequestView } from '../../../src/request/request.js';
import type { Fields } from '../../../src/types.js';

const request = (headers: Fields = {}, method = 'GET', target = '/'): RequestView => ({
  method,
  target,
  headers,
  secure: false,
  source: undefined,
});

describe('isUnsafe', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL', 'PURGE', 'CONNECT', 'get'])('%s may change things', (method) => {
    expect(isUnsafe(method)).toBe(true);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'])('%s changes nothing (RFC 9110 §9.2.1)', (method) => {
    expect(isUnsafe(method)).toBe(false);
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
    [request({}, 'GET', '*'), 'target'],
    [request({}, 'GET', ''), 'target'],
    [request({ upgrade: 'websocket' }), 'upgrade'],
    [request({ range: 'bytes=0-1' }), 'range'],
    [request({ range: '' }), 'range'],
    [request({ 'if-match': '"a"' }), 'precondition'],
    [request({ 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }), 'precondition'],
  ])('%j: %s', (view, reason) => {
    expect(ineligible(view)).toBe(reason);
  });
});

describe('asksForHandler', () => {
  it.each<[headers: Fields, asks: boolean]>([
    [{}, false],
    [{ 'cache-control': 'no-cache' }, true],
    [{ 'cache-control': 'No-Cache' }, true],
    [{ 'cache-control': 'no-store' }, true],
    [{ 'cache-control': 'max-age=0' }, true],
    [{ 'cache-control': ['min-fresh=1', 'no-cache'] }, true],
    // An argument that cannot be read asks for nothing older than 0 seconds.
    [{ 'cache-control': 'max-age=soon' }, true],
    [{ 'cache-control': 'max-age=60' }, false],
    [{ 'cache-control': 'max-stale' }, false],
    [{ pragma: 'no-cache' }, true],
    [{ pragma: 'NO-CACHE' }, true],
    [{ pragma: 'x' }, false],
    // RFC 9111 §5.4: Pragma counts only where there is no Cache-Control.
    [{ pragma: 'no-cache', 'cache-control': 'max-age=60' }, false],
  ])('%j: %s', (headers, asks) => {
    expect(asksForHandler(headers)).toBe(asks);
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
    expect(openCredentials(headers, false)).toEqual(found);
  });

  it('are no longer open where the key is personal', () => {
    expect(openCredentials({ authorization: 'x', cookie: 'y' }, true)).toBeUndefined();
  });
});
