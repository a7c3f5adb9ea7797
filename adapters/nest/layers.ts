import type { Request } from 'express';
import { atOnce } from '../../src/ask.js';
import type { Cache } from '../../src/cache.js';
import { knownOnly } from '../../src/check.js';
import { everything, type PurgeRule, ruleOf } from '../../src/invalidation/purge-rule.js';
import { tenantTag } from '../../src/invalidation/tags.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';
import { tenantOf } from '../../src/service/place.js';
import { type Lookup, lookup, type Purging, purging } from '../express/layer.js';
import { type Behaviour, behaviourOf, type CacheableOptions, type Of, type Purge, versionOf } from './behaviour.js';
import { kept } from './kept.js';

/** What stands before a route: a mount of the cache, and what invalidates once the route has succeeded. */
export interface Layers {
  readonly find: Lookup | undefined;
  readonly purges: readonly Purging[];
}

/** Nest has chosen it: controllers may share a method that they inherit. */
export interface ChosenRoute {
  readonly controller: object;
  readonly handler: object;
}

/** By cache, controller and method. */
type Known<T> = WeakMap<Cache, WeakMap<object, WeakMap<object, T>>>;

const decorated: Known<Layers> = new WeakMap();
/** Of routes that no decorator has cached, and that are cached all the same. */
const covered: Known<Layers> = new WeakMap();

/** The layers of a route, made once. `all`: it is cached also where no decorator says so. @throws {ConfigError} */
export function layersOf(cache: Cache, route: ChosenRoute, all: boolean): Layers {
  const { cacheable, purges = [] }: Partial<Behaviour> = behaviourOf(route.handler) ?? {};
  // Nest chooses by version, which a header may say, and tells nobody further out of it.
  const mount = (options: RouteOptions<Request>) => lookup(cache, options, versionOf(route.handler, route.controller));
  const said = once(decorated, cache, route, () => ({
    find: cacheable === undefined ? undefined : mount(routeOptions(cacheable)),
    purges: purges.map((purge) => purging(cache, routeRule(purge))),
  }));
  if (!all || cacheable !== undefined) return said;
  // A route that invalidates has to run. Its own URL is invalidated all the same, as of any unsafe method.
  const options = purges.length === 0 ? {} : { when: () => false };
  return once(covered, cache, route, () => ({ ...said, find: mount(options) }));
}

function once<T>(known: Known<T>, cache: Cache, { controller, handler }: ChosenRoute, make: () => T): T {
  const ofCache = kept(known, cache, () => new WeakMap<object, WeakMap<object, T>>());
  return kept(
    kept(ofCache, controller, () => new WeakMap<object, T>()),
    handler,
    make,
  );
}

function routeOptions({ clientId, ...options }: CacheableOptions): RouteOptions<Request> {
  knownOnly('', options, ROUTE_OPTIONS);
  const own = options as RouteOptions<Request>;
  return clientId === undefined ? own : { ...own, tenant: (req) => said(clientId, req) };
}

function routeRule({ clientId, ...purge }: Purge): PurgeRule {
  const rule = purge.kind === 'clear' ? clearing(purge.scope) : ruleOf(specOf(purge));
  if (clientId === undefined) return rule;
  const client = (source: unknown) => atOnce('the option clientId', said(clientId, source));
  return (context, failed) => rule({ ...context, tenant: tenantOf(client(context.request.source)) }, failed);
}

function specOf({ kind: _, ...spec }: Purge & { kind: 'names' }): Parameters<typeof ruleOf>[0] {
  return spec;
}

function clearing(scope: 'all' | 'tenant' = 'all'): PurgeRule {
  return scope === 'all'
    ? everything
    : ({ tenant }) => ({ tags: tenant === undefined ? [] : [tenantTag(tenant)], patterns: [] });
}

function said<R extends string | undefined>(value: Of<R>, source: unknown): R {
  return typeof value === 'function' ? value(source) : value;
}
