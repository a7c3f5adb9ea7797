import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { Position } from '../entry/entry.js';
import type { Ledger, Receipt } from './ledger.js';
import { type Purge, PurgeTable } from './purge-table.js';
import type { Subject } from './tags.js';

/** The ledger of a cache in one process. The sequence is µs since 1970, or one more than the last. */
export class MemoryLedger implements Ledger {
  readonly #clock: Clock;
  readonly #table: PurgeTable;
  #position: Position;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#table = new PurgeTable(randomBytes(8).toString('hex'), clock.now() * 1000);
    this.#position = { epoch: this.#table.epoch, sequence: this.#table.sequence };
  }

  sync(): void {}

  isCurrent(): boolean {
    return true;
  }

  position(): Position {
    return this.#position;
  }

  stands(subject: Subject, asOf: Position): boolean {
    return asOf.epoch === this.#table.epoch && this.#table.stands(subject, asOf.sequence);
  }

  async purge(purge: Purge): Promise<Receipt> {
    const sequence = Math.max(this.#table.sequence + 1, this.#clock.now() * 1000);
    this.#table.apply(purge, sequence);
    this.#position = { epoch: this.#table.epoch, sequence };
    return { sequence, durable: true };
  }

  close(): void {}
}
