import type { Position } from '../entry/entry.js';
import { UnavailableError } from '../errors.js';
import { nothingOfAnotherType, type RedisLink } from '../stores/redis-link.js';
import type { LogRecord } from './ledger-tail.js';
import { GEOMETRY, type Geometry, type Purge, type PurgeTable } from './purge-table.js';
import { type Entered, RecentPurges } from './recent-purges.js';
import { BEGIN, SNAPSHOT } from './redis-scripts.js';
import { epochStart, newEpoch, parseHead, readSnapshot } from './redis-table.js';

/** How many purges this process remembers, to enter them again if a failover loses them. */
const REMEMBERED = 2048;
/** How many records of the log are read at a time. */
export const READ_STEP = 1000;

/** How often it is begun at the most, until it can be read. */
const BEGINNINGS = 10;

/** The names of what the ledger is made of in Redis. */
export interface LedgerKeys {
  readonly head: string;
  readonly table: string;
  readonly log: string;
  readonly patterns: string;
}

export interface LedgerCopyOptions {
  /** Put before the names of the ledger's keys. */
  readonly prefix: string;
  readonly geometry?: Geometry | undefined;
  /** Called with purges that Redis has lost, before the table that lacks them stands: they are to be entered again. */
  readonly reenter: (purges: readonly Purge[]) => void;
}

/** What this process knows of the ledger in Redis, and how it comes up to what Redis knows. */
export class LedgerCopy {
  readonly keys: LedgerKeys;
  readonly recent: RecentPurges = new RecentPurges(REMEMBERED);
  readonly #link: RedisLink;
  readonly #options: LedgerCopyOptions;
  #table: PurgeTable | undefined;
  #position: Position | undefined;
  #headText: string | undefined;
  #revision = 0;
  /** How many beginnings are under way, each because the one before it could not be read. */
  #beginning = 0;
  #reaching: Promise<void> | undefined;
  /** When this process was last certain to know all: as it asked what has been answered since. */
  #confirmed = Number.NEGATIVE_INFINITY;

  constructor(link: RedisLink, options: LedgerCopyOptions) {
    this.#link = link;
    this.#options = options;
    const name = (part: string) => `${options.prefix}{respcache}:${part}`;
    this.keys = { head: name('head'), table: name('table'), log: name('log'), patterns: name('patterns') };
  }

  /** `undefined` until it has been read for the first time. */
  get table(): PurgeTable | undefined {
    return this.#table;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Is another number after each change. */
  get revision(): number {
    return this.#revision;
  }

  /** How long ago this process knew all for certain, ms; `Infinity`: it never has. */
  get age(): number {
    return performance.now() - this.#confirmed;
  }

  /** All was known of what there was when something was asked that has been answered now. `asked`: by `performance.now()`. */
  confirm(asked: number): void {
    this.#confirmed = Math.max(this.#confirmed, asked);
  }

  /** Asks for the head, comes up to it, and gives it. */
  async sync(): Promise<Position | undefined> {
    await this.#link.ready();
    const asked = performance.now();
    const head = this.#link.send((to) => to.get(this.keys.head)).catch(nothingOfAnotherType);
    await this.meet(head, asked);
    const found = parseHead((await head) ?? '');
    return found?.epoch === this.#table?.epoch ? found : this.#position;
  }

  /**
   * The same with the head that has just been asked for. `asked`: from before that, by `performance.now()`: this process may stand
   * still right after.
   */
  async meet(head: Promise<string | null>, asked: number): Promise<void> {
    const known = this.#table;
    const sequence = known?.sequence ?? 0;
    const text = await head;
    if (text === null || text !== this.#headText) await this.#catchUp(text, known, sequence);
    this.confirm(asked);
  }

  async #catchUp(text: string | null, known: PurgeTable | undefined, sequence: number): Promise<void> {
    // What this process knew when it asked, the server must know too: else it has lost something.
    const lost = known !== undefined && known === this.#table && isBehind(text, known.epoch, sequence);
    await this.reach(text ?? '', lost);
  }

  /** Comes up to a head, one caller at a time; whoever finds the way made already goes on at once. */
  async reach(text: string, lost = false): Promise<void> {
    if (this.#reaching !== undefined) {
      await this.#reaching.catch(() => {});
      // Whoever was first may have begun an epoch, or mended what was lost: look again.
      if (!this.#isReached(text) || lost) await this.sync();
      return;
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
    if (head === undefined) return this.begin(text);
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
      const records = await this.#link
        .send((to) => to.xrange(this.keys.log, from, '+', 'COUNT', READ_STEP))
        .catch(nothingOfAnotherType);
      if (records === null) return false;
      if (!this.follow(table, records)) return false;
      if (records.length < READ_STEP) return records.length > 0;
    }
  }

  /** Applies records of the log that follow on the table. `false`: they do not. */
  follow(table: PurgeTable, records: readonly LogRecord[]): boolean {
    for (const [id, fields] of records) {
      const sequence = Number(id.slice(0, id.indexOf('-')));
      if (sequence <= table.sequence) continue; // entered by our own purge meanwhile
      if (this.#table !== table || fields[1] !== String(table.sequence)) return false;
      this.apply(JSON.parse(fields[3]!) as Purge, sequence);
    }
    return true;
  }

  /** Applies the purge that comes next. */
  apply(purge: Purge, sequence: number): void {
    const table = this.#table!;
    table.apply(purge, sequence);
    this.recent.add(purge, sequence);
    this.#stand(table);
  }

  /**
   * Reads the whole table. What this process remembers and the table does not hold, the server has lost: a replica was
   * promoted without the last writes, or an older snapshot was loaded. It is entered again. `behind`: the server has
   * gone back, so that a table older than ours is the true one.
   */
  async #load(behind = false): Promise<void> {
    const replies = await this.#link.run(SNAPSHOT, this.keyList(), [], true);
    const [head, snapshot, list] = replies as [Buffer | null, Buffer | null, Buffer[] | null];
    const text = String(head ?? '');
    const at = parseHead(text);
    const loaded = at && snapshot && list ? readSnapshot(at, snapshot, list.map(String)) : undefined;
    if (loaded === undefined) return this.begin(text);
    const known = this.#table;
    const same = known?.epoch === loaded.epoch;
    // Another epoch that does not begin after all that we know is one from before: it has come back.
    const past = known !== undefined && !same && epochStart(loaded.epoch) <= known.sequence;
    // However far somebody has gone on in it: what was purged between its beginning and ours may be missing there.
    if (past && this.recent.from > epochStart(loaded.epoch)) return this.begin(text);
    // Our own purges may have come in while the snapshot was under way.
    if (same && !behind && known.sequence >= loaded.sequence) return;
    // What was purged before the epoch began reaches nothing that was made in it.
    const from = same ? epochStart(loaded.epoch) : 0;
    const isMissing = ({ purge, sequence }: Entered) => sequence > from && !loaded.holds(purge, sequence);
    const missing = same || past ? this.recent.filter(isMissing) : [];
    const purges = missing.map(({ purge }) => purge);
    // What came with a snapshot, or was too long ago, is known by the table alone: it cannot be entered again.
    if (same && !loaded.covers(known, purges)) return this.begin(text);
    if (purges.length > 0) this.#options.reenter(purges);
    // What came with the snapshot is known by the table alone: also with one from before ours, where somebody else has gone on.
    this.recent.skipTo(loaded.sequence);
    this.#stand(loaded);
  }

  /**
   * Begins a new epoch in the place of a ledger that is gone or damaged: nothing older stands any more.
   * @throws {UnavailableError} if Redis has not the room for it: it is evicted before it can be read
   */
  async begin(found: string): Promise<void> {
    if (this.#beginning >= BEGINNINGS) throw new UnavailableError('the ledger is lost as soon as it is begun');
    const geometry = this.#options.geometry ?? GEOMETRY;
    const known = this.#table?.sequence ?? 0;
    this.#beginning++;
    try {
      await this.#link.run(BEGIN, this.keyList(), [found, newEpoch(geometry), known]);
      await this.#load();
    } finally {
      this.#beginning--;
    }
  }

  #stand(table: PurgeTable): void {
    this.#revision++;
    this.#table = table;
    this.#position = { epoch: table.epoch, sequence: table.sequence };
    this.#headText = `${table.epoch}:${table.sequence}`;
  }

  /** The keys in the order in which the scripts take them. */
  keyList(): string[] {
    const { head, table, log, patterns } = this.keys;
    return [head, table, log, patterns];
  }
}

function isBehind(text: string | null, epoch: string, sequence: number): boolean {
  const head = parseHead(text ?? '');
  return head !== undefined && head.epoch === epoch && head.sequence < sequence;
}
