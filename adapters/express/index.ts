/**
 * Middleware for Express 4 and 5.
 *
 * @module respcache/express
 */

import type { NextFunction, Request, Response } from 'express';
import { type Cache, chosenCache } from '../../src/cache.js';
import { anObject, knownOnly } from '../../src/check.js';
import type { CacheControl } from '../../src/control.js';
import { everything, type PurgeRule } from '../../src/invalidation/purge-rule.js';
import type { Reply } from '../../src/lookup/reply.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';
import { type CacheChoice, clearingOf, type Invalidated, purgingOf } from '../node/purging.js';
import { send } from '../node/send.js';
import type { CreateServerOptions, SecureServerOptions } from '../node/server.js';
import { lookup, type Middleware, purging } from './layer.js';

// In declarations made of a user's own code TypeScript names what the types here are made of by this module, once it has come upon it.
export type { CacheControl } from '../../src/index.js';
export { type RateLimitOptions, rateLimit } from './rate-limit.js';
export { createServer } from './server.js';
export {
  type Callback,
  type SessionStore,
  type SessionStoreOptions,
  sessionStore,
} from './session-store.js';
export { type StatsRouterOptions, statsRouter } from './stats-router.js';
export type { CacheChoice, CreateServerOptions, Invalidated, Middleware, SecureServerOptions };

declare global {
  namespace Express {
    interface Response {
      /** How a handler speaks to the cache that its request came through. */
      cache: CacheControl;
    }
  }
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
export function cacheMiddleware(options: CacheMiddlewareOptions = {}): Middleware {
  const { cache: given, ...own } = anObject('the options of cacheMiddleware()', options);
  knownOnly('', own, ROUTE_OPTIONS);
  const find = lookup(chosenCache(given), own);
  return function respcache(req: Request, res: Response, next: NextFunction): void {
    const found = find(req, res);
    if (!(found instanceof Promise)) goOn(res, found, next);
    // Nothing in the engine is expected to reject; if it does, the request is the handler's all the same.
    else found.then((reply) => goOn(res, reply, next)).catch((error: unknown) => next(error));
  } as Middleware;
}

function goOn(res: Response, found: Reply | undefined, next: NextFunction): void {
  if (found === undefined) next();
  else send(res, found);
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
export function invalidate(spec: Invalidated<Request>, options: CacheChoice = {}): Middleware {
  const { cache, rule } = purgingOf(spec, options);
  return middleware(cache, rule);
}

/**
 * Invalidates everything in the cache's namespace when the handler has succeeded, before its answer leaves.
 *
 * @example
 * ```ts
 * app.post('/reset', clear(), (req, res) => res.json({}));
 * ```
 */
export function clear(options: CacheChoice = {}): Middleware {
  return middleware(clearingOf(options), everything);
}

function middleware(cache: Cache, rule: PurgeRule): Middleware {
  const purge = purging(cache, rule);
  return function respcacheInvalidate(req: Request, res: Response, next: NextFunction): void {
    purge(req, res);
    next();
  } as Middleware;
}
