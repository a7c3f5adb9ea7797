import type { Rerun } from '../request/request.js';
import type { Lead } from './collapse.js';

export interface RefreshesOptions {
  /** How long a run may take, ms. */
  readonly timeout: number;
  /** How many may be under way at the same time. */
  readonly most: number;
}

interface Waiting<G> {
  readonly key: string;
  readonly going: G;
}

/**
 * Runs of handlers that no client waits for (RFC 5861 §3): bounded in number and time, one a key. Each carries a mark,
 * an object that nobody can send, by which the cache finds what it is to do with the response, and which it honours once.
 */
export class Refreshes<G extends { readonly lead?: Lead<R> | undefined }, R> {
  readonly #options: RefreshesOptions;
  readonly #marked = new WeakMap<object, Waiting<G>>();
  #running = 0;

  constructor(options: RefreshesOptions) {
    this.#options = options;
  }

  /** Begins a run for a key, unless there are too many, or `lead` finds that somebody is about it already. */
  begin(rerun: Rerun, key: string, lead: () => Promise<Lead<R> | undefined>, going: G): void {
    if (this.#running >= this.#options.most) return;
    this.#running++;
    void this.#run(rerun, key, lead, going).finally(() => {
      this.#running--;
    });
  }

  /** What is to be done with a marked request that has come to the place of a key; `undefined`: it is meant for another. */
  take(mark: object, key: string): G | undefined {
    const waiting = this.#marked.get(mark);
    if (waiting === undefined || waiting.key !== key) return undefined;
    this.#marked.delete(mark);
    return waiting.going;
  }

  async #run(rerun: Rerun, key: string, begin: () => Promise<Lead<R> | undefined>, going: G): Promise<void> {
    const lead = await begin();
    if (lead === undefined) return;
    const mark = {};
    this.#marked.set(mark, { key, going: { ...going, lead } });
    try {
      await rerun(mark, this.#options.timeout);
    } finally {
      // It may never have come to its place.
      lead.abandoned();
    }
  }
}
