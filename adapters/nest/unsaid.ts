import type { Response } from 'express';
import { Observable } from 'rxjs';
import type { Exchange } from '../../src/exchange.js';
import { isGone } from '../node/state.js';

/**
 * Listens to what a handler gives, for what the answer does not tell. Nest 11 and 12 say nothing to a client that has gone where that
 * is an Observable, which they let go of, or (12) a stream: those who wait for the answer are let go on, and what was changed is
 * invalidated. Who lets go of it before its end, as a timeout does, has not undone what it changes, and it may go on all the same, as a
 * promise does, or a message on its way: it is listened to until its end, and invalidated then. `endless`: it need not have one.
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
    let last: { readonly value: unknown } | undefined;
    const run = source.subscribe({
      next: (value) => {
        last = { value };
        subscriber.next(value);
      },
      error: (error) => {
        isOver = true;
        subscriber.error(error);
      },
      complete: () => {
        isOver = true;
        // Whatever has been answered in its place.
        if (isLeft) void exchange.invalidate(res.getHeaders());
        else if (isStream(last?.value)) {
          if (isGone(res)) unsaid();
          // It may go while the first piece is waited for.
          else res.once('close', unsaid);
        }
        subscriber.complete();
      },
    });
    return () => {
      const gone = isGone(res);
      // Nobody is to wait for an answer that will not be said.
      if (!isOver && gone && !exchange.isHeaded) exchange.abandon();
      // Who has been given a value, and is still there, answers with that.
      isLeft = !isOver && (gone || last === undefined) && exchange.changesOnSuccess && !exchange.isHeaded && !endless;
      if (!isLeft) run.unsubscribe();
    };
  });
}

/** Whether Nest 12 sends it as it comes: an async iterable, which Node's streams and those of the web are, or a `Response` of `fetch`. */
function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || value instanceof globalThis.Response;
}
