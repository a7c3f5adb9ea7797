/**
 * Notices that nothing is heard of Redis any more: the connection may be dead without knowing, which TCP itself notices only after
 * a quarter of an hour.
 */
export class Silence {
  readonly #longest: number;
  readonly #onSilence: () => void;
  /** When that was asked which was the first to have no answer. */
  #since: number | undefined;

  /** `longest`: ms without an answer after which `onSilence` is told. */
  constructor(longest: number, onSilence: () => void) {
    this.#longest = longest;
    this.#onSilence = onSilence;
  }

  /** Redis has answered, whatever it said. */
  heard(): void {
    this.#since = undefined;
  }

  /** What was asked then (by `performance.now()`) has had no answer in its time. */
  unheard(asked: number): void {
    this.#since ??= asked;
    if (performance.now() - this.#since < this.#longest) return;
    this.#since = undefined;
    this.#onSilence();
  }
}
