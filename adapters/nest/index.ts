/**
 * For NestJS 10, 11 and 12, on Express.
 *
 * @module respcache/nest
 */

import type { CacheControl } from '../../src/control.js';

// In declarations made of a user's own code TypeScript names what the types here are made of by this module, once it has come upon it.
export type { CacheControl } from '../../src/index.js';
export type {
  CacheableOptions,
  CacheClearOptions,
  CacheInvalidateOptions,
  ClientChoice,
  Of,
} from './behaviour.js';
export { Cacheable, CacheClear, CacheInvalidate } from './decorators.js';
export { CacheInterceptor } from './interceptor.js';
export { CacheModule } from './module.js';
export type { CacheModuleAsyncOptions, CacheModuleOptions, CacheOptionsFactory, RedisAddress } from './options.js';
export { CacheService } from './service.js';

declare global {
  namespace Express {
    interface Response {
      /** How a handler speaks to the cache that its request came through. */
      cache: CacheControl;
    }
  }
}
