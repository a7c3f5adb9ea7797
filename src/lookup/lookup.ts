import type { Backend } from '../backend.js';
import type { Entry, IndexEntry, ResponseEntry } from '../entry/entry.js';
import type { Tier } from '../events.js';
import type { Forward } from '../http/cache-status.js';
import { parseHttpDate } from '../http/date.js';
import { type VariantOptions, variantKey } from '../http/vary.js';
import { remember } from '../remember.js';
import { barringCredentials, type Credentials } from '../request/eligibility.js';
import { type Address, responseSubject, variantAddress } from '../request/key.js';
import { after, type Fields, type MaybePromise } from '../types.js';

/** An entry that may be served. */
export interface Present {
  readonly entry: ResponseEntry;
  readonly varies: readonly string[];
  readonly index: IndexEntry | undefined;
  readonly tier: Tier;
  /** It is a stale copy: the store could not be asked for a fresher one. */
  readonly alone?: boolean;
}

/** Why there is none. */
export interface Absent {
  readonly entry?: undefined;
  readonly forward: Forward;
  readonly index: IndexEntry | undefined;
}

/** What a lookup came to. */
export type Found = Present | Absent;

/** What is looked for, and for whom. */
export interface Wanted extends VariantOptions {
  readonly address: Address;
  /** The rule that made the address' query shorter than the request's: only what goes by it will do. */
  readonly search: string | undefined;
  readonly request: Fields;
  readonly credentials: Credentials | undefined;
  /** Whether the order of languages that are liked equally counts. */
  readonly languageOrder: boolean;
  /** ms since 1970. */
  readonly now: number;
  /** Told of what is read, by whoever only wants to see it: then nothing is kept or remembered. The last word counts. */
  readonly watch?: (sight: Sight) => void;
}

/** What a lookup has before it as it chooses. */
export interface Sight {
  readonly tier: 'memory' | 'redis';
  readonly candidates: readonly Candidate[];
}

/** One of the responses that a lookup chooses from, and why it may not be chosen, if so. */
export interface Candidate {
  readonly entry: ResponseEntry;
  readonly varies: readonly string[];
  /** `credentials`: the request's may not be given it; `search`: it goes by another rule for queries. */
  readonly barred: 'credentials' | 'search' | 'invalidated' | undefined;
}

/** How many URLs are remembered with the fields that their responses vary by. */
const HINTS = 5000;

/**
 * Finds the response for a request. A URL whose responses vary has an index under its key and the variants beside it:
 * two reads, but for what this process remembers: which fields it were the last time. Then it is one.
 */
export class Lookup {
  readonly #backend: Backend;
  readonly #hints = new Map<string, readonly (readonly string[])[]>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * In this process if that is allowed, else in the store; what the store has given is kept here. Of what is stale here
   * another process may have stored a fresher one.
   */
  find(asked: Wanted): MaybePromise<Found> {
    const keys = this.#keys(asked);
    const near = this.#backend.near(keys) ?? this.#backend.nearInStep(keys);
    return after(near, (entries) => {
      const found = entries === undefined ? undefined : this.#among(entries, keys, asked, 'memory');
      if (found?.entry === undefined) return this.#findFar(keys, asked);
      if (found.entry.freshUntil > asked.now) return found;
      const far = this.#findFar(keys, asked);
      return far instanceof Promise ? far.catch(() => ({ ...found, alone: true })) : far;
    });
  }

  #findFar(keys: readonly string[], asked: Wanted): MaybePromise<Found> {
    const { address } = asked;
    const { kind, moment } = this.#backend;
    return after(this.#backend.read(keys), (entries) => {
      const [base] = entries;
      if (base?.kind === 'index' && asked.watch === undefined) remember(this.#hints, address.key, base.varies, HINTS);
      const found = this.#among(entries, keys, asked, kind);
      if (found !== undefined) return this.#kept(found, base, asked, moment);
      const wanted = base?.kind === 'index' ? [address.key, ...variantsOf(base.varies, asked)] : keys.slice(0, 1);
      return after(this.#backend.read(wanted.slice(1)), (variants) =>
        this.#kept(this.#among([base, ...variants], wanted, asked, kind)!, base, asked, moment),
      );
    });
  }

  /** The key of the URL, and those of the variants that it is remembered to have. */
  #keys(asked: Wanted): string[] {
    const { key } = asked.address;
    const varies = this.#hints.get(key);
    return varies === undefined ? [key] : [key, ...variantsOf(varies, asked)];
  }

  /** What is among the entries read; `undefined` if they are not the ones that the index leads to. */
  #among(
    entries: readonly (Entry | undefined)[],
    keys: readonly string[],
    asked: Wanted,
    tier: Sight['tier'],
  ): Found | undefined {
    const [base, ...variants] = entries;
    if (base === undefined) return { forward: 'uri-miss', index: undefined };
    if (base.kind !== 'index') {
      asked.watch?.({ tier, candidates: this.#judged([base], [[]], asked) });
      return this.#choose([base], [[]], asked, undefined, tier);
    }
    const wanted = variantsOf(base.varies, asked);
    if (wanted.join() !== keys.slice(1).join()) return undefined;
    asked.watch?.({ tier, candidates: this.#judged(variants, base.varies, asked) });
    return this.#choose(variants, base.varies, asked, base, tier);
  }

  /** Keeps what was found here. `moment`: when it was asked for. */
  #kept(found: Found, base: Entry | undefined, asked: Wanted, moment: number): Found {
    if (found.entry === undefined || base === undefined || asked.watch !== undefined) return found;
    const items = [{ key: asked.address.key, entry: base }];
    if (base.kind === 'index') items.push({ key: variantsOf([found.varies], asked)[0]!, entry: found.entry });
    this.#backend.keep(items, moment);
    return found;
  }

  /**
   * Of the responses that are valid and that this request may be given, the newest: of those that vary, if any does. One
   * that does not may only have forgotten to say so (RFC 9111 §4.1).
   */
  #choose(
    entries: readonly (Entry | undefined)[],
    varies: readonly (readonly string[])[],
    asked: Wanted,
    index: IndexEntry | undefined,
    tier: Tier,
  ): Found {
    let best: ResponseEntry | undefined;
    let dead: ResponseEntry | undefined;
    let fields: readonly string[] = [];
    for (const [i, entry] of entries.entries()) {
      if (entry?.kind !== 'response' || barrier(entry, asked) !== undefined) continue;
      const varying = varies[i] ?? [];
      if (best !== undefined && !isBetter(entry, varying, best, fields)) continue;
      if (!this.#stands(entry, asked)) {
        dead = entry;
        continue;
      }
      best = entry;
      fields = varying;
    }
    if (best !== undefined) return { entry: best, varies: fields, index, tier };
    return { forward: index !== undefined && this.#hasOthers(index, dead, asked) ? 'vary-miss' : 'uri-miss', index };
  }

  /**
   * Whether there are variants beside the request's own, which may be dead. The index is as old as what was stored last: what
   * has been invalidated since then, by what reaches this URL or its own variant, is dead in all of them.
   */
  #hasOthers({ asOf }: IndexEntry, dead: ResponseEntry | undefined, { address }: Wanted): boolean {
    const subject = responseSubject(address, dead ?? { tags: [], name: undefined });
    return this.#backend.ledger.stands(subject, asOf);
  }

  /** Each of them by itself, for explanations. */
  #judged(entries: readonly (Entry | undefined)[], varies: readonly (readonly string[])[], asked: Wanted): Candidate[] {
    return entries.flatMap((entry, i) => {
      if (entry?.kind !== 'response') return [];
      const barred = barrier(entry, asked) ?? (this.#stands(entry, asked) ? undefined : 'invalidated');
      return [{ entry, varies: varies[i] ?? [], barred }];
    });
  }

  #stands(entry: ResponseEntry, { address }: Wanted): boolean {
    const subject = responseSubject(address, entry);
    return this.#backend.ledger.stands(subject, entry.asOf);
  }
}

/** When a response was made, by its own word (RFC 9111 §4): ms since 1970. */
function madeAt({ headers, storedAt }: ResponseEntry): number {
  const line = headers.find(([name]) => name.toLowerCase() === 'date');
  return (line && parseHttpDate(String(line[1]), storedAt)) ?? storedAt;
}

function isBetter(
  entry: ResponseEntry,
  varies: readonly string[],
  best: ResponseEntry,
  fields: readonly string[],
): boolean {
  if (varies.length > 0 !== fields.length > 0) return varies.length > 0;
  return madeAt(entry) > madeAt(best);
}

/** The keys of the variants that a request would have, by each of several sets of fields. */
function variantsOf(varies: readonly (readonly string[])[], asked: Wanted): string[] {
  const { address, request } = asked;
  return varies.map((fields) => variantAddress(address.key, variantKey(fields, request, asked)));
}

/** Why a request may not be given a response, whether or not it is still valid. */
function barrier(entry: ResponseEntry, { credentials, search }: Wanted): 'credentials' | 'search' | undefined {
  if (!isShared(entry, credentials)) return 'credentials';
  return search !== undefined && entry.search !== search ? 'search' : undefined;
}

/** Whether a request with these credentials may be given a response that another request brought (RFC 9111 §3.5). */
function isShared({ sharedWith, keyed }: ResponseEntry, credentials: Credentials | undefined): boolean {
  return credentials === undefined || barringCredentials(credentials, sharedWith, keyed) === undefined;
}
