import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { listening } from '../ask.js';
import type { Services } from '../backend.js';
import { oneOf } from '../check.js';
import { BackupError, ConfigError } from '../errors.js';
import type { Findings } from './findings.js';
import { type Common, type CommonOptions, heard, reasonOf, resolveCommon } from './options.js';
import { NOTHING_PLACED, Placing, type PlacingCounts, type Terms } from './placing.js';
import { BackupFile, type Block } from './reader.js';

/** How a backup is restored. */
export interface RestoreOptions extends CommonOptions {
  /**
   * What becomes of a file that is damaged or cut off: `'refuse'` (default): nothing is restored; `'skip'`: what is whole
   * is restored, and the rest is counted.
   */
  damaged?: 'refuse' | 'skip';
  /**
   * What becomes of a backup that another ledger belongs to: that of another `prefix`, of another process' memory, or one
   * that has been lost since (`FLUSHALL`). What was invalidated since the backup began cannot be known then. `'refuse'`
   * (default): nothing is restored; `'adopt'`: everything that has not expired is restored as if nothing had been
   * invalidated since, so that **what was invalidated or erased after the backup began is served again**, until it
   * expires or is invalidated anew.
   */
  foreign?: 'refuse' | 'adopt';
  /** Told now and then how far it is. */
  onProgress?: (progress: RestoreProgress) => void;
}

/** How far a restore is. */
export interface RestoreProgress extends PlacingCounts {
  /** All of the file is verified first, then it is restored. */
  readonly phase: 'verify' | 'restore';
  /** How much of the file has been gone through in this phase, bytes. */
  readonly bytes: number;
  /** How long the file is, bytes. */
  readonly totalBytes: number;
}

/** What a restore has come to. */
export interface RestoreReport extends PlacingCounts {
  /** When the backup was begun: ms since 1970. */
  readonly createdAt: number;
  /** Entries that are whole in the file; each is in one of the counts beside. */
  readonly entries: number;
  /** How long the file is, bytes. */
  readonly bytes: number;
  /** Whether it is of another ledger, and was adopted. */
  readonly adopted: boolean;
  /** Entries that are damaged, as far as their number can be told. Only with `damaged: 'skip'` these are not 0. */
  readonly damaged: number;
  /** Blocks of the file that are damaged or missing, as far as their number can be told. */
  readonly damagedBlocks: number;
  /** Whether the file ends before its end. */
  readonly truncated: boolean;
  /** The first things that were found wrong, in words. */
  readonly problems: readonly string[];
}

interface Settled extends Common {
  readonly skip: boolean;
  readonly adopt: boolean;
  readonly onProgress: ((progress: RestoreProgress) => void) | undefined;
}

/** Restores the entries in a file or a stream into a cache. `Cache.restore` says how. */
export async function restore(
  services: Services,
  from: string | Readable,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const settled = resolve(options, services);
  if (typeof from === 'string' ? from === '' : typeof (from as Partial<Readable> | null)?.pipe !== 'function')
    throw new ConfigError('the source of a restore', from, 'the path of a file, or a Readable');
  settled.signal?.throwIfAborted();
  if (typeof from === 'string') return restoreFile(services, from, settled);
  return heard(from, () => restoreStream(services, from, settled));
}

/** By way of a file: all of it is checked before anything is stored. */
async function restoreStream(services: Services, from: Readable, settled: Settled): Promise<RestoreReport> {
  const folder = await mkdtemp(join(tmpdir(), 'respcache-restore-'));
  try {
    const path = join(folder, 'backup');
    const { signal } = settled;
    const spooling = () => pipeline(from, createWriteStream(path, { mode: 0o600 }), signal ? { signal } : {});
    await reasonOf(signal, spooling);
    return await restoreFile(services, path, settled);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function resolve(options: RestoreOptions, { events }: Services): Settled {
  const common = resolveCommon(options, ['damaged', 'foreign']);
  return {
    ...common,
    skip: oneOf('option damaged', options.damaged ?? 'refuse', ['refuse', 'skip']) === 'skip',
    adopt: oneOf('option foreign', options.foreign ?? 'refuse', ['refuse', 'adopt']) === 'adopt',
    onProgress: options.onProgress && listening(events, 'restore', options.onProgress),
  };
}

async function restoreFile(services: Services, path: string, settled: Settled): Promise<RestoreReport> {
  const file = await BackupFile.open(path);
  try {
    const verified = await passOver(file, settled, async ({ offset }) => {
      settled.onProgress?.({ phase: 'verify', bytes: offset, totalBytes: file.size, ...NOTHING_PLACED });
    });
    const terms = await termsFor(services, file, verified, settled);
    const counts = await placeAll(services, file, verified, settled, terms);
    const { entries, damaged, damagedBlocks, end, problems } = verified;
    return {
      createdAt: file.header.createdAt,
      entries,
      ...counts,
      bytes: file.size,
      adopted: terms.foreign,
      damaged,
      damagedBlocks,
      truncated: end === undefined,
      problems,
    };
  } finally {
    await file.close();
  }
}

/** Where the ledger is before anything is stored. @throws {BackupError} if it is another one, and that is not allowed */
async function termsFor(services: Services, file: BackupFile, verified: Findings, settled: Settled): Promise<Terms> {
  const { backend } = services;
  await backend.sync();
  const position = backend.ledger.position()!;
  const { epoch, sequence } = file.header;
  const end = verified.end?.sequence;
  // A ledger of the same name that is behind what the backup knew has gone back to an older state of its own.
  const foreign = position.epoch !== epoch || position.sequence < (end ?? sequence);
  if (foreign && !settled.adopt)
    throw new BackupError(
      'foreign',
      'the backup belongs to another ledger of invalidations: of another prefix or process, or lost since. What was ' +
        "invalidated since it was made cannot be known; { foreign: 'adopt' } restores it all the same",
    );
  return { tenants: settled.tenants, epoch, end, foreign, position };
}

/** @throws {BackupError} if something fails after a part has been stored: it says how much */
async function placeAll(
  services: Services,
  file: BackupFile,
  verified: Findings,
  settled: Settled,
  terms: Terms,
): Promise<PlacingCounts> {
  const placing = new Placing(services, terms);
  try {
    const found = await passOver(file, settled, async ({ items, offset }) => {
      await placing.place(items);
      settled.onProgress?.({ phase: 'restore', bytes: offset, totalBytes: file.size, ...placing.counts });
    });
    await services.backend.sync();
    if (found.entries !== verified.entries) throw new Error('the file was changed meanwhile');
    if (services.backend.ledger.position()!.epoch !== terms.position.epoch)
      throw new Error('the ledger of invalidations was lost and begun anew, so that nothing of it is valid');
  } catch (error) {
    settled.signal?.throwIfAborted();
    const { restored } = placing.counts;
    const message = `the restore was interrupted after ${restored} of ${verified.entries} entries: ${String(error)}`;
    throw new BackupError('interrupted', message, {}, { cause: error });
  }
  return placing.counts;
}

/** Reads all of the file, and has each block that is whole worked on. */
async function passOver(
  file: BackupFile,
  { skip, signal }: Settled,
  work: (block: Block) => Promise<void>,
): Promise<Findings> {
  const blocks = file.blocks(skip);
  for (;;) {
    signal?.throwIfAborted();
    const { value, done } = await blocks.next();
    if (done) return value;
    await work(value);
  }
}
