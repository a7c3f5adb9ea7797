import { LONGEST_TEXT } from '../../src/entry/entry.js';
import type { Whole } from '../../src/fill/response-head.js';
import type { Chunk } from './body-arguments.js';

const { toString: textOf } = Buffer.prototype;

/** A body that was given to `end`. */
export class EndedBody implements Whole {
  /** Its bytes, if anybody has asked for them. */
  made: Uint8Array | undefined;
  readonly #chunk: Chunk;
  readonly #encoding: BufferEncoding | undefined;

  constructor(chunk: Chunk, encoding: BufferEncoding | undefined) {
    this.#chunk = chunk;
    this.#encoding = encoding;
    if (typeof chunk !== 'string') this.made = chunk;
  }

  get length(): number {
    return this.made === undefined ? Buffer.byteLength(this.#chunk, this.#encoding) : this.made.byteLength;
  }

  /** Its bytes as a text in latin1, where they are few, and it has come as bytes. */
  get text(): string | undefined {
    const chunk = this.#chunk;
    if (!Buffer.isBuffer(chunk) || chunk.length > LONGEST_TEXT) return undefined;
    // What is made of a Buffer may have a text of its own.
    return textOf.call(chunk, 'latin1');
  }

  bytes(): Uint8Array {
    this.made ??= Buffer.from(this.#chunk as string, this.#encoding);
    return this.made;
  }
}
