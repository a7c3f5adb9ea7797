import type { Clock } from '../clock.js';
import type { Events } from '../events.js';
import type { Stats } from './figures.js';

/** How a cache is. Requests are answered in every state: without the cache, if need be. */
export interface Health {
  /**
   * `degraded`: the store cannot be reached at present, or there were some errors lately. `unhealthy`: there were many.
   */
  status: 'healthy' | 'degraded' | 'unhealthy';
  store: 'memory' | 'redis';
  /** Whether the store answered just now. */
  reachable: boolean;
  /** Whether the breaker keeps requests from waiting for the store. */
  breaker: 'open' | 'closed';
  /**
   * Errors in the last minute, or in whatever the option `errorWindow` says; without those of factories and of what persists
   * writes behind, which are the application's own.
   */
  recentErrors: number;
  stats: Stats;
}

const SLOTS = 60;

/** What the application's own functions fail with says nothing of the cache: it is not what is to be restarted, or left out. */
const OF_THE_APPLICATION: ReadonlySet<string> = new Set(['factory', 'write-behind']);

/** Counts errors of the last minute (or another window) in sixty slots, in bounded memory. */
export class ErrorWindow {
  readonly #clock: Clock;
  readonly #step: number;
  readonly #counts = new Array<number>(SLOTS).fill(0);
  readonly #steps = new Array<number>(SLOTS).fill(0);

  /** `seconds`: how long an error is remembered. */
  constructor(clock: Clock, events: Events, seconds: number) {
    this.#clock = clock;
    this.#step = (seconds * 1000) / SLOTS;
    events.on('error', ({ operation }) => {
      if (!OF_THE_APPLICATION.has(operation)) this.#add();
    });
  }

  /** How many there were within the window. Of a time that has not come yet, since the clock was put back, none counts. */
  count(): number {
    const now = this.#now();
    const isWithin = (step: number) => step > now - SLOTS && step <= now;
    return this.#counts.reduce((sum, count, slot) => (isWithin(this.#steps[slot]!) ? sum + count : sum), 0);
  }

  #add(): void {
    const step = this.#now();
    const slot = step % SLOTS;
    if (this.#steps[slot] !== step) {
      this.#steps[slot] = step;
      this.#counts[slot] = 0;
    }
    this.#counts[slot]!++;
  }

  #now(): number {
    return Math.floor(this.#clock.now() / this.#step);
  }
}

/** From how many errors within the window on a cache is said to be so. */
export interface Thresholds {
  readonly degradedErrors: number;
  readonly unhealthyErrors: number;
}

/** Judges what is known. */
export function judgeHealth(
  recentErrors: number,
  { degradedErrors, unhealthyErrors }: Thresholds,
  reachable: boolean,
  broken: boolean,
): Health['status'] {
  if (recentErrors >= unhealthyErrors) return 'unhealthy';
  return reachable && !broken && recentErrors < degradedErrors ? 'healthy' : 'degraded';
}
