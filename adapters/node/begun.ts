import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '../../src/engine.js';
import type { Exchange } from '../../src/exchange.js';
import { isUnsafe } from '../../src/request/eligibility.js';
import type { Route } from '../../src/route.js';
import { exchangeOf, openExchange, type View } from './exchanges.js';
import type { Sink } from './sink.js';
import { statusSent } from './state.js';

/**
 * Whether a layer outside has sent the head of the answer already: nothing can be given in its place then, nor stored. What the
 * request changes is heard of all the same.
 */
export function isBegun(req: IncomingMessage, res: ServerResponse): boolean {
  return res.headersSent && !isUnsafe(req.method ?? 'GET');
}

/** Begins the exchange of a request whose answer is begun, unless another mount has: there is nothing to do but to count it. */
export function openBegun(engine: Engine, view: View, res: ServerResponse, route: Route): Exchange | undefined {
  const outer = exchangeOf(engine, res);
  const exchange = outer ?? openExchange(engine, view, res, route);
  if (!exchange.isHandled) exchange.bypass('begun');
  return outer === undefined ? exchange : undefined;
}

/** Of an answer whose head a layer outside has sent, only that it has been given is of use: to what it invalidates. */
export function tapBegun(res: ServerResponse, sink: Sink): void {
  sink.abandon();
  res.once('finish', () => tellOf(res.statusCode, res, sink));
}

/** So it is with one that was given past the tap, as over HTTP/2 by its stream: heard of when it has been given. */
export function tellPast(res: ServerResponse, sink: Sink): void {
  sink.abandon();
  tellOf(statusSent(res), res, sink);
}

function tellOf(status: number, res: ServerResponse, sink: Sink): void {
  const told = sink.head({ status, message: undefined, bag: res, whole: undefined });
  // Nothing can leave in its place, or go wrong with it any more.
  if (told instanceof Promise) told.catch(() => {});
}
