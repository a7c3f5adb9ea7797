import { describe, expect, it } from 'vitest';
import { isGlob, matchesBeginning, matchesPattern } from '../../../src/invalidation/pattern.js';
import { heapMegabytes } from '../../support/heap.js';

describe('isGlob', () => {
  it.each([
    ['users:list', false],
    ['/users/{id}', false],
    ['', false],
    ['users:*', true],
    ['user?', true],
    ['[ab]', true],
    ['a\\b', true],
  ])('%j: %s', (pattern, glob) => {
    expect(isGlob(pattern)).toBe(glob);
  });
});

describe('a pattern without signs is a place in the hierarchy of keys', () => {
  it.each([
    ['users:list', 'users:list'],
    ['users:list', 'users:list:page:2'],
    ['users:list', 'users:list?page=2'],
    ['users', 'users:list'],
    ['/users', '/users?page=2'],
    ['/users', '/users/1/posts'],
    ['/users/', '/users/1'],
    ['/', '/users'],
    ['a.b+c', 'a.b+c:d'],
  ])('%j reaches %j', (pattern, name) => {
    expect(matchesPattern(pattern, name)).toBe(true);
  });

  it.each([
    ['users:list', 'users:lists'],
    ['users:list', 'users'],
    ['users:list', 'all:users:list'],
    ['users:list', 'Users:list'],
    ['/users', '/usersx'],
    ['/users/', '/users'],
    ['users', 'users/1'],
    ['a.b', 'axb'],
  ])('%j does not reach %j', (pattern, name) => {
    expect(matchesPattern(pattern, name)).toBe(false);
  });
});

// The signs are Redis' own; what Redis itself says of them is asked in test/property/pattern.test.ts.
describe('a glob', () => {
  it.each([
    ['*', ''],
    ['*', 'anything:at/all?x=1'],
    ['users:*', 'users:'],
    ['users:*', 'users:1:posts'],
    ['*:list', 'users:list'],
    ['*list*', 'users:list:1'],
    ['a*b*c', 'aXbYbZc'],
    ['a**b', 'ab'],
    ['user?', 'users'],
    ['??', 'ab'],
    ['user[0-9]', 'user5'],
    ['user[^0-9]', 'userx'],
    ['[abc]', 'b'],
    ['[a-c-]', '-'],
    ['[-a]', '-'],
    ['x[0-9]*', 'x1yz'],
    ['\\*', '*'],
    ['a\\?b', 'a?b'],
    ['\\\\', '\\'],
    ['\\[x]', '[x]'],
    ['a\\b', 'ab'],
    ['[\\]]', ']'],
    ['[\\^a]', '^'],
    ['[a\\-c]', '-'],
    ['[^\\]]', 'x'],
    ['[c-a]', 'b'],
    ['[^]', 'x'],
    ['[abc', 'b'],
    // What is escaped in a name is one character, as handlers have it.
    ['/caf?', '/caf%C3%A9'],
    ['/a?b', '/a%20b'],
    ['/caf[eé]/*', '/caf%C3%A9/1'],
    ['/caf[e%C3%A9]', '/caf%C3%A9'],
    ['/caf[à-ü]', '/caf%C3%A9'],
    ['*é', '/caf%C3%A9'],
    ['[^x]caf%C3%A9?', '/caf%C3%A9%C3%A9'],
    ['/?%2A', '/%C3%A9*'],
    ['/*%E9', '/%20%E9'],
  ])('%j matches %j', (glob, name) => {
    expect(matchesPattern(glob, name)).toBe(true);
  });

  it.each([
    ['users:*', 'user:1'],
    ['users:*', 'all:users:1'],
    ['*:list', 'users:list:1'],
    ['user?', 'user'],
    ['user?', 'user12'],
    ['user[0-9]', 'userx'],
    ['user[^0-9]', 'user5'],
    ['user[0-9]', 'user'],
    ['\\*', 'x'],
    ['a\\?b', 'axb'],
    ['\\[x]', 'x'],
    ['*a', 'ab'],
    ['a*b*c', 'aXbYcZ'],
    ['[a\\-c]', 'b'],
    ['[^\\]]', ']'],
    ['[]', ']'],
    ['?', ''],
    ['/caf?', '/caf%C3%A9%C3%A9'],
    ['/caf[a-z]', '/caf%C3%A9'],
    ['/?%2A', '/%C3%A9b'],
  ])('%j does not match %j', (glob, name) => {
    expect(matchesPattern(glob, name)).toBe(false);
  });

  it('takes new lines and other signs for characters like any', () => {
    expect(matchesPattern('a*b', 'a\n\u0000\u2028b')).toBe(true);
    expect(matchesPattern('a.c?', 'abcd')).toBe(false);
  });
});

describe('a glob matches a beginning', () => {
  it.each([
    ['/users\\?page=*', '/users?'],
    ['/users\\?[a-z]age=1', '/users?'],
    ['/users?[a-z]age=1', '/users?'],
    ['/users\\??age=1', '/users?'],
    ['/caf?\\?page=*', '/caf%C3%A9?'],
  ])('%j that of a text that begins with %j', (glob, beginning) => {
    expect(matchesBeginning(glob, beginning)).toBe(true);
  });

  it.each([
    ['/users\\?page=*', '/users/1?'],
    ['/users\\?page=*', '/caf%C3%A9?'],
    ['/users[0-9]*', '/users?'],
    ['/users', '/users?'],
  ])('%j none of a text that begins with %j', (glob, beginning) => {
    expect(matchesBeginning(glob, beginning)).toBe(false);
  });
});

it('long globs, such as those with the names that clients give, take little memory and time', () => {
  const before = heapMegabytes();
  for (let i = 0; i < 512; i++) expect(matchesPattern(`users:${i}${'x'.repeat(15_000)}:*`, 'users:1')).toBe(false);
  // It was 800 where each sign was a function.
  expect(heapMegabytes() - before).toBeLessThan(50);
});
