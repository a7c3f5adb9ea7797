import { Counter, type OpenMetricsContentType, Registry } from 'prom-client';
import { createCache } from 'respcache';
import { describe, expect, it } from 'vitest';
import { showIn } from '../../../src/stats/prometheus.js';
import { ManualClock } from '../../../src/testing/index.js';
import { freePort } from '../../support/port.js';

const sourceOf = (name: string) => {
  const cache = createCache({ redis: false });
  return { cache, source: { name, statistics: cache.statistics, labels: [] } };
};

describe('showIn', () => {
  it('shows the figures again in a registry that was cleared', async () => {
    const registry = new Registry();
    const { source } = sourceOf('shop');
    showIn(registry, source);
    registry.clear();
    showIn(registry, source);
    expect(await registry.metrics()).toContain('respcache_requests_total{');
  });

  it('adds up caches of one name, and tells others apart', async () => {
    const registry = new Registry();
    const [a, b, c] = [sourceOf('shop'), sourceOf('shop'), sourceOf('blog')];
    for (const { source } of [a, b, c]) showIn(registry, source);
    await a.cache.get('x', 'c');
    await b.cache.get('x', 'c');
    await c.cache.get('x', 'c');
    const text = await registry.metrics();
    expect(text).toContain('respcache_requests_total{outcome="miss",cache="shop"} 2\n');
    expect(text).toContain('respcache_requests_total{outcome="miss",cache="blog"} 1\n');
  });

  it('adds up no places and states: of caches of one name it says what is true of one of them', async () => {
    const registry = new Registry();
    const port = await freePort();
    const breaker = { failures: 1, openFor: 60_000 };
    const caches = [0, 1].map(() => createCache({ redis: { host: '127.0.0.1', port }, breaker }));
    for (const { statistics } of caches) showIn(registry, { name: 'shop', statistics, labels: [] });
    for (const cache of caches) await cache.get('x', 'c');
    for (const { cache, source } of [sourceOf('shop'), sourceOf('shop')]) {
      showIn(registry, source);
      caches.push(cache);
    }
    const receipts = await Promise.all(caches.slice(2).map((cache) => cache.clear()));
    const text = await registry.metrics();
    const of = (name: string) => Number(new RegExp(`^${name}\\{cache="shop"\\} (\\S+)$`, 'm').exec(text)?.[1]);
    expect(of('respcache_breaker_open')).toBe(1);
    expect(of('respcache_ledger_sequence')).toBe(Math.max(...receipts.map(({ sequence }) => sequence)));
    for (const cache of caches) await cache.close();
  });

  it('says since when all purges are not known, and of a process that never knew them, since it began', async () => {
    const registry = new Registry();
    const clock = new ManualClock();
    const cache = createCache({ redis: { host: '127.0.0.1', port: await freePort() }, clock });
    showIn(registry, { name: 'shop', statistics: cache.statistics, labels: [] });
    clock.forward(90);
    expect(await registry.metrics()).toContain('respcache_ledger_lag_seconds{cache="shop"} 90\n');
    await cache.close();
  });

  it('shows a cache once, however often it is told to', async () => {
    const registry = new Registry();
    const { cache, source } = sourceOf('shop');
    showIn(registry, source);
    const hide = showIn(registry, { ...source, labels: ['route'] });
    await cache.get('x', 'c');
    expect(await registry.metrics()).toContain('respcache_requests_total{outcome="miss",cache="shop"} 1\n');
    hide();
    expect(await registry.metrics()).not.toContain('cache="shop"');
  });

  it('names counters in OpenMetrics as the registry names its own', async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const { cache, source } = sourceOf('shop');
    showIn(registry, source);
    new Counter({ name: 'own_total', help: 'x', registers: [registry] }).inc();
    await cache.get('x', 'c');
    // A scrape is not the first one, either.
    for (let i = 0; i < 2; i++) {
      const text = await registry.metrics();
      expect(text).toContain('# TYPE own counter\nown_total 1\n');
      expect(text).toContain('# TYPE respcache_errors counter\nrespcache_errors_total{cache="shop"} 0\n');
      expect(text).toContain('respcache_requests_total{outcome="miss",cache="shop"} 1\n');
      expect(text).not.toContain('_total_total');
    }
  });

  it('gives what clusters of processes can add up', async () => {
    const registry = new Registry();
    const { cache, source } = sourceOf('shop');
    showIn(registry, source);
    await cache.get('x', 'c');
    const json = await registry.getMetricsAsJSON();
    const summed = json.find(({ name }) => name === 'respcache_requests_total');
    expect(summed).toMatchObject({ type: 'counter', aggregator: 'sum' });
  });

  it.each<[string, () => unknown]>([
    ['something else', () => ({})],
    ['nothing', () => null],
    [
      'one that has a metric of such a name already',
      () => {
        const registry = new Registry();
        new Counter({ name: 'respcache_errors_total', help: 'x', registers: [registry] });
        return registry;
      },
    ],
  ])('refuses %s', (_what, make) => {
    expect(() => showIn(make() as Registry, sourceOf('shop').source)).toThrow(/option registry is .*; it takes a/);
  });
});
