import { LONGEST_TEXT, ownCopy } from '../entry/entry.js';
import type { Reason } from '../events.js';

/** Collects a body as it streams past, up to a bound, and says in the end whether it is whole. */
export class Capture {
  readonly #most: number;
  readonly #declared: number | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #failure: Reason | undefined;

  /** `most`: bytes that are kept; `declared`: the response's Content-Length, where it has one. */
  constructor(most: number, declared: number | undefined) {
    this.#most = most;
    this.#declared = declared;
  }

  /** Why there is nothing to be had of it any more. */
  get failure(): Reason | undefined {
    return this.#failure;
  }

  /** Whether there is all that was declared. */
  get isComplete(): boolean {
    return this.#failure === undefined && this.#bytes === this.#declared;
  }

  /** Keeps a copy: the handler may write into its buffer again as soon as this one is sent. */
  add(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    if (this.#failure !== undefined) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#most) this.fail('too-large');
    else this.#chunks.push(this.#isShort(bytes) ? Buffer.from(bytes) : ownCopy(bytes));
  }

  /**
   * Whether a piece is the whole of a short body, which becomes text as soon as it is stored: until then a part of Node's
   * pool will do, which takes a third of the time. A piece that waits for others would hold all of the pool meanwhile.
   */
  #isShort({ byteLength }: Uint8Array): boolean {
    return this.#chunks.length === 0 && byteLength === this.#declared && byteLength <= LONGEST_TEXT;
  }

  fail(reason: Reason): void {
    this.#failure ??= reason;
    this.#chunks = [];
  }

  /** The whole body, or `undefined` if it is not whole (`failure` says why). */
  finish(): Buffer | undefined {
    if (this.#failure === undefined && this.#declared !== undefined && this.#declared !== this.#bytes) {
      this.fail('length-mismatch');
    }
    if (this.#failure !== undefined) return undefined;
    return this.#chunks.length === 1 ? this.#chunks[0] : ownCopy(...this.#chunks);
  }
}
