import { setImmediate as nextTurn } from 'node:timers/promises';
import { storeSuite } from 'respcache/testing';
import * as vitest from 'vitest';
import { holdingOf } from '../../src/entry/compact.js';
import { MemoryStore } from '../../src/stores/memory.js';
import { counterEntry, responseEntry, valueEntry } from '../../src/testing/suite/entries.js';

const { describe, expect, it } = vitest;

storeSuite(vitest, 'MemoryStore', (now) => {
  const store = new MemoryStore({ maxItems: 10_000, maxBytes: 100_000_000, clock: { now } });
  return { store, peer: store, dispose: async () => store.close() };
});

describe('the bounds of MemoryStore', () => {
  let now = 0;
  const made = (maxItems: number, maxBytes: number) =>
    new MemoryStore({ maxItems, maxBytes, clock: { now: () => now } });
  const ofBytes = (bytes: number) => valueEntry({ body: Buffer.alloc(bytes) });
  const put = (store: MemoryStore, key: string, bytes = 10) => store.set([{ key, entry: ofBytes(bytes) }]);

  it('it never holds more items than it may', () => {
    const store = made(10, 1_000_000);
    for (let i = 0; i < 1000; i++) {
      put(store, `k${i}`);
      expect(store.items).toBeLessThanOrEqual(10);
    }
    expect(store.items).toBe(10);
  });

  it('it never holds more bytes than it may, by its own count of all entries that it has', () => {
    const store = made(1_000_000, 50_000);
    for (let i = 0; i < 1000; i++) {
      put(store, `k${i % 300}`, (i * 37) % 4000);
      expect(store.bytes).toBeLessThanOrEqual(50_000);
    }
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    const held = store.get(keys).flatMap((entry, i) => (entry === undefined ? [] : [holdingOf(keys[i]!, entry).bytes]));
    expect(held.length).toBeGreaterThan(5);
    expect(held).toHaveLength(store.items);
    expect(store.bytes).toBe(held.reduce((sum, bytes) => sum + bytes, 0));
  });

  it('it never holds more bytes than it may, when counters grow and entries are replaced', () => {
    const store = made(1000, 2000);
    for (let i = 0; i < 200; i++) {
      const key = `n${i % 3}`;
      store.increment(key, 10 ** (i % 15), store.get([key])[0], counterEntry(10 ** (i % 15)));
      store.set([{ key: 'x', entry: ofBytes((i * 97) % 1500) }]);
      expect(store.bytes).toBeLessThanOrEqual(2000);
    }
  });

  it('it weighs at least what its bodies do', () => {
    const store = made(1000, 10_000_000);
    for (let i = 0; i < 10; i++) store.set([{ key: `k${i}`, entry: responseEntry({ body: Buffer.alloc(50_000) }) }]);
    expect(store.bytes).toBeGreaterThan(500_000);
  });

  it('what it is asked for stays, and the least recently used goes', () => {
    const store = made(3, 1_000_000);
    for (const key of ['a', 'b', 'c']) put(store, key);
    store.get(['a']);
    put(store, 'd');
    expect(store.get(['a', 'b', 'c', 'd']).map((entry) => entry !== undefined)).toEqual([true, false, true, true]);
  });

  it('what is come back to by its place stays, too', () => {
    const store = made(16, 1_000_000);
    for (let i = 0; i < 16; i++) put(store, `k${i}`);
    const slot = store.slot('k0')!;
    for (let i = 16; i < 64; i++) {
      put(store, `k${i}`);
      store.use(slot);
    }
    expect(slot.held).toBeDefined();
    expect(store.get(['k0', 'k1']).map((entry) => entry !== undefined)).toEqual([true, false]);
  });

  it.each<[how: string, go: (store: MemoryStore) => unknown]>([
    ['deleted', (store) => store.delete(['a'])],
    ['replaced', (store) => put(store, 'a')],
    ['swept', (store) => store.sweep('', () => true)],
    ['expired', (store) => store.get(['a'])],
    ['let go for others', (store) => ['b', 'c', 'd', 'e'].map((key) => put(store, key))],
  ])('the place of what is %s is empty', (how, go) => {
    const store = made(3, 10_000);
    now = 0;
    store.set([{ key: 'a', entry: valueEntry({ expiresAt: 5 }) }]);
    const slot = store.slot('a')!;
    expect(slot.held).toBeDefined();
    if (how === 'expired') now = 5;
    go(store);
    expect(slot.held).toBeUndefined();
  });

  it('a sweep lets others have their turn, and judges what has come meanwhile by itself', async () => {
    const store = made(10_000, 100_000_000);
    for (let i = 0; i < 1000; i++) put(store, `k${i}`);
    let turns = 0;
    let swept: number | undefined;
    const sweeping = store
      .sweep('', (key, entry) => {
        // What has left by then does not keep the rest.
        if (key === 'k511') store.delete(['k510']);
        return entry?.storedAt !== 7;
      })
      .then((removed) => {
        swept = removed;
      });
    store.set([{ key: 'k0', entry: valueEntry({ storedAt: 7 }) }]);
    store.delete(['k1']);
    for (; swept === undefined; turns++) await nextTurn();
    await sweeping;
    expect(turns).toBeGreaterThan(2);
    expect(swept).toBe(997);
    expect(store.items).toBe(1);
  });

  it('what is larger than all of it is not stored, and takes nothing with it but its older version', () => {
    const store = made(10, 10_000);
    put(store, 'a');
    put(store, 'b');
    put(store, 'a', 20_000);
    expect(store.get(['a', 'b']).map((entry) => entry !== undefined)).toEqual([false, true]);
    expect(store.bytes).toBeLessThanOrEqual(10_000);
  });

  it('what is expired goes at its read', () => {
    const store = made(10, 10_000);
    now = 0;
    store.set([{ key: 'a', entry: valueEntry({ expiresAt: 5 }) }]);
    now = 5;
    expect(store.get(['a'])).toEqual([undefined]);
    expect([store.items, store.bytes]).toEqual([0, 0]);
  });

  it('what is expired was not there when it is deleted', () => {
    const store = made(10, 10_000);
    now = 0;
    store.set([{ key: 'a', entry: valueEntry({ expiresAt: 5 }) }]);
    now = 5;
    expect(store.delete(['a'])).toBe(0);
    expect(store.items).toBe(0);
  });

  it('it is empty after close', () => {
    const store = made(10, 10_000);
    put(store, 'a');
    store.close();
    expect([store.items, store.bytes, store.get(['a'])]).toEqual([0, 0, [undefined]]);
  });

  it('any number of items may be allowed, when the bytes are the bound', () => {
    const store = made(Number.MAX_SAFE_INTEGER, 10_000);
    for (let i = 0; i < 100; i++) put(store, `k${i}`);
    expect(store.items).toBeGreaterThan(5);
    expect(store.bytes).toBeLessThanOrEqual(10_000);
  });

  it('no timer is set, however many entries wait for their end', () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const store = made(1000, 10_000_000);
    for (let i = 0; i < 1000; i++) put(store, `k${i}`);
    expect(timers()).toBe(before);
  });
});
