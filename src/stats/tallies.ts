import { addCounts, type Counts, noCounts, requestsIn } from './figures.js';

/** How many are compared to find one that is to make room. */
const COMPARED = 8;

/**
 * Counts by name, for so many names at the most. Where one more comes, the least asked of some of the oldest makes room:
 * what it had counted goes to `other`, so that the sum stays the sum, and whoever invents names does not push out those
 * that are in use.
 */
export class Tallies {
  readonly #most: number;
  readonly #known = new Map<string, Counts>();
  /** What was counted for names that have made room. */
  readonly other: Counts = noCounts();

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string): Counts | undefined {
    return this.#known.get(name);
  }

  /** The counts of a name, to be counted in. */
  of(name: string): Counts {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#most) this.#makeRoom();
    const counts = noCounts();
    this.#known.set(name, counts);
    return counts;
  }

  /** All that are known, the most asked first, at most so many; the rest of them is in `other`. */
  top(most: number = this.#most): { readonly named: Record<string, Counts>; readonly other: Counts } {
    const ranked = [...this.#known].sort(([, a], [, b]) => requestsIn(b) - requestsIn(a));
    const other = addCounts(noCounts(), this.other);
    for (const [, counts] of ranked.slice(most)) addCounts(other, counts);
    return { named: Object.fromEntries(ranked.slice(0, most)), other };
  }

  #makeRoom(): void {
    const oldest = this.#known.entries();
    const compared: [string, Counts][] = [];
    for (let next = oldest.next(); !next.done && compared.length < COMPARED; next = oldest.next())
      compared.push(next.value);
    compared.sort(([, a], [, b]) => requestsIn(a) - requestsIn(b));
    const [least, ...rest] = compared;
    this.#known.delete(least![0]);
    addCounts(this.other, least![1]);
    // The others are not compared again before all the rest has been.
    for (const [name, counts] of rest) {
      this.#known.delete(name);
      this.#known.set(name, counts);
    }
  }
}
