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

  it('reach a listener as often as it listens; who ends one ends that one, once', () => {
    const events = new Events();
    let heard = 0;
    const listener = () => heard++;
    const ends = [events.on('miss', listener), events.on('miss', listener)];
    const tell = () => events.emit('miss', { source: 'service', tenant: '', key: 'k', ms: 0 });
    for (const end of [() => {}, ends[0]!, ends[0]!, ends[1]!, ends[1]!]) {
      end();
      tell();
    }
    expect(heard).toBe(2 + 1 + 1);
  });

  it('go on where a listener throws, at once or later, and nobody hears of it', async () => {
    const cache = createCache({ redis: false });
    const unheard: unknown[] = [];
    const note = (error: unknown) => unheard.push(error);
    process.on('unhandledRejection', note);
    let heard = 0;
    const fails = () => {
      throw new Error('a listener');
    };
    cache.on('miss', fails);
    cache.on('miss', async () => fails());
    cache.on('miss', () => heard++);
    await cache.get('k', 'c');
    // Node tells of rejections when the turn is over.
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect([heard, unheard]).toEqual([1, []]);
    await cache.close();
  });

  it.each([
    [['hits', () => {}], /^event is "hits"; it takes 'hit' or 'miss' or /],
    [['toString', () => {}], /^event is "toString"; /],
    [['hit', 'log'], /^the listener of hit is "log"; it takes a function$/],
    [['hit'], /^the listener of hit is undefined; it takes a function$/],
  ])('are none, or have no listener: %j', (given, message) => {
    const cache = createCache({ redis: false });
    expect(() => cache.on(...(given as ['hit', () => void]))).toThrow(message);
    return cache.close();
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
