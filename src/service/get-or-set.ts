import type { Services } from '../backend.js';
import { aboveZero, window } from '../check.js';
import { LONGEST_TIMER } from '../clock.js';
import type { Position } from '../entry/entry.js';
import { deserializeValue, serializeValue } from '../entry/value.js';
import { TimeoutError } from '../errors.js';
import type { Turn } from '../fill/collapse.js';
import type { Place } from './place.js';
import {
  contentOf,
  Failure,
  type Maker,
  SET_OPTIONS,
  type SetOptions,
  type Stored,
  subjectOf,
  type Values,
} from './values.js';

/** How a value is stored, and what stands in for it while it is made. */
export interface GetOrSetOptions extends SetOptions {
  /**
   * Seconds after its `ttl` that a value is still returned, at once, while the factory makes it anew in the background.
   * Default 0.
   */
  staleWhileRevalidate?: number;
  /** Seconds after its `ttl` that a value stands in for a factory that throws, or is too slow. Default 0. */
  staleIfError?: number;
  /**
   * ms that a caller waits for the factory where there is a value to stand in (`staleIfError`), which it is then given.
   * The factory goes on, and what it makes is stored. Default: no end.
   */
  softTimeout?: number;
  /** ms that a caller waits for the factory at all, before it is given a {@link TimeoutError}. Default: no end. */
  hardTimeout?: number;
}

export const GET_OR_SET_OPTIONS: readonly string[] = [
  ...SET_OPTIONS,
  ...['staleWhileRevalidate', 'staleIfError', 'softTimeout', 'hardTimeout'],
];

/** Makes the value. */
export type Factory<T> = () => T | PromiseLike<T>;

/** The options, checked: all in ms. */
interface Terms {
  readonly made: Maker;
  readonly whileRevalidate: number;
  readonly ifError: number;
  readonly soft: number;
  readonly hard: number;
}

/** One call. */
interface Call<T> extends Terms {
  readonly place: Place;
  readonly factory: Factory<T>;
  /** Whether its caller has been answered without the factory. */
  left: boolean;
}

/** What a look at the store has found. */
interface Look {
  /** Valid, stale or not. */
  readonly entry: Stored | undefined;
  readonly value: unknown;
  readonly ms: number;
  /** The store could not be asked. */
  readonly failed: boolean;
  /** Whether purges are heard of. */
  readonly heard: boolean;
  /** What was known of the ledger before it. */
  readonly since: Position | undefined;
}

/**
 * Cache-first: what is stored, or else what a factory makes, of whose runs there is one at a time for each key, in all
 * processes together.
 */
export class GetOrSet {
  readonly #services: Services;
  readonly #values: Values;

  constructor(services: Services, values: Values) {
    this.#services = services;
    this.#values = values;
  }

  /** @throws what the factory throws; {TimeoutError} after `hardTimeout` */
  async call<T>(place: Place, factory: Factory<T>, options: GetOrSetOptions): Promise<T> {
    const call: Call<T> = { place, factory, left: false, ...this.#terms(options) };
    const look = await this.#look(place);
    if (this.#isUsable(place, look.entry, 0)) return this.#served(call, look, false);
    if (this.#isUsable(place, look.entry, call.whileRevalidate)) {
      void this.#refresh(call);
      return this.#served(call, look, true);
    }
    if (this.#isUsable(place, look.entry, call.ifError)) return this.#withStandIn(call, look);
    this.#values.miss(place, look.ms);
    const obtaining = this.#obtain(call, look);
    const value = await within(obtaining, call.hard);
    return value === LATE ? this.#giveUp(call, obtaining) : value;
  }

  /** The factory's value, or the stale one where that fails or takes too long. */
  async #withStandIn<T>(call: Call<T>, look: Look): Promise<T> {
    const { place, soft, hard } = call;
    const first = Math.min(soft, hard);
    // It may be invalidated meanwhile: that outranks every window.
    const standsIn = () => this.#isUsable(place, look.entry, call.ifError);
    const obtaining = this.#obtain(call, look);
    let value: T | typeof LATE;
    try {
      value = await within(obtaining, first);
      if (value === LATE && !standsIn()) value = await within(obtaining, hard - first);
    } catch (error) {
      if (!standsIn()) {
        this.#values.miss(place, look.ms);
        throw error;
      }
      this.#services.events.emit('error', { operation: 'factory', error });
      return this.#served(call, look, true);
    }
    if (value === LATE && standsIn()) {
      this.#leave(call, obtaining);
      return this.#served(call, look, true);
    }
    this.#values.miss(place, look.ms);
    return value === LATE ? this.#giveUp(call, obtaining) : value;
  }

  #served<T>({ place }: Call<T>, { entry, value, ms }: Look, stale: boolean): T {
    this.#values.hit(place, ms, entry!, stale);
    return value as T;
  }

  /** Whether what was found may be used, up to `window` ms after its time. */
  #isUsable(place: Place, entry: Stored | undefined, window: number): boolean {
    const valid = this.#values.standing(place, entry);
    return valid !== undefined && this.#values.staleFor(valid) < window;
  }

  #giveUp<T>(call: Call<T>, obtaining: Promise<T>): never {
    this.#leave(call, obtaining);
    throw new TimeoutError(`the factory took longer than ${call.hard} ms`);
  }

  /** Nobody waits for it any more: what comes of it is stored, or told of as an error. */
  #leave<T>(call: Call<T>, obtaining: Promise<T>): void {
    call.left = true;
    obtaining.catch((error) => this.#services.events.emit('error', { operation: 'factory', error }));
  }

  /** The value that the factory makes, in this call or in another one, here or elsewhere. */
  async #obtain<T>(call: Call<T>, look: Look): Promise<T> {
    const { place } = call;
    const { ledger } = this.#services.backend;
    const { key } = place;
    const stands = (asOf: Position) => this.#values.standsSince(place, call.made.tags, asOf);
    let last = look;
    const lookAgain = async () => {
      last = await this.#look(place);
      return this.#values.fresh(last.entry);
    };
    // Twice: what was made before a purge that this call comes after is no answer; then it takes part again.
    for (let attempt = 0; attempt < 2; attempt++) {
      // A process that cannot hear of purges does not know which flights they have killed.
      const asOf = look.heard ? ledger.position() : undefined;
      const turn = await this.#values.runs.enter({ key, asOf, stands, look: lookAgain, alone: look.failed });
      // A writer may have put a value there since that look, of which nobody has told us: what is made now is not to come over it.
      if (turn.kind === 'lead' || turn.kind === 'run') return this.#make(call, turn, last);
      if (turn.kind === 'result') {
        if (turn.result instanceof Failure) throw turn.result.error;
        if (this.#values.standing(place, turn.result) !== undefined) return contentOf(turn.result) as T;
      }
      look = last = await this.#look(place);
      if (this.#isUsable(place, look.entry, 0)) return look.value as T;
    }
    return this.#make(call, { kind: 'run' }, last);
  }

  /** Makes anew what is stale, unless somebody does so already. Never rejects. */
  async #refresh<T>(call: Call<T>): Promise<void> {
    const { backend, events } = this.#services;
    const { tenant, key } = call.place;
    try {
      const asOf = backend.ledger.position();
      const stands = (position: Position) => this.#values.standsSince(call.place, call.made.tags, position);
      const lead = await this.#values.runs.tryLead({ key, asOf, stands });
      if (lead === undefined) return;
      events.emit('refresh', { tenant, key });
      await this.#make(call, { kind: 'lead', lead }, { failed: false, since: asOf });
    } catch (error) {
      events.emit('error', { operation: 'factory', error });
    }
  }

  /**
   * Runs the factory, stores what it makes, and tells those who wait for it. `failed`: the store has just kept the caller
   * waiting in vain. `since`: what is made counts as begun then.
   */
  async #make<T>(
    { place, factory, made, left }: Call<T>,
    turn: Extract<Turn<Stored | Failure>, { kind: 'lead' | 'run' }>,
    { failed, since }: Pick<Look, 'failed' | 'since'>,
  ): Promise<T> {
    const lead = turn.kind === 'lead' ? turn.lead : undefined;
    // All who have waited in vain for a factory that hangs would run theirs at the same time, and for nobody.
    if (turn.kind === 'run' && left) return undefined as T;
    const { ledger } = this.#services.backend;
    const asOf = since ?? ledger.position();
    try {
      const value = await factory();
      const bytes = serializeValue(value);
      // What is dead already would only take the place of what is newer. Those who wait for it take part again.
      if (asOf !== undefined && ledger.stands(subjectOf(place, made.tags), asOf)) {
        const entry = made.entry(bytes, asOf);
        const written = this.#values.store([[place, entry]]);
        lead?.filled(entry, written);
        // The value is there: its write is waited for no longer than any answer, and not where the store has just given none.
        if (!failed) await within(written, this.#services.settings.timeout);
      }
      return deserializeValue(bytes) as T;
    } catch (error) {
      // Callers in this process share the failure, as they would have shared the value.
      lead?.filled(new Failure(error), undefined);
      throw error;
    } finally {
      lead?.abandoned();
    }
  }

  /** What is stored, stale or not, if it can be read. */
  async #look(place: Place): Promise<Look> {
    const started = performance.now();
    const since = this.#services.backend.ledger.position();
    let failed = false;
    const [entry] = await this.#values.read([place], () => {
      failed = true;
    });
    const heard = !failed || this.#services.backend.ledger.isCurrent();
    const found = this.#values.decode(entry);
    const rest = { ms: performance.now() - started, failed, heard, since };
    return found === undefined ? { entry: undefined, value: undefined, ...rest } : { entry, ...found, ...rest };
  }

  #terms(options: GetOrSetOptions): Terms {
    const { staleWhileRevalidate = 0, staleIfError = 0, softTimeout, hardTimeout } = options;
    const limit = (name: string, value: number | undefined) =>
      value === undefined ? Number.POSITIVE_INFINITY : aboveZero(`option ${name}`, value, 'ms');
    const whileRevalidate = window('option staleWhileRevalidate', staleWhileRevalidate) * 1000;
    const ifError = window('option staleIfError', staleIfError) * 1000;
    return {
      made: this.#values.maker(options, Math.max(whileRevalidate, ifError)),
      whileRevalidate,
      ifError,
      soft: limit('softTimeout', softTimeout),
      hard: limit('hardTimeout', hardTimeout),
    };
  }
}

/** In place of what took too long. */
const LATE: unique symbol = Symbol('late');

/** What becomes of work within `ms`. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | typeof LATE> {
  if (ms === Number.POSITIVE_INFINITY) return work;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, Math.min(Math.max(ms, 0), LONGEST_TIMER), LATE);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
