import type { Clock } from '../clock.js';
import { ConfigError } from '../errors.js';

/** Where a clock begins that is not told: before any test is run, so that nothing takes the machine's own for it. */
const BEGINNING = Date.UTC(2026, 0, 1);

/**
 * A clock that goes when it is told to, for tests of what expires.
 *
 * @example
 * ```ts
 * const clock = new ManualClock();
 * const cache = createCache({ redis: false, clock });
 * await cache.set('greeting', 'hello', 'client-1', { ttl: 60 });
 * clock.forward(60);
 * await cache.get('greeting', 'client-1'); // undefined
 * ```
 */
export class ManualClock implements Clock {
  #now: number;

  /** `start`: ms since 1970, or a date. Default: the beginning of 2026. */
  constructor(start: number | Date = BEGINNING) {
    this.#now = Number(start);
    if (!Number.isFinite(this.#now))
      throw new ConfigError('the start of a ManualClock', start, 'ms since 1970, or a date');
  }

  /** ms since 1970. Bound, so that it can be given away by itself. */
  readonly now: () => number = () => this.#now;

  /** Lets time pass; below zero it goes back, as clocks do that are put right. @throws {ConfigError} for what is no number */
  forward(seconds: number): void {
    if (!Number.isFinite(seconds)) throw new ConfigError('the seconds of forward()', seconds, 'a number of seconds');
    this.#now += seconds * 1000;
  }
}
