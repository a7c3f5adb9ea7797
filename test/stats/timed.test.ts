// How long hits took is told of each; of those from memory, which take as long as a look at the clock, some are timed.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { CacheEvents } from 'respcache';
import { afterAll, afterEach, expect, it } from 'vitest';
import { counting, STORES, useNode } from '../adapters/node-host.js';

const { wrap } = useNode();
const HITS = 40;

let heard: CacheEvents['hit'][] = [];
const listener = (event: unknown) => {
  heard.push(event as CacheEvents['hit']);
};
subscribe('respcache:hit', listener);
afterAll(() => unsubscribe('respcache:hit', listener));
afterEach(() => {
  heard = [];
});

it.each(STORES)('every hit has a time, and figures have every hit (%s)', async (store) => {
  const host = await wrap(store, counting());
  await host.texts('/', HITS + 1);
  expect(heard).toHaveLength(HITS);
  for (const { ms } of heard) expect(ms).toBeGreaterThan(0);
  const timed = new Set(heard.map(({ ms }) => ms));
  // Two may have taken as long by chance.
  if (store === 'redis') expect(timed.size).toBeGreaterThan(HITS * 0.8);
  else expect(timed.size).toBeLessThan(HITS / 4);
  expect(timed.size).toBeGreaterThan(3);
  expect(host.cache.getStats()).toMatchObject({ hits: HITS });
});
