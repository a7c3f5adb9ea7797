/** The base of every error that this package throws itself. */
export class RespcacheError extends Error {
  override name = 'RespcacheError';
}

/**
 * A configuration value that cannot be used. The message names the option or environment variable, what it held,
 * and what it takes. Options of a cache, a mount or a route are refused as these are made, never while a request runs; what is
 * given to a call is refused by that call: `cache.set(…, { ttl: -1 })`, or `res.cache.ttl(0)`, which then throws in its handler.
 *
 * @example
 * ```ts
 * createCache({ ttl: -1 });
 * // ConfigError: option ttl is -1; it takes a number of seconds above 0, or a function that returns one
 * ```
 */
export class ConfigError extends RespcacheError {
  override name = 'ConfigError';
  readonly code = 'ERR_RESPCACHE_CONFIG';

  constructor(
    /** The option, argument or variable, for example `option ttl`, `cache.ttl()` or `environment variable CACHE_TTL`. */
    readonly setting: string,
    /** What it held. */
    readonly held: unknown,
    /** What it takes, in words. */
    readonly takes: string,
  ) {
    super(`${setting} is ${show(held)}; it takes ${takes}`);
  }
}

/** A store, the ledger behind it, or an option's function did not answer: refused, timed out, or its breaker is open. */
export class UnavailableError extends RespcacheError {
  override name = 'UnavailableError';
  readonly code = 'ERR_RESPCACHE_UNAVAILABLE';
}

/** A factory took longer than its caller would wait. It goes on, and what it makes is stored. */
export class TimeoutError extends RespcacheError {
  override name = 'TimeoutError';
  readonly code = 'ERR_RESPCACHE_TIMEOUT';
}

/** More writes wait to be persisted than may: what was to be written is not in the cache, and will not be persisted. */
export class QueueFullError extends RespcacheError {
  override name = 'QueueFullError';
  readonly code = 'ERR_RESPCACHE_QUEUE_FULL';
}

/** What is wrong with a backup, or why it could not be made or restored. */
export type BackupProblem =
  /** It does not begin as a backup does. */
  | 'not-a-backup'
  /** Its format, or that of its entries, is one that this version does not read. */
  | 'unknown-version'
  /** It ends before its end. */
  | 'truncated'
  /** Some of it is not as it was written. */
  | 'damaged'
  /** What was invalidated since it was made cannot be known. */
  | 'foreign'
  /** Something failed on the way, or the ledger was lost meanwhile. */
  | 'interrupted';

/** A backup that cannot be made, read or restored; the message says why, and where in the file. */
export class BackupError extends RespcacheError {
  override name = 'BackupError';
  readonly code = 'ERR_RESPCACHE_BACKUP';

  constructor(
    readonly problem: BackupProblem,
    message: string,
    /** Where in the file: bytes from its beginning, and which block, the first being 0. */
    readonly place: { readonly offset?: number; readonly block?: number } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A value, as messages tell of it: of an object with a class of its own only that, for caches and clients hold passwords. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object') return String(value);
  try {
    const of = Array.isArray(value) ? undefined : (Object.getPrototypeOf(value)?.constructor?.name as unknown);
    if (typeof of === 'string' && of !== 'Object' && !('toJSON' in value)) return `an object of the class ${of}`;
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return 'an object';
  }
}
