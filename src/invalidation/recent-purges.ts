import { type Purge, reaches, weightOf } from './purge-table.js';
import type { Subject } from './tags.js';

/** A purge and its place in the ledger. */
export interface Entered {
  readonly purge: Purge;
  readonly sequence: number;
}

/** What those that are remembered may weigh together. */
const HEAVIEST = 4_194_304;

/** The newest purges that a process has applied, one by one: the table tells only when something was last purged. */
export class RecentPurges {
  readonly #most: number;
  #list: Entered[] = [];
  #weight = 0;
  /** Of those above it none is missing here. */
  #from: number;

  constructor(most: number, from = 0) {
    this.#most = most;
    this.#from = from;
  }

  /** The sequence above which none is missing. */
  get from(): number {
    return this.#from;
  }

  add(purge: Purge, sequence: number): void {
    this.#list.push({ purge, sequence });
    this.#weight += weightOf(purge);
    if (this.#list.length > this.#most) this.#forget(this.#most / 2);
    while (this.#weight > HEAVIEST) this.#forget(Math.ceil(this.#list.length / 2));
  }

  #forget(count: number): void {
    const oldest = this.#list.splice(0, count);
    for (const { purge } of oldest) this.#weight -= weightOf(purge);
    this.skipTo(oldest.at(-1)!.sequence);
  }

  /** Purges up to this one were applied otherwise, and may be missing here. */
  skipTo(sequence: number): void {
    this.#from = Math.max(this.#from, sequence);
  }

  filter(wanted: (entered: Entered) => boolean): readonly Entered[] {
    return this.#list.filter(wanted);
  }

  /** Whether, of all since `after`, one purge alone reaches the subject: this one. `false` also where it cannot be told. */
  isOnly({ purge, sequence }: Entered, subject: Subject, after: number): boolean {
    if (after < this.#from) return false;
    const reaching = this.#list.filter((each) => each.sequence > after && reaches(each.purge, subject));
    const [only] = reaching;
    // Several purges can go into the ledger as one: then it is not this one alone.
    return reaching.length === 1 && only!.sequence === sequence && isSame(only!.purge, purge);
  }
}

function isSame(a: Purge, b: Purge): boolean {
  if (a.patterns.length + b.patterns.length > 0) return false;
  const tags = new Set(a.tags);
  return b.tags.every((tag) => tags.has(tag)) && tags.size === new Set(b.tags).size;
}
