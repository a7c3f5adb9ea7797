import type { Cache } from 'respcache';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Bench } from '../backends.js';

interface Node {
  name: string;
  self?: Node;
}

function cycle(): Node {
  const node: Node = { name: 'loop' };
  node.self = node;
  return node;
}

const TYPES: [what: string, value: unknown][] = [
  ['an object', { id: 1, name: 'Ana', nested: { list: [1, 'two', null] } }],
  ['an array with a hole', [1, undefined, 3]],
  ['an empty text', ''],
  ['a text beyond ASCII', 'olá 🚀 \u0000 \uD800'],
  ['a long text', 'x'.repeat(300_000)],
  ['zero', 0],
  ['negative zero', -0],
  ['NaN', Number.NaN],
  ['infinity', Number.NEGATIVE_INFINITY],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
  ['a property that is undefined', { name: undefined }],
  ['a Date', new Date('2026-11-23T06:00:00.123Z')],
  ['a Map', new Map<unknown, unknown>([[{ key: 1 }, new Set(['a'])]])],
  ['a Set', new Set([1, 'two', Number.NaN])],
  ['a BigInt', 2n ** 80n],
  ['a RegExp', /a+b/gi],
  ['a Buffer', Buffer.from([0, 1, 254, 255])],
  ['an empty Buffer', Buffer.alloc(0)],
  ['a typed array', new Float64Array([1.5, -0, Number.NaN])],
  ['types within types', { at: [new Date(0)], of: new Map([['n', 10n]]), raw: { bytes: Buffer.from('bytes') } }],
  ['a cycle', cycle()],
];

export function valuesSuite(bench: Bench): void {
  describe('values', () => {
    let cache: Cache;

    beforeEach(() => {
      cache = bench.cache();
    });

    it('are kept under the key of the guide', async () => {
      await cache.set('users:list', [{ id: 1 }], 'client-123');
      expect(await cache.get('users:list', 'client-123')).toEqual([{ id: 1 }]);
      if (bench.shared) expect(await bench.keys()).toContain('client:client-123:users:list');
    });

    it('are undefined where nothing was set', async () => {
      expect(await cache.get('nothing', 'client-123')).toBeUndefined();
    });

    it('are replaced by those set later', async () => {
      await cache.set('n', 'first', 'c');
      await cache.set('n', 'second', 'c');
      expect(await cache.get('n', 'c')).toBe('second');
    });

    it.each(TYPES)('keep their type: %s', async (_what, value) => {
      await cache.set('value', value, 'c');
      expect(await cache.get('value', 'c')).toStrictEqual(value);
    });

    it('come back as a Buffer where one was set', async () => {
      await cache.set('bytes', { raw: Buffer.from('abc') }, 'c');
      const found = await cache.get<{ raw: Buffer }>('bytes', 'c');
      expect(Buffer.isBuffer(found?.raw)).toBe(true);
    });

    it('come back with their cycles', async () => {
      await cache.set('loop', cycle(), 'c');
      const found = await cache.get<Node>('loop', 'c');
      expect(found?.self).toBe(found);
    });

    it('do not change when the object that was set changes later', async () => {
      const user = { name: 'Ana' };
      const set = cache.set('user', user, 'c');
      user.name = 'changed at once';
      await set;
      user.name = 'changed later';
      expect(await cache.get('user', 'c')).toEqual({ name: 'Ana' });
    });

    it('do not change when an object that was got is changed', async () => {
      await cache.set('user', { name: 'Ana', tags: ['a'] }, 'c');
      const found = await cache.get<{ name: string; tags: string[] }>('user', 'c');
      found!.name = 'changed';
      found!.tags.push('b');
      expect(await cache.get('user', 'c')).toEqual({ name: 'Ana', tags: ['a'] });
    });

    it('do not change when bytes that were got are overwritten', async () => {
      await cache.set('bytes', Buffer.from('abc'), 'c');
      (await cache.get<Buffer>('bytes', 'c'))!.fill(0);
      expect(await cache.get('bytes', 'c')).toEqual(Buffer.from('abc'));
    });

    it('are not reachable through the memory behind bytes that were got', async () => {
      await cache.set('bytes', { secret: 'not yours', raw: new Uint8Array([1, 2, 3]) }, 'c');
      const found = await cache.get<{ raw: Uint8Array }>('bytes', 'c');
      new Uint8Array(found!.raw.buffer).fill(0);
      expect(await cache.get('bytes', 'c')).toEqual({ secret: 'not yours', raw: new Uint8Array([1, 2, 3]) });
    });

    it.each([['a function', () => 1] as const, ['a symbol', { of: Symbol('s') }] as const])(
      'that cannot be kept are refused: %s',
      async (_what, value) => {
        await expect(cache.set('bad', value, 'c')).rejects.toThrow(/could not be cloned/);
        expect(await cache.has('bad', 'c')).toBe(false);
      },
    );
  });

  describe('keys and clients', () => {
    let cache: Cache;

    beforeEach(() => {
      cache = bench.cache();
    });

    /** Pairs that a careless builder of keys would take for one another, or for something else. */
    const NASTY: [key: string, client: string][] = [
      ['b:c', 'a'],
      ['c', 'a:b'],
      ['c', 'a%003Ab'],
      ['users:*', 'a'],
      ['users:list', '*'],
      ['users:list', 'a*'],
      ['{slot}', 'a'],
      ['a', '{slot}'],
      ['~response', 'a'],
      ['%7eresponse', 'a'],
      ['%257eresponse', 'a'],
      ['with space\nand line', 'a\r\nb'],
      ['__proto__', '__proto__'],
      ['constructor', 'toString'],
      ['1', 'a'],
      ['é', 'ü'],
      ['e\u0301', 'ü'],
      ['\uD800', 'a'],
      ['\uD801', 'a'],
      ['\uFFFD', 'a'],
      ['a', '\uD800'],
      ['a', '\uFFFD'],
      ['k'.repeat(20_000), 'a'],
      [`${'k'.repeat(20_000)}2`, 'a'],
    ];

    it('never run into each other', async () => {
      for (const [i, [key, client]] of NASTY.entries()) await cache.set(key, i, client);
      const found = await Promise.all(NASTY.map(([key, client]) => cache.get(key, client)));
      expect(found).toEqual(NASTY.map((_pair, i) => i));
    });

    it('are bounded in length in Redis', async () => {
      if (!bench.shared) return expect(cache.settings.redis).toBeUndefined();
      await cache.set('k'.repeat(100_000), 1, 'c');
      expect(Math.max(...(await bench.keys()).map((key) => key.length))).toBeLessThan(1000);
    });

    const BAD = ['', undefined, null, 42, {}] as unknown as string[];

    it.each(BAD)('that are no text are errors: key %j', async (key) => {
      await expect(cache.get(key, 'c')).rejects.toThrow(TypeError);
      await expect(cache.has(key, 'c')).rejects.toThrow(TypeError);
      await expect(cache.delete(key, 'c')).rejects.toThrow(TypeError);
      await expect(cache.increment(key, 1, 'c')).rejects.toThrow(TypeError);
      await expect(cache.getOrSet(key, () => 1, 'c')).rejects.toThrow(TypeError);
    });

    it.each<[key: unknown, shown: string]>([
      [['a'], 'a list'],
      [Object.create(null), 'an object'],
      [{ name: 'Ada' }, 'an object'],
      [5, '5'],
      ['', 'empty'],
    ])('that are no text are told of, without what is in them: %j', async (key, shown) => {
      await expect(cache.get(key as string, 'c')).rejects.toThrow(`key is ${shown}; it takes a text`);
    });

    it.each(BAD)('that are no text are errors: set of %j', async (key) => {
      await expect(cache.set(key, 1, 'c')).rejects.toThrow(TypeError);
    });

    it.each(BAD)('that are no text are errors: client %j', async (client) => {
      await expect(cache.get('key', client)).rejects.toThrow(TypeError);
      await expect(cache.set('key', 1, client)).rejects.toThrow(TypeError);
      await expect(cache.has('key', client)).rejects.toThrow(TypeError);
      await expect(cache.delete('key', client)).rejects.toThrow(TypeError);
      await expect(cache.mget(['key'], client)).rejects.toThrow(TypeError);
      await expect(cache.mset({ key: 1 }, client)).rejects.toThrow(TypeError);
      await expect(cache.increment('key', 1, client)).rejects.toThrow(TypeError);
      await expect(cache.getOrSet('key', () => 1, client)).rejects.toThrow(TypeError);
      // Also where there is nothing to look for, as there may be tomorrow.
      await expect(cache.mget([], client)).rejects.toThrow(TypeError);
      await expect(cache.mset({}, client)).rejects.toThrow(TypeError);
    });

    it('that are no text are rejections of an invalidation too, and nothing is thrown past its promise', async () => {
      await expect(cache.invalidateKey('', 'c')).rejects.toThrow(TypeError);
      await expect(cache.invalidateKey('key', '')).rejects.toThrow(TypeError);
      await expect(cache.invalidatePattern('', 'c')).rejects.toThrow(TypeError);
      await expect(cache.invalidatePattern('key', '')).rejects.toThrow(TypeError);
      await expect(cache.invalidateTenant('')).rejects.toThrow(TypeError);
      await expect(cache.invalidateByTags(['a'], '')).rejects.toThrow(TypeError);
      await expect(cache.invalidateByTags([''], 'c')).rejects.toThrow(/tags/);
    });

    it.each([
      ['an empty text', ['']],
      ['a number', [1]],
      ['a bare text', 'users'],
      ['an object', { 0: 'users' }],
    ])('tags that are no list of texts are errors: %s', async (_what, tags) => {
      const bad = tags as string[];
      await expect(cache.set('key', 1, 'c', { tags: bad })).rejects.toThrow(/tags is .*; it takes a list of texts/);
      expect(await cache.has('key', 'c')).toBe(false);
    });
  });

  describe('several values at once', () => {
    let cache: Cache;

    beforeEach(() => {
      cache = bench.cache();
    });

    it('are set and come back in the order asked for, with gaps', async () => {
      await cache.mset({ 'users:list': ['a'], 'users:count': 1, 'users:none': undefined }, 'client-123');
      const found = await cache.mget(['users:count', 'missing', 'users:list', 'users:count'], 'client-123');
      expect(found).toEqual([1, undefined, ['a'], 1]);
      expect(await cache.has('users:none', 'client-123')).toBe(true);
    });

    it('share their options', async () => {
      await cache.mset({ a: 1, b: 2 }, 'c', { tags: ['both'] });
      await cache.set('other', 3, 'c');
      await cache.invalidateByTags(['both'], 'c');
      expect(await cache.mget(['a', 'b', 'other'], 'c')).toEqual([undefined, undefined, 3]);
    });

    it('are all refused if one of them cannot be kept', async () => {
      await expect(cache.mset({ good: 1, bad: () => 2 }, 'c')).rejects.toThrow(/could not be cloned/);
      expect(await cache.has('good', 'c')).toBe(false);
    });

    it.each<[what: string, entries: unknown]>([
      ['a Map', new Map([['a', 1]])],
      ['a list', [['a', 1]]],
      ['a text', 'a'],
      ['nothing', null],
    ])('are refused as %s, of which nothing would be stored', async (_, entries) => {
      await expect(cache.mset(entries as Record<string, unknown>, 'c')).rejects.toThrow(
        /^(the entries of mset\(\) is .*; it takes an object|mset\(\) takes an object of values by their keys, not a Map)$/,
      );
    });

    it.each<[options: unknown, held: string]>([
      [60, '60'],
      [null, 'null'],
      [['a'], '["a"]'],
    ])('are refused with options that would be overlooked: %j', async (options, held) => {
      const calls = [
        cache.set('a', 1, 'c', options as never),
        cache.mset({ a: 1 }, 'c', options as never),
        cache.getOrSet('a', () => 1, 'c', options as never),
        cache.increment('a', 1, 'c', options as never),
        cache.writeThrough('a', () => 1, 'c', options as never),
      ];
      const refused = (await Promise.allSettled(calls)).map((call) => String((call as PromiseRejectedResult).reason));
      const message = (name: string) => `ConfigError: the options of ${name}() is ${held}; it takes an object`;
      expect(refused).toEqual(['set', 'mset', 'getOrSet', 'increment', 'writeThrough'].map(message));
      expect(await cache.has('a', 'c')).toBe(false);
    });

    it('are refused with options that there are not', async () => {
      const misspelt = { ttll: 5 } as object;
      const calls: Record<string, () => unknown> = {
        set: () => cache.set('a', 1, 'c', misspelt),
        mset: () => cache.mset({ a: 1 }, 'c', misspelt),
        getOrSet: () => cache.getOrSet('a', () => 1, 'c', misspelt),
        increment: () => cache.increment('a', 1, 'c', misspelt),
        writeThrough: () => cache.writeThrough('a', () => 1, 'c', misspelt),
        writeBehind: () => cache.writeBehind('a', 1, 'c', { handler: 'save', ...misspelt }),
      };
      for (const [name, call] of Object.entries(calls)) {
        await expect(call()).rejects.toThrow(
          new RegExp(`^option of ${name}: ttll is 5; it takes no value: there is no such option \\(ttl, tags`),
        );
      }
      expect(await cache.has('a', 'c')).toBe(false);
    });

    it('stores all, be it more than may be on its way at once', async () => {
      if (!bench.shared) return;
      const big = Buffer.alloc(3 * 1024 * 1024);
      const entries = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`big:${i}`, big]));
      await bench.cache().mset(entries, 'c');
      expect(await bench.keys()).toEqual(expect.arrayContaining(Object.keys(entries).map((key) => `client:c:${key}`)));
    });

    it('asks for many in steps, each of which Redis can answer in time', async () => {
      const cache = bench.cache();
      const keys = Array.from({ length: 600 }, (_, i) => `n:${i}`);
      await cache.mset(Object.fromEntries(keys.map((key, i) => [key, i])), 'c');
      const read = vi.spyOn(cache.services.backend, 'read');
      onTestFinished(() => read.mockRestore());
      expect(await cache.mget(keys, 'c')).toEqual(keys.map((_, i) => i));
      expect(Math.max(...read.mock.calls.map(([asked]) => asked.length))).toBeLessThanOrEqual(250);
      read.mockRejectedValueOnce(new Error('no answer'));
      expect(await cache.mget(keys, 'c')).toEqual(keys.map(() => undefined));
    });

    it('asks for large ones in smaller steps, by the size of those that it has read', async () => {
      const cache = bench.cache();
      const keys = Array.from({ length: 100 }, (_, i) => `large:${i}`);
      const large = 'x'.repeat(100_000);
      await cache.mset(Object.fromEntries(keys.map((key) => [key, large])), 'c');
      const read = vi.spyOn(cache.services.backend, 'read');
      onTestFinished(() => read.mockRestore());
      await cache.mget(keys, 'c');
      const [first, ...others] = read.mock.calls.map(([asked]) => asked.length);
      expect(first).toBeLessThanOrEqual(32);
      expect(Math.max(...others)).toBeLessThanOrEqual(10);
    });

    it('may be none', async () => {
      await cache.mset({}, 'c');
      expect(await cache.mget([], 'c')).toEqual([]);
    });

    it('belong to their client alone', async () => {
      await cache.mset({ a: 1 }, 'one');
      expect(await cache.mget(['a'], 'two')).toEqual([undefined]);
    });
  });

  describe('has and delete', () => {
    it('say whether there is a value', async () => {
      const cache = bench.cache();
      expect(await cache.has('key', 'c')).toBe(false);
      await cache.set('key', null, 'c');
      expect(await cache.has('key', 'c')).toBe(true);
      expect(await cache.has('key', 'another')).toBe(false);
    });

    it('say whether there was a value', async () => {
      const cache = bench.cache();
      await cache.set('key', 1, 'c');
      expect(await cache.delete('key', 'another')).toBe(false);
      expect(await cache.delete('key', 'c')).toBe(true);
      expect(await cache.get('key', 'c')).toBeUndefined();
      expect(await cache.delete('key', 'c')).toBe(false);
    });

    it('do not count a value that was invalidated', async () => {
      const cache = bench.cache();
      await cache.set('key', 1, 'c', { tags: ['t'] });
      await cache.invalidateByTags(['t'], 'c');
      expect(await cache.has('key', 'c')).toBe(false);
      expect(await cache.delete('key', 'c')).toBe(false);
    });

    it('leave nothing of a deleted value in Redis', async () => {
      const cache = bench.cache();
      await cache.set('key', 1, 'c');
      await cache.delete('key', 'c');
      if (bench.shared) expect(await bench.keys()).not.toContain('client:c:key');
      await cache.set('key', 2, 'c');
      expect(await cache.get('key', 'c')).toBe(2);
    });
  });
}
