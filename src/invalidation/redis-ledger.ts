import type { Position } from '../entry/entry.js';
import { UnavailableError } from '../errors.js';
import { withDeadline } from '../stores/guard.js';
import { nothingOfAnotherType, type RedisLink } from '../stores/redis-link.js';
import { type Cause, firstCause, lastCause } from './cause.js';
import type { Ledger, Receipt } from './ledger.js';
import { LedgerTail, type LogRecord } from './ledger-tail.js';
import { Outbox } from './outbox.js';
import { PendingPurges } from './pending.js';
import { GEOMETRY, type Geometry, type Purge, type PurgeTable } from './purge-table.js';
import { type Entered, RecentPurges } from './recent-purges.js';
import { APPEND, BEGIN, SNAPSHOT } from './redis-scripts.js';
import { appendArguments, epochStart, newEpoch, parseHead, readSnapshot } from './redis-table.js';
import type { Subject } from './tags.js';

/** How many purges this process remembers, to enter them again if a failover loses them. */
const REMEMBERED = 2048;
const READ_STEP = 1000;
/** How long it waits, as it is closed, for what is pending, ms. */
const CLOSE_DEADLINE = 500;
/** How long reading the log waits for news at the most, ms: a connection that is dead is to be noticed some time. */
const LONGEST_BLOCK = 10_000;

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
  readonly #keys: { head: string; table: string; log: string; patterns: string };
  readonly #pending = new PendingPurges();
  readonly #outbox: Outbox;
  #table: PurgeTable | undefined;
  #position: Position | undefined;
  #headText: string | undefined;
  #revision = 0;
  readonly #recent = new RecentPurges(REMEMBERED);
  #reaching: Promise<void> | undefined;
  readonly #tail: LedgerTail | undefined;
  /** When this process was last certain to know all: as it asked what has been answered since. */
  #confirmed = Number.NEGATIVE_INFINITY;

  constructor(link: RedisLink, options: RedisLedgerOptions) {
    this.#link = link;
    this.#options = options;
    const name = (part: string) => `${options.prefix}{respcache}:${part}`;
    this.#keys = { head: name('head'), table: name('table'), log: name('log'), patterns: name('patterns') };
    this.#outbox = new Outbox(this.#pending, {
      send: (purge) => this.#append(purge),
      onError: (error) => options.onError('purge', error),
    });
    link.onReady(() => {
      this.#outbox.flush();
      // So that the first request finds the table loaded, and one after a failover learns what was lost.
      this.sync().catch(() => {});
    });
    if (options.maxDisconnected !== undefined) this.#tail = this.#follow(options.maxDisconnected);
  }

  async sync(): Promise<void> {
    await this.#link.ready();
    await this.meet(this.#link.client.get(this.#keys.head).catch(nothingOfAnotherType));
  }

  /** The key of the ledger's head, for who reads it together with something else. */
  get head(): string {
    return this.#keys.head;
  }

  /** The same as `sync`, with the head that has just been asked for. */
  async meet(head: Promise<string | null>): Promise<void> {
    const known = this.#table;
    const sequence = known?.sequence ?? 0;
    const asked = performance.now();
    const text = await head;
    if (text === null || text !== this.#headText) await this.#catchUp(text, known, sequence);
    this.#confirmed = Math.max(this.#confirmed, asked);
  }

  async #catchUp(text: string | null, known: PurgeTable | undefined, sequence: number): Promise<void> {
    // What this process knew when it asked, the server must know too: else it has lost something.
    const lost = known !== undefined && known === this.#table && isBehind(text, known.epoch, sequence);
    await this.#reach(text ?? '', lost);
  }

  isCurrent(): boolean {
    const { maxDisconnected } = this.#options;
    return maxDisconnected !== undefined && performance.now() - this.#confirmed <= maxDisconnected;
  }

  lag(): number | undefined {
    const ms = performance.now() - this.#confirmed;
    return Number.isFinite(ms) ? Math.round(ms) : undefined;
  }

  position(): Position | undefined {
    return this.#position;
  }

  get revision(): number {
    return this.#revision;
  }

  stands(subject: Subject, asOf: Position): boolean {
    const table = this.#table;
    if (table === undefined || asOf.epoch !== table.epoch) return false;
    return table.stands(subject, asOf.sequence) && !this.#pending.reaches(subject);
  }

  whatKilled(subject: Subject, asOf: Position): Cause | 'epoch' | undefined {
    const table = this.#table;
    if (table === undefined) return undefined;
    if (asOf.epoch !== table.epoch) return 'epoch';
    return firstCause(table, this.#recent, subject, asOf.sequence) ?? this.#waitingFor(subject);
  }

  lastReaching(subject: Subject): Cause | undefined {
    const table = this.#table;
    return this.#waitingFor(subject) ?? (table && lastCause(table, this.#recent, subject));
  }

  #waitingFor(subject: Subject): Cause | undefined {
    return this.#pending.causeOf(subject, this.#position?.sequence ?? 0);
  }

  stampAfter(own: Entered, subject: Subject, asOf: Position): Position | undefined {
    // The same purge twice, from two writes, can be one in the log.
    if (asOf.epoch !== this.#table?.epoch || this.#pending.isJoint(own.sequence)) return undefined;
    if (!this.#recent.isOnly(own, subject, asOf.sequence)) return undefined;
    return { epoch: asOf.epoch, sequence: own.sequence };
  }

  async purge(purge: Purge): Promise<Receipt> {
    const batch = this.#pending.add(purge);
    this.#revision++;
    this.#outbox.flush();
    const known = this.#position?.sequence ?? 0;
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
      await Promise.resolve(withDeadline(this.#pending.sentAll, CLOSE_DEADLINE, 'purge')).catch(() => {});
    }
    this.#outbox.close();
    await this.#tail?.close();
  }

  #follow(maxDisconnected: number): LedgerTail {
    const { onError } = this.#options;
    let asked = performance.now();
    return new LedgerTail(this.#link, {
      key: this.#keys.log,
      step: READ_STEP,
      block: Math.min(Math.max(20, Math.floor(maxDisconnected / 3)), LONGEST_BLOCK),
      from: () => {
        asked = performance.now();
        return this.#table?.sequence;
      },
      apply: async (records) => {
        if (this.#table === undefined || !this.#applyRecords(this.#table, records)) await this.sync();
        // A full batch: there may be more, which we do not know yet.
        if (records.length < READ_STEP) this.#confirmed = Math.max(this.#confirmed, asked);
      },
      quiet: () => this.sync(),
      onError: (error) => onError('ledger', error),
    });
  }

  /** Enters a purge into the ledger in Redis, and into this process' table when its turn has come. */
  async #append(purge: Purge): Promise<number> {
    await this.#link.ready();
    // A new epoch can begin at any time; each one is met with the table that belongs to it.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (this.#table === undefined) await this.sync();
      const table = this.#table;
      if (table === undefined) continue;
      const [verdict, first, before] = await this.#send(table, purge);
      if (verdict === 'OK') {
        const sequence = Number(first);
        if (this.#table === table && table.sequence === Number(before)) this.#apply(purge, sequence);
        else await this.#reach(`${table.epoch}:${sequence}`, false);
        // Who has taken it may be gone, and with it the purge: then it is entered where we are now.
        if (this.#table?.holds(purge, sequence)) return sequence;
      } else if (verdict === 'LOST') await this.#begin(first ?? '');
      else await this.#reach(first ?? '', false);
    }
    throw new UnavailableError('the ledger changes faster than it can be read');
  }

  /** Comes up to a head, one caller at a time; whoever finds the way made already goes on at once. */
  async #reach(text: string, lost: boolean): Promise<void> {
    if (this.#reaching !== undefined) {
      await this.#reaching.catch(() => {});
      // Whoever was first may have begun an epoch, or mended what was lost: look again.
      return this.#isReached(text) && !lost ? undefined : this.sync();
    }
    if (!lost && this.#isReached(text)) return;
    this.#reaching = this.#reachNow(text, lost);
    try {
      await this.#reaching;
    } finally {
      this.#reaching = undefined;
    }
  }

  async #reachNow(text: string, lost: boolean): Promise<void> {
    const head = parseHead(text);
    if (head === undefined) return this.#begin(text);
    if (this.#table?.epoch !== head.epoch) return this.#load();
    if (lost || !(await this.#readLog(this.#table))) await this.#load(lost);
  }

  #isReached(text: string): boolean {
    const head = parseHead(text);
    return head !== undefined && head.epoch === this.#table?.epoch && head.sequence <= this.#table.sequence;
  }

  /** Applies what the log has beyond this table. `false`: the log does not reach back so far. */
  async #readLog(table: PurgeTable): Promise<boolean> {
    for (;;) {
      const from = `${table.sequence}-1`;
      const records = await this.#link.client
        .xrange(this.#keys.log, from, '+', 'COUNT', READ_STEP)
        .catch(nothingOfAnotherType);
      if (records === null) return false;
      if (!this.#applyRecords(table, records)) return false;
      if (records.length < READ_STEP) return records.length > 0;
    }
  }

  /** Applies records that follow on the table. `false`: they do not. */
  #applyRecords(table: PurgeTable, records: readonly LogRecord[]): boolean {
    for (const [id, fields] of records) {
      const sequence = Number(id.slice(0, id.indexOf('-')));
      if (sequence <= table.sequence) continue; // entered by our own purge meanwhile
      if (this.#table !== table || fields[1] !== String(table.sequence)) return false;
      this.#apply(JSON.parse(fields[3]!) as Purge, sequence);
    }
    return true;
  }

  #apply(purge: Purge, sequence: number): void {
    const table = this.#table!;
    table.apply(purge, sequence);
    this.#recent.add(purge, sequence);
    this.#stand(table);
  }

  /**
   * Reads the whole table. What this process remembers and the table does not hold, the server has lost: a replica was
   * promoted without the last writes, or an older snapshot was loaded. It is entered again. `behind`: the server has
   * gone back, so that a table older than ours is the true one.
   */
  async #load(behind = false): Promise<void> {
    const replies = await this.#link.run(SNAPSHOT, this.#keyList(), [], true);
    const [head, snapshot, list] = replies as [Buffer | null, Buffer | null, Buffer[] | null];
    const text = String(head ?? '');
    const at = parseHead(text);
    const loaded = at && snapshot && list ? readSnapshot(at, snapshot, list.map(String)) : undefined;
    if (loaded === undefined) return this.#begin(text);
    const known = this.#table;
    const same = known?.epoch === loaded.epoch;
    // Another epoch that does not begin after all that we know is one from before: it has come back.
    const past = known !== undefined && !same && epochStart(loaded.epoch) <= known.sequence;
    if (past && this.#recent.from > loaded.sequence) return this.#begin(text);
    // Our own purges may have come in while the snapshot was under way.
    if (same && !behind && this.#table!.sequence >= loaded.sequence) return;
    const missing = same || past ? this.#recent.filter(({ purge, sequence }) => !loaded.holds(purge, sequence)) : [];
    const purges = missing.map(({ purge }) => purge);
    // What came with a snapshot, or was too long ago, is known by the table alone: it cannot be entered again.
    if (same && !loaded.covers(known, purges)) return this.#begin(text);
    for (const purge of purges) this.#pending.add(purge);
    // What came with the snapshot is known by the table alone.
    if (known === undefined || loaded.sequence > known.sequence) this.#recent.skipTo(loaded.sequence);
    this.#stand(loaded);
    if (missing.length > 0) this.#outbox.flush();
  }

  /** Begins a new epoch in the place of a ledger that is gone or damaged: nothing older stands any more. */
  async #begin(found: string): Promise<void> {
    const geometry = this.#options.geometry ?? GEOMETRY;
    const known = this.#table?.sequence ?? 0;
    await this.#link.run(BEGIN, this.#keyList(), [found, newEpoch(geometry), known]);
    await this.#load();
  }

  async #send(table: PurgeTable, purge: Purge): Promise<string[]> {
    return (await this.#link.run(APPEND, this.#keyList(), appendArguments(table, purge))) as string[];
  }

  #stand(table: PurgeTable): void {
    this.#revision++;
    this.#table = table;
    this.#position = { epoch: table.epoch, sequence: table.sequence };
    this.#headText = `${table.epoch}:${table.sequence}`;
  }

  #keyList(): string[] {
    const { head, table, log, patterns } = this.#keys;
    return [head, table, log, patterns];
  }
}

function isBehind(text: string | null, epoch: string, sequence: number): boolean {
  const head = parseHead(text ?? '');
  return head !== undefined && head.epoch === epoch && head.sequence < sequence;
}
