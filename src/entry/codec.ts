import { Generations } from '../generations.js';
import { hash64 } from '../invalidation/hash.js';
import { BODY_LENGTH_AT, BRIEF, briefHead, briefLength, readBrief } from './brief.js';
import { type Entry, NO_BODY, ownCopy, type Position, type ResponseEntry } from './entry.js';
import { FrameError } from './frame-error.js';
import { type Meta, metaOf, parseMeta, responseOf, restOf, type Said } from './meta.js';

export { FrameError };

/*
 * The frame of an entry, version 3 or 4; version 6 is in `brief.ts`. Numbers are big-endian.
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
 *   44  …  metadata: JSON, UTF-8 (`Meta` in `meta.ts`)
 *    …  …  the body, raw
 *
 * In version 4 the body is there in compressed forms, one behind another, of which the metadata tells (`z`). All else is as
 * in version 3: processes that know only that one take the others for misses, and never for bodies. Most responses are written briefly,
 * in version 6; what cannot be, and all other kinds, in these. Version 5 was never released, and is read no more.
 */
/** The newest version of the frames that are written, and the oldest that is read. */
export const VERSION: number = BRIEF;
export const OLDEST: number = 3;
const WITH_FORMS = 4;
const NO_MORE = 5;
const KINDS = ['response', 'index', 'value', 'counter'] as const;
/** How long the fixed part of a frame is, in bytes; no brief one is shorter than that. */
export const PREAMBLE: number = 44;

/** Makes the frame of an entry for its storage key. */
export function encode(key: string, entry: Entry): Buffer {
  return (entry.kind === 'response' ? encodeBriefly(key, entry) : undefined) ?? encodeAtLength(key, entry);
}

function encodeBriefly(key: string, entry: ResponseEntry): Buffer | undefined {
  const head = briefHead(entry, restOf(entry));
  if (head === undefined) return undefined;
  const frame = Buffer.allocUnsafe(head.length + entry.body.length);
  frame.set(begun(head, BRIEF, key, entry), 0);
  frame.set(entry.body, head.length);
  return frame;
}

/** The same as it was written before there were brief frames. */
export function encodeAtLength(key: string, entry: Entry): Buffer {
  const meta = Buffer.from(JSON.stringify(metaOf(entry)));
  const body = entry.kind === 'index' ? Buffer.alloc(0) : entry.body;
  const frame = Buffer.allocUnsafe(PREAMBLE + meta.length + body.length);
  begun(frame, entry.kind === 'response' && entry.forms !== undefined ? WITH_FORMS : OLDEST, key, entry);
  frame.writeDoubleBE(entry.asOf.sequence, 12);
  frame.writeDoubleBE(entry.storedAt, 20);
  frame.writeDoubleBE(entry.expiresAt, 28);
  frame.writeUInt32BE(meta.length, 36);
  frame.writeUInt32BE(body.length, 40);
  meta.copy(frame, PREAMBLE);
  body.copy(frame, PREAMBLE + meta.length);
  return frame;
}

/** Writes what frames of all versions begin with. */
function begun(frame: Buffer, version: number, key: string, { kind }: Entry): Buffer {
  frame.write('RC', 0, 'latin1');
  frame[2] = version;
  frame[3] = KINDS.indexOf(kind) + 1;
  const [high, low] = hash64(key);
  frame.writeUInt32BE(high, 4);
  frame.writeUInt32BE(low, 8);
  return frame;
}

/** How many heads of frames are remembered, two generations of this many, and how long they may be, bytes. */
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
    const kept = withBody(entry, NO_BODY);
    this.#known.set(key, { head: ownCopy(frame.subarray(0, length)), entry: kept });
    return withBody(kept, frame.subarray(length));
  }
}

/** The head of a frame, and what stood in it: an entry without its body. */
interface Known {
  readonly head: Buffer;
  readonly entry: Entry;
}

/** Whether a frame begins with a head, which says how long the body behind it is. */
function isHead(head: Buffer, frame: Buffer): boolean {
  return frame.length === head.length + bodyLength(head) && head.compare(frame, 0, head.length) === 0;
}

function bodyLength(start: Buffer): number {
  return start.readUInt32BE(start[2] === BRIEF ? BODY_LENGTH_AT : 40);
}

/** How long the head of a frame is, which begins so: at least the fixed part of it has to be there. */
export function headLength(start: Buffer): number {
  return start[2] === BRIEF ? Math.max(briefLength(start), PREAMBLE) : PREAMBLE + start.readUInt32BE(36);
}

/** The entry of a frame of which only the head is there, without its body, and how long that is. @throws {FrameError} */
export function decodeHead(key: string, head: Buffer): { readonly entry: Entry; readonly bytes: number } {
  const bytes = bodyLength(head);
  return { entry: read(key, head, bytes, NO_BODY), bytes };
}

/** An index has none: it is the same object each time. */
function withBody(entry: Entry, body: Buffer): Entry {
  return entry.kind === 'index' ? entry : { ...entry, body };
}

/** Reads a frame that was found under a storage key. @throws {FrameError} if it is not that key's entry */
export function decode(key: string, frame: Buffer): Entry {
  if (frame.length < PREAMBLE) throw new FrameError('not a frame');
  const bodyAt = headLength(frame);
  return read(key, frame, frame.length - bodyAt, frame.subarray(bodyAt));
}

/** `bodyBytes`: how long the body behind the head has to be; `body`: what is given in its place. */
function read(key: string, frame: Buffer, bodyBytes: number, body: Buffer): Entry {
  if (frame[0] !== 0x52 || frame[1] !== 0x43) throw new FrameError('not a frame');
  const version = frame[2]!;
  if (version > VERSION || version < OLDEST || version === NO_MORE)
    throw new FrameError(`unknown frame version ${version}`);
  const kind = KINDS[frame[3]! - 1];
  const [high, low] = hash64(key);
  if (frame.readUInt32BE(4) !== high || frame.readUInt32BE(8) !== low) throw new FrameError('the frame of another key');
  if (kind === undefined || bodyLength(frame) !== bodyBytes) throw new FrameError('a damaged frame');
  if (version === BRIEF && kind !== 'response') throw new FrameError('a damaged frame');
  const said = version === BRIEF ? briefly(frame) : atLength(frame);
  const { meta, asOf, storedAt, expiresAt } = said;
  if ((version === WITH_FORMS) !== (meta.z !== undefined)) throw new FrameError('damaged metadata');
  if (kind === 'response') {
    const entry = responseOf(said, body);
    const { list } = entry.forms ?? {};
    if (list !== undefined && list.reduce((sum, { bytes }) => sum + bytes, 0) !== bodyBytes)
      throw new FrameError('a damaged frame');
    return entry;
  }
  const tags = meta.t ?? [];
  if (kind === 'index') return { kind, asOf, storedAt, expiresAt, tags, varies: meta.v ?? [] };
  if (kind === 'counter') return { kind, asOf, storedAt, expiresAt, tags, body };
  return { kind, asOf, storedAt, expiresAt, tags, ...(meta.g && { freshUntil: expiresAt - meta.g }), body };
}

function atLength(frame: Buffer): Said {
  const meta = parseMeta(frame.toString('utf8', PREAMBLE, headLength(frame)));
  const asOf: Position = { epoch: meta.e, sequence: frame.readDoubleBE(12) };
  return { asOf, storedAt: frame.readDoubleBE(20), expiresAt: frame.readDoubleBE(28), meta };
}

function briefly(frame: Buffer): Said {
  try {
    const brief = readBrief(frame);
    const { epoch, sequence, storedAt, expiresAt } = brief;
    const meta: Meta = brief.rest === '' ? { e: epoch } : parseMeta(brief.rest, epoch);
    meta.e = epoch;
    meta.h = [...brief.lines];
    meta.c = brief.cost;
    if (brief.stale > 0) meta.g = brief.stale;
    if (brief.etagMade) meta.y = 1;
    if (brief.negotiated) meta.u = 1;
    return { asOf: { epoch, sequence }, storedAt, expiresAt, meta };
  } catch (error) {
    throw error instanceof RangeError ? new FrameError('a damaged frame') : error;
  }
}
