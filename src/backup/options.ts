import type { EventEmitter } from 'node:events';
import { aFunction, anObject, aSignal, knownOnly, listOf } from '../check.js';
import { ConfigError } from '../errors.js';
import { escapeTenant } from '../request/tenant.js';

/** What backup and restore both take. */
export interface CommonOptions {
  /**
   * The clients (tenants) whose entries are meant, by their names as requests give them; `''` is that of requests which
   * name none. Default: all.
   */
  tenants?: readonly string[];
  /** Ends it before its time: the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Those options, checked. */
export interface Common {
  /** Escaped; `undefined`: all. */
  readonly tenants: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Checks what backup and restore both take. `known`: the names of the other options. @throws {ConfigError} */
export function resolveCommon(
  options: CommonOptions & { onProgress?: unknown },
  known: readonly string[] = [],
): Common {
  knownOnly('', anObject('the options', options), ['tenants', 'signal', 'onProgress', ...known]);
  const { tenants, signal, onProgress } = options;
  if (onProgress !== undefined) aFunction('option onProgress', onProgress);
  return {
    tenants: tenants === undefined ? undefined : new Set(names(tenants).map(escapeTenant)),
    signal: aSignal(signal),
  };
}

function names(tenants: unknown): readonly string[] {
  const list = listOf(tenants);
  if (list?.length && list.every((each) => typeof each === 'string')) return list;
  throw new ConfigError('option tenants', tenants, "a list of clients' names, at least one");
}

/** Does something with a stream, which may fail before anything goes through it: nobody else hears of that, and the process would end. */
export async function heard<T>(stream: EventEmitter, work: () => Promise<T>): Promise<T> {
  const listener = () => {};
  stream.on('error', listener);
  try {
    return await work();
  } finally {
    stream.off('error', listener);
  }
}

/** What a stream that was aborted rejects with is its own; the caller knows the reason. */
export async function reasonOf<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
