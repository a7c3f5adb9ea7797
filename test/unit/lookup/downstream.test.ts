import { describe, expect, it } from 'vitest';
import { OWN_FIELD } from '../../../src/http/own-field.js';
import { type Downstream, downstreamLines, forOne, isOverruled, saysNothing } from '../../../src/lookup/downstream.js';

const say = (changes: Partial<Downstream>): Downstream => ({
  browserTtl: undefined,
  cdnTtl: undefined,
  surrogateTags: undefined,
  ...changes,
});

describe('downstreamLines', () => {
  it('are none where the options leave it to the handler', () => {
    expect(downstreamLines(say({}), 10, ['a'])).toEqual([]);
  });

  it.each<[ttl: number, age: number, control: string]>([
    [60, 0, 'max-age=60'],
    // Whoever receives it takes the age off again.
    [60, 40, 'max-age=100'],
    [60.7, 0, 'max-age=60'],
    [0, 0, 'no-cache'],
    [0, 40, 'no-cache'],
  ])('tell browsers, and CDNs, of %d seconds at an age of %i: %s', (ttl, age, control) => {
    expect(downstreamLines(say({ browserTtl: ttl }), age, [])).toEqual([['Cache-Control', control]]);
    expect(downstreamLines(say({ cdnTtl: ttl }), age, [])).toEqual([['CDN-Cache-Control', control]]);
  });

  it.each([Number.POSITIVE_INFINITY, 1e21])('tell of %d seconds in digits, as delta-seconds are', (ttl) => {
    expect(downstreamLines(say({ browserTtl: ttl }), 0, [])[0]?.[1]).toMatch(/^max-age=\d+$/);
  });

  it('tell of what is for one client its browser alone', () => {
    const all = say({ browserTtl: 30, cdnTtl: 60, surrogateTags: 'Cache-Tag' });
    expect(downstreamLines(forOne(all), 5, ['a'])).toEqual([['Cache-Control', 'private, max-age=35']]);
    expect(downstreamLines(forOne(say({ browserTtl: 0 })), 5, [])).toEqual([['Cache-Control', 'private, no-cache']]);
    expect(downstreamLines(forOne(say({ cdnTtl: 60 })), 5, [])).toEqual([]);
    expect(isOverruled('cdn-cache-control', forOne(all), true)).toBe(false);
  });

  it('give both their own', () => {
    expect(downstreamLines(say({ browserTtl: 0, cdnTtl: 60 }), 5, [])).toEqual([
      ['Cache-Control', 'no-cache'],
      ['CDN-Cache-Control', 'max-age=65'],
    ]);
  });

  it('give a CDN the tags to purge by, in the field that it reads', () => {
    expect(downstreamLines(say({ surrogateTags: 'Cache-Tag' }), 0, ['a', 'b'])).toEqual([['Cache-Tag', 'a,b']]);
    expect(downstreamLines(say({ surrogateTags: 'surrogate-key' }), 0, ['a', 'b'])).toEqual([['surrogate-key', 'a b']]);
  });

  it('have no field for tags where there are none', () => {
    expect(downstreamLines(say({ surrogateTags: 'Cache-Tag' }), 0, [])).toEqual([]);
  });

  it.each([
    ['users:list', 'users:list'],
    ['a b', 'a%20b'],
    ['a,b', 'a%2Cb'],
    ['a\r\nSet-Cookie: x', 'a%0D%0ASet-Cookie:%20x'],
    ['\u00fc\u{1F600}', '%C3%BC%F0%9F%98%80'],
    ['\uD800', '%EF%BF%BD'],
    ['\u007f\t', '%7F%09'],
    ['"\'\\', '"\'\\'],
  ])('give each tag as one word: %j as %s', (tag, word) => {
    for (const surrogateTags of ['Cache-Tag', 'Surrogate-Key'])
      expect(downstreamLines(say({ surrogateTags }), 0, [tag])).toEqual([[surrogateTags, word]]);
  });
});

describe('isOverruled', () => {
  it('is the field for this cache alone, whatever the options say (RFC 9213 §2)', () => {
    expect(OWN_FIELD).toBe('respcache-cache-control');
    expect(isOverruled(OWN_FIELD, say({}), true)).toBe(true);
  });

  it.each(['cache-control', 'expires', 'pragma', 'cdn-cache-control', 'cache-tag'])(
    'is not %s where the options leave it to the handler',
    (name) => {
      expect(isOverruled(name, say({}), true)).toBe(false);
    },
  );

  it.each<[options: Partial<Downstream>, names: string[]]>([
    [{ browserTtl: 0 }, ['cache-control', 'expires', 'pragma']],
    [{ cdnTtl: 0 }, ['cdn-cache-control']],
    [{ surrogateTags: 'Cache-Tag' }, ['cache-tag']],
  ])('is what would speak against %j', (options, names) => {
    const all = [
      'cache-control',
      'expires',
      'pragma',
      'cdn-cache-control',
      'cache-tag',
      'surrogate-key',
      'age',
      'etag',
    ];
    expect(all.filter((name) => isOverruled(name, say(options), true))).toEqual(names);
  });
});

describe('isOverruled, where there are no tags', () => {
  it('is what would speak against the lifetimes alone', () => {
    const options = say({ browserTtl: 0, surrogateTags: 'Cache-Tag' });
    expect(['cache-control', 'cache-tag'].map((name) => isOverruled(name, options, false))).toEqual([true, false]);
  });
});

describe('saysNothing', () => {
  it('is so where the options leave all to the handler', () => {
    expect(saysNothing(say({}))).toBe(true);
  });

  it.each([{ browserTtl: 0 }, { cdnTtl: 0 }, { surrogateTags: 'Cache-Tag' }])('is not so with %j', (options) => {
    expect(saysNothing(say(options))).toBe(false);
  });
});
