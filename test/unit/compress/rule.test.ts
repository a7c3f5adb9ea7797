import { describe, expect, it } from 'vitest';
import { checkCompress, mayNegotiate } from '../../../src/compress/rule.js';
import { ConfigError } from '../../../src/errors.js';

const RULE = checkCompress(true);
const may = (type: string, more: object = {}, outside: object = {}) =>
  mayNegotiate(RULE, 200, { 'content-type': type, ...more }, outside as Record<string, string>);

describe('the usual rule', () => {
  it.each([
    'text/html; charset=utf-8',
    'TEXT/Plain',
    'text/css',
    'application/json',
    'application/problem+json',
    'application/atom+xml',
    'image/svg+xml',
    'application/javascript',
    'text/javascript',
    'application/x-ndjson',
    'application/wasm',
    'font/ttf',
  ])('takes %s', (type) => {
    expect(may(type)).toBe(true);
  });

  it.each(['image/png', 'image/jpeg', 'video/mp4', 'application/zip', 'application/octet-stream', 'font/woff2', ''])(
    'leaves %s',
    (type) => {
      expect(may(type)).toBe(false);
    },
  );

  it('leaves streams of events, what is encoded, chosen or fixed by its handler, and what has no body', () => {
    expect(may('text/event-stream')).toBe(false);
    expect(may('text/html', { 'content-encoding': 'gzip' })).toBe(false);
    expect(may('text/html', { 'content-encoding': 'identity' })).toBe(true);
    expect(may('text/html', { vary: 'Origin, accept-encoding' })).toBe(false);
    expect(may('text/html', { vary: 'Accept-Encoding' }, { vary: 'Accept-Encoding' })).toBe(true);
    expect(may('text/html', { 'cache-control': 'public, no-transform' })).toBe(false);
    expect(may('text/html', { 'respcache-cache-control': 'max-age=60, no-transform' })).toBe(false);
    expect(may('text/html', { 'cache-control': 'x="no-transform"' })).toBe(true);
    for (const status of [204, 205, 206, 304]) {
      expect(mayNegotiate(RULE, status, { 'content-type': 'text/html' }, {})).toBe(false);
    }
    expect(mayNegotiate(undefined, 200, { 'content-type': 'text/html' }, {})).toBe(false);
  });
});

describe('the option compress', () => {
  it('takes its parts one by one', () => {
    expect(checkCompress(false)).toBeUndefined();
    expect(checkCompress({})).toMatchObject({ minBytes: 1024, codings: ['gzip', 'br', 'zstd'] });
    expect(checkCompress({ minBytes: 0, encodings: ['br'] })).toMatchObject({ minBytes: 0, codings: ['br'] });
    const own = checkCompress({ types: ['Application/X-Own', 'model/*'] })!;
    expect(['application/x-own', 'model/stl', 'text/html'].map(own.isCompressible)).toEqual([true, true, false]);
  });

  it.each<[value: unknown, says: string]>([
    [1, 'option compress'],
    [null, 'option compress'],
    [{ level: 9 }, 'option compress.level'],
    [{ minBytes: -1 }, 'option compress.minBytes'],
    [{ types: ['html'] }, 'option compress.types'],
    [{ types: ['*/*'] }, 'option compress.types'],
    [{ types: ['application/*+json'] }, 'option compress.types'],
    [{ encodings: [] }, 'option compress.encodings'],
    [{ encodings: new Array(1) }, 'option compress.encodings'],
    [{ encodings: Object.assign(['gzip'], { length: 2 }) }, 'option compress.encodings'],
    [{ encodings: ['deflate'] }, 'option compress.encodings'],
  ])('refuses %j', (value, says) => {
    expect(() => checkCompress(value)).toThrow(ConfigError);
    expect(() => checkCompress(value)).toThrow(says);
  });
});
