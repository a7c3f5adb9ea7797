import { createServer as httpServer, type Server, type ServerOptions } from 'node:http';
import {
  createServer as httpsServer,
  type ServerOptions as SecureOptions,
  type Server as SecureServer,
} from 'node:https';
import { anObject } from '../../src/check.js';
import { ConfigError } from '../../src/errors.js';
import { type Listener, type WithCacheOptions, withCache } from './index.js';

/** What `createServer` of an adapter takes: the options of `withCache`, and those of Node's server. */
export interface CreateServerOptions extends WithCacheOptions {
  /** Options of `http.createServer`. Default: Node's. */
  http?: ServerOptions;
  /** Options of `https.createServer`, `key` and `cert` first of all. Given, the server speaks TLS; `http` has no place then. */
  https?: SecureOptions;
}

/** Options with which the server is one of `node:https`. */
export type SecureServerOptions = CreateServerOptions & { https: SecureOptions };

/** From what a server makes its requests and responses. */
export type Constructors = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>;

/**
 * A server with the cache in front of a listener. Constructors are taken for both or for neither: those that the caller
 * gives stand.
 *
 * @throws {ConfigError} for an option that cannot be used
 */
export function serverOf(
  listener: Listener,
  given: CreateServerOptions,
  constructors: Constructors = {},
): Server | SecureServer {
  const { http, https, ...own } = anObject('the options of createServer()', given);
  // What they hold is not for messages: a private key, for one.
  if (http !== undefined && https !== undefined) {
    throw new ConfigError('option http', 'given', 'no value beside https: a server speaks one of the two');
  }
  const [setting, chosen = {}] = https === undefined ? ['option http', http] : ['option https', https];
  const options = anObject(setting, chosen) as SecureOptions;
  const replaced = options.IncomingMessage ?? options.ServerResponse;
  const complete = replaced === undefined ? { ...options, ...constructors } : options;
  const wrapped = withCache(listener, own);
  return https === undefined ? httpServer(complete, wrapped) : httpsServer(complete, wrapped);
}
