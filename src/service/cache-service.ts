import { listening } from '../ask.js';
import type { Services } from '../backend.js';
import { aFunction, anObject, aSignal, flag, optionsOf, texts } from '../check.js';
import { serializeValue } from '../entry/value.js';
import type { Receipt } from '../invalidation/ledger.js';
import { tagsOfKey } from '../invalidation/purge-rule.js';
import { EVERYTHING, globalTag, ownTag, tenantTag } from '../invalidation/tags.js';
import { normalizePattern } from '../request/key.js';
import type { SweepProgress } from '../stores/store.js';
import { type Factory, GET_OR_SET_OPTIONS, GetOrSet, type GetOrSetOptions } from './get-or-set.js';
import { type IncrementOptions, Increments } from './increment.js';
import { ownerOf, type Place, tenantOf, textOf } from './place.js';
import { SET_OPTIONS, type SetOptions, type Values } from './values.js';
import { WRITE_THROUGH_OPTIONS, WriteThrough, type WriteThroughOptions } from './write-through.js';

/** How all of a tenant's data is removed, not only made unreachable. */
export interface EraseOptions {
  /** Whether to really delete, and to resolve only when all is gone. Default `false`. */
  erase?: boolean;
  /** Told now and then how far the deletion is. */
  onProgress?: (progress: SweepProgress) => void;
  /**
   * Ends the deletion before its time: the promise then rejects with the signal's reason. What was not deleted yet is not
   * served any more all the same.
   */
  signal?: AbortSignal;
}

/** The programmatic API: values by key and client (tenant). Its arguments are checked; Redis' failures are misses. */
export class CacheService {
  readonly #services: Services;
  readonly #values: Values;
  readonly #getOrSet: GetOrSet;
  readonly #increments: Increments;
  readonly #writeThrough: WriteThrough;

  constructor(services: Services, values: Values) {
    this.#services = services;
    this.#values = values;
    this.#getOrSet = new GetOrSet(services, values);
    this.#increments = new Increments(services, values);
    this.#writeThrough = new WriteThrough(services, values);
  }

  async get<T>(key: string, clientId: string): Promise<T | undefined> {
    return (await this.#lookUp([this.#values.place(key, clientId)]))[0] as T | undefined;
  }

  async has(key: string, clientId: string): Promise<boolean> {
    const [entry] = await this.#values.readFresh([this.#values.place(key, clientId)]);
    return entry !== undefined;
  }

  async mget<T>(keys: readonly string[], clientId: string): Promise<(T | undefined)[]> {
    tenantOf(clientId);
    const found = await this.#lookUp(texts('keys', keys).map((key) => this.#values.place(key, clientId)));
    return found as (T | undefined)[];
  }

  async set(key: string, value: unknown, clientId: string, options: SetOptions = {}): Promise<void> {
    await this.#setAll([[key, value]], clientId, optionsOf('set', options, SET_OPTIONS));
  }

  async mset(entries: Readonly<Record<string, unknown>>, clientId: string, options: SetOptions = {}): Promise<void> {
    anObject('the entries of mset()', entries);
    tenantOf(clientId);
    if (Symbol.iterator in entries) throw new TypeError('mset() takes an object of values by their keys, not a Map');
    await this.#setAll(Object.entries(entries), clientId, optionsOf('mset', options, SET_OPTIONS));
  }

  async getOrSet<T>(key: string, factory: Factory<T>, clientId: string, options: GetOrSetOptions = {}): Promise<T> {
    return this.#getOrSet.call(
      this.#values.place(key, clientId),
      aFunction('factory', factory),
      optionsOf('getOrSet', options, GET_OR_SET_OPTIONS),
    );
  }

  async writeThrough<T>(
    key: string | ((value: T) => string),
    persist: () => T | PromiseLike<T>,
    clientId: string,
    options: WriteThroughOptions = {},
  ): Promise<T> {
    const checked = optionsOf('writeThrough', options, WRITE_THROUGH_OPTIONS);
    return this.#writeThrough.write(key, aFunction('persist', persist), clientId, checked);
  }

  async delete(key: string, clientId: string): Promise<boolean> {
    const place = this.#values.place(key, clientId);
    const [entry] = await this.#values.readFresh([place]);
    await this.invalidateKey(key, clientId);
    await this.#values.quietly(() => this.#services.backend.remove([place.key]));
    return entry !== undefined;
  }

  async increment(key: string, by: number, clientId: string, options: IncrementOptions = {}): Promise<number> {
    return this.#increments.add(key, by, clientId, optionsOf('increment', options, SET_OPTIONS));
  }

  async invalidateKey(key: string, clientId: string | null): Promise<Receipt> {
    const tenant = ownerOf(clientId);
    const tags = tagsOfKey(tenant, textOf('key', key), this.#services.queries);
    return this.#values.purge({ tags, patterns: [] }, tenant);
  }

  async invalidateByTags(tags: readonly string[], clientId?: string | null): Promise<Receipt> {
    const tenant = clientId === undefined ? undefined : ownerOf(clientId);
    const named = texts('tags', tags).map((tag) => (tenant === undefined ? globalTag(tag) : ownTag(tenant, tag)));
    return this.#values.purge({ tags: named, patterns: [] }, tenant);
  }

  async invalidatePattern(pattern: string, clientId: string | null): Promise<Receipt> {
    const tenant = ownerOf(clientId);
    const glob = normalizePattern(textOf('pattern', pattern));
    return this.#values.purge({ tags: [], patterns: [{ tenant, glob }] }, tenant);
  }

  async invalidateTenant(clientId: string | null, options: EraseOptions = {}): Promise<Receipt> {
    const tenant = ownerOf(clientId);
    // A misspelt one would leave all of a client's data where it is, and say that it is done.
    optionsOf('invalidateTenant', options, ['erase', 'onProgress', 'signal']);
    const erase = flag('option erase', options.erase ?? false);
    const { onProgress } = options;
    if (onProgress !== undefined) aFunction('option onProgress', onProgress);
    const signal = aSignal(options.signal);
    const receipt = await this.#values.purge({ tags: [tenantTag(tenant)], patterns: [] }, tenant);
    const { backend, events } = this.#services;
    const told = onProgress && listening(events, 'erase', onProgress);
    if (erase) {
      await backend.erase(tenant, (progress) => {
        told?.(progress);
        signal?.throwIfAborted();
      });
    }
    return receipt;
  }

  async clear(): Promise<Receipt> {
    const receipt = await this.#values.purge({ tags: [EVERYTHING], patterns: [] }, undefined);
    void this.#services.backend.sweep();
    return receipt;
  }

  async #setAll(entries: readonly [string, unknown][], clientId: string, options: SetOptions): Promise<void> {
    const made = this.#values.maker(options);
    const bodies = entries.map(([key, value]) => [this.#values.place(key, clientId), serializeValue(value)] as const);
    const asOf = await this.#values.position();
    if (asOf !== undefined) await this.#values.store(bodies.map(([place, body]) => [place, made.entry(body, asOf)]));
  }

  async #lookUp(places: readonly Place[]): Promise<unknown[]> {
    const started = performance.now();
    const entries = await this.#values.readFresh(places);
    const ms = performance.now() - started;
    return entries.map((entry, i) => {
      const found = this.#values.decode(entry);
      if (found === undefined) this.#values.miss(places[i]!, ms);
      else this.#values.hit(places[i]!, ms, entry!);
      return found?.value;
    });
  }
}
