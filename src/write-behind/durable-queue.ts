import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.js';
import { withDeadline } from '../deadline.js';
import { QueueFullError, RespcacheError, UnavailableError } from '../errors.js';
import type { RedisLink } from '../stores/redis-link.js';
import { Holds } from './holds.js';
import { type Count, type Hold, type Lane, Lanes, type Ticketed } from './lanes.js';
import { Tickets } from './tickets.js';
import { Turns } from './turns.js';
import {
  closed,
  type Dead,
  type Handler,
  laneOf,
  textOfError,
  type Work,
  type Write,
  type WriteQueue,
} from './write.js';

export interface DurableQueueOptions {
  readonly clock: Clock;
  /** The cache's own. */
  readonly prefix: string;
  /** How many writes may wait, dead letters counted. */
  readonly most: number;
  /** How long a writer waits for room, ms. */
  readonly patience: number;
  /** How long a process may be silent before another takes its work, ms. */
  readonly lease: number;
  readonly work: Work;
  onError(operation: string, error: unknown): void;
}

/** Between two looks whether there is room, or all is done, ms. */
const LOOK_AGAIN = 20;
/** After how many ms Redis is tried again where it has failed. */
const AFTER_FAILURE = 1000;
/** How long it waits, as it is closed, for the tickets of what is left at work to be put back, ms. */
const LEAVING = 500;
/** How many processes may end at work on a write beyond what its handler's retries allow. */
const MOST_LOST = 10;

/**
 * Writes that wait in Redis, each in the lane of its key. For each a ticket goes into a queue of BullMQ's, and whoever is
 * handed one takes its lane, persists from its head until it is empty, and lets go. So the order of a lane does not hang on
 * that of tickets, and a lane that is not empty always has a ticket that is alive: one that waits, one that is put off, or one
 * whose worker is at it, or has died, in which case BullMQ hands it out again.
 */
export class DurableQueue implements WriteQueue {
  readonly #link: RedisLink;
  readonly #options: DurableQueueOptions;
  readonly #lanes: Lanes;
  readonly #tickets: Tickets;
  readonly #holds: Holds;
  /** Writes of one key are put into its lane in the order of the calls. */
  readonly #turns = new Turns();
  #closed = false;
  /** Whether there may be a lane without a ticket, and whether somebody looks after that. */
  #unsure = false;
  #adopting = false;

  /** @throws {ConfigError} if BullMQ cannot work with the client; {Error} if it is not installed */
  constructor(link: RedisLink, options: DurableQueueOptions) {
    const { prefix, lease } = options;
    this.#link = link;
    this.#options = options;
    this.#lanes = new Lanes(link, prefix);
    this.#holds = new Holds(this.#lanes, lease);
    this.#tickets = new Tickets(link, { prefix: this.#lanes.key('bull'), lease, onError: this.#failed });
  }

  async add(write: Write, handler: Handler | undefined): Promise<void> {
    const until = performance.now() + this.#options.patience;
    return this.#surely(async () => {
      // A write that waits for room is not overtaken; and where Redis has failed one, those behind it do not try in their turn.
      const lane = await this.#turns.take(laneOf(write), (failure) => {
        if (failure instanceof UnavailableError) throw failure;
        return this.#place(write, handler, until);
      });
      return this.#tickets.put(lane);
    });
  }

  isLast(write: Write): Promise<boolean> {
    return this.#lanes.isLast(write).catch(() => false);
  }

  work(handler: Handler): () => Promise<void> {
    // Nobody would end its worker, which holds the process.
    if (this.#closed) return async () => {};
    const end = this.#tickets.work(handler, (lane, isOn) => this.#drain(handler, lane, isOn));
    // A process may have died between a write and its ticket.
    void this.#adopt();
    return end;
  }

  async flush(): Promise<void> {
    for (const lane of await this.#lanes.all()) {
      const now = await this.#lanes.count(lane);
      for (let then = now; !this.#closed && isBehind(then, now); then = await this.#lanes.count(lane))
        await pause(LOOK_AGAIN);
    }
  }

  /** Nothing would be. */
  async settle(): Promise<void> {}

  async deadLetters(most: number): Promise<readonly Dead[]> {
    const found: Dead[] = [];
    for await (const dead of this.#lanes.dead(this.#failed)) if (found.push(dead) >= most) break;
    return found;
  }

  async replay(id: string | undefined): Promise<number> {
    if (this.#closed) throw closed();
    let count = 0;
    for await (const dead of this.#lanes.dead(this.#failed, id))
      await this.#surely(async () => {
        const lane = await this.#lanes.replay(dead);
        if (lane === undefined) return;
        await this.#tickets.put(lane);
        count++;
      });
    return count;
  }

  async discard(id: string | undefined): Promise<number> {
    let count = 0;
    for (const each of id === undefined ? await this.#lanes.deadIds() : [id])
      if (await this.#lanes.discard(each)) count++;
    return count;
  }

  async close(patience: number): Promise<void> {
    this.#closed = true;
    // Where only BullMQ has no connection (Redis has no room for more) it would wait for one, though nothing may be at work.
    const isConnected = this.#link.connected && (this.#tickets.connected || this.#holds.busy);
    const ended = this.#tickets.endWork(isConnected);
    // What is at work is finished, if that can be said; what waits is another process' from now on.
    if (isConnected) await withDeadline(ended, patience, 'close').catch(() => {});
    // A handler that takes longer may never end: BullMQ would renew its ticket, and we its lane, for as long as the process lives.
    this.#holds.leave();
    await withDeadline(ended, LEAVING, 'close').catch(() => {});
    this.#tickets.close();
  }

  /** Puts a write into its lane as soon as there is room. */
  async #place(write: Write, handler: Handler | undefined, until: number): Promise<Ticketed> {
    const { most } = this.#options;
    for (;;) {
      if (this.#closed) throw closed();
      const lane = await this.#lanes.add(write, handler?.coalesce ?? false, most);
      if (lane !== undefined) return lane;
      if (performance.now() >= until) throw new QueueFullError(`write-behind: ${most} writes wait already`);
      await pause(LOOK_AGAIN);
    }
  }

  /**
   * Persists what waits in a lane, in its order, until it is empty, or has to wait: for its time, or for another worker. Gives after how
   * many ms its ticket is needed again; `undefined`, where it is empty.
   */
  async #drain(handler: Handler, lane: Lane, isOn: () => boolean): Promise<number | undefined> {
    const { lease } = this.#options;
    let later: number | undefined;
    while (later === undefined && isOn()) {
      const hold: Hold = { lane, pass: randomUUID() };
      const asked = performance.now();
      const turn = await this.#lanes.take(hold, lease);
      if (turn === undefined) return undefined;
      if ('wait' in turn) later = turn.wait;
      // A process that has heard of it so late, or stood still since, may not be alone with it any more.
      else if (performance.now() - asked >= lease) later = 0;
      else later = await this.#holds.during(hold, () => this.#persist(handler, hold, turn.write, turn.attempt));
    }
    return later ?? 0;
  }

  /** Persists one write; gives after how many ms it is to be tried again, if so. */
  async #persist(handler: Handler, hold: Hold, write: Write, attempt: number): Promise<number | undefined> {
    const { work } = this.#options;
    // A failure would have ended it: since then each process has gone that was at work on it, maybe by its doing.
    const lost = attempt - 1 - handler.retries;
    if (lost > MOST_LOST)
      return this.#giveUp(
        hold,
        write,
        new RespcacheError(`write-behind: ${lost} processes ended, or stood still, in its handler`),
      );
    try {
      await work.persist(handler, write, attempt);
    } catch (error) {
      if (this.#holds.left) return undefined;
      if (attempt <= handler.retries) {
        const ms = handler.backoff(attempt);
        await this.#lanes.retry(hold, ms);
        return ms;
      }
      return this.#giveUp(hold, write, error);
    }
    // What it makes out of date can no longer be said by this process: the next one persists it again, and says it.
    if (this.#holds.left) return undefined;
    await work.persisted(write, () => this.#waits(hold.lane, 1));
    await this.#lanes.done(hold);
    return undefined;
  }

  async #giveUp(hold: Hold, write: Write, error: unknown): Promise<undefined> {
    const { work, clock } = this.#options;
    const dead: Dead = { write, failedAt: clock.now(), error: textOfError(error) };
    if (await this.#lanes.die(hold, dead)) await work.dead(write, error, () => this.#waits(hold.lane, 0));
  }

  /** Whether more than `most` wait in a lane. Where that cannot be said: no, for then the key is purged, which is safe. */
  #waits(lane: Lane, most: number): Promise<boolean> {
    return this.#lanes.waiting(lane).then(
      (count) => count > most,
      () => false,
    );
  }

  /** Puts a write into its lane. Where that fails the answer may have been lost, and the write be there without a ticket. */
  async #surely(put: () => Promise<void>): Promise<void> {
    try {
      await put();
    } catch (error) {
      if (!(error instanceof QueueFullError)) void this.#adopt();
      throw error;
    }
  }

  /** Sees to it that each lane has a ticket, as soon as Redis can be asked. */
  async #adopt(): Promise<void> {
    this.#unsure = true;
    if (this.#adopting) return;
    this.#adopting = true;
    let told = false;
    while (this.#unsure && !this.#closed) {
      this.#unsure = false;
      try {
        for (const lane of await this.#lanes.all())
          await this.#tickets.put({ ...lane, ticket: (await this.#lanes.ticketOf(lane)) ?? randomUUID() });
      } catch (error) {
        // Once: an outage that lasts is one failure.
        if (!told && !this.#closed) this.#failed(error);
        told = true;
        this.#unsure = true;
        await pause(AFTER_FAILURE, undefined, { ref: false });
      }
    }
    this.#adopting = false;
  }

  readonly #failed = (error: unknown): void => this.#options.onError('write-behind', error);
}

/** Whether a lane has not come to the end of what it held before: one that has been empty since, has. */
function isBehind(then: Count | undefined, before: Count | undefined): boolean {
  return then !== undefined && then.begun === before?.begun && then.ended < before!.added;
}
