import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Context } from 'koa';
import type { CacheControl } from '../../src/control.js';
import { ConfigError } from '../../src/errors.js';
import type { CachedResponse, Listener } from '../node/index.js';
import { type CreateServerOptions, type SecureServerOptions, serverOf } from '../node/server.js';

/** An application of Koa, whatever its state and context are. */
export interface Application {
  /** Its layers, as a listener. */
  callback(): Listener;
  /** What every `ctx` inherits from. */
  readonly context: object;
}

/**
 * A server with the cache in front of an application of Koa 2 or 3, to be started by `listen`: a hit never enters the
 * application, none of its layers runs, authentication neither. Requests with `Authorization` or `Cookie` are safe by
 * default; other fields that make a request personal are to be named: `personal: ['x-api-key']`. The options are those of
 * `withCache` (their functions are called with Node's request), `http`, and `https`.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * createServer(app, { ttl: 60, personal: ['x-api-key'] }).listen(3000);
 * createServer(app, { http: { keepAliveTimeout: 30_000 } }).listen(3001);
 * ```
 */
export function createServer(app: Application, options: SecureServerOptions): SecureServer;
export function createServer(app: Application, options?: CreateServerOptions): Server;
export function createServer(app: Application, options: CreateServerOptions = {}): Server | SecureServer {
  if (typeof app?.callback !== 'function' || typeof app.context !== 'object')
    throw new ConfigError('app', app, 'an application of Koa');
  giveControl(app.context);
  let handle: Listener | undefined;
  // Koa puts its layers together in `callback()`: with the first request, so that those added until then count.
  return serverOf((req, res) => {
    handle ??= app.callback();
    return handle(req, res);
  }, options);
}

/** `ctx.cache` for handlers with no mount around them: that of the response. What the application has there stays. */
function giveControl(context: object): void {
  if ('cache' in context) return;
  Object.defineProperty(context, 'cache', {
    configurable: true,
    get(this: Context): CacheControl {
      return (this.res as CachedResponse).cache;
    },
    set(this: Context, value: CacheControl) {
      Object.defineProperty(this, 'cache', { value, configurable: true, enumerable: true, writable: true });
    },
  });
}
