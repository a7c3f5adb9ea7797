import { randomUUID } from 'node:crypto';
import { type Cache, type CacheEvents, ConfigError } from 'respcache';
import { describe, expect, it } from 'vitest';
import { valueEntry } from '../../../src/testing/suite/entries.js';
import { type Bench, manualClock } from '../backends.js';

const NOTHING = {
  hits: 0,
  misses: 0,
  sets: 0,
  deletes: 0,
  errors: 0,
  totalRequests: 0,
  hitRate: 0,
  averageHitTime: 0,
  averageSetTime: 0,
  bypassed: 0,
};

export function figuresSuite(bench: Bench): void {
  describe('the figures of all processes', () => {
    it('are those of each, added up', async () => {
      const prefix = `${randomUUID()}:`;
      const [a, b] = [bench.open({ prefix }), bench.open({ prefix })];
      await Promise.all([a.get('x', 'c'), b.get('x', 'c'), b.get('x', 'd')]);
      await b.statistics.publish();
      const shared = a.settings.redis !== undefined;
      const { processes, misses, tenants } = await a.statistics.report('fleet', true);
      expect([processes, misses]).toEqual(shared ? [2, 3] : [1, 1]);
      expect(tenants!.c).toMatchObject({ misses: shared ? 2 : 1 });
    });

    it('are found for as long as each of them stands, however often another process tells its own', async () => {
      const prefix = `${randomUUID()}:`;
      const [seldom, often] = [600, 1].map((publishInterval) => bench.open({ prefix, publishInterval })) as [
        Cache,
        Cache,
      ];
      await seldom.get('x', 'c');
      await seldom.statistics.publish();
      await often.statistics.publish();
      const { link } = seldom.services.backend;
      const left = await link?.client.pttl(`${prefix}{respcache}:stats`);
      // Four times its interval.
      if (left !== undefined) expect(left).toBeGreaterThan(2_300_000);
    });
  });

  describe('the statistics', () => {
    it('begin with nothing', () => {
      expect(bench.open().getStats()).toMatchObject(NOTHING);
    });

    it.each([
      ['', 'empty'],
      [5, '5'],
      [{ id: 'c' }, 'an object'],
    ])('are those of a client that is named: not %j', (client, shown) => {
      const cache = bench.cache();
      expect(() => cache.getStats(client as string)).toThrow(`clientId is ${shown}; it takes a text that is not empty`);
    });

    it('count what is found and what is not', async () => {
      const cache = bench.open();
      await cache.set('a', 1, 'c');
      await cache.get('a', 'c');
      await cache.get('missing', 'c');
      await cache.mget(['a', 'missing', 'a'], 'c');
      expect(cache.getStats()).toMatchObject({ hits: 3, misses: 2, totalRequests: 5, hitRate: 60, sets: 1, errors: 0 });
    });

    it.each([
      [1, 2, 33.33],
      [2, 1, 66.67],
      [1, 0, 100],
      [0, 3, 0],
      [5, 1, 83.33],
    ])('give the hit rate in percent: %i found and %i not is %f', async (hits, misses, hitRate) => {
      const cache = bench.open();
      await cache.set('a', 1, 'c');
      for (let i = 0; i < hits; i++) await cache.get('a', 'c');
      for (let i = 0; i < misses; i++) await cache.get('missing', 'c');
      expect(cache.getStats()).toMatchObject({ hits, misses, hitRate });
    });

    it('count a value that cannot be read as a miss, which is told of, and it is made anew', async () => {
      const cache = bench.open();
      const errors: string[] = [];
      cache.on('error', ({ operation }) => errors.push(operation));
      const { backend } = cache.services;
      const unreadable = { body: Buffer.from('no value'), expiresAt: Number.POSITIVE_INFINITY };
      const entry = valueEntry({ asOf: (await backend.sync())!, ...unreadable });
      await backend.write([{ key: 'client:c:a', entry }]);
      expect(await cache.get('a', 'c')).toBeUndefined();
      expect(errors).toEqual(['decode']);
      expect(cache.getStats()).toMatchObject({ hits: 0, misses: 1 });
      expect(await cache.getOrSet('a', () => 'made', 'c')).toBe('made');
      expect(await cache.get('a', 'c')).toBe('made');
    });

    it('do not count has', async () => {
      const cache = bench.open();
      await cache.has('a', 'c');
      expect(cache.getStats()).toMatchObject(NOTHING);
    });

    it('count a getOrSet as a miss and a set, or a hit', async () => {
      const cache = bench.open();
      await cache.getOrSet('a', () => 1, 'c');
      await cache.getOrSet('a', () => 1, 'c');
      expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1, sets: 1, totalRequests: 2, hitRate: 50 });
    });

    it('count each entry that is stored', async () => {
      const cache = bench.open();
      await cache.mset({ a: 1, b: 2, d: 3 }, 'c');
      expect(cache.getStats().sets).toBe(3);
    });

    it('count each removal and invalidation', async () => {
      const cache = bench.open();
      await cache.delete('a', 'c');
      await cache.invalidateKey('a', 'c');
      await cache.invalidateByTags(['t', 'u'], 'c');
      await cache.invalidatePattern('a*', 'c');
      await cache.invalidateTenant('c');
      await cache.clear();
      expect(cache.getStats().deletes).toBe(6);
    });

    it('take the time of hits and sets, in milliseconds', async () => {
      const cache = bench.open();
      const started = performance.now();
      await cache.set('a', 1, 'c');
      await cache.get('a', 'c');
      const most = performance.now() - started;
      const { averageHitTime, averageSetTime } = cache.getStats();
      expect(averageHitTime).toBeGreaterThan(0);
      expect(averageSetTime).toBeGreaterThan(0);
      expect(averageHitTime + averageSetTime).toBeLessThanOrEqual(most);
    });

    it('are kept for each client apart', async () => {
      const cache = bench.open();
      await cache.set('a', 1, 'one');
      await cache.get('a', 'one');
      await cache.get('a', 'client:two');
      await cache.delete('a', 'client:two');
      expect(cache.getStats('one')).toMatchObject({ hits: 1, misses: 0, sets: 1, deletes: 0, hitRate: 100 });
      expect(cache.getStats('client:two')).toMatchObject({ hits: 0, misses: 1, sets: 0, deletes: 1, hitRate: 0 });
      expect(cache.getStats('nobody')).toMatchObject(NOTHING);
      expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1, sets: 1, deletes: 1, hitRate: 50 });
    });

    it('are a copy', async () => {
      const cache = bench.open();
      cache.getStats().hits = 99;
      expect(cache.getStats().hits).toBe(0);
    });
  });

  describe('the health', () => {
    it('is good where the store answers and nothing failed', async () => {
      const cache = bench.open();
      await cache.set('a', 1, 'c');
      expect(await cache.health()).toEqual({
        status: 'healthy',
        store: bench.shared ? 'redis' : 'memory',
        reachable: true,
        breaker: 'closed',
        recentErrors: 0,
        stats: cache.getStats(),
      });
    });
  });

  describe('the events', () => {
    it('tell of what the programmatic API does', async () => {
      const cache = bench.open();
      const seen: [keyof CacheEvents, object][] = [];
      const kinds = ['hit', 'miss', 'set', 'purge', 'error', 'breaker', 'bypass', 'skip'] as const;
      for (const kind of kinds) cache.on(kind, (event) => seen.push([kind, event]));
      await cache.set('a', 'value', 'c');
      await cache.get('a', 'c');
      await cache.invalidateByTags(['t', 'u'], 'c');
      await cache.invalidatePattern('a', 'c');
      await cache.invalidateByTags(['t']);
      await cache.get('a', 'c');
      const ms = expect.any(Number);
      const kind = cache.settings.redis === undefined ? 'memory' : 'redis';
      expect(seen).toEqual([
        ['set', { tenant: 'c', key: 'client:c:a', ms, bytes: expect.any(Number) }],
        ['hit', { source: 'service', tenant: 'c', key: 'client:c:a', ms, bytes: expect.any(Number), tier: kind }],
        ['purge', { tags: 2, patterns: 0, tenant: 'c', durable: true }],
        ['purge', { tags: 0, patterns: 1, tenant: 'c', durable: true }],
        ['purge', { tags: 1, patterns: 0, tenant: undefined, durable: true }],
        ['miss', { source: 'service', tenant: 'c', key: 'client:c:a', ms }],
      ]);
    });

    it('are told until the listener is taken away', async () => {
      const cache = bench.open();
      let first = 0;
      let second = 0;
      const off = cache.on('miss', () => first++);
      cache.on('miss', () => second++);
      await cache.get('a', 'c');
      off();
      off();
      await cache.get('a', 'c');
      expect([first, second]).toEqual([1, 2]);
    });

    it('do not suffer from a listener that throws', async () => {
      const cache = bench.open();
      let told = 0;
      cache.on('miss', () => {
        throw new Error('a broken listener');
      });
      cache.on('miss', () => told++);
      expect(await cache.get('a', 'c')).toBeUndefined();
      expect(told).toBe(1);
    });
  });

  describe('the options', () => {
    it.each([
      ['ttl', 0],
      ['ttl', -1],
      ['ttl', Number.NaN],
      ['ttl', '60'],
      ['negativeTtl', -1],
      ['maxItems', 0],
      ['maxItems', 1.5],
      ['maxBytes', 0],
      ['timeout', 0],
      ['timeout', Number.NaN],
      ['prefix', 7],
      ['prefix', 'with {braces}'],
      ['redis', 'localhost:6379'],
      ['redis', 7],
      ['redis', null],
      ['unhealthyErrors', 0],
      ['tags', ['']],
    ])('that cannot be used are errors at construction: %s of %j', (name, value) => {
      const open = () => bench.open({ [name]: value });
      expect(open).toThrow(ConfigError);
      expect(open).toThrow(new RegExp(`^option ${name} is .*; it takes `));
    });

    it('that are misspelt are errors at construction', () => {
      expect(() => bench.open({ tll: 5 } as object)).toThrow(/option tll is 5; it takes no value/);
      expect(() => bench.open({ breaker: { failure: 5 } as object })).toThrow(/option breaker\.failure/);
    });

    it('are not changed, and may be frozen', async () => {
      const clock = manualClock();
      const options = Object.freeze({
        ttl: 5,
        tags: Object.freeze(['t']),
        breaker: Object.freeze({ failures: 1 }),
        clock,
      });
      const before = JSON.stringify(options);
      const cache = bench.open(options as object);
      await cache.set('a', 1, 'c');
      expect(JSON.stringify(options)).toBe(before);
    });
  });
}
