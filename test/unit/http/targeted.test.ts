import { describe, expect, it } from 'vitest';
import { deltaSeconds, fieldList } from '../../../src/http/cache-control.js';
import { targetedDirectives } from '../../../src/http/targeted.js';
import type { Fields } from '../../../src/types.js';

const TARGETS = ['respcache-cache-control', 'cdn-cache-control'];
const read = (text: string | readonly string[]) => targetedDirectives({ 'cdn-cache-control': text }, TARGETS);

describe('targetedDirectives', () => {
  it('takes the first of the fields by the order of the targets', () => {
    const fields = { 'cdn-cache-control': 'max-age=1', 'respcache-cache-control': 'max-age=2' };
    expect(targetedDirectives(fields, TARGETS)?.get('max-age')).toBe('2');
    expect(targetedDirectives(fields, TARGETS.toReversed())?.get('max-age')).toBe('1');
  });

  it.each<[why: string, fields: Fields]>([
    ['is absent', {}],
    ['is empty', { 'respcache-cache-control': '' }],
    ['is blank', { 'respcache-cache-control': '  ' }],
    ['has no lines', { 'respcache-cache-control': [] }],
    ['does not parse', { 'respcache-cache-control': 'max-age=2,' }],
  ])('takes the next where the first %s (RFC 9213 §2.1)', (_, fields) => {
    expect(targetedDirectives({ ...fields, 'cdn-cache-control': 'max-age=1' }, TARGETS)?.get('max-age')).toBe('1');
  });

  it.each<[fields: Fields]>([[{}], [{ 'cache-control': 'max-age=1' }], [{ 'cdn-cache-control': 'max-age =1' }]])(
    'is none where none says anything: %j',
    (fields) => {
      expect(targetedDirectives(fields, TARGETS)).toBeUndefined();
    },
  );

  it('takes a field without any directive that it knows for one that says something (RFC 9213 §3.1)', () => {
    expect(targetedDirectives({ 'respcache-cache-control': 'none', 'cdn-cache-control': 'no-store' }, TARGETS)).toEqual(
      new Map([['none', true]]),
    );
    expect(targetedDirectives({ 'respcache-cache-control': 'no-store=?0' }, TARGETS)).toEqual(new Map());
  });

  it('finds no field that every object has', () => {
    expect(targetedDirectives({}, ['constructor', '__proto__'])).toBeUndefined();
  });

  it('joins several lines', () => {
    expect(read(['max-age=1', 'no-store'])).toEqual(
      new Map<string, string | true>([
        ['max-age', '1'],
        ['no-store', true],
      ]),
    );
  });

  it.each<[text: string, directives: Record<string, string | true | null>]>([
    ['max-age=60, public', { 'max-age': '60', public: true }],
    ['public=?1, no-store=?0', { public: true }],
    ['max-age=10;x=1;y', { 'max-age': '10' }],
    ['max-age=1, max-age=2', { 'max-age': '2' }],
    ['max-age=-5', { 'max-age': '-5' }],
    ['ext="a, \\"b\\""', { ext: 'a, "b"' }],
    ['ext=token', { ext: 'token' }],
    ['private="set-cookie, x"', { private: 'set-cookie, x' }],
    ['private=x', { private: 'x' }],
    // Whatever no directive has.
    ['ext=(1 2)', { ext: null }],
    ['ext=1.5', { ext: null }],
    ['ext=1.0', { ext: null }],
    ['ext=:aGk=:', { ext: null }],
    ['ext=@1659578233', { ext: null }],
    ['ext=%"f%c3%bc"', { ext: null }],
    ['ext="10000"', { ext: null }],
    // A narrowed directive that names no field counts for the whole response.
    ['private=(x)', { private: true }],
    ['private=5', { private: true }],
    ['private=""', { private: true }],
    ['no-cache="a b"', { 'no-cache': true }],
  ])('reads %j', (text, directives) => {
    expect(read(text)).toEqual(new Map(Object.entries(directives)));
  });

  it.each([
    'Max-Age=60',
    'max-Age=60',
    'NO-STORE',
    'max-age=60 public',
    'max-age= 60',
    'max-age=',
    'max-age=60;',
    "max-age='60'",
    'max-age=60,, public',
    'max-age="60',
    'max-age=1.2345',
    'max-age=1.',
    'max-age=1234567890123456',
    'a=\u00e9',
    'a="\u00e9"',
    '=1',
    '1',
    '"a"',
  ])('passes over a field that does not parse: %j', (text) => {
    expect(read(text)).toBeUndefined();
  });

  it.each([
    ['max-age=60', 60],
    ['max-age=999999999999999', 2 ** 31],
    ['max-age=0', 0],
    ['max-age=-0', 0],
    ['max-age=-60', 0],
    ['max-age', 0],
    // Numbers of another type are not taken for numbers of seconds (RFC 9213 §2.1).
    ['max-age="60"', 0],
    ['max-age=60.0', 0],
    ['max-age=60.5', 0],
    ['max-age=60.125', 0],
    ['max-age=60.0;x=1.5, a="1.0"', 0],
    ['a=1.0, max-age=60', 60],
    ['a="=1.0, max-age=1.0", max-age=60;x=1.0', 60],
    ['a=:aGk=:, b=v1.0, max-age=60', 60],
    ['a=%"\\", max-age=60, b=1.0', 60],
    // A backslash escapes nothing in a Display String (RFC 9651 §3.3.8).
    ['a=%"\\", max-age=60.0, b="x"', 0],
    ['max-age=x60', 0],
    ['public', undefined],
  ])('has the delta-seconds of %j', (text, seconds) => {
    expect(deltaSeconds(read(text)!, 'max-age')).toBe(seconds);
  });

  it('names the fields of a qualified directive', () => {
    expect(fieldList(read('no-cache="A, b"')!, 'no-cache')).toEqual(['a', 'b']);
    expect(fieldList(read('private="x-1, 2"')!, 'private')).toEqual(['x-1', '2']);
    expect(fieldList(read('private="1-x"')!, 'private')).toEqual(['1-x']);
    expect(fieldList(read('no-cache')!, 'no-cache')).toBeUndefined();
  });
});
