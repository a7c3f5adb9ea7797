import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import { withDeadline } from '../deadline.js';
import { UnavailableError } from '../errors.js';
import { isAnswer } from '../stores/guard.js';
import type { RedisLink } from '../stores/redis-link.js';

/** One purge as the log holds it: id, then fields and values by turns. */
export type LogRecord = [id: string, fields: string[]];

type Reply = [key: string, records: LogRecord[]][] | null;

export interface TailOptions {
  readonly key: string;
  /** How many records are read at once. */
  readonly step: number;
  /** How long one reading waits for news, ms: as often there is a sign of life. */
  readonly block: number;
  /** The sequence from which on news is wanted; `undefined` while there is no table yet. */
  from(): number | undefined;
  /** Takes what has come. */
  apply(records: readonly LogRecord[]): Promise<void> | void;
  /** Nothing has come: makes sure of the head by other means. */
  quiet(): Promise<void>;
  onError(error: unknown): void;
}

/** How long an answer may be overdue, ms. */
const SILENCE = 2000;
/** How long a new connection may be without its first answer, ms. */
const FIRST_ANSWER = 1000;
/** How long to wait, as it ends, for what is asked on the other connection, ms. */
const CLOSE_DEADLINE = 500;
/** How long to wait after a failure before the next attempt, and the longest, where Redis says no again and again; ms. */
const REST = 100;
const LONGEST_REST = 5000;

/**
 * Follows the log by a blocking read on a connection of its own, so that a purge of another process is known here as
 * soon as Redis can push it.
 */
export class LedgerTail {
  readonly #client: Redis | Cluster;
  readonly #options: TailOptions;
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;
  /** Since when its connection stands without having been answered. */
  #unanswered: number | undefined;

  constructor(link: RedisLink, options: TailOptions) {
    this.#options = options;
    this.#client = link.duplicate();
    this.#client.on('error', options.onError);
    this.#done = this.#follow();
  }

  /** Ends the reading and its connection. */
  async close(): Promise<void> {
    this.#stopped.abort();
    this.#client.disconnect();
    // What it asks there may never be answered.
    await withDeadline(this.#done, CLOSE_DEADLINE, 'close').catch(() => {});
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    let rest = REST;
    while (!signal.aborted) {
      try {
        await this.#read();
        rest = REST;
      } catch (error) {
        if (signal.aborted) return;
        // While the connection is being made anew there is nothing to tell that its events have not told.
        if (this.#client.status === 'ready') this.#options.onError(error);
        this.#giveUpUnanswered();
        await pause(rest, undefined, { signal, ref: false }).catch(() => {});
        // Its user may not do that, say: whoever reads the log is not to be told ten times a second.
        rest = isAnswer(error) ? Math.min(rest * 2, LONGEST_REST) : REST;
      }
    }
  }

  async #read(): Promise<void> {
    const { key, block, step } = this.#options;
    const from = this.#options.from();
    if (from === undefined) return this.#options.quiet();
    const reading = this.#client.xread('COUNT', step, 'BLOCK', block, 'STREAMS', key, `${from}-0`);
    const reply = await this.#inTime(reading, block);
    const records = reply?.[0]?.[1];
    if (records === undefined || records.length === 0) await this.#options.quiet();
    else await this.#options.apply(records);
  }

  /** A connection that is made and never answered is none: whoever took it may have nothing behind it. */
  #giveUpUnanswered(): void {
    const now = performance.now();
    const since = this.#unanswered ?? now;
    this.#unanswered = this.#client.status === 'connect' ? since : undefined;
    if (this.#unanswered === undefined || now - since <= FIRST_ANSWER) return;
    this.#unanswered = undefined;
    this.#client.disconnect(true);
  }

  /** An answer that is overdue says that the connection may be dead without knowing. */
  async #inTime(reading: Promise<Reply>, block: number): Promise<Reply> {
    try {
      return await withDeadline(reading, block + SILENCE, 'xread');
    } catch (error) {
      if (error instanceof UnavailableError) this.#client.disconnect(true);
      throw error;
    }
  }
}
