import { setTimeout as pause } from 'node:timers/promises';
import { oneOf } from '../check.js';
import { type Clock, systemClock } from '../clock.js';
import type { Entry } from '../entry/entry.js';
import { ConfigError, UnavailableError } from '../errors.js';
import { MemoryStore } from '../stores/memory.js';
import type { Dead, Increment, Scanned, ScanOptions, Store, StoreItem, SweepProgress } from '../stores/store.js';
import type { MaybePromise } from '../types.js';

/** What a store is asked to do. */
export type StoreOperation = 'get' | 'set' | 'delete' | 'increment' | 'swap' | 'sweep' | 'scan' | 'ping';

const OPERATIONS: readonly StoreOperation[] = ['get', 'set', 'delete', 'increment', 'swap', 'sweep', 'scan', 'ping'];

/**
 * A store that fails when it is told to, around another one: for tests of what an application does while its cache's store is in
 * trouble. Each of `fail`, `hang` and `slow` holds for the operations that it names, all if it names none, until another
 * one of them, or `mend`.
 *
 * @example
 * ```ts
 * const store = new ChaosStore();
 * const cache = createCache({ store, timeout: 20 });
 * store.hang('get');
 * await cache.get('greeting', 'client-1'); // undefined, after 20 ms
 * store.mend();
 * ```
 */
export class ChaosStore implements Store {
  readonly capabilities: Store['capabilities'];
  /** How often each operation was asked for. */
  readonly calls: Record<StoreOperation, number>;
  readonly #inner: Store;
  readonly #troubles = new Map<StoreOperation, () => Promise<unknown>>();
  #mended = new Gate();

  /**
   * `inner`: the store that does the work; or the clock of one in memory of 1000 entries at the most: the cache's own, if it has been
   * given one. Default: such a store, by the machine's clock.
   */
  constructor(inner: Store | Clock = systemClock) {
    this.#inner = 'now' in inner ? new MemoryStore({ maxItems: 1000, maxBytes: 67_108_864, clock: inner }) : inner;
    this.capabilities = this.#inner.capabilities;
    this.calls = Object.fromEntries(OPERATIONS.map((name) => [name, 0])) as Record<StoreOperation, number>;
  }

  /** Has operations reject. `error`: with what. Default: an {@link UnavailableError}. */
  fail(error?: Error, ...operations: StoreOperation[]): void {
    this.#trouble(operations, () =>
      Promise.reject(error ?? new UnavailableError('the store fails, as it was told to')),
    );
  }

  /** Has operations wait until the store is mended; then they are done. */
  hang(...operations: StoreOperation[]): void {
    const { opened } = this.#mended;
    this.#trouble(operations, () => opened);
  }

  /** Has operations take `ms` longer. */
  slow(ms: number, ...operations: StoreOperation[]): void {
    if (!(Number.isFinite(ms) && ms >= 0))
      throw new ConfigError('the ms of slow()', ms, 'a number of milliseconds, 0 or more');
    this.#trouble(operations, () => pause(ms));
  }

  /** Everything works again, and what hangs goes on. */
  mend(): void {
    this.#troubles.clear();
    this.#mended.open();
    this.#mended = new Gate();
  }

  /** Loses all entries, as a store may at any time. */
  async forget(): Promise<void> {
    await this.#inner.sweep('', () => true);
  }

  get(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#do('get', () => this.#inner.get(keys));
  }

  set(items: readonly StoreItem[]): Promise<void> {
    return this.#do('set', () => this.#inner.set(items));
  }

  delete(keys: readonly string[]): Promise<number> {
    return this.#do('delete', () => this.#inner.delete(keys));
  }

  increment(key: string, by: number, expected: Entry | undefined, fresh: Entry): Promise<Increment> {
    return this.#do('increment', () => this.#inner.increment(key, by, expected, fresh));
  }

  swap(key: string, expected: Entry | undefined, next: Entry): Promise<boolean> {
    return this.#do('swap', () => this.#inner.swap(key, expected, next));
  }

  sweep(prefix: string, dead: Dead, onProgress?: (progress: SweepProgress) => void): Promise<number> {
    return this.#do('sweep', () => this.#inner.sweep(prefix, dead, onProgress));
  }

  async *scan(prefix: string, options?: ScanOptions): AsyncGenerator<Scanned> {
    await this.#do('scan', () => {});
    yield* this.#inner.scan(prefix, options);
  }

  ping(): Promise<void> {
    return this.#do('ping', () => this.#inner.ping());
  }

  /** Mends the store first, so that nothing waits for ever. */
  async close(): Promise<void> {
    this.mend();
    await this.#inner.close();
  }

  #trouble(operations: readonly StoreOperation[], trouble: () => Promise<unknown>): void {
    for (const name of operations.length === 0 ? OPERATIONS : operations)
      this.#troubles.set(oneOf('an operation of a store', name, OPERATIONS), trouble);
  }

  async #do<T>(operation: StoreOperation, work: () => MaybePromise<T>): Promise<T> {
    this.calls[operation]++;
    await this.#troubles.get(operation)?.();
    return work();
  }
}

/** Something to wait for. */
class Gate {
  open!: () => void;
  readonly opened: Promise<void> = new Promise((resolve) => {
    this.open = resolve;
  });
}
