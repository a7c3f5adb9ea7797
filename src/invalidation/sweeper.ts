import { withDeadline } from '../deadline.js';
import type { Entry } from '../entry/entry.js';
import { keySpace, subjectOfKey } from '../request/key.js';
import type { RedisLink } from '../stores/redis-link.js';
import { script } from '../stores/script.js';
import type { Store, SweepProgress } from '../stores/store.js';
import type { Ledger } from './ledger.js';

/** Who may sweep: one process of all that share a store. */
export interface SweepTurn {
  /**
   * Whether it is this process' turn; `sequence`: what the ledger had been told at the last sweep's beginning. `due`: nobody has asked
   * for it, it is only time again; which it is not where another process has swept since.
   */
  take(due?: boolean): Promise<{ readonly sequence: number } | undefined>;
  /** Says up to where everything has been swept. */
  done(sequence: number): Promise<void>;
}

export interface SweeperOptions {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly turn: SweepTurn;
  readonly prefix: string;
  /** Seconds between sweeps; 0: only when asked. */
  readonly interval: number;
  readonly onError: (error: unknown) => void;
}

/** How long it may take to hear what was invalidated, and whose turn it is, ms. */
const WORD = 2000;

/**
 * Removes from the store what was invalidated and has not yet expired. Nothing depends on it: what is dead is not served
 * in any case; it only gives memory back sooner. A sweep is spared where nothing was invalidated since the last.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #wanted = false;
  /** Whether that is because somebody has asked for it. */
  #asked = false;
  #closed = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
    if (options.interval > 0) this.#timer = setInterval(() => void this.#want(), options.interval * 1000).unref();
  }

  /** Sweeps, unless it is another process' turn, or there is nothing to sweep. Never rejects. */
  sweep(): Promise<void> {
    this.#asked = true;
    return this.#want();
  }

  /**
   * Deletes all that a tenant had when it was called, whatever it is. Rejects if the store cannot be reached, and with what
   * `onProgress` throws.
   */
  async erase(tenant: string, onProgress: (progress: SweepProgress) => void): Promise<void> {
    const { store, prefix } = this.#options;
    const dead = this.#judge();
    await store.sweep(keySpace(prefix, tenant), (key, entry) => entry === undefined || dead(key, entry), onProgress);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #want(): Promise<void> {
    // One that is under way may have passed what was invalidated since: another follows it.
    this.#wanted = true;
    this.#sweeping ??= this.#sweepWhileWanted();
    return this.#sweeping;
  }

  async #sweepWhileWanted(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      const due = !this.#asked;
      this.#wanted = false;
      this.#asked = false;
      try {
        await this.#sweep(due);
      } catch (error) {
        if (!this.#closed) this.#options.onError(error);
      }
    }
    // In one step with the last look: whoever wants one later begins it.
    this.#sweeping = undefined;
  }

  async #sweep(due: boolean): Promise<void> {
    const { ledger, store, turn, prefix } = this.#options;
    await withDeadline(ledger.sync(), WORD, 'sweep');
    const sequence = ledger.position()?.sequence ?? 0;
    const last = await turn.take(due);
    if (last === undefined) return;
    const dead = this.#judge();
    if (last.sequence < sequence) {
      await store.sweep(keySpace(prefix), (key, entry) => {
        if (this.#closed) throw new Error('the cache is closed');
        return entry !== undefined && dead(key, entry);
      });
    }
    await turn.done(Math.max(sequence, last.sequence));
  }

  /** Judges an entry by its key alone: of one whose key is a hash, by less. */
  #judge(): (key: string, entry: Entry) => boolean {
    const { ledger, prefix } = this.#options;
    return (key, entry) => !ledger.stands(subjectOfKey(prefix, key, entry), entry.asOf);
  }
}

/** The turn of a process that has its store to itself: always. */
export function ownTurn(): SweepTurn {
  let swept = -1;
  return {
    take: async () => ({ sequence: swept }),
    done: async (sequence) => {
      swept = sequence;
    },
  };
}

/** How long a sweep may take before another process may begin one beside it, ms. */
const TURN = 60_000;
/** From which part of an interval on a sweep is due: a process' timer is not to come just before it is over, and wait for another one. */
const DUE = 0.9;

/*
 * By scripts, which a Redis that is out of memory runs as well: it is then that room is wanted. KEYS the lease, and up to where
 * everything has been swept. What is of another type there is nothing of ours.
 */

/**
 * ARGV how long the lease is good for, and whether it is only due. Returns up to where everything has been swept, or nothing: it is
 * another's turn, or was a moment ago.
 */
const TAKE = script(`
local held = redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1])
if held and (held ~= 'rest' or ARGV[2] == '1') then return false end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return redis.call('TYPE', KEYS[2]).ok == 'string' and redis.call('GET', KEYS[2]) or '-1'
`);

/** ARGV up to where everything has been swept, and for how long none is due. */
const DONE = script(`
redis.call('SET', KEYS[2], ARGV[1])
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], 'rest', 'PX', ARGV[2])
`);

/**
 * The turn of one among several processes on a Redis: by a lease beside the ledger's keys. `interval`: seconds between sweeps, of all
 * of them together.
 */
export function sharedTurn(link: RedisLink, prefix: string, interval = 0): SweepTurn {
  const keys = ['sweeper', 'swept'].map((part) => `${prefix}{respcache}:${part}`);
  let taken = 0;
  return {
    take: (due = false) =>
      link.within(WORD, 'sweep', async () => {
        taken = performance.now();
        const swept = await link.run(TAKE, keys, [TURN, due ? 1 : 0]);
        return swept === null ? undefined : { sequence: Number(swept) };
      }),
    done: (sequence) =>
      link.within(WORD, 'sweep', async () => {
        const rest = interval * 1000 * DUE - (performance.now() - taken);
        await link.run(DONE, keys, [sequence, Math.max(0, Math.floor(rest))]);
      }),
  };
}
