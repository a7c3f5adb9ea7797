import type { Clock } from '../clock.js';
import type { CacheEvents, Events, HitCounter, HitPlace, RequestSeen } from '../events.js';
import { routeLabel } from '../request/route-label.js';
import { type Counts, type Latency, noCounts, type Outcomes, type Stats, statsOf } from './figures.js';
import { Histogram, type HistogramData } from './histogram.js';
import { HitSums } from './hit-sums.js';
import { type Asked, Popular } from './popular.js';
import { type Ranked, Tallies } from './tallies.js';
import { type Slot, Timeline } from './timeline.js';

/** How many tenants and routes have figures of their own; the rest are counted together. */
const MOST_TENANTS = 1000;
const MOST_ROUTES = 200;

/** All that was counted, as numbers that can be added to those of other processes. */
export interface Snapshot {
  readonly all: Counts;
  readonly tenants: Record<string, Counts>;
  readonly routes: Record<string, Counts>;
  /** What was counted for tenants and routes beyond those that are named. */
  readonly other: { readonly tenants: Counts; readonly routes: Counts };
  readonly latency: { readonly [K in keyof Latency]: HistogramData };
  readonly slots: readonly Slot[];
  readonly popular: readonly Asked[];
}

/** How much of a snapshot is wanted. */
export interface Bounds {
  readonly tenants?: number;
  readonly routes?: number;
  readonly popular: number;
}

/** Counts what the events tell: for the cache as a whole, for each tenant, and for each route. */
export class Counters implements HitCounter {
  readonly #clock: Clock;
  readonly #all = noCounts();
  readonly #tenants = new Tallies(MOST_TENANTS);
  readonly #routes = new Tallies(MOST_ROUTES);
  readonly #timeline: Timeline;
  readonly #popular: Popular;
  readonly #sums: HitSums;
  readonly #latency: { readonly [K in keyof Latency]: Histogram } = {
    hit: new Histogram(),
    miss: new Histogram(),
    set: new Histogram(),
  };

  constructor(events: Events, clock: Clock) {
    this.#clock = clock;
    this.#timeline = new Timeline(clock);
    this.#popular = new Popular(clock);
    this.#sums = new HitSums({
      takeHits: (place, now) => this.#takeHits(place, now),
      takeTimes: (ms, times) => this.#latency.hit.add(ms, times),
    });
    events.countHits(this);
    events.on('miss', (miss) => this.#miss(miss));
    events.on('bypass', ({ tenant, reason, route }) => {
      this.#slot(clock.now()).bypass++;
      this.#each(tenant, route, (counts) => {
        counts.bypass++;
        because(counts, reason);
      });
    });
    events.on('set', ({ tenant, ms, bytes }) => {
      this.#latency.set.add(ms);
      this.#each(tenant, undefined, (counts) => {
        counts.sets++;
        counts.setTime += ms;
        counts.stored += bytes;
      });
    });
    events.on('skip', ({ tenant, route, reason }) => this.#each(tenant, route, (counts) => because(counts, reason)));
    events.on('purge', ({ tenant }) => this.#each(tenant, undefined, (counts) => counts.deletes++));
    events.on('refresh', ({ tenant, route }) => this.#each(tenant, route, (counts) => counts.refreshes++));
    events.on('shadow', ({ tenant, route, differences }) =>
      this.#each(tenant, route, (counts) => {
        counts.compared++;
        if (differences.length > 0) counts.different++;
      }),
    );
    events.on('error', () => this.#all.errors++);
  }

  /** What was counted for all; not to be changed. */
  get counts(): Readonly<Counts> {
    this.#sums.settle();
    return this.#all;
  }

  /** How long hits, misses and storing took. */
  get latency(): { readonly [K in keyof Latency]: Histogram } {
    this.#sums.settle();
    return this.#latency;
  }

  /** The figures of all, or of one tenant by its escaped name. */
  read(tenant?: string): Stats {
    this.#sums.settle();
    return statsOf(tenant === undefined ? this.#all : (this.#tenants.get(tenant) ?? noCounts()));
  }

  /** The URLs that were most asked for in the last hour. */
  popular(most: number): readonly Asked[] {
    return this.#popular.top(most);
  }

  /** What was counted for tenants, by escaped name: the `most` of them that were most asked. */
  tenants(most?: number): Ranked {
    this.#sums.settle();
    return this.#tenants.top(most);
  }

  /** The same for routes. */
  routes(most?: number): Ranked {
    this.#sums.settle();
    return this.#routes.top(most);
  }

  snapshot(bounds: Bounds): Snapshot {
    const tenants = this.tenants(bounds.tenants);
    const routes = this.routes(bounds.routes);
    const { hit, miss, set } = this.latency;
    return {
      all: this.#all,
      tenants: tenants.named,
      routes: routes.named,
      other: { tenants: tenants.other, routes: routes.other },
      latency: { hit: hit.data(), miss: miss.data(), set: set.data() },
      slots: this.#timeline.slots(),
      popular: this.popular(bounds.popular),
    };
  }

  count(hit: CacheEvents['hit']): void {
    const { key, tenant, route, request, ms } = hit;
    const now = this.#clock.now();
    this.#latency.hit.add(ms);
    const slot = this.#slot(now);
    addHit(slot, hit);
    slot.hitTime += ms;
    this.#each(tenant, route, (counts) => {
      addHit(counts, hit);
      if (hit.tier !== undefined) counts[hit.tier]++;
      counts.served += hit.bytes;
      counts.hitTime += ms;
    });
    if (request !== undefined) this.#popular.add(key, tenant, request, now);
  }

  add(place: HitPlace, request: RequestSeen, bytes: number, ms: number, now: number): void {
    this.#sums.add(place, bytes, ms, now);
    this.#popular.add(place.key, place.tenant, request, now);
  }

  /** Hits that came by the short way: all of them fresh. */
  #takeHits({ tenant, route, tier, hits, bytes, ms }: HitPlace, now: number): void {
    const slot = this.#timeline.at(now);
    slot.fresh += hits;
    slot.hitTime += ms;
    const add = (counts: Counts) => {
      counts.fresh += hits;
      counts[tier] += hits;
      counts.served += bytes;
      counts.hitTime += ms;
    };
    this.#each(tenant, route, add, hits);
  }

  #miss(miss: CacheEvents['miss']): void {
    const { key, tenant, ms, reason, revalidated, route, request } = miss;
    const outcome = revalidated ? 'revalidated' : 'miss';
    this.#latency.miss.add(ms);
    const now = this.#clock.now();
    const slot = this.#slot(now);
    slot[outcome]++;
    slot.missTime += ms;
    this.#each(tenant, route, (counts) => {
      counts[outcome]++;
      counts.missTime += ms;
      if (reason !== undefined) because(counts, reason);
    });
    // What cannot be stored need not be warmed.
    if (reason === undefined && request !== undefined) this.#popular.add(key, tenant, request, now);
  }

  /** The place in the timeline of what is counted by itself. */
  #slot(now: number): Slot {
    this.#sums.reach(now);
    return this.#timeline.at(now);
  }

  /** `times`: how many requests it is that are counted. */
  #each(tenant: string | undefined, route: string | undefined, change: (counts: Counts) => void, times = 1): void {
    change(this.#all);
    if (tenant !== undefined) change(this.#tenants.of(tenant, times));
    if (route !== undefined) change(this.#routes.of(routeLabel(route), times));
  }
}

function because({ reasons }: Counts, reason: NonNullable<CacheEvents['miss']['reason']>): void {
  reasons[reason] = (reasons[reason] ?? 0) + 1;
}

function addHit(to: Outcomes, { stale, collapsed }: CacheEvents['hit']): void {
  if (stale) to.stale++;
  else if (collapsed) to.collapsed++;
  else to.fresh++;
}
