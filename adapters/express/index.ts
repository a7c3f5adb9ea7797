import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { type Cache, chosenCache } from '../../src/cache.js';
import { knownOnly } from '../../src/check.js';
import type { CacheControl } from '../../src/control.js';
import type { Exchange } from '../../src/exchange.js';
import { everything, type InvalidateSpec, type PurgeRule, ruleOf } from '../../src/invalidation/purge-rule.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';
import { after } from '../../src/types.js';
import { exchangeOf, MountedRoute, openExchange } from '../node/exchanges.js';
import { send } from '../node/send.js';
import { tap } from '../node/tap.js';

export { type RateLimitOptions, rateLimit } from './rate-limit.js';
export { type SessionStore, type SessionStoreOptions, sessionStore } from './session-store.js';
export { type StatsRouterOptions, statsRouter } from './stats-router.js';

declare global {
  namespace Express {
    interface Response {
      /** How a handler speaks to the cache that its request came through. */
      cache: CacheControl;
    }
  }
}

/** What every middleware here takes. */
export interface CacheChoice {
  /** The cache to use. Default: `defaultCache()`, made from the environment. */
  cache?: Cache;
}

export interface CacheMiddlewareOptions extends RouteOptions<Request>, CacheChoice {}

/**
 * Answers requests from the cache, and stores what handlers answer. Mounted on the application and again on a route
 * it is one cache: the inner options win.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * app.use(cacheMiddleware());
 * app.get('/users', cacheMiddleware({ ttl: 60, tags: ['users'], key: 'users:list' }), listUsers);
 * ```
 */
export function cacheMiddleware(options: CacheMiddlewareOptions = {}): RequestHandler {
  const { cache: given, ...own } = options;
  knownOnly('', own, ROUTE_OPTIONS);
  const cache = chosenCache(given);
  const { engine } = cache;
  const params: Params = new WeakMap();
  const route = new MountedRoute(engine, asLayer(own, params), cache.settings.route);
  return function respcache(req: Request, res: Response, next: NextFunction): void {
    params.set(req, req.params);
    const outer = exchangeOf(engine, res);
    const exchange = outer ?? begin(cache, req, res, route.own);
    const reply = outer === undefined ? engine.handle(exchange) : engine.refine(outer, route.inside(outer.route));
    const settled = after(reply, (found) => {
      if (found !== undefined) return send(res, found);
      // A hit has nothing to listen to.
      if (outer === undefined) tap(res, exchange);
      next();
    });
    // Nothing in the engine is expected to reject; if it does, the request is the handler's all the same.
    if (settled instanceof Promise) settled.catch((error: unknown) => next(error));
  };
}

/**
 * Invalidates when the handler has succeeded (2xx, 3xx), before its answer leaves: a key, several, or
 * `{ keys, tags, patterns }`, each a text, a list, or a function of the request; for the request's tenant.
 *
 * @example
 * ```ts
 * app.post('/users', invalidate('users:list'), createUser);
 * app.put('/users/:id', invalidate({ tags: (req) => ['users', `user:${req.params.id}`] }), updateUser);
 * ```
 */
export function invalidate(
  spec: string | readonly string[] | (InvalidateSpec<Request> & CacheChoice),
  options: CacheChoice = {},
): RequestHandler {
  const { cache: own, ...rest } = isPlain(spec)
    ? { cache: undefined }
    : ((spec ?? {}) as InvalidateSpec<Request> & CacheChoice);
  knownOnly('', options, ['cache']);
  return purging(chosenCache(own ?? options.cache), ruleOf(isPlain(spec) ? spec : rest));
}

/** Invalidates everything in the cache's namespace when the handler has succeeded, before its answer leaves. */
export function clear(options: CacheChoice = {}): RequestHandler {
  knownOnly('', options, ['cache']);
  return purging(chosenCache(options.cache), everything);
}

function isPlain(spec: unknown): spec is string | readonly string[] {
  return typeof spec === 'string' || Array.isArray(spec);
}

function purging(cache: Cache, rule: PurgeRule): RequestHandler {
  return function respcacheInvalidate(req: Request, res: Response, next: NextFunction): void {
    let exchange = exchangeOf(cache.engine, res);
    if (exchange === undefined) {
      exchange = begin(cache, req, res, cache.settings.route);
      tap(res, exchange);
    }
    const { params } = req;
    exchange.onSuccess((context) => withParams(req, params, () => rule(context)));
    next();
  };
}

function begin(cache: Cache, req: Request, res: Response, route: MountedRoute['own']): Exchange {
  const exchange = openExchange(cache.engine, req, res, route, { target: req.originalUrl, source: req });
  res.cache = exchange.control;
  return exchange;
}

type Params = WeakMap<Request, Request['params']>;

/** The functions that are asked as the answer leaves: Express may be in another layer by then, with other params. */
function asLayer(options: RouteOptions<Request>, params: Params): RouteOptions<Request> {
  const { tags, ttl } = options;
  const bind =
    <T>(call: (req: Request) => T) =>
    (req: Request): T =>
      withParams(req, params.get(req) ?? req.params, () => call(req));
  return {
    ...options,
    ...(typeof tags === 'function' ? { tags: bind(tags) } : {}),
    ...(typeof ttl === 'function' ? { ttl: bind(ttl) } : {}),
  };
}

function withParams<T>(req: Request, params: Request['params'], call: () => T): T {
  const now = req.params;
  req.params = params;
  try {
    return call();
  } finally {
    req.params = now;
  }
}
