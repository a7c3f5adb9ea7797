// The model's own parsers, by the examples of the RFCs.

import { describe, expect, it } from 'vitest';
import { explore } from './choices.js';
import { tagsOf } from './conditions.js';
import { parseDate } from './dates.js';
import { parseDelta, parseDirectives } from './directives.js';
import { parseDictionary } from './structured.js';

const NOW = Date.UTC(2026, 0, 1) / 1000;
const at = (text: string) => parseDate(text, NOW);

describe('dates (RFC 9110 §5.6.7)', () => {
  it('come in three forms of the same', () => {
    const expected = Date.UTC(1994, 10, 6, 8, 49, 37) / 1000;
    expect(at('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(expected);
    expect(at('Sunday, 06-Nov-94 08:49:37 GMT')).toBe(expected);
    expect(at('Sun Nov  6 08:49:37 1994')).toBe(expected);
    expect(at('sun, 06 nov 1994 08:49:37 gmt')).toBe(expected);
  });

  it('have two-digit years at most 50 years ahead', () => {
    expect(at('Wednesday, 01-Jan-75 00:00:00 GMT')).toBe(Date.UTC(2075, 0, 1) / 1000);
    expect(at('Saturday, 01-Jan-77 00:00:00 GMT')).toBe(Date.UTC(1977, 0, 1) / 1000);
  });

  it.each(['0', '-1', '', 'never', 'Sun, 06 Nov 1994 08:49:37 EST', 'Sun, 6 Nov 1994 08:49:37 GMT', '1994-11-06'])(
    '%j is none',
    (text) => expect(at(text)).toBeUndefined(),
  );

  it('are days that there are', () => {
    expect(at('Sun, 31 Feb 2027 00:00:00 GMT')).toBeUndefined();
  });
});

describe('directives (RFC 9111 §5.2)', () => {
  const names = (text: string) => parseDirectives(text).map(({ name }) => name);

  it('are read as the grammar has them', () => {
    expect(parseDirectives('private, community="UCI"')).toEqual([
      { name: 'private', argument: undefined, quoted: false, wellFormed: true },
      { name: 'community', argument: 'UCI', quoted: true, wellFormed: true },
    ]);
    expect(parseDirectives('Max-Age=5,,no-cache="a, \\"b"')).toEqual([
      { name: 'max-age', argument: '5', quoted: false, wellFormed: true },
      { name: 'no-cache', argument: 'a, "b', quoted: true, wellFormed: true },
    ]);
  });

  it('are found beside what is none', () => {
    expect(names('="x", ;, no-store')).toEqual(['no-store']);
    expect(names('a="x, no-store')).toEqual(['a', 'no-store']);
    expect(parseDirectives('max-age = 60')).toEqual([
      { name: 'max-age', argument: '60', quoted: false, wellFormed: false },
    ]);
  });

  it('have numbers that end at 2^31 (§1.2.2)', () => {
    expect(['0', '007', '99999999999'].map(parseDelta)).toEqual([0, 7, 2 ** 31]);
    expect(['-1', '1.5', '', ' 1', '0x1'].map(parseDelta)).toEqual(Array(5).fill(undefined));
  });
});

describe('dictionaries (RFC 8941 §3.2)', () => {
  const keys = (text: string) => parseDictionary(text)?.map(({ key, type }) => `${key}:${type}`);

  it('are read, parameters left out', () => {
    expect(keys('max-age=60, no-cache;x=1, private="a", foo=bar, b=?0, c=1.5')).toEqual(
      ['max-age:integer', 'no-cache:true', 'private:string', 'foo:token', 'b:false', 'c:decimal'], //
    );
    expect(keys('a=1, a=2')).toEqual(['a:integer']);
    expect(keys('')).toEqual([]);
  });

  it.each(['Max-Age=60', 'a, ', 'a,,b', 'a=', 'a="x', 'a=1 b', 'a=(1'])('%j does not parse', (text) => {
    expect(parseDictionary(text)).toBeUndefined();
  });
});

it('entity tags are found in lists, with commas in them (RFC 9110 §8.8.3)', () => {
  expect(tagsOf('"a,b", W/"c" ,""')).toEqual(['"a,b"', 'W/"c"', '""']);
  expect(tagsOf(' * ')).toEqual(['*']);
});

it('open questions are answered in every way, each the same within one', () => {
  const seen = [...explore((choose) => [choose('a') === 1 ? choose('b', 3) : 9, choose('a')].join())];
  expect(seen.map(({ result }) => result).sort()).toEqual(['0,1', '1,1', '2,1', '9,0']);
});
