import type { ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { makeEtag } from '../http/etag.js';
import type { HeaderLine } from '../http/headers.js';
import { Capture } from './capture.js';

/** An entry that is being made: its body and its tags come last. */
export type Unfinished = { -readonly [K in keyof ResponseEntry]: ResponseEntry[K] };

/** One response on its way into the store: its head, then its body as it streams. */
export class Fill {
  readonly #entry: Unfinished;
  readonly #capture: Capture;
  readonly #makesEtag: boolean;

  /**
   * `entry`: is the fill's from here on, without its body and its tags; `declared`: the response's Content-Length, where it
   * has one; `most`: bytes that a body may have.
   */
  constructor(entry: Unfinished, declared: number | undefined, most: number, makesEtag: boolean) {
    this.#entry = entry;
    this.#capture = new Capture(most, declared);
    this.#makesEtag = makesEtag;
  }

  /** Whether there is nothing to be had of it any more. */
  get failed(): boolean {
    return this.#capture.failure !== undefined;
  }

  add(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#capture.add(chunk, encoding);
  }

  fail(reason: Reason): void {
    this.#capture.fail(reason);
  }

  /** The entry, if its body is whole; else why it is not. */
  finish(tags: readonly string[]): ResponseEntry | Reason {
    const body = this.#capture.finish();
    if (body === undefined) return this.#capture.failure!;
    // Filled in where it stands: a copy of two dozen fields takes a microsecond, and on Node 20 more.
    const entry = this.#entry;
    entry.tags = tags;
    entry.body = body;
    // A streamed body could not be given its tag before it left; the hits have one.
    if (this.#makesEtag && entry.status === 200 && !isTagged(entry.headers)) {
      entry.headers = [...entry.headers, ['ETag', makeEtag(body)]];
      entry.etagMade = true;
    }
    return entry;
  }
}

function isTagged(headers: readonly HeaderLine[]): boolean {
  return headers.some(([name]) => name.toLowerCase() === 'etag');
}
