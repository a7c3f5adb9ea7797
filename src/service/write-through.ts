import { atOnce } from '../ask.js';
import type { Services } from '../backend.js';
import { anObject, knownOnly, texts } from '../check.js';
import type { Position } from '../entry/entry.js';
import { deserializeValue, serializeValue } from '../entry/value.js';
import { tagsOfKey } from '../invalidation/purge-rule.js';
import type { Purge } from '../invalidation/purge-table.js';
import { keyTags, ownTag } from '../invalidation/tags.js';
import { normalizePattern } from '../request/key.js';
import { QueryRules } from '../request/query.js';
import { type Place, tenantOf, textOf } from './place.js';
import { type Maker, SET_OPTIONS, type SetOptions, subjectOf, type Values } from './values.js';

/** What else a write makes out of date, for the same client. */
export interface Outdated {
  /** Keys of values, names of routes, or paths. */
  keys?: readonly string[];
  tags?: readonly string[];
  /** Globs (`users:*`), or places in the hierarchy of keys. */
  patterns?: readonly string[];
}

/** How a value is stored once it is persisted, and what its writing invalidates beside its key. */
export interface WriteThroughOptions extends SetOptions {
  invalidate?: Outdated;
}

export const WRITE_THROUGH_OPTIONS: readonly string[] = [...SET_OPTIONS, 'invalidate'];

/** Write-through: what is persisted, and only that, is in the cache afterwards. */
export class WriteThrough {
  readonly #services: Services;
  readonly #values: Values;

  constructor(services: Services, values: Values) {
    this.#services = services;
    this.#values = values;
  }

  /** @throws what `persist` throws */
  async write<T>(
    key: string | ((value: T) => string),
    persist: () => T | PromiseLike<T>,
    clientId: string,
    options: WriteThroughOptions,
  ): Promise<T> {
    const tenant = tenantOf(clientId);
    const known = typeof key === 'function' ? undefined : this.#values.place(key, clientId);
    const made = this.#values.maker(options);
    const outdated = purgeOf(tenant, options.invalidate ?? {}, this.#services.queries);
    // Persisting does not wait for a Redis that does not answer.
    const asOf = await this.#values.position(this.#services.settings.timeout);
    let place = known;
    let bytes: Buffer;
    try {
      const value = await persist();
      place ??= this.#values.place(textOf('key', atOnce('key', (key as (value: T) => string)(value))), clientId);
      bytes = serializeValue(value);
    } catch (error) {
      // How far it has come nobody knows, or it is done and cannot be stored: what is stored may be out of date already.
      await this.#purge(place, outdated, tenant);
      throw error;
    }
    await this.#store(place, outdated, { bytes, made, asOf });
    return deserializeValue(bytes) as T;
  }

  /**
   * Invalidates what is out of date, and then stores the value: it is newer than that, but not than what others may have
   * written meanwhile. Where any of them has, nobody knows who was last, and nothing is stored.
   */
  async #store(
    place: Place,
    outdated: Purge,
    { bytes, made, asOf }: { bytes: Buffer; made: Maker; asOf: Position | undefined },
  ): Promise<void> {
    const own = await this.#purge(place, outdated, place.tenant);
    const { ledger } = this.#services.backend;
    const stamp = own && asOf && ledger.stampAfter(own, subjectOf(place, made.tags), asOf);
    if (stamp !== undefined) await this.#values.store([[place, made.entry(bytes, stamp)]]);
  }

  /** Gives the purge, if it is in the ledger. */
  async #purge(place: Place | undefined, { tags, patterns }: Purge, tenant: string) {
    // By itself: of a purge with patterns it cannot be told whom else it has met.
    if (patterns.length > 0) await this.#values.purge({ tags: [], patterns }, tenant);
    const own = place?.names.flatMap((name) => keyTags(tenant, name)) ?? [];
    const purge = { tags: [...new Set([...own, ...tags])], patterns: [] };
    if (purge.tags.length === 0) return undefined;
    const { durable, sequence } = await this.#values.purge(purge, tenant);
    return durable ? { purge, sequence } : undefined;
  }
}

/** What is out of date, checked, as it is now. @throws {ConfigError} for what cannot be used */
export function outdatedBy(outdated: Outdated): Required<Outdated> {
  anObject('option invalidate', outdated);
  const { keys = [], tags = [], patterns = [], ...rest } = outdated;
  knownOnly('invalidate.', rest, ['keys', 'tags', 'patterns']);
  return {
    keys: texts('option invalidate.keys', keys),
    tags: texts('option invalidate.tags', tags),
    patterns: texts('option invalidate.patterns', patterns),
  };
}

/**
 * The purge of what is out of date. `queries`: how mounts shorten those of responses; without them only a value is meant.
 * @throws {ConfigError} for what cannot be used
 */
export function purgeOf(tenant: string, outdated: Outdated, queries: QueryRules = new QueryRules()): Purge {
  const { keys, tags, patterns } = outdatedBy(outdated);
  return {
    tags: [...keys.flatMap((key) => tagsOfKey(tenant, key, queries)), ...tags.map((tag) => ownTag(tenant, tag))],
    patterns: patterns.map((glob) => ({ tenant, glob: normalizePattern(glob) })),
  };
}
