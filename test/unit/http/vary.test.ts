import { describe, expect, it } from 'vitest';
import { variantKey, variesBy, withVary } from '../../../src/http/vary.js';
import type { Fields } from '../../../src/types.js';

describe('variesBy', () => {
  it.each<[vary: Fields['vary'], more: string[], names: readonly string[] | '*']>([
    [undefined, [], []],
    ['', [], []],
    ['Accept', [], ['accept']],
    ['B, a ,A', [], ['a', 'b']],
    [['Accept', 'Origin'], [], ['accept', 'origin']],
    ['accept', ['x-plan', 'accept'], ['accept', 'x-plan']],
    ['*', [], '*'],
    [' * ', [], '*'],
    ['Accept, *', [], '*'],
    [['Accept', ' *'], [], '*'],
    ['\t*,', ['a'], '*'],
    // What is no name may be meant for any.
    ['Accept; Origin', [], '*'],
    ['Accept Origin', [], '*'],
    ['Accept, "*"', [], '*'],
  ])('%j and %j', (vary, more, names) => {
    expect(variesBy({ vary }, more)).toEqual(names);
  });
});

describe('variantKey', () => {
  const same = (name: string, a: Fields[string], b: Fields[string]) =>
    variantKey([name], { [name]: a }) === variantKey([name], { [name]: b });

  it.each<[a: Fields[string], b: Fields[string]]>([
    ['gzip, br', 'gzip,br'],
    ['gzip ,\t br', 'gzip, br'],
    ['1, 2', '1,2'],
    [' 1 , 2 ', '1,2'],
    [['1', ' 2 '], '1,2'],
    [' gzip', 'gzip '],
    [['gzip', 'br'], 'gzip, br'],
  ])('is the same for %j and %j (RFC 9111 §4.1)', (a, b) => {
    expect(same('x-field', a, b)).toBe(true);
  });

  it.each<[a: Fields[string], b: Fields[string]]>([
    ['gzip', 'br'],
    ['gzip, br', 'br, gzip'],
    ['a', 'A'],
    ['', undefined],
    ['ab', 'a b'],
    // It is not known what they mean there: to a handler they are two.
    ['a  b', 'a b'],
    ['a\tb', 'a b'],
    ['a,b', 'a;b'],
    // White space between quotes belongs to the value (RFC 9110 §5.6.4).
    ['"a  b"', '"a b"'],
    ['"a , b"', '"a,b"'],
    // U+00A0 is no blank here: it may be the second byte of a Cyrillic letter.
    ['\u00d0\u00a0\u00d0\u00a0', '\u00d0\u00a0 \u00d0\u00a0'],
    ['\u00d0\u00a0', '\u00d0'],
  ])('differs for %j and %j', (a, b) => {
    expect(same('x-field', a, b)).toBe(false);
  });

  it.each<[name: string, a: Fields[string], b: Fields[string]]>([
    ['accept-encoding', 'gzip, br', 'BR;q=1.0,gzip'],
    ['accept-encoding', ['gzip', 'br'], 'br, gzip'],
    ['accept-language', 'en-US,en;q=0.90', 'en;q=0.9, EN-us'],
    ['accept', 'Text/HTML, */*;q=0.80', 'text/html,*/* ; q=0.8'],
    ['accept-charset', 'UTF-8, *;q=0', 'utf-8,*;q=0.000'],
  ])('knows what %s means: %j and %j are the same', (name, a, b) => {
    expect(same(name, a, b)).toBe(true);
  });

  it('takes Accept as it came, but for blanks around members, where that is wanted', () => {
    const key = (accept: string) => variantKey(['accept'], { accept }, { acceptAsWritten: true });
    expect(key('text/html, */*;q=0.8')).toBe(key('text/html ,*/*;q=0.8'));
    for (const other of ['Text/HTML, */*;q=0.8', 'text/html;q=1, */*;q=0.8', 'text/html, */*; q=0.8'])
      expect(key(other), other).not.toBe(key('text/html, */*;q=0.8'));
    const language = (text: string) =>
      variantKey(['accept-language'], { 'accept-language': text }, { acceptAsWritten: true });
    expect(language('en-US')).toBe(language('EN-us'));
  });

  it.each(['accept', 'accept-charset', 'accept-encoding', 'accept-language'])(
    'looks through white space where %s does not parse, and through nothing else',
    (name) => {
      expect(same(name, 'x_;y , z', 'x_;y,z')).toBe(true);
      expect(same(name, 'x_;y,z', 'X_;y,z')).toBe(false);
      expect(same(name, 'x_;y,z', 'z,x_;y')).toBe(false);
      const long = 'z'.repeat(300);
      expect(same(name, `x_;y , ${long}`, `x_;y,${long}`)).toBe(true);
      expect(same(name, `x_;y,${long}`, `x_;z,${long}`)).toBe(false);
    },
  );

  it('leaves the order of languages liked equally well, or not', () => {
    const keys = (languageOrder?: boolean) =>
      ['de, fr', 'fr, de'].map((text) =>
        variantKey(
          ['accept-language'],
          { 'accept-language': text },
          languageOrder === undefined ? {} : { languageOrder },
        ),
      );
    for (const told of [undefined, true]) expect(new Set(keys(told)).size).toBe(2);
    expect(new Set(keys(false)).size).toBe(1);
  });

  it('tells apart an absent field of negotiation and an empty one', () => {
    expect(same('accept-encoding', '', undefined)).toBe(false);
    expect(same('accept-encoding', '', ' , ')).toBe(true);
  });

  it('does not mix up fields with each other', () => {
    expect(variantKey(['a', 'b'], { a: 'x' })).not.toBe(variantKey(['a', 'b'], { b: 'x' }));
    expect(variantKey(['a'], { a: 'b' })).not.toBe(variantKey(['b'], { b: 'a' }));
    expect(variantKey(['a', 'b'], { a: '1,2', b: '3' })).not.toBe(variantKey(['a', 'b'], { a: '1', b: '2,3' }));
  });

  it('does not look at other fields', () => {
    expect(variantKey(['a'], { a: 'x', b: '1' })).toBe(variantKey(['a'], { a: 'x', b: '2' }));
  });

  it('holds no part of what a client sent', () => {
    expect(variantKey(['authorization'], { authorization: 'Bearer secret' })).toMatch(/^[\w-]{32}$/);
  });

  it('takes a field that all objects have for one that was not sent', () => {
    expect(variantKey(['constructor'], {})).toBe(variantKey(['constructor'], { constructor: undefined }));
  });

  // In time with the square of the length this would be seconds of work, not a millisecond.
  it('reads a long run of blanks once', { timeout: 2000 }, () => {
    const long = `x${' '.repeat(80_000)}y`;
    for (const name of ['accept', 'accept-encoding', 'accept-language', 'accept-charset', 'x-field'])
      expect(same(name, long, 'z')).toBe(false);
  });

  it('is the same again after many other values', () => {
    const key = () => variantKey(['accept-encoding'], { 'accept-encoding': 'br, gzip' });
    const before = key();
    for (let i = 0; i < 2000; i++) variantKey(['accept-encoding'], { 'accept-encoding': `x${i}` });
    expect(key()).toBe(before);
  });
});

describe('withVary', () => {
  it.each<[current: string | undefined, names: string[], vary: string | undefined]>([
    [undefined, [], undefined],
    [undefined, ['a', 'b'], 'a, b'],
    ['', ['a'], 'a'],
    ['Accept', [], 'Accept'],
    ['Accept', ['accept'], 'Accept'],
    ['Accept', ['X-Client-Id'], 'Accept, X-Client-Id'],
    ['Accept', ['accept', 'origin'], 'Accept, origin'],
    ['accept', ['Accept', 'Origin'], 'accept, Origin'],
    [undefined, ['A', 'b', 'a'], 'A, b'],
    ['*', ['a'], '*'],
    ['Accept, *', ['a'], 'Accept, *'],
  ])('%j and %j', (current, names, vary) => {
    expect(withVary(current, names)).toBe(vary);
  });
});
