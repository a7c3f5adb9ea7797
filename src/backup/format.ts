import { crc32 } from 'node:zlib';
import { decode, FrameError } from '../entry/codec.js';
import { BackupError } from '../errors.js';
import type { StoreItem } from '../stores/store.js';

/*
 * The format of a backup, version 1. Numbers are big-endian; CRCs are CRC-32 (zlib's).
 *
 * The header:
 *
 *    0  8  magic 89 'RCB' 0D 0A 1A 0A: a transfer as text, or of seven bits, damages it at once
 *    8  1  version
 *    9  3  zero
 *   12  8  mark: random, and in every section again
 *   20  4  length of the JSON
 *   24  4  CRC of the 24 bytes before and the JSON
 *   28  …  JSON: `FileHeader` below
 *
 * Sections follow, each with
 *
 *    0  4  'RCBB': a block of records; 'RCBE': the end
 *    4  8  the file's mark
 *   12  4  number: of a block, from 0; of the end, how many blocks there are
 *   16  4  how many records it holds; the end: all blocks together
 *   20  4  length of the payload
 *   24  4  length of what it inflates to; the end: that of the payload
 *   28  4  CRC of the payload
 *   32  4  CRC of the 32 bytes before
 *   36  …  payload: a block's records, deflated without a header (RFC 1951); the end's JSON (`FileEnd` below) as it is
 *
 * A record is an entry:
 *
 *    0  4  length of the key
 *    4  4  length of the frame
 *    8  …  the key without the cache's prefix, UTF-8
 *    …  …  the frame (`entry/codec.ts`), made for that key
 *
 * Nothing follows the end. Every byte is covered by a magic or a CRC. Where a section is damaged, the next is found by its
 * mark: clients decide what bodies hold, and a body could hold a section; but nobody knows the mark before it is written.
 * So a file whose header is damaged is refused in any case.
 */
const MAGIC: Buffer = Buffer.from('895243420d0a1a0a', 'hex');
const FORMAT = 1;
export const MARK_LENGTH: number = 8;
const HEADER_LENGTH = 28;
export const SECTION_LENGTH: number = 36;
const RECORD_LENGTH = 8;
/** How much of the beginning of a file its header takes at the most, bytes. */
export const LONGEST_HEADER: number = 4096;
/** A block's records, bytes, before they are deflated, unless one alone is longer. */
export const BLOCK_LENGTH: number = 256 * 1024;
/** The longest record: a file must not make its reader take any amount of memory. */
const MAX_RECORD = 64 * 1024 * 1024;
/** What cannot be deflated grows by some bytes. */
const MAX_PAYLOAD = MAX_RECORD + 64 * 1024;
const MAX_KEY = 8192;

/** What a file says of itself at its beginning. */
export interface FileHeader {
  /** ms since 1970. */
  readonly createdAt: number;
  /** The version of the frames in it. */
  readonly frames: number;
  /** Where the ledger was when the backup began. */
  readonly epoch: string;
  readonly sequence: number;
}

/** What a file says of itself at its end. */
export interface FileEnd {
  /** Where the ledger was when the last entry had been read. */
  readonly sequence: number;
}

/** What stands before a payload. */
export interface Section {
  readonly kind: 'block' | 'end';
  readonly number: number;
  readonly records: number;
  readonly length: number;
  readonly inflated: number;
  readonly check: number;
}

export function encodeHeader(mark: Buffer, header: FileHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(HEADER_LENGTH + json.length);
  MAGIC.copy(bytes);
  bytes[8] = FORMAT;
  mark.copy(bytes, 12);
  bytes.writeUInt32BE(json.length, 20);
  json.copy(bytes, HEADER_LENGTH);
  bytes.writeUInt32BE(crc32(json, crc32(bytes.subarray(0, 24))), 24);
  return bytes;
}

/** Reads a header from the first bytes of a file, as many as there are. @throws {BackupError} */
export function decodeHeader(bytes: Buffer): { header: FileHeader; mark: Buffer; length: number } {
  const start = bytes.subarray(0, MAGIC.length);
  if (start.length === 0) throw new BackupError('not-a-backup', 'not a backup: it is empty', { offset: 0 });
  if (!start.equals(MAGIC.subarray(0, start.length)))
    throw new BackupError('not-a-backup', 'not a backup: it begins otherwise', { offset: 0 });
  if (bytes.length > 8 && bytes[8] !== FORMAT) throw unknownVersion(`format version ${bytes[8]}`, `${FORMAT}`);
  const length = bytes.length < HEADER_LENGTH ? HEADER_LENGTH : HEADER_LENGTH + bytes.readUInt32BE(20);
  if (length > LONGEST_HEADER) throw badHeader();
  if (bytes.length < length)
    throw new BackupError('truncated', 'truncated: the backup ends within its header', { offset: bytes.length });
  const json = bytes.subarray(HEADER_LENGTH, length);
  if (crc32(json, crc32(bytes.subarray(0, 24))) !== bytes.readUInt32BE(24)) throw badHeader();
  const header = parseJson(json);
  if (!isHeader(header)) throw badHeader();
  return { header, mark: Buffer.from(bytes.subarray(12, 20)), length };
}

export function encodeSection(mark: Buffer, section: Omit<Section, 'length' | 'check'>, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(SECTION_LENGTH);
  bytes.write(section.kind === 'end' ? 'RCBE' : 'RCBB', 0, 'latin1');
  mark.copy(bytes, 4);
  const numbers = [section.number, section.records, payload.length, section.inflated, crc32(payload)];
  for (const [i, each] of numbers.entries()) bytes.writeUInt32BE(each, 12 + 4 * i);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 32)), 32);
  return bytes;
}

/** Reads what stands before a payload; `undefined` if it is no section of this file. */
export function decodeSection(bytes: Buffer, mark: Buffer): Section | undefined {
  if (bytes.length < SECTION_LENGTH) return undefined;
  const name = bytes.toString('latin1', 0, 4);
  if (name !== 'RCBB' && name !== 'RCBE') return undefined;
  if (!bytes.subarray(4, 12).equals(mark) || crc32(bytes.subarray(0, 32)) !== bytes.readUInt32BE(32)) return undefined;
  const [number, records, length, inflated, check] = [12, 16, 20, 24, 28].map((at) => bytes.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (length > MAX_PAYLOAD || inflated > MAX_RECORD || inflated === 0) return undefined;
  return { kind: name === 'RCBE' ? 'end' : 'block', number, records, length, inflated, check };
}

/** What the end of a file says; `undefined` if it cannot be read. */
export function decodeEnd(payload: Buffer): FileEnd | undefined {
  const end = parseJson(payload) as Partial<FileEnd> | undefined;
  return typeof end?.sequence === 'number' ? { sequence: end.sequence } : undefined;
}

/** A record; `undefined` for what is too long to be one. */
export function encodeRecord(key: string, frame: Buffer): Buffer | undefined {
  const name = Buffer.from(key);
  const length = RECORD_LENGTH + name.length + frame.length;
  if (name.length > MAX_KEY || length > MAX_RECORD) return undefined;
  const record = Buffer.allocUnsafe(length);
  record.writeUInt32BE(name.length, 0);
  record.writeUInt32BE(frame.length, 4);
  name.copy(record, RECORD_LENGTH);
  frame.copy(record, RECORD_LENGTH + name.length);
  return record;
}

/** The entries in a block's records, views into it; in the place of one that cannot be read, what is wrong with it. */
export function* decodeRecords(block: Buffer): Generator<StoreItem | string> {
  let at = 0;
  while (at < block.length) {
    const left = block.length - at - RECORD_LENGTH;
    const keyLength = left < 0 ? 0 : block.readUInt32BE(at);
    const frameLength = left < 0 ? 0 : block.readUInt32BE(at + 4);
    if (left < 0 || keyLength > MAX_KEY || keyLength + frameLength > left)
      return void (yield 'a record without an end');
    const keyAt = at + RECORD_LENGTH;
    at = keyAt + keyLength + frameLength;
    yield decodeRecord(block.toString('utf8', keyAt, keyAt + keyLength), block.subarray(keyAt + keyLength, at));
  }
}

function decodeRecord(key: string, frame: Buffer): StoreItem | string {
  // No colon and no `~` is in a tenant's name, and no key is empty.
  if (!/^client:[^:~]*:./s.test(key)) return 'a key that is none of this cache';
  try {
    const entry = decode(key, frame);
    const { asOf, storedAt, expiresAt } = entry;
    const isSane = Number.isFinite(asOf.sequence) && Number.isFinite(storedAt) && !Number.isNaN(expiresAt);
    return isSane ? { key, entry } : 'an entry of no time';
  } catch (error) {
    if (error instanceof FrameError) return error.message;
    throw error;
  }
}

export function unknownVersion(what: string, known: string): BackupError {
  return new BackupError('unknown-version', `the backup is of ${what}; this version reads ${known}`, { offset: 8 });
}

function badHeader(): BackupError {
  return new BackupError('damaged', 'damaged: the header of the backup is not as it was written', { offset: 8 });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function isHeader(header: unknown): header is FileHeader {
  if (typeof header !== 'object' || header === null) return false;
  const { createdAt, frames, epoch, sequence } = header as Partial<FileHeader>;
  return [createdAt, frames, sequence].every((each) => typeof each === 'number') && typeof epoch === 'string';
}
