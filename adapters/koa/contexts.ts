import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';
import type { Engine } from '../../src/engine.js';
import type { Exchange } from '../../src/exchange.js';
import { exchangeOf } from '../node/exchanges.js';

/** Of requests whose exchange was begun outside of Koa, by Node's request: its functions are called with that. */
const CONTEXTS = new WeakMap<IncomingMessage, Context>();

/** The exchange that a mount around this one has begun: within Koa, or around the whole application. */
export function joined(engine: Engine, ctx: Context): Exchange | undefined {
  const exchange = exchangeOf(engine, ctx.res);
  if (exchange !== undefined && isOutside(exchange, ctx)) {
    CONTEXTS.set(ctx.req, ctx);
    ctx.cache ??= exchange.control;
  }
  return exchange;
}

/** Whether the exchange was begun around the whole application. */
export function isOutside(exchange: Exchange, ctx: Context): boolean {
  return exchange.request.source !== ctx;
}

type Call = (source: unknown) => unknown;

/** One function stays one function: mounts are compared by what they are given. */
const BOUND = new WeakMap<Call, Call>();

/** Options whose functions are called with Koa's context, whatever the exchange was begun with. */
export function ofContext<O>(options: O): O {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options;
  const entries = Object.entries(options).map(([name, value]) => [
    name,
    name === 'tenant' ? rule(value) : bound(value),
  ]);
  return Object.fromEntries(entries) as O;
}

function rule(tenant: unknown): unknown {
  const { resolve } = (tenant ?? {}) as { resolve?: unknown };
  return typeof resolve === 'function' ? { ...(tenant as object), resolve: bound(resolve) } : bound(tenant);
}

function bound(value: unknown): unknown {
  if (typeof value !== 'function') return value;
  const call = value as Call;
  let found = BOUND.get(call);
  if (found === undefined) {
    found = (source) => call(CONTEXTS.get(source as IncomingMessage) ?? source);
    BOUND.set(call, found);
  }
  return found;
}
