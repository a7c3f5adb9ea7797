import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeHeader, encodeRecord, encodeSection } from '../../../src/backup/format.js';
import { BackupFile } from '../../../src/backup/reader.js';
import { fileOf } from '../../../src/backup/writer.js';
import { encode } from '../../../src/entry/codec.js';
import { stored } from '../made.js';
import { block, end, HEADER, header, MARK, record } from './pieces.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'respcache-test-'));
  path = join(folder, 'file');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Keys of the entries in a file of these pieces, and what was found. */
async function read(pieces: Buffer[], skip = false, beginning: object = HEADER) {
  await writeFile(path, Buffer.concat([header(beginning), ...pieces]));
  const file = await BackupFile.open(path);
  const keys: string[] = [];
  try {
    const blocks = file.blocks(skip);
    for (;;) {
      const { value, done } = await blocks.next();
      if (done) return { keys, ...value };
      keys.push(...value.items.map(({ key }) => key));
    }
  } finally {
    await file.close();
  }
}

const A = 'client:a:1';
const B = 'client:a:2';
const C = 'client::~http://x~/~';

describe('BackupFile', () => {
  it('reads blocks and the end', async () => {
    const found = await read([block(0, [record(A), record(B)]), block(1, [record(C)]), end(2, 3)]);
    expect(found).toMatchObject({ keys: [A, B, C], entries: 3, damaged: 0, damagedBlocks: 0, problems: [] });
    expect(found.end).toEqual({ sequence: 9 });
  });

  it.each<[what: string, pieces: () => Buffer[], problem: string, message: RegExp]>([
    ['no end', () => [block(0, [record(A)])], 'truncated', /ends at byte \d+, without its end record, after 1 blocks/],
    ['a cut head', () => [block(0, [record(A)]), end(1, 1).subarray(0, 20)], 'truncated', /within the head of block 1/],
    ['a cut block', () => [block(0, [record(A)]).subarray(0, 60)], 'truncated', /within block 0/],
    [
      'a missing block',
      () => [block(0, [record(A)]), block(2, [record(B)]), end(3, 2)],
      'damaged',
      /block 2 comes where block 1/,
    ],
    [
      'a block twice',
      () => [block(0, [record(A)]), block(0, [record(A)]), end(1, 1)],
      'damaged',
      /block 0 comes where block 1/,
    ],
    ['another count of blocks', () => [block(0, [record(A)]), end(2, 1)], 'damaged', /than 1 blocks with 1 entries/],
    ['another count of entries', () => [block(0, [record(A)]), end(1, 2)], 'damaged', /than 1 blocks with 1 entries/],
    ['an end that says nothing', () => [block(0, [record(A)]), end(1, 1, '[]')], 'damaged', /end record/],
    [
      'something after the end',
      () => [block(0, [record(A)]), end(1, 1), Buffer.from('x')],
      'damaged',
      /1 bytes follow/,
    ],
    [
      'a block of another file',
      () => [block(0, [record(A)], {}, Buffer.from('another '))],
      'damaged',
      /no section begins/,
    ],
    [
      'another number of records',
      () => [block(0, [record(A)], { records: 2 }), end(1, 2)],
      'damaged',
      /holds 1 entries, and should hold 2/,
    ],
    [
      'a block longer than it says',
      () => [block(0, [record(A)], { inflated: 10 }), end(1, 1)],
      'damaged',
      /cannot be inflated/,
    ],
    [
      'a block shorter than it says',
      () => [block(0, [record(A)], { inflated: 10_000 }), end(1, 1)],
      'damaged',
      /cannot be inflated/,
    ],
    [
      'a record without an end',
      () => [block(0, [record(A).subarray(0, -1)]), end(1, 1)],
      'damaged',
      /a record without an end/,
    ],
    [
      'a frame of another key',
      () => [block(0, [encodeRecord(A, encode(B, stored()))!]), end(1, 1)],
      'damaged',
      /another key/,
    ],
    ['a key that is none', () => [block(0, [record('{respcache}:head')]), end(1, 1)], 'damaged', /a key that is none/],
    [
      'an entry of no time',
      () => [block(0, [record(A, stored({ storedAt: Number.NaN }))]), end(1, 1)],
      'damaged',
      /no time/,
    ],
    [
      'an entry that would never be invalidated',
      () => [block(0, [record(A, stored({ asOf: { epoch: 'e', sequence: Number.NaN } }))]), end(1, 1)],
      'damaged',
      /no time/,
    ],
  ])('refuses %s', async (_what, pieces, problem, message) => {
    await expect(read(pieces())).rejects.toMatchObject({ problem, message: expect.stringMatching(message) });
  });

  it('takes no more memory than the largest block may need, whatever a file says', async () => {
    const bomb = deflateRawSync(Buffer.alloc(30_000_000));
    const section = { kind: 'block', number: 0, records: 1, inflated: 200_000_000 } as const;
    await expect(read([encodeSection(MARK, section, bomb), bomb])).rejects.toThrow('no section begins');
    const before = process.memoryUsage().arrayBuffers;
    const small = encodeSection(MARK, { ...section, inflated: 1000 }, bomb);
    await expect(read([small, bomb])).rejects.toThrow('cannot be inflated');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    const long = encodeSection(MARK, section, Buffer.alloc(10));
    long.writeUInt32BE(0xffff_0000, 20);
    long.writeUInt32BE(crc32(long.subarray(0, 32)), 32);
    await expect(read([long])).rejects.toMatchObject({ problem: 'damaged' });
  });

  it('skips a record that cannot be read, and nothing else', async () => {
    const bad = encodeRecord(B, encode(A, stored()))!;
    const found = await read([block(0, [record(A), bad, record(C)]), end(1, 3)], true);
    expect(found).toMatchObject({ keys: [A, C], entries: 2, damaged: 1, damagedBlocks: 1 });
  });

  it('finds no section in what a block holds, though a client has put one there', async () => {
    const forged = block(1, [record('client:victim:k')], {}, Buffer.from('guessed!'));
    const real = block(0, [record(A, stored({ body: forged }))]);
    // As it stands in the file if it cannot be compressed; and the block before it is damaged.
    const pieces = [Buffer.concat([real.subarray(0, 40), forged]), block(1, [record(B)]), end(2, 2)];
    const found = await read(pieces, true);
    expect(found).toMatchObject({ keys: [B], damagedBlocks: 1, damaged: 1 });
  });

  it('goes on after damage to a length, and to two blocks side by side', async () => {
    const pieces = [0, 1, 2, 3].map((number) => block(number, [record(`client:a:${number}`)]));
    pieces[1]![20] = 0xff;
    pieces[2]![50]! ^= 1;
    const found = await read([...pieces, end(4, 4)], true);
    expect(found).toMatchObject({ keys: ['client:a:0', 'client:a:3'], entries: 2, damaged: 2, damagedBlocks: 2 });
  });

  it('counts what is damaged in a file without an end by what its blocks say they hold', async () => {
    const torn = block(1, [record(B), record(C)]);
    torn[50]! ^= 1;
    const bad = encodeRecord(B, encode(A, stored()))!;
    const found = await read([block(0, [record(A), bad]), torn], true);
    expect(found).toMatchObject({ keys: [A], entries: 1, damaged: 3, damagedBlocks: 2, end: undefined });
  });

  it('tells of a block that is lost once, and of the next that is missing anew', async () => {
    const torn = block(0, [record(A)]);
    torn[50]! ^= 1;
    const found = await read([torn, block(1, [record(B)]), block(3, [record(C)]), end(4, 4)], true);
    expect(found).toMatchObject({ keys: [B, C], entries: 2, damaged: 2, damagedBlocks: 2 });
    const problems = [/the checksum of block 0/, /block 3 comes where block 2 should/];
    expect(found.problems).toEqual(problems.map((problem) => expect.stringMatching(problem)));
  });

  it('tells of blocks that are missing before the end', async () => {
    const found = await read([block(0, [record(A)]), end(3, 4)], true);
    expect(found).toMatchObject({ keys: [A], entries: 1, damaged: 3, damagedBlocks: 2 });
    expect(found).toMatchObject({ problems: [expect.stringMatching(/the end record comes where block 1 should/)] });
    const torn = block(1, [record(B)]);
    torn[50]! ^= 1;
    expect(await read([block(0, [record(A)]), torn, end(2, 2)], true)).toMatchObject({
      problems: [expect.stringMatching(/the checksum of block 1/)],
    });
  });

  it('refuses formats and frames of other versions', async () => {
    await expect(read([end(0, 0)], true, { ...HEADER, frames: 2 })).rejects.toMatchObject({
      problem: 'unknown-version',
      message: expect.stringContaining('entries of frame version 2'),
    });
    const bytes = header();
    bytes[8] = 2;
    expect(() => decodeHeader(bytes)).toThrow('format version 2');
  });

  it.each([{ ...HEADER, sequence: 'x' }, { ...HEADER, epoch: 1 }, [], null])(
    'refuses a header that is none: %j',
    async (none) => {
      await expect(read([end(0, 0)], true, none as object)).rejects.toMatchObject({ problem: 'damaged' });
    },
  );
});

describe('fileOf', () => {
  it('puts records into blocks of bounded length, and one that is longer into its own', async () => {
    const large = record(A, stored({ body: Buffer.alloc(600_000) }));
    const small = Array.from({ length: 600 }, (_, i) => record(`client:a:${i}`, stored({ body: Buffer.alloc(1000) })));
    async function* records() {
      yield small.slice(0, 300);
      yield [large, ...small.slice(300)];
    }
    const pieces: Buffer[] = [];
    for await (const piece of fileOf(HEADER, records(), () => ({ sequence: 7 }))) pieces.push(piece);
    await writeFile(path, Buffer.concat(pieces));
    const file = await BackupFile.open(path);
    expect(file.header).toEqual(HEADER);
    const sizes: number[] = [];
    for await (const { items } of file.blocks(false)) sizes.push(items.length);
    await file.close();
    expect(sizes.reduce((sum, each) => sum + each, 0)).toBe(601);
    expect(sizes).toContain(1);
    expect(Math.max(...sizes)).toBeLessThan(262_144 / 1000);
  });
});
