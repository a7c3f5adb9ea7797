// The store that fails when it is told to, as a store, and in a cache: what a cache does with a store of the caller's own.

import { createCache } from 'respcache';
import { ChaosStore, ManualClock, storeSuite } from 'respcache/testing';
import * as vitest from 'vitest';
import { MemoryStore } from '../../src/stores/memory.js';
import { valueEntry } from '../../src/testing/suite/entries.js';
import { counting, useNode } from '../adapters/node-host.js';

const { afterEach, describe, expect, it } = vitest;

storeSuite(vitest, 'ChaosStore', (now) => {
  const store = new ChaosStore(new MemoryStore({ maxItems: 10_000, maxBytes: 100_000_000, clock: { now } }));
  return { store, peer: store, dispose: () => store.close() };
});

const never = { expiresAt: Number.POSITIVE_INFINITY };

describe('trouble with a ChaosStore', () => {
  it('is for the operations that are named, until it is mended', async () => {
    const store = new ChaosStore();
    const error = new Error('disk full');
    await store.set([{ key: 'k', entry: valueEntry(never) }]);
    store.fail(error, 'get', 'ping');
    await expect(store.get(['k'])).rejects.toBe(error);
    await expect(store.ping()).rejects.toBe(error);
    await store.set([{ key: 'l', entry: valueEntry(never) }]);
    store.mend();
    expect(await store.get(['k', 'l'])).toEqual([valueEntry(never), valueEntry(never)]);
    expect(store.calls).toMatchObject({ get: 2, set: 2, ping: 1, delete: 0 });
  });

  it('is for all of them where none is named', async () => {
    const store = new ChaosStore();
    store.fail();
    await expect(store.set([])).rejects.toThrow('as it was told to');
    await expect(store.scan('').next()).rejects.toThrow('as it was told to');
    store.mend();
    await store.set([]);
  });

  it('ends, and what hangs goes on; what begins to hang later does not', async () => {
    const store = new ChaosStore();
    store.hang('set');
    let done = false;
    const setting = store.set([{ key: 'k', entry: valueEntry(never) }]).then(() => {
      done = true;
    });
    expect(await store.get(['k'])).toEqual([undefined]);
    expect(done).toBe(false);
    store.mend();
    await setting;
    expect(await store.get(['k'])).toEqual([valueEntry(never)]);
    store.hang('get');
    const getting = store.get(['k']);
    await store.close();
    expect(await getting).toBeDefined();
  });

  it('may be that it is slow, or forgets', async () => {
    const store = new ChaosStore();
    await store.set([{ key: 'k', entry: valueEntry(never) }]);
    store.slow(20, 'get');
    const began = performance.now();
    expect(await store.get(['k'])).toEqual([valueEntry(never)]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(19);
    store.mend();
    await store.forget();
    expect(await store.get(['k'])).toEqual([undefined]);
  });

  it('is by the clock that it is given', async () => {
    const clock = new ManualClock();
    const store = new ChaosStore(clock);
    const cache = createCache({ store, clock });
    await cache.set('k', 'v', 'client', { ttl: 60 });
    expect(await cache.get('k', 'client')).toBe('v');
    clock.forward(60);
    expect(await cache.get('k', 'client')).toBeUndefined();
    await cache.close();
  });

  it('is refused by name where it cannot be', () => {
    const store = new ChaosStore();
    expect(() => store.hang('read' as 'get')).toThrow('an operation of a store is "read"; it takes');
    expect(() => store.slow(-1)).toThrow('the ms of slow() is -1');
    expect(() => new ManualClock(Number.NaN)).toThrow('the start of a ManualClock is NaN');
    expect(() => new ManualClock().forward(Number.NaN)).toThrow('the seconds of forward() is NaN');
  });
});

describe('a cache on a store of the caller’s own', () => {
  const { serve } = useNode();
  const caches: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const cache of caches.splice(0)) await cache.close();
  });

  /** Its clock is the store's, too. */
  function made() {
    const clock = new ManualClock();
    const store = new ChaosStore(new MemoryStore({ maxItems: 100, maxBytes: 1_000_000, clock }));
    const cache = createCache({ store, clock, timeout: 20, breaker: { failures: 3, openFor: 1000 }, ttl: 60 });
    caches.push(cache);
    return { clock, store, cache };
  }

  async function served() {
    const { clock, store, cache } = made();
    const { withCache } = await import('respcache/node');
    const host = await serve('memory', () => withCache(counting(), { cache }));
    return { clock, store, cache, host };
  }

  it('answers from it, until that is too old or invalidated', async () => {
    const { host, clock, cache, store } = await served();
    expect(await host.texts('/x', 4)).toEqual(['run 1', 'run 1', 'run 1', 'run 1']);
    expect(store.calls.get).toBeGreaterThan(3);
    await cache.clear();
    expect(await host.texts('/x', 2)).toEqual(['run 2', 'run 2']);
    clock.forward(60);
    expect(await host.texts('/x', 2)).toEqual(['run 3', 'run 3']);
    await store.forget();
    expect(await host.texts('/x', 2)).toEqual(['run 4', 'run 4']);
    expect(cache.getStats()).toMatchObject({ errors: 0 });
  });

  it('keeps values in it', async () => {
    const { cache, clock } = made();
    await cache.set('k', new Map([[1, 2n]]), 'client', { ttl: 5 });
    expect(await cache.get('k', 'client')).toEqual(new Map([[1, 2n]]));
    expect(await cache.increment('n', 2, 'client')).toBe(2);
    expect(await cache.increment('n', 2, 'client')).toBe(4);
    clock.forward(5);
    expect(await cache.get('k', 'client')).toBeUndefined();
    await cache.invalidateTenant('client', { erase: true });
    expect(await cache.get('n', 'client')).toBeUndefined();
  });

  it.each(['fail', 'hang'] as const)(
    'answers by its handler while it does %s, and from it again afterwards',
    async (trouble) => {
      const { host, clock, store, cache } = await served();
      expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 1']);
      if (trouble === 'hang') store.hang();
      else store.fail();
      const asked = store.calls.get;
      expect(await host.texts('/x', 6)).toEqual([2, 3, 4, 5, 6, 7].map((run) => `run ${run}`));
      // After three failures in a row nothing is asked of it.
      expect(store.calls.get - asked).toBeLessThanOrEqual(3);
      expect((await cache.health()).breaker).toBe('open');
      store.mend();
      clock.forward(1);
      await host.ask('/x');
      const [first, second] = await host.texts('/x', 2);
      expect(second).toBe(first);
      expect((await cache.health()).breaker).toBe('closed');
    },
  );

  it('closes it', async () => {
    const { store, cache } = made();
    store.hang('get');
    const waiting = store.get(['k']);
    await cache.close();
    expect(await waiting).toEqual([undefined]);
  });

  it.each<[string, object, string]>([
    ['what is no store', { store: {} }, 'option store is {}; it takes an object with get, set, delete'],
    ['nothing', { store: null }, 'option store is null'],
    [
      'one that others share',
      { store: Object.assign(new ChaosStore(), { capabilities: { shared: true } }) },
      'other processes would not hear of what is invalidated here',
    ],
    ['one beside Redis', { store: new ChaosStore(), redis: 'redis://localhost' }, 'option redis is '],
  ])('refuses %s', (_, options, message) => {
    expect(() => createCache(options as never)).toThrow(message);
  });

  it('goes before what the environment says of Redis', async () => {
    vitest.vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1');
    const { cache, store } = made();
    await cache.set('k', 1, 'client');
    expect(store.calls.set).toBe(1);
    vitest.vi.unstubAllEnvs();
  });
});
