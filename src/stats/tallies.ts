import { addCounts, type Counts, noCounts, requestsIn } from './figures.js';

/** Counts by name, the most asked first, and those of the rest together. */
export interface Ranked {
  readonly named: Record<string, Counts>;
  readonly other: Counts;
}

/** How many are compared to find one that is to make room. */
const COMPARED = 8;

/**
 * Counts by name, for `most` names at the most. Where one more comes, the least asked of some makes room for it, the
 * less likely the more it was asked (randomised admission: Ben Basat et al., 2017): so whoever invents names does not push
 * out those that are in use. What has no name of its own is counted in `other`, so that the sum stays the sum.
 */
export class Tallies {
  readonly #most: number;
  readonly #known = new Map<string, Counts>();
  /** The same, to choose from. */
  readonly #all: { name: string; counts: Counts }[] = [];
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
    if (this.#all.length >= this.#most) return this.#replace(name, times);
    const counts = noCounts();
    this.#all.push({ name, counts });
    this.#known.set(name, counts);
    return counts;
  }

  /** All that are known, the most asked first, at most `most`; the rest of them is in `other`. */
  top(most: number = this.#most): Ranked {
    const ranked = [...this.#known].sort(([, a], [, b]) => requestsIn(b) - requestsIn(a));
    const other = addCounts(noCounts(), this.other);
    for (const [, counts] of ranked.slice(most)) addCounts(other, counts);
    return { named: Object.fromEntries(ranked.slice(0, most)), other };
  }

  /** Puts a name in the place of another one, if that has had its time; else it is one of the others. */
  #replace(name: string, times: number): Counts {
    let least = this.#any();
    for (let i = 1; i < COMPARED; i++) {
      const other = this.#any();
      if (requestsIn(other.counts) < requestsIn(least.counts)) least = other;
    }
    if (Math.random() * requestsIn(least.counts) >= times) return this.other;
    addCounts(this.other, least.counts);
    this.#known.delete(least.name);
    if (this.#lastName === least.name) this.#last = undefined;
    least.name = name;
    least.counts = noCounts();
    this.#known.set(name, least.counts);
    return least.counts;
  }

  #any(): { name: string; counts: Counts } {
    return this.#all[Math.floor(Math.random() * this.#all.length)]!;
  }
}
