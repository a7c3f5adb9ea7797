import { addCounts, type Counts, noCounts, requestsIn } from './figures.js';

/** Counts by name, the most asked first, and those of the rest together. */
export interface Ranked {
  readonly named: Record<string, Counts>;
  readonly other: Counts;
}

/** How many are compared to find one that is to make room. */
const COMPARED = 8;

/**
 * Counts by name, for so many names at the most. Where one more comes, the least asked of some makes room for it, the
 * less likely the more it was asked (randomised admission: Ben Basat et al., 2017): so whoever invents names does not push
 * out those that are in use. What has no name of its own is counted in `other`, so that the sum stays the sum.
 */
export class Tallies {
  readonly #most: number;
  readonly #known = new Map<string, Counts>();
  readonly #names: string[] = [];
  readonly other: Counts = noCounts();
  /** The last one that was counted in: many requests in a row are of one. */
  #lastName = '';
  #last: Counts | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string): Counts | undefined {
    return this.#known.get(name);
  }

  /** The counts of a name, to be counted in. `times`: how often it was asked. */
  of(name: string, times = 1): Counts {
    if (this.#last !== undefined && this.#lastName === name) return this.#last;
    const known = this.#known.get(name);
    if (known !== undefined) {
      this.#lastName = name;
      this.#last = known;
      return known;
    }
    if (this.#names.length >= this.#most) return this.#replace(name, times);
    this.#names.push(name);
    return this.#begin(name);
  }

  /** All that are known, the most asked first, at most so many; the rest of them is in `other`. */
  top(most: number = this.#most): Ranked {
    const ranked = [...this.#known].sort(([, a], [, b]) => requestsIn(b) - requestsIn(a));
    const other = addCounts(noCounts(), this.other);
    for (const [, counts] of ranked.slice(most)) addCounts(other, counts);
    return { named: Object.fromEntries(ranked.slice(0, most)), other };
  }

  /** Puts a name in the place of another one, if that has had its time; else it is one of the others. */
  #replace(name: string, times: number): Counts {
    const places = Array.from({ length: COMPARED }, () => Math.floor(Math.random() * this.#names.length));
    const asked = (place: number) => requestsIn(this.#known.get(this.#names[place]!)!);
    const least = places.reduce((a, b) => (asked(b) < asked(a) ? b : a));
    if (Math.random() * asked(least) >= times) return this.other;
    const before = this.#names[least]!;
    addCounts(this.other, this.#known.get(before)!);
    this.#known.delete(before);
    if (this.#lastName === before) this.#last = undefined;
    this.#names[least] = name;
    return this.#begin(name);
  }

  #begin(name: string): Counts {
    const counts = noCounts();
    this.#known.set(name, counts);
    return counts;
  }
}
