import type { Services } from '../backend.js';
import type { CounterEntry, Entry, ValueEntry } from '../entry/entry.js';
import { RespcacheError, show, UnavailableError } from '../errors.js';
import { unavailableOr } from '../stores/loss.js';
import type { Place } from './place.js';
import { contentOf, type Maker, type Stored, type Values } from './values.js';

/** How a counter begins; one that there is already stays as it is. */
export interface IncrementOptions {
  /** Seconds until it expires, from its beginning on. Default: never. */
  ttl?: number;
  /** Names that it can be invalidated by, with others. */
  tags?: readonly string[];
}

/** How often an increment looks again when others change the entry under its hands. */
const MOST_ATTEMPTS = 20;

/** Adds to numbers, in one atomic step over all processes. */
export class Increments {
  readonly #services: Services;
  readonly #values: Values;

  constructor(services: Services, values: Values) {
    this.#services = services;
    this.#values = values;
  }

  async add(key: string, by: number, clientId: string, options: IncrementOptions): Promise<number> {
    if (!Number.isSafeInteger(by)) throw new RangeError(`increment by ${show(by)}: it takes a whole number`);
    const place = this.#values.place(key, clientId);
    const made = this.#values.maker({
      ...options,
      ttl: options.ttl === undefined ? Number.POSITIVE_INFINITY : options.ttl,
    });
    try {
      return await this.#addTo(place, key, by, made);
    } catch (error) {
      throw unavailableOr(error);
    }
  }

  async #addTo(place: Place, key: string, by: number, made: Maker): Promise<number> {
    const { backend } = this.#services;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const [stored] = await backend.read([place.key]);
      const asOf = backend.ledger.position();
      if (asOf === undefined) break;
      const fresh: CounterEntry = { ...made.entry(Buffer.from(String(by)), asOf), kind: 'counter' };
      const done = await this.#add(place, by, stored, fresh);
      // Of -0, which no text tells, too.
      if (typeof done === 'number') return done + 0;
    }
    throw new UnavailableError(`increment of ${key}: the entry is changed all the time`);
  }

  /** Adds to what is stored, or begins anew; `undefined`: somebody else was faster, look again. */
  async #add(place: Place, by: number, stored: Entry | undefined, fresh: CounterEntry): Promise<number | undefined> {
    const { backend } = this.#services;
    const current = this.#values.fresh(this.#values.standing(place, stored));
    if (current?.kind === 'counter' || stored === undefined) {
      const done = await backend.increment(place.key, by, current, fresh);
      if (done === 'not-a-number') throw beyond();
      return done === 'changed' ? undefined : done.value;
    }
    // What was invalidated begins anew; a number that `set` has stored goes on as a counter.
    const value = current === undefined ? by : numberIn(current, place) + by;
    if (!Number.isSafeInteger(value)) throw beyond();
    const next = { ...(current === undefined ? fresh : counterOf(current)), body: Buffer.from(String(value)) };
    return (await backend.swap(place.key, stored, next)) ? value : undefined;
  }
}

function beyond(): RespcacheError {
  return new RespcacheError(`increment: the sum is beyond ${Number.MAX_SAFE_INTEGER}`);
}

/** A value as a counter, which is not kept beyond its time. */
function counterOf({ freshUntil, ...entry }: ValueEntry): CounterEntry {
  return { ...entry, kind: 'counter', expiresAt: freshUntil ?? entry.expiresAt };
}

function numberIn(entry: Stored, { names }: Place): number {
  const value = contentOf(entry);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new TypeError(`increment: the value of ${names[0]} is no whole number`);
}
