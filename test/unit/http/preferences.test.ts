import { describe, expect, it } from 'vitest';
import {
  normalizedAccept,
  normalizedCharsets,
  normalizedEncodings,
  normalizedLanguages,
} from '../../../src/http/preferences.js';

describe('normalizedEncodings', () => {
  it.each([
    ['', ''],
    [' , ,', ''],
    ['gzip', 'gzip'],
    ['GZip , BR', 'br,gzip'],
    ['gzip, deflate, br, zstd', 'br,deflate,gzip,zstd'],
    ['gzip;q=1', 'gzip'],
    ['gzip;q=1.', 'gzip'],
    ['gzip;q=1.000', 'gzip'],
    ['gzip;q=0.50', 'gzip;q=0.5'],
    ['gzip\t; q=0.123', 'gzip;q=0.123'],
    ['identity;q=0.000, *;q=0', '*;q=0,identity;q=0'],
    ['gzip;q=0.', 'gzip;q=0'],
    ['gzip, br, GZIP;q=1.0', 'br,gzip'],
    ['identity;q=1, gzip', 'gzip,identity'],
    ['x-gzip', 'x-gzip'],
  ])('of %j', (value, form) => {
    expect(normalizedEncodings(value)).toBe(form);
  });

  it.each([
    'gzip br',
    'gzip;q',
    'gzip;q=',
    'gzip;q=2',
    'gzip;q=1.001',
    'gzip;q=0.1234',
    'gzip;q=.5',
    'gzip;q=-1',
    'gzip;q= 0.5',
    'gzip;q =0.5',
    'gzip;q="0.5"',
    'gzip;q=0.5;q=0.5',
    'gzip;level=9',
    ';q=1',
    'gz/ip',
    '"gzip"',
    'gz\u00edp',
    'gzip\u00a0',
    // None to `negotiator`, by which Express and Koa read it.
    'gzip;Q=0.50',
    // Who is to say which of the two holds.
    'gzip, gzip;q=0',
    'gzip;q=0.5, GZIP;q=0.6',
  ])('does not know what %j means', (value) => {
    expect(normalizedEncodings(value)).toBeUndefined();
  });
});

describe('normalizedLanguages', () => {
  it.each([
    ['', ''],
    ['*', '*'],
    ['en-US', 'en-us'],
    ['en-US,en;q=0.9', 'en-us,en;q=0.9'],
    ['en;q=0.5, de, fr;q=0.8', 'de,fr;q=0.8,en;q=0.5'],
    ['de;q=1.0, fr', 'de,fr'],
    ['fr, de;q=1', 'fr,de'],
    ['fr;q=0.70, de;q=0.7', 'fr;q=0.7,de;q=0.7'],
    ['fr, de ;q=0.9', 'fr,de;q=0.9'],
    ['zh-Hant-TW', 'zh-hant-tw'],
    ['*;q=0, en', 'en,*;q=0'],
  ])('of %j', (value, form) => {
    expect(normalizedLanguages(value, true)).toBe(form);
  });

  it.each([
    ['fr, de', 'de,fr'],
    ['fr;q=0.7, de;q=0.70, en', 'en,de;q=0.7,fr;q=0.7'],
    ['b;q=0.1, a;q=0.2', 'a;q=0.2,b;q=0.1'],
  ])('of %j, where the order of equals says nothing', (value, form) => {
    expect(normalizedLanguages(value, false)).toBe(form);
  });

  it.each([
    ...['en_US', 'en-', '-en', 'languages', 'en us', 'en;q=x', 'en, en;q=0.5', '1', 'e*'],
    // To `negotiator` the second `fr` is the one that counts, and the others are no weights.
    ...['fr, de, FR', 'de; q=0.5, en', 'de;Q=0.5, en'],
  ])('does not know what %j means', (value) => {
    expect(normalizedLanguages(value, true)).toBeUndefined();
  });
});

describe('normalizedCharsets', () => {
  it.each([
    ['UTF-8, ISO-8859-1;q=0.50', 'utf-8,iso-8859-1;q=0.5'],
    ['b, a', 'b,a'],
    ['b;q=0.1, a', 'b;q=0.1,a'],
    ['*', '*'],
  ])('of %j', (value, form) => {
    expect(normalizedCharsets(value)).toBe(form);
  });

  it.each(['a b', 'a, b, A', 'a;Q=0.5'])('does not know what %j means', (value) => {
    expect(normalizedCharsets(value)).toBeUndefined();
  });
});

describe('normalizedAccept', () => {
  it.each([
    ['', ''],
    ['*/*', '*/*'],
    ['Text/HTML ,application/*;q=0.80', 'text/html,application/*;q=0.8'],
    ['b/b, a/a', 'b/b,a/a'],
    ['b/b;q=0.1, a/a', 'b/b;q=0.1,a/a'],
    ['a/b;q=1', 'a/b'],
    ['a/b ; Q=1.0 , c/d', 'a/b,c/d'],
    ['a/b;Level=1 ;q=0.5', 'a/b;level=1;q=0.5'],
    // Values of parameters may have a case, and their order may mean something.
    ['a/b;v=B3', 'a/b;v=B3'],
    ['a/b;y=1;x=2', 'a/b;y=1;x=2'],
    // What stood behind the weight was no parameter of the type (RFC 7231 §5.3.2).
    ['a/b;q=1.0;ext=1', 'a/b;q=1;ext=1'],
    ['a/b, a/b', 'a/b,a/b'],
  ])('of %j', (value, form) => {
    expect(normalizedAccept(value)).toBe(form);
  });

  it.each([
    '*',
    'text',
    'text/',
    '/html',
    'text/html/x',
    'text / html',
    'text/html q=0.5',
    'a/b;q=x',
    'a/b;q=1.5',
    'a/b;q=0.5;q=0.6',
    'a/b;x',
    'a/b;x=',
    'a/b;=x',
    'a/b;x = 1',
    'a/b;x="1"',
    'a/b, "',
    'a/b;x=\u00e9',
    // More particular to `negotiator` than without what is empty.
    'a/b;;x=1',
    'a/b;x=1;',
    'a/b;;',
  ])('does not know what %j means', (value) => {
    expect(normalizedAccept(value)).toBeUndefined();
  });
});
