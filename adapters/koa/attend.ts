import type { Context } from 'koa';
import type { Exchange } from '../../src/exchange.js';
import type { ResponseHead } from '../../src/fill/response-head.js';
import type { Reply } from '../../src/lookup/reply.js';
import type { MaybePromise } from '../../src/types.js';
import type { Sink } from '../node/sink.js';
import { tap } from '../node/tap.js';
import { holdHangUp } from './hang-up.js';

/** Of exchanges whose handler is listened to beside Koa: most are not. */
const TAPPED = new WeakSet<Exchange>();
const HELD = new WeakMap<Exchange, () => boolean>();
/** Of those, whose layers inside are done with the response: what leaves now is what they have left to Koa. */
const DONE = new WeakSet<Exchange>();

/**
 * Has the handler that is to run listened to where Koa does not hear it: what it says of what it is asked about, that it hangs
 * up, and that it answers past Koa, where something is to be invalidated by then. For each mount that has looked something up:
 * what is stored is in another place for one that looks elsewhere.
 */
export function attend(ctx: Context, exchange: Exchange): void {
  if ((exchange.conditions.asksHandler || exchange.changesOnSuccess) && !TAPPED.has(exchange)) {
    TAPPED.add(exchange);
    tap(ctx.res, pastKoa(ctx, exchange));
  }
  if (exchange.outlivesHangUp && !HELD.has(exchange)) HELD.set(exchange, holdHangUp(ctx.res));
}

/** To be called when the layers inside are done. */
export function stopAttending(exchange: Exchange): void {
  if (TAPPED.has(exchange)) DONE.add(exchange);
}

/** Whether the handler has hung up where something may stand in for it. To be asked when it is done: from then on it may. */
export function hasHungUp(exchange: Exchange): boolean {
  return HELD.get(exchange)?.() ?? false;
}

/**
 * A handler that writes past Koa may answer what this cache has asked it: a client that has not asked must not be given
 * that 304. And it may answer before it returns, or long after: what it has changed is invalidated as its answer leaves.
 */
function pastKoa(ctx: Context, exchange: Exchange): Sink {
  const nothing = () => {};
  /** Where all layers have left the answer to the handler, it has been given now, or will not be: nothing of it is stored. */
  const giveUp = () => {
    if (DONE.has(exchange) && ctx.respond === false) exchange.abandon();
  };
  const head = (head: ResponseHead): MaybePromise<Reply | undefined> => {
    if (head.status === 304 && exchange.conditions.asksHandler) return exchange.head(head);
    // Of the other answers the layers tell: of those that are Koa's, and of what stands in for one.
    const isPast = !DONE.has(exchange) || ctx.respond === false;
    if (!isPast || exchange.isServed) return undefined;
    exchange.abandon();
    return exchange.head(head);
  };
  return {
    head,
    isFilling: false,
    outlastsReply: false,
    whenWaitedFor: nothing,
    hungUp: () => undefined,
    write: nothing,
    trailers: nothing,
    end: giveUp,
    abandon: giveUp,
    // Koa tells of that as its layers are done.
    changesOnSuccess: false,
    invalidate: nothing,
    leave: giveUp,
  };
}
