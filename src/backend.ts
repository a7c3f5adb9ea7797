import type { Entry } from './entry/entry.js';
import type { Events } from './events.js';
import type { Ledger, Receipt } from './invalidation/ledger.js';
import { MemoryLedger } from './invalidation/memory-ledger.js';
import type { Purge } from './invalidation/purge-table.js';
import { RedisLedger } from './invalidation/redis-ledger.js';
import type { Settings } from './options.js';
import { Guard, withDeadline } from './stores/guard.js';
import { MemoryStore } from './stores/memory.js';
import { RedisStore } from './stores/redis.js';
import { RedisLink } from './stores/redis-link.js';
import type { Increment, Store, StoreItem } from './stores/store.js';
import { both, type MaybePromise, then } from './types.js';

/** A write is not on the way of a request; but one that takes so long says that the server does not answer. */
const WRITE_DEADLINE = 2000;
/** What a caller of the programmatic API waits for a purge to be durable, ms; a request waits no longer than `timeout`. */
const PURGE_DEADLINE = 1000;

/** What every part of one cache works with. */
export interface Services {
  readonly settings: Settings;
  readonly backend: Backend;
  readonly events: Events;
}

/** A store, the ledger beside it, and the guard around both: what engine and service work with. */
export class Backend {
  readonly kind: 'memory' | 'redis';
  readonly store: Store;
  readonly ledger: Ledger;
  readonly link: RedisLink | undefined;
  readonly #guard: Guard | undefined;
  readonly #settings: Settings;

  constructor(settings: Settings, events: Events) {
    this.#settings = settings;
    const { clock, prefix } = settings;
    if (settings.redis === undefined) {
      this.kind = 'memory';
      this.store = new MemoryStore({ maxItems: settings.maxItems, maxBytes: settings.maxBytes, clock });
      this.ledger = new MemoryLedger(clock);
      return;
    }
    const onError = (operation: string) => (error: unknown) => events.emit('error', { operation, error });
    const link = new RedisLink(settings.redis, onError('connection'));
    const guard = new Guard({ ...settings.breaker, clock, events });
    link.onReady(() => guard.revive());
    this.kind = 'redis';
    this.link = link;
    this.#guard = guard;
    this.store = new RedisStore(link, { now: () => clock.now(), onDamage: onError('decode') });
    this.ledger = new RedisLedger(link, {
      prefix,
      deadline: PURGE_DEADLINE,
      onError: (operation, error) => events.emit('error', { operation, error }),
    });
  }

  /** Whether the breaker is open: nothing is read or written at present. */
  get broken(): boolean {
    return this.#guard?.open ?? false;
  }

  /** The entries under the keys, this process being up to the ledger's head: one round trip. Rejects on failure. */
  read(keys: readonly string[]): MaybePromise<(Entry | undefined)[]> {
    return this.#run('read', this.#settings.timeout, () =>
      then(both(this.ledger.sync(), this.store.get(keys)), ([, entries]) => entries),
    );
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

  async close(): Promise<void> {
    await this.ledger.close();
    await this.store.close();
  }

  #run<T>(operation: string, deadline: number, work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#guard === undefined ? work() : this.#guard.run(operation, deadline, work);
  }
}
