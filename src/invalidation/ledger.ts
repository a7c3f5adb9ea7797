import type { Position } from '../entry/entry.js';
import type { MaybePromise } from '../types.js';
import type { Cause } from './cause.js';
import type { Purge } from './purge-table.js';
import type { Entered } from './recent-purges.js';
import type { Subject } from './tags.js';

/** What an invalidation gives back. */
export interface Receipt {
  /** The purge's place in the ledger, µs since 1970 by its clock; while it is not durable, the last place that this process knows. */
  readonly sequence: number;
  /**
   * `true`: no process serves anything older from now on. `false`: the ledger could not be reached; this process obeys
   * already, and the purge is queued and goes to the others as soon as the ledger is back.
   */
  readonly durable: boolean;
}

/**
 * The record of everything that was ever invalidated. An entry is stamped with the position that its process knew
 * before the entry's making began, and stands as long as no later purge reaches it.
 */
export interface Ledger {
  /**
   * Brings this process up to the ledger's head as it is now, or later. Gives the stamp for what there is now: what is entered while
   * it asks is not in it. Rejects if the ledger cannot be reached.
   */
  sync(): MaybePromise<Position | undefined>;
  /** Whether this process may judge by what it knows, without asking: it has heard of the ledger lately enough. */
  isCurrent(): boolean;
  /** How long ago this process was certain to know all, ms; `undefined`: never yet. */
  lag(): number | undefined;
  /** What this process knows: the stamp for an entry whose making begins now. `undefined` before the first `sync`. */
  position(): Position | undefined;
  /** Grows with whatever this process learns that may make an entry invalid: at the same one, what stood still stands. */
  readonly revision: number;
  /** Whether an entry stamped with `asOf` is still valid, as far as this process knows. */
  stands(subject: Subject, asOf: Position): boolean;
  /**
   * Which purge has killed an entry stamped with `asOf`, as far as this process can tell; `'epoch'`: the ledger that it
   * was stamped by is gone; `undefined` where the entry stands, or nothing is known yet. For explanations.
   */
  whatKilled(subject: Subject, asOf: Position): Cause | 'epoch' | undefined;
  /** The newest purge that reaches a subject, whatever is stored; `undefined` if there was none. For explanations. */
  lastReaching(subject: Subject): Cause | undefined;
  /**
   * The stamp for what was begun at `asOf` by whoever has entered `own` meanwhile, and is newer than that: its place, if
   * nothing else that reaches the subject was entered since; `undefined` if something was, or it cannot be told.
   */
  stampAfter(own: Entered, subject: Subject, asOf: Position): Position | undefined;
  /** Enters a purge. It holds in this process from the call on, whatever becomes of it. Never rejects. */
  purge(purge: Purge): Promise<Receipt>;
  /** Stops what runs in the background. */
  close(): MaybePromise<void>;
}
