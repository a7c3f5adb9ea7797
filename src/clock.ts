/** Where the time comes from; tests put a clock of their own in its place. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

/** The machine's own clock. `Date.now` is looked up at each call, so that a test's fake `Date` holds here too. */
export const systemClock: Clock = { now: () => Date.now() };

/** What a timer can wait at the most, ms: one that is to wait longer fires at once. */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

/** How far another machine's clock may be ahead of this one's, ms. */
const AHEAD = 60_000;

/** Whether something was stored so late that the clock must have been put back since: nobody knows how old it is. */
export function isOfTheFuture(storedAt: number, now: number): boolean {
  return storedAt > now + AHEAD;
}
