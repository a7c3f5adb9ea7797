import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { types } from 'node:util';
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

const HELPED = prototypesHelp(process.versions.node);

/** The prototypes of responses that were made with them: those share a shape from the start. */
const SHARED = new WeakSet<object>();

/**
 * Where Express has given a request and its response shapes of their own, they take one that all others share: as
 * dictionaries, which V8 makes of objects that a property is taken from. A shape of its own is copied for each property
 * that is added, and nothing that V8 has learned of the others' is of use for it. Nothing else changes; the property is put
 * back as it was. V8 looks for the shape of dictionaries in one of 64 places, by an address: about one application in a
 * hundred has that of requests in the place of that of responses, each takes it from the other, and nothing is gained.
 * Measured on Node 20, µs of the server's time per request without and with it, in one interleaved run: a bare handler 110
 * and 71, hits 137 and 89, what the cache passes on 215 and 118, misses 273 and 160.
 */
export function shareShape(req: IncomingMessage, res: ServerResponse): void {
  if (!HELPED || (req as { res?: unknown }).res !== res || SHARED.has(Object.getPrototypeOf(res) as object)) return;
  putBack(res, 'req');
  putBack(req, 'res');
}

function putBack(object: object, name: string): void {
  // It has no shape, and may forbid this: a property could not be put back.
  if (types.isProxy(object)) return;
  const property = Object.getOwnPropertyDescriptor(object, name);
  if (property !== undefined && Reflect.deleteProperty(object, name)) Object.defineProperty(object, name, property);
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
  SHARED.add(response);
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
