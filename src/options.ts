import { aboveZero, anObject, flag, knownOnly, oneOf, wholeNumber, wholeOrText } from './check.js';
import { type Clock, systemClock } from './clock.js';
import { checkHost, checkKind, checkPrefix, checkUrl, readEnvironment, withoutSecrets } from './environment.js';
import { ConfigError } from './errors.js';
import { DEFAULT_ROUTE, type Route, resolveRoute } from './route.js';
import { ROUTE_OPTIONS, type RouteOptions } from './route-options.js';
import type { Thresholds } from './stats/health.js';
import type { Logger } from './stats/log.js';
import type { RedisTarget } from './stores/redis-client.js';
import type { Store } from './stores/store.js';

/** What `createCache` takes. Everything is optional; what is left out comes from the environment, then the default. */
// biome-ignore lint/suspicious/noExplicitAny: functions are called with the request of whichever framework asks: the application knows which.
export interface CacheOptions extends RouteOptions<any> {
  /**
   * A URL, ioredis options (Sentinel's too), `{ cluster: nodes }`, or an ioredis 5 or 6 client, which stays yours.
   * `false`: the in-memory store, whatever the environment says. Default: `REDIS_URL`, or `REDIS_HOST` or
   * `REDIS_PORT`, else memory.
   */
  redis?: RedisTarget | URL | false | undefined;
  /**
   * A store of your own in the place of the in-memory one, for this process alone; it is closed with the cache. Guarded as Redis
   * is (`timeout`, `breaker`). `respcache/testing` has the tests that say whether it is one. Default: none.
   */
  store?: Store;
  /**
   * Whether responses from Redis are also kept in this process (bounded by `maxItems` and `maxBytes`) and served from
   * there without asking Redis. Default `true`. Values of the programmatic API are always read from Redis.
   */
  l1?: boolean;
  /**
   * `'pushed'` (default): what another process invalidates is dropped here when its push arrives, within milliseconds.
   * `'strong'`: each lookup asks Redis for the ledger's head first.
   */
  consistency?: 'pushed' | 'strong';
  /** Milliseconds that this process serves from its own memory without a word from the ledger. Default 1000. */
  maxDisconnected?: number;
  /**
   * Milliseconds that a request waits for another's answer to the same before it runs the handler too; and for an asynchronous
   * function `tenant`, before it passes by. Default 10,000.
   */
  collapseTimeout?: number;
  /**
   * Milliseconds that a run of the application in the background (for `staleWhileRevalidate` and `earlyRefresh`) may take
   * before it is given up. Default 30,000.
   */
  refreshTimeout?: number;
  /** How many such runs may be under way at the same time in this process. Default 20. */
  maxRefreshes?: number;
  /** Seconds between sweeps that remove invalidated entries from Redis before they expire; `false`: none. Default 60. */
  sweepInterval?: number | false;
  /** Items that the in-memory store keeps at the most. Default `CACHE_MAX_ITEMS`, else 1000. */
  maxItems?: number;
  /** Bytes that it keeps at the most. Default `CACHE_MAX_BYTES`, else 67,108,864. */
  maxBytes?: number;
  /**
   * Put before every key. Caches with different prefixes do not see each other, as long as none is another one with `client:`,
   * `session:` or `limit:` behind it: what sweeps or clears that one would remove its keys. Default `CACHE_PREFIX`, else none.
   */
  prefix?: string;
  /** Milliseconds that a request waits for the store at the most, before it goes on without it. Default 50. */
  timeout?: number;
  /** When to stop trying: after `failures` in a row (default 5), for `openFor` ms (default 1000). */
  breaker?: { failures?: number; openFor?: number };
  /** From how many errors within `errorWindow` on `health()` says `degraded`. Default 5. */
  degradedErrors?: number;
  /** From how many on it says `unhealthy`. Default 10. */
  unhealthyErrors?: number;
  /** How long an error counts, seconds. Default 60. */
  errorWindow?: number;
  /**
   * Seconds between two times that this process puts its figures into Redis, for whoever asks for those of all processes;
   * `false`: never. Default 5.
   */
  publishInterval?: number | false;
  /**
   * Where it is told what the cache does, as pino takes it (`console` will do): hits, misses and what is stored at
   * `debug`, failures at `error`, one in ten seconds for each operation. Default: nowhere.
   */
  logger?: Logger;
  /** Where writes of `writeBehind` wait until they are persisted. */
  writeBehind?: {
    /** In Redis, by BullMQ (a package of its own): a process that is killed loses nothing. Default `false`: in this process. */
    durable?: boolean;
    /** How many may wait, dead letters counted. Default 10,000. */
    maxQueue?: number;
    /** How long a writer waits for room, ms, before it is given a `QueueFullError`. Default 1000. */
    waitForRoom?: number;
    /** How long `close()` waits for what waits in this process, or, of durable writes, for those at work, ms. Default 10,000. */
    closeTimeout?: number;
    /** After how many ms the work of a process that has died is given to another. Default 5000. */
    lease?: number;
  };
  /** Where the time comes from; for tests. */
  clock?: Clock;
}

/** Cache options, checked and complete. */
export interface Settings {
  readonly redis: RedisTarget | undefined;
  readonly store: Store | undefined;
  readonly l1: boolean;
  readonly consistency: 'pushed' | 'strong';
  readonly maxDisconnected: number;
  readonly collapseTimeout: number;
  readonly refreshTimeout: number;
  readonly maxRefreshes: number;
  /** Seconds; 0 for none. */
  readonly sweepInterval: number;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly prefix: string;
  readonly timeout: number;
  readonly breaker: { readonly failures: number; readonly openFor: number };
  readonly health: Thresholds;
  /** Seconds. */
  readonly errorWindow: number;
  /** Seconds; 0 for never. */
  readonly publishInterval: number;
  readonly logger: Logger | undefined;
  readonly writeBehind: Required<NonNullable<CacheOptions['writeBehind']>>;
  readonly clock: Clock;
  readonly route: Route;
}

const OWN = [
  'redis',
  'store',
  'l1',
  'consistency',
  'maxDisconnected',
  'collapseTimeout',
  'refreshTimeout',
  'maxRefreshes',
  'sweepInterval',
  'maxItems',
  'maxBytes',
  'prefix',
  'timeout',
  'breaker',
  'degradedErrors',
  'unhealthyErrors',
  'errorWindow',
  'publishInterval',
  'logger',
  'writeBehind',
  'clock',
];

/** Checks the options and fills them up. @throws {ConfigError} */
export function resolveSettings(options: CacheOptions): Settings {
  anObject('the options of createCache', options);
  knownOnly('', options, [...OWN, ...ROUTE_OPTIONS]);
  const environment = readEnvironment(process.env, options.redis === undefined && options.store === undefined);
  // Defaults for what is not said: `null` is said, and is no value of any of them.
  const { l1 = true, consistency = 'pushed', maxDisconnected = 1000, collapseTimeout = 10_000 } = options;
  const { refreshTimeout = 30_000, maxRefreshes = 20, sweepInterval = 60, timeout = 50, breaker = {} } = options;
  const { maxItems = environment.maxItems ?? 1000, maxBytes = environment.maxBytes ?? 67_108_864 } = options;
  const { degradedErrors = 5, unhealthyErrors = 10, errorWindow = 60, publishInterval = 5 } = options;
  const { writeBehind = {}, clock = systemClock } = options;
  knownOnly('breaker.', anObject('option breaker', breaker), ['failures', 'openFor']);
  const { failures = 5, openFor = 1000 } = breaker;
  const store = options.store === undefined ? undefined : checkStore(options.store, options.redis);
  const { redis: given = store === undefined ? environment.redis : false } = options;
  const redis = given === undefined ? undefined : checkRedis(given);
  return Object.freeze({
    redis,
    store,
    l1: flag('option l1', l1),
    consistency: oneOf('option consistency', consistency, ['pushed', 'strong']),
    maxDisconnected: aboveZero('option maxDisconnected', maxDisconnected, 'milliseconds'),
    collapseTimeout: wholeNumber('option collapseTimeout', collapseTimeout, 1, 86_400_000),
    refreshTimeout: wholeNumber('option refreshTimeout', refreshTimeout, 1, 86_400_000),
    maxRefreshes: wholeNumber('option maxRefreshes', maxRefreshes, 1),
    sweepInterval: checkInterval('sweepInterval', sweepInterval),
    maxItems: wholeNumber('option maxItems', maxItems, 1),
    maxBytes: wholeNumber('option maxBytes', maxBytes, 1),
    prefix: options.prefix === undefined ? (environment.prefix ?? '') : checkPrefix('option prefix', options.prefix),
    timeout: aboveZero('option timeout', timeout, 'milliseconds'),
    breaker: {
      failures: wholeNumber('option breaker.failures', failures, 1),
      openFor: aboveZero('option breaker.openFor', openFor, 'milliseconds'),
    },
    health: {
      degradedErrors: wholeNumber('option degradedErrors', degradedErrors, 1),
      unhealthyErrors: wholeNumber('option unhealthyErrors', unhealthyErrors, 1),
    },
    errorWindow: aboveZero('option errorWindow', errorWindow, 'seconds'),
    publishInterval: checkInterval('publishInterval', publishInterval),
    logger: options.logger === undefined ? undefined : checkLogger(options.logger),
    writeBehind: checkWriteBehind(writeBehind, redis !== undefined),
    clock: checkClock(clock),
    route: resolveRoute(
      options,
      environment.ttl === undefined ? DEFAULT_ROUTE : resolveRoute({ ttl: environment.ttl }, DEFAULT_ROUTE),
    ),
  });
}

function checkRedis(redis: RedisTarget | URL | false): RedisTarget | undefined {
  if (redis === false) return undefined;
  if (typeof redis === 'string') return checkUrl('option redis', redis);
  // ioredis would take its `host`, which has the port in it, for a name, and pass over the rest.
  if (redis instanceof URL) return checkUrl('option redis', String(redis));
  if (typeof redis === 'object' && redis !== null && !Array.isArray(redis)) {
    if ('status' in redis) return redis;
    if (!('cluster' in redis)) return checkAddress('option redis', checkKind(redis));
    knownOnly('redis.', redis, ['cluster', 'options']);
    const nodes = redis.cluster;
    if (!Array.isArray(nodes) || nodes.length === 0)
      throw new ConfigError('option redis.cluster', told(nodes), 'a list of nodes such as { host, port }');
    for (const [i, node] of nodes.entries()) checkNode(`option redis.cluster[${i}]`, node);
    return redis;
  }
  throw new ConfigError(
    'option redis',
    told(redis),
    'a URL, ioredis options, { cluster: nodes }, an ioredis client, or false',
  );
}

/** What is given for Redis, as an error may show it. */
function told(given: unknown): unknown {
  if (typeof given === 'string') return withoutSecrets(given);
  if (Array.isArray(given)) return given.length === 0 ? given : 'a list';
  return typeof given === 'object' && given !== null ? 'an object' : given;
}

/** A node of a Cluster, as ioredis takes it: its address, its port alone, or a URL. */
function checkNode(setting: string, node: unknown): void {
  if (typeof node === 'number') wholeNumber(setting, node, 1, 65_535);
  else if (typeof node === 'object' && node !== null) checkAddress(setting, node);
  else if (typeof node !== 'string' || node === '')
    throw new ConfigError(setting, node, 'a node such as { host, port }, a port, or a URL');
}

/**
 * Where Redis is, by ioredis' options, whose numbers may be texts. Of a database that is no number it would reject a promise
 * that nobody has, which ends the process; of another mistake it would go on connecting in vain.
 */
function checkAddress<T extends { host?: unknown; port?: unknown; db?: unknown }>(setting: string, options: T): T {
  const { host, port, db } = options;
  if (typeof host === 'string')
    checkHost(`${setting}.host`, host, 'a port goes into port, a URL in place of the object');
  if (port !== undefined) wholeOrText(`${setting}.port`, port, 65_535);
  if (db !== undefined && db !== null) wholeOrText(`${setting}.db`, db, 2 ** 31);
  return options;
}

const STORE = ['get', 'set', 'delete', 'increment', 'swap', 'sweep', 'scan', 'ping', 'close'] as const;

function checkStore(store: Store, redis: CacheOptions['redis']): Store {
  const known = store as Partial<Store> | null;
  if (!STORE.every((name) => typeof known?.[name] === 'function'))
    throw new ConfigError('option store', store, `an object with ${STORE.join(', ')}`);
  if (known?.capabilities?.shared !== false)
    throw new ConfigError(
      'option store',
      'one that is not known to be of this process alone (capabilities.shared: false)',
      'one that is: other processes would not hear of what is invalidated here',
    );
  if (redis !== undefined && redis !== false)
    throw new ConfigError('option redis', redis, 'false beside option store, or nothing');
  return store;
}

function checkInterval(name: string, interval: unknown): number {
  if (interval === false) return 0;
  if (typeof interval === 'number' && interval > 0 && interval <= 86_400) return interval;
  throw new ConfigError(`option ${name}`, interval, 'a number of seconds above 0, at most a day, or false');
}

function checkWriteBehind(options: NonNullable<CacheOptions['writeBehind']>, shared: boolean): Settings['writeBehind'] {
  const names = ['durable', 'maxQueue', 'waitForRoom', 'closeTimeout', 'lease'];
  knownOnly('writeBehind.', anObject('option writeBehind', options), names);
  const { durable = false, maxQueue = 10_000, waitForRoom = 1000, closeTimeout = 10_000, lease = 5000 } = options;
  flag('option writeBehind.durable', durable);
  if (durable && !shared) throw new ConfigError('option writeBehind.durable', durable, 'false where there is no Redis');
  return {
    durable,
    maxQueue: wholeNumber('option writeBehind.maxQueue', maxQueue, 1),
    waitForRoom: wholeNumber('option writeBehind.waitForRoom', waitForRoom, 0, 86_400_000),
    closeTimeout: wholeNumber('option writeBehind.closeTimeout', closeTimeout, 0, 86_400_000),
    lease: wholeNumber('option writeBehind.lease', lease, 100, 86_400_000),
  };
}

function checkLogger(logger: Logger): Logger {
  const known = logger as Partial<Logger> | null;
  if ((['debug', 'info', 'warn', 'error'] as const).every((level) => typeof known?.[level] === 'function'))
    return logger;
  throw new ConfigError('option logger', logger, 'an object with debug, info, warn and error, such as pino');
}

function checkClock(clock: Clock): Clock {
  if (typeof (clock as Partial<Clock> | null)?.now === 'function') return clock;
  throw new ConfigError('option clock', clock, 'an object with now(), which returns ms since 1970');
}
