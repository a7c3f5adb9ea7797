import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { anObject, flag, knownOnly } from '../../src/check.js';
import { ConfigError, RespcacheError } from '../../src/errors.js';
import type { MaybePromise } from '../../src/types.js';
import { behaviourOf, isForgotten, isRoute } from './behaviour.js';
import { layersOf } from './layers.js';
import { checkMethod } from './methods.js';
import {
  type CacheModuleAsyncOptions,
  type CacheModuleOptions,
  type CacheOptionsFactory,
  cacheOf,
  checkLate,
  type Held,
} from './options.js';
import { CACHE, CacheService } from './service.js';

const HELD: unique symbol = Symbol('respcache.held');
const FACTORY: unique symbol = Symbol('respcache.factory');
const NUMBER: unique symbol = Symbol('respcache.number');

/** Nest 10 takes modules for one that look alike in JSON; each call here makes one of its own. */
let made = 0;

/**
 * Provides a cache as {@link CacheService}, to all modules unless `isGlobal` is false. It is made when the application
 * starts; what it opened it closes after the server, when the application ends (`app.close()`, or a signal with
 * `app.enableShutdownHooks()`).
 *
 * @example
 * ```ts
 * @Module({ imports: [CacheModule.forRoot({ redis: 'redis://localhost:6379', ttl: 300 })] })
 * export class AppModule {}
 * ```
 */
export class CacheModule implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #held: Held;
  readonly #modules: ModulesContainer;

  /** Nest calls it. @internal */
  constructor(held: Held, modules: ModulesContainer) {
    this.#held = held;
    this.#modules = modules;
  }

  /**
   * A cache from options that are there. Without any it is made from the environment, as `createCache()` does.
   *
   * @throws {ConfigError} for an option that cannot be used; of the cache's own, when the application starts
   */
  static forRoot(options: CacheModuleOptions = {}): DynamicModule {
    const { isGlobal } = anObject('the options of CacheModule', options);
    return moduleOf(isGlobal, [{ provide: HELD, useFactory: () => cacheOf(options) }]);
  }

  /**
   * A cache from options that have to be waited for, or need something injected.
   *
   * @throws {ConfigError} for an option that cannot be used; of the cache's own, when the application starts
   * @example
   * ```ts
   * CacheModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ host: config.get('REDIS_HOST'), port: config.get('REDIS_PORT') }),
   * });
   * ```
   */
  static forRootAsync(options: CacheModuleAsyncOptions): DynamicModule {
    const { isGlobal, imports = [], ...source } = anObject('the options of CacheModule', options);
    return { ...moduleOf(isGlobal, providersOf(source)), imports };
  }

  /** The same as {@link forRoot}. */
  static register(options: CacheModuleOptions = {}): DynamicModule {
    return CacheModule.forRoot(options);
  }

  /** The same as {@link forRootAsync}. */
  static registerAsync(options: CacheModuleAsyncOptions): DynamicModule {
    return CacheModule.forRootAsync(options);
  }

  /**
   * Mounts decorated routes before the first request: what one process has stored by a route's rules another may have to
   * invalidate. And finds decorators whose options cannot be used.
   */
  onModuleInit(): void {
    for (const { imports, controllers, providers } of this.#modules.values()) {
      if (![...imports].some(({ instance }) => (instance as unknown) === this)) continue;
      for (const { metatype } of [...controllers.values(), ...providers.values()])
        if (typeof metatype === 'function' && metatype.prototype) this.#prepare(metatype as new () => unknown);
    }
  }

  /** Has what was written behind persisted: the databases that it goes to mostly close in the next step, some before us. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#held.cache.settle();
  }

  /** Closes the cache, if this module made it. */
  async onApplicationShutdown(): Promise<void> {
    if (this.#held.own) await this.#held.cache.close();
  }

  #prepare(type: new () => unknown): void {
    for (const [name, { method, owner }] of methodsOf(type.prototype as object)) {
      const label = `${type.name}.${String(name)}`;
      // The interceptor, too, was put before what is not called.
      if (isRoute(method) && isForgotten(method, owner, name)) throw forgotten(label);
      const behaviour = behaviourOf(method);
      if (behaviour === undefined) continue;
      if (isRoute(method)) layersOf(this.#held.cache, { controller: type, handler: method }, false);
      else checkMethod(behaviour, label);
    }
  }
}

function forgotten(label: string): RespcacheError {
  return new RespcacheError(
    `what @Cacheable, @CacheInvalidate or @CacheClear say of ${label} is lost: a decorator above them puts a function of ` +
      'its own in its place, without its metadata. Put that one below them, or have it copy the metadata',
  );
}

/** The methods of a class, and those that it inherits and does not replace, with the prototypes that have them. */
function methodsOf(prototype: object): Map<string | symbol, { readonly method: object; readonly owner: object }> {
  const methods = new Map<string | symbol, { readonly method: object; readonly owner: object }>();
  for (let each = prototype; each !== null && each !== Object.prototype; each = Object.getPrototypeOf(each))
    for (const name of Reflect.ownKeys(each)) {
      const { value } = Object.getOwnPropertyDescriptor(each, name)!;
      if (typeof value === 'function' && !methods.has(name)) methods.set(name, { method: value, owner: each });
    }
  return methods;
}

Module({})(CacheModule);
Inject(HELD)(CacheModule, undefined, 0);
Inject(ModulesContainer)(CacheModule, undefined, 1);

function moduleOf(isGlobal: boolean | undefined, providers: Provider[]): DynamicModule {
  return {
    module: CacheModule,
    global: flag('option isGlobal', isGlobal ?? true),
    providers: [
      ...providers,
      { provide: NUMBER, useValue: made++ },
      { provide: CACHE, useFactory: ({ cache }: Held) => cache, inject: [HELD] },
      CacheService,
    ],
    exports: [CACHE, CacheService],
  };
}

/** By one of the three ways to say where the options come from. */
function providersOf(source: Omit<CacheModuleAsyncOptions, 'isGlobal' | 'imports'>): Provider[] {
  knownOnly('', source, ['useFactory', 'inject', 'useClass', 'useExisting']);
  const { useFactory, inject = [], useClass, useExisting } = source;
  const ways = [useFactory, useClass, useExisting].filter((way) => way !== undefined);
  if (ways.length !== 1)
    throw new ConfigError('what forRootAsync() is given', source, 'one of useFactory, useClass and useExisting');
  const held = async (options: MaybePromise<CacheModuleOptions>) => cacheOf(checkLate(await options));
  if (useFactory !== undefined)
    return [{ provide: HELD, useFactory: (...args: unknown[]) => held(useFactory(...args)), inject }];
  const made: Provider =
    useClass === undefined ? { provide: FACTORY, useExisting: useExisting! } : { provide: FACTORY, useClass };
  const ask = (factory: CacheOptionsFactory) => held(factory.createCacheOptions());
  return [made, { provide: HELD, useFactory: ask, inject: [FACTORY] }];
}
