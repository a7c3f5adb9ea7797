import type { ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { makeEtag } from '../http/etag.js';
import type { HeaderLine } from '../http/headers.js';
import { Capture } from './capture.js';

/** What is known of an entry before its body and its tags are. */
export type EntryHead = Omit<ResponseEntry, 'kind' | 'tags' | 'body'>;

/** One response on its way into the store: its head, then its body as it streams. */
export class Fill {
  readonly #head: EntryHead;
  readonly #capture: Capture;
  readonly #makesEtag: boolean;

  /** `declared`: the response's Content-Length, where it has one; `most`: bytes that a body may have. */
  constructor(head: EntryHead, declared: number | undefined, most: number, makesEtag: boolean) {
    this.#head = head;
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
    const entry: ResponseEntry = { kind: 'response', ...this.#head, tags, body };
    if (!this.#makesEtag || entry.status !== 200 || isTagged(entry.headers)) return entry;
    // A streamed body could not be given its tag before it left; the hits have one.
    return { ...entry, headers: [...entry.headers, ['ETag', makeEtag(body)]], etagMade: true };
  }
}

function isTagged(headers: readonly HeaderLine[]): boolean {
  return headers.some(([name]) => name.toLowerCase() === 'etag');
}
