import { type Purge, reaches } from './purge-table.js';
import type { Subject } from './tags.js';

/** A purge and its place in the ledger. */
export interface Entered {
  readonly purge: Purge;
  readonly sequence: number;
}

/** The newest purges that a process has applied, one by one: the table tells only when something was last purged. */
export class RecentPurges {
  readonly #most: number;
  #list: Entered[] = [];
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
    if (this.#list.length > this.#most) this.#from = this.#list.splice(0, this.#most / 2).at(-1)!.sequence;
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
