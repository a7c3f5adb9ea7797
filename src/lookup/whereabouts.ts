import type { Backend } from '../backend.js';
import { type HeldResponse, isResponse } from '../entry/compact.js';
import type { IndexEntry, ResponseEntry } from '../entry/entry.js';
import type { Slot } from '../stores/memory.js';
import type { MaybePromise } from '../types.js';

/** Where a response was found that may be looked for again. It holds nothing of its body, which may leave memory meanwhile. */
export interface Whereabouts {
  /** The response, if nothing has come in its place, nor beside it. Rejects if the store cannot be reached. */
  find(backend: Backend): MaybePromise<HeldResponse | undefined>;
}

/** In this process' memory. */
export class InMemory implements Whereabouts {
  readonly #slot: Slot;
  /** What led there, if the responses of its URL vary. */
  readonly #index: Slot | undefined;

  constructor(slot: Slot, index: Slot | undefined) {
    this.#slot = slot;
    this.#index = index;
  }

  find({ own }: Backend): HeldResponse | undefined {
    const { held } = this.#slot;
    if (held === undefined || !isResponse(held) || own === undefined) return undefined;
    own.use(this.#slot);
    if (this.#index === undefined) return held;
    own.use(this.#index);
    return this.#index.held === undefined ? undefined : held;
  }
}

/** In Redis, where nothing is kept in this process. */
export class InRedis implements Whereabouts {
  readonly #keys: readonly string[];
  readonly #headers: ResponseEntry['headers'];
  readonly #index: IndexEntry | undefined;

  /** `keys`: that of the index, if there is one, and that of the response. */
  constructor(keys: readonly string[], { headers }: ResponseEntry, index: IndexEntry | undefined) {
    this.#keys = keys;
    this.#headers = headers;
    this.#index = index;
  }

  async find(backend: Backend): Promise<ResponseEntry | undefined> {
    const found = await backend.read(this.#keys);
    const entry = found[found.length - 1];
    if (this.#index !== undefined && found[0] !== this.#index) return undefined;
    // What is read again is the same object where its frame is the same (`Decoder`): all but the body, of an entry.
    return entry?.kind === 'response' && entry.headers === this.#headers ? entry : undefined;
  }
}
