/** From 1 µs to half an hour, eight buckets for each doubling: what is read from them is at most an eighth too much. */
const BUCKETS = 232;
const LONGEST = 2 ** 31 - 1;

/** Where a part of all durations lies, ms: the half, nine of ten, and so on. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** A histogram as it travels: places and counts by turns, and what they add up to. */
export interface HistogramData {
  readonly counts: readonly number[];
  /** ms. */
  readonly sum: number;
  readonly max: number;
}

/** How durations are spread, in memory of fixed size. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** The sum of all, ms. */
  get sum(): number {
    return this.#sum;
  }

  /** `times`: how many took this long. */
  add(ms: number, times = 1): void {
    this.#counts[bucketOf(ms)]! += times;
    this.#count += times;
    this.#sum += ms * times;
    if (ms > this.#max) this.#max = ms;
  }

  /** Adds what another process has counted. */
  merge({ counts, sum, max }: HistogramData): void {
    for (let i = 0; i + 1 < counts.length; i += 2) {
      this.#counts[counts[i]!]! += counts[i + 1]!;
      this.#count += counts[i + 1]!;
    }
    this.#sum += sum;
    this.#max = Math.max(this.#max, max);
  }

  data(): HistogramData {
    const counts: number[] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) counts.push(bucket, count);
    return { counts, sum: this.#sum, max: this.#max };
  }

  percentiles(): Percentiles {
    return { p50: this.#at(0.5), p90: this.#at(0.9), p99: this.#at(0.99), max: rounded(this.#max) };
  }

  /** How many took no longer than `us`, µs: of powers of two exactly. */
  countUpTo(us: number): number {
    let sum = 0;
    for (let bucket = 0; bucket < BUCKETS && endOf(bucket) <= us; bucket++) sum += this.#counts[bucket]!;
    return sum;
  }

  /** The end of the bucket in which the wanted part of all is reached, ms. */
  #at(part: number): number {
    let left = Math.ceil(this.#count * part);
    if (left === 0) return 0;
    let bucket = 0;
    for (; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket]!;
      if (left <= 0) break;
    }
    return rounded(Math.min(endOf(bucket) / 1000, this.#max));
  }
}

/** Up to 7 µs one bucket each; then eight for each power of two. */
function bucketOf(ms: number): number {
  const us = Math.min(Math.max(Math.floor(ms * 1000), 0), LONGEST);
  if (us < 8) return us;
  const power = 31 - Math.clz32(us);
  return (power - 2) * 8 + ((us >>> (power - 3)) & 7);
}

/** Where a bucket ends, µs: what is in it is below that. */
function endOf(bucket: number): number {
  if (bucket < 8) return bucket + 1;
  return (8 + (bucket & 7) + 1) * 2 ** ((bucket >> 3) - 1);
}

function rounded(ms: number): number {
  return Number(ms.toFixed(4));
}
