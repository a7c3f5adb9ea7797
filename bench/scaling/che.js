// The formulas: what share of requests finds an entry, and where. Requests are taken as independent of each other, as
// those of many people are (the independent reference model, a Poisson process for each page).

import { Zipf } from './random.js';

/** Abscissas and weights of Gauss and Legendre's quadrature with five points, on [-1, 1]. */
const POINTS = [-0.906179845938664, -0.538469310105683, 0, 0.538469310105683, 0.906179845938664];
const WEIGHTS = [0.236926885056189, 0.478628670499366, 0.568888888888889, 0.478628670499366, 0.236926885056189];

/** Where to look at a function from 0 to `end`, closer together towards 0, with `cut` as a border; and how it weighs. */
export function nodes(end, cut = end) {
  const borders = [0, ...Array.from({ length: 24 }, (_, i) => end / 2 ** (23 - i))];
  if (cut > 0 && cut < end) borders.push(cut);
  borders.sort((a, b) => a - b);
  return borders.slice(1).flatMap((high, i) => {
    const half = (high - borders[i]) / 2;
    return POINTS.map((point, j) => ({ at: borders[i] + half * (1 + point), weight: half * WEIGHTS[j] }));
  });
}

/** Ranks that are nearly as popular as each other, taken together: the first ones each by itself. */
export function bins(count, exponent) {
  const zipf = new Zipf(count, exponent);
  const found = [];
  for (let from = 0; from < count; ) {
    const to = Math.min(count, Math.max(from + 1, Math.floor(from * 1.1)));
    found.push({ count: to - from, share: zipf.share(from, to) / (to - from), middle: (from + to - 1) / 2 });
    from = to;
  }
  return found;
}

/**
 * How long what is not asked for stays in a cache that keeps the last used (Che, Tung and Wang 2002): the time in which
 * so many different ones are asked for as have room. `Infinity`: all have.
 * @param {{ count: number, rate: number }[]} classes `rate`: of each one of them, a second
 * @param {number} size how many have room
 */
export function characteristicTime(classes, size) {
  const used = (time) => classes.reduce((sum, { count, rate }) => sum - count * Math.expm1(-rate * time), 0);
  const all = classes.reduce((sum, { count, rate }) => sum + (rate > 0 ? count : 0), 0);
  if (all <= size) return Number.POSITIVE_INFINITY;
  let [low, high] = [0, 1];
  while (used(high) < size) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (used(middle) < size) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Of requests for one page: the share that finds it living, somewhere or in its process; that waits for another's run; and
 * that runs the handler. A page lives from its fill on until it expires or is purged; then it is gone for all processes.
 * @param {{ rate: number, processes: number, kept: number, fill: number, survival: (age: number) => number, ttl: number }}
 *   page `rate`: of all processes, a second; `kept`: the characteristic time of a process' memory; `fill`: how long the
 *   handler takes, s
 */
export function sharesOf({ rate, processes, kept, fill, survival, ttl }) {
  const own = rate / processes;
  let living = 0;
  let near = 0;
  for (const { at, weight } of nodes(ttl, kept)) {
    const alive = weight * survival(at);
    // It was filled here, or last asked for here, no longer ago than memory reaches, and since it was made.
    const missing = at <= kept ? (1 - 1 / processes) * Math.exp(-own * at) : Math.exp(-own * kept);
    living += alive;
    near += alive * (1 - missing);
  }
  const cycle = 1 + rate * (fill + living);
  return {
    memory: (rate * near) / cycle,
    living: (rate * living) / cycle,
    waits: (rate * fill) / cycle,
    runs: 1 / cycle,
  };
}

/**
 * The same where the process' memory is all there is: what it has pushed out is gone. A page is still there at an age if
 * no pause between two requests was longer than memory reaches. That has not happened before that time; later it happens
 * at a constant rate, chosen so that without a lifetime Che's own share of hits comes out.
 */
export function sharesAlone({ rate, kept, fill, survival, ttl }) {
  const reached = -Math.expm1(-rate * kept);
  const later = Math.expm1(rate * kept) / rate - kept;
  const there = (age) => (age <= kept ? 1 : reached * Math.exp((-reached * (age - kept)) / later));
  let living = 0;
  for (const { at, weight } of nodes(ttl, kept)) living += weight * survival(at) * there(at);
  const cycle = 1 + rate * (fill + living);
  return {
    memory: (rate * living) / cycle,
    living: (rate * living) / cycle,
    waits: (rate * fill) / cycle,
    runs: 1 / cycle,
  };
}

/**
 * What Redis holds of a page: the share of the time in which it has an entry, dead or alive; the share of the
 * handler's runs before which a dead one was read; and how many are removed for each of these runs. An entry stays until it is replaced, expires, or is dead at a sweep.
 * @param {{ rate: number, survival: (age: number) => number, ttl: number, sweep: number }} page `sweep`: seconds between
 *   two; `Infinity` for none
 */
export function inRedis({ rate, survival, ttl, sweep }) {
  let living = 0;
  let absent = Math.exp(-rate * ttl) / rate;
  for (const { at, weight } of nodes(ttl)) {
    living += weight * survival(at);
    absent += weight * survival(at) * Math.exp(-rate * (ttl - at));
  }
  const cycle = living + 1 / rate;
  const unswept = { share: 1 - absent / cycle, dead: 1 - rate * absent, removed: 0 };
  // A sweep comes at any moment of the time between two: so long lies what was purged, if nobody asks for it.
  const lies = (1 + Math.expm1(-rate * sweep) / (rate * sweep)) / rate;
  const purged = 1 - survival(ttl);
  const asked = rate * lies;
  const swept = { share: (living + purged * lies) / cycle, dead: purged * asked, removed: purged * (1 - asked) };
  return swept.share < unswept.share ? swept : unswept;
}

/**
 * The probability that an entry is dead by mistake after so many other tags were purged: that some one of its `own` tags has
 * all its buckets raised by others, each bucket by any of them, or all by one that has the very same (its hash has fewer
 * values than there are ways to choose a bucket in each row).
 */
export function collision(purged, own, { rows, bits }) {
  const buckets = 2 ** bits;
  const one = (-Math.expm1(-purged / buckets)) ** rows - Math.expm1((-2 * purged) / buckets ** 2);
  return 1 - (1 - Math.min(1, one)) ** own;
}

/** How often a tail of the log that waits `block` seconds at the most is given news, and nothing, where purges come at a rate. */
export function tailOf(purges, block) {
  if (purges === 0) return { records: 0, silences: 1 / block };
  return { records: purges, silences: (purges * Math.exp(-purges * block)) / -Math.expm1(-purges * block) };
}
