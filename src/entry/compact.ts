import { isDeepStrictEqual } from 'node:util';
import type { HeaderLine } from '../http/headers.js';
import {
  detached,
  type Entry,
  entryBytes,
  type Forms,
  LONGEST_TEXT,
  NO_BODY,
  nameBytes,
  ownBytes,
  ownText,
  ownTexts,
  type Position,
  type ResponseEntry,
  tagBytes,
} from './entry.js';
import { isSameList, linesIn, type Mould, mouldBytes, mouldOf, ownValues } from './mould.js';

/** Whatever memory holds in the place of an entry. */
export type Held = Entry | Compact;
export type HeldResponse = ResponseEntry | Compact;

/** A response as memory holds it: what it has of its own, and the mould of those that are like it. It is never changed. */
export class Compact {
  readonly asOf: Position;
  readonly tags: readonly string[];
  readonly forms: Forms | undefined;
  /** The body where it is short: its bytes as a text in latin1. */
  readonly text: string | undefined;
  readonly #bytes: Buffer | undefined;
  readonly #mould: Mould;
  /** The values of its own lines; the value itself, where it is one text: most have one, their tag. */
  readonly #own: string | readonly HeaderLine[1][];
  readonly #name: string | undefined;
  // Spans and not times: V8 keeps a whole number below 2^31 in its place, and an object for any other.
  readonly #born: number;
  readonly #fresh: number;
  readonly #kept: number;
  readonly #initialAge: number;
  readonly #cost: number;

  constructor(entry: ResponseEntry, mould: Mould, own: readonly HeaderLine[1][]) {
    const { tags, body, storedAt, freshUntil } = entry;
    this.asOf = common(entry.asOf);
    this.tags = tags.length === 0 ? NONE : ownTexts(tags);
    this.forms = entry.forms;
    this.text = body.length > LONGEST_TEXT ? undefined : body.toString('latin1');
    this.#bytes = body.length > LONGEST_TEXT ? ownBytes(body) : undefined;
    this.#mould = mould;
    const [first] = own;
    // A copy has room for no more than it holds, other than an array that has grown.
    if (own.length === 1 && typeof first === 'string') this.#own = ownText(first);
    else this.#own = own.map((value) => (typeof value === 'string' ? ownText(value) : ownTexts(value)));
    this.#name = entry.name && ownText(entry.name);
    this.#born = storedAt - BEGUN;
    this.#fresh = span(storedAt, freshUntil);
    this.#kept = span(freshUntil, entry.expiresAt);
    this.#initialAge = entry.initialAge;
    this.#cost = entry.cost;
  }

  get storedAt(): number {
    return BEGUN + this.#born;
  }

  get freshUntil(): number {
    return this.storedAt + this.#fresh;
  }

  get expiresAt(): number {
    return this.freshUntil + this.#kept;
  }

  get bodyBytes(): number {
    return this.#bytes?.length ?? this.text!.length;
  }

  /** What it weighs without its key and its mould: as measured, its place in the store included. */
  get bytes(): number {
    const { tags, forms } = this;
    let bytes = 300 + this.bodyBytes + tagBytes(tags) + nameBytes(this.#name);
    if (this.text === undefined) bytes += 200;
    if (forms !== undefined) bytes += 60 + 80 * forms.list.length;
    for (const value of this.#ownValues)
      bytes += typeof value === 'string' ? 40 + value.length : 80 + 40 * value.length + value.join('').length;
    return bytes;
  }

  /** The body, or the forms in place of it. Of a short one it is made each time. */
  get body(): Buffer {
    return this.#bytes ?? Buffer.from(this.text!, 'latin1');
  }

  /** The entry as everybody else knows it: another object each time. `body`: in place of its own. */
  entry(body: Buffer = this.body): ResponseEntry {
    const { status, message, removed, appended, keyed, sharedWith, etagMade, search, negotiated } = this.#mould;
    const { mustRevalidate, staleWhileRevalidate, staleIfError } = this.#mould;
    const { asOf, tags, forms, freshUntil } = this;
    return {
      kind: 'response',
      asOf,
      storedAt: this.storedAt,
      expiresAt: freshUntil + this.#kept,
      tags,
      status,
      message,
      headers: linesIn(this.#mould, this.#ownValues),
      removed,
      appended,
      freshUntil,
      mustRevalidate,
      staleWhileRevalidate,
      staleIfError,
      initialAge: this.#initialAge,
      name: this.#name,
      keyed,
      sharedWith,
      etagMade,
      search,
      cost: this.#cost,
      negotiated,
      forms,
      body,
    };
  }

  /** Whether it is this entry, in all that an entry says. */
  is(entry: ResponseEntry): boolean {
    const { asOf } = entry;
    if (entry.storedAt !== this.storedAt || entry.freshUntil !== this.freshUntil) return false;
    if (entry.expiresAt !== this.expiresAt || entry.initialAge !== this.#initialAge) return false;
    if (entry.cost !== this.#cost || entry.name !== this.#name || !isSameList(entry.tags, this.tags)) return false;
    if (asOf.epoch !== this.asOf.epoch || asOf.sequence !== this.asOf.sequence) return false;
    const own = ownValues(this.#mould, entry);
    if (own === undefined || !isDeepStrictEqual(own, this.#ownValues)) return false;
    return isDeepStrictEqual(entry.forms, this.forms) && entry.body.equals(this.body);
  }

  get #ownValues(): readonly HeaderLine[1][] {
    return typeof this.#own === 'string' ? [this.#own] : this.#own;
  }
}

/** What the times of entries are counted from, ms since 1970. */
const BEGUN = Date.now();

const NONE: readonly never[] = Object.freeze([]);

/** Entries that are made while nothing is purged have the same position. */
let lastPosition: Position = { epoch: '', sequence: 0 };

function common(asOf: Position): Position {
  if (lastPosition.epoch !== asOf.epoch || lastPosition.sequence !== asOf.sequence) lastPosition = asOf;
  return lastPosition;
}

/** The same text. One that was put together holds its pieces, until the engine has to look at a sign of it. */
export function inOnePiece(text: string): string {
  return text.charCodeAt(0) >= 0 ? text : '';
}

/** From one time to another, ms; either may be `Infinity`. */
function span(from: number, to: number): number {
  return from === to ? 0 : to - from;
}

/** What memory holds in the place of an entry, and what that weighs, bytes. */
export interface Holding {
  readonly held: Held;
  readonly bytes: number;
}

export function holdingOf(key: string, entry: Entry): Holding {
  if (entry.kind === 'index') return { held: entry, bytes: entryBytes(key, entry) };
  if (entry.kind !== 'response' || !isExact(entry)) return { held: detached(entry), bytes: entryBytes(key, entry) };
  const { mould, own, isNew } = mouldOf(entry);
  const held = new Compact(entry, mould, own);
  return { held, bytes: key.length + held.bytes + (isNew ? mouldBytes(mould) : 0) };
}

/** Whether the times of an entry come back from their spans: of a fraction beside a number far greater they may not. */
function isExact({ storedAt, freshUntil, expiresAt }: ResponseEntry): boolean {
  if (BEGUN + (storedAt - BEGUN) !== storedAt) return false;
  return storedAt + span(storedAt, freshUntil) === freshUntil && freshUntil + span(freshUntil, expiresAt) === expiresAt;
}

export function isResponse(held: Held): held is HeldResponse {
  return held instanceof Compact || held.kind === 'response';
}

export function responseOf(held: HeldResponse): ResponseEntry {
  return held instanceof Compact ? held.entry() : held;
}

/** Its body as a text in latin1, where it is short. */
export function textOf(held: HeldResponse): string | undefined {
  if (held instanceof Compact) return held.text;
  return held.body.length > LONGEST_TEXT ? undefined : held.body.toString('latin1');
}

/** The entry that is held. `heads`: without its body, which is empty then. */
export function entryOf(held: Held, heads?: boolean): Entry {
  if (held instanceof Compact) return heads ? held.entry(NO_BODY) : held.entry();
  return heads && held.kind !== 'index' ? { ...held, body: NO_BODY } : held;
}

/** How long its body is, bytes. */
export function bodyBytes(held: Held): number {
  if (held instanceof Compact) return held.bodyBytes;
  return held.kind === 'index' ? 0 : held.body.length;
}

/** Whether what is held is this entry. */
export function isHeld(held: Held | undefined, entry: Entry | undefined): boolean {
  if (!(held instanceof Compact)) return held === entry;
  return entry?.kind === 'response' && held.is(entry);
}
