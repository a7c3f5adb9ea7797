import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import type { Cache } from '../../src/cache.js';
import { SERVED } from '../../src/control.js';
import type { Exchange } from '../../src/exchange.js';
import type { PurgeRule } from '../../src/invalidation/purge-rule.js';
import type { Recall } from '../../src/lookup/recall.js';
import type { Reply } from '../../src/lookup/reply.js';
import type { Route } from '../../src/route.js';
import type { RouteOptions } from '../../src/route-options.js';
import { after, type MaybePromise } from '../../src/types.js';
import { isBegun, openBegun } from '../node/begun.js';
import { exchangeOf, MountedRoute, openExchange, View } from '../node/exchanges.js';
import { tap } from '../node/tap.js';
import { shareShape } from './prototypes.js';

/**
 * A middleware of Express, which it calls with its own request. Typed by Node's, as it fits every route: by Express' own type it
 * would take from the handlers behind it what they know of their parameters (`req.params.id` is a text).
 */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: NextFunction) => void;

/** A mount of a cache. Gives the cache's answer; where it has none, the handler's is listened to from here on. */
export type Lookup = (req: Request, res: Response) => MaybePromise<Reply | undefined>;

/**
 * The mount of a cache with options of its own, inside another or alone. `version`: which of several handlers behind one URL
 * it stands before; a mount around it does not know. @throws {ConfigError}
 */
export function lookup(cache: Cache, options: RouteOptions<Request>, version?: string): Lookup {
  const { engine } = cache;
  const params: Params = new WeakMap();
  const asksLater = typeof options.tags === 'function' || typeof options.ttl === 'function';
  const base = version === undefined ? cache.settings.route : { ...cache.settings.route, version };
  const route = new MountedRoute(engine, asLayer(options, params), base);
  return (req, res) => {
    shareShape(req, res);
    if (isBegun(req, res)) return pass(viewOf(req), res);
    if (asksLater) params.set(req, req.params);
    const outer = exchangeOf(engine, res);
    if (outer !== undefined) return engine.refine(outer, route.inside(outer.route));
    const view = viewOf(req);
    const recalled = route.recalled(view, res);
    return recalled instanceof Promise ? recalled.then((reply) => goOn(view, res, reply)) : goOn(view, res, recalled);
  };

  function pass(view: View, res: Response): undefined {
    const exchange = openBegun(engine, view, res, route.own);
    if (exchange === undefined) return;
    res.cache = exchange.control;
    tap(res, exchange);
  }

  function goOn(view: View, res: Response, recalled: Reply | undefined): MaybePromise<Reply | undefined> {
    if (recalled === undefined) return goWholeWay(view, res);
    res.cache = SERVED;
    return recalled;
  }

  function goWholeWay(view: View, res: Response): MaybePromise<Reply | undefined> {
    const exchange = begin(cache, view, res, route.own, route.recall);
    return after(engine.handle(exchange), (reply) => {
      // A hit has nothing to listen to.
      if (reply === undefined) tap(res, exchange);
      return reply;
    });
  }
}

/** Has a rule invalidate when the handler has succeeded, before its answer leaves. */
export type Purging = (req: Request, res: Response) => void;

export function purging(cache: Cache, rule: PurgeRule): Purging {
  return (req, res) => {
    let exchange = exchangeOf(cache.engine, res);
    if (exchange === undefined) {
      shareShape(req, res);
      exchange = begin(cache, viewOf(req), res, cache.settings.route);
      tap(res, exchange);
    }
    const { params } = req;
    exchange.onSuccess((context, failed) => withParams(req, params, () => rule(context, failed)));
  };
}

function viewOf(req: Request): View {
  // Where a listener of Node's or another router calls the middleware, nobody has kept it.
  const { originalUrl = req.url } = req as Partial<Request> & Request;
  return new View(req, { target: originalUrl, source: req });
}

function begin(cache: Cache, view: View, res: Response, route: Route, recall?: Recall): Exchange {
  const exchange = openExchange(cache.engine, view, res, route, recall);
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
