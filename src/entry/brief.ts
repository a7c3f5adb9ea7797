import type { ResponseEntry } from './entry.js';
import { PLACES, TEXTS } from './frame-texts.js';

/*
 * The head of a brief frame, version 6: that of a response which is as most are, in half the bytes. Numbers are big-endian.
 *
 *    0  2  magic 'RC'
 *    2  1  version
 *    3  1  kind: 1, a response
 *    4  8  check, as in the other versions
 *   12  6  asOf.sequence, from where the epoch began: microseconds, so that four bytes would do for an hour
 *   18  6  storedAt, ms
 *   24  4  ms from storedAt to expiresAt
 *   28  4  length of the body
 *   32  2  length of the head
 *   34  6  the random part of the epoch of asOf
 *   40  8  the sequence at which the epoch began, a double
 *   48  1  flags: 1 if its entity tag was made here; 2 if it is kept when it is no longer fresh; 4 if it is negotiated
 *   49  2  cost, ms
 *   51  1  number of header lines
 *   52  4  ms from freshUntil to expiresAt; only where the flag says so
 *    …  …  names and values by turns: a text each
 *    …  …  what else there is, up to the head's end: JSON, UTF-8, as in the other versions
 *
 * A text is the place of one in TEXTS, a byte; or 255, its length in two bytes, and itself in UTF-8; or 254 and the 20 bytes
 * of the hash in an entity tag that was made of the body.
 */
/** The version of brief frames. */
export const BRIEF: number = 6;
/** Where the length of the body stands. */
export const BODY_LENGTH_AT: number = 28;
const HEAD_LENGTH_AT = 32;
const FLAGS_AT = 48;
const COUNT_AT = 51;
const MADE_TAG = 1;
const KEPT_STALE = 2;
const NEGOTIATED = 4;
const LONG = 255;
const HASHED = 254;

/** The epochs that Redis ledgers of this geometry have. */
const EPOCH: RegExp = /^4\.16\.256\.([0-9a-f]{12})\.(0|[1-9]\d{0,15})$/;
/** An entity tag made of a body: how long it is, and the first 27 signs of its SHA-1, the last of which has bits to spare. */
const TAG: RegExp = /^W\/"(0|[1-9a-f][0-9a-f]*)-([A-Za-z0-9+/]{26}[AEIMQUYcgkosw048])"$/;

/** What stands in the head of a brief frame. `lines`: names and values by turns. */
export interface Brief {
  readonly epoch: string;
  readonly sequence: number;
  readonly storedAt: number;
  readonly expiresAt: number;
  /** ms from freshUntil to expiresAt. */
  readonly stale: number;
  readonly bodyBytes: number;
  readonly headBytes: number;
  readonly etagMade: boolean;
  readonly negotiated: boolean;
  readonly cost: number;
  readonly lines: readonly string[];
  /** JSON, or nothing. */
  readonly rest: string;
}

/** Where heads are written, one at a time. */
const desk: Buffer = Buffer.allocUnsafeSlow(2 ** 16 - 1);

/**
 * The head of a response's frame, but for magic, version, kind and check: a view that is good until the next one.
 * `undefined` if it is not as most are. `rest`: the parts of its metadata that have no place of their own here, as JSON.
 */
export function briefHead(entry: ResponseEntry, rest: string): Buffer | undefined {
  const { asOf, storedAt, cost, headers, body } = entry;
  const epoch = epochOf(asOf.epoch);
  const life = entry.expiresAt - storedAt;
  const stale = entry.expiresAt - entry.freshUntil;
  if (epoch === undefined || entry.forms !== undefined || headers.length > 255) return undefined;
  const sequence = asOf.sequence - epoch.begun;
  if (!isWhole(sequence, 2 ** 48) || !isWhole(life, 2 ** 32) || !isWhole(stale, 2 ** 32)) return undefined;
  if (!isWhole(storedAt, 2 ** 48) || !isWhole(cost, 2 ** 16)) return undefined;
  let at = COUNT_AT + 1;
  if (stale > 0) at = desk.writeUInt32BE(stale, at);
  for (const [name, value] of headers) {
    at = write(name, at, body.length);
    at = typeof value === 'string' ? write(value, at, body.length) : Number.NaN;
    if (Number.isNaN(at)) return undefined;
  }
  if (at + rest.length * 3 > desk.length) return undefined;
  if (rest !== '') at += desk.write(rest, at);
  desk.writeUIntBE(sequence, 12, 6);
  desk.writeUIntBE(storedAt, 18, 6);
  desk.writeUInt32BE(life, 24);
  desk.writeUInt32BE(body.length, BODY_LENGTH_AT);
  desk.writeUInt16BE(at, HEAD_LENGTH_AT);
  desk.write(epoch.random, 34, 'hex');
  desk.writeDoubleBE(epoch.begun, 40);
  desk[FLAGS_AT] = (entry.etagMade ? MADE_TAG : 0) | (stale > 0 ? KEPT_STALE : 0) | (entry.negotiated ? NEGOTIATED : 0);
  desk.writeUInt16BE(cost, 49);
  desk[COUNT_AT] = headers.length;
  return desk.subarray(0, at);
}

interface Epoch {
  readonly name: string;
  readonly random: string;
  readonly begun: number;
}

/** Most entries are of the same epoch as the last one. */
let last: Epoch | undefined;

function epochOf(name: string): Epoch | undefined {
  if (last?.name === name) return last;
  const [, random, begun] = EPOCH.exec(name) ?? [];
  if (random === undefined || !Number.isSafeInteger(Number(begun))) return undefined;
  last = { name, random, begun: Number(begun) };
  return last;
}

function isWhole(value: number, below: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < below && !Object.is(value, -0);
}

/** Writes a text at a place, and says where it ends; `NaN` if it cannot be written. */
function write(text: string, at: number, bodyBytes: number): number {
  const place = PLACES.get(text);
  if (place !== undefined) {
    desk[at] = place;
    return at + 1;
  }
  // What is not written well comes back as something else.
  if (!(at + 3 + text.length * 3 <= desk.length) || !text.isWellFormed()) return Number.NaN;
  const [, length, hash] = (text.startsWith('W/"') ? TAG.exec(text) : null) ?? [];
  if (hash !== undefined && length === bodyBytes.toString(16)) {
    desk[at] = HASHED;
    return at + 1 + desk.write(hash, at + 1, 'base64');
  }
  const bytes = desk.write(text, at + 3);
  desk[at] = LONG;
  desk.writeUInt16BE(bytes, at + 1);
  return at + 3 + bytes;
}

/** How long the head of a brief frame is, by its beginning. */
export function briefLength(start: Buffer): number {
  return start.readUInt16BE(HEAD_LENGTH_AT);
}

/** What stands in a head. @throws {RangeError} if it is damaged */
export function readBrief(head: Buffer): Brief {
  const bodyBytes = head.readUInt32BE(BODY_LENGTH_AT);
  const headBytes = briefLength(head);
  const flags = head[FLAGS_AT]!;
  if ((flags & ~(MADE_TAG | KEPT_STALE | NEGOTIATED)) !== 0) throw new RangeError('unknown flags');
  const keptStale = (flags & KEPT_STALE) !== 0;
  const linesAt = COUNT_AT + (keptStale ? 5 : 1);
  if (headBytes > head.length || headBytes < linesAt) throw new RangeError('a damaged length');
  const [begun, storedAt] = [head.readDoubleBE(40), head.readUIntBE(18, 6)];
  const texts = new Texts(head, linesAt, headBytes, bodyBytes);
  const lines: string[] = [];
  for (let left = head[COUNT_AT]! * 2; left > 0; left--) lines.push(texts.next());
  return {
    epoch: `4.16.256.${head.toString('hex', 34, 40)}.${begun}`,
    sequence: begun + head.readUIntBE(12, 6),
    storedAt,
    expiresAt: storedAt + head.readUInt32BE(24),
    stale: keptStale ? head.readUInt32BE(COUNT_AT + 1) : 0,
    bodyBytes,
    headBytes,
    etagMade: (flags & MADE_TAG) !== 0,
    negotiated: (flags & NEGOTIATED) !== 0,
    cost: head.readUInt16BE(49),
    lines,
    rest: head.toString('utf8', texts.at, headBytes),
  };
}

/** The texts in a head, one after another. */
class Texts {
  readonly #head: Buffer;
  readonly #end: number;
  readonly #bodyBytes: number;
  at: number;

  constructor(head: Buffer, at: number, end: number, bodyBytes: number) {
    this.#head = head;
    this.at = at;
    this.#end = end;
    this.#bodyBytes = bodyBytes;
  }

  next(): string {
    const first = this.#head[this.#pass(1)]!;
    if (first === HASHED) {
      const at = this.#pass(20);
      return `W/"${this.#bodyBytes.toString(16)}-${this.#head.toString('base64', at, at + 20).slice(0, 27)}"`;
    }
    if (first === LONG) {
      const length = this.#head.readUInt16BE(this.#pass(2));
      return this.#head.toString('utf8', this.#pass(length), this.at);
    }
    const text = TEXTS[first];
    if (text === undefined) throw new RangeError('an unknown text');
    return text;
  }

  /** Goes on by this many bytes, and says where they began. */
  #pass(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    if (this.at > this.#end) throw new RangeError('a text that is cut off');
    return at;
  }
}
