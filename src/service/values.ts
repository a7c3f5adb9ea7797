import type { Services } from '../backend.js';
import { aboveZero, texts } from '../check.js';
import { isOfTheFuture } from '../clock.js';
import type { CounterEntry, Entry, Position, ValueEntry } from '../entry/entry.js';
import { deserializeValue } from '../entry/value.js';
import { Collapse, type Lead } from '../fill/collapse.js';
import type { Receipt } from '../invalidation/ledger.js';
import type { Purge } from '../invalidation/purge-table.js';
import type { Subject } from '../invalidation/tags.js';
import { type Place, placeOf } from './place.js';

/** How a value is stored. */
export interface SetOptions {
  /** Seconds until it expires; `Infinity` for never. Default: the cache's `ttl`; where that is a function, `CACHE_TTL`, else 300. */
  ttl?: number;
  /** Names that it can be invalidated by, with others. */
  tags?: readonly string[];
}

export const SET_OPTIONS: readonly string[] = ['ttl', 'tags'];

/** How many values are asked for at once: an answer has to come in time. */
const MOST_READ = 250;
/** So many as long as nobody knows how large they are. */
const FIRST_READ = 32;
/** How much is asked for at once, about, bytes, going by those before. */
const MOST_BYTES_READ = 1024 * 1024;
/** How much is stored at once, about, bytes: Redis is given no more than it takes while a write may last. */
const MOST_WRITTEN = 4 * 1024 * 1024;
/** What a command has beside the value's own bytes, about. */
const AROUND = 256;

/** What the programmatic API stores. */
export type Stored = ValueEntry | CounterEntry;

/** Makes the entry of a value. */
export interface Maker {
  readonly tags: readonly string[];
  entry(body: Buffer, asOf: Position): ValueEntry;
}

/** What a factory threw, for those who have waited for its value. */
export class Failure {
  constructor(readonly error: unknown) {}
}

/** Where in the ledger a writer's run begins: what it puts there is newer than whatever is purged meanwhile. */
const AHEAD: Position = { epoch: '', sequence: Number.POSITIVE_INFINITY };

/** The stored values, as all strategies read and write them: what fails is a miss, or is not written; nothing rejects. */
export class Values {
  /** Who makes the value of a key; the others wait for it. */
  readonly runs: Collapse<Stored | Failure>;
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
    const { clock, collapseTimeout } = services.settings;
    // A script that waits for a value has nothing else that holds it.
    this.runs = new Collapse({ clock, leases: services.backend.leases, patience: collapseTimeout, holds: true });
  }

  /** @throws {TypeError} if the key or the client is empty */
  place(key: string, clientId: string): Place {
    return placeOf(this.#services.settings.prefix, key, clientId);
  }

  /** What is valid at the places, stale or not. `onFailure`: told if the store could not be asked. */
  async read(places: readonly Place[], onFailure?: () => void): Promise<(Stored | undefined)[]> {
    const found: (Stored | undefined)[] = [];
    let bytes = 0;
    let most = FIRST_READ;
    try {
      while (found.length < places.length) {
        const step = places.slice(found.length, found.length + most);
        const entries = await this.#services.backend.read(step.map(({ key }) => key));
        found.push(...step.map((place, i) => this.standing(place, entries[i])));
        for (const entry of entries) if (entry !== undefined && 'body' in entry) bytes += entry.body.length;
        most = Math.max(1, Math.min(MOST_READ, Math.floor((MOST_BYTES_READ * found.length) / bytes)));
      }
    } catch {
      onFailure?.();
    }
    return places.map((_place, i) => found[i]);
  }

  /** The same without what is stale. */
  async readFresh(places: readonly Place[]): Promise<(Stored | undefined)[]> {
    return (await this.read(places)).map((entry) => this.fresh(entry));
  }

  /** An entry, if it is a value or a counter that nothing has invalidated. */
  standing(place: Place, entry: Entry | undefined): Stored | undefined {
    if (entry === undefined || entry.kind === 'response' || entry.kind === 'index') return undefined;
    return this.#services.backend.ledger.stands(subjectOf(place, entry.tags), entry.asOf) ? entry : undefined;
  }

  /** An entry, if its time is not over yet. */
  fresh(entry: Stored | undefined): Stored | undefined {
    return entry !== undefined && this.staleFor(entry) < 0 ? entry : undefined;
  }

  /** For how long an entry has been stale, ms; below 0: it is fresh. */
  staleFor(entry: Stored): number {
    const now = this.#services.settings.clock.now();
    const until = freshUntil(entry);
    // A counter is no copy of anything: it is not begun anew because of a clock.
    const isKnown =
      entry.kind === 'counter' || until === Number.POSITIVE_INFINITY || !isOfTheFuture(entry.storedAt, now);
    return isKnown ? now - until : 0;
  }

  /** What an entry holds; `undefined` if it cannot be read, which is told of. */
  decode(entry: Stored | undefined): { readonly value: unknown } | undefined {
    if (entry === undefined) return undefined;
    try {
      return { value: contentOf(entry) };
    } catch (error) {
      this.#services.events.emit('error', { operation: 'decode', error });
      return undefined;
    }
  }

  /**
   * What makes entries by such options. `stale`: ms that one is kept beyond its time.
   *
   * @throws {ConfigError} for an option that cannot be used
   */
  maker({ ttl, tags = [] }: SetOptions, stale = 0): Maker {
    const { route, clock } = this.#services.settings;
    const seconds = ttl === undefined ? route.usualTtl : aboveZero('option ttl', ttl, 'seconds');
    const checked = texts('option tags', tags);
    const entry = (body: Buffer, asOf: Position): ValueEntry => {
      const now = clock.now();
      const until = now + seconds * 1000;
      const kept = stale > 0 && until < Number.POSITIVE_INFINITY ? { freshUntil: until } : {};
      return { kind: 'value', asOf, storedAt: now, expiresAt: until + stale, ...kept, tags: checked, body };
    };
    return { tags: checked, entry };
  }

  /** Whether what is made of a place since a position is not known to be dead. */
  standsSince(place: Place, tags: readonly string[], asOf: Position): boolean {
    return asOf.sequence === AHEAD.sequence || this.#services.backend.ledger.stands(subjectOf(place, tags), asOf);
  }

  /**
   * Has whoever asks for a key from now on wait for what is about to be put there. For a writer, who purges the key first: factories
   * that run already are not waited for. `undefined`: that cannot be had.
   */
  lead({ key }: Place): Promise<Lead<Stored | Failure> | undefined> {
    return this.runs.tryLead({ key, asOf: AHEAD, stands: () => false });
  }

  /** Where the ledger is as this is called, for a value that the caller has at hand. `patience`: ms to wait for it. */
  async position(patience?: number): Promise<Position | undefined> {
    const { backend } = this.#services;
    const known = backend.ledger.position();
    try {
      return await backend.sync(patience);
    } catch {
      return known;
    }
  }

  async store(values: readonly (readonly [Place, ValueEntry])[]): Promise<void> {
    const { backend, events } = this.#services;
    for (const step of stepsOf(values)) {
      const started = performance.now();
      const items = step.map(([{ key }, entry]) => ({ key, entry }));
      if (!(await this.quietly(() => backend.write(items)))) return;
      const ms = (performance.now() - started) / step.length;
      for (const [{ tenant, key }, { body }] of step) events.emit('set', { tenant, key, ms, bytes: body.length });
    }
  }

  async purge(purge: Purge, tenant: string | undefined): Promise<Receipt> {
    const { backend, events } = this.#services;
    const receipt = await backend.purge(purge);
    const { durable } = receipt;
    events.emit('purge', { tags: purge.tags.length, patterns: purge.patterns.length, tenant, durable });
    return receipt;
  }

  hit({ tenant, key }: Place, ms: number, entry: Stored, stale = false): void {
    const { kind: tier } = this.#services.backend;
    const bytes = entry.body.length;
    this.#services.events.emit('hit', { source: 'service', tenant, key, ms, bytes, tier, ...(stale && { stale }) });
  }

  miss({ tenant, key }: Place, ms: number): void {
    this.#services.events.emit('miss', { source: 'service', tenant, key, ms });
  }

  /** Whether it succeeded. The guard has told of a failure already. */
  async quietly(work: () => unknown): Promise<boolean> {
    try {
      await work();
      return true;
    } catch {
      return false;
    }
  }
}

/** Values in steps that are stored one after the other. */
function* stepsOf(values: readonly (readonly [Place, ValueEntry])[]): Generator<(readonly [Place, ValueEntry])[]> {
  let step: (readonly [Place, ValueEntry])[] = [];
  let bytes = 0;
  for (const value of values) {
    const size = value[1].body.length + AROUND;
    if (step.length > 0 && bytes + size > MOST_WRITTEN) {
      yield step;
      step = [];
      bytes = 0;
    }
    step.push(value);
    bytes += size;
  }
  if (step.length > 0) yield step;
}

/** When an entry stops being fresh: ms since 1970, or `Infinity`. */
function freshUntil(entry: Stored): number {
  return entry.kind === 'value' ? (entry.freshUntil ?? entry.expiresAt) : entry.expiresAt;
}

export function subjectOf({ tenant, names }: Place, tags: readonly string[]): Subject {
  return { tenant, names, tags };
}

/** @throws {Error} if it cannot be read */
export function contentOf(entry: Stored): unknown {
  if (entry.kind === 'counter') return Number(entry.body.toString('latin1'));
  return deserializeValue(entry.body);
}
