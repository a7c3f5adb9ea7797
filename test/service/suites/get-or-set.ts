import type { Cache } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { type Bench, deferred, manualClock } from '../backends.js';
import { INVALIDATIONS, MISSES } from './invalidations.js';

const OPTIONS = { tags: ['users'] };

/** Resolves when so many more have looked and found nothing: they are about to run the factory, or wait for it. */
function misses(cache: Cache, count: number): Promise<void> {
  return new Promise((resolve) => {
    const off = cache.on('miss', () => {
      if (--count > 0) return;
      off();
      // The listener is called just before the one who looked goes on.
      setImmediate(resolve);
    });
  });
}

/** Three ask at the same time: the factory runs once, and all are given what it has made. */
async function onceForAll(cache: Cache): Promise<void> {
  const made = deferred<string>();
  const factory = vi.fn(() => made.promise);
  const missed = misses(cache, 3);
  const asked = [1, 2, 3].map(() => cache.getOrSet('n', factory, 'c'));
  await missed;
  await vi.waitFor(() => expect(factory).toHaveBeenCalled());
  made.resolve('made');
  expect(await Promise.all(asked)).toEqual(['made', 'made', 'made']);
  expect(factory).toHaveBeenCalledTimes(1);
}

export function getOrSetSuite(bench: Bench): void {
  describe('getOrSet', () => {
    it('runs the factory where there is nothing, and keeps what it makes', async () => {
      const cache = bench.cache();
      const factory = vi.fn(async () => ['Ana']);
      expect(await cache.getOrSet('users:list', factory, 'c')).toEqual(['Ana']);
      expect(await cache.getOrSet('users:list', factory, 'c')).toEqual(['Ana']);
      expect(await cache.get('users:list', 'c')).toEqual(['Ana']);
      expect(factory).toHaveBeenCalledTimes(1);
    });

    it('takes a factory that does not wait', async () => {
      const cache = bench.cache();
      expect(await cache.getOrSet('n', () => 7, 'c')).toBe(7);
      expect(await cache.get('n', 'c')).toBe(7);
    });

    it('keeps undefined as a value like others', async () => {
      const cache = bench.cache();
      const factory = vi.fn(() => undefined);
      await cache.getOrSet('n', factory, 'c');
      expect(await cache.getOrSet('n', factory, 'c')).toBeUndefined();
      expect(factory).toHaveBeenCalledTimes(1);
    });

    it('takes ttl and tags', async () => {
      const clock = manualClock();
      const cache = bench.open({ clock });
      const factory = vi.fn(() => 1);
      await cache.getOrSet('n', factory, 'c', { ttl: 10, tags: ['t'] });
      clock.advance(10);
      await cache.getOrSet('n', factory, 'c', { ttl: 10, tags: ['t'] });
      await cache.invalidateByTags(['t'], 'c');
      await cache.getOrSet('n', factory, 'c', { ttl: 10, tags: ['t'] });
      expect(factory).toHaveBeenCalledTimes(3);
    });

    it('runs the factory once for all who ask at the same time', async () => {
      const cache = bench.cache();
      const made = deferred<{ id: number }>();
      const factory = vi.fn(() => made.promise);
      const missed = misses(cache, 50);
      const asked = Array.from({ length: 50 }, () => cache.getOrSet('users:list', factory, 'c'));
      await missed;
      made.resolve({ id: 1 });
      expect(await Promise.all(asked)).toEqual(Array.from({ length: 50 }, () => ({ id: 1 })));
      expect(factory).toHaveBeenCalledTimes(1);
    });

    it('runs the factory once also where nothing is heard of invalidations between lookups', async () => {
      const cache = bench.open({ l1: false });
      await cache.get('n', 'c');
      await onceForAll(cache);
    });

    it('runs it once more for all who wait for what is invalidated meanwhile', async () => {
      const cache = bench.cache();
      const [made, begun] = [deferred<number>(), deferred<void>()];
      let runs = 0;
      const factory = () => {
        begun.resolve();
        return ++runs === 1 ? made.promise : runs;
      };
      const found = misses(cache, 4);
      const asked = Array.from({ length: 4 }, () => cache.getOrSet('n', factory, 'c', OPTIONS));
      await Promise.all([found, begun.promise]);
      await cache.invalidateByTags(['users'], 'c');
      made.resolve(1);
      expect((await Promise.all(asked)).sort()).toEqual([1, 2, 2, 2]);
    });

    it('gives those who wait for what is invalidated meanwhile what is there by then, and it stays', async () => {
      const cache = bench.cache();
      const [made, begun] = [deferred<string>(), deferred<void>()];
      const found = misses(cache, 3);
      const slow = () => {
        begun.resolve();
        return made.promise;
      };
      const factory = vi.fn(() => 'made again');
      const asked = [slow, factory, factory].map((each) => cache.getOrSet('n', each, 'c', OPTIONS));
      await Promise.all([found, begun.promise]);
      await cache.invalidateByTags(['users'], 'c');
      await cache.set('n', 'set', 'c');
      made.resolve('old');
      expect(await Promise.all(asked)).toEqual(['old', 'set', 'set']);
      expect(factory).not.toHaveBeenCalled();
      expect(await cache.get('n', 'c')).toBe('set');
    });

    it('gives each of them a value of their own', async () => {
      const cache = bench.cache();
      const made = deferred<{ list: string[]; bytes: Buffer }>();
      const ask = () => cache.getOrSet('users:list', () => made.promise, 'c');
      const missed = misses(cache, 3);
      const asked = [ask(), ask(), ask()];
      await missed;
      made.resolve({ list: [], bytes: Buffer.from('abc') });
      const [first, ...others] = await Promise.all(asked);
      first!.list.push('changed');
      first!.bytes.fill(0);
      for (const other of others) expect(other).toEqual({ list: [], bytes: Buffer.from('abc') });
      expect(await cache.get('users:list', 'c')).toEqual({ list: [], bytes: Buffer.from('abc') });
    });

    it('runs once for all processes that share a store', async () => {
      const caches = bench.pair();
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      const asked = caches.flatMap((cache) => [1, 2].map(() => cache.getOrSet('shared', factory, 'c')));
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      made.resolve('made');
      expect(await Promise.all(asked)).toEqual(['made', 'made', 'made', 'made']);
      expect(factory).toHaveBeenCalledTimes(1);
    });

    it('has other processes wait until what it has made is in the store', async () => {
      if (!bench.shared) return;
      const [one, other] = bench.pair();
      const { backend } = one.services;
      const write = backend.write.bind(backend);
      const storing = deferred<void>();
      const stored = vi.spyOn(backend, 'write').mockImplementationOnce(async (items) => {
        await storing.promise;
        return write(items);
      });
      const looks = vi.spyOn(other.services.backend, 'read');
      try {
        const making = one.getOrSet('n', () => 'made', 'c');
        await vi.waitFor(() => expect(stored).toHaveBeenCalled());
        const factory = vi.fn(() => 'made again');
        const waiting = other.getOrSet('n', factory, 'c');
        // Once more after it was told that another makes it: with the lease the factory would run after the second.
        await vi.waitFor(() => expect(looks.mock.calls.length).toBeGreaterThan(2));
        storing.resolve();
        expect(await Promise.all([making, waiting])).toEqual(['made', 'made']);
        expect(factory).not.toHaveBeenCalled();
      } finally {
        stored.mockRestore();
        looks.mockRestore();
      }
    });

    it('gives what it has made to all who wait, be it stored or not', async () => {
      const cache = bench.cache();
      const { backend } = cache.services;
      const refused = vi.spyOn(backend, 'write').mockRejectedValueOnce(new Error('full'));
      const { sets } = cache.getStats();
      await onceForAll(cache);
      expect(refused).toHaveBeenCalledTimes(1);
      expect(cache.getStats().sets).toBe(sets);
      refused.mockRestore();
    });

    it('does not share a run between clients or keys', async () => {
      const cache = bench.cache();
      const asked = [
        cache.getOrSet('a', () => 'a of one', 'one'),
        cache.getOrSet('a', () => 'a of two', 'two'),
        cache.getOrSet('b', () => 'b of one', 'one'),
      ];
      expect(await Promise.all(asked)).toEqual(['a of one', 'a of two', 'b of one']);
    });

    it('throws what the factory throws to all who ask, and keeps nothing of it', async () => {
      const cache = bench.cache();
      const made = deferred<number>();
      const failing = vi.fn(() => made.promise);
      const missed = misses(cache, 3);
      const asked = [1, 2, 3].map(() => cache.getOrSet('n', failing, 'c'));
      await missed;
      await vi.waitFor(() => expect(failing).toHaveBeenCalled());
      made.reject(new Error('the database is down'));
      const settled = await Promise.allSettled(asked);
      const failure = { status: 'rejected', reason: expect.objectContaining({ message: 'the database is down' }) };
      expect(settled).toEqual([failure, failure, failure]);
      expect(failing).toHaveBeenCalledTimes(1);
      expect(await cache.has('n', 'c')).toBe(false);
      expect(await cache.getOrSet('n', () => 2, 'c')).toBe(2);
    });

    it('throws what a factory throws that does not wait', async () => {
      const cache = bench.cache();
      const failing = () => {
        throw new Error('at once');
      };
      await expect(cache.getOrSet('n', failing, 'c')).rejects.toThrow('at once');
      expect(await cache.getOrSet('n', () => 2, 'c')).toBe(2);
    });
  });

  describe('a getOrSet whose factory began before', () => {
    const where: [string, number][] = [
      ['the same cache', 0],
      ['another cache on the same store', 1],
    ];

    describe.each(where)('an invalidation by %s', (_name, index) => {
      it.each(INVALIDATIONS)('%s: is not served to anyone who asks later', async (_how, invalidate) => {
        const caches = bench.pair();
        const [cache] = caches;
        const old = deferred<string>();
        const oldFactory = vi.fn(() => old.promise);
        const before = cache.getOrSet('users:list', oldFactory, 'c', OPTIONS);
        await vi.waitFor(() => expect(oldFactory).toHaveBeenCalled());

        await invalidate(caches[index]!);
        const newFactory = vi.fn(async () => 'new');
        const missed = caches.map((each) => misses(each, 1));
        const after = caches.map((each) => each.getOrSet('users:list', newFactory, 'c', OPTIONS));
        await Promise.all(missed);
        old.resolve('old');
        expect(await before).toBe('old');
        expect(await Promise.all(after)).toEqual(['new', 'new']);
        expect(newFactory.mock.calls.length).toBeLessThanOrEqual(2);
        for (const each of caches) expect(await each.get('users:list', 'c')).not.toBe('old');
      });

      it.each(INVALIDATIONS)('%s: is not kept though it ends after it', async (_how, invalidate) => {
        const caches = bench.pair();
        const old = deferred<string>();
        const factory = vi.fn(() => old.promise);
        const before = caches[0].getOrSet('users:list', factory, 'c', OPTIONS);
        await vi.waitFor(() => expect(factory).toHaveBeenCalled());
        await invalidate(caches[index]!);
        old.resolve('old');
        await before;
        for (const each of caches) expect(await each.get('users:list', 'c')).toBeUndefined();
      });

      it.each(MISSES)('%s: is shared and kept, for it is not meant', async (_how, invalidate) => {
        const caches = bench.pair();
        const made = deferred<string>();
        const factory = vi.fn(() => made.promise);
        const before = caches[0].getOrSet('users:list', factory, 'c', OPTIONS);
        await vi.waitFor(() => expect(factory).toHaveBeenCalled());
        await invalidate(caches[index]!);
        const missed = misses(caches[0], 1);
        const after = caches[0].getOrSet('users:list', factory, 'c', OPTIONS);
        await missed;
        made.resolve('made');
        expect(await Promise.all([before, after])).toEqual(['made', 'made']);
        for (const each of caches) expect(await each.get('users:list', 'c')).toBe('made');
        expect(factory).toHaveBeenCalledTimes(1);
      });
    });

    it('is kept, where it waited for another process and began after the invalidation', async () => {
      if (!bench.shared) return;
      const [one, other] = bench.pair();
      const old = deferred<string>();
      const oldFactory = vi.fn(() => old.promise);
      const before = one.getOrSet('users:list', oldFactory, 'c', OPTIONS);
      await vi.waitFor(() => expect(oldFactory).toHaveBeenCalled());
      const looks = vi.spyOn(other.services.backend, 'read');
      const after = other.getOrSet('users:list', () => 'new', 'c', OPTIONS);
      await vi.waitFor(() => expect(looks.mock.calls.length).toBeGreaterThan(2));
      looks.mockRestore();
      await one.invalidateByTags(['users'], 'c');
      old.resolve('old');
      expect(await Promise.all([before, after])).toEqual(['old', 'new']);
      expect(await one.get('users:list', 'c')).toBe('new');
    });

    it.each(where)('an invalidation by %s: is not waited for by those who ask later', async (_name, index) => {
      const caches = bench.pair();
      const old = deferred<string>();
      const oldFactory = vi.fn(() => old.promise);
      const before = caches[0].getOrSet('users:list', oldFactory, 'c', OPTIONS);
      await vi.waitFor(() => expect(oldFactory).toHaveBeenCalled());
      await caches[index]!.invalidateByTags(['users'], 'c');
      const newFactory = vi.fn(async () => 'new');
      const after = caches[index]!.getOrSet('users:list', newFactory, 'c', OPTIONS);
      // As long as the old one takes: whoever waited for it would only learn that it is of no use.
      await vi
        .waitFor(() => expect(newFactory).toHaveBeenCalled(), { timeout: 2000 })
        .finally(() => old.resolve('old'));
      expect(await after).toBe('new');
      expect(await before).toBe('old');
    });
  });
}
