import type { HitPlace } from '../events.js';
import type { SearchRule } from '../http/no-vary-search.js';
import type { Subject } from '../invalidation/tags.js';
import type { Address } from '../request/key.js';
import type { KeptReply } from './kept-reply.js';
import type { Whereabouts } from './whereabouts.js';

/** How many requests are remembered at a time: two generations of as many as memory keeps entries, but within these bounds. */
const LEAST = 2048;
const MOST = 8192;

/** What a request has come to. */
export interface Known {
  readonly place: HitPlace;
  readonly subject: Subject;
  readonly where: Whereabouts;
  /** What its path was known to say of queries, and its address; of a request without a query nothing. */
  readonly query: { readonly rule: SearchRule | undefined; readonly address: Address } | undefined;
  /** The ledger's revision at which it was last found to stand. */
  revision: number;
  reply: KeptReply | undefined;
  /** Until when the reply that was made last is the same, ms since 1970. */
  until: number;
}

type ByTarget = Map<string, Known>;

/**
 * What the requests of all routes of a cache have come to: by what they said beside their target, and by that. A signature is
 * mostly the very text that was looked for before, which a map finds without reading it. Two generations, as in
 * `Generations`, counted over all of them.
 */
export class Recollections {
  #newer = new Map<string, ByTarget>();
  #older = new Map<string, ByTarget>();
  /** How many have come into the newer one. */
  #count = 0;
  #routes = 0;
  readonly #most: number;

  /** `items`: how many entries memory may keep. */
  constructor(items: number = LEAST) {
    this.#most = Math.min(Math.max(items, LEAST), MOST);
  }

  /** A name for one more route, with which its signatures are to begin. */
  mark(): string {
    return `${this.#routes++} `;
  }

  get(signature: string, target: string): Known | undefined {
    const known = this.#newer.get(signature)?.get(target);
    if (known !== undefined || this.#older.size === 0) return known;
    const before = this.#older.get(signature)?.get(target);
    if (before !== undefined) this.set(signature, target, before);
    return before;
  }

  set(signature: string, target: string, known: Known): void {
    if (this.#count >= this.#most) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#count = 0;
    }
    let same = this.#newer.get(signature);
    if (same === undefined) {
      same = new Map();
      this.#newer.set(signature, same);
    }
    if (!same.has(target)) this.#count++;
    same.set(target, known);
  }

  delete(signature: string, target: string): void {
    // It counts all the same: of a client that says something new each time an empty map stays, until the generation is over.
    this.#newer.get(signature)?.delete(target);
    this.#older.get(signature)?.delete(target);
  }
}
