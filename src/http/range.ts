import { parseHttpDate } from './date.js';
import { sameStrongTag } from './etag.js';

/** A part of a body: the positions of its first and its last byte, both included, counted from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * One range of bytes (RFC 9110 §14.1.2). A list may have empty members and white space around its commas (§5.6.1),
 * and nowhere else; a position has at most 15 digits, more than any body has bytes and less than a number can hold.
 */
const ONE_RANGE: RegExp = /^bytes=(?:(?:[ \t]*,)+[ \t]*)?(\d{0,15})-(\d{0,15})(?:[ \t]*,)*$/i;

/**
 * The part of a body of `length` bytes that a `Range` field asks for (RFC 9110 §14.2), cut off where the body ends:
 * `bytes=0-1`, `bytes=5-`, and `bytes=-5`, the last five. `'unsatisfiable'` is a 416: the range begins behind the end,
 * or has no bytes. `undefined`: answer with the whole body, as a server always may, because there is no field, or it
 * is malformed, counts in another unit, asks for several parts, or for the last bytes of a body that has none: that can
 * be satisfied (§14.1.2), though not be written as a part.
 */
export function resolveRange(field: string | undefined, length: number): ByteRange | 'unsatisfiable' | undefined {
  const match = field === undefined ? null : ONE_RANGE.exec(field.trim());
  if (match === null) return undefined;
  const [, from, to] = match as unknown as [string, string, string];
  if (from === '') return to === '' ? undefined : lastBytes(Number(to), length);
  const first = Number(from);
  const last = to === '' ? length - 1 : Number(to);
  // A range that ends before it begins is invalid, whatever the length, and an invalid one is no range at all.
  if (to !== '' && last < first) return undefined;
  return first < length ? { first, last: Math.min(last, length - 1) } : 'unsatisfiable';
}

function lastBytes(count: number, length: number): ByteRange | 'unsatisfiable' | undefined {
  if (count === 0) return 'unsatisfiable';
  return length === 0 ? undefined : { first: Math.max(0, length - count), last: length - 1 };
}

/** What is known of the response that a part is to be taken from: its fields, as they are written. */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  readonly date: string | undefined;
}

/**
 * Whether the part that a client has is of this very response, by its `If-Range` (RFC 9110 §13.1.5); without the field
 * it says so itself. False, and the answer is the whole body, for weak entity tags on either side, for dates other
 * than `Last-Modified` (earlier or later does not matter), and for whatever is neither.
 */
export function ifRangeHolds(field: string | undefined, { etag, lastModified, date }: Validators): boolean {
  if (field === undefined) return true;
  if (sameStrongTag(field, etag)) return true;
  const asked = parseHttpDate(field);
  return asked !== undefined && asked === parseHttpDate(lastModified) && isStrongDate(asked, date);
}

/**
 * A date of modification is a strong validator only where the response was made at least a second later: within the
 * same second there may have been another version (RFC 9110 §8.8.2.2).
 */
export function isStrongDate(modified: number, date: string | undefined): boolean {
  const made = parseHttpDate(date);
  return made !== undefined && made - modified >= 1000;
}
