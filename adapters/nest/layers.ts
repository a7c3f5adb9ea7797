import type { Request } from 'express';
import type { Cache } from '../../src/cache.js';
import { knownOnly } from '../../src/check.js';
import { everything, type PurgeRule, ruleOf } from '../../src/invalidation/purge-rule.js';
import { tenantTag } from '../../src/invalidation/tags.js';
import { escapeTenant } from '../../src/request/tenant.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';
import { type Lookup, lookup, type Purging, purging } from '../express/layer.js';
import { type Behaviour, behaviourOf, type CacheableOptions, type Of, type Purge } from './behaviour.js';
import { kept } from './kept.js';

/** What stands before a route: a mount of the cache, and what invalidates once the route has succeeded. */
export interface Layers {
  readonly find: Lookup | undefined;
  readonly purges: readonly Purging[];
}

/** By cache and route. */
type Known<T> = WeakMap<Cache, WeakMap<object, T>>;

const decorated: Known<Layers> = new WeakMap();
/** Of routes that no decorator has cached, and that are cached all the same. */
const covered: Known<Layers> = new WeakMap();

/** The layers of a route, made once. `all`: it is cached also where no decorator says so. @throws {ConfigError} */
export function layersOf(cache: Cache, handler: object, all: boolean): Layers {
  const { cacheable, purges = [] }: Partial<Behaviour> = behaviourOf(handler) ?? {};
  const said = once(decorated, cache, handler, () => ({
    find: cacheable === undefined ? undefined : lookup(cache, routeOptions(cacheable)),
    purges: purges.map((purge) => purging(cache, routeRule(purge))),
  }));
  if (!all || cacheable !== undefined) return said;
  // A route that invalidates has to run. Its own URL is invalidated all the same, as of any unsafe method.
  const options = purges.length === 0 ? {} : { when: () => false };
  return once(covered, cache, handler, () => ({ ...said, find: lookup(cache, options) }));
}

function once<T>(known: Known<T>, cache: Cache, handler: object, make: () => T): T {
  return kept(
    kept(known, cache, () => new WeakMap()),
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
  return (context) => rule({ ...context, tenant: escapeTenant(said(clientId, context.request.source)) });
}

function specOf({ kind: _, ...spec }: Purge & { kind: 'names' }): Parameters<typeof ruleOf>[0] {
  return spec as Parameters<typeof ruleOf>[0];
}

function clearing(scope: 'all' | 'tenant' = 'all'): PurgeRule {
  return scope === 'all'
    ? everything
    : ({ tenant }) => ({ tags: tenant === undefined ? [] : [tenantTag(tenant)], patterns: [] });
}

function said<R extends string>(value: Of<R>, source: unknown): R {
  return typeof value === 'function' ? value(source) : value;
}
