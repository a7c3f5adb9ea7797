import { Generations } from '../generations.js';
import type { HeaderLine } from '../http/headers.js';
import type { ResponseEntry } from './entry.js';

/** What most responses of a route have in common, held once for all of them. */
export interface Mould
  extends Pick<
    ResponseEntry,
    | 'status'
    | 'message'
    | 'removed'
    | 'appended'
    | 'keyed'
    | 'sharedWith'
    | 'mustRevalidate'
    | 'staleWhileRevalidate'
    | 'staleIfError'
    | 'search'
    | 'etagMade'
    | 'negotiated'
  > {
  /** The header lines in their order; of those that each response has of its own only the names. */
  readonly lines: readonly (HeaderLine | string)[];
}

/** An entry's mould, and the values of its own lines in their order. */
export interface Moulded {
  readonly mould: Mould;
  readonly own: readonly HeaderLine[1][];
  /** Nobody else has it yet: it is the entry's own weight. */
  readonly isNew: boolean;
}

/** Fields that are others for each response: no two entries have the same line. */
const OWN: ReadonlySet<string> = new Set(['etag', 'date', 'last-modified', 'location', 'content-location']);
/** How many lines and moulds are known: two generations of this many; and how long a common line may be. */
const MOST = 500;
const LONGEST = 200;

const seen = new Generations<true>(MOST);
const moulds = new Generations<Mould>(MOST);
/** Of the last ones those whose own lines nobody else can have: they are tried before any is looked for. */
const recent: Mould[] = [];
const MOST_RECENT = 8;
let turn = 0;

/** The mould that fits an entry: one that is known, or a new one. */
export function mouldOf(entry: ResponseEntry): Moulded {
  for (const mould of recent) {
    const own = ownValues(mould, entry);
    if (own !== undefined) return { mould, own, isNew: false };
  }
  const lines = entry.headers.map((line) => (isCommon(line) ? line : line[0]));
  const text = textOf(entry, lines);
  const known = moulds.get(text);
  // Two may have the same text, where a part of it looks like several: then the newer one is known.
  const own = known && ownValues(known, entry);
  const mould = own === undefined ? make(entry, lines) : known!;
  if (own === undefined) moulds.set(text, mould);
  if (lines.every((line) => typeof line !== 'string' || OWN.has(line.toLowerCase())))
    recent[turn++ % MOST_RECENT] = mould;
  return { mould, own: own ?? ownValues(mould, entry)!, isNew: own === undefined };
}

/** What a mould weighs, bytes. */
export function mouldBytes({ lines, removed, appended, keyed }: Mould): number {
  const texts = [...lines, ...removed, ...appended, ...keyed];
  return texts.reduce((sum, text) => sum + 80 + String(text).length, 200);
}

/** The header lines of an entry. */
export function linesIn({ lines }: Mould, own: readonly HeaderLine[1][]): readonly HeaderLine[] {
  if (own.length === 0) return lines as readonly HeaderLine[];
  const whole = lines.slice() as HeaderLine[];
  let at = 0;
  for (let i = 0; at < own.length; i++) {
    const line = lines[i]!;
    if (typeof line === 'string') whole[i] = [line, own[at++]!];
  }
  return whole;
}

/** The values of an entry's own lines, if the mould fits it in all else. */
export function ownValues(mould: Mould, entry: ResponseEntry): HeaderLine[1][] | undefined {
  const { lines } = mould;
  const { headers } = entry;
  if (lines.length !== headers.length || !isLike(mould, entry)) return undefined;
  const own: HeaderLine[1][] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const [name, value] = headers[i]!;
    if (typeof line === 'string') {
      if (line !== name) return undefined;
      own.push(value);
    } else if (line[0] !== name || line[1] !== value) return undefined;
  }
  return own;
}

function isLike(a: Mould, b: ResponseEntry): boolean {
  return (
    a.status === b.status &&
    a.message === b.message &&
    a.etagMade === b.etagMade &&
    a.mustRevalidate === b.mustRevalidate &&
    a.staleWhileRevalidate === b.staleWhileRevalidate &&
    a.staleIfError === b.staleIfError &&
    a.search === b.search &&
    a.negotiated === b.negotiated &&
    a.sharedWith.authorization === b.sharedWith.authorization &&
    a.sharedWith.cookie === b.sharedWith.cookie &&
    isSameList(a.removed, b.removed) &&
    isSameList(a.appended, b.appended) &&
    isSameList(a.keyed, b.keyed)
  );
}

export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((each, i) => each === b[i]));
}

function make(entry: ResponseEntry, lines: Mould['lines']): Mould {
  const { status, message, removed, appended, keyed, sharedWith, etagMade, search, negotiated } = entry;
  const { mustRevalidate, staleWhileRevalidate, staleIfError } = entry;
  const uses = { mustRevalidate, staleWhileRevalidate, staleIfError, sharedWith };
  return { status, message, lines, removed, appended, keyed, etagMade, search, negotiated, ...uses };
}

/** What a mould is looked for by. */
function textOf(entry: ResponseEntry, lines: Mould['lines']): string {
  const { sharedWith, removed, appended, keyed } = entry;
  const flags = [entry.mustRevalidate, entry.etagMade, entry.negotiated, sharedWith.authorization, sharedWith.cookie];
  let text = `${entry.status} ${entry.staleWhileRevalidate} ${entry.staleIfError} ${entry.message} ${entry.search}`;
  for (const flag of flags) text += flag ? 1 : 0;
  for (const line of lines) text += typeof line === 'string' ? `\n${line}` : `\n${line[0]}: ${line[1]}`;
  for (const list of [removed, appended, keyed]) text += list.length === 0 ? '\n' : `\n${list}`;
  return text;
}

/** Whether another entry had the same line: what is said for the first time may be said only once. */
function isCommon(line: HeaderLine): boolean {
  const [name, value] = line;
  if (typeof value !== 'string' || name.length + value.length > LONGEST || OWN.has(name.toLowerCase())) return false;
  const text = `${name}\n${value}`;
  if (seen.get(text)) return true;
  seen.set(text, true);
  return false;
}
