import type { Response } from 'express';
import { Observable } from 'rxjs';
import type { Exchange } from '../../src/exchange.js';
import { isGone } from '../node/state.js';

/**
 * Nest 11 and 12 say nothing to a client that has gone where the handler gives an Observable, which they let go of, or (12) a stream.
 * So the exchange is told here that nothing will come: those who wait for its answer are let go, and what was changed is invalidated.
 * What changes something is not let go of: it may go on all the same, as a message on its way does, and an invalidation has to
 * come behind it. `endless`: it is, as events are.
 */
export function hearUnsaid(
  source: Observable<unknown>,
  exchange: Exchange,
  res: Response,
  endless: boolean,
): Observable<unknown> {
  const unsaid = () => {
    if (!isGone(res) || res.headersSent || exchange.isHeaded) return;
    exchange.abandon();
    if (res.statusCode < 400) void exchange.invalidate(res.getHeaders());
  };
  return new Observable((subscriber) => {
    let isOver = false;
    let isLeft = false;
    let last: unknown;
    const run = source.subscribe({
      next: (value) => {
        last = value;
        subscriber.next(value);
      },
      error: (error) => {
        isOver = true;
        subscriber.error(error);
      },
      complete: () => {
        isOver = true;
        if (isLeft || (isStream(last) && isGone(res))) unsaid();
        // It may go while the first piece is waited for.
        else if (isStream(last)) res.once('close', unsaid);
        subscriber.complete();
      },
    });
    return () => {
      isLeft = !isOver && isGone(res);
      if (isLeft && exchange.changesOnSuccess && !exchange.isHeaded && !endless) return;
      run.unsubscribe();
      if (isLeft) unsaid();
    };
  });
}

/** Whether Nest 12 sends it as it comes: an async iterable, which Node's streams and those of the web are, or a `Response` of `fetch`. */
function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || value instanceof globalThis.Response;
}
