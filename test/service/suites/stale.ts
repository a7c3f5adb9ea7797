import { randomUUID } from 'node:crypto';
import { type Cache, ConfigError, TimeoutError } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { type Bench, deferred, manualClock } from '../backends.js';
import { INVALIDATIONS } from './invalidations.js';

const NEVER = new Promise<string>(() => {});

/** The next event of a kind. */
function once(cache: Cache, kind: 'refresh' | 'set' | 'error'): Promise<unknown> {
  return new Promise((resolve) => {
    const off = cache.on(kind, (event: unknown) => {
      off();
      resolve(event);
    });
  });
}

export function staleSuite(bench: Bench): void {
  /** A cache with a value whose ttl of ten seconds has been over for as many as `late` says. */
  async function withStale(options: { staleWhileRevalidate?: number; staleIfError?: number }, late: number) {
    const clock = manualClock();
    const prefix = `${randomUUID()}:`;
    const cache = bench.open({ clock, prefix });
    const caches = [cache, bench.shared ? bench.open({ clock, prefix }) : cache] as const;
    const ask = (factory: () => string | Promise<string>, more = {}) =>
      cache.getOrSet('users:list', factory, 'c', { ttl: 10, tags: ['users'], ...options, ...more });
    await ask(() => 'old');
    clock.advance(10 + late);
    return { cache, caches, clock, ask };
  }

  describe('staleWhileRevalidate', () => {
    it('returns at once what is stale, and makes it anew once meanwhile', async () => {
      const { cache, ask } = await withStale({ staleWhileRevalidate: 60 }, 5);
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      const refreshing = once(cache, 'refresh');
      expect(await Promise.all([ask(factory), ask(factory), ask(factory)])).toEqual(['old', 'old', 'old']);
      await refreshing;
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      expect(await ask(factory)).toBe('old');
      const stored = once(cache, 'set');
      made.resolve('new');
      await stored;
      expect(await ask(factory)).toBe('new');
      expect(factory).toHaveBeenCalledTimes(1);
      expect(cache.getStats()).toMatchObject({ hits: 5, misses: 1, stale: 4, refreshes: 1, totalRequests: 6 });
    });

    it('tells of a factory that fails in the background, and tries again for the next caller', async () => {
      const { cache, ask } = await withStale({ staleWhileRevalidate: 60 }, 5);
      const failed = once(cache, 'error');
      const failing = async () => {
        throw new Error('the database is down');
      };
      expect(await ask(failing)).toBe('old');
      expect(await failed).toMatchObject({ operation: 'factory', error: { message: 'the database is down' } });
      const stored = once(cache, 'set');
      expect(await ask(() => 'new')).toBe('old');
      await stored;
      expect(await ask(failing)).toBe('new');
    });

    it('is over when its seconds are', async () => {
      const { ask } = await withStale({ staleWhileRevalidate: 60 }, 60);
      expect(await ask(() => 'new')).toBe('new');
    });

    it('may be for ever: the value is stale from its time on all the same', async () => {
      const { ask, clock } = await withStale({ staleWhileRevalidate: Number.POSITIVE_INFINITY }, 5);
      clock.advance(1e9);
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      expect(await ask(factory)).toBe('old');
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      made.resolve('new');
      await vi.waitFor(async () => expect(await ask(factory)).toBe('new'), { interval: 2 });
    });

    it('counts for the caller that asks for it alone: to others a stale value is none', async () => {
      const { cache, ask } = await withStale({ staleWhileRevalidate: 60 }, 5);
      expect(await cache.get('users:list', 'c')).toBeUndefined();
      expect(await cache.has('users:list', 'c')).toBe(false);
      expect(await cache.mget(['users:list'], 'c')).toEqual([undefined]);
      expect(await cache.delete('users:list', 'c')).toBe(false);
      await cache.getOrSet('n', () => 5, 'c', { ttl: 10, staleWhileRevalidate: 60 });
      expect(await ask(() => 'new', { staleWhileRevalidate: 0 })).toBe('new');
    });

    it('a number that is stale is no sum to go on from', async () => {
      const { cache, clock } = await withStale({ staleWhileRevalidate: 60 }, 0);
      await cache.getOrSet('n', () => 5, 'c', { ttl: 10, staleWhileRevalidate: 60 });
      expect(await cache.increment('n', 1, 'c')).toBe(6);
      await cache.getOrSet('m', () => 5, 'c', { ttl: 10, staleWhileRevalidate: 60 });
      clock.advance(11);
      expect(await cache.increment('m', 1, 'c')).toBe(1);
      // A counter has no time beyond its own.
      expect(await cache.get('n', 'c')).toBeUndefined();
    });

    it.each(INVALIDATIONS)('is outranked by an invalidation: %s', async (_how, invalidate) => {
      const { caches, ask } = await withStale({ staleWhileRevalidate: 60, staleIfError: 60 }, 5);
      await invalidate(caches[1]);
      expect(await ask(() => 'new')).toBe('new');
    });
  });

  describe('staleIfError', () => {
    const failing = vi.fn(async (): Promise<string> => {
      throw new Error('the database is down');
    });

    it('stands in for a factory that fails, for all who wait for it, and counts each once', async () => {
      const { cache, ask } = await withStale({ staleIfError: 60 }, 5);
      const errors = vi.fn();
      cache.on('error', errors);
      const asked = [ask(failing), ask(failing)];
      expect(await Promise.all(asked)).toEqual(['old', 'old']);
      expect(errors).toHaveBeenCalledWith(expect.objectContaining({ operation: 'factory' }));
      expect(cache.getStats()).toMatchObject({ hits: 2, stale: 2, misses: 1, totalRequests: 3 });
      expect(await ask(() => 'new')).toBe('new');
      expect(cache.getStats()).toMatchObject({ hits: 2, misses: 2, totalRequests: 4 });
    });

    it('is over when its seconds are', async () => {
      const { ask } = await withStale({ staleIfError: 60 }, 60);
      await expect(ask(failing)).rejects.toThrow('the database is down');
    });

    it('does not bring back what is invalidated while the factory runs', async () => {
      const { cache, ask } = await withStale({ staleIfError: 60 }, 5);
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      const asked = ask(factory);
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      await cache.invalidateByTags(['users'], 'c');
      made.reject(new Error('the database is down'));
      await expect(asked).rejects.toThrow('the database is down');
      expect(cache.getStats()).toMatchObject({ hits: 0, misses: 2 });
    });

    it('softTimeout: stands in for a factory that is slow, whose value is kept when it comes', async () => {
      const { cache, ask } = await withStale({ staleIfError: 60 }, 5);
      const made = deferred<string>();
      expect(await ask(() => made.promise, { softTimeout: 1 })).toBe('old');
      expect(cache.getStats()).toMatchObject({ hits: 1, stale: 1 });
      const stored = once(cache, 'set');
      made.resolve('new');
      await stored;
      expect(await cache.get('users:list', 'c')).toBe('new');
    });

    it('softTimeout: tells of a factory that fails when its caller has been given what is stale', async () => {
      const { cache, ask } = await withStale({ staleIfError: 60 }, 5);
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      expect(await ask(factory, { softTimeout: 1 })).toBe('old');
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      const failed = once(cache, 'error');
      made.reject(new Error('the database is down'));
      expect(await failed).toMatchObject({ operation: 'factory', error: { message: 'the database is down' } });
    });

    it.each([true, false])(
      'softTimeout: who may not have it any more waits for as long as hardTimeout says in all (in time: %s)',
      async (inTime) => {
        const { cache, ask } = await withStale({ staleIfError: 60 }, 5);
        const [soft, hard] = [123_456, 234_567];
        const late = new Map<number | undefined, () => void>();
        const { setTimeout: set } = globalThis;
        const setting = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((
          call: (...more: unknown[]) => void,
          ms?: number,
          ...more: unknown[]
        ) => {
          if (ms !== soft && ms !== hard - soft) return set(call, ms, ...more);
          late.set(ms, () => call(...more));
          return undefined;
        }) as typeof setTimeout);
        try {
          const made = deferred<string>();
          const asked = ask(() => made.promise, { softTimeout: soft, hardTimeout: hard });
          await vi.waitFor(() => expect(late.has(soft)).toBe(true));
          await cache.invalidateByTags(['users'], 'c');
          late.get(soft)!();
          await vi.waitFor(() => expect(late.has(hard - soft)).toBe(true));
          if (inTime) made.resolve('new');
          else late.get(hard - soft)!();
          if (inTime) expect(await asked).toBe('new');
          else await expect(asked).rejects.toThrow(TimeoutError);
          expect(cache.getStats()).toMatchObject({ hits: 0, misses: 2 });
        } finally {
          setting.mockRestore();
        }
      },
    );

    it('hardTimeout: stands in too', async () => {
      const { ask } = await withStale({ staleIfError: 60 }, 5);
      expect(await ask(() => NEVER, { hardTimeout: 1 })).toBe('old');
    });
  });

  it('staleIfError may be for ever', async () => {
    const { ask, clock } = await withStale({ staleIfError: Number.POSITIVE_INFINITY }, 5);
    clock.advance(1e9);
    expect(await ask(() => Promise.reject(new Error('the database is down')))).toBe('old');
  });

  describe('hardTimeout', () => {
    it('rejects where nothing stands in; what is made later is kept', async () => {
      const cache = bench.open();
      const made = deferred<string>();
      const asked = cache.getOrSet('slow', () => made.promise, 'c', { hardTimeout: 1, softTimeout: 1 });
      await expect(asked).rejects.toThrow(TimeoutError);
      await expect(asked).rejects.toThrow('the factory took longer than 1 ms');
      const stored = once(cache, 'set');
      made.resolve('late');
      await stored;
      expect(await cache.get('slow', 'c')).toBe('late');
    });

    it('tells of a factory that fails when nobody waits any more', async () => {
      const cache = bench.open();
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      const asked = cache.getOrSet('slow', factory, 'c', { hardTimeout: 1 });
      await expect(asked).rejects.toThrow(TimeoutError);
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      const failed = once(cache, 'error');
      made.reject(new Error('the database is down'));
      expect(await failed).toMatchObject({ operation: 'factory', error: { message: 'the database is down' } });
    });

    it('is the caller’s own: another one who waits for the same run goes on', async () => {
      const cache = bench.open();
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      const patient = cache.getOrSet('slow', factory, 'c');
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      await expect(cache.getOrSet('slow', factory, 'c', { hardTimeout: 1 })).rejects.toThrow(TimeoutError);
      made.resolve('late');
      expect(await patient).toBe('late');
      expect(factory).toHaveBeenCalledTimes(1);
    });

    it('has no factory run for who has waited for another that hangs, and waits no more', async () => {
      const cache = bench.open({ collapseTimeout: 100 });
      const hanging = vi.fn(() => NEVER);
      const patient = cache.getOrSet('hangs', hanging, 'c').catch(() => {});
      await vi.waitFor(() => expect(hanging).toHaveBeenCalled());
      const factory = vi.fn(() => 'late');
      const asked = Array.from({ length: 20 }, () => cache.getOrSet('hangs', factory, 'c', { hardTimeout: 1 }));
      const answers = await Promise.allSettled(asked);
      expect(answers.every((each) => each.status === 'rejected' && each.reason instanceof TimeoutError)).toBe(true);
      // It comes to wait after them, and so it waits in vain after them.
      const last = vi.fn(() => 'last');
      expect(await cache.getOrSet('hangs', last, 'c')).toBe('last');
      expect(factory).not.toHaveBeenCalled();
      expect(hanging).toHaveBeenCalledTimes(1);
      void patient;
    });

    it('may be longer than a timer can wait', async () => {
      const made = deferred<string>();
      const factory = vi.fn(() => made.promise);
      const asked = bench.cache().getOrSet('slow', factory, 'c', { hardTimeout: 2 ** 31 });
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      // Such a timer fires after 1 ms, and so before one that is set now for 2.
      setTimeout(() => made.resolve('made'), 2);
      expect(await asked).toBe('made');
    });

    it('leaves no timer behind, for which a script would live on', async () => {
      const [setting, clearing] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
      try {
        await bench.cache().getOrSet('n', () => 1, 'c', { hardTimeout: 123_456 });
        const timer = setting.mock.results[setting.mock.calls.findIndex(([, ms]) => ms === 123_456)];
        expect(clearing).toHaveBeenCalledWith(timer!.value);
      } finally {
        setting.mockRestore();
        clearing.mockRestore();
      }
    });

    it('lets a TimeoutError of the factory’s own pass', async () => {
      const { ask } = await withStale({}, 5);
      const own = new TimeoutError('its own');
      await expect(ask(() => Promise.reject(own), { hardTimeout: 10_000 })).rejects.toBe(own);
    });
  });

  it.each([
    ['staleWhileRevalidate', -1, 'seconds'],
    ['staleIfError', Number.NaN, 'seconds'],
    ['softTimeout', 0, 'ms'],
    ['hardTimeout', '5', 'ms'],
  ])('option %s: %s is refused', async (name, value, unit) => {
    const asked = bench.cache().getOrSet('k', () => 1, 'c', { [name]: value });
    await expect(asked).rejects.toThrow(ConfigError);
    await expect(asked).rejects.toThrow(new RegExp(`option ${name} is .*; it takes a number of ${unit}`));
  });
}
