import type { Services } from '../backend.js';
import { aboveZero, texts } from '../check.js';
import type { CounterEntry, Entry, Position, ValueEntry } from '../entry/entry.js';
import { deserializeValue, serializeValue } from '../entry/value.js';
import { RespcacheError, UnavailableError } from '../errors.js';
import { Collapse, type Turn } from '../fill/collapse.js';
import type { Receipt } from '../invalidation/ledger.js';
import type { Purge } from '../invalidation/purge-table.js';
import { EVERYTHING, globalTag, keyTags, ownTag, type Subject, tenantTag } from '../invalidation/tags.js';
import { normalizeKeyName, valueKey } from '../request/key.js';
import { escapeTenant } from '../request/tenant.js';
import type { SweepProgress } from '../stores/store.js';

/** How a value is stored. */
export interface SetOptions {
  /** Seconds until it expires; `Infinity` for never. Default: the cache's `ttl`. */
  ttl?: number;
  /** Names that it can be invalidated by, with others. */
  tags?: readonly string[];
}

/** How all of a tenant's data is removed, not only made unreachable. */
export interface EraseOptions {
  /** Whether to really delete, and to resolve only when all is gone. Default `false`. */
  erase?: boolean;
  /** Told now and then how far the deletion is. */
  onProgress?: (progress: SweepProgress) => void;
}

interface Place {
  readonly key: string;
  readonly tenant: string;
  readonly names: readonly string[];
}

/** How often an increment looks again when others change the entry under its hands. */
const MOST_ATTEMPTS = 20;

/** The programmatic API: values by key and client (tenant). Its arguments are checked; Redis' failures are misses. */
export class CacheService {
  readonly #services: Services;
  readonly #collapse: Collapse<Entry | Failure>;

  constructor(services: Services) {
    this.#services = services;
    const { clock, collapseTimeout } = services.settings;
    this.#collapse = new Collapse({ clock, leases: services.backend.leases, patience: collapseTimeout });
  }

  async get<T>(key: string, clientId: string): Promise<T | undefined> {
    return (await this.#lookUp([this.#place(key, clientId)]))[0]?.value as T | undefined;
  }

  async has(key: string, clientId: string): Promise<boolean> {
    const [entry] = await this.#read([this.#place(key, clientId)]);
    return entry !== undefined;
  }

  async mget<T>(keys: readonly string[], clientId: string): Promise<(T | undefined)[]> {
    const found = await this.#lookUp(texts('keys', keys).map((key) => this.#place(key, clientId)));
    return found.map((each) => each?.value as T | undefined);
  }

  async set(key: string, value: unknown, clientId: string, options: SetOptions = {}): Promise<void> {
    await this.#setAll([[key, value]], clientId, options);
  }

  async mset(entries: Readonly<Record<string, unknown>>, clientId: string, options: SetOptions = {}): Promise<void> {
    await this.#setAll(Object.entries(entries), clientId, options);
  }

  async getOrSet<T>(
    key: string,
    factory: () => T | Promise<T>,
    clientId: string,
    options: SetOptions = {},
  ): Promise<T> {
    const place = this.#place(key, clientId);
    const made = this.#maker(options);
    const { ledger } = this.#services.backend;
    const subject = { tenant: place.tenant, names: place.names, tags: options.tags ?? [] };
    // Twice: what was made before a purge that this call comes after is no answer; then it takes part again.
    for (let attempt = 0; attempt < 2; attempt++) {
      let heard = true;
      const [found] = await this.#lookUp([place], attempt === 0, () => {
        heard = ledger.isCurrent();
      });
      if (found !== undefined) return found.value as T;
      const turn = await this.#collapse.enter({
        key: place.key,
        // Who cannot hear of purges does not know which flights they have killed.
        asOf: heard ? ledger.position() : undefined,
        stands: (asOf) => ledger.stands(subject, asOf),
        look: async () => (await this.#read([place]))[0],
      });
      if (turn.kind !== 'result') return this.#make(place, factory, made, turn);
      if (turn.result instanceof Failure) throw turn.result.error;
      if (this.#standing(place, turn.result) !== undefined) return contentOf(turn.result) as T;
    }
    return this.#make(place, factory, made, { kind: 'run' });
  }

  /** Runs a factory, stores what it makes, and tells those who wait for it. */
  async #make<T>(
    place: Place,
    factory: () => T | Promise<T>,
    made: (body: Buffer, asOf: Position) => ValueEntry,
    turn: Exclude<Turn<Entry | Failure>, { kind: 'result' }>,
  ): Promise<T> {
    const lead = turn.kind === 'lead' ? turn.lead : undefined;
    const asOf = this.#services.backend.ledger.position();
    try {
      const value = await factory();
      const bytes = serializeValue(value);
      if (asOf !== undefined) {
        const entry = made(bytes, asOf);
        const written = this.#store([[place, entry]]);
        lead?.filled(entry, written);
        await written;
      }
      return deserializeValue(bytes) as T;
    } catch (error) {
      // Callers in this process share the failure, as they would have shared the value.
      lead?.filled(new Failure(error), undefined);
      throw error;
    } finally {
      lead?.unfilled(0);
    }
  }

  async delete(key: string, clientId: string): Promise<boolean> {
    const place = this.#place(key, clientId);
    const [entry] = await this.#read([place]);
    await this.invalidateKey(key, clientId);
    await this.#quietly(() => this.#services.backend.remove([place.key]));
    return entry !== undefined;
  }

  async increment(key: string, by: number, clientId: string, options: SetOptions = {}): Promise<number> {
    if (!Number.isSafeInteger(by)) throw new RangeError(`increment by ${by}: it takes a whole number`);
    const place = this.#place(key, clientId);
    const made = this.#maker({ ttl: Number.POSITIVE_INFINITY, ...options });
    const { backend } = this.#services;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const [stored] = await backend.read([place.key]);
      const asOf = backend.ledger.position();
      if (asOf === undefined) break;
      const fresh: CounterEntry = { ...made(Buffer.from(String(by)), asOf), kind: 'counter' };
      const done = await this.#add(place, by, stored, fresh);
      if (typeof done === 'number') return done;
    }
    throw new UnavailableError(`increment of ${key}: the entry is changed all the time`);
  }

  async invalidateKey(key: string, clientId: string): Promise<Receipt> {
    const { tenant, names } = this.#place(key, clientId);
    return this.#purge({ tags: names.flatMap((name) => keyTags(tenant, name)), patterns: [] }, tenant);
  }

  async invalidateByTags(tags: readonly string[], clientId?: string): Promise<Receipt> {
    const tenant = clientId === undefined ? undefined : tenantOf(clientId);
    const named = texts('tags', tags).map((tag) => (tenant === undefined ? globalTag(tag) : ownTag(tenant, tag)));
    return this.#purge({ tags: named, patterns: [] }, tenant);
  }

  async invalidatePattern(pattern: string, clientId: string): Promise<Receipt> {
    const tenant = tenantOf(clientId);
    return this.#purge({ tags: [], patterns: [{ tenant, glob: textOf('pattern', pattern) }] }, tenant);
  }

  async invalidateTenant(clientId: string, { erase = false, onProgress }: EraseOptions = {}): Promise<Receipt> {
    const tenant = tenantOf(clientId);
    const receipt = await this.#purge({ tags: [tenantTag(tenant)], patterns: [] }, tenant);
    if (erase) await this.#services.backend.erase(tenant, onProgress);
    return receipt;
  }

  async clear(): Promise<Receipt> {
    const receipt = await this.#purge({ tags: [EVERYTHING], patterns: [] }, undefined);
    this.#services.backend.sweepSoon();
    return receipt;
  }

  async #setAll(entries: readonly [string, unknown][], clientId: string, options: SetOptions): Promise<void> {
    const made = this.#maker(options);
    const values = entries.map(([key, value]) => [this.#place(key, clientId), serializeValue(value)] as const);
    const asOf = await this.#position();
    if (asOf !== undefined) await this.#store(values.map(([place, body]) => [place, made(body, asOf)]));
  }

  /** Adds to what is stored, or begins anew; `undefined`: somebody else was faster, look again. */
  async #add(place: Place, by: number, stored: Entry | undefined, fresh: CounterEntry): Promise<number | undefined> {
    const { backend } = this.#services;
    const current = this.#standing(place, stored);
    if (current?.kind === 'counter' || stored === undefined) {
      const done = await backend.increment(place.key, by, current, fresh);
      if (done === 'not-a-number') throw new RespcacheError(`increment: the sum is beyond ${Number.MAX_SAFE_INTEGER}`);
      return done === 'changed' ? undefined : done.value;
    }
    // What was invalidated begins anew; a number that `set` has stored goes on as a counter.
    const value = current === undefined ? by : numberIn(current, place) + by;
    const next = { ...(current === undefined ? fresh : (current as ValueEntry)), body: Buffer.from(String(value)) };
    return (await backend.swap(place.key, stored, { ...next, kind: 'counter' })) ? value : undefined;
  }

  async #lookUp(
    places: readonly Place[],
    counted = true,
    onFailure?: () => void,
  ): Promise<({ value: unknown } | undefined)[]> {
    const started = performance.now();
    const entries = await this.#read(places, onFailure);
    const ms = performance.now() - started;
    return entries.map((entry, i) => {
      const { tenant, key } = places[i]!;
      const value = entry === undefined ? undefined : this.#decode(entry);
      if (counted && value === undefined) this.#services.events.emit('miss', { source: 'service', tenant, key, ms });
      else if (counted) this.#hit(tenant, key, ms, entry);
      return value;
    });
  }

  #hit(tenant: string, key: string, ms: number, entry: Entry | undefined): void {
    const bytes = entry === undefined || entry.kind === 'index' ? 0 : entry.body.length;
    const { kind: tier } = this.#services.backend;
    this.#services.events.emit('hit', { source: 'service', tenant, key, ms, bytes, tier });
  }

  #decode(entry: Entry): { value: unknown } | undefined {
    try {
      return { value: contentOf(entry) };
    } catch (error) {
      this.#services.events.emit('error', { operation: 'decode', error });
      return undefined;
    }
  }

  /** The valid entries at the places; none where the store fails. */
  async #read(places: readonly Place[], onFailure?: () => void): Promise<(Entry | undefined)[]> {
    try {
      const entries = await this.#services.backend.read(places.map(({ key }) => key));
      return entries.map((entry, i) => this.#standing(places[i]!, entry));
    } catch {
      onFailure?.();
      return places.map(() => undefined);
    }
  }

  #standing(place: Place, entry: Entry | undefined): Entry | undefined {
    if (entry === undefined || entry.kind === 'response' || entry.kind === 'index') return undefined;
    const subject: Subject = { tenant: place.tenant, names: place.names, tags: entry.tags };
    return this.#services.backend.ledger.stands(subject, entry.asOf) ? entry : undefined;
  }

  /** Where the ledger is now, for a value that the caller has at hand. */
  async #position(): Promise<Position | undefined> {
    await this.#quietly(() => this.#services.backend.sync());
    return this.#services.backend.ledger.position();
  }

  async #store(values: readonly (readonly [Place, ValueEntry])[]): Promise<void> {
    const { backend, events } = this.#services;
    const started = performance.now();
    const items = values.map(([{ key }, entry]) => ({ key, entry }));
    if (!(await this.#quietly(() => backend.write(items)))) return;
    const ms = (performance.now() - started) / values.length;
    for (const [{ tenant, key }, { body }] of values) events.emit('set', { tenant, key, ms, bytes: body.length });
  }

  async #purge(purge: Purge, tenant: string | undefined): Promise<Receipt> {
    const { backend, events } = this.#services;
    const receipt = await backend.purge(purge);
    const { durable } = receipt;
    events.emit('purge', { tags: purge.tags.length, patterns: purge.patterns.length, tenant, durable });
    return receipt;
  }

  /** Whether it succeeded. The guard has told of a failure already. */
  async #quietly(work: () => unknown): Promise<boolean> {
    try {
      await work();
      return true;
    } catch {
      return false;
    }
  }

  #maker({ ttl, tags = [] }: SetOptions): (body: Buffer, asOf: Position) => ValueEntry {
    const { route, clock } = this.#services.settings;
    const usual = typeof route.ttl === 'number' ? route.ttl : 300;
    const seconds = ttl === undefined ? usual : aboveZero('option ttl', ttl, 'seconds');
    const checked = texts('option tags', tags);
    return (body, asOf) => {
      const now = clock.now();
      return { kind: 'value', asOf, storedAt: now, expiresAt: now + seconds * 1000, tags: checked, body };
    };
  }

  #place(key: string, clientId: string): Place {
    const tenant = tenantOf(clientId);
    const name = textOf('key', key);
    return { tenant, key: valueKey(this.#services.settings.prefix, tenant, name), names: [normalizeKeyName(name)] };
  }
}

/** What a factory threw, for those who have waited for its value. */
class Failure {
  constructor(readonly error: unknown) {}
}

function tenantOf(clientId: unknown): string {
  return escapeTenant(textOf('clientId', clientId));
}

function textOf(argument: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new TypeError(
    `${argument} is ${typeof value === 'string' ? 'empty' : String(value)}; it takes a text that is not empty`,
  );
}

function numberIn(entry: Entry, { names }: Place): number {
  const value = contentOf(entry);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new TypeError(`increment: the value of ${names[0]} is no whole number`);
}

function contentOf(entry: Entry): unknown {
  if (entry.kind === 'counter') return Number(entry.body.toString('latin1'));
  return deserializeValue((entry as ValueEntry).body);
}
