import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Constructors } from '../node/server.js';

type Made = { readonly [K in keyof Constructors]-?: NonNullable<Constructors[K]> };
type Make = (this: object, ...given: unknown[]) => void;

/**
 * Whether requests and responses that are made with an application's prototypes are served faster. Express gives its
 * prototypes to each of them by `Object.setPrototypeOf`, which in the V8 of Node 20 and 22 makes an object slow for good;
 * where they have them already the call does nothing. From Node 24 on V8 does better by itself.
 * Measured on a busy machine, µs of the server's time per request without and with it, each pair in one interleaved run:
 * what the cache passes on 589 and 230 (Node 20), 482 and 150 (22), 164 and 204 (24), 166 and 184 (26); hits 41 and 33,
 * 47 and 40, 38 and 44, 32 and 35.
 *
 * @param version of Node: `process.versions.node`
 */
export function prototypesHelp(version: string): boolean {
  return [20, 22].includes(Number.parseInt(version, 10));
}

/**
 * Constructors for a server whose requests and responses are an application's from the start. None for what is no
 * application of Express, where a method of Node's is overridden (answers from the cache would pass through it), or if
 * Node's constructors are not to be extended so.
 */
export function constructorsOf(app: object): Constructors {
  const { request, response } = app as { request?: unknown; response?: unknown };
  if (!extendsOnly(request, IncomingMessage.prototype) || !extendsOnly(response, ServerResponse.prototype)) return {};
  const made = {
    IncomingMessage: extended(IncomingMessage, request),
    ServerResponse: extended(ServerResponse, response),
  } as Made;
  try {
    new made.ServerResponse(new made.IncomingMessage(new Socket()));
  } catch {
    return {};
  }
  return made;
}

/**
 * A plain function: unlike a class's, its prototype can be one that is there already. It inherits from Node's, as a class
 * would, so that V8 makes room for the properties that Node's sets (measured: a hit in 31 µs in place of 40, on Node 20).
 */
function extended(base: unknown, prototype: object): unknown {
  const make = base as Make;
  // Two parameters, and not a list: none is made for each request.
  const extending = function (this: object, first: unknown, second: unknown) {
    make.call(this, first, second);
  };
  extending.prototype = prototype;
  Object.setPrototypeOf(extending, make);
  return extending;
}

/** Whether a prototype inherits from one of Node's, and takes nothing that is there for its own. */
function extendsOnly(prototype: unknown, base: object): prototype is object {
  for (let each = prototype; each !== base; each = Object.getPrototypeOf(each)) {
    if (typeof each !== 'object' || each === null) return false;
    if (Object.getOwnPropertyNames(each).some((name) => name in base)) return false;
  }
  return true;
}
