import type { HitPlace } from '../events.js';
import { STEP } from './timeline.js';

/** How many places may have hits that are not counted yet. */
const MOST = 1000;

/** Takes in what has been summed up. */
export interface Taker {
  /** The hits of a place, all of one step of the timeline. `now`: a time in it, ms since 1970. */
  takeHits(place: HitPlace, now: number): void;
  /** `times` of them took `ms` each. */
  takeTimes(ms: number, times: number): void;
}

/**
 * Sums up hits where they come from, until somebody wants the figures or a step of the timeline is over: counting each for
 * all, its tenant, its route and its step takes as long as finding it.
 */
export class HitSums {
  readonly #taker: Taker;
  /** The places that have hits, all of the step from one time to another, ms since 1970. */
  #places: HitPlace[] = [];
  #from = 0;
  #until = 0;
  /** How long the last of them took, and how many in a row took as long: of those in memory few are timed. */
  #ms = 0;
  #times = 0;

  constructor(taker: Taker) {
    this.#taker = taker;
  }

  add(place: HitPlace, bytes: number, ms: number, now: number): void {
    this.reach(now);
    if (this.#places.length === MOST) this.#begin(now);
    if (place.hits++ === 0) this.#places.push(place);
    place.bytes += bytes;
    place.ms += ms;
    if (ms !== this.#ms) this.#settleTimes(ms);
    this.#times++;
  }

  /**
   * Has those of another step taken in, before anything else is counted of this one: the timeline has both in one place, where
   * whichever came last would be all that is left.
   */
  reach(now: number): void {
    if (now >= this.#until || now < this.#from) this.#begin(now);
  }

  /** Has all of them taken in. */
  settle(): void {
    for (const place of this.#places) {
      this.#taker.takeHits(place, this.#from);
      place.hits = 0;
      place.bytes = 0;
      place.ms = 0;
    }
    this.#places = [];
    this.#settleTimes(0);
  }

  #begin(now: number): void {
    this.settle();
    const step = STEP * 1000;
    this.#from = Math.floor(now / step) * step;
    this.#until = this.#from + step;
  }

  #settleTimes(next: number): void {
    if (this.#times > 0) this.#taker.takeTimes(this.#ms, this.#times);
    this.#ms = next;
    this.#times = 0;
  }
}
