import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupFile } from '../../src/backup/reader.js';
import { serializeValue } from '../../src/entry/value.js';
import { BackupError, type Cache, createCache } from '../../src/index.js';
import { valueEntry } from '../../src/testing/suite/entries.js';
import { block, end, header, record } from '../unit/backup/pieces.js';

/** Twelve blocks of two entries, which are what they are called. */
const NAMES = Array.from({ length: 24 }, (_, i) => `name ${i}`);
const asOf = { epoch: 'e', sequence: 3 };
const records = NAMES.map((name) => {
  const body = serializeValue(name);
  return record(`client:c:${name}`, valueEntry({ asOf, body, expiresAt: Number.POSITIVE_INFINITY }));
});
const blocks = Array.from({ length: 12 }, (_, i) => block(i, records.slice(2 * i, 2 * i + 2)));
const FILE = Buffer.concat([header(), ...blocks, end(12, 24)]);
const START = header().length;

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'respcache-test-'));
  path = join(folder, 'file');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The bodies of all entries in a file by their keys, and what was found in it. */
async function read(bytes: Buffer, skip: boolean) {
  await writeFile(path, bytes);
  const file = await BackupFile.open(path);
  const found = new Map<string, string>();
  try {
    const reading = file.blocks(skip);
    for (;;) {
      const { value, done } = await reading.next();
      if (done) return { found, findings: value };
      for (const { key, entry } of value.items) if (entry.kind === 'value') found.set(key, entry.body.toString('hex'));
    }
  } finally {
    await file.close();
  }
}

/** Reads a file that is not whole both ways: it is refused; and of its entries only true ones are found. */
async function isSeenThrough(bytes: Buffer): Promise<void> {
  await expect(read(bytes, false)).rejects.toBeInstanceOf(BackupError);
  const result = await read(bytes, true).catch((error: unknown) => {
    expect(error).toBeInstanceOf(BackupError);
    return undefined;
  });
  if (result === undefined) {
    // Nobody can tell what belongs to it.
    expect(bytes.subarray(0, START).equals(FILE.subarray(0, START))).toBe(false);
    return;
  }
  const { found, findings } = result;
  for (const [key, body] of found) expect(body).toBe(serializeValue(key.slice('client:c:'.length)).toString('hex'));
  expect(findings.entries).toBe(found.size);
  expect(findings.problems.length).toBeGreaterThan(0);
  // Nothing is missing without being told of; and where the end is there, it is told to the last entry.
  if (findings.end !== undefined) expect(findings.damaged).toBe(24 - found.size);
  else if (found.size < 24) expect(findings.problems.join()).toMatch(/truncated|damaged/);
}

const offset = fc.integer({ min: 0, max: FILE.length - 1 });
const other = fc.integer({ min: 1, max: 255 });

function changed(at: number, change: number): Buffer {
  const bytes = Buffer.from(FILE);
  bytes[at] = bytes[at]! ^ change;
  return bytes;
}

describe('a backup that is not whole', () => {
  it('would be read, if it were', async () => {
    const { found, findings } = await read(FILE, false);
    expect(found.size).toBe(24);
    expect(findings).toMatchObject({ entries: 24, damaged: 0, damagedBlocks: 0, problems: [] });
  });

  it('is seen through wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(offset, (at) => isSeenThrough(FILE.subarray(0, at))),
      { numRuns: 80 },
    );
  });

  it('is seen through whichever byte is another', async () => {
    await fc.assert(
      fc.asyncProperty(offset, other, (at, change) => isSeenThrough(changed(at, change))),
      { numRuns: 150 },
    );
  });

  it('is seen through where bytes are missing, come twice, or are others', async () => {
    await fc.assert(
      fc.asyncProperty(offset, offset, fc.uint8Array({ maxLength: 80 }), fc.boolean(), async (a, b, more, twice) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const bytes = Buffer.concat([FILE.subarray(0, twice ? to : from), more, FILE.subarray(twice ? from : to)]);
        fc.pre(!bytes.equals(FILE));
        await isSeenThrough(bytes);
      }),
      { numRuns: 80 },
    );
  });

  it('loses no more than one block where one byte behind the header is damaged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: START, max: FILE.length - 1 }), other, async (at, change) => {
        const { found, findings } = await read(changed(at, change), true);
        expect(found.size).toBeGreaterThanOrEqual(22);
        expect(findings.damagedBlocks).toBeLessThanOrEqual(1);
        expect(findings.end === undefined || findings.damagedBlocks === 1).toBe(true);
      }),
      { numRuns: 80 },
    );
  });
});

describe('the restore of a backup that is not whole', () => {
  const values = async (cache: Cache) => (await cache.mget<string>(NAMES, 'c')).filter((each) => each !== undefined);

  it('stores nothing, and with skip what is true', async () => {
    await fc.assert(
      fc.asyncProperty(offset, fc.option(other), async (at, change) => {
        const bytes = change === null ? FILE.subarray(0, at) : changed(at, change);
        const cache = createCache({ redis: false });
        const restore = (damaged: 'refuse' | 'skip') =>
          cache.restore(Readable.from([bytes]), { damaged, foreign: 'adopt' });
        await expect(restore('refuse')).rejects.toMatchObject({ code: 'ERR_RESPCACHE_BACKUP' });
        expect(await values(cache)).toEqual([]);

        const report = await restore('skip').catch(() => undefined);
        const found = await values(cache);
        expect(found.length).toBe(report?.restored ?? 0);
        for (const [i, value] of (await cache.mget(NAMES, 'c')).entries())
          expect([undefined, NAMES[i]]).toContain(value);
        if (report !== undefined) expect(report.truncated || report.damagedBlocks > 0).toBe(true);
        await cache.close();
      }),
      { numRuns: 25 },
    );
  });
});
