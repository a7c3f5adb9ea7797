import type { HeaderLine } from '../http/headers.js';
import type { Coding, Entry, Forms, Position, ResponseEntry, Unfinished } from './entry.js';
import { FrameError } from './frame-error.js';
import { PLACES, TEXTS } from './frame-texts.js';

/** The variable part: short names, because they are stored with every entry; absent means the usual. */
export interface Meta {
  e: string; // epoch of asOf
  t?: string[]; // tags
  s?: number; // status, 200 if absent
  m?: string; // reason phrase
  h?: (string | number | string[])[]; // names and values by turns; a number is the place of one in TEXTS
  r?: string[]; // removed fields
  b?: string[]; // appended fields
  a?: number; // initial age
  g?: number; // ms between freshUntil and expiresAt
  w?: number; // stale while revalidate, seconds
  i?: number; // stale if error, seconds
  x?: 1; // must revalidate
  q?: string; // search rule
  y?: 1; // its entity tag was made here
  n?: string; // name
  k?: string[]; // keyed request fields
  c?: number; // cost
  p?: number; // shared with: 1 authorization, 2 cookie
  v?: string[][]; // an index's sets of fields
  u?: 1; // negotiated
  z?: (string | number)[]; // forms: bytes of the plain body, then coding and bytes by turns
}

/** What stands in the head of a frame. */
export interface Said {
  readonly asOf: Position;
  readonly storedAt: number;
  readonly expiresAt: number;
  readonly meta: Meta;
}

/** What of an entry's metadata has no place of its own in a brief frame, as JSON; nothing, if there is no such thing. */
export function restOf(entry: ResponseEntry): string {
  const rest: Partial<Meta> = {};
  if (entry.tags.length > 0) rest.t = [...entry.tags];
  describe(entry, rest, true);
  for (const _part in rest) return JSON.stringify(rest);
  return '';
}

/** The metadata of a frame that is not brief. */
export function metaOf(entry: Entry): Meta {
  const meta: Meta = { e: entry.asOf.epoch };
  if (entry.tags.length > 0) meta.t = [...entry.tags];
  if (entry.kind === 'index') meta.v = entry.varies.map((set) => [...set]);
  if (entry.kind === 'value' && entry.freshUntil !== undefined) meta.g = entry.expiresAt - entry.freshUntil;
  if (entry.kind === 'response') describe(entry, meta, false);
  return meta;
}

/** Adds what a response has; `brief`: but for what has a place of its own in a brief frame. */
function describe(entry: ResponseEntry, meta: Partial<Meta>, brief: boolean): void {
  if (entry.status !== 200) meta.s = entry.status;
  if (entry.message !== undefined) meta.m = entry.message;
  if (!brief)
    meta.h = entry.headers.flatMap(([name, value]) => [
      short(name),
      typeof value === 'string' ? short(value) : [...value],
    ]);
  if (entry.removed.length > 0) meta.r = [...entry.removed];
  if (entry.appended.length > 0) meta.b = [...entry.appended];
  if (entry.initialAge > 0) meta.a = entry.initialAge;
  if (entry.freshUntil < entry.expiresAt && !brief) meta.g = entry.expiresAt - entry.freshUntil;
  if (entry.staleWhileRevalidate > 0) meta.w = entry.staleWhileRevalidate;
  if (entry.staleIfError > 0) meta.i = entry.staleIfError;
  if (entry.mustRevalidate) meta.x = 1;
  if (entry.search !== undefined) meta.q = entry.search;
  if (entry.etagMade && !brief) meta.y = 1;
  if (entry.cost > 0 && !brief) meta.c = entry.cost;
  if (entry.name !== undefined) meta.n = entry.name;
  if (entry.keyed.length > 0) meta.k = [...entry.keyed];
  const shared = (entry.sharedWith.authorization ? 1 : 0) + (entry.sharedWith.cookie ? 2 : 0);
  if (shared > 0) meta.p = shared;
  if (entry.negotiated && !brief) meta.u = 1;
  if (entry.forms !== undefined)
    meta.z = [entry.forms.plainBytes, ...entry.forms.list.flatMap(({ coding, bytes }) => [coding, bytes])];
}

/** The forms that metadata tells of. */
function formsOf([plainBytes, ...rest]: readonly (string | number)[]): Forms {
  const list: { coding: Coding; bytes: number }[] = [];
  for (let i = 0; i < rest.length; i += 2) list.push({ coding: rest[i] as Coding, bytes: rest[i + 1] as number });
  return { plainBytes: plainBytes as number, list };
}

function short(text: string): string | number {
  return PLACES.get(text) ?? text;
}

function long<T>(text: T | number): T | string {
  return typeof text === 'number' ? TEXTS[text]! : text;
}

/** The response that a head tells of. `body`: what is given with it, which is not looked at. */
export function responseOf({ meta, asOf, storedAt, expiresAt }: Said, body: Buffer): ResponseEntry {
  const shared = meta.p ?? 0;
  // Each field by its name: on Node 20 it takes microseconds to spread the parts into it.
  const entry: Unfinished = {
    kind: 'response',
    asOf,
    storedAt,
    expiresAt,
    tags: meta.t ?? [],
    status: meta.s ?? 200,
    message: meta.m,
    headers: linesOf(meta.h ?? []),
    removed: meta.r ?? [],
    appended: meta.b ?? [],
    freshUntil: expiresAt - (meta.g ?? 0),
    mustRevalidate: meta.x === 1,
    staleWhileRevalidate: meta.w ?? 0,
    staleIfError: meta.i ?? 0,
    initialAge: meta.a ?? 0,
    search: meta.q,
    etagMade: meta.y === 1,
    cost: meta.c ?? 0,
    name: meta.n,
    keyed: meta.k ?? [],
    sharedWith: { authorization: (shared & 1) !== 0, cookie: (shared & 2) !== 0 },
    body,
  };
  if (meta.u !== undefined) entry.negotiated = true;
  if (meta.z !== undefined) entry.forms = formsOf(meta.z);
  return entry;
}

function linesOf(flat: NonNullable<Meta['h']>): readonly HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2)
    lines.push([long(flat[i] as string | number), long<string | string[]>(flat[i + 1]!)]);
  return lines;
}

/** `epoch`: where it is not in the text. */
export function parseMeta(text: string, epoch?: string): Meta {
  try {
    const said: unknown = JSON.parse(text);
    const meta = epoch !== undefined && isObject(said) ? { e: epoch, ...said } : said;
    if (isMeta(meta)) return meta;
  } catch {
    // Told below: whatever was wrong with it, it is not metadata.
  }
  throw new FrameError('damaged metadata');
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isPlace = (value: unknown): boolean => typeof value === 'number' && TEXTS[value] !== undefined;
const isNumber = (value: unknown): boolean => typeof value === 'number' && value >= 0;

/** What each part of the metadata has to be, where it is there. */
const PARTS: { readonly [K in keyof Meta]-?: (value: unknown) => boolean } = {
  e: isText,
  t: isTexts,
  s: (value) => Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 999,
  m: isText,
  h: (value) =>
    Array.isArray(value) &&
    value.length % 2 === 0 &&
    value.every((each, i) => isText(each) || isPlace(each) || (i % 2 === 1 && isTexts(each))),
  r: isTexts,
  b: isTexts,
  a: isNumber,
  g: isNumber,
  w: isNumber,
  i: isNumber,
  x: (value) => value === 1,
  q: isText,
  y: (value) => value === 1,
  c: isNumber,
  n: isText,
  k: isTexts,
  p: isNumber,
  v: (value) => Array.isArray(value) && value.every(isTexts),
  u: (value) => value === 1,
  z: (value) =>
    Array.isArray(value) &&
    value.length > 1 &&
    value.length % 2 === 1 &&
    value.every((each, i) => (i % 2 === 0 ? Number.isInteger(each) && each >= 0 : CODINGS.has(each))),
};
const CODINGS: ReadonlySet<unknown> = new Set<Coding>(['gzip', 'br', 'zstd']);

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMeta(meta: unknown): meta is Meta {
  if (!isObject(meta) || !('e' in meta)) return false;
  return Object.entries(meta).every(([part, value]) => PARTS[part as keyof Meta]?.(value) ?? true);
}
