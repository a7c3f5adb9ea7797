import { Inject, Injectable } from '@nestjs/common';
import type { Cache } from '../../src/cache.js';

/** The cache itself, as what a {@link CacheModule} provides. */
export const CACHE: unique symbol = Symbol('respcache.cache');

/**
 * What is injected: the module's {@link Cache}, with all of its methods. It may also stand among the providers of a module
 * of your own that imports {@link CacheModule}: it is the same cache.
 *
 * @example
 * ```ts
 * @Injectable()
 * export class UsersService {
 *   constructor(private readonly cacheService: CacheService) {}
 * }
 * ```
 */
export type CacheService = Cache;

// A class only so that Nest and `emitDecoratorMetadata` can name it. What it gives is the cache, so that whatever the
// cache can do needs no twin here.
/** The token for it: see the type of the same name. */
export const CacheService: new (cache: Cache) => Cache = class CacheService {
  constructor(cache: Cache) {
    // biome-ignore lint/correctness/noConstructorReturn: it is how one class stands for the instance of another
    return cache;
  }
} as new (
  cache: Cache,
) => Cache;

Injectable()(CacheService);
Inject(CACHE)(CacheService, undefined, 0);
