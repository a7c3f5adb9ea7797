import type { Context, Middleware, Next } from 'koa';
import { operate } from '../../src/operations/operations.js';
import { jsonBody } from '../node/body.js';
import { excludeFromStatistics, keepOutOfCaches } from '../node/exchanges.js';
import { type OperationsOptions, operationsOf, requestFacts, sendOperations } from '../node/operations.js';

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
    const replying = operate(operations, {
      ...requestFacts(ctx.req, ctx.originalUrl),
      method: ctx.method,
      path: pathBelowMount(ctx),
      authorized: () => mayChange(ctx),
      body: () => jsonBody(ctx.req, (ctx.request as { body?: unknown }).body),
    });
    // Another route's, below the same mount: that one counts.
    if (replying === undefined) return next();
    excludeFromStatistics(ctx.res);
    // A field for these alone, which layers outside may have set, would outrank what the answer says to all.
    keepOutOfCaches(ctx.res);
    const reply = await replying;
    if (typeof reply.body !== 'string') {
      // Koa 3 would report an error for everyone who goes while it is sent.
      ctx.respond = false;
      return sendOperations(ctx.res, reply);
    }
    ctx.status = reply.status;
    ctx.set(reply.headers as Record<string, string>);
    ctx.body = reply.body;
  };
}

/**
 * `koa-mount` strips its path; a router does not: there as many segments are taken off as the route has before its wildcard, or
 * before its parameters where it has none.
 */
function pathBelowMount(ctx: Context): string {
  const routed = (ctx as { _matchedRoute?: unknown })._matchedRoute;
  if (typeof routed !== 'string') return ctx.path;
  const [mount = ''] = routed.split(/[{(*]/.test(routed) ? /[{(*]/ : ':');
  const [fixed = ''] = mount.split(':');
  // A `koa-mount` inside of the route has taken them off already.
  if (!ctx.path.toLowerCase().startsWith(fixed.replace(/\/$/, '').toLowerCase())) return ctx.path;
  const segments = mount.split('/').filter((segment) => segment !== '');
  return `/${ctx.path
    .split('/')
    .slice(segments.length + 1)
    .join('/')}`;
}
