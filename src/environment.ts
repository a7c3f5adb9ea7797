import { ConfigError } from './errors.js';
import type { RedisTarget } from './stores/redis-client.js';

/** What the environment says; what is not set there is `undefined`. */
export interface Environment {
  readonly redis: RedisTarget | undefined;
  /** Seconds. */
  readonly ttl: number | undefined;
  readonly maxItems: number | undefined;
  readonly maxBytes: number | undefined;
  readonly prefix: string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads `REDIS_URL`, or `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD` and `REDIS_DB`; `CACHE_TTL` (seconds),
 * `CACHE_MAX_ITEMS`, `CACHE_MAX_BYTES`, `CACHE_PREFIX`. An empty variable counts as not set.
 *
 * `redis`: whether the variables that say where Redis is are asked at all.
 *
 * @throws {ConfigError} that names the variable, what it held and what it takes
 */
export function readEnvironment(variables: Variables = process.env, redis = true): Environment {
  return {
    redis: redis ? readRedis(variables) : undefined,
    ttl: readNumber(variables, 'CACHE_TTL', 'a number of seconds above 0', (n) => n > 0 && Number.isFinite(n)),
    maxItems: readNumber(
      variables,
      'CACHE_MAX_ITEMS',
      'a whole number, 1 or more',
      (n) => Number.isSafeInteger(n) && n >= 1,
    ),
    maxBytes: readNumber(
      variables,
      'CACHE_MAX_BYTES',
      'a whole number of bytes, 1 or more',
      (n) => Number.isSafeInteger(n) && n >= 1,
    ),
    prefix: variables.CACHE_PREFIX
      ? checkPrefix('environment variable CACHE_PREFIX', variables.CACHE_PREFIX)
      : undefined,
  };
}

function readRedis(variables: Variables): RedisTarget | undefined {
  const url = variables.REDIS_URL?.trim();
  // The others are not asked then: where a service is called redis, Kubernetes sets REDIS_PORT to a URL of its own kind.
  if (url) return checkUrl('environment variable REDIS_URL', url);
  const port = readNumber(
    variables,
    'REDIS_PORT',
    'a port from 1 to 65535',
    (n) => Number.isInteger(n) && n >= 1 && n <= 65535,
  );
  const db = readNumber(variables, 'REDIS_DB', 'a whole number, 0 or more', (n) => Number.isInteger(n) && n >= 0);
  const host = variables.REDIS_HOST?.trim();
  if (!host && port === undefined) return undefined;
  if (host) checkHost('environment variable REDIS_HOST', host, 'a port goes into REDIS_PORT, a URL into REDIS_URL');
  const password = variables.REDIS_PASSWORD;
  return { host: host || 'localhost', port: port ?? 6379, db: db ?? 0, ...(password ? { password } : {}) };
}

/** A prefix of keys, checked. @throws {ConfigError} */
export function checkPrefix(setting: string, prefix: unknown): string {
  const fits = typeof prefix === 'string' && prefix.length <= 200 && !/[{}]/.test(prefix) && prefix.isWellFormed();
  // So begin the keys of a cache without a prefix, whose sweep, or whose sessions' `clear`, would remove this one's.
  if (fits && !/^(client|lease|session|limit):/.test(prefix)) return prefix;
  throw new ConfigError(
    setting,
    prefix,
    "a text of at most 200 characters, without braces, that does not begin with 'client:', 'lease:', 'session:' or 'limit:'",
  );
}

/** A URL, a port behind a name, or brackets would be looked up as a name that nobody has. @throws {ConfigError} */
export function checkHost(setting: string, host: string, rest: string): string {
  if (!/[\s/@[\]]/.test(host) && !/^[^:]*:\d*$/.test(host)) return host;
  throw new ConfigError(setting, withoutSecrets(host), `a name or an address alone; ${rest}`);
}

/** Where ioredis' options say that Redis is. */
const PLACES = ['host', 'port', 'path', 'sentinels'] as const;

/**
 * Options of ioredis, and not what other packages take or are: it passes over that, and would look for Redis on this machine.
 *
 * @throws {ConfigError}
 */
export function checkKind<T extends object>(redis: T): T {
  const { get, url, socket } = redis as { readonly get?: unknown; readonly url?: unknown; readonly socket?: unknown };
  if (typeof get === 'function')
    throw new ConfigError('option redis', 'a client of another package', 'an ioredis client, or where Redis is');
  if (PLACES.some((name) => name in redis)) return redis;
  const held = typeof url === 'string' ? withoutSecrets(url) : 'an object';
  if (url !== undefined) throw new ConfigError('option redis.url', held, 'no value; a URL goes in place of the object');
  if (socket !== undefined)
    throw new ConfigError('option redis.socket', 'an object', 'no value; host and port are options of their own');
  return redis;
}

/** A Redis URL, checked for its form. @throws {ConfigError} */
export function checkUrl(setting: string, url: string): string {
  // What follows the host is a number, and nothing else: a name is none that Redis could select.
  if (/^rediss?:\/\/./i.test(url) && URL.canParse(url) && /^(\/(\d+\/?)?)?$/.test(new URL(url).pathname))
    // In capitals ioredis would not know the scheme that asks for TLS, and go on without.
    return url.replace(/^rediss?:/i, (scheme) => scheme.toLowerCase());
  // A path in front of a Unix socket is a form that ioredis takes as well.
  if (url.startsWith('/')) return url;
  throw new ConfigError(setting, withoutSecrets(url), 'a URL such as redis://localhost:6379/0 or rediss://…');
}

/**
 * A URL of Redis that cannot be used, as an error may show it. Where its host is missing, what stands in the place of the port may be
 * the password; and ioredis takes one from the query, too.
 */
export function withoutSecrets(url: string): string {
  return url
    .replace(/\?.*/s, '?***')
    .replace(/^.*@/s, '***@')
    .replace(/^((?:[a-z][a-z\d+.-]*:\/+)?[^:/[]*:)(?!\/|\d{1,5}(?:[/?]|$)).+/is, '$1***');
}

function readNumber(
  variables: Variables,
  name: string,
  takes: string,
  fits: (n: number) => boolean,
): number | undefined {
  const text = variables[name]?.trim();
  if (!text) return undefined;
  const value = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (fits(value)) return value;
  throw new ConfigError(`environment variable ${name}`, text, takes);
}
