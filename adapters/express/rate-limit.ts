import type { NextFunction, Request, Response } from 'express';
import { limitOf } from '../../src/limits/limit.js';
import type { RateLimitOptions as Options } from '../../src/limits/options.js';
import { admit } from '../node/limits.js';
import type { Middleware } from './layer.js';

/** What a rate limit takes; functions are called with Express' request. */
export interface RateLimitOptions extends Options<Request> {}

/**
 * Limits how often a client may ask: `points` for each `duration`, in seconds, counted in the cache's Redis for all processes
 * together, or in memory. A client that has none left is answered 429 with `Retry-After`, which is never stored; all others are told
 * in `RateLimit` what they have left. Mounted behind `cacheMiddleware()` it counts only what comes to the handlers. The
 * address is `req.ip`: behind a proxy set `trust proxy` to the number of proxies, as by `true` clients make up their own.
 *
 * @throws {ConfigError} for an option that cannot be used; {Error} if `rate-limiter-flexible` is not installed
 * @example
 * ```ts
 * app.use(rateLimit({ points: 100, duration: 60, hits: 'exempt' }));
 * ```
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  const limited = limitOf(options);
  return function respcacheLimit(req: Request, res: Response, next: NextFunction): void {
    admit(limited, { headers: req.headers, ip: req.ip, source: req }, res)
      .then((refusal) => {
        if (refusal === undefined) return next();
        if (!res.headersSent) res.status(refusal.status).type('application/problem+json').json(refusal);
      })
      .catch(next);
  } as Middleware;
}
