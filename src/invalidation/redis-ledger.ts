import { withDeadline } from '../deadline.js';
import type { Position } from '../entry/entry.js';
import { UnavailableError } from '../errors.js';
import type { RedisLink } from '../stores/redis-link.js';
import { type Cause, firstCause, lastCause } from './cause.js';
import type { Ledger, Receipt } from './ledger.js';
import { LedgerCopy, READ_STEP } from './ledger-copy.js';
import { LedgerTail } from './ledger-tail.js';
import { Outbox } from './outbox.js';
import { PendingPurges } from './pending.js';
import type { Geometry, Purge, PurgeTable } from './purge-table.js';
import type { Entered } from './recent-purges.js';
import { APPEND } from './redis-scripts.js';
import { appendArguments } from './redis-table.js';
import type { Subject } from './tags.js';

/** How long it waits, as it is closed, for what is pending, ms. */
const CLOSE_DEADLINE = 500;
/** How long reading the log waits for news at the most, ms: a connection that is dead is to be noticed some time. */
const LONGEST_BLOCK = 10_000;
/** After how long without a word from the ledger it is looked at where nothing follows the log, ms. */
const LONGEST_IDLE = 1000;

export interface RedisLedgerOptions {
  /** Put before the names of the ledger's keys. */
  readonly prefix: string;
  /**
   * How long this process may judge by its table without a word from Redis, ms. With it, the log is followed on a
   * connection of its own; `undefined` where every lookup asks for the head anyway.
   */
  readonly maxDisconnected?: number;
  /** How long `purge` waits before it reports that it is not durable yet, ms. */
  readonly deadline: number;
  readonly onError: (operation: string, error: unknown) => void;
  readonly geometry?: Geometry;
}

/** The ledger that all processes on one Redis share. `ARCHITECTURE.md` has the argument why it is exact. */
export class RedisLedger implements Ledger {
  readonly #link: RedisLink;
  readonly #options: RedisLedgerOptions;
  readonly #copy: LedgerCopy;
  readonly #pending = new PendingPurges();
  readonly #outbox: Outbox;
  readonly #tail: LedgerTail | undefined;
  readonly #watch: NodeJS.Timeout | undefined;
  #watching = false;
  /** How many purges have been asked of this process. */
  #purges = 0;

  constructor(link: RedisLink, options: RedisLedgerOptions) {
    this.#link = link;
    this.#options = options;
    this.#outbox = new Outbox(this.#pending, {
      send: (purge) => this.#append(purge),
      onError: (error) => options.onError('purge', error),
      onSilence: () => link.renew(),
    });
    this.#copy = new LedgerCopy(link, {
      prefix: options.prefix,
      geometry: options.geometry,
      reenter: (purges) => {
        for (const purge of purges) this.#pending.add(purge);
        this.#outbox.flush();
      },
    });
    link.onReady(() => {
      this.#outbox.flush();
      // So that the first request finds the table loaded, and one after a failover learns what was lost.
      this.sync().catch(() => {});
    });
    if (options.maxDisconnected !== undefined) this.#tail = this.#follow(options.maxDisconnected);
    else this.#watch = setInterval(() => void this.#watchHead(), LONGEST_IDLE).unref();
  }

  async sync(): Promise<Position | undefined> {
    const { position } = this.#copy;
    const purges = this.#purges;
    const { connections } = this.#link;
    const head = await this.#copy.sync();
    // A purge of our own may have come to Redis before the question.
    if (purges !== this.#purges) return position;
    // A client may have asked again, over another connection: there may be purges by then that this call came before.
    return connections === this.#link.connections ? head : (position ?? head);
  }

  /** The key of the ledger's head, to be read together with something else. */
  get head(): string {
    return this.#copy.keys.head;
  }

  /** The same as `sync`, with the head that has just been asked for. `asked`: from before that, by `performance.now()`. */
  meet(head: Promise<string | null>, asked: number): Promise<void> {
    return this.#copy.meet(head, asked);
  }

  isCurrent(): boolean {
    const { maxDisconnected } = this.#options;
    return maxDisconnected !== undefined && this.#copy.age <= maxDisconnected;
  }

  lag(): number | undefined {
    const { age } = this.#copy;
    return Number.isFinite(age) ? Math.round(age) : undefined;
  }

  position(): Position | undefined {
    return this.#copy.position;
  }

  get revision(): number {
    return this.#copy.revision + this.#purges;
  }

  stands(subject: Subject, asOf: Position): boolean {
    const { table } = this.#copy;
    if (table === undefined || asOf.epoch !== table.epoch) return false;
    return table.stands(subject, asOf.sequence) && !this.#pending.reaches(subject);
  }

  whatKilled(subject: Subject, asOf: Position): Cause | 'epoch' | undefined {
    const { table, recent } = this.#copy;
    if (table === undefined) return undefined;
    if (asOf.epoch !== table.epoch) return 'epoch';
    return firstCause(table, recent, subject, asOf.sequence) ?? this.#waitingFor(subject);
  }

  lastReaching(subject: Subject): Cause | undefined {
    const { table, recent } = this.#copy;
    return this.#waitingFor(subject) ?? (table && lastCause(table, recent, subject));
  }

  #waitingFor(subject: Subject): Cause | undefined {
    return this.#pending.causeOf(subject, this.#copy.position?.sequence ?? 0);
  }

  stampAfter(own: Entered, subject: Subject, asOf: Position): Position | undefined {
    // The same purge twice, from two writes, can be one in the log.
    const { table, recent } = this.#copy;
    if (asOf.epoch !== table?.epoch || this.#pending.isJoint(own.sequence)) return undefined;
    if (!recent.isOnly(own, subject, asOf.sequence)) return undefined;
    return { epoch: asOf.epoch, sequence: own.sequence };
  }

  async purge(purge: Purge): Promise<Receipt> {
    const batch = this.#pending.add(purge);
    this.#purges++;
    this.#outbox.flush();
    const known = this.#copy.position?.sequence ?? 0;
    try {
      const sequence = await this.#pending.told(batch, this.#options.deadline);
      if (sequence !== undefined) return { sequence, durable: true };
    } catch (error) {
      this.#options.onError('purge', error);
    }
    return { sequence: known, durable: false };
  }

  async close(): Promise<void> {
    // Nobody else knows of what is pending: it goes to the others while it can.
    if (this.#link.connected && !this.#pending.empty) {
      this.#outbox.flush();
      await withDeadline(this.#pending.sentAll, CLOSE_DEADLINE, 'purge').catch(() => {});
    }
    this.#outbox.close();
    clearInterval(this.#watch);
    await this.#tail?.close();
  }

  /**
   * In a Cluster, and behind a proxy, a replica takes over while the connection stands: no event tells of it, and who only
   * invalidates asks for nothing. It may be the only one that knows what the replica lacks.
   */
  async #watchHead(): Promise<void> {
    if (this.#watching || this.#copy.table === undefined || this.#copy.age < LONGEST_IDLE) return;
    this.#watching = true;
    await this.sync().catch(() => {});
    this.#watching = false;
  }

  #follow(maxDisconnected: number): LedgerTail {
    const { onError } = this.#options;
    const copy = this.#copy;
    let asked = performance.now();
    return new LedgerTail(this.#link, {
      key: copy.keys.log,
      step: READ_STEP,
      block: Math.min(Math.max(20, Math.floor(maxDisconnected / 3)), LONGEST_BLOCK),
      from: () => {
        asked = performance.now();
        return copy.table?.sequence;
      },
      apply: async (records) => {
        if (copy.table === undefined || !copy.follow(copy.table, records)) await copy.sync();
        // A full batch: there may be more, which we do not know yet.
        if (records.length < READ_STEP) copy.confirm(asked);
      },
      quiet: async () => {
        await copy.sync();
      },
      onError: (error) => onError('ledger', error),
    });
  }

  /** Enters a purge into the ledger in Redis, and into this process' copy when its turn has come. */
  async #append(purge: Purge): Promise<number> {
    const copy = this.#copy;
    await this.#link.ready();
    // A new epoch can begin at any time; each one is met with the table that belongs to it.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (copy.table === undefined) await copy.sync();
      const { table } = copy;
      if (table === undefined) continue;
      const [verdict, first, before] = await this.#send(table, purge);
      if (verdict === 'OK') {
        const sequence = Number(first);
        if (copy.table === table && table.sequence === Number(before)) copy.apply(purge, sequence);
        else await copy.reach(`${table.epoch}:${sequence}`);
        // The server that has taken it may be gone, and with it the purge: then it is entered where we are now.
        if (copy.table?.holds(purge, sequence)) return sequence;
      } else if (verdict === 'LOST') await copy.begin(first ?? '');
      else await copy.reach(first ?? '');
    }
    throw new UnavailableError('the ledger changes faster than it can be read');
  }

  async #send(table: PurgeTable, purge: Purge): Promise<string[]> {
    return (await this.#link.run(APPEND, this.#copy.keyList(), appendArguments(table, purge))) as string[];
  }
}
