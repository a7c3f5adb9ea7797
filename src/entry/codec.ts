import { Generations } from '../generations.js';
import type { HeaderLine } from '../http/headers.js';
import { hash64 } from '../invalidation/hash.js';
import { type Coding, type Entry, type Forms, ownCopy, type Position } from './entry.js';

/*
 * The frame of an entry, version 3 or 4. Numbers are big-endian.
 *
 *    0  2  magic 'RC'
 *    2  1  version
 *    3  1  kind: 1 response, 2 index, 3 value, 4 counter
 *    4  8  check: a hash of the storage key; a frame found under another key is not its entry
 *   12  8  asOf.sequence, a double
 *   20  8  storedAt, a double, ms
 *   28  8  expiresAt, a double, ms or Infinity
 *   36  4  length of the metadata
 *   40  4  length of the body
 *   44  …  metadata: JSON, UTF-8 (`Meta` below)
 *    …  …  the body, raw
 *
 * In version 4 the body is there in compressed forms, one behind another, of which the metadata tells (`z`). All else is as
 * in version 3, which is written wherever there are none: who knows only that one takes the others for misses, and never for
 * bodies.
 */
/** The newest version of the frames that are written, and the oldest that is read. */
export const VERSION: number = 4;
export const OLDEST: number = 3;
const KINDS = ['response', 'index', 'value', 'counter'] as const;
/** How long the fixed part of a frame is, in bytes. */
export const PREAMBLE: number = 44;

/** The variable part: short names, because they are stored with every entry; absent means the usual. */
interface Meta {
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

/** What most responses say: stored as its place here, which must never change. */
const TEXTS: readonly string[] = [
  'Content-Type',
  'ETag',
  'application/json; charset=utf-8',
  'Cache-Control',
  'Vary',
  'Last-Modified',
  'Date',
  'Content-Encoding',
  'text/html; charset=utf-8',
  'text/plain; charset=utf-8',
  'content-type',
  'etag',
];
const PLACES: ReadonlyMap<string, number> = new Map(TEXTS.map((text, place) => [text, place]));

/** Makes the frame of an entry for its storage key. */
export function encode(key: string, entry: Entry): Buffer {
  const meta = Buffer.from(JSON.stringify(metaOf(entry)));
  const body = entry.kind === 'index' ? Buffer.alloc(0) : entry.body;
  const frame = Buffer.allocUnsafe(PREAMBLE + meta.length + body.length);
  frame.write('RC', 0, 'latin1');
  frame[2] = entry.kind === 'response' && entry.forms !== undefined ? VERSION : OLDEST;
  frame[3] = KINDS.indexOf(entry.kind) + 1;
  const [high, low] = hash64(key);
  frame.writeUInt32BE(high, 4);
  frame.writeUInt32BE(low, 8);
  frame.writeDoubleBE(entry.asOf.sequence, 12);
  frame.writeDoubleBE(entry.storedAt, 20);
  frame.writeDoubleBE(entry.expiresAt, 28);
  frame.writeUInt32BE(meta.length, 36);
  frame.writeUInt32BE(body.length, 40);
  meta.copy(frame, PREAMBLE);
  body.copy(frame, PREAMBLE + meta.length);
  return frame;
}

/** A frame that is not an entry of this key: damaged, of an unknown version, or another key's. */
export class FrameError extends Error {
  override name = 'FrameError';
}

/** How many heads of frames are remembered, two generations of so many, and how long they may be, bytes. */
const HEADS = 2048;
const LONGEST_HEAD = 1024;

/**
 * Reads frames, and remembers what stood in the heads of the last ones: of an entry that is read again only the body is
 * new, and comparing some hundred bytes takes a tenth of reading them.
 */
export class Decoder {
  readonly #known = new Generations<Known>(HEADS);

  /** @throws {FrameError} if the frame is not the entry of this key */
  decode(key: string, frame: Buffer): Entry {
    const known = this.#known.get(key);
    if (known !== undefined && isHead(known.head, frame))
      return withBody(known.entry, frame.subarray(known.head.length));
    const entry = decode(key, frame);
    const length = entry.kind === 'index' ? frame.length : frame.length - entry.body.length;
    if (length > LONGEST_HEAD) return entry;
    const kept = withBody(entry, NOTHING);
    this.#known.set(key, { head: ownCopy(frame.subarray(0, length)), entry: kept });
    return withBody(kept, frame.subarray(length));
  }
}

/** The head of a frame, and what stood in it: an entry without its body. */
interface Known {
  readonly head: Buffer;
  readonly entry: Entry;
}

const NOTHING = Buffer.alloc(0);

/** Whether a frame begins with a head, which says how long the body behind it is. */
function isHead(head: Buffer, frame: Buffer): boolean {
  return frame.length === head.length + head.readUInt32BE(40) && head.compare(frame, 0, head.length) === 0;
}

/** An index has none: it is the same object each time. */
function withBody(entry: Entry, body: Buffer): Entry {
  return entry.kind === 'index' ? entry : { ...entry, body };
}

/** Reads a frame that was found under a storage key. @throws {FrameError} if it is not that key's entry */
export function decode(key: string, frame: Buffer): Entry {
  if (frame.length < PREAMBLE || frame[0] !== 0x52 || frame[1] !== 0x43) throw new FrameError('not a frame');
  if (frame[2] !== VERSION && frame[2] !== OLDEST) throw new FrameError(`unknown frame version ${frame[2]}`);
  const kind = KINDS[frame[3]! - 1];
  const [high, low] = hash64(key);
  if (frame.readUInt32BE(4) !== high || frame.readUInt32BE(8) !== low) throw new FrameError('the frame of another key');
  const bodyAt = PREAMBLE + frame.readUInt32BE(36);
  if (kind === undefined || bodyAt + frame.readUInt32BE(40) !== frame.length) throw new FrameError('a damaged frame');
  const meta = parseMeta(frame.toString('utf8', PREAMBLE, bodyAt));
  const asOf: Position = { epoch: meta.e, sequence: frame.readDoubleBE(12) };
  const common = { asOf, storedAt: frame.readDoubleBE(20), expiresAt: frame.readDoubleBE(28), tags: meta.t ?? [] };
  const body = frame.subarray(bodyAt);
  if ((frame[2] === VERSION) !== (meta.z !== undefined)) throw new FrameError('damaged metadata');
  if (kind === 'index') return { kind, ...common, varies: meta.v ?? [] };
  if (kind === 'counter') return { kind, ...common, body };
  if (kind === 'value') return { kind, ...common, ...(meta.g && { freshUntil: common.expiresAt - meta.g }), body };
  const forms = meta.z && formsOf(meta.z);
  if (forms !== undefined && forms.list.reduce((sum, { bytes }) => sum + bytes, 0) !== body.length)
    throw new FrameError('a damaged frame');
  const negotiated = meta.u === undefined ? {} : { negotiated: true as const };
  return {
    kind,
    ...common,
    ...responseOf(meta, common.expiresAt),
    ...negotiated,
    ...(forms && { forms }),
    body,
  };
}

function formsOf([plainBytes, ...rest]: readonly (string | number)[]): Forms {
  const list: { coding: Coding; bytes: number }[] = [];
  for (let i = 0; i < rest.length; i += 2) list.push({ coding: rest[i] as Coding, bytes: rest[i + 1] as number });
  return { plainBytes: plainBytes as number, list };
}

function metaOf(entry: Entry): Meta {
  const meta: Meta = { e: entry.asOf.epoch };
  if (entry.tags.length > 0) meta.t = [...entry.tags];
  if (entry.kind === 'index') meta.v = entry.varies.map((set) => [...set]);
  if (entry.kind === 'value' && entry.freshUntil !== undefined) meta.g = entry.expiresAt - entry.freshUntil;
  if (entry.kind !== 'response') return meta;
  if (entry.status !== 200) meta.s = entry.status;
  if (entry.message !== undefined) meta.m = entry.message;
  meta.h = entry.headers.flatMap(([name, value]) => [
    short(name),
    typeof value === 'string' ? short(value) : [...value],
  ]);
  if (entry.removed.length > 0) meta.r = [...entry.removed];
  if (entry.appended.length > 0) meta.b = [...entry.appended];
  if (entry.initialAge > 0) meta.a = entry.initialAge;
  if (entry.freshUntil < entry.expiresAt) meta.g = entry.expiresAt - entry.freshUntil;
  if (entry.staleWhileRevalidate > 0) meta.w = entry.staleWhileRevalidate;
  if (entry.staleIfError > 0) meta.i = entry.staleIfError;
  if (entry.mustRevalidate) meta.x = 1;
  if (entry.search !== undefined) meta.q = entry.search;
  if (entry.etagMade) meta.y = 1;
  if (entry.cost > 0) meta.c = entry.cost;
  if (entry.name !== undefined) meta.n = entry.name;
  if (entry.keyed.length > 0) meta.k = [...entry.keyed];
  const shared = (entry.sharedWith.authorization ? 1 : 0) + (entry.sharedWith.cookie ? 2 : 0);
  if (shared > 0) meta.p = shared;
  if (entry.negotiated) meta.u = 1;
  if (entry.forms !== undefined)
    meta.z = [entry.forms.plainBytes, ...entry.forms.list.flatMap(({ coding, bytes }) => [coding, bytes])];
  return meta;
}

function short(text: string): string | number {
  return PLACES.get(text) ?? text;
}

function long<T>(text: T | number): T | string {
  return typeof text === 'number' ? TEXTS[text]! : text;
}

function responseOf(meta: Meta, expiresAt: number) {
  const headers: HeaderLine[] = [];
  const flat = meta.h ?? [];
  for (let i = 0; i + 1 < flat.length; i += 2)
    headers.push([long(flat[i] as string | number), long<string | string[]>(flat[i + 1]!)]);
  const shared = meta.p ?? 0;
  return {
    status: meta.s ?? 200,
    message: meta.m,
    headers,
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
  };
}

function parseMeta(text: string): Meta {
  try {
    const meta: unknown = JSON.parse(text);
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

function isMeta(meta: unknown): meta is Meta {
  if (typeof meta !== 'object' || meta === null || !('e' in meta)) return false;
  return Object.entries(meta).every(([part, value]) => PARTS[part as keyof Meta]?.(value) ?? true);
}
