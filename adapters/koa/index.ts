/**
 * Middleware for Koa 2 and 3.
 *
 * @module respcache/koa
 */

import { STATUS_CODES } from 'node:http';
import type { Context, Middleware, Next } from 'koa';
import { type Cache, chosenCache } from '../../src/cache.js';
import { anObject, knownOnly } from '../../src/check.js';
import { type CacheControl, SERVED } from '../../src/control.js';
import type { Exchange } from '../../src/exchange.js';
import type { Whole } from '../../src/fill/response-head.js';
import { everything, type PurgeRule } from '../../src/invalidation/purge-rule.js';
import type { Recall } from '../../src/lookup/recall.js';
import type { Reply } from '../../src/lookup/reply.js';
import type { Route } from '../../src/route.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../../src/route-options.js';
import { after, type MaybePromise } from '../../src/types.js';
import { isBegun, openBegun } from '../node/begun.js';
import { MountedRoute, openExchange, tellUnsaid, View } from '../node/exchanges.js';
import { type CacheChoice, clearingOf, type Invalidated, purgingOf } from '../node/purging.js';
import type { CreateServerOptions, SecureServerOptions } from '../node/server.js';
import { hasReason, isGone } from '../node/state.js';
import { attend, hasHungUp, stopAttending } from './attend.js';
import { bagOf, bodyOf, sayText } from './body.js';
import { isOutside, joined, ofContext } from './contexts.js';
import { isOutermost, send, sendPastKoa } from './send.js';
import { capture, drain } from './streams.js';

// In declarations made of a user's own code TypeScript names what the types here are made of by this module, once it has come upon it.
export type { CacheControl } from '../../src/index.js';
export { type RateLimitOptions, rateLimit } from './rate-limit.js';
export { type Application, createServer } from './server.js';
export { type Asked, type SessionStore, type SessionStoreOptions, sessionStore } from './session-store.js';
export { type StatsRouterOptions, statsRouter } from './stats-router.js';
export type { CacheChoice, CreateServerOptions, Invalidated, SecureServerOptions };

declare module 'koa' {
  interface ExtendableContext {
    /** How a handler speaks to the cache that its request came through. */
    cache: CacheControl;
  }
}

export interface CacheMiddlewareOptions extends RouteOptions<Context>, CacheChoice {}

/**
 * Answers requests from the cache, and stores what handlers answer. Mounted on the application and again on a route
 * it is one cache: the inner options win.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * app.use(cacheMiddleware());
 * router.get('/users', cacheMiddleware({ ttl: 60, tags: ['users'], key: 'users:list' }), listUsers);
 * ```
 */
export function cacheMiddleware(options: CacheMiddlewareOptions = {}): Middleware {
  const { cache: given, ...own } = anObject('the options of cacheMiddleware()', options);
  knownOnly('', own, ROUTE_OPTIONS);
  const cache = chosenCache(given);
  const { engine } = cache;
  const route = new MountedRoute(engine, ofContext(own), cache.settings.route);
  return respcache;

  function respcache(ctx: Context, next: Next): Promise<void> {
    if (isBegun(ctx.req, ctx.res)) return pass(ctx, next);
    const outer = joined(engine, ctx);
    if (outer !== undefined) return refined(ctx, outer, next);
    const view = viewOf(ctx);
    const recalled = route.recalled(view, ctx.res);
    if (recalled instanceof Promise) return recalled.then((reply) => go(ctx, view, reply, next));
    return go(ctx, view, recalled, next);
  }

  function pass(ctx: Context, next: Next): Promise<void> {
    joined(engine, ctx);
    const exchange = openBegun(engine, viewOf(ctx), ctx.res, route.own);
    if (exchange === undefined) return next();
    ctx.cache = exchange.control;
    return watch(ctx, exchange, next);
  }

  function go(ctx: Context, view: View, recalled: Reply | undefined, next: Next): Promise<void> {
    if (recalled === undefined) return goWholeWay(ctx, view, next);
    if (isOutermost(ctx, respcache)) sendPastKoa(ctx, recalled);
    else {
      ctx.cache = SERVED;
      send(ctx, recalled);
    }
    return DONE;
  }

  function goWholeWay(ctx: Context, view: View, next: Next): Promise<void> {
    const exchange = begin(cache, ctx, view, route.own, route.recall);
    const found = engine.handle(exchange);
    const goOn = (reply: Reply | undefined) => {
      if (reply === undefined) return watch(ctx, exchange, next, isOutermost(ctx, respcache));
      send(ctx, reply);
      return DONE;
    };
    return found instanceof Promise ? found.then(goOn) : goOn(found);
  }

  async function refined(ctx: Context, outer: Exchange, next: Next): Promise<void> {
    // An exchange that only waits to invalidate has no middleware yet that looks after its response.
    const isWatched = outer.isHandled;
    const reply = await engine.refine(outer, route.inside(outer.route));
    if (reply !== undefined) return send(ctx, reply);
    if (!isWatched) return watch(ctx, outer, next);
    const isOfKoa = !isOutside(outer, ctx);
    // The mount that watches the response could not know of what this one has found.
    if (isOfKoa) attend(ctx, outer);
    await next();
    if (!isOfKoa) leaveUnsaid(ctx, outer);
  }
}

/** Where the answer was at hand nothing is waited for. */
const DONE: Promise<void> = Promise.resolve();

/**
 * Invalidates when the handler has succeeded (2xx, 3xx), before its answer leaves: a key, several, or
 * `{ keys, tags, patterns }`, each a text, a list, or a function of the context; for the request's tenant.
 *
 * @example
 * ```ts
 * router.post('/users', invalidate('users:list'), createUser);
 * router.put('/users/:id', invalidate({ tags: (ctx) => ['users', `user:${ctx.params.id}`] }), updateUser);
 * ```
 */
export function invalidate(spec: Invalidated<Context>, options: CacheChoice = {}): Middleware {
  const { cache, rule } = purgingOf(ofContext(spec), options);
  return purging(cache, rule);
}

/**
 * Invalidates everything in the cache's namespace when the handler has succeeded, before its answer leaves.
 *
 * @example
 * ```ts
 * router.post('/reset', clear(), (ctx) => { ctx.body = {}; });
 * ```
 */
export function clear(options: CacheChoice = {}): Middleware {
  return purging(clearingOf(options), everything);
}

function purging(cache: Cache, rule: PurgeRule): Middleware {
  return async function respcacheInvalidate(ctx: Context, next: Next): Promise<void> {
    const outer = joined(cache.engine, ctx);
    const exchange = outer ?? begin(cache, ctx, viewOf(ctx), cache.settings.route);
    exchange.onSuccess(rule);
    // Around the whole application it is listened to anyway.
    if (!isOutside(exchange, ctx)) attend(ctx, exchange);
    if (outer !== undefined) return next();
    try {
      await next();
    } finally {
      stopAttending(exchange);
    }
    await (isLeft(ctx) ? leave(ctx, exchange) : tell(ctx, exchange, undefined));
  };
}

function viewOf(ctx: Context): View {
  return new View(ctx.req, { target: ctx.originalUrl, source: ctx });
}

function begin(cache: Cache, ctx: Context, view: View, route: Route, recall?: Recall): Exchange {
  const exchange = openExchange(cache.engine, view, ctx.res, route, recall);
  ctx.cache = exchange.control;
  return exchange;
}

/**
 * Runs the handler, and gives its response to the exchange as it stands when the layers inside are done with it. `outermost`:
 * nobody but Koa sees it after that.
 */
async function watch(ctx: Context, exchange: Exchange, next: Next, outermost = false): Promise<void> {
  attend(ctx, exchange);
  try {
    await next();
  } catch (error) {
    stopAttending(exchange);
    const instead = inPlaceOfFailure(ctx, exchange, error, hasHungUp(exchange));
    if (instead === undefined) {
      exchange.abandon();
      throw error;
    }
    exchange.end();
    // Whoever keeps the log is told all the same.
    ctx.app.emit('error', error, ctx);
    return sendInstead(ctx, instead);
  }
  stopAttending(exchange);
  if (hasHungUp(exchange)) return giveUp(ctx, exchange);
  try {
    if (exchange.isServed) return;
    const concluded = isLeft(ctx) ? leave(ctx, exchange) : conclude(ctx, exchange, outermost);
    // A promise where there is nothing to wait for is a good part of what a cache costs a request under Koa.
    if (concluded instanceof Promise) await concluded;
  } catch (error) {
    exchange.abandon();
    throw error;
  }
}

function isLeft(ctx: Context): boolean {
  return ctx.respond === false || ctx.res.headersSent;
}

/**
 * A handler that writes past Koa is left alone: there is no telling when such a response is whole. What it changes is invalidated
 * as its answer leaves; and now, if it has not: it may be said to nobody any more.
 */
async function leave(ctx: Context, exchange: Exchange): Promise<void> {
  // What it has been asked it may say yet.
  if (!exchange.conditions.asksHandler || ctx.res.headersSent) exchange.abandon();
  // A layer outside that has given up waiting, and failed in its place, has not undone what it changes.
  const isOvertaken = exchange.isHeaded && ctx.respond !== false && ctx.status >= 400;
  if (exchange.isHeaded && !isOvertaken) return;
  if (isOvertaken || !ctx.res.headersSent || ctx.status < 400) await exchange.invalidate(ctx.res.getHeaders());
}

function conclude(ctx: Context, exchange: Exchange, outermost = false): MaybePromise<void> {
  const body = exchange.mayFill ? bodyOf(ctx) : undefined;
  // A failure is one without a body, too: what is stored stands in for it.
  if (body?.kind === 'none' && ctx.status < 500) exchange.refuse('no-body');
  const whole = body?.kind === 'whole' ? body : undefined;
  return after(tell(ctx, exchange, whole), (instead) => {
    if (exchange.isFilling && whole !== undefined) {
      exchange.write(whole.bytes());
      if (outermost && whole.json !== undefined) sayText(ctx, whole.json);
    }
    if (body?.kind === 'stream' && exchange.isFilling) {
      if (instead === undefined) return capture(ctx, exchange, body.stream());
      // Koa destroys the stream as soon as something else is sent.
      return drain(ctx, exchange, body.stream()).then(() => send(ctx, instead));
    }
    exchange.end();
    if (instead !== undefined) send(ctx, instead);
  });
}

/**
 * Koa says nothing to a client that has gone: a mount around the application would not hear of the response. It is told when
 * all layers are done with that, which may still forbid that others get it.
 */
function leaveUnsaid(ctx: Context, exchange: Exchange): void {
  if (!isGone(ctx.res) || ctx.res.headersSent || exchange.isServed) return;
  // Koa 3 would end it without its body.
  ctx.respond = false;
  tellUnsaid(exchange, async () => {
    try {
      await conclude(ctx, exchange);
    } catch {
      // A body that cannot be sent: there is nobody to whom Koa would say so.
      exchange.abandon();
    }
  });
}

function tell(ctx: Context, exchange: Exchange, whole: Whole | undefined): MaybePromise<Reply | undefined> {
  const reason = hasReason(ctx.res) ? ctx.message : undefined;
  const message = reason && reason !== STATUS_CODES[ctx.status] ? reason : undefined;
  return exchange.head({ status: ctx.status, message, bag: bagOf(ctx), whole });
}

/** What leaves in place of what a handler threw, or of its hanging up; nothing, where its own answer has begun. */
function inPlaceOfFailure(ctx: Context, exchange: Exchange, error: unknown, hungUp: boolean): Reply | undefined {
  if (ctx.res.headersSent) return undefined;
  return hungUp ? exchange.hungUp(bagOf(ctx)) : exchange.failed(bagOf(ctx), statusOf(error));
}

/** The status that Koa would answer with for what a handler threw. */
function statusOf(error: unknown): number {
  const { status, statusCode, code } = (error ?? {}) as { status?: unknown; statusCode?: unknown; code?: unknown };
  if (code === 'ENOENT') return 404;
  const said = typeof status === 'number' ? status : statusCode;
  return typeof said === 'number' && STATUS_CODES[said] !== undefined ? said : 500;
}

function giveUp(ctx: Context, exchange: Exchange): void {
  const instead = exchange.hungUp(bagOf(ctx));
  if (instead === undefined) {
    exchange.abandon();
    ctx.res.destroy();
    return;
  }
  exchange.end();
  sendInstead(ctx, instead);
}

/** A handler that has failed may have told Koa before to leave the answer to it: then nobody would send the one in its place. */
function sendInstead(ctx: Context, reply: Reply): void {
  if (ctx.respond === false) ctx.respond = true;
  send(ctx, reply);
}
