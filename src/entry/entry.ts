import type { HeaderLine } from '../http/headers.js';

/** A place in the invalidation ledger. Positions of different epochs cannot be compared: nothing older stands. */
export interface Position {
  readonly epoch: string;
  readonly sequence: number;
}

interface Common {
  /** What the process knew of the ledger before the entry's making began: every later purge that matches kills it. */
  readonly asOf: Position;
  /** When the entry was made: ms since 1970. */
  readonly storedAt: number;
  /** When a store may forget it: ms since 1970, or `Infinity`. It may be stale before. */
  readonly expiresAt: number;
  /** The names that it can be invalidated by, as its handler or caller gave them. */
  readonly tags: readonly string[];
}

/** A content coding that bodies are kept in (RFC 9110 §8.4.1). */
export type Coding = 'gzip' | 'br' | 'zstd';

/** A body in other forms than its own, which stand one behind another in place of it. */
export interface Forms {
  /** Bytes of the body as its handler gave it. */
  readonly plainBytes: number;
  /** The forms in their order, and how many bytes each has. */
  readonly list: readonly { readonly coding: Coding; readonly bytes: number }[];
}

/** A whole HTTP response. */
export interface ResponseEntry extends Common {
  readonly kind: 'response';
  readonly status: number;
  /** The reason phrase, where it is not the status's usual one. */
  readonly message: string | undefined;
  readonly headers: readonly HeaderLine[];
  /** Fields (lower case) that layers outside had set and the handler took away. */
  readonly removed: readonly string[];
  /** Fields (lower case; with a comma: in the same line) that layers outside began: what the handler added is kept. */
  readonly appended: readonly string[];
  /** When it stops being fresh: ms since 1970, or `Infinity`. Until `expiresAt` it is kept for what a stale one is good for. */
  readonly freshUntil: number;
  /** Whether nothing may be made of it once it is stale without asking the handler (RFC 9111 §4.2.4). */
  readonly mustRevalidate: boolean;
  /** For how many seconds after that it may be served while it is refreshed (RFC 5861 §3). */
  readonly staleWhileRevalidate: number;
  /** For how many seconds after that it may stand in for a handler that fails (RFC 5861 §4). */
  readonly staleIfError: number;
  /** Seconds of age that the response already had when it came from its handler (RFC 9111 §4.2.3, corrected_initial_age). */
  readonly initialAge: number;
  /** The name that the route's `key` option gave it. */
  readonly name: string | undefined;
  /** Request fields that the route's `vary` option names: they are part of the key whatever the response says. */
  readonly keyed: readonly string[];
  /** Whether requests with these credentials may be given it (RFC 9111 §3.5). */
  readonly sharedWith: { readonly authorization: boolean; readonly cookie: boolean };
  /** Whether its entity tag was made here: its handler does not know it. */
  readonly etagMade: boolean;
  /** Which query parameters it depends on (`No-Vary-Search`), as `searchRuleText` writes it; absent: on all. */
  readonly search: string | undefined;
  /** How long its handler took, ms: what an early refresh goes by. */
  readonly cost: number;
  /** Whether clients may be given it compressed: what is sent then depends on `Accept-Encoding`. Absent: it does not. */
  readonly negotiated?: true | undefined;
  /** What `body` holds in place of the body itself. Absent: the body itself. */
  readonly forms?: Forms | undefined;
  readonly body: Buffer;
}

/** A response that is being put together. */
export type Unfinished = { -readonly [K in keyof ResponseEntry]: ResponseEntry[K] };

/** The sets of request fields by which the responses of one URL vary, newest first; each leads to its variant. */
export interface IndexEntry extends Common {
  readonly kind: 'index';
  readonly varies: readonly (readonly string[])[];
}

/** A value stored by the programmatic API, serialised. */
export interface ValueEntry extends Common {
  readonly kind: 'value';
  /**
   * When it stops being fresh: ms since 1970, or `Infinity`. Until `expiresAt` it is kept for what a stale one is good
   * for. Absent: it is fresh until then.
   */
  readonly freshUntil?: number;
  readonly body: Buffer;
}

/** A number that can be incremented: its body is its decimal text, so that Redis itself can add to it. */
export interface CounterEntry extends Common {
  readonly kind: 'counter';
  readonly body: Buffer;
}

/** What a store keeps under a key. */
export type Entry = ResponseEntry | IndexEntry | ValueEntry | CounterEntry;

/**
 * How many bytes a body may have to be held as text in latin1: an object for bytes takes some 200 more, and small bodies
 * leave as text anyway.
 */
export const LONGEST_TEXT = 2048;

/** In place of a body that is not there. */
export const NO_BODY: Buffer = Buffer.alloc(0);

/** A copy in memory of its own, of just its size: small Buffers otherwise are parts of a pool, and hold all of it. */
export function ownCopy(...parts: readonly Uint8Array[]): Buffer {
  const copy = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    copy.set(part, at);
    at += part.byteLength;
  }
  return copy;
}

/** An entry whose body is memory of its own: one that was read is a view into all that was read with it. So are its names. */
export function detached(entry: Entry): Entry {
  if (entry.kind === 'index') return entry;
  const body = ownBytes(entry.body);
  const tags = ownTexts(entry.tags);
  return body === entry.body && tags === entry.tags ? entry : { ...entry, body, tags };
}

/** The same bytes in memory of their own. */
export function ownBytes(bytes: Buffer): Buffer {
  return bytes.length === bytes.buffer.byteLength ? bytes : ownCopy(bytes);
}

/** From how many signs on V8 makes no copy of what is cut out of a text. */
const SHORTEST_CUT = 13;

/** The same text in memory of its own: one that was cut out of another (by `split`, or an expression) holds all of that. */
export function ownText(text: string): string {
  if (text.length < SHORTEST_CUT) return text;
  const encoding = /[\u0100-\uffff]/.test(text) ? 'utf16le' : 'latin1';
  return Buffer.from(text, encoding).toString(encoding);
}

export function ownTexts(texts: readonly string[]): readonly string[] {
  return texts.some(({ length }) => length >= SHORTEST_CUT) ? texts.map(ownText) : texts;
}

/** How long a response's body is as its handler gave it, bytes. */
export function plainBytes({ forms, body }: ResponseEntry): number {
  return forms?.plainBytes ?? body.length;
}

/** What an entry weighs in memory as it is, in bytes: its body, its texts, and a flat share for the objects around them. */
export function entryBytes(key: string, entry: Entry): number {
  const bytes = 450 + key.length * 2 + tagBytes(entry.tags);
  if (entry.kind === 'index') return bytes + entry.varies.flat().join().length * 2;
  if (entry.kind !== 'response') return bytes + entry.body.byteLength;
  const lines = entry.headers.reduce((sum, [name, value]) => sum + 80 + (name.length + String(value).length) * 2, 0);
  return bytes + lines + nameBytes(entry.name) + entry.body.byteLength;
}

/** What the name weighs that its route gives a response, bytes: a function may make it of what clients send. */
export function nameBytes(name: string | undefined): number {
  return name === undefined ? 0 : 40 + name.length * 2;
}

/** What the names weigh that an entry can be invalidated by, bytes. */
export function tagBytes(tags: readonly string[]): number {
  return tags.reduce((sum, tag) => sum + 40 + tag.length * 2, 0);
}
