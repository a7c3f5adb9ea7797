import { describe, expect, it } from 'vitest';
import { parseGroups } from '../../../src/http/cache-groups.js';

describe('parseGroups', () => {
  it.each<[text: string | undefined, groups: string[]]>([
    [undefined, []],
    ['', []],
    // The example of RFC 9875 §2.
    ['"scripts"', ['scripts']],
    ['"eurovision-results", "kylie"', ['eurovision-results', 'kylie']],
    ['"a","b" , "c"', ['a', 'b', 'c']],
    ['"a", "a"', ['a']],
    // Groups are told apart by their case too (§2.1).
    ['"a", "A"', ['a', 'A']],
    ['"a, b", "\\"c\\\\"', ['a, b', '"c\\']],
    ['""', ['']],
    ['"a";x=1;y', ['a']],
    ['"a", b, 1, 1.5, ?1, ("c"), :aGk=:, "d"', ['a', 'd']],
    ['%"e"', []],
  ])('of %j', (text, groups) => {
    expect(parseGroups(text)).toEqual(groups);
  });

  it.each(['"a", ', '"a" "b"', '"a', '"a";;', 'a b', '"\u00e9"', '\t"a"', "'a'", '"a",,"b"'])(
    'has none where the field does not parse: %j',
    (text) => {
      expect(parseGroups(text)).toEqual([]);
    },
  );

  it('keeps the first 128', () => {
    const names = Array.from({ length: 300 }, (_, i) => `g${i}`);
    expect(parseGroups(names.map((name) => `"${name}"`).join(', '))).toEqual(names.slice(0, 128));
  });
});
