/** The base of every error that this package throws itself. */
export class RespcacheError extends Error {
  override name = 'RespcacheError';
}

/**
 * A configuration value that cannot be used. The message names the option or environment variable, what it held,
 * and what it takes. Thrown at construction, never while a request runs.
 *
 * @example
 * ```ts
 * createCache({ ttl: -1 });
 * // ConfigError: option ttl is -1; it takes a number of seconds above 0
 * ```
 */
export class ConfigError extends RespcacheError {
  override name = 'ConfigError';
  readonly code = 'ERR_RESPCACHE_CONFIG';

  constructor(
    /** The option or variable, for example `option ttl` or `environment variable CACHE_TTL`. */
    readonly setting: string,
    /** What it held. */
    readonly held: unknown,
    /** What it takes, in words. */
    readonly takes: string,
  ) {
    super(`${setting} is ${show(held)}; it takes ${takes}`);
  }
}

/** A store, or the ledger behind it, did not answer: refused, timed out, or its breaker is open. */
export class UnavailableError extends RespcacheError {
  override name = 'UnavailableError';
  readonly code = 'ERR_RESPCACHE_UNAVAILABLE';
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object') return String(value);
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return 'an object';
  }
}
