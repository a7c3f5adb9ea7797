/** Where the time comes from; tests put a clock of their own in its place. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

/** The machine's own clock. `Date.now` is looked up at each call, so that a test's fake `Date` holds here too. */
export const systemClock: Clock = { now: () => Date.now() };
