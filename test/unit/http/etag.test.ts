import etag from 'etag';
import { describe, expect, it } from 'vitest';
import { isStrongTag, makeEtag, matchesEtag, sameStrongTag } from '../../../src/http/etag.js';

describe('matchesEtag', () => {
  it.each([
    ['"a"', '"a"'],
    // The examples of RFC 9110 §8.8.3.2: the weak comparison does not look at the mark.
    ['W/"a"', '"a"'],
    ['"a"', 'W/"a"'],
    ['W/"a"', 'W/"a"'],
    ['"x", "a"', '"a"'],
    ['"x","a","y"', '"a"'],
    ['  W/"x" , W/"a"  ', '"a"'],
    [',,"a"', '"a"'],
    ['""', '""'],
    ['"x,y"', '"x,y"'],
    ['"a*"', '"a*"'],
    ['"\u00e9"', '"\u00e9"'],
    ['"\\"', '"\\"'],
    ['"x", "a", rubbish', '"a"'],
    ['*', '"a"'],
    [' * ', '"a"'],
    ['*', undefined],
  ])('%j reaches %j', (ifNoneMatch, tag) => {
    expect(matchesEtag(ifNoneMatch, tag)).toBe(true);
  });

  it.each([
    ['"a"', '"b"'],
    ['"a"', '"A"'],
    ['"a"', undefined],
    [', "a"', undefined],
    [', "a"', 'a'],
    ['"a"', '""'],
    ['', '"a"'],
    ['', '""'],
    ['a', '"a"'],
    ['a', 'a'],
    ['"a', '"a"'],
    ['"x a y"', '"a"'],
    ['"xa"', '"a"'],
    ['"x,y"', '"x"'],
    ['"x,y"', '","'],
    // What is behind a member that is no entity tag is not read: nobody knows where it ends.
    ['"x y","a"', '","'],
    ['"x y", "a"', '"a"'],
    ['x, "a"', '"a"'],
    ['"x" "a"', '"a"'],
    ['"x"a"', '"x"'],
    // The mark has a case (RFC 9110 §8.8.3).
    ['w/"a"', '"a"'],
    ['W/ "a"', '"a"'],
    ['"a", *', '"b"'],
    ['*, "a"', '"a"'],
    ['W/a', 'W/a'],
    ["'a'", "'a'"],
    // Tags that are no entity tags match nothing, not even themselves.
    ['"a b"', '"a b"'],
    ['"a"', 'a'],
    ['"a"', '"a" "b"'],
  ])('%j does not reach %j', (ifNoneMatch, tag) => {
    expect(matchesEtag(ifNoneMatch, tag)).toBe(false);
  });
});

describe('isStrongTag', () => {
  it.each(['"a"', '""', ' "a" ', '"W/"', '"\u00e9,"'])('%j is one', (tag) => {
    expect(isStrongTag(tag)).toBe(true);
  });

  it.each([undefined, '', 'a', 'W/"a"', 'w/"a"', '"a', '"a b"', '"a", "b"', '*', '"a"x'])('%j is none', (tag) => {
    expect(isStrongTag(tag)).toBe(false);
  });
});

describe('sameStrongTag', () => {
  // The table of RFC 9110 §8.8.3.2.
  it.each([
    ['W/"1"', 'W/"1"', false],
    ['W/"1"', 'W/"2"', false],
    ['W/"1"', '"1"', false],
    ['"1"', 'W/"1"', false],
    ['"1"', '"1"', true],
    [' "1"', '"1" ', true],
    ['"1"', '"2"', false],
    ['1', '1', false],
    [undefined, undefined, false],
    ['"1"', undefined, false],
  ])('of %j and %j: %s', (a, b, same) => {
    expect(sameStrongTag(a, b)).toBe(same);
  });
});

describe('makeEtag', () => {
  it('is weak, and matches itself', () => {
    const tag = makeEtag(Buffer.from('hello'));
    expect(tag).toMatch(/^W\/"[^"]+"$/);
    expect(matchesEtag(tag, tag)).toBe(true);
  });

  it('is the same for the same bytes, wherever in memory they are', () => {
    const shared = new Uint8Array([9, 1, 2, 3, 9]);
    expect(makeEtag(shared.subarray(1, 4))).toBe(makeEtag(new Uint8Array([1, 2, 3])));
  });

  it.each(['', 'a', 'é', 'x'.repeat(70_000)])('is what the package `etag` makes: %.3s', (text) => {
    const body = Buffer.from(text);
    expect(makeEtag(body)).toBe(etag(body, { weak: true }));
  });

  it('is another for other bytes of the same length', () => {
    expect(makeEtag(Buffer.from('aaaa'))).not.toBe(makeEtag(Buffer.from('aaab')));
  });

  it('exists for an empty body', () => {
    expect(makeEtag(new Uint8Array(0))).toMatch(/^W\/"[^"]+"$/);
  });
});
