import type { Clock } from '../clock.js';
import type { Events } from '../events.js';
import type { Stats } from './counters.js';

/** How a cache is. Requests are answered in every state: without the cache, if need be. */
export interface Health {
  /** `degraded`: the store cannot be reached at present. `unhealthy`: many errors in the last minute. */
  status: 'healthy' | 'degraded' | 'unhealthy';
  store: 'memory' | 'redis';
  /** Whether the store answered just now. */
  reachable: boolean;
  /** Whether the breaker keeps requests from waiting for the store. */
  breaker: 'open' | 'closed';
  /** Errors in the last minute. */
  recentErrors: number;
  stats: Stats;
}

const SLOTS = 60;

/** Counts errors of the last minute, second by second, in bounded memory. */
export class ErrorWindow {
  readonly #clock: Clock;
  readonly #counts = new Array<number>(SLOTS).fill(0);
  readonly #seconds = new Array<number>(SLOTS).fill(0);

  constructor(clock: Clock, events: Events) {
    this.#clock = clock;
    events.on('error', () => this.#add());
  }

  /** How many there were in the last 60 seconds. */
  count(): number {
    const oldest = this.#second() - SLOTS;
    return this.#counts.reduce((sum, count, slot) => (this.#seconds[slot]! > oldest ? sum + count : sum), 0);
  }

  #add(): void {
    const second = this.#second();
    const slot = second % SLOTS;
    if (this.#seconds[slot] !== second) {
      this.#seconds[slot] = second;
      this.#counts[slot] = 0;
    }
    this.#counts[slot]!++;
  }

  #second(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

/** Judges the figures. */
export function judgeHealth(
  recentErrors: number,
  threshold: number,
  reachable: boolean,
  broken: boolean,
): Health['status'] {
  if (recentErrors >= threshold) return 'unhealthy';
  return reachable && !broken ? 'healthy' : 'degraded';
}
