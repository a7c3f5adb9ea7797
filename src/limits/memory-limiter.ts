import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.js';
import type { Count, Flexible, Limiter } from './flexible.js';

/** How many clients are counted in one process; those that have not asked for longest are forgotten first. */
const MOST_CLIENTS = 100_000;

interface Window {
  points: number;
  endsAt: number;
  /** How long it is at the most, ms. */
  readonly life: number;
  /** Whether its client has exceeded the limit, and is blocked for that. */
  readonly blocked: boolean;
}

/** The windows of all limits of one cache in this process. */
export type Windows = LRUCache<string, Window>;

export function emptyWindows(): Windows {
  return new LRUCache({ maxSize: MOST_CLIENTS, sizeCalculation: () => 1 });
}

/** What a limiter in memory keeps its counts in, bounded and without timers. */
class Counts {
  readonly #windows: Windows;
  readonly #clock: Clock;
  readonly #Res: Flexible['RateLimiterRes'];

  constructor(windows: Windows, clock: Clock, Res: Flexible['RateLimiterRes']) {
    this.#windows = windows;
    this.#clock = clock;
    this.#Res = Res;
  }

  /**
   * Adds points, or gives some back: never more than there are, so that nobody saves up for the next window, and none to who
   * is blocked, whom hits that were under way would let in again.
   */
  incrby(key: string, by: number, seconds: number): Count {
    const now = this.#clock.now();
    const window = this.#windows.get(key);
    if (window === undefined || window.endsAt <= now)
      return by < 0 ? new this.#Res(0, 0, 0, false) : this.#begin(key, by, seconds, false);
    // Since the clock was put back it is as if it had just begun.
    window.endsAt = Math.min(window.endsAt, now + window.life);
    if (by > 0 || !window.blocked) window.points = Math.max(0, window.points + by);
    return new this.#Res(0, window.endsAt - now, window.points, false);
  }

  /** What the package blocks by. */
  set(key: string, points: number, seconds: number): Count {
    return this.#begin(key, points, seconds, true);
  }

  #begin(key: string, points: number, seconds: number, blocked: boolean): Count {
    const now = this.#clock.now();
    // A block that is shorter than what is left of the window must not end it sooner.
    const endsAt = Math.max(now + seconds * 1000, this.#windows.get(key)?.endsAt ?? 0);
    this.#windows.set(key, { points, endsAt, life: endsAt - now, blocked });
    return new this.#Res(0, endsAt - now, points, true);
  }
}

/** A limiter in memory whose counts are bounded: the package's own keeps any number of them, each with a timer. */
export function memoryLimiter(flexible: Flexible, windows: Windows, clock: Clock, options: object): Limiter {
  const limiter = new flexible.RateLimiterMemory(options);
  (limiter as unknown as { _memoryStorage: Counts })._memoryStorage = new Counts(
    windows,
    clock,
    flexible.RateLimiterRes,
  );
  return limiter;
}
