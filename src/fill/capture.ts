import { LONGEST_TEXT, NO_BODY, ownCopy } from '../entry/entry.js';
import type { Reason } from '../events.js';

/** Collects a body as it streams past, up to a bound, and says in the end whether it is whole. */
export class Capture {
  readonly #most: number;
  readonly #declared: number | undefined;
  /** What has come, and room for more: an object for each of a million pieces would take a hundred times as much as they do. */
  #room: Buffer = NO_BODY;
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
    const at = this.#bytes;
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#most) this.fail('too-large');
    else if (this.#isShort(bytes)) this.#room = Buffer.from(bytes);
    else {
      if (this.#bytes > this.#room.length) this.#enlarge(at);
      this.#room.set(bytes, at);
    }
  }

  /** Makes room for all that is declared, or else for what has come, and for twice as much as before. */
  #enlarge(taken: number): void {
    // A declared length may be no number.
    const wanted = Math.max(this.#bytes, taken * 2, this.#declared || 0);
    const room = Buffer.allocUnsafeSlow(Math.min(wanted, this.#most));
    room.set(this.#room.subarray(0, taken));
    this.#room = room;
  }

  /**
   * Whether a piece is the whole of a short body, which becomes text as soon as it is stored: until then a part of Node's
   * pool will do, which takes a third of the time. A piece that waits for others would hold all of the pool meanwhile.
   */
  #isShort({ byteLength }: Uint8Array): boolean {
    return this.#bytes === byteLength && byteLength === this.#declared && byteLength <= LONGEST_TEXT;
  }

  fail(reason: Reason): void {
    this.#failure ??= reason;
    this.#room = NO_BODY;
  }

  /** The whole body, or `undefined` if it is not whole (`failure` says why). */
  finish(): Buffer | undefined {
    if (this.#failure === undefined && this.#declared !== undefined && this.#declared !== this.#bytes) {
      this.fail('length-mismatch');
    }
    if (this.#failure !== undefined) return undefined;
    return this.#bytes === this.#room.length ? this.#room : ownCopy(this.#room.subarray(0, this.#bytes));
  }
}
