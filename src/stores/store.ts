import type { Entry } from '../entry/entry.js';
import type { MaybePromise } from '../types.js';

/** An entry and the storage key that it is kept under. */
export interface StoreItem {
  readonly key: string;
  readonly entry: Entry;
}

/** What adding to a counter came to: its new value, or that the entry is no longer the one that was judged. */
export type Increment = { readonly value: number } | 'changed' | 'not-a-number';

/** Says of a key found by a sweep whether it is to go. */
export type Dead = (key: string, entry: Entry | undefined) => boolean;

/** How far a sweep is: keys looked at, and removed. */
export interface SweepProgress {
  readonly scanned: number;
  readonly removed: number;
}

/** An entry that a scan has found, and how long its body is, bytes. */
export interface Found extends StoreItem {
  readonly bytes: number;
}

/** One step of a scan. */
export interface Scanned {
  readonly items: readonly Found[];
  /** How many have expired and are not among the items. */
  readonly expired: number;
  /** How many are no entries, or frames that cannot be read. */
  readonly unreadable: number;
}

/** What a scan is asked for. */
export interface ScanOptions {
  /** Whether entries come without their bodies: those are empty then. Default `false`. */
  readonly heads?: boolean;
  /** Which keys are looked at; the others are neither read nor counted. Default: all. */
  readonly wanted?: (key: string) => boolean;
}

/**
 * Where entries are kept. A store is dumb: it knows keys and absolute expiry times, and nothing of tenants, tags or
 * purges. It may forget anything at any time and fail in any way; the guard around it makes misses of its failures.
 */
export interface Store {
  readonly capabilities: {
    /** Other processes see the same entries. */
    readonly shared: boolean;
  };
  /** The entries under the keys, in their order; `undefined` for those that are missing, expired or unreadable. */
  get(keys: readonly string[]): MaybePromise<(Entry | undefined)[]>;
  /** Stores all items; what is already expired is left out. */
  set(items: readonly StoreItem[]): MaybePromise<void>;
  /** Removes keys and says how many there were. */
  delete(keys: readonly string[]): MaybePromise<number>;
  /**
   * Adds to a counter in one atomic step, keeping its expiry and stamp, if the entry is still `expected` apart from
   * its number; where `expected` is `undefined`, stores `fresh` if the key is still free.
   */
  increment(key: string, by: number, expected: Entry | undefined, fresh: Entry): MaybePromise<Increment>;
  /**
   * Puts `next` in the place of `expected` in one atomic step, and says whether it did: not if the entry has changed.
   * Where `expected` is `undefined`, the key must hold nothing that can be read.
   */
  swap(key: string, expected: Entry | undefined, next: Entry): MaybePromise<boolean>;
  /**
   * Removes the entries whose keys begin with `prefix` and that `dead` says are dead, in small steps that block
   * nobody. `dead` is given `undefined` for what is no entry. For maintenance, never on a request's way. Resolves with
   * how many were removed.
   */
  sweep(prefix: string, dead: Dead, onProgress?: (progress: SweepProgress) => void): MaybePromise<number>;
  /**
   * The entries whose keys begin with `prefix`, in small steps that block nobody, whatever the size of the entries. What
   * is there from beginning to end is found, perhaps twice; what comes or goes meanwhile may be. For maintenance, never
   * on a request's way. Rejects if the store cannot be reached.
   */
  scan(prefix: string, options?: ScanOptions): AsyncIterable<Scanned>;
  /** Rejects if the store cannot be reached. */
  ping(): MaybePromise<void>;
  /** Closes what the store opened itself. */
  close(): MaybePromise<void>;
}
