import { randomUUID } from 'node:crypto';
import { ask, atOnce } from '../ask.js';
import type { Services } from '../backend.js';
import { aFunction, flag, optionsOf, wholeNumber } from '../check.js';
import type { ValueEntry } from '../entry/entry.js';
import { deserializeValue, serializeValue } from '../entry/value.js';
import { ConfigError } from '../errors.js';
import type { Events } from '../events.js';
import { type Place, textOf } from '../service/place.js';
import type { Maker, SetOptions, Values } from '../service/values.js';
import { type Outdated, outdatedBy, purgeOf, WRITE_THROUGH_OPTIONS } from '../service/write-through.js';
import { lossOr } from '../stores/loss.js';
import { DurableQueue } from './durable-queue.js';
import { MemoryQueue } from './memory-queue.js';
import { Turns } from './turns.js';
import {
  checkBackoff,
  type DeadLetter,
  type Handler,
  type HandlerOptions,
  letterOf,
  type Newer,
  type PersistRequest,
  textOfError,
  type Work,
  type Write,
  type WriteQueue,
} from './write.js';

/** How a value is stored, and who persists it. */
export interface WriteBehindOptions extends SetOptions {
  /** The name that a handler is registered under. */
  handler: string;
  /** What is out of date once the value is persisted, for the same client: lists and pages that are made of the database. */
  invalidate?: Outdated;
}

const OPTIONS: readonly string[] = [...WRITE_THROUGH_OPTIONS, 'handler'];
const USUAL_RETRIES = 10;
const USUAL_CONCURRENCY = 10;
/** ms. */
const FIRST_PAUSE = 100;
const LAST_PAUSE = 30_000;

/**
 * Write-behind: what is written is in the cache as soon as it is certain to be persisted, and persisted later, write by
 * write for each key.
 */
export class WriteBehind {
  readonly #services: Services;
  readonly #values: Values;
  readonly #handlers = new Map<string, Handler>();
  readonly #queue: WriteQueue;
  /** What is done to the cached value of a key, one after the other. */
  readonly #turns = new Turns();

  constructor(services: Services, values: Values) {
    this.#services = services;
    this.#values = values;
    const { settings, backend, events } = services;
    const { durable, maxQueue, waitForRoom: patience, lease } = settings.writeBehind;
    const work: Work = {
      persist: (handler, write, attempt) => this.#persist(handler, write, attempt),
      persisted: (write, newer) => this.#persisted(write, newer),
      dead: (write, error, newer) => this.#died(write, error, newer),
    };
    const { link } = backend;
    this.#queue =
      durable && link !== undefined
        ? new DurableQueue(link, {
            ...{ prefix: settings.prefix, most: maxQueue, patience, lease, work, clock: settings.clock },
            onError: (operation, error) => events.emit('error', { operation, error: lossOr(error) }),
          })
        : new MemoryQueue({ clock: settings.clock, most: maxQueue, patience, work });
  }

  /** @throws {ConfigError} */
  handle<T>(
    name: string,
    persist: (request: PersistRequest<T>) => unknown,
    options: HandlerOptions,
  ): () => Promise<void> {
    const named = textOf('the name of a handler', name);
    const handler = handlerOf(named, persist, options, this.#services.events);
    if (this.#handlers.has(name))
      throw new ConfigError('the name of a handler', name, 'one that is not registered yet');
    this.#handlers.set(name, handler);
    const end = this.#queue.work(handler);
    return async () => {
      if (this.#handlers.get(name) === handler) this.#handlers.delete(name);
      await end();
    };
  }

  /** @throws {QueueFullError} {UnavailableError} {ConfigError} */
  async write(key: string, value: unknown, clientId: string, options: WriteBehindOptions): Promise<void> {
    const { handler, invalidate = {}, ...rest } = optionsOf('writeBehind', options, OPTIONS);
    const place = this.#values.place(key, clientId);
    const outdated = outdatedBy(invalidate);
    const made = this.#values.maker(rest);
    const body = serializeValue(value);
    const name = textOf('option handler', handler);
    const write: Write = {
      ...{ id: randomUUID(), handler: name, key, clientId, body, invalidate: outdated },
      writtenAt: this.#services.settings.clock.now(),
    };
    // First: what is in the cache is certain to be persisted.
    await this.#queue.add(write, this.#handlers.get(name));
    // As the queue keeps the order of the calls, so does the cache.
    await this.#inTurn(write, () => this.#cache(write, place, made));
  }

  async #cache(write: Write, place: Place, made: Maker): Promise<void> {
    // A factory that begins from now on could bring the old value back over this one: whoever asks waits for it.
    const lead = await this.#values.lead(place);
    try {
      const entry = await this.#entry(write, place, made);
      if (entry === undefined) return;
      await this.#values.store([[place, entry]]);
      lead?.filled(entry, undefined);
    } finally {
      lead?.abandoned();
    }
  }

  /** What is put into the cache, which is purged of what was there; `undefined`: nothing is. */
  async #entry(write: Write, { tenant }: Place, made: Maker): Promise<ValueEntry | undefined> {
    const { body, key } = write;
    // A factory that began to read before this is not to bring the old value back either.
    const { durable, sequence } = await this.#values.purge(purgeOf(tenant, { keys: [key] }), tenant);
    const position = this.#services.backend.ledger.position();
    if (!durable || position === undefined) return undefined;
    // Where a later one is queued by now, it may even be persisted, and nobody look at the key again, as where this one is given up by now.
    // Whoever queues one after this look purges the key after our purge, as whoever persists one or gives it up does: what is stamped with
    // ours is dead then, however late it comes.
    if (!(await this.#queue.isLast(write))) return undefined;
    return made.entry(body, { epoch: position.epoch, sequence });
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  /** Before what handlers need goes away: see `WriteQueue.settle`. */
  settle(): Promise<void> {
    return this.#queue.settle(this.#services.settings.writeBehind.closeTimeout);
  }

  async deadLetters(most = 100): Promise<DeadLetter[]> {
    return (await this.#queue.deadLetters(wholeNumber('how many dead letters', most, 1))).map(letterOf);
  }

  replay(id?: string): Promise<number> {
    return this.#queue.replay(id);
  }

  discard(id?: string): Promise<number> {
    return this.#queue.discard(id);
  }

  close(): Promise<void> {
    return this.#queue.close(this.#services.settings.writeBehind.closeTimeout);
  }

  async #persist(handler: Handler, write: Write, attempt: number): Promise<void> {
    const { id, key, clientId, body } = write;
    const started = performance.now();
    try {
      await handler.persist({ id, key, clientId, value: deserializeValue(body), attempt });
    } catch (error) {
      this.#services.events.emit('error', { operation: 'write-behind', error });
      throw error;
    }
    this.#tell(write, { attempt, ms: performance.now() - started });
  }

  /** Sees to it that what can be read is what was persisted. */
  async #persisted(write: Write, newer: Newer): Promise<void> {
    await this.#outdate(write);
    await this.#inTurn(write, () => this.#settle(write, newer));
  }

  async #outdate({ key, clientId, invalidate }: Write): Promise<void> {
    const { tenant } = this.#values.place(key, clientId);
    const outdated = purgeOf(tenant, invalidate, this.#services.queries);
    if (outdated.tags.length + outdated.patterns.length > 0) await this.#values.purge(outdated, tenant);
  }

  /**
   * While it waited the value may have been evicted or invalidated, and a reader may have brought the database's old one
   * back, or be about to.
   */
  async #settle(write: Write, newer: Newer): Promise<void> {
    // A newer one has the key, and looks after it in its turn.
    if (await newer()) return;
    const place = this.#values.place(write.key, write.clientId);
    const [stored] = await this.#values.readFresh([place]);
    if (stored?.body.equals(write.body)) return;
    await this.#values.purge(purgeOf(place.tenant, { keys: [write.key] }), place.tenant);
  }

  /**
   * What was never persisted is not to be read for longer. How far its attempts have come nobody knows, though: what it outdates may be
   * out of date.
   */
  async #died(write: Write, error: unknown, newer: Newer): Promise<void> {
    this.#tell(write, { dead: textOfError(error) });
    await this.#outdate(write);
    const { tenant } = this.#values.place(write.key, write.clientId);
    await this.#inTurn(write, async () => {
      // What is read then is the newer one's value, which is still to be persisted.
      if (await newer()) return;
      await this.#values.purge(purgeOf(tenant, { keys: [write.key] }), tenant);
    });
  }

  #tell(write: Write, fate: { attempt: number; ms: number } | { dead: string }): void {
    const { tenant, key } = this.#values.place(write.key, write.clientId);
    const { handler, id } = write;
    this.#services.events.emit('persist', { tenant, key, handler, id, ...fate });
  }

  #inTurn<T>({ clientId, key }: Write, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(this.#values.place(key, clientId).key, work);
  }
}

function handlerOf(name: string, persist: Handler['persist'], options: HandlerOptions, events: Events): Handler {
  const {
    coalesce = false,
    retries = USUAL_RETRIES,
    concurrency = USUAL_CONCURRENCY,
    backoff,
  } = optionsOf('onWriteBehind', options, ['coalesce', 'retries', 'concurrency', 'backoff']);
  if (backoff !== undefined) aFunction('option backoff', backoff);
  return {
    name,
    persist: aFunction('the handler', persist),
    coalesce: flag('option coalesce', coalesce),
    retries: wholeNumber('option retries', retries, 0),
    concurrency: wholeNumber('option concurrency', concurrency, 1, 1000),
    backoff: (attempt) => {
      const usual = Math.min(FIRST_PAUSE * 2 ** (attempt - 1), LAST_PAUSE);
      if (backoff === undefined) return usual;
      return ask(events, 'backoff', usual, () => checkBackoff(atOnce('option backoff', backoff(attempt))));
    },
  };
}
