import type { Fields } from '../types.js';
import { type Conditions, conditionsOf } from './conditional.js';

/**
 * The conditions of a request, kept from its handler while it makes the whole answer: its 304 could not be stored, and
 * what the client asked is answered here.
 */
export class HeldConditions {
  readonly #headers: Record<string, unknown>;
  #held: Conditions | undefined;

  constructor(headers: Fields) {
    this.#headers = headers as Record<string, unknown>;
  }

  /** What the request asks, whether or not it is held at present. */
  get current(): Conditions | undefined {
    return this.#held ?? conditionsOf(this.#headers as Fields);
  }

  /** What is held. */
  get held(): Conditions | undefined {
    return this.#held;
  }

  take(): void {
    this.#held ??= conditionsOf(this.#headers as Fields);
    if (this.#held === undefined) return;
    delete this.#headers['if-none-match'];
    delete this.#headers['if-modified-since'];
  }

  /** Layers further out, loggers above all, see the request as it came. */
  giveBack(): void {
    if (this.#held?.ifNoneMatch !== undefined) this.#headers['if-none-match'] = this.#held.ifNoneMatch;
    if (this.#held?.ifModifiedSince !== undefined) this.#headers['if-modified-since'] = this.#held.ifModifiedSince;
  }
}
