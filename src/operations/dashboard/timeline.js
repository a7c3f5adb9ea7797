// The report's timeline as the columns that the charts draw, and the figures that are made of it.

/** The outcomes, from the best on: the order in which they are stacked and listed. */
export const OUTCOMES = ['fresh', 'collapsed', 'stale', 'revalidated', 'miss', 'bypass'];

/** How far back the charts reach, in seconds. */
export const WINDOW = 900;

/**
 * @typedef {{ at: number, outcomes: Record<string, number>, hitTime: number, missTime: number }} Slot
 * @typedef {{ now: number, timeline?: { step: number, slots: Slot[] } }} Timed
 * @typedef {object} Columns
 * @property {number[]} times when each slot begins, in s since 1970
 * @property {(number | null)[][]} rates for each outcome, requests a second
 * @property {(number | null)[]} hit mean ms
 * @property {(number | null)[]} miss mean ms
 */

/**
 * One place for every step of the window, with null where nothing is known: a gap must look like one.
 * @param {Timed} report
 * @returns {Columns}
 */
export function columnsOf(report) {
  const { step, slots } = timelineOf(report);
  const places = Math.round(WINDOW / step);
  const last = Math.floor(report.now / 1000 / step) * step;
  const times = Array.from({ length: places }, (_, index) => last - (places - 1 - index) * step);
  const bySlot = new Map(slots.map((slot) => [Math.floor(slot.at / 1000 / step) * step, slot]));
  const found = times.map((time) => bySlot.get(time));
  return {
    times,
    rates: OUTCOMES.map((outcome) =>
      found.map((slot, index) =>
        slot === undefined ? null : (slot.outcomes[outcome] ?? 0) / elapsed(report, times[index] ?? 0, step),
      ),
    ),
    hit: found.map((slot) => slot?.hitTime || null),
    miss: found.map((slot) => slot?.missTime || null),
  };
}

/**
 * What the last seconds had in sum: requests, requests a second, and the rate of hits in percent.
 * @param {Timed} report
 * @param {number} seconds
 */
export function recent(report, seconds) {
  const { step, slots } = timelineOf(report);
  const from = Math.floor((report.now / 1000 - seconds) / step) * step;
  const sums = OUTCOMES.map((outcome) =>
    slots.reduce((sum, slot) => sum + (slot.at / 1000 >= from ? (slot.outcomes[outcome] ?? 0) : 0), 0),
  );
  const [fresh = 0, collapsed = 0, stale = 0, revalidated = 0, miss = 0] = sums;
  const hits = fresh + collapsed + stale;
  const total = sums.reduce((sum, each) => sum + each, 0);
  const lookups = hits + revalidated + miss;
  return {
    total,
    perSecond: total / Math.max(1, report.now / 1000 - from),
    hitRate: lookups === 0 ? undefined : (hits / lookups) * 100,
  };
}

/** The slot that is still being filled counts by what has passed of it. */
function elapsed(/** @type {Timed} */ report, /** @type {number} */ time, /** @type {number} */ step) {
  return Math.min(step, Math.max(1, report.now / 1000 - time));
}

/** @param {Timed} report @returns {{ step: number, slots: Slot[] }} */
function timelineOf({ timeline }) {
  return { step: Math.max(1, timeline?.step ?? 5), slots: timeline?.slots ?? [] };
}
