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
