import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { aFunction } from '../../src/check.js';
import type { Listener } from '../node/index.js';
import { type CreateServerOptions, type SecureServerOptions, serverOf } from '../node/server.js';
import { constructorsOf, prototypesHelp } from './prototypes.js';

/**
 * A server with the cache in front of an application of Express 4 or 5, to be started by `listen`: a hit never enters the
 * application, none of its layers runs, authentication neither. Requests with `Authorization` or `Cookie` are safe by
 * default; other fields that make a request personal are to be named: `personal: ['x-api-key']`. The options are those of
 * `withCache` (their functions are called with Node's request), `http`, and `https`. On Node 20 and 22 Express itself runs
 * faster in it, misses included.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * createServer(app, { ttl: 60, personal: ['x-api-key'] }).listen(3000);
 * createServer(app, { http: { keepAliveTimeout: 30_000 } }).listen(3001);
 * ```
 */
export function createServer(app: Listener, options: SecureServerOptions): SecureServer;
export function createServer(app: Listener, options?: CreateServerOptions): Server;
export function createServer(app: Listener, options: CreateServerOptions = {}): Server | SecureServer {
  const listener = aFunction('app', app);
  return serverOf(listener, options, prototypesHelp(process.versions.node) ? constructorsOf(listener) : {});
}
