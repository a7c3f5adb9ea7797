import { describe, expect, it } from 'vitest';
import { announce, reduceToNotModified } from '../../../src/fill/head.js';
import type { Fields } from '../../../src/types.js';
import { bagOf, dateAt } from '../made.js';

const NOTHING = { browserTtl: undefined, cdnTtl: undefined, surrogateTags: undefined, targetedFields: [] };

/** The fields of a handler's response as it leaves. */
function announced(fields: Fields, vary: string[] = [], shared?: Parameters<typeof announce>[3]): Fields {
  const bag = bagOf(fields);
  announce(bag, vary, { forward: 'uri-miss', stored: true }, shared);
  return { ...bag.getHeaders() };
}

describe('announce', () => {
  it('tells in Cache-Status what this cache did', () => {
    expect(announced({})).toEqual({ 'cache-status': 'respcache; fwd=uri-miss; stored' });
  });

  it('stands in Cache-Status behind what was nearer to the origin (RFC 9211 §2)', () => {
    expect(announced({ 'Cache-Status': ['A; hit', 'B; hit'] })['cache-status']).toBe(
      'A; hit, B; hit, respcache; fwd=uri-miss; stored',
    );
  });

  it.each<[before: string | undefined, names: string[], after: string | undefined]>([
    [undefined, [], undefined],
    [undefined, ['x-client-id'], 'x-client-id'],
    ['Accept', ['x-client-id', 'accept'], 'Accept, x-client-id'],
    ['*', ['x-client-id'], '*'],
  ])('adds to Vary %j what matters, %j', (before, names, after) => {
    expect(announced({ Vary: before }, names).vary).toBe(after);
  });

  it('takes away the field for this cache alone (RFC 9213 §2)', () => {
    expect(announced({ 'Respcache-Cache-Control': 'max-age=60' })).not.toHaveProperty('respcache-cache-control');
  });

  it('leaves alone what the handler says to others, where the options say nothing', () => {
    const fields = { 'cache-control': 'max-age=60', expires: dateAt(60), 'cdn-cache-control': 'max-age=5' };
    expect(announced(fields, [], { route: NOTHING, tags: [], age: 0 })).toMatchObject(fields);
  });

  it('tells browsers what the options say, in place of the handler', () => {
    const fields = { 'cache-control': 'max-age=60', expires: dateAt(60), pragma: 'x' };
    const found = announced(fields, [], { route: { ...NOTHING, browserTtl: 0 }, tags: [], age: 0 });
    expect(found).toEqual({ 'cache-control': 'no-cache', 'cache-status': expect.anything() });
  });

  it('tells CDNs what the options say, and the tags', () => {
    const shared = { route: { ...NOTHING, cdnTtl: 60, surrogateTags: 'Surrogate-Key' }, tags: ['a', 'b c'], age: 5 };
    const found = announced(
      { 'cdn-cache-control': 'no-store', 'surrogate-key': 'x', 'cache-control': 'max-age=1' },
      [],
      shared,
    );
    expect(found).toMatchObject({
      'cdn-cache-control': 'max-age=65',
      'surrogate-key': 'a b%20c',
      'cache-control': 'max-age=1',
    });
  });

  it('tells nobody anything of what is not shared', () => {
    const fields = { 'cache-control': 'private' };
    expect(announced(fields)).toMatchObject(fields);
  });
});

describe('reduceToNotModified', () => {
  const held = { ifNoneMatch: '"a"', ifModifiedSince: undefined };

  it('answers by the tag of a compressed form that the client can read, of a 200 alone', () => {
    const asked = { ifNoneMatch: '"a--br"', ifModifiedSince: undefined };
    const reduced = (status: number, accepted?: string) =>
      reduceToNotModified(bagOf({ ETag: '"a"' }), status, asked, accepted);
    expect(reduced(200, 'br')).toMatchObject({ status: 304, headers: [['ETag', '"a--br"']] });
    expect([reduced(200, 'gzip'), reduced(200), reduced(404, 'br')]).toEqual([undefined, undefined, undefined]);
  });

  it('is nothing where no condition was held', () => {
    expect(reduceToNotModified(bagOf({ ETag: '"a"' }), 200, undefined)).toBeUndefined();
  });

  it('is a 304 for what the client has, without the fields of the body', () => {
    const bag = bagOf({ ETag: '"a"', 'Content-Type': 'text/plain', 'Content-Length': 5, 'Cache-Control': 'max-age=1' });
    expect(reduceToNotModified(bag, 200, held)).toEqual({
      status: 304,
      message: undefined,
      headers: [],
      removed: ['content-type', 'content-length'],
      body: undefined,
    });
  });

  it.each<[what: string, fields: Fields, status: number]>([
    ['something else', { ETag: '"b"' }, 200],
    ['what has no validator', {}, 200],
    ['what is no 200', { ETag: '"a"' }, 404],
  ])('is nothing for %s', (_, fields, status) => {
    expect(reduceToNotModified(bagOf(fields), status, held)).toBeUndefined();
  });
});
