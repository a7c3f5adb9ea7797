import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cache } from 'respcache';
import { describe, expect, it } from 'vitest';
import { type Bench, manualClock } from '../backends.js';
import { INVALIDATIONS } from './invalidations.js';

const NO_COUNTS: [what: string, value: unknown][] = [
  ['a text', '5'],
  ['a fraction', 1.5],
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['a BigInt', 5n],
  ['an object', { n: 5 }],
  ['null', null],
  ['undefined', undefined],
];

const BEYOND = `the sum is beyond ${Number.MAX_SAFE_INTEGER}`;

export function incrementSuite(bench: Bench): void {
  /** Increments from all caches, some at the same time and some a few turns later, so that they meet in many ways. */
  async function crowd(caches: readonly Cache[], each: number): Promise<number[]> {
    const one = async (cache: Cache, turns: number) => {
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      return cache.increment('n', 1, 'c');
    };
    return Promise.all(caches.flatMap((cache) => Array.from({ length: each }, (_, i) => one(cache, i % 7))));
  }

  describe('increment', () => {
    it('begins at 0 and returns the sum', async () => {
      const cache = bench.cache();
      expect(await cache.increment('page:views', 1, 'c')).toBe(1);
      expect(await cache.increment('page:views', 41, 'c')).toBe(42);
      expect(await cache.increment('page:views', -50, 'c')).toBe(-8);
      expect(await cache.increment('page:views', 0, 'c')).toBe(-8);
      expect(await cache.get('page:views', 'c')).toBe(-8);
    });

    it('knows one 0', async () => {
      const cache = bench.cache();
      expect(await cache.increment('zero', -0, 'c')).toBe(0);
      await cache.set('set', -0, 'c');
      expect(await cache.increment('set', -0, 'c')).toBe(0);
    });

    it('counts for each client and key apart', async () => {
      const cache = bench.cache();
      await cache.increment('n', 1, 'a');
      await cache.increment('n', 10, 'b');
      await cache.increment('m', 100, 'a');
      expect([await cache.get('n', 'a'), await cache.get('n', 'b'), await cache.get('m', 'a')]).toEqual([1, 10, 100]);
    });

    it('goes on from a number that was set', async () => {
      const [one, two] = bench.pair();
      await one.set('n', 5, 'c');
      expect(await two.increment('n', 2, 'c')).toBe(7);
      expect(await one.increment('n', -8, 'c')).toBe(-1);
      expect(await one.get('n', 'c')).toBe(-1);
    });

    it('begins from a number that is set over a counter', async () => {
      const cache = bench.cache();
      await cache.increment('n', 5, 'c');
      await cache.set('n', 100, 'c');
      expect(await cache.increment('n', 1, 'c')).toBe(101);
    });

    it.each(NO_COUNTS)('is a TypeError over %s, which stays', async (_what, value) => {
      const cache = bench.cache();
      await cache.set('n', value, 'c');
      await expect(cache.increment('n', 1, 'c')).rejects.toThrow(TypeError);
      expect(await cache.get('n', 'c')).toStrictEqual(value);
    });

    it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', undefined] as unknown as number[])(
      'is an error by what is no whole number: %s',
      async (by) => {
        const cache = bench.cache();
        await expect(cache.increment('n', by, 'c')).rejects.toThrow(/whole number/);
        expect(await cache.has('n', 'c')).toBe(false);
      },
    );

    it.each([
      ['1', '"1"'],
      [2n, '2n'],
      [[1], '[1]'],
      [undefined, 'undefined'],
    ])('says by what it was: %s', async (by, shown) => {
      const adding = bench.cache().increment('n', by as unknown as number, 'c');
      await expect(adding).rejects.toThrow(`increment by ${shown}: it takes a whole number`);
    });

    it('is an error beyond the whole numbers that are exact, and changes nothing', async () => {
      const cache = bench.cache();
      await cache.increment('n', Number.MAX_SAFE_INTEGER, 'c');
      await expect(cache.increment('n', 1, 'c')).rejects.toThrow(BEYOND);
      expect(await cache.get('n', 'c')).toBe(Number.MAX_SAFE_INTEGER);
      expect(await cache.increment('n', -1, 'c')).toBe(Number.MAX_SAFE_INTEGER - 1);
    });

    it('is an error beyond them also over a number that was set, which stays', async () => {
      const cache = bench.cache();
      await cache.set('n', Number.MAX_SAFE_INTEGER, 'c');
      await expect(cache.increment('n', 1, 'c')).rejects.toThrow(BEYOND);
      expect(await cache.get('n', 'c')).toBe(Number.MAX_SAFE_INTEGER);
      expect(await cache.increment('n', -1, 'c')).toBe(Number.MAX_SAFE_INTEGER - 1);
    });

    it('begins at 0 over what is nothing of ours: a key of another type', async () => {
      if (!bench.shared) return;
      const cache = bench.cache();
      await bench.onOwner('LPUSH', 'client:c:n', 'x');
      expect(await cache.increment('n', 2, 'c')).toBe(2);
      expect(await cache.increment('n', 2, 'c')).toBe(4);
      expect(await cache.get('n', 'c')).toBe(4);
    });

    it.each(INVALIDATIONS)('begins at 0 again after an invalidation: %s', async (_how, invalidate) => {
      const [one, two] = bench.pair();
      await one.increment('users:list', 5, 'c', { tags: ['users'] });
      await invalidate(two);
      expect(await one.get('users:list', 'c')).toBeUndefined();
      expect(await one.increment('users:list', 2, 'c')).toBe(2);
      expect(await two.increment('users:list', 2, 'c')).toBe(4);
    });

    it('keeps the tags of a number that was set', async () => {
      const cache = bench.cache();
      await cache.set('n', 5, 'c', { tags: ['t'] });
      await cache.increment('n', 1, 'c');
      await cache.invalidateByTags(['t'], 'c');
      expect(await cache.get('n', 'c')).toBeUndefined();
    });

    it('never expires unless told to', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock, ttl: 1 });
      await cache.increment('n', 1, 'c', { ttl: undefined } as object);
      clock.advance(1e9);
      expect(await cache.increment('n', 1, 'c')).toBe(2);
      if (bench.shared) expect(Number(await bench.onOwner('PTTL', 'client:c:n'))).toBe(-1);
    });

    it('keeps the end that its counter was begun with', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.increment('n', 1, 'c', { ttl: 100 });
      clock.advance(60);
      expect(await cache.increment('n', 1, 'c', { ttl: 100 })).toBe(2);
      if (bench.shared) {
        const left = Number(await bench.onOwner('PTTL', 'client:c:n'));
        expect(left).toBeGreaterThan(0);
        expect(left).toBeLessThanOrEqual(100_000);
      }
      clock.advance(40);
      expect(await cache.get('n', 'c')).toBeUndefined();
      expect(await cache.increment('n', 1, 'c')).toBe(1);
    });

    it('keeps the end of a number that was set', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('n', 5, 'c', { ttl: 100 });
      await cache.increment('n', 1, 'c');
      await cache.increment('n', 1, 'c');
      if (bench.shared) expect(Number(await bench.onOwner('PTTL', 'client:c:n'))).toBeGreaterThan(0);
      clock.advance(99);
      expect(await cache.get('n', 'c')).toBe(7);
      clock.advance(1);
      expect(await cache.get('n', 'c')).toBeUndefined();
    });

    it('loses nothing when many begin a counter together', async () => {
      const caches = bench.pair();
      const sums = await crowd(caches, 100);
      expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    });

    it('loses nothing when many go on from a number that was set', async () => {
      const caches = bench.pair();
      await caches[0].set('n', 1000, 'c');
      const sums = await crowd(caches, 100);
      expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => 1001 + i));
    });

    it('loses nothing when many begin again after an invalidation', async () => {
      const caches = bench.pair();
      await caches[0].increment('n', 1000, 'c');
      await caches[1].invalidateTenant('c');
      const sums = await crowd(caches, 100);
      expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    });
  });
}
