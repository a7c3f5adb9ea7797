import type { Compressor } from './compress/compressor.js';
import type { PlainEntries } from './compress/plain.js';
import { withDeadline } from './deadline.js';
import type { Entry, Position, ResponseEntry } from './entry/entry.js';
import type { Events } from './events.js';
import type { LeaseTable } from './fill/collapse.js';
import type { Comparisons } from './fill/comparisons.js';
import { Leases } from './fill/lease.js';
import type { Ledger, Receipt } from './invalidation/ledger.js';
import { MemoryLedger } from './invalidation/memory-ledger.js';
import type { Purge } from './invalidation/purge-table.js';
import { RedisLedger } from './invalidation/redis-ledger.js';
import { ownTurn, Sweeper, type SweepTurn, sharedTurn } from './invalidation/sweeper.js';
import type { Settings } from './options.js';
import { keySpace } from './request/key.js';
import type { QueryRules } from './request/query.js';
import { Guard } from './stores/guard.js';
import { lossOr, unavailableOr } from './stores/loss.js';
import { MemoryStore } from './stores/memory.js';
import type { Reads } from './stores/reads.js';
import { RedisStore } from './stores/redis.js';
import { RedisLink } from './stores/redis-link.js';
import { redisReads } from './stores/redis-reads.js';
import { isNewer, renew } from './stores/renew.js';
import type { Increment, Store, StoreItem, SweepProgress } from './stores/store.js';
import { after, type MaybePromise } from './types.js';

/** A write is not on the way of a request; but one that takes longer than this, ms, says that the server does not answer. */
const WRITE_DEADLINE = 2000;
/** What a step of maintenance, some hundred commands, may take, ms. */
const MAINTENANCE_DEADLINE = 10_000;
/** What a caller of the programmatic API waits for a purge to be durable, ms; a request waits no longer than `timeout`. */
const PURGE_DEADLINE = 1000;

/** What every part of one cache works with. */
export interface Services {
  readonly settings: Settings;
  readonly backend: Backend;
  readonly events: Events;
  /** How the mounts of this cache shorten queries. */
  readonly queries: QueryRules;
  /** How shadow mode's comparisons went. */
  readonly comparisons: Comparisons;
  /** What compresses stored responses, and what brings them back for clients that read them only so. */
  readonly compressor: Compressor;
  readonly plain: PlainEntries;
}

/** A store, the ledger beside it, and the guard around both: what engine and service work with. */
export class Backend {
  readonly kind: 'memory' | 'redis';
  readonly store: Store;
  readonly ledger: Ledger;
  /** The leases of keys, where other processes share the store; each call within the request's deadline. */
  readonly leases: LeaseTable | undefined;
  readonly link: RedisLink | undefined;
  /** Responses from Redis, kept in this process. */
  #near: MemoryStore | undefined;
  /** What this process keeps itself, be it all there is or copies. */
  readonly #own: MemoryStore | undefined;
  readonly #reads: Reads<Entry | undefined> | undefined;
  readonly #sweeper: Sweeper;
  readonly #guard: Guard | undefined;
  readonly #settings: Settings;

  constructor(settings: Settings, events: Events) {
    this.#settings = settings;
    const { clock, prefix, l1, consistency } = settings;
    const memory = () => new MemoryStore({ maxItems: settings.maxItems, maxBytes: settings.maxBytes, clock });
    const { breaker, timeout } = settings;
    const guarding = { ...breaker, timeout, clock, events };
    if (settings.redis === undefined) {
      this.kind = 'memory';
      if (settings.store === undefined) this.#own = memory();
      else this.#guard = new Guard({ ...guarding, onSilence: () => {} });
      this.store = settings.store ?? this.#own!;
      this.ledger = new MemoryLedger(clock);
      this.#sweeper = this.#makeSweeper(ownTurn(), events);
      return;
    }
    const tell = (operation: string, error: unknown) => events.emit('error', { operation, error: lossOr(error) });
    const onError = (operation: string) => (error: unknown) => tell(operation, error);
    const link = new RedisLink(settings.redis, onError('connection'));
    const guard = new Guard({ ...guarding, onSilence: () => link.renew() });
    link.onReady(() => {
      guard.revive();
      // Where no request comes it would be told of as open for as long; whoever fails here tells of it.
      if (guard.open) Promise.resolve(this.ping()).catch(() => {});
    });
    this.kind = 'redis';
    this.link = link;
    this.#guard = guard;
    const store = new RedisStore(link, { now: () => clock.now(), onDamage: onError('decode') });
    this.store = store;
    this.leases = this.#guarded(new Leases(link, prefix));
    this.#near = l1 ? memory() : undefined;
    this.#own = this.#near;
    const ledger = new RedisLedger(link, {
      prefix,
      ...(l1 && consistency === 'pushed' ? { maxDisconnected: settings.maxDisconnected } : {}),
      deadline: PURGE_DEADLINE,
      onError: tell,
    });
    this.ledger = ledger;
    this.#reads = redisReads({ link, ledger, store }, (work) => guard.run('read', timeout, work));
    this.#sweeper = this.#makeSweeper(sharedTurn(link, prefix, settings.sweepInterval), events);
  }

  #makeSweeper(turn: SweepTurn, events: Events): Sweeper {
    const { prefix, sweepInterval } = this.#settings;
    const { store, ledger, kind } = this;
    const interval = kind === 'memory' ? 0 : sweepInterval;
    const onError = (error: unknown) => events.emit('error', { operation: 'sweep', error: lossOr(error) });
    return new Sweeper({ store, ledger, turn, prefix, interval, onError });
  }

  /** Whether the breaker is open: nothing is read or written at present. */
  get broken(): boolean {
    return this.#guard?.open ?? false;
  }

  /** The entries under the keys, this process being up to the ledger's head: one round trip. Rejects on failure. */
  read(keys: readonly string[]): MaybePromise<(Entry | undefined)[]> {
    if (this.#reads !== undefined) return this.#reads.get(keys);
    return this.#run('read', this.#settings.timeout, () => this.store.get(keys));
  }

  /**
   * The entries that this process keeps under the keys, without asking Redis; `undefined` if it keeps none, or may not
   * judge them without asking.
   */
  near(keys: readonly string[]): (Entry | undefined)[] | undefined {
    if (this.#near === undefined || !this.ledger.isCurrent()) return undefined;
    return this.#near.get(keys);
  }

  /** Whether every response is read from elsewhere: this process keeps none itself. */
  get keepsNothing(): boolean {
    return this.#own === undefined;
  }

  /** The entries that this process keeps, where they may be judged without asking anybody. */
  get own(): MemoryStore | undefined {
    return this.ledger.isCurrent() ? this.#own : undefined;
  }

  /** The same where each lookup has to ask for the ledger's head: nothing, where nothing is kept under the first key. */
  nearInStep(keys: readonly string[]): MaybePromise<(Entry | undefined)[] | undefined> {
    const near = this.#near;
    if (near === undefined || this.#settings.consistency !== 'strong' || near.get(keys)[0] === undefined)
      return undefined;
    return after(
      this.#run('read', this.#settings.timeout, () => this.ledger.sync()),
      () => near.get(keys),
    );
  }

  /** How much is kept in this process. */
  kept(): { readonly items: number; readonly bytes: number } {
    const { items = 0, bytes = 0 } = this.#own ?? {};
    return { items, bytes };
  }

  /** A moment, to say later when Redis was asked. */
  get moment(): number {
    return this.#near?.moment ?? 0;
  }

  /** Keeps in this process what Redis has given. `asked`: when it was asked; what has been stored here since then stays. */
  keep(items: readonly StoreItem[], asked?: number): void {
    this.#near?.set(items, asked);
  }

  /** Stores responses, here and in Redis. The command is on its way when this returns. Rejects on failure. */
  fill(items: readonly StoreItem[]): MaybePromise<void> {
    this.keep(items);
    return this.write(items);
  }

  /**
   * The same of a response (the last of the items) that was made of one which was found, and says whether it did: not if a newer
   * one has come meanwhile.
   */
  renew(items: readonly StoreItem[], known: ResponseEntry): MaybePromise<boolean> {
    const [{ key }, now] = [items.at(-1)!, this.#settings.clock.now()];
    if (this.#near !== undefined) {
      if (isNewer(this.#near.read(key), known, now)) return false;
      this.keep(items);
    }
    return after(
      this.#run('write', WRITE_DEADLINE, () => renew(this.store, items, known, now)),
      (done) => {
        if (!done) this.#near?.delete([key]);
        return done;
      },
    );
  }

  /** Brings this process up to the ledger's head, and gives it. `patience`: ms that the caller can wait. Rejects on failure. */
  sync(patience: number = WRITE_DEADLINE): MaybePromise<Position | undefined> {
    return this.#run('read', patience, () => this.ledger.sync());
  }

  /** Stores entries. The command is on its way when this returns. Rejects on failure. */
  write(items: readonly StoreItem[]): MaybePromise<void> {
    return this.#run('write', WRITE_DEADLINE, () => this.store.set(items));
  }

  remove(keys: readonly string[]): MaybePromise<number> {
    return this.#run('delete', WRITE_DEADLINE, () => this.store.delete(keys));
  }

  increment(key: string, by: number, expected: Entry | undefined, fresh: Entry): MaybePromise<Increment> {
    return this.#run('increment', WRITE_DEADLINE, () => this.store.increment(key, by, expected, fresh));
  }

  swap(key: string, expected: Entry | undefined, next: Entry): MaybePromise<boolean> {
    return this.#run('increment', WRITE_DEADLINE, () => this.store.swap(key, expected, next));
  }

  /** Puts another form of a response in its place, here and in Redis, and says whether it did: not if another has come. Rejects on failure. */
  replace(key: string, entry: ResponseEntry, next: ResponseEntry): MaybePromise<boolean> {
    const replaced = this.#run('write', WRITE_DEADLINE, () => this.store.swap(key, entry, next));
    return after(replaced, (done) => {
      const kept = done ? this.#near?.read(key) : undefined;
      if (kept !== undefined && isSame(kept, entry)) this.#near?.swap(key, kept, next);
      return done;
    });
  }

  /** One step of work on the store that no request waits for, this process being up to the ledger's head. */
  maintain<T>(work: (store: Store) => Promise<T>): MaybePromise<T> {
    return this.#run('maintenance', MAINTENANCE_DEADLINE, () => after(this.ledger.sync(), () => work(this.store)));
  }

  /** An operation of another room's on the way of a request, such as a rate limit's. Rejects on failure. */
  attempt<T>(operation: string, work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#run(operation, this.#settings.timeout, work);
  }

  ping(): MaybePromise<void> {
    return this.#run('ping', this.#settings.timeout, () => this.store.ping());
  }

  /** Enters a purge into the ledger. Never rejects. `patience`: how long to wait until it is durable, ms. */
  async purge(purge: Purge, patience: number = PURGE_DEADLINE): Promise<Receipt> {
    const receipt = this.ledger.purge(purge);
    try {
      return await withDeadline(receipt, patience, 'purge');
    } catch {
      return { sequence: this.ledger.position()?.sequence ?? 0, durable: false };
    }
  }

  /** Removes what is dead, now. Never rejects. */
  sweep(): Promise<void> {
    return this.#sweeper.sweep();
  }

  /**
   * Deletes all that a tenant (escaped) has, here and in the store. Rejects if the store cannot be reached, and with what
   * `onProgress` throws.
   */
  async erase(tenant: string, onProgress: (progress: SweepProgress) => void): Promise<void> {
    await this.#near?.sweep(keySpace(this.#settings.prefix, tenant), () => true);
    try {
      await this.#sweeper.erase(tenant, onProgress);
    } catch (error) {
      throw unavailableOr(error);
    }
  }

  async close(): Promise<void> {
    this.#sweeper.close();
    await this.ledger.close();
    // A process that no longer hears of purges may not serve copies: they would only be in the way.
    this.#near?.close();
    this.#near = undefined;
    await this.store.close();
  }

  #guarded(leases: LeaseTable): LeaseTable {
    const { timeout } = this.#settings;
    return {
      take: async (...asked) => this.#run('lease', timeout, () => leases.take(...asked)),
      release: async (...asked) => this.#run('lease', WRITE_DEADLINE, () => leases.release(...asked)),
    };
  }

  #run<T>(operation: string, deadline: number, work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#guard === undefined ? work() : this.#guard.run(operation, deadline, work);
  }
}

/** Whether a copy is that of a response, in the same form. */
function isSame(copy: Entry, { storedAt, asOf, body }: ResponseEntry): boolean {
  if (copy.kind !== 'response' || copy.storedAt !== storedAt || copy.asOf.sequence !== asOf.sequence) return false;
  return copy.body.equals(body);
}
