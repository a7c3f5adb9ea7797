import { isOfTheFuture } from '../clock.js';
import type { ResponseEntry } from '../entry/entry.js';
import type { Forward } from '../http/cache-status.js';
import type { Asked } from '../request/directives.js';

/** What may be made of a stored response, as it is now. */
export type Use =
  /** It is the answer. */
  | 'fresh'
  /** It is stale, and the client has said that it will do (RFC 9111 §5.2.1.2). */
  | 'stale'
  /** It is the answer, and the handler is to be asked in the background (RFC 5861 §3). */
  | 'refresh'
  /** The handler is to be asked first. */
  | 'validate';

/** Judges a stored response. `asked`: what the client asks, where that is heard. */
export function useOf(entry: ResponseEntry, now: number, asked: Asked | undefined): Use {
  const fresh = freshFor(entry, now) / 1000;
  if (asked !== undefined && !isContent(asked, fresh, ageOf(entry, now))) return 'validate';
  if (fresh > 0) return 'fresh';
  if (entry.mustRevalidate) return 'validate';
  // A client that limits the age and says nothing of stale answers does not want one (RFC 9111 §5.2.1.1).
  if (asked?.maxAge !== undefined && asked.maxStale === undefined) return 'validate';
  if (asked?.maxStale !== undefined && -fresh <= asked.maxStale) return 'stale';
  return -fresh < entry.staleWhileRevalidate ? 'refresh' : 'validate';
}

/** Why a request goes to the handler though there is a stored response, which is not to be used as it is. */
export function forwardFor(entry: ResponseEntry, now: number): Forward {
  // What is fresh is not used only because the client does not want it.
  return freshFor(entry, now) > 0 ? 'request' : 'stale';
}

/** For how long a stored response is fresh, ms; below 0, for how long it is not. Of one of the future nobody knows: it is not. */
export function freshFor({ freshUntil, storedAt }: ResponseEntry, now: number): number {
  return isOfTheFuture(storedAt, now) ? 0 : freshUntil - now;
}

/** A stored response's age, seconds (RFC 9111 §4.2.3). */
export function ageOf({ initialAge, storedAt }: ResponseEntry, now: number): number {
  return initialAge + Math.max(0, Math.floor((now - storedAt) / 1000));
}

/** Whether it may stand in for a handler that has failed (RFC 5861 §4; RFC 9111 §4.2.4 forbids some). */
export function mayStandIn(entry: ResponseEntry, now: number): boolean {
  const { mustRevalidate, staleIfError, freshUntil } = entry;
  return !mustRevalidate && staleIfError > 0 && (now - freshUntil) / 1000 < staleIfError;
}

/** Whether the client is content with an answer of this age that stays fresh for `fresh` seconds (RFC 9111 §5.2.1). */
function isContent({ noCache, maxAge, minFresh }: Asked, fresh: number, age: number): boolean {
  // An age is told in whole seconds: nothing that is stored is of no age at all.
  if (noCache || maxAge === 0 || (maxAge !== undefined && age > maxAge)) return false;
  return minFresh === undefined || fresh >= minFresh;
}
