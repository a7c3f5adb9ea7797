import type { Whole } from '../../src/fill/response-head.js';

/** A body that was given to `end`. */
export class EndedBody implements Whole {
  /** Its bytes, if anybody has asked for them. */
  made: Uint8Array | undefined;
  readonly #chunk: string | Uint8Array;
  readonly #encoding: BufferEncoding | undefined;

  constructor(chunk: string | Uint8Array, encoding: BufferEncoding | undefined) {
    this.#chunk = chunk;
    this.#encoding = encoding;
    if (typeof chunk !== 'string') this.made = chunk;
  }

  get length(): number {
    return this.made === undefined ? Buffer.byteLength(this.#chunk, this.#encoding) : this.made.byteLength;
  }

  bytes(): Uint8Array {
    this.made ??= Buffer.from(this.#chunk as string, this.#encoding);
    return this.made;
  }
}
