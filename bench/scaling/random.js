// Chance that can be repeated: the same seed gives the same numbers on every machine.

/** A generator of numbers in [0, 1) from a seed (Jenkins' small fast counter, 32 bits). */
export function generator(seed) {
  let [a, b, c, counter] = [seed | 0, 0x9e3779b9, 0x243f6a88, 1];
  const next = () => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // Seeds that are near each other begin alike; after some steps nothing is left of that.
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** How long until the next event of a Poisson process, where `rate` come in a unit of time. */
export function waiting(random, rate) {
  return -Math.log(1 - random()) / rate;
}

/** Zipf's law: the item of rank r (from 0 on) is asked for in proportion to 1 / (r + 1)^exponent. */
export class Zipf {
  #upTo;

  constructor(count, exponent) {
    this.count = count;
    this.#upTo = new Float64Array(count + 1);
    for (let rank = 0; rank < count; rank++) this.#upTo[rank + 1] = this.#upTo[rank] + (rank + 1) ** -exponent;
    const total = this.#upTo[count];
    for (let i = 0; i <= count; i++) this.#upTo[i] /= total;
  }

  /** The share of all requests that goes to the ranks from `from` up to, not including, `to`. */
  share(from, to = from + 1) {
    return this.#upTo[Math.min(to, this.count)] - this.#upTo[from];
  }

  /** The rank that a number in [0, 1) falls on. */
  rank(number) {
    let [low, high] = [0, this.count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#upTo[middle + 1] > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
