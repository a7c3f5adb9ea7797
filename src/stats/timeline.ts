import type { Clock } from '../clock.js';
import { OUTCOMES, type Outcomes } from './figures.js';

/** How long a step is, seconds, and how many there are: a quarter of an hour. */
export const STEP = 5;
const SLOTS = 180;

/** What became of the requests of one step, and how long they took on the whole, ms. */
export interface Slot extends Outcomes {
  /** Number of the step since 1970. */
  step: number;
  hitTime: number;
  missTime: number;
}

/** The requests of the last quarter of an hour, step by step, in memory of fixed size and without a timer. */
export class Timeline {
  readonly #clock: Clock;
  readonly #slots: (Slot | undefined)[] = new Array(SLOTS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The slot of now, which is given, to be counted in. */
  at(now: number): Slot {
    const step = Math.floor(now / (STEP * 1000));
    const slot = this.#slots[step % SLOTS];
    if (slot?.step === step) return slot;
    const fresh = emptySlot(step);
    this.#slots[step % SLOTS] = fresh;
    return fresh;
  }

  /** Those of the last quarter of an hour in which anything was asked, the oldest first. */
  slots(): Slot[] {
    const now = Math.floor(this.#clock.now() / (STEP * 1000));
    // A clock that was put back has left some of a time that is still to come.
    const isKnown = ({ step }: Slot) => step > now - SLOTS && step <= now;
    const known = this.#slots.filter((slot): slot is Slot => slot !== undefined && isKnown(slot));
    return known.sort((a, b) => a.step - b.step);
  }
}

/**
 * The timelines of several processes in one, of the last quarter of an hour. `now`: ms since 1970. What a process whose clock is wrong tells
 * of a time that is still to come would take the place of what is so; clocks are never quite the same, though.
 */
export function mergeSlots(timelines: readonly (readonly Slot[])[], now: number): Slot[] {
  const present = Math.floor(now / (STEP * 1000));
  const merged = new Map<number, Slot>();
  for (const slot of timelines.flat()) {
    if (slot.step <= present - SLOTS || slot.step > present + 1) continue;
    const sum = merged.get(slot.step) ?? emptySlot(slot.step);
    for (const name of OUTCOMES) sum[name] += slot[name];
    sum.hitTime += slot.hitTime;
    sum.missTime += slot.missTime;
    merged.set(slot.step, sum);
  }
  return [...merged.values()].sort((a, b) => a.step - b.step);
}

function emptySlot(step: number): Slot {
  return { step, fresh: 0, stale: 0, collapsed: 0, revalidated: 0, miss: 0, bypass: 0, hitTime: 0, missTime: 0 };
}
