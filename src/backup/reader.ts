import { type FileHandle, open, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { OLDEST, VERSION } from '../entry/codec.js';
import { BackupError } from '../errors.js';
import type { StoreItem } from '../stores/store.js';
import { cut, damage, type Fault, type Findings, Reading } from './findings.js';
import {
  decodeHeader,
  decodeRecords,
  decodeSection,
  type FileHeader,
  LONGEST_HEADER,
  SECTION_LENGTH,
  type Section,
  unknownVersion,
} from './format.js';

const inflate = promisify(inflateRaw);
/** How much is read at a time where the next section is searched for. */
const SEARCH_STEP = 64 * 1024;
interface Whole {
  readonly section: Section;
  readonly payload: Buffer;
  readonly next: number;
}

/** The entries of a block that is whole. */
export interface Block {
  readonly items: readonly StoreItem[];
  /** How much of the file has been read with it, bytes. */
  readonly offset: number;
}

/** A backup's file, open for reading. */
export class BackupFile {
  readonly header: FileHeader;
  /** bytes */
  readonly size: number;
  readonly #file: FileHandle;
  readonly #mark: Buffer;
  readonly #start: number;

  private constructor(file: FileHandle, size: number, { header, mark, length }: ReturnType<typeof decodeHeader>) {
    this.#file = file;
    this.size = size;
    this.header = header;
    this.#mark = mark;
    this.#start = length;
  }

  /** Opens a file and reads its header. @throws {BackupError} if it is no backup that this version reads */
  static async open(path: string): Promise<BackupFile> {
    // Before it is opened: a pipe would be waited for until somebody writes into it, and nothing ends that.
    if (!(await stat(path)).isFile()) throw new BackupError('not-a-backup', 'not a backup: it is no regular file');
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const found = decodeHeader(await readAt(file, 0, Math.min(LONGEST_HEADER, size)));
      const { frames } = found.header;
      if (frames < OLDEST || frames > VERSION)
        throw unknownVersion(`entries of frame version ${frames}`, `${OLDEST} to ${VERSION}`);
      return new BackupFile(file, size, found);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /**
   * Reads all of the file, block by block, checking everything; the generator's result is what it found. Where something
   * is wrong it throws, or with `skip` goes on at the next section that is whole.
   *
   * @throws {BackupError} without `skip`
   */
  async *blocks(skip: boolean): AsyncGenerator<Block, Findings> {
    const reading = new Reading(skip);
    let at = this.#start;
    while (reading.findings.end === undefined) {
      const found = await this.#sectionAt(at, reading.expected);
      if ('error' in found) {
        reading.fault(found);
        const next = await this.#search(at + 1);
        if (next === undefined) break;
        at = next;
        continue;
      }
      if (found.section.kind === 'end') reading.end(found.section, found.payload, at);
      else yield { items: await this.#itemsOf(found, at, reading), offset: found.next };
      at = found.next;
    }
    if (reading.findings.end !== undefined && at < this.size)
      reading.fault(damage(`${this.size - at} bytes follow on its end`, at));
    return reading.done();
  }

  /** The section at a place, its payload as it was written; or what is wrong there. */
  async #sectionAt(at: number, expected: number): Promise<Whole | Fault> {
    const left = this.size - at;
    const start = await readAt(this.#file, at, Math.min(left, SECTION_LENGTH));
    if (start.length === 0) return cut(`without its end record, after ${expected} blocks`, at, expected);
    if (start.length < SECTION_LENGTH) return cut(`within the head of block ${expected}`, this.size, expected, 1);
    const section = decodeSection(start, this.#mark);
    if (section === undefined) return damage(`no section begins where block ${expected} should`, at, expected);
    const isBlock = section.kind === 'block';
    const [name, records] = isBlock ? [`block ${section.number}`, section.records] : ['the end record', 0];
    const payload = await readAt(this.#file, at + SECTION_LENGTH, Math.min(section.length, left));
    if (payload.length < section.length) return cut(`within ${name}`, this.size, section.number, +isBlock, records);
    if (crc32(payload) === section.check) return { section, payload, next: at + SECTION_LENGTH + section.length };
    return damage(`the checksum of ${name} does not hold`, at, section.number, records, +isBlock);
  }

  /** Where the next section begins that is whole; `undefined` if none does. */
  async #search(from: number): Promise<number | undefined> {
    for (let at = from; at + SECTION_LENGTH <= this.size; at += SEARCH_STEP) {
      const bytes = await readAt(this.#file, at, SEARCH_STEP + SECTION_LENGTH);
      for (let i = bytes.indexOf('RCB'); i >= 0 && i < SEARCH_STEP; i = bytes.indexOf('RCB', i + 1)) {
        if (decodeSection(bytes.subarray(i, i + SECTION_LENGTH), this.#mark) === undefined) continue;
        if ('section' in (await this.#sectionAt(at + i, 0))) return at + i;
      }
    }
    return undefined;
  }

  async #itemsOf({ section, payload }: Whole, at: number, reading: Reading): Promise<StoreItem[]> {
    const { number, records, inflated } = section;
    if (!reading.follows(number, at)) return [];
    const all = await inflate(payload, { maxOutputLength: inflated }).catch(() => undefined);
    if (all?.length !== inflated) {
      reading.block(0, records, damage(`block ${number} cannot be inflated`, at, number));
      return [];
    }
    const items: StoreItem[] = [];
    let wrong: string | undefined;
    for (const record of decodeRecords(all)) {
      if (typeof record !== 'string') items.push(record);
      else wrong = record;
    }
    if (items.length !== records) wrong ??= `it holds ${items.length} entries, and should hold ${records}`;
    const problem = wrong === undefined ? undefined : damage(`in block ${number}, ${wrong}`, at, number);
    reading.block(items.length, records, problem);
    return items;
  }
}

/** Bytes of a file from a place on: fewer, where it ends before. */
async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
