import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createCache } from 'respcache';
import { describe, expect, it } from 'vitest';
import { EVENT_KINDS, Events } from '../../src/events.js';

describe('events', () => {
  it.each(EVENT_KINDS)('of the kind %s are also on the diagnostics channel of its name', (kind) => {
    const seen: unknown[] = [];
    const listener = (event: unknown) => seen.push(event);
    const event = { operation: 'x' } as never;
    subscribe(`respcache:${kind}`, listener);
    try {
      new Events().emit(kind, event);
    } finally {
      unsubscribe(`respcache:${kind}`, listener);
    }
    new Events().emit(kind, event);
    expect(seen).toEqual([event]);
    expect(seen[0]).toBe(event);
  });

  it('come from every cache in the process', async () => {
    const seen: unknown[] = [];
    const listener = (event: unknown) => seen.push((event as { key: string }).key);
    subscribe('respcache:miss', listener);
    const caches = [createCache({ redis: false, prefix: 'a:' }), createCache({ redis: false, prefix: 'b:' })];
    for (const cache of caches) await cache.get('k', 'c');
    unsubscribe('respcache:miss', listener);
    expect(seen).toEqual(['a:client:c:k', 'b:client:c:k']);
    await Promise.all(caches.map((cache) => cache.close()));
  });
});
