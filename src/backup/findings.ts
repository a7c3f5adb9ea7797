import { BackupError } from '../errors.js';
import { decodeEnd, type FileEnd, type Section } from './format.js';

/** How many problems are told of one by one. */
const MOST_PROBLEMS = 20;

/** What a whole reading of a file has come to. */
export interface Findings {
  /** Entries that are whole. */
  entries: number;
  /** Entries that are not, as far as their number can be told. */
  damaged: number;
  /** Blocks that are not whole. */
  damagedBlocks: number;
  /** What the file says at its end; `undefined` if it has none. */
  end: FileEnd | undefined;
  /** What was found wrong, the first of it. */
  readonly problems: string[];
}

/** Something wrong at a place of a file. */
export interface Fault {
  readonly error: BackupError;
  /** How many blocks are not whole for it, at the least; once the next whole one is found, its number tells. */
  readonly blocks: number;
  /** How many entries are lost with it, if that can be told. */
  readonly records: number;
}

/** A fault: something is not as it was written. */
export function damage(what: string, offset: number, block?: number, records = 0, blocks = 1): Fault {
  const place = block === undefined ? { offset } : { offset, block };
  const message = `the backup is damaged at byte ${offset}: ${what}`;
  return { error: new BackupError('damaged', message, place), blocks, records };
}

/** A fault: the file ends where it should go on. */
export function cut(where: string, offset: number, block: number, blocks = 0, records = 0): Fault {
  const message = `the backup is truncated: it ends at byte ${offset}, ${where}`;
  return { error: new BackupError('truncated', message, { offset, block }), blocks, records };
}

/** The account of one reading, which ends at the first fault unless faults are to be skipped. */
export class Reading {
  readonly findings: Findings = { entries: 0, damaged: 0, damagedBlocks: 0, end: undefined, problems: [] };
  /** The number of the block that should come next. */
  expected = 0;
  readonly #skip: boolean;
  /** How many blocks have been lost since the last one that is whole, as far as can be told. */
  #lost = 0;

  constructor(skip: boolean) {
    this.#skip = skip;
  }

  /** Notes a fault. @throws {BackupError} unless it is to be skipped */
  fault({ error, blocks, records }: Fault): void {
    if (!this.#skip) throw error;
    if (this.findings.problems.length < MOST_PROBLEMS) this.findings.problems.push(error.message);
    this.findings.damaged += records;
    this.#lost = Math.max(this.#lost, blocks);
  }

  /** Whether a block comes at its place, or further on because others are lost: not if it comes again. */
  follows(number: number, at: number): boolean {
    if (number !== this.expected && this.#lost === 0)
      this.fault(damage(`block ${number} comes where block ${this.expected} should`, at, this.expected));
    this.#lost = 0;
    if (number < this.expected) return false;
    this.findings.damagedBlocks += number - this.expected;
    this.expected = number + 1;
    return true;
  }

  /** Counts the entries of a block: `whole` of its `records` are whole. */
  block(whole: number, records: number, fault: Fault | undefined): void {
    this.findings.entries += whole;
    if (fault === undefined) return;
    this.fault(fault);
    this.#lost = 0;
    this.findings.damagedBlocks++;
    this.findings.damaged += Math.max(0, records - whole);
  }

  /** Takes the end record. @throws {BackupError} if it tells of something else than was found, and nothing is skipped */
  end(section: Section, payload: Buffer, at: number): void {
    const { entries } = this.findings;
    const end = decodeEnd(payload);
    const agrees = section.number === this.expected && section.records === entries;
    if (end === undefined || (!agrees && !this.#skip)) {
      const has = `${this.expected} blocks with ${entries} entries`;
      throw damage(`the end record tells of something else than ${has}`, at).error;
    }
    // The last blocks are missing, and nothing else has told of that.
    if (section.number > this.expected && this.#lost === 0)
      this.fault(damage(`the end record comes where block ${this.expected} should`, at, this.expected));
    this.findings.end = end;
    this.findings.damagedBlocks += Math.max(0, section.number - this.expected);
    this.findings.damaged = Math.max(0, section.records - entries);
    this.#lost = 0;
  }

  done(): Findings {
    if (this.findings.end === undefined) this.findings.damagedBlocks += this.#lost;
    return this.findings;
  }
}
