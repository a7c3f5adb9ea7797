import { describe, expect, it } from 'vitest';
import { ifRangeHolds, resolveRange } from '../../../src/http/range.js';

describe('resolveRange', () => {
  it.each<[field: string, length: number, first: number, last: number]>([
    // The examples of RFC 9110 §14.1.2.
    ['bytes=0-499', 10_000, 0, 499],
    ['bytes=500-999', 10_000, 500, 999],
    ['bytes=-500', 10_000, 9500, 9999],
    ['bytes=9500-', 10_000, 9500, 9999],
    ['bytes=0-0', 10, 0, 0],
    ['bytes=9-9', 10, 9, 9],
    ['bytes=0-', 10, 0, 9],
    ['bytes=-1', 10, 9, 9],
    // What goes past the end is cut off; a suffix longer than the body is all of it.
    ['bytes=5-99', 10, 5, 9],
    ['bytes=-10', 10, 0, 9],
    ['bytes=-99', 10, 0, 9],
    ['bytes=0-999999999999999', 10, 0, 9],
    ['bytes=007-08', 10, 7, 8],
    // The name of a unit has no case (§14.1).
    ['BYTES=0-1', 10, 0, 1],
    [' bytes=0-1\t', 10, 0, 1],
    // Empty list members, and the white space that they may have (§5.6.1).
    ['bytes=,0-1', 10, 0, 1],
    ['bytes= , ,\t0-1', 10, 0, 1],
    ['bytes=0-1, ,', 10, 0, 1],
    ['bytes=0-1 ,', 10, 0, 1],
  ])('%j of %i bytes', (field, length, first, last) => {
    expect(resolveRange(field, length)).toEqual({ first, last });
  });

  it.each<[field: string, length: number]>([
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=999999999999999-', 10],
    ['bytes=-0', 10],
    ['bytes=-00', 10],
    ['bytes=0-', 0],
    ['bytes=0-0', 0],
    ['bytes=-0', 0],
  ])('%j of %i bytes cannot be satisfied', (field, length) => {
    expect(resolveRange(field, length)).toBe('unsatisfiable');
  });

  it('of a body that has none the last bytes are the whole', () => {
    expect(resolveRange('bytes=-1', 0)).toBeUndefined();
  });

  it.each([
    [undefined],
    [''],
    ['bytes'],
    ['bytes='],
    ['bytes=-'],
    ['bytes=,'],
    ['bytes=0'],
    ['bytes=a-b'],
    ['bytes=0-b'],
    ['bytes=0x1-2'],
    ['bytes=1e1-20'],
    ['bytes=+1-2'],
    ['bytes=0--1'],
    ['bytes=--1'],
    ['bytes=1.5-2'],
    ['bytes:0-1'],
    ['0-1'],
    ['items=0-1'],
    ['xbytes=0-1'],
    ['bytes=0-1;x'],
    ['bytes="0-1"'],
    // White space where the grammar has none.
    ['bytes =0-1'],
    ['bytes= 0-1'],
    ['bytes=0 -1'],
    ['bytes=0- 1'],
    // A range that ends before it begins is invalid, on a short body too.
    ['bytes=1-0'],
    ['bytes=9-8'],
    ['bytes=90-80'],
    // Several ranges, were they the same, or one of them malformed.
    ['bytes=0-1,2-3'],
    ['bytes=0-1, 0-1'],
    ['bytes=0-1,-1'],
    ['bytes=0-1,x'],
    // Several lines, joined.
    ['bytes=0-1, bytes=2-3'],
    ['bytes=0-9999999999999999'],
    ['bytes=0000000000000000-1'],
    [`bytes=-${'9'.repeat(400)}`],
  ])('passes over %j', (field) => {
    expect(resolveRange(field, 10)).toBeUndefined();
  });
});

describe('ifRangeHolds', () => {
  const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const LATER = 'Sun, 06 Nov 1994 08:49:38 GMT';
  const response = (fields: { etag?: string; lastModified?: string; date?: string }) => ({
    etag: undefined,
    lastModified: undefined,
    date: undefined,
    ...fields,
  });

  it('holds where there is no field', () => {
    expect(ifRangeHolds(undefined, response({}))).toBe(true);
  });

  it.each([
    ['"a"', '"a"'],
    [' "a" ', '"a"'],
    ['""', '""'],
    ['"a,b"', '"a,b"'],
  ])('holds for the same strong tag: %j and %j', (field, etag) => {
    expect(ifRangeHolds(field, response({ etag }))).toBe(true);
  });

  it.each<[field: string, etag: string | undefined]>([
    ['"a"', '"b"'],
    ['"a"', '"A"'],
    ['"a"', undefined],
    // Weak tags may stand for other bytes (RFC 9110 §8.8.3.2).
    ['W/"a"', 'W/"a"'],
    ['W/"a"', '"a"'],
    ['"a"', 'W/"a"'],
    // One tag, not a list, and no wildcard.
    ['"a", "b"', '"a"'],
    ['*', '"a"'],
    ['', ''],
    ['a', 'a'],
    ['"a', '"a'],
  ])('does not hold for %j and %j', (field, etag) => {
    expect(ifRangeHolds(field, response(etag === undefined ? {} : { etag }))).toBe(false);
  });

  it('holds for the very date of the last modification, made known at least a second later (RFC 9110 §8.8.2.2)', () => {
    expect(ifRangeHolds(MODIFIED, response({ lastModified: MODIFIED, date: LATER }))).toBe(true);
  });

  it('holds for the same date in another form', () => {
    expect(ifRangeHolds('Sun Nov  6 08:49:37 1994', response({ lastModified: MODIFIED, date: LATER }))).toBe(true);
  });

  it.each<[why: string, field: string, fields: { etag?: string; lastModified?: string; date?: string }]>([
    ['a later date', LATER, { lastModified: MODIFIED, date: LATER }],
    ['an earlier date', 'Sun, 06 Nov 1994 08:49:36 GMT', { lastModified: MODIFIED, date: LATER }],
    ['a response made in the same second', MODIFIED, { lastModified: MODIFIED, date: MODIFIED }],
    ['a response made before', LATER, { lastModified: LATER, date: MODIFIED }],
    ['a response of nobody knows when', MODIFIED, { lastModified: MODIFIED }],
    ['a response with a Date that is none', MODIFIED, { lastModified: MODIFIED, date: 'now' }],
    ['no Last-Modified', MODIFIED, { etag: '"a"', date: LATER }],
    ['texts that are no dates, though the same', 'yesterday', { lastModified: 'yesterday', date: LATER }],
    ['a date among the tags', `"${MODIFIED}"`, { lastModified: MODIFIED, date: LATER }],
  ])('does not hold for %s', (_, field, fields) => {
    expect(ifRangeHolds(field, response(fields))).toBe(false);
  });
});
