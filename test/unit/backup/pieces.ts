import { deflateRawSync } from 'node:zlib';
import { encodeHeader, encodeRecord, encodeSection, type Section } from '../../../src/backup/format.js';
import { encode, VERSION } from '../../../src/entry/codec.js';
import type { Entry } from '../../../src/entry/entry.js';
import { stored } from '../made.js';

/** The mark of the files made of these pieces. */
export const MARK: Buffer = Buffer.from('12345678');
export const HEADER = { createdAt: 1, frames: VERSION, epoch: 'e', sequence: 5 };

export const header = (changes: object = HEADER): Buffer => encodeHeader(MARK, changes as typeof HEADER);
export const record = (key: string, entry: Entry = stored()): Buffer => encodeRecord(key, encode(key, entry))!;

/** A block of records, whose head may say something else. */
export function block(number: number, records: readonly Buffer[], changes: Partial<Section> = {}, mark = MARK): Buffer {
  const raw = Buffer.concat(records);
  const payload = deflateRawSync(raw);
  const section = { kind: 'block', number, records: records.length, inflated: raw.length, ...changes } as const;
  return Buffer.concat([encodeSection(mark, section, payload), payload]);
}

/** The end record of a file. */
export function end(blocks: number, records: number, text = '{"sequence":9}'): Buffer {
  const payload = Buffer.from(text);
  const section = { kind: 'end', number: blocks, records, inflated: payload.length } as const;
  return Buffer.concat([encodeSection(MARK, section, payload), payload]);
}
