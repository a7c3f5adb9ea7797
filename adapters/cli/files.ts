import type { BackupReport } from '../../src/backup/backup.js';
import type { RestoreReport } from '../../src/backup/restore.js';
import { BackupError } from '../../src/errors.js';
import { EXIT, Failure } from './failure.js';
import { messageOf, type Session } from './session.js';
import { bytes, count, visible } from './terminal.js';

export interface FileOptions {
  readonly tenant?: readonly string[];
}

/** `backup`: all that is valid, into a file. */
export async function backup(
  { cache, terminal, signal }: Session,
  file: string,
  { tenant }: FileOptions,
): Promise<void> {
  const bar = terminal.progress('saving');
  let report: BackupReport;
  try {
    report = await cache.backup(file, {
      ...(tenant === undefined ? {} : { tenants: tenant }),
      signal,
      onProgress: ({ entries, bytes: size }) => bar.set(entries, entries, bytes(size)),
    });
  } catch (error) {
    throw named(error, `${visible(file)} cannot be written`, ['open', 'write', 'fsync', 'rename']);
  } finally {
    bar.end();
  }
  if (terminal.json) return terminal.document(report);
  const left = `${count(report.invalidated)} invalidated, ${count(report.expired)} expired, ${count(report.unreadable)} unreadable left out`;
  terminal.line(`${count(report.entries)} entries in ${visible(file)}, ${bytes(report.bytes)} (${left}).`);
}

/** What the system says alone names neither the file nor what was to become of it. */
function named(error: unknown, what: string, calls: readonly string[]): unknown {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && calls.includes(syscall) ? new Failure(`${what}: ${messageOf(error)}`) : error;
}

export interface RestoreCommandOptions extends FileOptions {
  readonly damaged?: 'refuse' | 'skip';
  readonly foreign?: 'refuse' | 'adopt';
}

/** `restore`: a file back into the cache, after all of it was verified. */
export async function restore(session: Session, file: string, options: RestoreCommandOptions): Promise<void> {
  const { cache, terminal, signal, yes } = session;
  const { tenant, damaged, foreign } = options;
  const risk = foreign === 'adopt' ? ' What was invalidated or erased since it was made may be served again.' : '';
  await terminal.confirm(`Restore ${visible(file)}?${risk}`, yes, signal);
  const bar = terminal.progress('restoring');
  let report: RestoreReport;
  let sofar = 0;
  try {
    report = await cache.restore(file, {
      ...(tenant === undefined ? {} : { tenants: tenant }),
      ...(damaged === undefined ? {} : { damaged }),
      ...(foreign === undefined ? {} : { foreign }),
      signal,
      onProgress: ({ phase, bytes: done, totalBytes, restored }) => {
        sofar = restored;
        bar.set(Math.round(done / 1024), Math.round(totalBytes / 1024), phase === 'verify' ? 'verified' : 'restored');
      },
    });
  } catch (error) {
    if (!signal.aborted && error instanceof BackupError) throw advised(error);
    if (!signal.aborted || sofar === 0) throw named(error, `${visible(file)} cannot be read`, ['stat', 'open', 'read']);
    const message = `Broken off: ${count(sofar)} entries are restored, and stay. The same command goes on with the rest.`;
    throw new Failure(message, EXIT.interrupted);
  } finally {
    bar.end();
  }
  if (terminal.json) terminal.document(report);
  else {
    terminal.line(`${count(report.restored)} of ${count(report.entries)} entries restored.`);
    for (const [name, why] of [
      ['kept', 'are there already, as new or newer'],
      ['expired', 'have expired'],
      ['invalidated', 'were invalidated'],
      ['unjudged', 'left out: nobody can tell whether they were valid'],
      ['others', 'belong to other tenants'],
      ['damaged', 'are damaged'],
    ] as const)
      if (report[name] > 0) terminal.line(`${count(report[name])} ${why}.`);
    for (const problem of report.problems) terminal.line(visible(problem));
  }
  if (report.problems.length > 0) throw new Failure('The file is damaged: what was whole in it is restored.');
}

/** What can be done about it here. */
function advised(error: BackupError): unknown {
  const { problem, message } = error;
  if (problem === 'foreign') return new Failure(`${message} (here: --foreign adopt).`);
  // Without a header that is whole nothing of it can be read.
  const partly = (problem === 'damaged' || problem === 'truncated') && !/\bheader\b/.test(message);
  return partly ? new Failure(`${message}. Nothing was restored: --damaged skip restores what is whole.`) : error;
}
