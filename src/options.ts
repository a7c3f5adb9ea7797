import { aboveZero, anObject, knownOnly, wholeNumber } from './check.js';
import { type Clock, systemClock } from './clock.js';
import { checkUrl, readEnvironment } from './environment.js';
import { ConfigError } from './errors.js';
import { DEFAULT_ROUTE, ROUTE_OPTIONS, type Route, type RouteOptions, resolveRoute } from './route-options.js';
import type { RedisTarget } from './stores/redis-link.js';

/** What `createCache` takes. Everything is optional; what is left out comes from the environment, then the default. */
export interface CacheOptions extends RouteOptions {
  /**
   * A URL, ioredis options (Sentinel's too), `{ cluster: nodes }`, or an ioredis 5 or 6 client, which stays yours.
   * `false`: the in-memory store, whatever the environment says. Default: `REDIS_URL` or `REDIS_HOST`, else memory.
   */
  redis?: RedisTarget | false;
  /** Items that the in-memory store keeps at the most. Default `CACHE_MAX_ITEMS`, else 1000. */
  maxItems?: number;
  /** Bytes that it keeps at the most. Default `CACHE_MAX_BYTES`, else 67,108,864. */
  maxBytes?: number;
  /** Put before every key. Caches with different prefixes do not see each other. Default `CACHE_PREFIX`, else none. */
  prefix?: string;
  /** Milliseconds that a request waits for the store at the most, before it goes on without it. Default 50. */
  timeout?: number;
  /** When to stop trying: after `failures` in a row (default 5), for `openFor` ms (default 1000). */
  breaker?: { failures?: number; openFor?: number };
  /** From how many errors in the last minute on `health()` says `unhealthy`. Default 10. */
  unhealthyErrors?: number;
  /** Where the time comes from; for tests. */
  clock?: Clock;
}

/** Cache options, checked and complete. */
export interface Settings {
  readonly redis: RedisTarget | undefined;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly prefix: string;
  readonly timeout: number;
  readonly breaker: { readonly failures: number; readonly openFor: number };
  readonly unhealthyErrors: number;
  readonly clock: Clock;
  readonly route: Route;
}

const OWN = ['redis', 'maxItems', 'maxBytes', 'prefix', 'timeout', 'breaker', 'unhealthyErrors', 'clock'];

/** Checks the options and fills them up. @throws {ConfigError} */
export function resolveSettings(options: CacheOptions): Settings {
  anObject('the options of createCache', options);
  knownOnly('', options, [...OWN, ...ROUTE_OPTIONS]);
  const environment = readEnvironment();
  const { breaker = {} } = options;
  knownOnly('breaker.', anObject('option breaker', breaker), ['failures', 'openFor']);
  const { ttl = environment.ttl } = options;
  return Object.freeze({
    redis: options.redis === undefined ? environment.redis : checkRedis(options.redis),
    maxItems: wholeNumber('option maxItems', options.maxItems ?? environment.maxItems ?? 1000, 1),
    maxBytes: wholeNumber('option maxBytes', options.maxBytes ?? environment.maxBytes ?? 67_108_864, 1),
    prefix: checkPrefix(options.prefix ?? environment.prefix ?? ''),
    timeout: aboveZero('option timeout', options.timeout ?? 50, 'milliseconds'),
    breaker: {
      failures: wholeNumber('option breaker.failures', breaker.failures ?? 5, 1),
      openFor: aboveZero('option breaker.openFor', breaker.openFor ?? 1000, 'milliseconds'),
    },
    unhealthyErrors: wholeNumber('option unhealthyErrors', options.unhealthyErrors ?? 10, 1),
    clock: options.clock ?? systemClock,
    route: resolveRoute(ttl === undefined ? options : { ...options, ttl }, DEFAULT_ROUTE),
  });
}

function checkRedis(redis: RedisTarget | false): RedisTarget | undefined {
  if (redis === false) return undefined;
  if (typeof redis === 'string') return checkUrl('option redis', redis);
  if (typeof redis === 'object' && redis !== null && !Array.isArray(redis)) return redis;
  throw new ConfigError(
    'option redis',
    redis,
    'a URL, ioredis options, { cluster: nodes }, an ioredis client, or false',
  );
}

function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && prefix.length <= 200 && !/[{}]/.test(prefix)) return prefix;
  throw new ConfigError('option prefix', prefix, 'a text of at most 200 characters, without braces');
}
