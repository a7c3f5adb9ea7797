import type { Events, Reason } from '../events.js';

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
  /** Failures of the store, the ledger, or a function of the options; each request went on without it. */
  errors: number;
  /** Everything that was asked: hits, misses and bypassed, each request once. */
  totalRequests: number;
  /** Hits in percent of hits and misses, two decimals; 0 before the first. */
  hitRate: number;
  /** Mean ms from the beginning of a lookup to its answer. */
  averageHitTime: number;
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
  /** Why requests were bypassed, and responses not stored: how many for each reason. */
  reasons: Partial<Record<Reason, number>>;
}

/** How many tenants have figures of their own; the rest are counted together. */
const MOST_TENANTS = 1000;

class Tally {
  hits = 0;
  misses = 0;
  sets = 0;
  deletes = 0;
  errors = 0;
  bypassed = 0;
  collapsed = 0;
  stale = 0;
  revalidated = 0;
  hitTime = 0;
  setTime = 0;
  readonly reasons: Partial<Record<Reason, number>> = {};

  because(reason: Reason | undefined): void {
    if (reason !== undefined) this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
  }

  toStats(): Stats {
    const { hits, misses, sets, deletes, errors, bypassed, collapsed, stale, revalidated } = this;
    return {
      hits,
      misses,
      sets,
      deletes,
      errors,
      totalRequests: hits + misses + bypassed,
      hitRate: hits + misses === 0 ? 0 : rounded((hits / (hits + misses)) * 100),
      averageHitTime: hits === 0 ? 0 : rounded(this.hitTime / hits, 4),
      averageSetTime: sets === 0 ? 0 : rounded(this.setTime / sets, 4),
      collapsed,
      stale,
      revalidated,
      bypassed,
      reasons: { ...this.reasons },
    };
  }
}

/** Counts what the events tell, for the cache as a whole and for each tenant. */
export class Counters {
  readonly #all = new Tally();
  readonly #tenants = new Map<string, Tally>();
  readonly #others = new Tally();

  constructor(events: Events) {
    events.on('hit', ({ tenant, ms, collapsed, stale }) =>
      this.#each(tenant, (tally) => {
        tally.hits++;
        if (collapsed) tally.collapsed++;
        if (stale) tally.stale++;
        tally.hitTime += ms;
      }),
    );
    events.on('miss', ({ tenant, reason, revalidated }) =>
      this.#each(tenant, (tally) => {
        tally.misses++;
        if (revalidated) tally.revalidated++;
        tally.because(reason);
      }),
    );
    events.on('bypass', ({ tenant, reason }) =>
      this.#each(tenant, (tally) => {
        tally.bypassed++;
        tally.because(reason);
      }),
    );
    events.on('set', ({ tenant, ms }) =>
      this.#each(tenant, (tally) => {
        tally.sets++;
        tally.setTime += ms;
      }),
    );
    events.on('skip', ({ tenant, reason }) => this.#each(tenant, (tally) => tally.because(reason)));
    events.on('purge', ({ tenant }) => this.#each(tenant, (tally) => tally.deletes++));
    events.on('error', () => this.#all.errors++);
  }

  /** The figures of all, or of one tenant by its escaped name. */
  read(tenant?: string): Stats {
    return (tenant === undefined ? this.#all : (this.#tenants.get(tenant) ?? new Tally())).toStats();
  }

  /** The figures by tenant (escaped names; the empty one is for requests without); `others` are those past the bound. */
  byTenant(): { tenants: Record<string, Stats>; others: Stats } {
    const tenants = Object.fromEntries([...this.#tenants].map(([tenant, tally]) => [tenant, tally.toStats()]));
    return { tenants, others: this.#others.toStats() };
  }

  #each(tenant: string | undefined, change: (tally: Tally) => void): void {
    change(this.#all);
    if (tenant !== undefined) change(this.#tally(tenant));
  }

  #tally(tenant: string): Tally {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    if (this.#tenants.size >= MOST_TENANTS) return this.#others;
    const tally = new Tally();
    this.#tenants.set(tenant, tally);
    return tally;
  }
}

function rounded(value: number, decimals = 2): number {
  return Number(value.toFixed(decimals));
}
