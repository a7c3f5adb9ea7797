import { describe, expect, it } from 'vitest';
import { type Bench, manualClock } from '../backends.js';

const DAY = 86_400;

export function ttlSuite(bench: Bench): void {
  /** What Redis itself says is left of a key, ms; -1 for no end. */
  const leftOf = async (key: string) => Number(await bench.onOwner('PTTL', key));

  describe('a lifetime', () => {
    it('is the one of the cache where none is given: 300 seconds by default', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c');
      clock.advance(299.999);
      expect(await cache.get('key', 'c')).toBe(1);
      clock.advance(0.001);
      expect(await cache.get('key', 'c')).toBeUndefined();
    });

    it('is the one of the cache where none is given: as its options say', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock, ttl: 10 });
      await cache.set('key', 1, 'c');
      clock.advance(9.999);
      expect(await cache.get('key', 'c')).toBe(1);
      clock.advance(0.001);
      expect(await cache.has('key', 'c')).toBe(false);
    });

    it('ends where the clock is put back: it would last for so much longer; a counter, and what never ends, stay', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c');
      await cache.set('kept', 1, 'c', { ttl: Number.POSITIVE_INFINITY });
      await cache.increment('n', 1, 'c', { ttl: 600 });
      clock.advance(-60);
      expect(await cache.mget(['key', 'kept', 'n'], 'c')).toEqual([1, 1, 1]);
      clock.advance(-0.001);
      expect(await cache.mget(['key', 'kept', 'n'], 'c')).toEqual([undefined, 1, 1]);
      expect(await cache.getOrSet('key', () => 2, 'c')).toBe(2);
      expect(await cache.get('key', 'c')).toBe(2);
    });

    it('may be a fraction of a second', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c', { ttl: 0.25 });
      clock.advance(0.249);
      // Redis' own clock goes on: it may have removed the key already, but must not keep it longer.
      const left = bench.shared ? await leftOf('client:c:key') : 0;
      expect(left).toBeLessThanOrEqual(250);
      clock.advance(0.001);
      expect(await cache.get('key', 'c')).toBeUndefined();
    });

    it('ends in Redis by itself', async () => {
      const cache = bench.cache();
      await cache.set('key', 1, 'c', { ttl: 90 });
      if (!bench.shared) return expect(await cache.get('key', 'c')).toBe(1);
      const left = await leftOf('client:c:key');
      expect(left).toBeGreaterThan(60_000);
      expect(left).toBeLessThanOrEqual(90_000);
    });

    it.each([30, 365])('may be longer than a timer can wait: %i days', async (days) => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c', { ttl: days * DAY });
      expect(await cache.get('key', 'c')).toBe(1);
      if (bench.shared) expect(await leftOf('client:c:key')).toBeGreaterThan((days - 1) * DAY * 1000);
      clock.advance(days * DAY - 1);
      expect(await cache.get('key', 'c')).toBe(1);
      clock.advance(1);
      expect(await cache.get('key', 'c')).toBeUndefined();
    });

    it('may be infinite', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c', { ttl: Number.POSITIVE_INFINITY });
      if (bench.shared) expect(await leftOf('client:c:key')).toBe(-1);
      clock.advance(1000 * 365 * DAY);
      expect(await cache.get('key', 'c')).toBe(1);
    });

    it.each([1e11, Number.MAX_SAFE_INTEGER, 1e18, Number.MAX_VALUE])(
      'may be a number that means for ever: %d seconds',
      async (ttl) => {
        const clock = manualClock();
        const cache = bench.open({ clock });
        await cache.set('key', 1, 'c', { ttl });
        clock.advance(100 * 365 * DAY);
        expect(await cache.get('key', 'c')).toBe(1);
      },
    );

    it.each([0, -1, -0.5, Number.NaN, Number.NEGATIVE_INFINITY, '60', null] as unknown as number[])(
      'that is none is an error that says what it takes: %j',
      async (ttl) => {
        const cache = bench.cache();
        await expect(cache.set('key', 1, 'c', { ttl })).rejects.toThrow(/ttl is .*; it takes a number of seconds/);
        await expect(cache.mset({ key: 1 }, 'c', { ttl })).rejects.toThrow(/ttl/);
        await expect(cache.increment('key', 1, 'c', { ttl })).rejects.toThrow(/ttl/);
        let runs = 0;
        await expect(cache.getOrSet('key', () => ++runs, 'c', { ttl })).rejects.toThrow(/ttl/);
        expect(runs).toBe(0);
        expect(await cache.has('key', 'c')).toBe(false);
      },
    );

    it('begins anew with each set', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c', { ttl: 10 });
      clock.advance(9);
      await cache.set('key', 2, 'c', { ttl: 100 });
      clock.advance(99);
      expect(await cache.get('key', 'c')).toBe(2);
    });

    it('holds for several values at once', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.mset({ a: 1, b: 2 }, 'c', { ttl: 5 });
      clock.advance(4);
      expect(await cache.mget(['a', 'b'], 'c')).toEqual([1, 2]);
      clock.advance(1);
      expect(await cache.mget(['a', 'b'], 'c')).toEqual([undefined, undefined]);
    });

    it('that is over makes delete say that there was nothing', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      await cache.set('key', 1, 'c', { ttl: 5 });
      clock.advance(5);
      expect(await cache.delete('key', 'c')).toBe(false);
    });
  });
}
