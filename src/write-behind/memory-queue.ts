import type { Clock } from '../clock.js';
import { withDeadline } from '../deadline.js';
import { QueueFullError, RespcacheError } from '../errors.js';
import {
  closed,
  type Dead,
  type Handler,
  laneOf,
  outdatedByBoth,
  textOfError,
  type Work,
  type Write,
  type WriteQueue,
} from './write.js';

/** The writes of one key to one handler: one after the other. */
interface Lane {
  readonly name: string;
  readonly handler: string;
  readonly waiting: Pending[];
  running: boolean;
  /** When its first write may be tried again, ms since the process began; 0: at once. */
  dueAt: number;
}

interface Pending {
  write: Write;
  attempts: number;
  readonly ended: Promise<void>;
  end(): void;
}

/** What has a handler. */
interface Crew {
  readonly handler: Handler;
  readonly active: Set<Promise<void>>;
  /** Lanes that can be gone on with. */
  readonly ready: Set<Lane>;
}

export interface MemoryQueueOptions {
  readonly clock: Clock;
  /** How many writes may wait, dead letters counted. */
  readonly most: number;
  /** How long a writer waits for room, ms. */
  readonly patience: number;
  readonly work: Work;
}

/** Writes that wait in this process: what it has not persisted when it is killed is lost. */
export class MemoryQueue implements WriteQueue {
  readonly #options: MemoryQueueOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #crews = new Map<string, Crew>();
  readonly #dead = new Map<string, Dead>();
  /** Writers that wait for room, the first to come first. */
  readonly #forRoom = new Set<() => void>();
  /** How many of them there are for a lane. */
  readonly #lanesForRoom = new Map<string, number>();
  /** How many wait, or have died. */
  #size = 0;
  /** One timer for all that is to be tried again. */
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.#options = options;
  }

  /** No `async`: its promises are settled in the order in which writes are put, and so they are told, whether they wait for room or not. */
  add(write: Write, handler: Handler | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (handler === undefined) return Promise.reject(noHandler(write));
    // Whoever has waited longer comes first: of the same lane above all.
    if (handler.coalesce && !this.#lanesForRoom.has(laneOf(write)) && this.#replace(write)) return Promise.resolve();
    if (this.#size >= this.#options.most || this.#forRoom.size > 0) return this.#putWhenRoom(write);
    this.#size++;
    this.#put(write);
    return Promise.resolve();
  }

  /** Those of this process are cached in the order in which they came, each before it is purged as given up, and of others it knows nothing. */
  async isLast(): Promise<boolean> {
    return true;
  }

  work(handler: Handler): () => Promise<void> {
    if (this.#closed) return async () => {};
    const crew: Crew = { handler, active: new Set(), ready: new Set() };
    this.#crews.set(handler.name, crew);
    for (const lane of this.#lanes.values()) if (lane.handler === handler.name && !lane.running) this.#go(lane);
    return async () => {
      if (this.#crews.get(handler.name) === crew) this.#crews.delete(handler.name);
      crew.ready.clear();
      await Promise.all(crew.active);
    };
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#lanes.values()].flatMap(({ waiting }) => waiting.map(({ ended }) => ended)));
  }

  async settle(patience: number): Promise<void> {
    await withDeadline(this.flush(), patience, 'flush').catch(() => {});
  }

  async deadLetters(most: number): Promise<readonly Dead[]> {
    return [...this.#dead.values()].slice(0, most);
  }

  async replay(id: string | undefined): Promise<number> {
    if (this.#closed) throw closed();
    const taken = this.#takeDead(id);
    for (const { write } of taken) this.#put(write);
    return taken.length;
  }

  async discard(id: string | undefined): Promise<number> {
    const taken = this.#takeDead(id);
    this.#size -= taken.length;
    this.#letIn();
    return taken.length;
  }

  async close(patience: number): Promise<void> {
    this.#closed = true;
    for (const enter of [...this.#forRoom]) enter();
    await this.settle(patience);
    clearTimeout(this.#timer);
    // Whoever is at work calls nobody else when they are done.
    for (const { ready } of this.#crews.values()) ready.clear();
    this.#crews.clear();
    const error = new RespcacheError('the cache was closed before it was persisted');
    const giveUp = async ({ write, end }: Pending, newer: boolean) => {
      await this.#options.work.dead(write, error, () => newer);
      // Whoever flushes is not to wait for ever.
      end();
    };
    // All at once, and each key by its last write: where Redis hangs, each would wait for it.
    const left = [...this.#lanes.values()].flatMap(({ waiting }) =>
      waiting.map((each, i) => giveUp(each, i < waiting.length - 1)),
    );
    await Promise.all(left);
  }

  /** In one step with getting a place: nobody comes between. */
  #putWhenRoom(write: Write): Promise<void> {
    const { patience, most } = this.#options;
    const lane = laneOf(write);
    const others = (more: number) => (this.#lanesForRoom.get(lane) ?? 0) + more;
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.#forRoom.delete(enter);
        if (others(-1) > 0) this.#lanesForRoom.set(lane, others(-1));
        else this.#lanesForRoom.delete(lane);
      };
      const enter = () => {
        leave();
        if (this.#closed) return reject(closed());
        this.#size++;
        this.#put(write);
        resolve();
      };
      const timer = setTimeout(() => {
        leave();
        reject(new QueueFullError(`write-behind: ${most} writes wait already`));
      }, patience);
      this.#forRoom.add(enter);
      this.#lanesForRoom.set(lane, others(1));
    });
  }

  #letIn(): void {
    for (const enter of this.#forRoom) {
      if (this.#size >= this.#options.most) return;
      enter();
    }
  }

  /** Puts a write in the place of one that waits behind none, if there is such a one. */
  #replace(write: Write): boolean {
    const lane = this.#lanes.get(laneOf(write));
    const last = lane?.waiting.at(-1);
    if (last === undefined || (lane!.running && lane!.waiting.length === 1)) return false;
    const invalidate = outdatedByBoth(last.write.invalidate, write);
    if (invalidate === undefined) return false;
    last.write = { ...write, invalidate };
    last.attempts = 0;
    return true;
  }

  #put(write: Write): void {
    const name = laneOf(write);
    const lane = this.#lanes.get(name) ?? { name, handler: write.handler, waiting: [], running: false, dueAt: 0 };
    this.#lanes.set(name, lane);
    let end!: () => void;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    lane.waiting.push({ write, attempts: 0, ended, end });
    if (lane.waiting.length === 1 && !lane.running) this.#go(lane);
  }

  /** A lane whose first write can be persisted as soon as there is a hand free. */
  #go(lane: Lane): void {
    const crew = this.#crews.get(lane.handler);
    // Whoever registers next goes on with it; no timer outlives a queue that is closed.
    if (crew === undefined) return;
    if (lane.dueAt > performance.now()) this.#wake(lane.dueAt);
    else {
      crew.ready.add(lane);
      this.#call(crew);
    }
  }

  #call(crew: Crew): void {
    while (crew.active.size < crew.handler.concurrency) {
      const [lane] = crew.ready;
      if (lane === undefined) return;
      crew.ready.delete(lane);
      lane.running = true;
      const run = this.#run(crew, lane).then(() => {
        crew.active.delete(run);
        lane.running = false;
        if (lane.waiting.length > 0) this.#go(lane);
        else this.#lanes.delete(lane.name);
        this.#call(crew);
      });
      crew.active.add(run);
    }
  }

  /** Persists the first write of a lane, or notes when it is to be tried again. Never rejects. */
  async #run({ handler }: Crew, lane: Lane): Promise<void> {
    const { work, clock } = this.#options;
    const first = lane.waiting[0]!;
    const { write } = first;
    try {
      await work.persist(handler, write, ++first.attempts);
    } catch (error) {
      if (first.attempts <= handler.retries) {
        lane.dueAt = performance.now() + handler.backoff(first.attempts);
        return;
      }
      this.#dead.set(write.id, { write, failedAt: clock.now(), error: textOfError(error) });
      // It still takes its place: what is never looked at pushes back in the end.
      this.#end(lane, false);
      return work.dead(write, error, () => lane.waiting.length > 0);
    }
    await work.persisted(write, () => lane.waiting.length > 1);
    this.#end(lane, true);
  }

  #end(lane: Lane, room: boolean): void {
    lane.dueAt = 0;
    lane.waiting.shift()!.end();
    if (!room) return;
    this.#size--;
    this.#letIn();
  }

  #wake(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#retry(), Math.max(0, at - performance.now()));
  }

  #retry(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) if (lane.dueAt > 0 && !lane.running) this.#go(lane);
  }

  #takeDead(id: string | undefined): readonly Dead[] {
    const taken =
      id === undefined ? [...this.#dead.values()] : [this.#dead.get(id)].filter((each) => each !== undefined);
    for (const { write } of taken) this.#dead.delete(write.id);
    return taken;
  }
}

function noHandler({ handler }: Write): RespcacheError {
  return new RespcacheError(`write-behind: there is no handler ${handler}; register it by onWriteBehind()`);
}
