import { formOf } from '../compress/forms.js';
import type { HeldResponse } from '../entry/compact.js';
import type { Coding } from '../entry/entry.js';
import type { HeaderLine } from '../http/headers.js';
import { flat, type Reply, type SharedHead } from './reply.js';

/** How many characters the fields of a reply may have for it to be kept. */
const LONGEST_FIELDS = 4096;

/**
 * A reply to whoever asks for the whole, kept for the next ones: the same for up to a second, as ages are told in seconds. Its
 * body is its own only where that is a text, which memory holds anyway. What is read of it for each hit has one shape, being of
 * a class; an object that is put together of others has not.
 */
export class KeptReply implements Reply, SharedHead {
  sent = 0;
  written: unknown;
  readonly status: number;
  readonly message: string | undefined;
  readonly headers: readonly HeaderLine[];
  readonly lines: readonly string[];
  readonly removed: readonly string[];
  readonly text: string | undefined;
  /** Whether the body is that of the entry, and the form in which it leaves. */
  readonly #isOfBytes: boolean;
  readonly #coding: Coding | undefined;
  /** The `Vary` that layers outside had begun. */
  readonly #outside: unknown;
  /** From when to when it is the same, ms since 1970. */
  readonly #from: number;
  readonly #until: number;

  constructor(
    { status, message, headers, removed, body }: Reply,
    text: string | undefined,
    coding: Coding | undefined,
    outside: unknown,
    from: number,
    until: number,
  ) {
    this.status = status;
    this.message = message;
    this.headers = headers;
    this.lines = flat(headers);
    this.removed = removed;
    this.text = text;
    this.#isOfBytes = body !== undefined && text === undefined;
    this.#coding = coding;
    this.#outside = outside;
    this.#from = from;
    this.#until = until;
  }

  get isSmall(): boolean {
    return this.lines.reduce((sum, { length }) => sum + length, 0) <= LONGEST_FIELDS;
  }

  holds(now: number, outside: unknown): boolean {
    return this.#from <= now && now < this.#until && this.#outside === outside;
  }

  /** The reply, its body that of what is held. */
  over(held: HeldResponse): Reply {
    if (!this.#isOfBytes) return this;
    return new WithBytes(this, this.#coding === undefined ? held.body : formOf(held, this.#coding));
  }

  get shared(): SharedHead {
    return this;
  }

  /** Most texts are sent as they are: of the others the bytes are made here. */
  get body(): Buffer | undefined {
    return this.text === undefined ? undefined : Buffer.from(this.text, 'latin1');
  }
}

/** The same with bytes, which are the entry's. */
class WithBytes implements Reply {
  readonly shared: KeptReply;
  readonly body: Buffer | undefined;

  constructor(kept: KeptReply, body: Buffer | undefined) {
    this.shared = kept;
    this.body = body;
  }

  get status(): number {
    return this.shared.status;
  }

  get message(): string | undefined {
    return this.shared.message;
  }

  get headers(): readonly HeaderLine[] {
    return this.shared.headers;
  }

  get lines(): readonly string[] {
    return this.shared.lines;
  }

  get removed(): readonly string[] {
    return this.shared.removed;
  }
}
