// Numbers as keys of real traffic are asked for: few of them very often, most of them hardly ever.

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Draws keys from 0 to `count` - 1, key k with a weight of 1 / (k + 1) ^ `exponent`. The same ones for the same seed.
 * @example const next = zipf({ count: 10_000, exponent: 1, seed: 7 }); next();
 */
export function zipf({ count, exponent, seed }) {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let key = 0; key < count; key++) {
    sum += 1 / (key + 1) ** exponent;
    upTo[key] = sum;
  }
  const next = random(seed);
  return () => firstAbove(upTo, next() * sum);
}

function firstAbove(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
