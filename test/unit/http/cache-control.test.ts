import { describe, expect, it } from 'vitest';
import { deltaSeconds, fieldList, parseCacheControl, responseDirectives } from '../../../src/http/cache-control.js';

describe('parseCacheControl', () => {
  it.each<[text: string | undefined, directives: Record<string, string | true | null>]>([
    [undefined, {}],
    ['', {}],
    ['  ', {}],
    ['no-store', { 'no-store': true }],
    ['No-Store, PRIVATE', { 'no-store': true, private: true }],
    ['max-age=60', { 'max-age': '60' }],
    ['max-age="60"', { 'max-age': '60' }],
    // White space around the equals sign is not in the grammar (RFC 9111 §5.2): no argument, but a name.
    ['max-age = 60', { 'max-age': null }],
    ['max-age =60', { 'max-age': null }],
    ['max-age=\t60', { 'max-age': null }],
    ['no-store =x, foo= "1"', { 'no-store': null, foo: null }],
    ['max-age="60" ', { 'max-age': '60' }],
    ['max-age="1"rubbish', { 'max-age': null }],
    ['max-age=', { 'max-age': '' }],
    // A semicolon separates nothing: what is said wrongly allows nothing.
    ['public; max-age=60', { public: null }],
    ['must-revalidate ; public, public', { 'must-revalidate': null, public: true }],
    ['no-store; private, max-age=5', { 'no-store': null, 'max-age': '5' }],
    ['public max-age=5', { public: null }],
    ['public \t, max-age=5', { public: true, 'max-age': '5' }],
    ['public,max-age=1,,  s-maxage=2\t', { public: true, 'max-age': '1', 's-maxage': '2' }],
    [', ,max-age=1', { 'max-age': '1' }],
    ['private="set-cookie, x-user", max-age=5', { private: 'set-cookie, x-user', 'max-age': '5' }],
    ['ext="a\\"b\\\\"', { ext: 'a"b\\' }],
    ['private=Set-Cookie', { private: 'Set-Cookie' }],
    ['ext="max-age=1, no-store"', { ext: 'max-age=1, no-store' }],
    ['community="UCI", max-age=3', { community: 'UCI', 'max-age': '3' }],
    ['max-age=10, max-age=10', { 'max-age': '10' }],
    ['max-age=10, max-age=20', { 'max-age': null }],
    ['max-age=10, max-age=20, max-age=10', { 'max-age': null }],
    ['max-age, max-age=20', { 'max-age': null }],
    ['max-age=10, max-age="10"', { 'max-age': '10' }],
    ['max-age=10, max-age =10', { 'max-age': null }],
    ['constructor, __proto__=1', JSON.parse('{ "constructor": true, "__proto__": "1" }')],
  ])('reads %j', (text, directives) => {
    expect(parseCacheControl(text)).toEqual(new Map(Object.entries(directives)));
  });

  it.each([
    'private="x", private',
    'private, private="x"',
    'private="x", private, private="y"',
    'private="x", private=""',
    'private="", private="x"',
  ])('takes the plain form of private as the one that stands: %j', (text) => {
    expect(parseCacheControl(text).get('private')).toBe(true);
  });

  it.each([
    ['private="x", private="y"', 'x, y'],
    ['private="x", private=y, PRIVATE="z"', 'x, y, z'],
    ['private="x", private="x"', 'x'],
  ])('takes the fields of all qualified forms together: %j', (text, argument) => {
    expect(parseCacheControl(text).get('private')).toBe(argument);
  });

  it.each([
    'no-cache=""',
    'no-cache=',
    'no-cache=","',
    'no-cache="a b"',
    'no-cache="a, b c"',
    'no-cache="a',
    'no-cache = "a"',
  ])('takes a qualified form that names no field, or something else, for the plain one: %j', (text) => {
    expect(parseCacheControl(text).get('no-cache')).toBe(true);
  });

  it.each([
    '=, private',
    '"x", private',
    '"x, private',
    'max-age="1, private',
    'max-age="1"rubbish, private',
    'a b, private',
    'max-age==1, private',
    'private;',
    'private; max-age=60',
    'private max-age=60',
    'private\t',
    'max-age="\\", private',
  ])('finds private beside rubbish: %j', (text) => {
    expect(parseCacheControl(text).has('private')).toBe(true);
  });
});

describe('deltaSeconds', () => {
  it.each<[text: string, seconds: number | undefined]>([
    ['no-store', undefined],
    ['max-age=0', 0],
    ['max-age=60', 60],
    ['max-age="60"', 60],
    ['max-age=007', 7],
    ['max-age=2147483648', 2 ** 31],
    ['max-age=2147483649', 2 ** 31],
    ['max-age=99999999999999999999999999', 2 ** 31],
    ['max-age', 0],
    ['max-age=', 0],
    ['max-age=-1', 0],
    ['max-age=+1', 0],
    ['max-age=1.5', 0],
    ['max-age=1e3', 0],
    ['max-age=0x10', 0],
    ['max-age=60s', 0],
    ['max-age=6 0', 0],
    ['max-age =60', 0],
    ['max-age= 60', 0],
    ['max-age = "60"', 0],
    ["max-age='60'", 0],
    ['max-age="6 0"', 0],
    ['max-age=" 60"', 0],
    ['max-age="-1"', 0],
    ['max-age=60;', 0],
    ['max-age=\u0666', 0],
    ['max-age=10, max-age=20', 0],
  ])('of %j', (text, seconds) => {
    expect(deltaSeconds(parseCacheControl(text), 'max-age')).toBe(seconds);
  });
});

describe('responseDirectives', () => {
  it('joins several lines', () => {
    const directives = responseDirectives({ 'cache-control': ['public', 'max-age=5'] });
    expect([...directives]).toEqual([
      ['public', true],
      ['max-age', '5'],
    ]);
  });

  it('takes a contradiction over two lines as none of the two', () => {
    expect(responseDirectives({ 'cache-control': ['max-age=5', 'max-age=6'] }).get('max-age')).toBeNull();
  });

  it.each(['no-cache', 'No-Cache', 'foo, no-cache'])('hears Pragma: %s where there is no Cache-Control', (pragma) => {
    expect(responseDirectives({ pragma }).has('no-cache')).toBe(true);
  });

  it('does not hear Pragma beside Cache-Control (RFC 9111 §5.4)', () => {
    expect(responseDirectives({ pragma: 'no-cache', 'cache-control': 'max-age=5' }).has('no-cache')).toBe(false);
  });

  it('is empty without either', () => {
    expect(responseDirectives({}).size).toBe(0);
  });
});

describe('fieldList', () => {
  const listed = (text: string) => fieldList(parseCacheControl(text), 'no-cache');

  it.each<[text: string, names: string[]]>([
    ['no-cache="Set-Cookie"', ['set-cookie']],
    ['no-cache="a, B ,,c"', ['a', 'b', 'c']],
    ['no-cache=a', ['a']],
    ['no-cache="a", no-cache=b', ['a', 'b']],
    ['private, no-cache="a"', ['a']],
  ])('of %j', (text, names) => {
    expect(listed(text)).toEqual(names);
  });

  it.each([
    '',
    'max-age=1',
    'private="a"',
    'no-cache',
    'no-cache, no-cache="a"',
    'no-cache=""',
    'no-cache=" , "',
    'no-cache="a b"',
  ])('is none where the directive is absent or about the whole response: %j', (text) => {
    expect(listed(text)).toBeUndefined();
  });

  it('understands directives that come from elsewhere', () => {
    expect(fieldList(new Map([['private', 'A, b']]), 'private')).toEqual(['a', 'b']);
    expect(fieldList(new Map([['private', 'a b']]), 'private')).toBeUndefined();
    expect(fieldList(new Map([['private', null]]), 'private')).toBeUndefined();
  });
});
