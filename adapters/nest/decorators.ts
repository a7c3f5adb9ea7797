import { Inject, UseInterceptors } from '@nestjs/common';
import type { Cache } from '../../src/cache.js';
import { anObject, knownOnly, oneOf } from '../../src/check.js';
import { ConfigError } from '../../src/errors.js';
import { ruleOf } from '../../src/invalidation/purge-rule.js';
import { DEFAULT_ROUTE, resolveRoute } from '../../src/route.js';
import type { RouteOptions } from '../../src/route-options.js';
import {
  type Behaviour,
  behaviourOf,
  type CacheableOptions,
  type CacheClearOptions,
  type CacheInvalidateOptions,
  type ClientChoice,
  copyMetadata,
  isRoute,
  setBehaviour,
} from './behaviour.js';
import { DecoratedInterceptor } from './interceptor.js';
import { callMethod } from './methods.js';
import { CacheService } from './service.js';

/**
 * Caches a method. On a route it is the whole answer, as `cacheMiddleware` caches it, behind the route's guards; with or
 * without `@UseInterceptors(CacheInterceptor)`. On any other method it is the value, as `getOrSet` caches it: it needs
 * `key` and `clientId`, and the method gives a promise.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * @Get()
 * @Cacheable({ key: 'users:list', ttl: 300, tags: ['users'] })
 * findAll() {}
 *
 * @Cacheable({ key: (id: string) => `users:${id}`, clientId: (_id: string, client: string) => client, ttl: 60 })
 * async find(id: string, client: string) {}
 * ```
 */
export function Cacheable(options: CacheableOptions = {}): MethodDecorator {
  const { clientId, ...rest } = anObject('the options of @Cacheable', options);
  checkClient('Cacheable', clientId);
  // Names are checked where it is known whether it is a route.
  resolveRoute(rest as RouteOptions, DEFAULT_ROUTE);
  return decorator((behaviour) => {
    behaviour.cacheable = { ...options };
  });
}

/**
 * Invalidates when the method has succeeded (a route: answered 2xx or 3xx), before its answer leaves: a key, several, or
 * `{ keys, tags, patterns }`; of the request's tenant, or of `clientId`.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * @Put(':id')
 * @CacheInvalidate({ keys: 'users:list', tags: (req: Request) => [`user:${req.params.id}`] })
 * update() {}
 * ```
 */
export function CacheInvalidate(
  spec: string | readonly string[] | CacheInvalidateOptions,
  options: ClientChoice = {},
): MethodDecorator {
  knownOnly('of @CacheInvalidate: ', anObject('the options of @CacheInvalidate', options), ['clientId']);
  const plain = typeof spec === 'string' || Array.isArray(spec);
  const names = plain ? { keys: spec as string | string[] } : ((spec ?? {}) as CacheInvalidateOptions);
  const { clientId = options.clientId, ...rest } = names;
  checkClient('CacheInvalidate', clientId);
  ruleOf(plain ? (spec as string) : (rest as Parameters<typeof ruleOf>[0]));
  return decorator(({ purges }) => {
    purges.push({ kind: 'names', ...rest, ...(clientId === undefined ? {} : { clientId }) });
  });
}

/**
 * Clears the cache when the method has succeeded, before its answer leaves: all of it, or with `{ scope: 'tenant' }` what
 * belongs to the request's tenant, or to `clientId`.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * @Post('cache/clear')
 * @CacheClear({ scope: 'tenant' })
 * clearCache() {}
 * ```
 */
export function CacheClear(options: CacheClearOptions = {}): MethodDecorator {
  knownOnly('of @CacheClear: ', anObject('the options of @CacheClear', options), ['scope', 'clientId']);
  if (options.scope !== undefined) oneOf('option scope of @CacheClear', options.scope, ['all', 'tenant']);
  checkClient('CacheClear', options.clientId);
  if (options.clientId !== undefined && options.scope !== 'tenant')
    throw new ConfigError('option clientId of @CacheClear', options.clientId, "no value without { scope: 'tenant' }");
  return decorator(({ purges }) => {
    purges.push({ kind: 'clear', ...options });
  });
}

function checkClient(name: string, clientId: unknown): void {
  if (clientId === undefined || typeof clientId === 'function') return;
  if (typeof clientId === 'string' && clientId !== '') return;
  throw new ConfigError(`option clientId of @${name}`, clientId, 'a text, or a function that returns one');
}

/** Where the cache is put into instances of decorated classes. */
const SERVICE: unique symbol = Symbol('respcache.service');

type Method = (...args: unknown[]) => unknown;

function decorator(add: (behaviour: Behaviour) => void): MethodDecorator {
  return (target, name, descriptor) => {
    const method = descriptor.value as Method | undefined;
    if (typeof target === 'function' || typeof method !== 'function')
      throw new ConfigError(`the decorated ${String(name)}`, method, 'a method of instances');
    const behaviour =
      behaviourOf(method) ?? prepare(target, name, descriptor as unknown as TypedPropertyDescriptor<Method>);
    add(behaviour);
  };
}

/** What a method's first decorator does: it is wrapped, for where it is no route, and intercepted, for where it is. */
function prepare(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<Method>): Behaviour {
  const behaviour: Behaviour = { purges: [] };
  const original = descriptor.value!;
  const label = `${target.constructor.name}.${String(name)}`;
  let routed: boolean | undefined;
  const wrapped = function (this: { [SERVICE]?: Cache }, ...args: unknown[]): unknown {
    // By now all decorators have been applied, those too that may have wrapped this function in their turn.
    routed ??= isRoute((target as Record<string | symbol, object | undefined>)[name]);
    if (routed) return Reflect.apply(original, this, args);
    return callMethod(this?.[SERVICE], behaviour, { label, self: this, args, original });
  };
  for (const key of ['name', 'length'] as const)
    Object.defineProperty(wrapped, key, { value: original[key], configurable: true });
  copyMetadata(original, wrapped);
  setBehaviour(wrapped, behaviour, target, name);
  descriptor.value = wrapped;
  UseInterceptors(DecoratedInterceptor)(target, name, descriptor);
  Inject(CacheService)(target, SERVICE);
  return behaviour;
}
