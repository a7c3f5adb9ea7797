import { type Clock, isOfTheFuture } from '../clock.js';
import type { RequestSeen } from '../events.js';
import { tellingFields } from '../request/telling.js';

/** How many URLs are counted at a time, and for how long one count goes on, ms: six make an hour. */
const MOST = 500;
const PERIOD = 600_000;
const PERIODS = 6;
/** Beyond `FEW` requests of a period one of about `SHARE` stands for all of them. */
const FEW = 1000;
const SHARE = 8;
/** Longer targets are not counted: memory is bounded. */
const LONGEST = 1024;

/** A URL that is asked for, and by about how many requests of the last hour. */
export interface Asked {
  /** Escaped; empty for requests without. */
  readonly tenant: string;
  /** Path and query. */
  readonly target: string;
  readonly secure: boolean;
  /** Of its request, those fields by which responses to one target usually differ. */
  readonly headers: Readonly<Record<string, string>>;
  count: number;
}

interface Period {
  readonly begun: number;
  /** How many requests there were. */
  asked: number;
  readonly counts: Map<string, Asked>;
}

/**
 * The URLs that were most asked for in the last hour, in bounded memory: frequent items after Misra and Gries (1982).
 * Where there is no room for another one, all lose one; whatever is asked more often than one time in `MOST` stays.
 */
export class Popular {
  readonly #clock: Clock;
  #periods: Period[] = [];
  /** How many requests go by before one counts again. */
  #passing = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `now`: what the clock says, ms. Of a busy cache one request in eight counts, for eight: the rest costs a subtraction. */
  add(key: string, tenant: string, request: RequestSeen, now: number): void {
    if (this.#passing > 0) {
      this.#passing--;
      return;
    }
    const period = this.#current(now);
    const times = period.asked < FEW ? 1 : SHARE;
    period.asked += times;
    // By chance, eight on average: what is asked for in turns would otherwise be counted in step with them.
    if (times > 1) this.#passing = Math.floor(Math.random() * (2 * SHARE - 1));
    const { counts } = period;
    const known = counts.get(key);
    if (known !== undefined) known.count += times;
    else if (counts.size < MOST) {
      if (canBeWarmed(request)) counts.set(key, { ...askedBy(tenant, request), count: times });
    } else {
      for (const [other, asked] of counts) {
        asked.count -= times;
        if (asked.count <= 0) counts.delete(other);
      }
    }
  }

  /** The most asked first. */
  top(most: number): Asked[] {
    this.#current(this.#clock.now());
    return mergeAsked(
      this.#periods.map(({ counts }) => [...counts.values()]),
      most,
    );
  }

  #current(now: number): Period {
    // One that begins in the future would not end for as long as the clock has been put back.
    const isWithin = (begun: number, ms: number) => !isOfTheFuture(begun, now) && now - begun < ms;
    const [newest] = this.#periods;
    if (newest !== undefined && isWithin(newest.begun, PERIOD)) return newest;
    const fresh = { begun: now, asked: 0, counts: new Map() };
    const before = this.#periods.filter(({ begun }) => isWithin(begun, PERIOD * PERIODS));
    this.#periods = [fresh, ...before].slice(0, PERIODS);
    return fresh;
  }
}

/** Several counts of URLs in one, the most asked first. */
export function mergeAsked(lists: readonly (readonly Asked[])[], most: number): Asked[] {
  const sums = new Map<string, Asked>();
  for (const asked of lists.flat()) {
    const name = JSON.stringify([asked.tenant, asked.headers.host, asked.target]);
    const sum = sums.get(name);
    if (sum === undefined) sums.set(name, { ...asked });
    else sum.count += asked.count;
  }
  return [...sums.values()].sort((a, b) => b.count - a.count).slice(0, most);
}

/** Over HTTP/2, whose requests have pseudo-header fields, nobody runs an application without a connection. */
function canBeWarmed({ target, headers }: RequestSeen): boolean {
  return target.length <= LONGEST && headers[':path'] === undefined;
}

function askedBy(tenant: string, { target, headers, secure }: RequestSeen): Asked {
  return { tenant, target, secure, headers: tellingFields(headers), count: 1 };
}
