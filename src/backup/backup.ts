import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { listening } from '../ask.js';
import type { Services } from '../backend.js';
import { encode, VERSION } from '../entry/codec.js';
import type { Position } from '../entry/entry.js';
import { BackupError, ConfigError } from '../errors.js';
import { keySpace, ownerOfKey, subjectOfKey } from '../request/key.js';
import type { Scanned, StoreItem } from '../stores/store.js';
import { encodeRecord } from './format.js';
import { type Common, type CommonOptions, heard, reasonOf, resolveCommon } from './options.js';
import { fileOf } from './writer.js';

/** How a backup is made. */
export interface BackupOptions extends CommonOptions {
  /** Told now and then how far it is. */
  onProgress?: (progress: BackupProgress) => void;
}

/** How far a backup is. */
export interface BackupProgress {
  /** Entries that are in it: responses, the indexes of their variants, values and counters. */
  readonly entries: number;
  /** How long it is, bytes. */
  readonly bytes: number;
  /** Entries left out because something has invalidated them. */
  readonly invalidated: number;
  /** Entries left out because they have expired. */
  readonly expired: number;
  /** What is no entry, was written by another version, or is longer than 64 MiB. */
  readonly unreadable: number;
}

/** What a backup has come to. */
export interface BackupReport extends BackupProgress {
  /** When it began: ms since 1970. */
  readonly createdAt: number;
}

/** Writes the entries of a cache into a file or a stream. `Cache.backup` says how. */
export async function backup(
  services: Services,
  to: string | Writable,
  options: BackupOptions = {},
): Promise<BackupReport> {
  const common = resolveCommon(options);
  if (typeof to === 'string' ? to === '' : typeof (to as Partial<Writable> | null)?.write !== 'function')
    throw new ConfigError('the destination of a backup', to, 'the path of a file, or a Writable');
  common.signal?.throwIfAborted();
  const making = () => make(services, to, common, options.onProgress);
  return typeof to === 'string' ? making() : heard(to, making);
}

async function make(
  services: Services,
  to: string | Writable,
  common: Common,
  onProgress: BackupOptions['onProgress'],
): Promise<BackupReport> {
  const destination = typeof to === 'string' ? await placeOf(to) : to;
  const copy = new Backup(services, common, onProgress && listening(services.events, 'backup', onProgress));
  const pieces = await copy.begin();
  if (typeof destination !== 'string') refuseEnded(destination);
  const signal = common.signal === undefined ? {} : { signal: common.signal };
  await reasonOf(common.signal, () =>
    typeof destination === 'string' ? toFile(destination, pieces, signal) : pipeline(pieces, destination, signal),
  );
  return copy.report();
}

/** What has failed by now, or was ended: nothing would go through it, nor would it say so, or why (Node 26). */
function refuseEnded({ errored, writableFinished }: Writable): void {
  if (errored) throw errored;
  if (writableFinished) throw new BackupError('interrupted', 'the destination was ended before anything was written');
}

/**
 * Where a link leads, which stays what it is. What is no file is left alone: a device, a pipe.
 *
 * @throws {ConfigError}
 */
async function placeOf(path: string): Promise<string> {
  const place = await targetOf(path);
  const found = await stat(place).catch(() => undefined);
  if (found === undefined || found.isFile()) return place;
  throw new ConfigError('the destination of a backup', path, 'the path of a file, new or not, or a Writable');
}

/** A link may lead to what is not there yet, or any more. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    // Links that lead in a circle are another error, so that this ends.
    const next = (error as NodeJS.ErrnoException).code === 'ENOENT' && (await readlink(path).catch(() => undefined));
    return next ? targetOf(resolve(await realpath(dirname(path)), next)) : path;
  }
}

/** Through a file beside it, so that what has its name is always whole. */
async function toFile(path: string, pieces: Readable, signal: { signal?: AbortSignal }): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await pipeline(pieces, createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }), signal);
    await rename(temporary, path);
  } catch (error) {
    // Where that fails, too, what was first tells more.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** One backup on its way. */
class Backup {
  readonly #services: Services;
  readonly #common: Common;
  readonly #onProgress: ((progress: BackupProgress) => void) | undefined;
  readonly #createdAt: number;
  #progress: BackupProgress = { entries: 0, bytes: 0, invalidated: 0, expired: 0, unreadable: 0 };

  constructor(services: Services, common: Common, onProgress: ((progress: BackupProgress) => void) | undefined) {
    this.#services = services;
    this.#common = common;
    this.#onProgress = onProgress;
    this.#createdAt = services.settings.clock.now();
  }

  /** The file's bytes, made as they are read. */
  async begin(): Promise<Readable> {
    const { epoch, sequence } = await this.#position();
    const header = { createdAt: this.#createdAt, frames: VERSION, epoch, sequence };
    return Readable.from(this.#counted(fileOf(header, this.#records(epoch), () => this.#end(epoch))), {
      objectMode: false,
    });
  }

  report(): BackupReport {
    return { ...this.#progress, createdAt: this.#createdAt };
  }

  async #position(): Promise<Position> {
    const { backend } = this.#services;
    await backend.sync();
    return backend.ledger.position()!;
  }

  /** Where the ledger is now that all has been read. @throws {BackupError} if it is another one by now */
  #end(epoch: string): { sequence: number } {
    const position = this.#services.backend.ledger.position()!;
    if (position.epoch !== epoch)
      throw new BackupError('interrupted', 'the ledger of invalidations was lost and begun anew during the backup');
    return { sequence: position.sequence };
  }

  async *#counted(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      this.#progress = { ...this.#progress, bytes: this.#progress.bytes + piece.length };
      yield piece;
    }
  }

  async *#records(epoch: string): AsyncGenerator<readonly Buffer[]> {
    const { backend } = this.#services;
    const scan = this.#scan();
    try {
      for (;;) {
        this.#common.signal?.throwIfAborted();
        const { value: step } = await backend.maintain(() => scan.next());
        if (step === undefined) break;
        yield this.#recordsOf(step, epoch);
        this.#onProgress?.(this.#progress);
      }
      // What was invalidated up to here is known to whoever restores.
      await backend.sync();
    } finally {
      // Not waited for: it may be waiting itself, for a server that does not answer.
      scan.return?.().catch(() => {});
    }
  }

  #scan(): AsyncIterator<Scanned, undefined> {
    const { settings, backend } = this.#services;
    const { prefix } = settings;
    const { tenants } = this.#common;
    const [only] = tenants?.size === 1 ? tenants : [];
    const wanted = tenants && ((key: string) => tenants.has(ownerOfKey(prefix, key).tenant));
    return backend.store.scan(keySpace(prefix, only), wanted && { wanted })[Symbol.asyncIterator]();
  }

  #recordsOf({ items, expired, unreadable }: Scanned, epoch: string): Buffer[] {
    const { prefix } = this.#services.settings;
    const standing = items.filter((item) => this.#stands(item, epoch));
    const records = standing.flatMap(({ key, entry }) => {
      const bare = key.slice(prefix.length);
      return encodeRecord(bare, encode(bare, entry)) ?? [];
    });
    const { bytes, ...before } = this.#progress;
    this.#progress = {
      bytes,
      entries: before.entries + records.length,
      invalidated: before.invalidated + items.length - standing.length,
      expired: before.expired + expired,
      unreadable: before.unreadable + unreadable + standing.length - records.length,
    };
    return records;
  }

  #stands({ key, entry }: StoreItem, epoch: string): boolean {
    const { settings, backend } = this.#services;
    return entry.asOf.epoch === epoch && backend.ledger.stands(subjectOfKey(settings.prefix, key, entry), entry.asOf);
  }
}
