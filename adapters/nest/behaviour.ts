import type { Request } from 'express';
import type { Cache } from '../../src/cache.js';
import type { RouteOptions } from '../../src/route-options.js';
import { kept } from './kept.js';

/**
 * A value, or a function that returns it. On a route it is called with Express' request; on any other method with that
 * method's arguments, and with its instance as `this`.
 */
export type Of<R> =
  | R
  | {
      /** A method's parameters may be narrower than this. */
      of(...args: unknown[]): R;
    }['of'];

type ValueOptions = NonNullable<Parameters<Cache['getOrSet']>[3]>;

/** What `@Cacheable` takes: the options of `cacheMiddleware` on a route, those of `getOrSet` on any other method. */
export interface CacheableOptions
  extends Omit<RouteOptions<Request>, 'key' | 'ttl' | 'tags'>,
    Omit<ValueOptions, keyof RouteOptions> {
  /**
   * On a route its name, beside the URL; a function's result is also a part of the key, and vouches for requests with
   * credentials. On any other method the value's key, which is needed. Of calls for which a function returns `undefined` the
   * value is not cached; on a route the usual rules hold for such requests.
   */
  key?: Of<string | undefined>;
  /** Seconds. Default, and where a function returns `undefined`: the cache's. */
  ttl?: Of<number | undefined>;
  /** Names that it can be invalidated by, with others: a list, or a function that returns one, or one name. */
  tags?: readonly string[] | Exclude<Of<string | readonly string[]>, string>;
  /**
   * Whose it is. On a route the default is what the option `tenant` says; any other method needs it. Where a function returns
   * `undefined`, nothing is cached.
   */
  clientId?: Of<string | undefined>;
}

/** Whose entries are meant. */
export interface ClientChoice {
  /** On a route the default is the tenant of the request; any other method needs it, unless all tenants are meant. */
  clientId?: Of<string>;
}

/** What `@CacheInvalidate` takes, where a key alone does not do. */
export interface CacheInvalidateOptions extends ClientChoice {
  /** Names given by the option `key`, keys of values, or paths. */
  keys?: Of<string | readonly string[]>;
  tags?: Of<string | readonly string[]>;
  /** Globs (`users:*`), or places in the hierarchy of keys. */
  patterns?: Of<string | readonly string[]>;
  /** The tags count for every tenant; keys and patterns stay those of one. Default `false`. */
  allTenants?: boolean;
}

/** What `@CacheClear` takes. */
export interface CacheClearOptions extends ClientChoice {
  /** `'all'` (default), as `cache.clear()` does; or what belongs to one tenant. */
  scope?: 'all' | 'tenant';
}

/** What one decorator has a method invalidate. */
export type Purge = ({ kind: 'names' } & CacheInvalidateOptions) | ({ kind: 'clear' } & CacheClearOptions);

/** What the decorators on one method have said. */
export interface Behaviour {
  cacheable?: CacheableOptions;
  readonly purges: Purge[];
}

/** The part of `reflect-metadata` that is used; Nest brings it along. */
interface Metadata {
  getMetadata(key: unknown, target: object): unknown;
  hasMetadata(key: unknown, target: object): boolean;
  defineMetadata(key: unknown, value: unknown, target: object): void;
  getOwnMetadataKeys(target: object): unknown[];
}

const metadata = Reflect as unknown as Metadata;

/** Beside Nest's own metadata: decorators that wrap a method as well take it along. */
const BEHAVIOUR = 'respcache:behaviour';

/** What Nest's `@Get()` and its kin leave on a method. */
const PATH = 'path';

/** What Nest's option `version` and `@Version()` leave on a controller or a method. */
const VERSION = '__version__';

/** What Nest's `@Sse()` leaves on a method. */
const EVENTS = '__sse__';

export function behaviourOf(method: object): Behaviour | undefined {
  return metadata.getMetadata(BEHAVIOUR, method) as Behaviour | undefined;
}

/** What has been said of a class' methods: decorators of others may put functions in their place that know nothing of it. */
const said = new WeakMap<object, Map<string | symbol, Set<Behaviour>>>();

/** `prototype`, `name`: where the method stands. */
export function setBehaviour(method: object, behaviour: Behaviour, prototype: object, name: string | symbol): void {
  metadata.defineMetadata(BEHAVIOUR, behaviour, method);
  const ofClass = kept(said, prototype, () => new Map<string | symbol, Set<Behaviour>>());
  ofClass.set(name, (ofClass.get(name) ?? new Set()).add(behaviour));
}

/** Whether a method does not have (any more) all that was said of it where it stands. */
export function isForgotten(method: object, prototype: object, name: string | symbol): boolean {
  const behaviour = behaviourOf(method);
  return [...(said.get(prototype)?.get(name) ?? [])].some((each) => each !== behaviour);
}

/** Whether a method answers HTTP requests. Known once all of its decorators have been applied. */
export function isRoute(method: object | undefined): boolean {
  return method !== undefined && metadata.hasMetadata(PATH, method);
}

/** Whether a route answers with server-sent events, which need not end. */
export function isEvents(method: object): boolean {
  return metadata.hasMetadata(EVENTS, method);
}

/** The version of a route, as a text; `undefined`: it has none of its own. */
export function versionOf(method: object, controller: object): string | undefined {
  const said = metadata.getMetadata(VERSION, method) ?? metadata.getMetadata(VERSION, controller);
  return said === undefined ? undefined : [said].flat().map(String).join(',');
}

/** Gives one function all that decorators have said of another. */
export function copyMetadata(from: object, to: object): void {
  for (const key of metadata.getOwnMetadataKeys(from))
    metadata.defineMetadata(key, metadata.getMetadata(key, from), to);
}
