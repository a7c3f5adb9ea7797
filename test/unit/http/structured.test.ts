import { describe, expect, it } from 'vitest';
import { dictionaryOf, listOf } from '../../../src/http/structured.js';

describe('dictionaryOf', () => {
  it('reads a Dictionary', () => {
    expect(dictionaryOf('a=1, b')).toEqual(
      new Map([
        ['a', [1, new Map()]],
        ['b', [true, new Map()]],
      ]),
    );
  });

  it('is empty for an empty field, which is none of the two', () => {
    expect(dictionaryOf('')).toEqual(new Map());
    expect(dictionaryOf(undefined)).toBeUndefined();
  });

  it.each(['a=', 'A', 'a,', 'a b', '"a"'])('is nothing for one that does not parse: %j', (text) => {
    expect(dictionaryOf(text)).toBeUndefined();
  });
});

describe('listOf', () => {
  it('reads a List', () => {
    expect(listOf('1, "b"')).toEqual([
      [1, new Map()],
      ['b', new Map()],
    ]);
  });

  it.each([undefined, 'a,', 'a b', '"a'])('is nothing for one that does not parse: %j', (text) => {
    expect(listOf(text)).toBeUndefined();
  });
});
