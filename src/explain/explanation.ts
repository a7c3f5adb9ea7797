import type { Reason } from '../events.js';
import type { PurgeTarget } from '../invalidation/tags.js';

/** A request to be explained: one that is made up, Express' `req`, or Koa's `ctx` or `ctx.req`. */
export interface ExplainRequest {
  /** Default `GET`. */
  readonly method?: string | undefined;
  /** A path with its query, or an absolute URL: `https://host/users?page=2` names the scheme and the Host, too. */
  readonly url: string;
  /** The URL before mounts took something off it; it goes before `url`. */
  readonly originalUrl?: string | undefined;
  /** Names in any case, or the `Headers` of `fetch`. `Host` is a part of the key. */
  readonly headers?: Headers | Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
  /** What functions among the options are called with. Default: the request, if it is a real one, else nothing. */
  readonly source?: unknown;
}

/** One question that the cache asks of a request, and what the answer is. */
export interface ExplanationStep {
  /**
   * What is asked about: `mount`; `method`, `target`, `upgrade` or `precondition`; `request`, `when`, `tenant`, `key`, `body`,
   * `credentials`, `redis` (it does not answer), `stored`, `variant`, `search`, `invalidated`, `fresh`, `shadow`,
   * `storable`; at the end `answer`.
   */
  readonly step: string;
  /** Whether it speaks for an answer from the cache. */
  readonly ok: boolean;
  /** A sentence. */
  readonly text: string;
}

/** A stored response, but for its body. */
export interface StoredEntry {
  readonly tier: 'memory' | 'redis';
  readonly status: number;
  /** The length of its body as it is kept: of one that is kept compressed, of all its compressed forms together. */
  readonly bytes: number;
  readonly contentType?: string;
  /** ms since 1970. */
  readonly storedAt: number;
  /** Seconds, as the field `Age` has it. */
  readonly age: number;
  /** Seconds for which it stays fresh; below zero: those for which it has been stale. For ever is 2,147,483,648. */
  readonly freshFor: number;
  /** Seconds for which it is kept, fresh or stale. */
  readonly keptFor: number;
  readonly tags: readonly string[];
  /** What the option `key` called it. */
  readonly name?: string;
  /** The request fields that it varies by. */
  readonly varies: readonly string[];
  /** Names in lower case; of several lines a list. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

/** The invalidation that a stored response did not survive. */
export interface KilledBy extends PurgeTarget {
  /** Its place in the ledger (`Receipt.sequence`); of one that waits for Redis the last place known. */
  readonly sequence: number;
  /** When it was, ms since 1970 by the ledger's clock. Of one that waits for Redis: now. */
  readonly at: number;
  /** It holds in this process already, and is not in Redis yet. */
  readonly pending?: true;
}

/** What would happen to a request, and why. It is plain data, fit for JSON. */
export interface Explanation {
  /**
   * `hit`: answered from the cache. `stale`: the same, with what is no longer fresh. `revalidate`: the handler is asked
   * if what is stored is still the same. `miss`: the handler runs, and its response may be stored. `bypass`: it passes.
   */
  readonly outcome: 'hit' | 'stale' | 'revalidate' | 'miss' | 'bypass';
  /** Why it passes the cache by, or why the handler's response could not be stored, as far as the request tells. */
  readonly reason?: Reason;
  /** Escaped, as keys have it; empty for requests that name none. */
  readonly tenant?: string;
  readonly key?: string;
  /** In the order in which the cache asks. */
  readonly steps: readonly ExplanationStep[];
  /** What is stored, whether or not it can be used. */
  readonly entry?: StoredEntry;
  readonly killedBy?: KilledBy;
}
