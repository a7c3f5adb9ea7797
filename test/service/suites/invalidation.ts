import type { Cache, Receipt } from 'respcache';
import { describe, expect, it } from 'vitest';
import type { Bench } from '../backends.js';
import { INVALIDATIONS, MISSES } from './invalidations.js';

export function invalidationSuite(bench: Bench): void {
  describe('an invalidation', () => {
    it.each(INVALIDATIONS)('%s: reaches every cache on the store', async (_how, invalidate) => {
      const [one, two] = bench.pair();
      await one.set('users:list', 'old', 'c', { tags: ['users', 'list'] });
      expect(await two.get('users:list', 'c')).toBe('old');
      await invalidate(two);
      expect(await one.get('users:list', 'c')).toBeUndefined();
      expect(await two.get('users:list', 'c')).toBeUndefined();
    });

    it.each(INVALIDATIONS)('%s: does not reach what is set after it', async (_how, invalidate) => {
      const [one, two] = bench.pair();
      await one.set('users:list', 'old', 'c', { tags: ['users'] });
      await invalidate(two);
      await one.set('users:list', 'new', 'c', { tags: ['users'] });
      expect(await one.get('users:list', 'c')).toBe('new');
      expect(await two.get('users:list', 'c')).toBe('new');
    });

    it.each(MISSES)('%s: leaves the rest alone', async (_how, invalidate) => {
      const [one, two] = bench.pair();
      await one.set('users:list', 'kept', 'c', { tags: ['users'] });
      await invalidate(two);
      expect(await one.get('users:list', 'c')).toBe('kept');
      expect(await two.get('users:list', 'c')).toBe('kept');
    });

    it.each(INVALIDATIONS)(
      '%s: holds for a cache that is made later, and a fill that comes in late',
      async (_how, invalidate) => {
        const one = bench.cache();
        await one.set('users:list', 'old', 'c', { tags: ['users'] });
        await bench.onOwner('COPY', 'client:c:users:list', '{client:c:users:list}late');
        await invalidate(one);
        await bench.onOwner('RENAME', '{client:c:users:list}late', 'client:c:users:list');
        const later = bench.shared ? bench.open() : one;
        expect(await later.get('users:list', 'c')).toBeUndefined();
        expect(await one.get('users:list', 'c')).toBeUndefined();
      },
    );

    it('by tag reaches all clients, or the one that is named', async () => {
      const [one, two] = bench.pair();
      for (const client of ['a', 'b', 'c']) await one.set('key', client, client, { tags: ['t'] });
      await two.invalidateByTags(['t'], 'a');
      expect(await getAll(one, ['a', 'b', 'c'])).toEqual([undefined, 'b', 'c']);
      await two.invalidateByTags(['t']);
      expect(await getAll(one, ['a', 'b', 'c'])).toEqual([undefined, undefined, undefined]);
    });

    it('by several tags reaches what has one of them', async () => {
      const [one, two] = bench.pair();
      await one.set('a', 1, 'c', { tags: ['x', 'common'] });
      await one.set('b', 2, 'c', { tags: ['y', 'common'] });
      await one.set('d', 3, 'c', { tags: ['z', 'common'] });
      await two.invalidateByTags(['x', 'y'], 'c');
      expect(await one.mget(['a', 'b', 'd'], 'c')).toEqual([undefined, undefined, 3]);
    });

    it.each(INVALIDATIONS)('%s: reaches what was being set as it came', async (_how, invalidate) => {
      const cache = bench.cache();
      await cache.has('users:list', 'c');
      const setting = cache.set('users:list', 'old', 'c', { tags: ['users', 'list'] });
      await Promise.all([invalidate(cache), setting]);
      expect(await cache.get('users:list', 'c')).toBeUndefined();
    });

    it.each<[how: string, store: (cache: Cache, tags: string[]) => Promise<unknown>]>([
      ['set', (cache, tags) => cache.set('a', 1, 'c', { tags })],
      ['mset', (cache, tags) => cache.mset({ a: 1 }, 'c', { tags })],
      ['getOrSet', (cache, tags) => cache.getOrSet('a', () => 1, 'c', { tags })],
      ['writeThrough', (cache, tags) => cache.writeThrough('a', () => 1, 'c', { tags })],
      ['increment', (cache, tags) => cache.increment('a', 1, 'c', { tags })],
    ])('by the tags that %s was given, whatever becomes of the list', async (_how, store) => {
      const [one, two] = bench.pair();
      const tags = ['t'];
      const storing = store(one, tags);
      tags[0] = 'other';
      await storing;
      expect(await one.has('a', 'c')).toBe(true);
      tags.pop();
      await two.invalidateByTags(['t'], 'c');
      expect(await one.has('a', 'c')).toBe(false);
    });

    it('by a list with holes is refused, and those that come after it are durable', async () => {
      const cache = bench.cache();
      const holes = Array<string>(2);
      holes[1] = 't';
      for (const call of [
        () => cache.invalidateByTags(holes, 'c'),
        () => cache.set('a', 1, 'c', { tags: holes }),
        () => cache.mget(holes, 'c'),
        () => cache.writeThrough('a', () => 1, 'c', { invalidate: { keys: holes } }),
      ])
        await expect(call()).rejects.toThrow('is [null,"t"]; it takes a list of texts that are not empty');
      expect(await cache.invalidateByTags(['t'], 'c')).toMatchObject({ durable: true });
    });

    it('by a tag that a value has no more leaves it alone', async () => {
      const cache = bench.cache();
      await cache.set('key', 1, 'c', { tags: ['before'] });
      await cache.set('key', 2, 'c', { tags: ['after'] });
      await cache.invalidateByTags(['before'], 'c');
      expect(await cache.get('key', 'c')).toBe(2);
    });

    it('by a place reaches all below it and nothing beside it', async () => {
      const [one, two] = bench.pair();
      const below = ['users:list', 'users:list:page:1', 'users:list:page:2:limit:10'];
      const beside = ['users:lists', 'users:detail:1', 'users', 'all:users:list'];
      await one.mset(Object.fromEntries([...below, ...beside].map((key) => [key, key])), 'c');
      await two.invalidatePattern('users:list', 'c');
      expect(await one.mget(below, 'c')).toEqual(below.map(() => undefined));
      expect(await one.mget(beside, 'c')).toEqual(beside);
    });

    it('by a glob understands its signs, and escaped ones as themselves', async () => {
      const [one, two] = bench.pair();
      const keys = ['user:1', 'user:2', 'user:12', 'user:*', 'user:[1]'];
      const left = async (pattern: string) => {
        await one.mset(Object.fromEntries(keys.map((key) => [key, key])), 'c');
        await two.invalidatePattern(pattern, 'c');
        return (await one.mget(keys, 'c')).filter((each) => each !== undefined);
      };
      expect(await left('user:?')).toEqual(['user:12', 'user:[1]']);
      expect(await left('user:[12]')).toEqual(['user:12', 'user:*', 'user:[1]']);
      expect(await left('user:[^1]')).toEqual(['user:1', 'user:12', 'user:[1]']);
      expect(await left('user:\\*')).toEqual(['user:1', 'user:2', 'user:12', 'user:[1]']);
      expect(await left('*1*')).toEqual(['user:2', 'user:*']);
    });

    it.each([
      ['faq:what?', 'faq:what\\?'],
      ['find?b=2&a=1', 'find\\?b=*'],
      ['find?b=2&a=1', 'find\\?a=*'],
      ['/café', '/café'],
      ['/find?name=José&age=1', '/find?name=José*'],
      ['/café?b=2&a=1', '/caf%C3%A9?b=*'],
      ['?', '\\?'],
    ])(
      'by a glob reaches a key with a question mark as it was given, and as it is invalidated: %s by %s',
      async (key, pattern) => {
        const [one, two] = bench.pair();
        await one.set(key, 1, 'c');
        expect(await two.get(key, 'c')).toBe(1);
        await two.invalidatePattern(pattern, 'c');
        expect(await one.get(key, 'c')).toBeUndefined();
      },
    );

    it('by more patterns than are kept one by one is still exact', async () => {
      const [one, two] = bench.pair();
      await one.set('first', 1, 'c');
      await one.set('other', 2, 'd');
      await two.invalidatePattern('fir*', 'c');
      await Promise.all(Array.from({ length: 300 }, (_, i) => two.invalidatePattern(`none:${i}:*`, 'c')));
      expect(await one.get('first', 'c')).toBeUndefined();
      expect(await one.get('other', 'd')).toBe(2);
    });

    it('of a client leaves the others alone, whatever they are called', async () => {
      const [one, two] = bench.pair();
      const others = ['c2', 'c:d', '*', 'C', 'c%'];
      for (const client of ['c', ...others]) await one.set('key', client, client);
      await two.invalidateTenant('c');
      expect(await getAll(one, ['c', ...others])).toEqual([undefined, ...others]);
    });
  });

  describe('a receipt', () => {
    it('is durable, and its sequence rises, whoever invalidates', async () => {
      const [one, two] = bench.pair();
      const receipts: Receipt[] = [];
      for (const cache of [one, two, one, two]) {
        receipts.push(await cache.invalidateByTags(['t']), await cache.invalidateKey('k', 'c'));
        receipts.push(await cache.invalidatePattern('k*', 'c'), await cache.invalidateTenant('c'), await cache.clear());
      }
      expect(receipts.every(({ durable }) => durable)).toBe(true);
      const sequences = receipts.map(({ sequence }) => sequence);
      expect(sequences.every(Number.isSafeInteger)).toBe(true);
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
    });

    it('comes for each of many invalidations at once', async () => {
      const [one, two] = bench.pair();
      await one.mset(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i])), 'c');
      const receipts = await Promise.all(
        Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? one : two).invalidateKey(`k${i}`, 'c')),
      );
      expect(receipts.every(({ durable }) => durable)).toBe(true);
      const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
      expect((await two.mget(keys, 'c')).filter((value) => value !== undefined)).toEqual([]);
    });
  });

  function getAll(cache: Cache, clients: string[]): Promise<unknown[]> {
    return Promise.all(clients.map((client) => cache.get('key', client)));
  }
}
