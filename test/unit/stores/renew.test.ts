import { ManualClock } from 'respcache/testing';
import { beforeEach, expect, it } from 'vitest';
import type { Entry, ResponseEntry } from '../../../src/entry/entry.js';
import { MemoryStore } from '../../../src/stores/memory.js';
import { renew } from '../../../src/stores/renew.js';
import { stored } from '../made.js';

let store: MemoryStore;
const KNOWN = stored({ expiresAt: Infinity });
const NEXT: ResponseEntry = { ...KNOWN, storedAt: KNOWN.storedAt + 2000, cost: 2 };

beforeEach(() => {
  store = new MemoryStore({ maxItems: 10, maxBytes: 10_000, clock: new ManualClock() });
});

const put = (entry: Entry) => store.set([{ key: 'k', entry }]);
const renewed = (...more: Entry[]) =>
  renew(
    store,
    [...more.map((entry, i) => ({ key: `more ${i}`, entry })), { key: 'k', entry: NEXT }],
    KNOWN,
    NEXT.storedAt,
  );

it('takes the place of what it was made of', () => {
  put(KNOWN);
  expect(renewed()).toBe(true);
  expect(store.read('k')).toMatchObject({ cost: 2 });
});

it('takes the place of the same in another form, and of what is older', () => {
  for (const other of [
    { ...KNOWN, body: Buffer.from('other') },
    { ...KNOWN, storedAt: KNOWN.storedAt - 1, cost: 1 },
  ]) {
    put(other);
    expect(renewed()).toBe(true);
    expect(store.read('k')).toMatchObject({ cost: 2 });
  }
});

it('is stored where that has gone', () => {
  expect(renewed()).toBe(true);
  expect(store.read('k')).toMatchObject({ cost: 2 });
});

it('leaves what is newer, and what leads there', () => {
  put({ ...KNOWN, storedAt: KNOWN.storedAt + 1000, cost: 1 });
  expect(renewed(KNOWN)).toBe(false);
  expect(store.read('k')).toMatchObject({ cost: 1 });
  expect(store.read('more 0')).toBeUndefined();
});

it('takes the place of what is of a time still to come: the clock was put back since', () => {
  put({ ...KNOWN, storedAt: NEXT.storedAt + 3_600_000, cost: 1 });
  expect(renewed()).toBe(true);
  expect(store.read('k')).toMatchObject({ cost: 2 });
});

it('brings what leads there with it', () => {
  put(KNOWN);
  expect(renewed(KNOWN)).toBe(true);
  expect(store.read('more 0')).toBeDefined();
});
