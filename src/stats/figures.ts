import type { Reason, Tier } from '../events.js';
import type { Percentiles } from './histogram.js';

/** What became of requests, each one counted once: together they are all. */
export interface Outcomes {
  /** Answered from the cache, with what was fresh. */
  fresh: number;
  /** Answered from the cache, with what was no longer fresh: while it was made anew, or because the handler failed. */
  stale: number;
  /** Answered by the handler run of another request. */
  collapsed: number;
  /** The handler said that what is stored is still the same. */
  revalidated: number;
  /** The handler made the answer, which could have been stored. */
  miss: number;
  /** Passed through without a lookup that could have served it. */
  bypass: number;
}

export const OUTCOMES: readonly (keyof Outcomes)[] = ['fresh', 'stale', 'collapsed', 'revalidated', 'miss', 'bypass'];

/** The figures of a cache, or of one tenant. */
export interface Stats {
  /** Answers from the cache, of responses and of `get`s. */
  hits: number;
  /** Requests whose handler ran although they could have been answered from the cache, and `get`s without a value. */
  misses: number;
  /** Entries stored. */
  sets: number;
  /** Removals and invalidations. */
  deletes: number;
  /**
   * Failures of the store, the ledger, or a function of the options, each of which a request went on without; and of the
   * application's own, as far as nobody else is told: of a factory whose place a stale value took, and of a write behind, at each try.
   */
  errors: number;
  /** Everything that was asked: hits, misses and bypassed, each request once. */
  totalRequests: number;
  /** Hits in percent of hits and misses, two decimals; 0 before the first. */
  hitRate: number;
  /** Mean ms from the beginning of a lookup to its answer. */
  averageHitTime: number;
  /** Mean ms from the beginning of a request to the head of its handler's answer. */
  averageMissTime: number;
  /** Mean ms that storing an entry took. */
  averageSetTime: number;
  /** Hits that were answered by the handler run of another request. */
  collapsed: number;
  /** Hits that were answered with what was no longer fresh: while it was made anew, or because the handler failed. */
  stale: number;
  /** Misses whose handler said that what is stored is still the same. */
  revalidated: number;
  /** Requests passed through without being looked up, or too personal to be answered from the cache. */
  bypassed: number;
  /** The same requests by what became of them; the sum is `totalRequests`. */
  outcomes: Outcomes;
  /** Where hits came from: this process' memory, or Redis. Collapsed ones came from neither. */
  tiers: Record<Tier, number>;
  /** Bytes of bodies: `served` from the cache, and `stored`. */
  bytes: { served: number; stored: number };
  /** Runs of the application in the background. */
  refreshes: number;
  /** Hits that shadow mode has compared with the handler's answer, and how many of them differed. */
  shadow: { compared: number; different: number };
  /** Why requests were bypassed, and responses not stored: how many for each reason. */
  reasons: Partial<Record<Reason, number>>;
}

/** How long hits, misses and storing took, ms. */
export interface Latency {
  readonly hit: Percentiles;
  readonly miss: Percentiles;
  readonly set: Percentiles;
}

/** Numbers that only grow, as they are counted: those of several processes can be added up. */
export interface Counts extends Outcomes {
  sets: number;
  deletes: number;
  errors: number;
  memory: number;
  redis: number;
  served: number;
  stored: number;
  refreshes: number;
  compared: number;
  different: number;
  /** ms. */
  hitTime: number;
  missTime: number;
  setTime: number;
  reasons: Partial<Record<Reason, number>>;
}

/** Nothing counted yet. */
export function noCounts(): Counts {
  return {
    fresh: 0,
    stale: 0,
    collapsed: 0,
    revalidated: 0,
    miss: 0,
    bypass: 0,
    sets: 0,
    deletes: 0,
    errors: 0,
    memory: 0,
    redis: 0,
    served: 0,
    stored: 0,
    refreshes: 0,
    compared: 0,
    different: 0,
    hitTime: 0,
    missTime: 0,
    setTime: 0,
    reasons: {},
  };
}

/** Adds counts to others. Each by its name: by a list of their names it took three times as long, where routes are many. */
export function addCounts(to: Counts, more: Counts): Counts {
  to.fresh += more.fresh;
  to.stale += more.stale;
  to.collapsed += more.collapsed;
  to.revalidated += more.revalidated;
  to.miss += more.miss;
  to.bypass += more.bypass;
  to.sets += more.sets;
  to.deletes += more.deletes;
  to.errors += more.errors;
  to.memory += more.memory;
  to.redis += more.redis;
  to.served += more.served;
  to.stored += more.stored;
  to.refreshes += more.refreshes;
  to.compared += more.compared;
  to.different += more.different;
  to.hitTime += more.hitTime;
  to.missTime += more.missTime;
  to.setTime += more.setTime;
  for (const reason in more.reasons) {
    const of = reason as Reason;
    to.reasons[of] = (to.reasons[of] ?? 0) + more.reasons[of]!;
  }
  return to;
}

/** How many requests are behind counts. */
export function requestsIn({ fresh, stale, collapsed, revalidated, miss, bypass }: Counts): number {
  return fresh + stale + collapsed + revalidated + miss + bypass;
}

/** The figures that counts come to. */
export function statsOf(counts: Counts): Stats {
  const { fresh, stale, collapsed, revalidated, miss, bypass, sets, deletes, errors, refreshes } = counts;
  const hits = fresh + stale + collapsed;
  const misses = revalidated + miss;
  return {
    hits,
    misses,
    sets,
    deletes,
    errors,
    totalRequests: hits + misses + bypass,
    hitRate: hits + misses === 0 ? 0 : rounded((hits / (hits + misses)) * 100, 2),
    averageHitTime: mean(counts.hitTime, hits),
    averageMissTime: mean(counts.missTime, misses),
    averageSetTime: mean(counts.setTime, sets),
    collapsed,
    stale,
    revalidated,
    bypassed: bypass,
    outcomes: { fresh, stale, collapsed, revalidated, miss, bypass },
    tiers: { memory: counts.memory, redis: counts.redis },
    bytes: { served: counts.served, stored: counts.stored },
    refreshes,
    shadow: { compared: counts.compared, different: counts.different },
    reasons: { ...counts.reasons },
  };
}

/** Of none: 0. */
export function mean(sum: number, count: number): number {
  return count === 0 ? 0 : rounded(sum / count, 4);
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
