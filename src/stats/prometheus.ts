import { ConfigError } from '../errors.js';
import { shownTenant } from '../request/tenant.js';
import { type Counts, OUTCOMES } from './figures.js';
import type { Histogram } from './histogram.js';
import type { Statistics } from './statistics.js';
import type { Ranked } from './tallies.js';

/** A registry of prom-client's, 14 or newer: as much of it as is needed. */
export interface Registry {
  readonly contentType: string;
  /** All that is registered, as text. */
  metrics(): Promise<string>;
  /** A metric that is registered; asked for to see whether the registry was cleared. */
  getSingleMetric?(name: string): unknown;
  /** Takes a metric on. */
  registerMetric(metric: never): void;
}

/** Which figures also stand by name: `route`, `tenant`. Their number is bounded; the rest is `other`. */
export type MetricLabel = 'route' | 'tenant';

/** A cache whose figures are to be seen in a registry. */
export interface Source {
  /** What the label `cache` says: its prefix, or `default`. */
  readonly name: string;
  readonly statistics: Statistics;
  readonly labels: readonly MetricLabel[];
}

interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A metric as a registry asks for it: its values are worked out when they are wanted, and nothing before. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly aggregator: 'sum' | 'first' | 'max';
  get(): Promise<unknown>;
  reset(): void;
}

type Kind = Pick<Metric, 'help' | 'type'> & {
  /** By what caches of one name are put together, and processes of one machine in prom-client's cluster mode; `sum` if it is left out. */
  readonly aggregator?: 'max';
  values(source: Source, name: string): Value[];
};

/** The ends of a histogram's buckets, µs: 16 µs to 33 s. */
const ENDS = Array.from({ length: 22 }, (_, i) => 16 * 2 ** i);

const counter = (help: string, read: (counts: Counts) => number): Kind => ({
  help,
  type: 'counter',
  values: (source) => [{ labels: {}, value: read(source.statistics.counters.counts) }],
});
const gauge = (help: string, read: (facts: ReturnType<Statistics['facts']>) => number, aggregator?: 'max'): Kind => ({
  help,
  type: 'gauge',
  values: ({ statistics }) => [{ labels: {}, value: read(statistics.facts()) }],
  ...(aggregator === undefined ? {} : { aggregator }),
});
const histogram = (help: string, of: 'hit' | 'miss' | 'set'): Kind => ({
  help,
  type: 'histogram',
  values: ({ statistics }, name) => bucketsOf(name, statistics.counters.latency[of]),
});

const METRICS: Readonly<Record<string, Kind>> = {
  respcache_requests_total: {
    help: 'Requests by what became of them, each one once.',
    type: 'counter',
    values: ({ statistics }) => {
      const { counts } = statistics.counters;
      return OUTCOMES.map((outcome) => ({ labels: { outcome }, value: counts[outcome] }));
    },
  },
  respcache_not_stored_total: {
    help: 'Requests bypassed and responses not stored, by reason.',
    type: 'counter',
    values: ({ statistics }) =>
      Object.entries(statistics.counters.counts.reasons).map(([reason, value]) => ({ labels: { reason }, value })),
  },
  respcache_hits_by_tier_total: {
    help: 'Hits by where they were found.',
    type: 'counter',
    values: ({ statistics }) =>
      (['memory', 'redis'] as const).map((tier) => ({ labels: { tier }, value: statistics.counters.counts[tier] })),
  },
  respcache_route_requests_total: {
    help: 'Requests by route and by what became of them.',
    type: 'counter',
    values: ({ labels, statistics }) => (labels.includes('route') ? named('route', statistics.counters.routes()) : []),
  },
  respcache_tenant_requests_total: {
    help: 'Requests by tenant and by what became of them.',
    type: 'counter',
    values: ({ labels, statistics }) =>
      labels.includes('tenant') ? named('tenant', statistics.counters.tenants(), shownTenant) : [],
  },
  respcache_stored_total: counter('Entries stored.', ({ sets }) => sets),
  respcache_invalidations_total: counter('Invalidations.', ({ deletes }) => deletes),
  respcache_errors_total: counter('Failures that requests went on without.', ({ errors }) => errors),
  respcache_refreshes_total: counter('Runs of the application in the background.', ({ refreshes }) => refreshes),
  respcache_shadow_compared_total: counter('Hits compared in shadow mode.', ({ compared }) => compared),
  respcache_shadow_different_total: counter('Of those, how many differed.', ({ different }) => different),
  respcache_served_bytes_total: counter('Bytes of bodies served from the cache.', ({ served }) => served),
  respcache_stored_bytes_total: counter('Bytes of bodies stored.', ({ stored }) => stored),
  respcache_hit_seconds: histogram('From the beginning of a lookup to its answer.', 'hit'),
  respcache_miss_seconds: histogram('From a request to the head of its handler’s answer.', 'miss'),
  respcache_store_seconds: histogram('How long storing an entry took.', 'set'),
  respcache_memory_items: gauge('Entries kept in the process.', ({ store }) => store.items),
  respcache_memory_bytes: gauge('What they weigh.', ({ store }) => store.bytes),
  respcache_breaker_open: gauge(
    '1 while the breaker around Redis is open.',
    ({ store }) => Number(store.breaker === 'open'),
    'max',
  ),
  respcache_ledger_sequence: gauge('The last purge known, µs since 1970.', ({ ledger }) => ledger.sequence ?? 0, 'max'),
  respcache_ledger_lag_seconds: {
    help: 'How long ago all purges were known; since the process began, where they never were.',
    type: 'gauge',
    aggregator: 'max',
    values: ({ statistics }) => [{ labels: {}, value: statistics.unheard / 1000 }],
  },
};

const sources = new WeakMap<Registry, Map<Statistics, Source>>();

/**
 * Shows a cache's figures in a registry of prom-client's, once, however often it is told to. Several caches in one
 * registry are told apart by the label `cache`; those of one name are put together. Returns the function that takes them out
 * again.
 *
 * @throws {ConfigError} if it is no registry, or has metrics of these names already
 */
export function showIn(registry: Registry, source: Source): () => void {
  let all = sources.get(registry);
  if (all === undefined || wasCleared(registry)) {
    all ??= new Map();
    registerAll(registry, all);
    sources.set(registry, all);
  }
  const shown = all;
  const labels = [...new Set([...(shown.get(source.statistics)?.labels ?? []), ...source.labels])];
  shown.set(source.statistics, { ...source, labels });
  return () => shown.delete(source.statistics);
}

/** Whether a registry shows figures by name, of whichever cache, so that not everybody may see it. */
export function showsNames(registry: Registry): boolean {
  return [...(sources.get(registry)?.values() ?? [])].some(({ labels }) => labels.length > 0);
}

/** Applications clear a registry to begin anew, in their tests for instance. */
function wasCleared(registry: Registry): boolean {
  return registry.getSingleMetric !== undefined && registry.getSingleMetric('respcache_requests_total') === undefined;
}

function registerAll(registry: Registry, all: ReadonlyMap<Statistics, Source>): void {
  if (typeof (registry as Partial<Registry> | null)?.registerMetric !== 'function')
    throw new ConfigError('option registry', registry, 'a Registry of prom-client');
  for (const [name, kind] of Object.entries(METRICS)) {
    const aggregator = kind.aggregator ?? 'sum';
    const { help, type } = kind;
    // By the name that it has by then: where the registry speaks OpenMetrics it takes `_total` off, and puts it on each value.
    const get = async () => ({ name: metric.name, help, type, aggregator, values: valuesOf(name, kind, all) });
    const metric: Metric = { name, help, type, aggregator, get, reset: () => {} };
    register(registry, metric);
  }
}

function register(registry: Registry, metric: Metric): void {
  try {
    registry.registerMetric(metric as never);
  } catch (cause) {
    const error = new ConfigError('option registry', metric.name, 'a registry that has no metric of this name');
    throw Object.assign(error, { cause });
  }
}

/** The values of all caches; those with the same labels are one. */
function valuesOf(name: string, kind: Kind, all: ReadonlyMap<Statistics, Source>): Value[] {
  const sums = new Map<string, Value>();
  for (const source of all.values()) {
    for (const { metricName, labels, value } of kind.values(source, name)) {
      const full = { ...labels, cache: source.name };
      const key = JSON.stringify([metricName, Object.entries(full)]);
      const before = sums.get(key)?.value ?? 0;
      // Of places and states the sum says nothing: of two open breakers it would be 2.
      const both = kind.aggregator === 'max' ? Math.max(before, value) : before + value;
      sums.set(key, { ...(metricName === undefined ? {} : { metricName }), labels: full, value: both });
    }
  }
  return [...sums.values()];
}

function named(label: MetricLabel, { named, other }: Ranked, shown = (name: string): string => name): Value[] {
  const names = Object.entries(named).map(([name, each]) => [shown(name), each] as const);
  return [...names, ['other', other] as const].flatMap(([name, each]) =>
    OUTCOMES.map((outcome) => ({ labels: { [label]: name, outcome }, value: each[outcome] })),
  );
}

function bucketsOf(name: string, histogram: Histogram): Value[] {
  const buckets = ENDS.map((us) => ({
    metricName: `${name}_bucket`,
    labels: { le: us / 1_000_000 },
    value: histogram.countUpTo(us),
  }));
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: histogram.count },
    { metricName: `${name}_sum`, labels: {}, value: histogram.sum / 1000 },
    { metricName: `${name}_count`, labels: {}, value: histogram.count },
  ];
}
