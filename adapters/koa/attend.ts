import type { Context } from 'koa';
import type { Exchange } from '../../src/exchange.js';
import type { Sink } from '../node/sink.js';
import { tap } from '../node/tap.js';
import { holdHangUp } from './hang-up.js';

/** Of exchanges whose handler is listened to beside Koa: most are not. */
const TAPPED = new WeakSet<Exchange>();
const HELD = new WeakMap<Exchange, () => boolean>();

/**
 * Has the handler that is to run listened to where Koa does not hear it: what it says of what it is asked about, and that it hangs
 * up. For each mount that has looked something up: what is stored is in another place for one that looks elsewhere.
 */
export function attend(ctx: Context, exchange: Exchange): void {
  if (exchange.conditions.asksHandler && !TAPPED.has(exchange)) {
    TAPPED.add(exchange);
    tap(ctx.res, pastKoa(exchange));
  }
  if (exchange.outlivesHangUp && !HELD.has(exchange)) HELD.set(exchange, holdHangUp(ctx.res));
}

/** Whether the handler has hung up where something may stand in for it. To be asked when it is done: from then on it may. */
export function hasHungUp(exchange: Exchange): boolean {
  return HELD.get(exchange)?.() ?? false;
}

/**
 * A handler that writes past Koa may answer what this cache has asked it: a client that has not asked must not be given
 * that 304.
 */
function pastKoa(exchange: Exchange): Sink {
  const nothing = () => {};
  return {
    head: (head) => (head.status === 304 && exchange.conditions.asksHandler ? exchange.head(head) : undefined),
    isFilling: false,
    outlastsReply: false,
    whenWaitedFor: nothing,
    hungUp: () => undefined,
    write: nothing,
    trailers: nothing,
    end: nothing,
    abandon: nothing,
    leave: nothing,
  };
}
