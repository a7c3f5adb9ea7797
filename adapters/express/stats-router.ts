import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { operate } from '../../src/operations/operations.js';
import { jsonBody } from '../node/body.js';
import { excludeFromStatistics, keepOutOfCaches } from '../node/exchanges.js';
import { type OperationsOptions, operationsOf, requestFacts, sendOperations } from '../node/operations.js';

/** What the statistics' router takes; functions are called with the framework's request or context. */
export interface StatsRouterOptions extends OperationsOptions<Request> {}

/**
 * Statistics and operations: `GET /` (JSON; `?scope=fleet` of all processes), `/health` (503 when unhealthy), `/metrics`
 * (Prometheus), `/events` (server-sent) and `/dashboard` (a page). For whom `authorize` lets also the figures by tenant
 * and route, `GET /explain`, `POST /invalidate`, `/clear` and `/warm`.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * app.use('/cache', statsRouter({ authorize: (req) => req.get('x-admin-token') === process.env.ADMIN_TOKEN }));
 * ```
 */
export function statsRouter(options: StatsRouterOptions = {}): RequestHandler {
  const { operations, mayChange } = operationsOf(options);
  return function respcacheStats(req: Request, res: Response, next: NextFunction): void {
    // Only Express gives its requests both; other routers, and a plain listener, may not.
    const { originalUrl = req.url, path = pathOf(req.url) }: Partial<Request> = req;
    const request = {
      ...requestFacts(req, originalUrl),
      method: req.method,
      path,
      authorized: () => mayChange(req),
      body: () => jsonBody(req),
    };
    const reply = operate(operations, request);
    if (reply !== undefined) {
      excludeFromStatistics(res);
      // A field for these alone, which layers outside may have set, would outrank what the answer says to all.
      keepOutOfCaches(res);
      // What layers outside throw as it leaves is for the error handlers, too.
      reply.then((given) => sendOperations(res, given)).catch(next);
      // Another route's, below the same mount: that one counts.
    } else next();
  };
}

function pathOf(url: string): string {
  const [path = ''] = url.split('?');
  return path === '' ? '/' : path;
}
