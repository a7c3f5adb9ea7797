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
    [' gzip', 'gzip '],
    [['gzip', 'br'], 'gzip, br'],
  ])('is the same for %j and %j (RFC 9111 §4.1)', (a, b) => {
    expect(same('accept-encoding', a, b)).toBe(true);
  });

  it.each<[a: Fields[string], b: Fields[string]]>([
    ['gzip', 'br'],
    ['gzip, br', 'br, gzip'],
    ['a', 'A'],
    ['', undefined],
    ['ab', 'a b'],
    ['a,b', 'a;b'],
    // White space between quotes belongs to the value (RFC 9110 §5.6.4).
    ['"a  b"', '"a b"'],
    ['"a , b"', '"a,b"'],
  ])('differs for %j and %j', (a, b) => {
    expect(same('x-field', a, b)).toBe(false);
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
    expect(same('accept-language', long, 'z')).toBe(false);
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
    ['*', ['a'], '*'],
    ['Accept, *', ['a'], 'Accept, *'],
  ])('%j and %j', (current, names, vary) => {
    expect(withVary(current, names)).toBe(vary);
  });
});
