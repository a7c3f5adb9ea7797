import type { ResponseEntry } from './entry/entry.js';
import type { CacheEvents, Events, Reason, Tier } from './events.js';
import type { Plan } from './lookup/plan.js';
import type { Reply } from './lookup/reply.js';
import type { RequestView } from './request/request.js';
import type { Route } from './route.js';

/** How an answer came from the cache. */
export interface How {
  readonly collapsed?: boolean | undefined;
  readonly stale?: boolean | undefined;
  readonly tier?: Tier | undefined;
}

/** Reasons that say that the request itself could not have been answered from the cache. */
const BYPASSING: ReadonlySet<Reason | undefined> = new Set([
  ...(['method', 'begun', 'shadow'] as const),
  ...(['authorization', 'cookie', 'personal'] as const),
]);

/** How many bytes of a body leave with an answer. A text is as long as its bytes; these need not be made to be counted. */
export function bytesOf({ method }: RequestView, reply: Reply): number {
  return method === 'HEAD' ? 0 : ((reply.text ?? reply.body)?.length ?? 0);
}

/** What statistics call the route of a response: by the name that it was given, or else by its path. */
export function labelFor(name: string | undefined, { key }: Route, target: string): string {
  return name ?? (typeof key === 'string' ? key : pathOf(target));
}

/** Tells what became of one request: to whoever counts, and to whoever has made it. */
export class Account {
  readonly #events: Events;
  readonly #request: RequestView;
  readonly #opened = performance.now();
  #open: boolean;

  constructor(events: Events, request: RequestView) {
    this.#events = events;
    this.#request = request;
    this.#open = request.refreshing === undefined && request.warming === undefined;
  }

  /** Leaves the request out of the statistics. */
  exclude(): void {
    this.#open = false;
  }

  /** It was answered from the cache. `started`: when its lookup began; without it, when it came. */
  hit({ address }: Plan, { name }: ResponseEntry, reply: Reply, route: Route, how: How, started?: number): void {
    this.#request.warming?.tell('fresh');
    if (!this.#open) return;
    const { tenant, key } = address;
    const { tier, stale, collapsed } = how;
    const ms = performance.now() - (started ?? this.#opened);
    const about = { route: this.#label(name, route), request: this.#request, bytes: bytesOf(this.#request, reply) };
    this.#events.emit('hit', { source: 'http', tenant, key, ms, tier, stale, collapsed, ...about });
  }

  /**
   * Its handler ran. `plan`: where its answer would have been stored; `reason`: why it is not, if so; `because`: the same in the
   * handler's words.
   */
  handled(
    plan: Plan | undefined,
    reason: Reason | undefined,
    route: Route,
    because: string | undefined,
    revalidated?: boolean,
  ): void {
    if (reason !== undefined) this.#request.warming?.tell({ refused: reason });
    if (!this.#open) return;
    const request = this.#request;
    const label = this.#label(plan?.name, route);
    if (plan === undefined || BYPASSING.has(reason)) {
      const because = reason ?? 'unavailable';
      this.#events.emit('bypass', { tenant: plan?.address.tenant, reason: because, route: label, request });
      return;
    }
    const { tenant, key } = plan.address;
    const ms = performance.now() - this.#opened;
    const miss: CacheEvents['miss'] = { source: 'http', tenant, key, ms, route: label, request };
    if (reason !== undefined) miss.reason = reason;
    if (because !== undefined) miss.because = because;
    if (revalidated) miss.revalidated = true;
    this.#events.emit('miss', miss);
  }

  /** Its handler runs beside another request, which is the one that counts. `name`: that of what is stored. */
  refreshed({ address, name: planned }: Plan, name: string | undefined, route: Route): void {
    const { tenant, key } = address;
    this.#events.emit('refresh', { tenant, key, route: this.#label(name ?? planned, route) });
  }

  /** Hits and misses of a route are of one name: that of what is stored, or would be. */
  #label(name: string | undefined, route: Route): string {
    return labelFor(name, route, this.#request.target);
  }
}

function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark);
}
