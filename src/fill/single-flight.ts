interface Flight<T> {
  readonly stands: () => boolean;
  readonly result: Promise<T>;
}

/** One run at a time for each key: who asks meanwhile is given its result, as long as it is still good for them. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** How many are under way. */
  get size(): number {
    return this.#flights.size;
  }

  /**
   * Joins the flight under `key`, if what it began with still stands; else begins one. A purge during a flight thus
   * parts those who asked before it from those who ask after it.
   */
  run(key: string, stands: () => boolean, work: () => Promise<T>): Promise<T> {
    const current = this.#flights.get(key);
    if (current?.stands()) return current.result;
    const result = work();
    const flight: Flight<T> = { stands, result };
    this.#flights.set(key, flight);
    const over = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    result.then(over, over);
    return result;
  }
}
