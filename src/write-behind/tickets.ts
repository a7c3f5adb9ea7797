import { setTimeout as pause } from 'node:timers/promises';
import type * as BullMQ from 'bullmq';
import { withDeadline } from '../deadline.js';
import { ConfigError, UnavailableError } from '../errors.js';
import { loadPeer } from '../peer.js';
import { unavailableOr } from '../stores/loss.js';
import type { RedisClient } from '../stores/redis-client.js';
import type { RedisLink } from '../stores/redis-link.js';
import { Silence } from '../stores/silence.js';
import type { Lane, Ticketed } from './lanes.js';
import type { Handler } from './write.js';

interface TicketsOptions {
  /** Of BullMQ's keys. */
  readonly prefix: string;
  /** How long a process may be silent before another takes its work, ms. */
  readonly lease: number;
  onError(error: unknown): void;
}

/** What writing a ticket may take, and after how long without any answer BullMQ's connection is given up, ms. */
const DEADLINE = 2000;
const SILENCE = 4000;
/** A ticket never fails for good: where Redis did, how often it is tried again, and after how many ms. */
const FOR_EVER = 1_000_000_000;
const AFTER_FAILURE = 1000;

/**
 * Does what a ticket is for. Gives after how many ms it is to be handed out again; `undefined`: it is done with. `isOn`: whether
 * that may go on.
 */
type Drain = (lane: Lane, isOn: () => boolean) => Promise<number | undefined>;

/** Tickets of lanes, in a queue of BullMQ's for each handler, over a connection of its own; and the workers that are handed them. */
export class Tickets {
  readonly #options: TicketsOptions;
  readonly #bullmq: typeof BullMQ;
  readonly #client: RedisClient;
  readonly #silence: Silence;
  readonly #queues = new Map<string, BullMQ.Queue>();
  readonly #workers = new Set<BullMQ.Worker>();
  #ending = false;
  #watch: NodeJS.Timeout | undefined;
  /** When that was asked (by `performance.now()`) which has had no answer yet. */
  #asked: number | undefined;

  /** @throws {ConfigError} if BullMQ cannot work with the client; {Error} if it is not installed */
  constructor(link: RedisLink, options: TicketsOptions) {
    const held = `a client with keyPrefix ${link.keyPrefix}`;
    if (link.keyPrefix !== '') throw new ConfigError('option redis', held, 'one without, for durable write-behind');
    this.#options = options;
    this.#bullmq = loadPeer('bullmq', 'option writeBehind.durable') as typeof BullMQ;
    // What is on its way as a connection ends is asked again: ioredis would say nothing of it, and BullMQ wait for ever.
    const again = { maxRetriesPerRequest: null, autoResendUnfulfilledCommands: true };
    this.#client = heardToTheEnd(link.duplicate({ enableOfflineQueue: true, ...again }));
    this.#client.on('error', options.onError);
    this.#silence = new Silence(SILENCE, () => this.#client.disconnect(true));
  }

  /** Whether its connection, which is not the cache's, reaches a server at present. */
  get connected(): boolean {
    return this.#client.status === 'ready';
  }

  /** BullMQ ignores a ticket that it has already: writes that are coalesced share one, and their number is bounded too. */
  async put({ handler, list, ticket }: Ticketed): Promise<void> {
    const asked = performance.now();
    try {
      await withDeadline(this.#queue(handler).add('write', { list }, { jobId: ticket }), DEADLINE, 'write-behind');
      this.#silence.heard();
    } catch (error) {
      if (error instanceof UnavailableError && !this.#ending) this.#silence.unheard(asked);
      throw unavailableOr(error);
    }
  }

  /** Has a handler's tickets handed out here; returns what ends it. */
  work({ name, concurrency }: Handler, drain: Drain): () => Promise<void> {
    const { lease, onError } = this.#options;
    const isOn = () => !this.#ending && this.#workers.has(worker);
    const handle = async (job: BullMQ.Job, token?: string) => {
      const later = await drain({ handler: name, list: (job.data as { list: string }).list }, isOn);
      if (later === undefined) return;
      await job.moveToDelayed(Date.now() + Math.max(later, 1), token);
      throw new this.#bullmq.DelayedError();
    };
    const worker: BullMQ.Worker = new this.#bullmq.Worker(queueName(name), handle, {
      ...this.#bull(),
      concurrency,
      lockDuration: lease,
      stalledInterval: lease,
      maxStalledCount: FOR_EVER,
    });
    worker.on('error', onError);
    restAfterFailure(worker);
    this.#workers.add(worker);
    this.#watch ??= setInterval(() => this.#look(), DEADLINE).unref();
    return async () => {
      this.#workers.delete(worker);
      await worker.close();
    };
  }

  /** Ends all workers; resolves when what is at work has been finished, or put back. Without a connection BullMQ is not to wait for one. */
  async endWork(isConnected: boolean): Promise<void> {
    this.#ending = true;
    await Promise.all([...this.#workers].map((worker) => worker.close(!isConnected)));
  }

  close(): void {
    clearInterval(this.#watch);
    for (const queue of this.#queues.values()) queue.close().catch(() => {});
    this.#client.disconnect();
  }

  /** Whether the connection lives. A process that works and writes nothing would not notice: BullMQ waits for an answer for ever. */
  #look(): void {
    const asked = this.#asked;
    if (asked === undefined) {
      this.#asked = performance.now();
      const answered = () => {
        this.#asked = undefined;
        this.#silence.heard();
      };
      // Of a key, so that on a Cluster it is the server that is worked with.
      this.#client.exists(this.#options.prefix).then(answered, answered);
      return;
    }
    // When this process was busy itself, the answer may be waiting in its socket. And without a connection a new one is made already.
    setImmediate(() => {
      const { status } = this.#client;
      if (this.#asked === asked && (status === 'ready' || status === 'connect')) this.#silence.unheard(asked);
    });
  }

  #queue(handler: string): BullMQ.Queue {
    const known = this.#queues.get(handler);
    if (known !== undefined) return known;
    const again = { attempts: FOR_EVER, backoff: { type: 'fixed', delay: AFTER_FAILURE } };
    const defaultJobOptions = { removeOnComplete: true, removeOnFail: true, ...again };
    const queue = new this.#bullmq.Queue(queueName(handler), { ...this.#bull(), defaultJobOptions });
    queue.on('error', this.#options.onError);
    this.#queues.set(handler, queue);
    return queue;
  }

  #bull(): { connection: BullMQ.ConnectionOptions; prefix: string } {
    return { connection: this.#client as BullMQ.ConnectionOptions, prefix: this.#options.prefix };
  }
}

/**
 * Of this connection BullMQ makes others, for which it listens no more once it closes them. An error that nobody listens for ends the process:
 * ioredis has one where Redis says unasked that it has no room for more clients.
 */
function heardToTheEnd(client: RedisClient): RedisClient {
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
  return Object.assign(client, {
    duplicate: (...args: unknown[]) => duplicate(...args).on('error', () => {}),
  });
}

/**
 * Where Redis refuses to hand out a ticket (it is full, cannot write its snapshot, or its user has not the right) BullMQ asks again as soon as
 * that is said, thousands of times a second; where it was refused the version (`INFO`), without asking, and so without end: all else stands still.
 */
function restAfterFailure(worker: BullMQ.Worker): void {
  const asks = worker as unknown as { moveToActive?: (...args: unknown[]) => Promise<unknown> };
  const ask = asks.moveToActive?.bind(worker);
  if (ask === undefined) return;
  const ending = new AbortController();
  worker.once('closing', () => ending.abort());
  asks.moveToActive = async (...args) => {
    try {
      return await ask(...args);
    } catch (error) {
      await pause(AFTER_FAILURE, undefined, { signal: ending.signal }).catch(() => {});
      throw error;
    }
  };
}

/** BullMQ takes no colon. */
function queueName(handler: string): string {
  return encodeURIComponent(handler);
}
