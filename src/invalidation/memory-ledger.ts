import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { Position } from '../entry/entry.js';
import { type Cause, firstCause, lastCause } from './cause.js';
import type { Ledger, Receipt } from './ledger.js';
import { type Purge, PurgeTable } from './purge-table.js';
import { type Entered, RecentPurges } from './recent-purges.js';
import type { Subject } from './tags.js';

/** How many purges are remembered one by one. */
const REMEMBERED = 256;
/** Clocks go no further, µs since 1970: beyond 2^53 (the year 2255) one more than a sequence would be the same number. */
const LATEST = 2 ** 52;

/** The ledger of a cache in one process. The sequence is µs since 1970, or one more than the last. */
export class MemoryLedger implements Ledger {
  readonly #clock: Clock;
  readonly #table: PurgeTable;
  readonly #recent: RecentPurges;
  #position: Position;
  #revision = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#table = new PurgeTable(randomBytes(8).toString('hex'), this.#now());
    this.#recent = new RecentPurges(REMEMBERED, this.#table.sequence);
    this.#position = { epoch: this.#table.epoch, sequence: this.#table.sequence };
  }

  sync(): Position {
    return this.#position;
  }

  isCurrent(): boolean {
    return true;
  }

  lag(): number {
    return 0;
  }

  position(): Position {
    return this.#position;
  }

  get revision(): number {
    return this.#revision;
  }

  stands(subject: Subject, asOf: Position): boolean {
    return asOf.epoch === this.#table.epoch && this.#table.stands(subject, asOf.sequence);
  }

  whatKilled(subject: Subject, asOf: Position): Cause | 'epoch' | undefined {
    if (asOf.epoch !== this.#table.epoch) return 'epoch';
    return firstCause(this.#table, this.#recent, subject, asOf.sequence);
  }

  lastReaching(subject: Subject): Cause | undefined {
    return lastCause(this.#table, this.#recent, subject);
  }

  stampAfter(own: Entered, subject: Subject, asOf: Position): Position | undefined {
    if (asOf.epoch !== this.#table.epoch || !this.#recent.isOnly(own, subject, asOf.sequence)) return undefined;
    return { epoch: asOf.epoch, sequence: own.sequence };
  }

  async purge(purge: Purge): Promise<Receipt> {
    const sequence = Math.max(this.#table.sequence + 1, this.#now());
    this.#revision++;
    this.#table.apply(purge, sequence);
    this.#recent.add(purge, sequence);
    this.#position = { epoch: this.#table.epoch, sequence };
    return { sequence, durable: true };
  }

  close(): void {}

  #now(): number {
    return Math.min(this.#clock.now() * 1000, LATEST);
  }
}
