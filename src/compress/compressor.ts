import type { ResponseEntry } from '../entry/entry.js';
import type { Events } from '../events.js';
import type { Ledger } from '../invalidation/ledger.js';
import { type Address, responseSubject } from '../request/key.js';
import type { MaybePromise } from '../types.js';
import { CODECS } from './codings.js';
import { type Form, packed } from './forms.js';
import type { CompressRule } from './rule.js';

/** How many bodies are compressed at a time: zlib's threads are those of file and name lookups, too, and four by default. */
const MOST_AT_ONCE = 2;
/** Bytes of what waits for it, and how many there may be. What comes beyond stays as it is. */
const MOST_WAITING = 32 * 1024 * 1024;
const MOST_BODIES = 10_000;
/** Of what part of the body a form must be smaller: less of a gain is not worth its being unpacked. */
const WORTH = 0.9;

/** Where stored responses are, and what tells whether they are still valid. */
export interface Shelf {
  readonly ledger: Pick<Ledger, 'stands'>;
  /** Puts a response in another form in its place, if it is still there, and says whether it did. Rejects on failure. */
  replace(key: string, entry: ResponseEntry, next: ResponseEntry): MaybePromise<boolean>;
}

/** A response that has just been stored, and is to be compressed. */
export interface Stored {
  readonly rule: CompressRule;
  readonly address: Address;
  /** Where it is, and when the store has it. */
  readonly key: string;
  readonly written: MaybePromise<unknown>;
  readonly entry: ResponseEntry;
}

/**
 * Makes the compressed forms of what this process has stored, in the background, and puts them in the place of the body if
 * the same entry is still there. Whatever fails leaves the entry as it is.
 */
export class Compressor {
  readonly #shelf: Shelf;
  readonly #events: Events;
  #waiting: Stored[] = [];
  #waitingBytes = 0;
  #running = 0;
  #closed = false;

  constructor(shelf: Shelf, events: Events) {
    this.#shelf = shelf;
    this.#events = events;
  }

  /** Begins with a response, if there is anything to be done, and in its turn. */
  begin(stored: Stored): void {
    const { rule, entry } = stored;
    if (!entry.negotiated || entry.forms !== undefined || entry.body.length < Math.max(1, rule.minBytes)) return;
    const bytes = weightOf(stored);
    if (this.#closed || this.#waitingBytes + bytes > MOST_WAITING || this.#waiting.length >= MOST_BODIES) return;
    this.#waiting.push(stored);
    this.#waitingBytes += bytes;
    this.#next();
  }

  /** Nothing more is begun or written. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #next(): void {
    if (this.#running >= MOST_AT_ONCE) return;
    const stored = this.#waiting.shift();
    if (stored === undefined) return;
    this.#waitingBytes -= weightOf(stored);
    this.#running++;
    void this.#compress(stored).finally(() => {
      this.#running--;
      this.#next();
    });
  }

  /** Never rejects. */
  async #compress({ rule, address, key, written, entry }: Stored): Promise<void> {
    const started = performance.now();
    try {
      await written;
      if (!this.#stands(address, entry)) return;
      const forms = await this.#formsOf(rule, entry.body);
      // What was invalidated meanwhile would only be written in vain: its stamp stays, and with it its death.
      if (forms.length === 0 || !this.#stands(address, entry)) return;
      const next = packed(entry, forms);
      if (!(await this.#shelf.replace(key, entry, next))) return;
      this.#events.emit('compress', {
        tenant: address.tenant,
        key: address.key,
        ms: performance.now() - started,
        codings: forms.map(({ coding }) => coding),
        plainBytes: entry.body.length,
        bytes: next.body.length,
      });
    } catch {
      // The store has failed, as its guard has told.
    }
  }

  async #formsOf(rule: CompressRule, body: Buffer): Promise<readonly Form[]> {
    try {
      return await formsOf(rule, body);
    } catch (error) {
      this.#events.emit('error', { operation: 'compress', error });
      return [];
    }
  }

  #stands(address: Address, entry: ResponseEntry): boolean {
    return !this.#closed && this.#shelf.ledger.stands(responseSubject(address, entry), entry.asOf);
  }
}

/** What keeps a response in memory that waits: its body, and its names, which clients may make long. */
function weightOf({ address: { names, uri, pathUri }, entry }: Stored): number {
  let bytes = 1000 + entry.body.length + uri.length + pathUri.length;
  for (const name of names) bytes += name.length;
  return bytes;
}

/**
 * The forms that are worth keeping: each saves a tenth of the body, and is smaller than those that more clients read. Together
 * they are no larger than the body.
 */
async function formsOf({ codings }: CompressRule, body: Buffer): Promise<readonly Form[]> {
  const forms: Form[] = [];
  let least = body.length * WORTH;
  let room = body.length;
  for (const codec of CODECS) {
    if (!codings.includes(codec.coding)) continue;
    const bytes = await codec.compress(body);
    if (bytes.length >= least || bytes.length > room) continue;
    least = bytes.length;
    room -= bytes.length;
    forms.push({ coding: codec.coding, bytes });
  }
  return forms;
}
