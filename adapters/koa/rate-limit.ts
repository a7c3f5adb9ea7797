import type { Context, Middleware, Next } from 'koa';
import { limitOf } from '../../src/limits/limit.js';
import type { RateLimitOptions as Options } from '../../src/limits/options.js';
import { admit } from '../node/limits.js';

/** What a rate limit takes; functions are called with Koa's context. */
export interface RateLimitOptions extends Options<Context> {}

/**
 * Limits how often a client may ask: `points` for each `duration`, in seconds, counted in the cache's Redis for all processes
 * together, or in memory. A client that has none left is answered 429 with `Retry-After`, which is never stored; all others are told
 * in `RateLimit` what they have left. Mounted behind `cacheMiddleware()` it counts only what comes to the handlers. The
 * address is `ctx.ip`: behind a proxy set `app.proxy`, and `app.maxIpsCount` to the number of proxies, or clients make up their own.
 *
 * @throws {ConfigError} for an option that cannot be used; {Error} if `rate-limiter-flexible` is not installed
 * @example
 * ```ts
 * app.use(rateLimit({ points: 100, duration: 60, hits: 'exempt' }));
 * ```
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  const limited = limitOf(options);
  return async function respcacheLimit(ctx: Context, next: Next): Promise<void> {
    const refusal = await admit(limited, { headers: ctx.headers, ip: ctx.ip, source: ctx }, ctx.res);
    if (refusal === undefined) return next();
    ctx.status = refusal.status;
    ctx.body = refusal;
    ctx.type = 'application/problem+json';
  };
}
