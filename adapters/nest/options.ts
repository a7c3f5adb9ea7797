import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency, Type } from '@nestjs/common';
import type { Request } from 'express';
import { type Cache, chosenCache, createCache } from '../../src/cache.js';
import { anObject, knownOnly, wholeOrText } from '../../src/check.js';
import { checkHost } from '../../src/environment.js';
import { ConfigError } from '../../src/errors.js';
import type { CacheOptions } from '../../src/options.js';
import type { RouteOptions } from '../../src/route-options.js';
import type { MaybePromise } from '../../src/types.js';

/**
 * Where Redis is, as configuration services give it: numbers may be texts, an empty text is nothing. Without `host` and
 * `port` the rest says nothing, as in the environment.
 */
export interface RedisAddress {
  /** Default `'localhost'`, where there is a port. */
  host?: string;
  /** Default 6379. */
  port?: number | string;
  username?: string;
  password?: string;
  /** Default 0. */
  db?: number | string;
}

/**
 * What {@link CacheModule} takes: the options of `createCache`, functions among them being called with Express' request;
 * or `cache`, one that is there already, and stays open when the application ends.
 */
export interface CacheModuleOptions
  extends Omit<CacheOptions, keyof RouteOptions | 'store'>,
    Omit<RouteOptions<Request>, 'ttl'>,
    RedisAddress {
  cache?: Cache;
  /** Seconds, also as a text. Default `CACHE_TTL`, else 300. */
  ttl?: number | string | ((req: Request) => number | undefined);
  /**
   * Accepted from configurations for `cache-manager`, where it is a Redis store: this package speaks to Redis by itself, so
   * that it goes without effect beside `host` or `redis`, and is an error without them.
   */
  store?: unknown;
  /** Whether modules that do not import it find the cache, too: the decorators need it where they are used. Default `true`. */
  isGlobal?: boolean;
}

/** Makes the options; for `useClass` and `useExisting`. */
export interface CacheOptionsFactory {
  /** Called once, as the module is made. */
  createCacheOptions(): MaybePromise<CacheModuleOptions>;
}

/** Where options come from that have to be waited for, or need something injected. One of the three ways is taken. */
export interface CacheModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Makes the options of what is injected. */
  // biome-ignore lint/suspicious/noExplicitAny: what is injected is known to its tokens alone, here as in Nest's own modules
  useFactory?: (...args: any[]) => MaybePromise<CacheModuleOptions>;
  /** What `useFactory` is called with. */
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** A class that makes the options, instantiated for this module. */
  useClass?: Type<CacheOptionsFactory>;
  /** The same, provided by one of `imports`. */
  useExisting?: InjectionToken<CacheOptionsFactory>;
  /** As in {@link CacheModuleOptions}; the options that come later cannot say it. Default `true`. */
  isGlobal?: boolean;
}

/** A module's cache, and whether the module made it. */
export interface Held {
  readonly cache: Cache;
  readonly own: boolean;
}

/** The cache that a module's options ask for. @throws {ConfigError} */
export function cacheOf(options: CacheModuleOptions): Held {
  const { cache, isGlobal: _, ...rest } = anObject('the options of CacheModule', options);
  if (cache !== undefined) {
    knownOnly('', rest, ['cache', 'isGlobal']);
    return { cache: chosenCache(cache), own: false };
  }
  return { cache: createCache(cacheOptions(rest)), own: true };
}

/** What is made once the module is there cannot say who sees it. @throws {ConfigError} */
export function checkLate(options: CacheModuleOptions): CacheModuleOptions {
  const { isGlobal } = anObject('the options of CacheModule', options);
  if (isGlobal === undefined || isGlobal === true) return options;
  throw new ConfigError(
    'option isGlobal',
    isGlobal,
    'its false beside useFactory, useClass or useExisting, not from them',
  );
}

function cacheOptions(options: Omit<CacheModuleOptions, 'cache' | 'isGlobal'>): CacheOptions {
  const { host, port, username, password, db, store, ttl, ...rest } = options;
  const address: { host?: string; port?: number } = {
    ...(isSaid(host) ? { host: checkHost('option host', host, 'a port goes into port, a URL into redis') } : {}),
    ...(isSaid(port) ? { port: wholeOrText('option port', port, 65_535) } : {}),
    ...(isSaid(username) ? { username } : {}),
    ...(isSaid(password) ? { password } : {}),
    ...(isSaid(db) ? { db: wholeOrText('option db', db, 2 ** 31) } : {}),
  };
  const addressed = address.host !== undefined || address.port !== undefined;
  if (addressed && rest.redis !== undefined)
    throw new ConfigError('option redis', rest.redis, 'no value beside host and port');
  if (store !== undefined && !addressed && !rest.redis)
    throw new ConfigError('option store', store, 'no value: say with host and port, or redis, where Redis is');
  const seconds = typeof ttl === 'string' && /^\d+(\.\d+)?$/.test(ttl) ? Number(ttl) : ttl;
  return {
    ...(rest as CacheOptions),
    ...(addressed ? { redis: address } : {}),
    ...(seconds === undefined ? {} : { ttl: seconds as number }),
  };
}

function isSaid<T>(value: T | undefined): value is T {
  return value !== undefined && value !== null && value !== '';
}
