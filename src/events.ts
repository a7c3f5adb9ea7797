import { type Channel, channel } from 'node:diagnostics_channel';
import type { Fields } from './types.js';

/**
 * Why a request was not looked up, or its response not stored. The same words stand in `Cache-Status` (`detail=…`),
 * in the statistics, and in the README's table.
 */
export type Reason =
  // The request may not be looked up.
  | 'method' // neither GET nor HEAD
  | 'target' // not a path and a query: `OPTIONS *`, an absolute URL, or one with a fragment
  | 'tenant' // the tenant cannot be resolved, or is required and missing
  | 'when' // the option `when` said no, threw, or gave what cannot be used
  | 'upgrade' // the connection is to be upgraded
  | 'precondition' // If-Match and If-Unmodified-Since are for the handler
  | 'body' // a GET or HEAD with a body, which is no part of the key unless a function makes it
  | 'key' // the option `key` or `identity` threw, or gave what cannot be used
  | 'begun' // a layer outside has sent the head of the answer already
  | 'shadow' // shadow mode asked the handler instead, and compared
  | 'request' // the client's Cache-Control said no-store (requestDirectives: 'honor')
  | 'only-if-cached' // the client's Cache-Control wanted nothing of the handler, and nothing is stored
  // The request is personal, and nothing says that the answer is not.
  | 'authorization'
  | 'cookie'
  | 'personal' // a field that the option `personal` names
  // The response may not be stored.
  | 'range' // a part was asked for, and the handler gave a part
  | 'head' // a HEAD has no body to keep
  | 'status'
  | 'handler' // res.cache.noStore()
  | 'no-store'
  | 'private'
  | 'no-cache'
  | 'set-cookie'
  | 'vary-star'
  | 'vary-changed' // a layer inside has changed a request field that the response varies by
  | 'not-fresh' // its lifetime is over as it leaves, or by its end
  | 'loop' // a redirect to a URL that has the same key
  | 'event-stream'
  | 'no-body' // Koa's own default answer
  | 'trailers'
  | 'too-large'
  | 'length-mismatch'
  | 'aborted'
  | 'tags' // the option `tags` threw, or gave what cannot be used
  | 'invalidated' // what it was made of was invalidated before it was done
  | 'unavailable'; // the ledger has no position to stamp: Redis has not been reached yet

/** Where an entry was found: in this process' memory, or in Redis. */
export type Tier = 'memory' | 'redis';

/** A request as its events tell of it. */
export interface RequestSeen {
  /** Path and query, as the client sent them. */
  readonly target: string;
  /** Names in lower case; of the request itself, so not to be changed, with its credentials: for logs leave out what is secret. */
  readonly headers: Fields;
  /** Whether its connection is encrypted. */
  readonly secure: boolean;
}

/** What requests that came through a middleware tell of themselves, and `get`s do not. */
export interface OfRequest {
  /** The name that the option `key` gave the response, or else the path. */
  route?: string;
  request?: RequestSeen;
}

/** How the handler's answer differs from the one that was stored for the same request. */
export interface ShadowDifference {
  /** `status`, `body`, or the name of a header field. */
  readonly what: string;
  /** What is stored, and what the handler says; of a body its length and a hash. */
  readonly stored: string;
  readonly fresh: string;
}

/**
 * What the cache tells while it works. Statistics, logs and metrics are made of these alone. `tenant` is as keys hold it: escaped, and
 * empty for requests that name none.
 */
export interface CacheEvents {
  /**
   * A request or a `get` was answered from the cache, or (`collapsed`) by the handler run of another one. `stale`: with
   * what was no longer fresh, while it is made anew, or because the handler failed. `bytes`: the body that left. `ms`: how
   * long it took until it was found; of requests that are answered from memory about every eighth is timed, and those after it
   * are told the same.
   */
  hit: OfRequest & {
    source: 'http' | 'service';
    tenant: string;
    key: string;
    ms: number;
    bytes: number;
    tier?: Tier | undefined;
    collapsed?: boolean | undefined;
    stale?: boolean | undefined;
  };
  /**
   * A request went to its handler, or a `get` found nothing. `reason`: why the answer is not stored, if so.
   * `because`: what the handler gave to `noStore()`; `revalidated`: it said that what is stored is still the same.
   */
  miss: OfRequest & {
    source: 'http' | 'service';
    tenant: string;
    key: string;
    ms: number;
    reason?: Reason;
    because?: string;
    revalidated?: boolean;
  };
  /** A request was passed through without a lookup that could have served it. */
  bypass: OfRequest & { tenant: string | undefined; reason: Reason };
  /** An entry was stored. `ms`: how long storing took; `bytes`: its body. */
  set: { tenant: string; key: string; ms: number; bytes: number };
  /**
   * A stored response is kept compressed from now on, in these codings. `ms`: how long that took, in the background;
   * `plainBytes`: its body as its handler gave it; `bytes`: all forms together.
   */
  compress: {
    tenant: string;
    key: string;
    ms: number;
    codings: readonly ('gzip' | 'br' | 'zstd')[];
    plainBytes: number;
    bytes: number;
  };
  /** A response was captured in vain. `because`: what the handler gave to `noStore()`. */
  skip: { tenant: string; key: string; reason: Reason; because?: string; route?: string };
  /** The application began to run in the background, to make an entry anew. */
  refresh: { tenant: string; key: string; route?: string };
  /**
   * Shadow mode has compared the handler's answer with what would have been served instead. Without `differences` they
   * were the same. `age`: seconds that the stored one had. `suspect`: `stale`, if the data may have changed since it was stored;
   * `varies`, if the handler has answered the same request both ways since: then it is somebody else's answer (a leak), or
   * one that is different each time.
   */
  shadow: OfRequest & {
    tenant: string;
    key: string;
    age: number;
    differences: readonly ShadowDifference[];
    suspect?: 'stale' | 'varies';
  };
  /**
   * A write-behind write was persisted, at which `attempt`, its handler taking `ms`; or was given up, and is among the
   * dead letters, because of what `dead` says.
   */
  persist: { tenant: string; key: string; handler: string; id: string; attempt?: number; ms?: number; dead?: string };
  /** Something was invalidated. `durable`: whether every process is bound by it already. */
  purge: { tags: number; patterns: number; tenant: string | undefined; durable: boolean };
  /**
   * A store, the ledger, or a function among the options failed; the request went on without it. Or, as `factory` or
   * `write-behind`, what the application makes or persists did, and nobody else is told: these do not count for `health()`.
   */
  error: { operation: string; error: unknown };
  /** The breaker around the store opened or closed. */
  breaker: { state: 'open' | 'closed' };
}

/** A listener for one kind of event. */
export type Listener<K extends keyof CacheEvents> = (event: CacheEvents[K]) => void;

/** The kinds of events; each has a channel of `node:diagnostics_channel` of its name, `respcache:hit` and so on. */
export const EVENT_KINDS: readonly (keyof CacheEvents)[] = [
  'hit',
  'miss',
  'bypass',
  'set',
  'compress',
  'skip',
  'refresh',
  'shadow',
  'persist',
  'purge',
  'error',
  'breaker',
];

/** Of all caches in this process: who watches an application need not hold its caches. */
const CHANNELS = Object.fromEntries(EVENT_KINDS.map((kind) => [kind, channel(`respcache:${kind}`)])) as {
  readonly [K in keyof CacheEvents]: Channel;
};

/** Where hits come from again and again, and those of them that are not counted yet. */
export class HitPlace {
  readonly tenant: string;
  readonly key: string;
  readonly route: string;
  readonly tier: Tier;
  /** How many, the bytes of their bodies, and how long they took, ms. */
  hits = 0;
  bytes = 0;
  ms = 0;

  constructor(tenant: string, key: string, route: string, tier: Tier) {
    this.tenant = tenant;
    this.key = key;
    this.route = route;
    this.tier = tier;
  }
}

/** Who counts hits: by their events, or without any where nobody else listens, as a good part of a hit's time is to tell of it. */
export interface HitCounter {
  count(hit: CacheEvents['hit']): void;
  /** One more at a place. `bytes`: of its body; `ms`: how long it took; `now`: ms since 1970. */
  add(place: HitPlace, request: RequestSeen, bytes: number, ms: number, now: number): void;
}

/**
 * Tells listeners, and whoever has subscribed to the kind's diagnostics channel, what happened. A listener that throws,
 * or rejects, never reaches the request: its error is dropped.
 */
export class Events {
  readonly #listeners: { [K in keyof CacheEvents]?: Listener<K>[] } = {};
  #hits: HitCounter | undefined;

  /** Has hits counted, from now on. */
  countHits(counter: HitCounter): void {
    this.#hits = counter;
  }

  /** Adds a listener and returns the function that takes it away again. */
  on<K extends keyof CacheEvents>(kind: K, listener: Listener<K>): () => void {
    const all = this.#listeners as Record<K, Listener<K>[] | undefined>;
    all[kind] = [...(all[kind] ?? []), listener];
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const now = all[kind] ?? [];
      // One of them: the same function may listen several times.
      all[kind] = now.length > 1 ? now.toSpliced(now.indexOf(listener), 1) : undefined;
    };
  }

  emit<K extends keyof CacheEvents>(kind: K, event: CacheEvents[K]): void {
    if (kind === 'hit') this.#hits?.count(event as CacheEvents['hit']);
    this.#tell(kind, event);
  }

  /** Tells of one more hit at a place, as `emit` does, but makes an event of it only where somebody listens. */
  hitAt(place: HitPlace, request: RequestSeen, bytes: number, ms: number, now: number): void {
    this.#hits?.add(place, request, bytes, ms, now);
    if (this.#listeners.hit === undefined && !CHANNELS.hit.hasSubscribers) return;
    const { tenant, key, route, tier } = place;
    this.#tell('hit', { source: 'http', tenant, key, ms, bytes, tier, route, request });
  }

  #tell<K extends keyof CacheEvents>(kind: K, event: CacheEvents[K]): void {
    const told = CHANNELS[kind];
    // What a subscriber throws there, Node makes an uncaught exception of, as it does for all channels.
    if (told.hasSubscribers) told.publish(event);
    const list = this.#listeners[kind];
    if (list === undefined) return;
    for (const listener of list) {
      try {
        const told: unknown = listener(event);
        if (told instanceof Promise) told.catch(() => {});
      } catch {
        // A broken listener is its owner's concern; the response is not.
      }
    }
  }
}
