/** What was asked in one turn. */
interface Batch<T> {
  /** The keys, each once, and their places. */
  readonly places: Map<string, number>;
  readonly found: Promise<readonly T[]>;
}

/**
 * Reads of one turn of the event loop, made as one when it ends: requests that come together cost one command, one
 * deadline and one answer to wait for. What is read was asked for before it is read, by each of them.
 */
export class Reads<T> {
  readonly #read: (keys: readonly string[]) => Promise<readonly T[]>;
  readonly #room: () => number;
  #batch: Batch<T> | undefined;

  /** `read`: gives the values of keys, in their order; `room`: how many keys are to be read at once, about. */
  constructor(read: (keys: readonly string[]) => Promise<readonly T[]>, room: () => number) {
    this.#read = read;
    this.#room = room;
  }

  /** The values of keys, in their order. Rejects where `read` does. */
  async get(keys: readonly string[]): Promise<T[]> {
    if (keys.length === 0) return [];
    const { places, found } = this.#join(keys);
    const all = await found;
    return keys.map((key) => all[places.get(key)!]!);
  }

  #join(keys: readonly string[]): Batch<T> {
    if (this.#batch === undefined || this.#batch.places.size >= this.#room()) this.#batch = this.#begin();
    const batch = this.#batch;
    for (const key of keys) if (!batch.places.has(key)) batch.places.set(key, batch.places.size);
    return batch;
  }

  #begin(): Batch<T> {
    const places = new Map<string, number>();
    const found = new Promise<readonly T[]>((resolve) => {
      setImmediate(() => {
        // From here on it is too late to join.
        if (this.#batch === batch) this.#batch = undefined;
        resolve(this.#read([...places.keys()]));
      });
    });
    const batch = { places, found };
    return batch;
  }
}
