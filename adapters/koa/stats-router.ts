import type { Context, Middleware, Next } from 'koa';
import { operate } from '../../src/operations/operations.js';
import { jsonBody } from '../node/body.js';
import { excludeFromStatistics } from '../node/exchanges.js';
import { type OperationsOptions, operationsOf, requestFacts } from '../node/operations.js';

/** What the statistics' router takes; functions are called with the framework's request or context. */
export interface StatsRouterOptions extends OperationsOptions<Context> {}

/**
 * Statistics and operations: `GET /` (JSON; `?scope=fleet` of all processes), `/health` (503 when unhealthy), `/metrics`
 * (Prometheus), `/events` (server-sent) and `/dashboard` (a page). For whom `authorize` lets also the figures by tenant
 * and route, `GET /explain`, `POST /invalidate`, `/clear` and `/warm`. Under `koa-mount`, or as the handler of
 * `@koa/router` routes.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * app.use(mount('/cache', statsRouter()));
 * router.all('/cache{/*path}', statsRouter());
 * ```
 */
export function statsRouter(options: StatsRouterOptions = {}): Middleware {
  const { operations, mayChange } = operationsOf(options);
  return async function respcacheStats(ctx: Context, next: Next): Promise<void> {
    excludeFromStatistics(ctx.res);
    const reply = await operate(operations, {
      ...requestFacts(ctx.req, ctx.originalUrl),
      method: ctx.method,
      path: pathBelowMount(ctx),
      authorized: () => mayChange(ctx),
      body: () => jsonBody(ctx.req, (ctx.request as { body?: unknown }).body),
    });
    if (reply === undefined) return next();
    ctx.status = reply.status;
    ctx.set(reply.headers as Record<string, string>);
    ctx.body = reply.body;
  };
}

/** `koa-mount` strips its path; a router does not: there the fixed beginning of the route's path is taken off. */
function pathBelowMount(ctx: Context): string {
  const routed = (ctx as { _matchedRoute?: unknown })._matchedRoute;
  if (typeof routed !== 'string') return ctx.path;
  const [fixed = ''] = routed.split(/[{(:*]/);
  const mount = fixed.replace(/\/$/, '');
  const below = ctx.path.startsWith(mount) ? ctx.path.slice(mount.length) : ctx.path.slice(ctx.path.lastIndexOf('/'));
  return below === '' ? '/' : below;
}
