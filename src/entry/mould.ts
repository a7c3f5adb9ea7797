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
/** How many lines and moulds are known: two generations of so many; and how long a common line may be. */
const MOST = 500;
const LONGEST = 200;

const seen = new Generations<true>(MOST);
const moulds = new Generations<Mould>(MOST);
/** The last one, and the values that the entry it was looked up for had of its own: responses of one route come in a row. */
let last: Moulded | undefined;

/** The mould that fits an entry: one that is known, or a new one. */
export function mouldOf(entry: ResponseEntry): Moulded {
  const own = last && ownValues(last.mould, entry);
  // What is said again is common by now.
  if (own !== undefined && !own.some((value, i) => value === last!.own[i]))
    return { mould: last!.mould, own, isNew: false };
  const made = make(entry);
  const text = JSON.stringify(made);
  const known = moulds.get(text);
  if (known === undefined) moulds.set(text, made);
  const mould = known ?? made;
  last = { mould, own: ownValues(mould, entry)!, isNew: false };
  return known === undefined ? { ...last, isNew: true } : last;
}

/** What a mould weighs, bytes. */
export function mouldBytes({ lines, removed, appended, keyed }: Mould): number {
  const texts = [...lines, ...removed, ...appended, ...keyed];
  return texts.reduce((sum, text) => sum + 80 + String(text).length, 200);
}

/** The header lines of an entry. */
export function linesIn({ lines }: Mould, own: readonly HeaderLine[1][]): readonly HeaderLine[] {
  if (own.length === 0) return lines as readonly HeaderLine[];
  let at = 0;
  return lines.map((line) => (typeof line === 'string' ? [line, own[at++]!] : line));
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

function make(entry: ResponseEntry): Mould {
  const { status, message, removed, appended, keyed, sharedWith, etagMade, search, negotiated } = entry;
  const { mustRevalidate, staleWhileRevalidate, staleIfError } = entry;
  const lines = entry.headers.map((line) => (isCommon(line) ? line : line[0]));
  const uses = { mustRevalidate, staleWhileRevalidate, staleIfError, sharedWith };
  return { status, message, lines, removed, appended, keyed, etagMade, search, negotiated, ...uses };
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
