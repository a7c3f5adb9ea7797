/**
 * For any `(req, res)` listener, a whole application included.
 *
 * @module respcache/node
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { chosenCache } from '../../src/cache.js';
import { aFunction, anObject, knownOnly } from '../../src/check.js';
import { type CacheControl, SERVED } from '../../src/control.js';
import type { Engine } from '../../src/engine.js';
import type { Exchange } from '../../src/exchange.js';
import type { Recall } from '../../src/lookup/recall.js';
import type { Reply } from '../../src/lookup/reply.js';
import type { Route } from '../../src/route.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';
import { after, type MaybePromise } from '../../src/types.js';
import { isBegun, openBegun } from './begun.js';
import { exchangeOf, MountedRoute, openExchange, unsaidTo, View } from './exchanges.js';
import { type CacheChoice, type Invalidated, purgingOf } from './purging.js';
import { sendWhole } from './send.js';
import { isGone } from './state.js';
import { tap } from './tap.js';

// In declarations made of a user's own code TypeScript names what the types here are made of by this module, once it has come upon it.
export type { CacheControl } from '../../src/index.js';
export type { CacheChoice, Invalidated };

/** What a wrapped listener is given as its response. */
export interface CachedResponse extends ServerResponse {
  /** How a listener speaks to the cache that its request came through. */
  cache: CacheControl;
}

/**
 * A listener of Node's servers: a function of your own, an Express application, `app.callback()` of Koa, the handler
 * that Fastify gives to its `serverFactory`.
 */
export type Listener = (req: IncomingMessage, res: CachedResponse) => unknown;

/** What `http.createServer` takes. It returns what the listener inside returned, so that its rejection is seen. */
export type WrappedListener = (req: IncomingMessage, res: ServerResponse) => unknown;

export interface WithCacheOptions extends RouteOptions<IncomingMessage>, CacheChoice {}

/**
 * Puts the cache in front of a whole application: a hit never enters it, none of its layers runs. So authentication in
 * there does not run for a hit either. Requests with `Authorization` or `Cookie` are safe by default; other fields that
 * make a request personal are to be named: `personal: ['x-api-key']`. A `cacheMiddleware()` inside, of the same cache,
 * is no second one: its options win, and there is one lookup.
 *
 * What the listener throws, or rejects with, is passed on as if it had not been wrapped, and nothing of it is stored;
 * if the lookup had to wait for Redis, a throw is a rejection of what this returns.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * createServer(withCache(app, { personal: ['x-api-key'] })).listen(3000);
 * createServer(withCache((req, res) => { res.cache.tag('users'); res.end('[]'); }, { ttl: 60 })).listen(3001);
 * ```
 */
export function withCache(listener: Listener, options: WithCacheOptions = {}): WrappedListener {
  aFunction('listener', listener);
  const { cache: given, ...own } = anObject('the options of withCache()', options);
  knownOnly('', own, ROUTE_OPTIONS);
  const cache = chosenCache(given);
  const { engine } = cache;
  const route = new MountedRoute(engine, own, cache.settings.route);
  return function respcache(req: IncomingMessage, res: ServerResponse): unknown {
    if (isBegun(req, res)) return pass(viewOf(req), req, res);
    const outer = exchangeOf(engine, res);
    if (outer !== undefined)
      return after(surely(engine.refine(outer, route.inside(outer.route))), (reply) =>
        reply === undefined ? listener(req, res as CachedResponse) : sendWhole(res, reply),
      );
    const view = viewOf(req);
    const recalled = route.recalled(view, res);
    if (!(recalled instanceof Promise)) return goOn(view, req, res, recalled);
    return recalled.then(
      (reply) => goOn(view, req, res, reply),
      () => goOn(view, req, res, undefined),
    );
  };

  function pass(view: View, req: IncomingMessage, res: ServerResponse): unknown {
    const exchange = openBegun(engine, view, res, route.own);
    if (exchange === undefined) return listener(req, res as CachedResponse);
    (res as CachedResponse).cache = exchange.control;
    tap(res, exchange);
    return watched(listener, req, res, exchange);
  }

  function goOn(view: View, req: IncomingMessage, res: ServerResponse, recalled: Reply | undefined): unknown {
    if (recalled === undefined) return goWholeWay(view, req, res);
    (res as CachedResponse).cache = SERVED;
    return sendWhole(res, recalled);
  }

  function goWholeWay(view: View, req: IncomingMessage, res: ServerResponse): unknown {
    const exchange = begin(engine, view, res, route.own, route.recall);
    return after(surely(engine.handle(exchange)), (reply) => {
      if (reply !== undefined) return sendWhole(res, reply);
      tap(res, exchange);
      return watched(listener, req, res, exchange);
    });
  }
}

/** Nothing in the engine is expected to reject; if it does, the request is the listener's all the same. */
function surely<T>(reply: MaybePromise<T | undefined>): MaybePromise<T | undefined> {
  return reply instanceof Promise ? reply.catch(() => undefined) : reply;
}

/**
 * Invalidates when the listener has succeeded (2xx, 3xx), before its answer leaves: a key, several, or
 * `{ keys, tags, patterns }`, each a text, a list, or a function of the request; for the request's tenant. What unsafe
 * methods do to their own URL needs none of this.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * const rename = withInvalidation(renameUser, { tags: (req) => ['users', `user:${idOf(req)}`] });
 * ```
 */
export function withInvalidation(
  listener: Listener,
  spec: Invalidated<IncomingMessage>,
  options: CacheChoice = {},
): WrappedListener {
  aFunction('listener', listener);
  const { cache, rule } = purgingOf(spec, options);
  return function respcacheInvalidate(req: IncomingMessage, res: ServerResponse): unknown {
    const outer = exchangeOf(cache.engine, res);
    const exchange = outer ?? begin(cache.engine, viewOf(req), res, cache.settings.route);
    exchange.onSuccess(rule);
    if (outer !== undefined) return listener(req, res as CachedResponse);
    tap(res, exchange);
    return watched(listener, req, res, exchange);
  };
}

function viewOf(req: IncomingMessage): View {
  // Where a framework stands around it, mounts have shortened the URL.
  const { originalUrl = req.url ?? '/' } = req as IncomingMessage & { originalUrl?: string };
  return new View(req, { target: originalUrl, source: req });
}

function begin(engine: Engine, view: View, res: ServerResponse, route: Route, recall?: Recall): Exchange {
  const exchange = openExchange(engine, view, res, route, recall);
  (res as CachedResponse).cache = exchange.control;
  return exchange;
}

/** Runs the listener, and lets go of whoever waits for a response that will not come. */
function watched(listener: Listener, req: IncomingMessage, res: ServerResponse, exchange: Exchange): unknown {
  const fail = (error: unknown): never => {
    // What is stored may stand in: for the tap, a response that is given up.
    if (exchange.outlivesHangUp && !res.headersSent) res.destroy();
    else exchange.abandon();
    throw error;
  };
  let returned: unknown;
  try {
    returned = listener(req, res as CachedResponse);
  } catch (error) {
    fail(error);
  }
  if (!isThenable(returned)) return returned;
  // Passed on, not caught: whoever listens to rejections hears of this one.
  return Promise.resolve(returned).then((value) => after(unsaid(res, exchange), () => value), fail);
}

/**
 * Koa says nothing to a client that has gone. Where it has a mount, that knows the answer; else what its handler has changed is
 * to be invalidated all the same.
 */
function unsaid(res: ServerResponse, exchange: Exchange): MaybePromise<unknown> {
  if (!isGone(res) || res.headersSent || exchange.isHeaded) return undefined;
  const tell = unsaidTo(exchange);
  if (tell !== undefined) return tell();
  exchange.abandon();
  return res.statusCode < 400 ? exchange.invalidate(res.getHeaders()) : undefined;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
