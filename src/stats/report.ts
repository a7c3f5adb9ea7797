import { shownTenant } from '../request/tenant.js';
import type { Snapshot } from './counters.js';
import { addCounts, type Counts, type Latency, mean, noCounts, type Outcomes, type Stats, statsOf } from './figures.js';
import type { Health } from './health.js';
import { Histogram } from './histogram.js';
import { mergeSlots, STEP } from './timeline.js';

/** Processes that are of another mind on what a part is leave each other's out. */
export const VERSION = 1;

/** How a process is, beside what it has counted. */
export interface Facts {
  /** When it began to count, ms since 1970. */
  readonly since: number;
  readonly status: Health['status'];
  /** How many errors there were within `errorWindow`, as `health()` counts them. */
  readonly recentErrors: number;
  readonly store: {
    readonly kind: 'memory' | 'redis';
    readonly breaker: 'open' | 'closed';
    /** How many entries are kept in the process, and how many may be. */
    readonly items: number;
    /** What they take of its memory, bytes, and how much they may. */
    readonly bytes: number;
    readonly maxItems: number;
    readonly maxBytes: number;
  };
  readonly ledger: {
    readonly epoch: string | undefined;
    /** The place of the last purge that it knows, µs since 1970. */
    readonly sequence: number | undefined;
    /** How long ago it was certain to know all, ms; `undefined`: never yet. */
    readonly lag: number | undefined;
    /** Whether it may judge by what it knows, without asking. */
    readonly current: boolean;
  };
}

/** What one process tells of itself. `version`: of this shape, which processes of other versions may not know. */
export interface Part {
  readonly version: typeof VERSION;
  readonly facts: Facts;
  readonly counted: Snapshot;
}

/** The requests of one step of the timeline. */
export interface TimelineSlot {
  /** When it began, ms since 1970. */
  readonly at: number;
  /** How many requests, by what became of them. */
  readonly outcomes: Outcomes;
  /** How long hits took on the average, ms; 0 where there were none. */
  readonly hitTime: number;
  /** The same of misses. */
  readonly missTime: number;
}

/** The figures of a cache as `statsRouter` shows them: of one process, or of all that share a Redis. */
export interface Report extends Stats, Facts {
  readonly scope: 'process' | 'fleet';
  /**
   * How many processes are in it. Of several the memory is added up, and status, breaker and ledger are those of the one
   * that is worst off.
   */
  readonly processes: number;
  /** When it was made, ms since 1970. */
  readonly now: number;
  readonly latency: Latency;
  readonly timeline: {
    /** How long a step is, seconds. */
    readonly step: number;
    /** The steps of the last quarter of an hour in which anything was asked, the oldest first. */
    readonly slots: readonly TimelineSlot[];
  };
  /** Whether whoever asks may see tenants and routes, and change things. */
  readonly authorized: boolean;
  /**
   * By name; the empty one is requests without. One of more than 200 characters stands as a hash. Only where whoever asks is authorised, like
   * the two that follow.
   */
  readonly tenants?: Readonly<Record<string, Stats>>;
  readonly routes?: Readonly<Record<string, Stats>>;
  /** What was counted for tenants and routes beyond those that are named: their number is bounded. */
  readonly other?: { readonly tenants: Stats; readonly routes: Stats };
}

/** Makes one report of what processes tell. */
export function reportOf(
  parts: readonly [Part, ...Part[]],
  about: { readonly scope: Report['scope']; readonly now: number; readonly authorized: boolean },
): Report {
  const sum = (of: (part: Snapshot) => Counts) => statsOf(sumOf(parts.map(({ counted }) => of(counted))));
  const merged = mergeSlots(
    parts.map(({ counted }) => counted.slots),
    about.now,
  );
  const slots = merged.map(({ step, hitTime, missTime, ...outcomes }) => ({
    at: step * STEP * 1000,
    outcomes,
    hitTime: mean(hitTime, outcomes.fresh + outcomes.stale + outcomes.collapsed),
    missTime: mean(missTime, outcomes.miss + outcomes.revalidated),
  }));
  const report: Report = {
    ...sum(({ all }) => all),
    ...factsOf(parts.map(({ facts }) => facts)),
    ...about,
    processes: parts.length,
    latency: { hit: spread(parts, 'hit'), miss: spread(parts, 'miss'), set: spread(parts, 'set') },
    timeline: { step: STEP, slots },
  };
  if (!about.authorized) return report;
  return {
    ...report,
    tenants: byName(
      parts.map(({ counted }) => counted.tenants),
      shownTenant,
    ),
    routes: byName(parts.map(({ counted }) => counted.routes)),
    other: { tenants: sum(({ other }) => other.tenants), routes: sum(({ other }) => other.routes) },
  };
}

/** How several processes are: together, or as the one that is worst off. */
function factsOf(all: readonly Facts[]): Facts {
  const [first] = all as [Facts];
  if (all.length === 1) return first;
  const sum = (of: (facts: Facts) => number) => all.reduce((so, facts) => so + of(facts), 0);
  const behind = all.reduce(
    (worst, { ledger }) => ((ledger.sequence ?? 0) < (worst.sequence ?? 0) ? ledger : worst),
    first.ledger,
  );
  const lags = all.map(({ ledger }) => ledger.lag);
  return {
    since: Math.min(...all.map(({ since }) => since)),
    status: WORST.find((status) => all.some((facts) => facts.status === status)) ?? first.status,
    recentErrors: sum((facts) => facts.recentErrors),
    store: {
      kind: first.store.kind,
      breaker: all.some(({ store }) => store.breaker === 'open') ? 'open' : 'closed',
      items: sum(({ store }) => store.items),
      bytes: sum(({ store }) => store.bytes),
      maxItems: sum(({ store }) => store.maxItems),
      maxBytes: sum(({ store }) => store.maxBytes),
    },
    ledger: {
      ...behind,
      lag: lags.includes(undefined) ? undefined : Math.max(...lags.map((lag) => lag ?? 0)),
      current: all.every(({ ledger }) => ledger.current),
    },
  };
}

const WORST = ['unhealthy', 'degraded', 'healthy'] as const;

function sumOf(all: readonly Counts[]): Counts {
  return all.reduce(addCounts, noCounts());
}

function spread(parts: readonly Part[], kind: keyof Latency): Latency[typeof kind] {
  const histogram = new Histogram();
  for (const { counted } of parts) histogram.merge(counted.latency[kind]);
  return histogram.percentiles();
}

function byName(
  all: readonly Readonly<Record<string, Counts>>[],
  shown: (name: string) => string = (name) => name,
): Record<string, Stats> {
  const sums = new Map<string, Counts>();
  for (const record of all)
    for (const [name, counts] of Object.entries(record))
      sums.set(name, addCounts(sums.get(name) ?? noCounts(), counts));
  return Object.fromEntries([...sums].map(([name, counts]) => [shown(name), statsOf(counts)]));
}
