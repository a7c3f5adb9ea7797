import { describe, expect, it } from 'vitest';
import {
  applySearchRule,
  parseNoVarySearch,
  type SearchRule,
  searchRuleText,
} from '../../../src/http/no-vary-search.js';

const rule = (part: Partial<SearchRule>): SearchRule => ({ keyOrder: false, ignore: [], except: [], ...part });

describe('parseNoVarySearch', () => {
  it.each<[text: string, expected: Partial<SearchRule>]>([
    // The examples of draft-ietf-httpbis-no-vary-search-10 §5.2.
    ['key-order', { keyOrder: true }],
    ['params=("a")', { ignore: ['a'] }],
    ['except=("x")', { ignore: 'all', except: ['x'] }],
    ['except=()', { ignore: 'all' }],
    ['key-order=?1', { keyOrder: true }],
    ['except=("x"), key-order', { keyOrder: true, ignore: 'all', except: ['x'] }],
    ['key-order, params=("a" "b")', { keyOrder: true, ignore: ['a', 'b'] }],
    ['key-order=?0, params=("a")', { ignore: ['a'] }],
    ['key-order, params=()', { keyOrder: true }],
    // Keys that are unknown, and parameters, are for later specifications.
    ['unknown=1, params=("a");x=1, key-order;y', { keyOrder: true, ignore: ['a'] }],
    ['params=("a";x=1 "b")', { ignore: ['a', 'b'] }],
    ['params=("a" "a")', { ignore: ['a'] }],
    ['params=("x"), params=("a")', { ignore: ['a'] }],
    // What the drafts before the last ones, and the browsers, write.
    ['params', { ignore: 'all' }],
    ['params=?1', { ignore: 'all' }],
    ['params, except=("x")', { ignore: 'all', except: ['x'] }],
    ['params, except=()', { ignore: 'all' }],
    ['key-order, params, except=("x" "y")', { keyOrder: true, ignore: 'all', except: ['x', 'y'] }],
  ])('reads %j', (text, expected) => {
    expect(parseNoVarySearch(text)).toEqual(rule(expected));
  });

  it.each([
    undefined,
    '',
    // Valid, and nothing else than without the field.
    'key-order=?0',
    'params=()',
    'unknown-key',
    // Invalid (draft §5.2).
    'key-order="not a boolean"',
    'key-order=1',
    'key-order=(1)',
    'params="not an inner list"',
    'params=a',
    'params=(not-a-string)',
    'params=("a" b)',
    'params=?0',
    'params=?0, except=("x")',
    'params=("a"), except=("x")',
    'params=(), except=()',
    'except="not an inner list"',
    'except=(not-a-string)',
    'except=?1',
    'params, except=?1',
    'params, except=(a)',
    'key-order=1, params=("a")',
    'key-order, except=?1',
    // Not a Dictionary.
    'params=("a"',
    'Params=("a")',
    'params=("a"),',
    'params = ("a")',
    'params=("a","b")',
  ])('takes %j for none', (text) => {
    expect(parseNoVarySearch(text)).toBeUndefined();
  });

  it.each([
    // The example of draft §5.3.
    ['%C3%A9+%E6%B0%97', '\u00e9 \u6c17'],
    ['%41b', 'Ab'],
    ['a%2bb', 'a+b'],
    ['%', '%'],
    ['%zz%4', '%zz%4'],
    ['%f6', '\ufffd'],
    ['%EF%BB%BFa', '\ufeffa'],
    ['%2541', '%41'],
  ])('decodes the name %j', (written, name) => {
    expect(parseNoVarySearch(`params=("${written}")`)?.ignore).toEqual([name]);
  });
});

describe('applySearchRule', () => {
  it.each<[query: string, applied: Partial<SearchRule>, rest: string]>([
    ['', { keyOrder: true }, ''],
    ['a=1&b=2', { ignore: ['a'] }, 'b=2'],
    ['a=1&b=2&a', { ignore: ['a'] }, 'b=2'],
    ['b=2&a=1', { ignore: ['x'] }, 'b=2&a=1'],
    ['a=1&b=2', { ignore: 'all' }, ''],
    ['a=1&b=2&c=3&b=1', { ignore: 'all', except: ['b'] }, 'b=2&b=1'],
    ['A=1', { ignore: ['a'] }, 'A=1'],
    ['aa=1&a[]=2', { ignore: ['a'] }, 'aa=1&a[]=2'],
    // Empty parameters are none; an empty name is one.
    ['&&a=1&&b=2&', { keyOrder: true }, 'a=1&b=2'],
    ['=1&a=2', { ignore: [''] }, 'a=2'],
    ['a=x=y&b', { ignore: ['b'] }, 'a=x=y'],
    // Names are decoded, and what is left stays as it was sent.
    ['%61=1&b=%20', { ignore: ['a'] }, 'b=%20'],
    ['a+b=1&a%20b=2&a%2bb=3', { ignore: ['a b'] }, 'a%2bb=3'],
    ['%C3%A9=1&\u00c3\u00a9=2&x=3', { ignore: ['\u00e9'] }, 'x=3'],
    ['\u6c17=1&x=3', { ignore: ['\u6c17'] }, 'x=3'],
    ['%f6=1&x=3', { ignore: ['\ufffd'] }, 'x=3'],
    ['%zz=1&x=3', { ignore: ['%zz'] }, 'x=3'],
    // Sorted by name where their order does not matter, those of one name by their order.
    ['b=2&a=1', { keyOrder: true }, 'a=1&b=2'],
    ['b=2&a=2&b=1&a=1', { keyOrder: true }, 'a=2&a=1&b=2&b=1'],
    ['b=1&%61=2&a=1', { keyOrder: true }, '%61=2&a=1&b=1'],
    ['a=1&B=2', { keyOrder: true }, 'B=2&a=1'],
    ['c=3&b=2&a=1', { keyOrder: true, ignore: ['b'] }, 'a=1&c=3'],
    ['c=3&b=2&a=1', { keyOrder: true, ignore: 'all', except: ['c', 'a'] }, 'a=1&c=3'],
  ])('leaves of %j by %j', (query, applied, rest) => {
    expect(applySearchRule(query, rule(applied))).toBe(rest);
  });
});

describe('searchRuleText', () => {
  it.each<[a: string, b: string]>([
    ['params=("a" "b")', 'params=("b" "a" "b")'],
    ['except=("a" "b"), key-order', 'key-order, except=("b" "a")'],
    ['params, except=("a")', 'except=("a")'],
    ['params=("%61")', 'params=("a")'],
  ])('is the same for %j and %j', (a, b) => {
    expect(searchRuleText(parseNoVarySearch(a)!)).toBe(searchRuleText(parseNoVarySearch(b)!));
  });

  it.each<[a: string, b: string]>([
    ['params=("a")', 'params=("b")'],
    ['params=("a")', 'except=("a")'],
    ['params=("a")', 'params=("a"), key-order'],
    ['key-order', 'except=()'],
    ['except=("a" "b")', 'except=("a b")'],
    ['params=("a,b")', 'params=("a" "b")'],
    ['params=("except")', 'except=()'],
  ])('differs for %j and %j', (a, b) => {
    expect(searchRuleText(parseNoVarySearch(a)!)).not.toBe(searchRuleText(parseNoVarySearch(b)!));
  });
});
