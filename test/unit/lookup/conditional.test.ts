import { describe, expect, it } from 'vitest';
import { type Conditions, conditionsOf, isNotModified, isOfBody } from '../../../src/lookup/conditional.js';
import type { Fields } from '../../../src/types.js';

const EARLY = 'Sun, 06 Nov 1994 08:49:37 GMT';
const LATE = 'Mon, 07 Nov 1994 08:49:37 GMT';

describe('conditionsOf', () => {
  it.each<[request: Fields, conditions: Conditions | undefined]>([
    [{}, undefined],
    [{ 'if-match': '"a"' }, undefined],
    [{ 'if-none-match': '"a"' }, { ifNoneMatch: '"a"', ifModifiedSince: undefined }],
    [{ 'if-none-match': ['"a"', '"b"'] }, { ifNoneMatch: '"a", "b"', ifModifiedSince: undefined }],
    [{ 'if-modified-since': EARLY }, { ifNoneMatch: undefined, ifModifiedSince: EARLY }],
    [{ 'if-none-match': '' }, { ifNoneMatch: '', ifModifiedSince: undefined }],
  ])('%j', (request, conditions) => {
    expect(conditionsOf(request)).toEqual(conditions);
  });
});

describe('isNotModified', () => {
  const judge = (request: Fields, etag?: string, lastModified?: string, status = 200) =>
    isNotModified(conditionsOf(request), status, etag, lastModified);

  it.each<[what: string, request: Fields, etag?: string | undefined, lastModified?: string]>([
    ['a tag that matches', { 'if-none-match': '"a"' }, '"a"'],
    ['a tag that matches weakly', { 'if-none-match': 'W/"a"' }, '"a"'],
    ['a list with the tag', { 'if-none-match': '"x", "a"' }, '"a"'],
    ['*', { 'if-none-match': '*' }, '"a"'],
    ['* for a response without a tag', { 'if-none-match': '*' }],
    ['the same date', { 'if-modified-since': EARLY }, undefined, EARLY],
    ['a later date', { 'if-modified-since': LATE }, undefined, EARLY],
    ['a date in an old form', { 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, undefined, EARLY],
    ['a tag that matches, whatever the date', { 'if-none-match': '"a"', 'if-modified-since': EARLY }, '"a"', LATE],
  ])('304 for %s', (_, request, etag, lastModified) => {
    expect(judge(request, etag, lastModified)).toBe(true);
  });

  it.each<[what: string, request: Fields, etag?: string | undefined, lastModified?: string]>([
    ['no conditions', {}, '"a"', EARLY],
    ['another tag', { 'if-none-match': '"b"' }, '"a"'],
    // RFC 9110 §13.2.2: If-Modified-Since is not looked at then.
    ['another tag, whatever the date', { 'if-none-match': '"b"', 'if-modified-since': LATE }, '"a"', EARLY],
    ['an empty list, whatever the date', { 'if-none-match': '', 'if-modified-since': LATE }, '"a"', EARLY],
    [
      'a tag where there is none, whatever the date',
      { 'if-none-match': '"a"', 'if-modified-since': LATE },
      undefined,
      EARLY,
    ],
    ['an earlier date', { 'if-modified-since': EARLY }, undefined, LATE],
    ['a date where there is none', { 'if-modified-since': LATE }],
    ['a date that is none', { 'if-modified-since': 'yesterday' }, undefined, EARLY],
    ['two dates', { 'if-modified-since': [LATE, LATE] }, undefined, EARLY],
    ['a Last-Modified that is no date', { 'if-modified-since': LATE }, undefined, 'yesterday'],
  ])('the whole for %s', (_, request, etag, lastModified) => {
    expect(judge(request, etag, lastModified)).toBe(false);
  });

  it.each([203, 204, 301, 404, 410])('the whole for a %i, whatever matches', (status) => {
    expect(judge({ 'if-none-match': '*' }, '"a"', EARLY, status)).toBe(false);
  });
});

describe('isOfBody', () => {
  it.each([
    'content-type',
    'content-length',
    'content-encoding',
    'content-language',
    'content-range',
    'transfer-encoding',
    'trailer',
  ])('drops %s from a 304', (name) => {
    expect(isOfBody(name)).toBe(true);
  });

  // RFC 9110 §15.4.5 names the first six.
  it.each([
    'cache-control',
    'content-location',
    'date',
    'etag',
    'expires',
    'vary',
    'last-modified',
    'set-cookie',
    'content-security-policy',
    'content-security-policy-report-only',
    'access-control-allow-origin',
  ])('keeps %s in a 304', (name) => {
    expect(isOfBody(name)).toBe(false);
  });
});
