import { type Directives, deltaSeconds, parseCacheControl } from '../http/cache-control.js';
import { fieldText } from '../http/headers.js';
import type { Fields } from '../types.js';

/** What a client asks of a cache (RFC 9111 §5.2.1); `undefined` where it says nothing. Times are seconds. */
export interface Asked {
  /** It wants an answer of the handler's own, or one that the handler has confirmed. */
  readonly noCache: boolean;
  /** Nothing of this exchange is to be stored. */
  readonly noStore: boolean;
  /** It would rather have nothing than wait for the handler. */
  readonly onlyIfCached: boolean;
  readonly maxAge: number | undefined;
  readonly minFresh: number | undefined;
  /** How stale an answer may be. `max-stale` without an argument: any age. */
  readonly maxStale: number | undefined;
}

/**
 * Reads a request's `Cache-Control`, and its `Pragma` where it has none (§5.4). What cannot be read is not there.
 */
export function askedBy(headers: Fields): Asked | undefined {
  const text = fieldText(headers, 'cache-control');
  if (text === undefined) {
    return /\bno-cache\b/i.test(fieldText(headers, 'pragma') ?? '') ? { ...NO_WISH, noCache: true } : undefined;
  }
  const directives = parseCacheControl(text);
  if (directives.size === 0) return undefined;
  return {
    noCache: directives.has('no-cache'),
    noStore: directives.has('no-store'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAge: secondsOf(directives, 'max-age'),
    minFresh: secondsOf(directives, 'min-fresh'),
    maxStale: directives.get('max-stale') === true ? Number.POSITIVE_INFINITY : secondsOf(directives, 'max-stale'),
  };
}

/** A client that asks for nothing in particular. */
export const NO_WISH: Asked = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
};

/** A number that cannot be read asks for nothing. */
function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  return typeof value === 'string' && /^\d+$/.test(value) ? deltaSeconds(directives, name) : undefined;
}
