import type { CompressOptions } from './compress/rule.js';
import type { Mode } from './policy.js';
import type { MaybePromise } from './types.js';

/**
 * What can be told to the cache as a whole and for a single route; what a route says wins. `S` is what functions are
 * called with: Express' request, or Koa's context.
 */
export interface RouteOptions<S = unknown> {
  /**
   * Seconds that a response stays fresh when its handler does not say. Default 300. Of a function that returns `undefined`: what a mount
   * around it, or the cache, says as a number.
   */
  ttl?: number | ((source: S) => number | undefined);
  /** The same for 404 and 410, seconds; 0 stores none. Default 10. */
  negativeTtl?: number;
  /** Names that the response can be invalidated by, with others. */
  tags?: readonly string[] | ((source: S) => string | readonly string[]);
  /**
   * The route's name: `invalidate('users:list')` reaches all its responses. It stands beside the URL, not in its
   * place. A function's result is also a part of the key, and vouches for requests with credentials: what it returns
   * must tell apart whoever may not see the same. For requests of which it returns `undefined`, or an empty text, the usual
   * rules hold.
   */
  key?: string | ((source: S) => string | undefined);
  /**
   * Whose response it is. A text names the header (default `x-client-id`); a function finds it; `false`: there is
   * one tenant. `{ required: true }`: requests without it are passed by, not given a namespace of their own.
   */
  tenant?:
    | string
    | false
    | ((source: S) => MaybePromise<string | null | undefined>)
    | {
        /** The name of the header; not looked at beside `resolve`. Default `x-client-id`. */
        header?: string;
        /** Finds the tenant; nothing found: it cannot be resolved. */
        resolve?: (source: S) => MaybePromise<string | null | undefined>;
        /** Whether requests without it are passed by. Default `false`. */
        required?: boolean;
      };
  /** Request fields that the response varies by, whether it says so or not. */
  vary?: readonly string[];
  /**
   * Request fields that make a request personal, beside `Authorization` and `Cookie`: `['x-api-key']`. What such a
   * request brings is stored, and what others brought is given to it, only if the answer says `public` or `s-maxage`, or if
   * `vary`, `identity` or a `key` function keeps people apart. Default: none.
   */
  personal?: readonly string[];
  /** Whether the request may be looked up and stored at all. It has to say so at once: a promise is a no, and an error. */
  when?: (source: S) => boolean;
  /**
   * Who the response is for, as part of the key: requests with `Authorization` or `Cookie` can then be cached. For
   * requests of which it returns `undefined`, or an empty text, the usual rules hold.
   */
  identity?: (source: S) => string | undefined;
  /**
   * Query parameters that are part of the key: all, all but `ignore`, or `only` some. Names may end in `*`. Where one
   * of an array is named (`page[size]`), all of that are. They are sorted, so that their order does not matter; `sort: false`,
   * and mode `'rfc9111'`, leave them as they come.
   */
  query?: { ignore?: readonly string[]; only?: readonly string[]; sort?: boolean };
  /** Bytes that a response's body may have to be stored. Default 1,048,576. */
  maxBodyBytes?: number;
  /**
   * Whether stored responses are compressed, once and in the background, and clients given the form that they like best by
   * `Accept-Encoding` (RFC 9110 §12.5.3). What the handler has encoded itself, forbids to change (`no-transform`), or is of
   * a type or size not worth it is left alone. An object says more: `minBytes` (default 1024), `types`, `encodings`. Answers
   * that hold both a secret and what an attacker can write should not be compressed (BREACH). Default `false`.
   */
  compress?: boolean | CompressOptions;
  /**
   * `'honor'`: what a client's `Cache-Control` asks is obeyed (RFC 9111 §5.2.1): `no-cache`, `no-store`, `max-age`,
   * `min-fresh`, `max-stale`, `only-if-cached` (504 if there is nothing). Default `'ignore'`.
   */
  requestDirectives?: 'ignore' | 'honor';
  /**
   * `'application'` (default): answers without a word on their freshness are stored for `ttl`, and what may be personal is
   * not. `'rfc9111'`: a shared HTTP cache to the letter, for gateways: it stores what the fields allow and nothing else,
   * so that `ttl` has no effect, cookies are the origin's concern (§7.3), and `requestDirectives` are honoured.
   */
  mode?: Mode;
  /**
   * Seconds after its freshness that a response is still served, while the application is run in the background to make
   * it anew, where the handler's `stale-while-revalidate` does not say (RFC 5861). Default 0.
   */
  staleWhileRevalidate?: number;
  /**
   * Seconds after its freshness that a response stands in for a handler that answers 500, 502, 503 or 504, throws, or
   * hangs up, where the handler's `stale-if-error` does not say (RFC 5861). Default 0.
   */
  staleIfError?: number;
  /**
   * Seconds that a stale response with an `ETag` or `Last-Modified` of its handler's is kept, so that the handler can
   * say with a 304 that it is still the same; where clients are heard, also one without them, for `max-stale`. Default: as
   * long as it was fresh, from 300 to 86,400; 86,400 in mode `'rfc9111'`.
   */
  retain?: number;
  /**
   * The fraction of the time since `Last-Modified` for which a response without any lifetime is taken for fresh
   * (RFC 9111 §4.2.2), at most a day. 0: none. Default 0; 0.1 in mode `'rfc9111'`.
   */
  heuristic?: number;
  /**
   * Response fields that this cache reads in place of `Cache-Control` and `Expires` (RFC 9213), the first that is there
   * and can be read. Default `['Respcache-Cache-Control']`; add `'CDN-Cache-Control'` to act as a CDN.
   */
  targetedFields?: readonly string[];
  /**
   * Whether the response to a POST answers GETs, if it says how long, and its `Content-Location` is the URL that was
   * posted to (RFC 9110 §9.3.3). Default `false`; `true` in mode `'rfc9111'`.
   */
  storePost?: boolean;
  /**
   * Seconds that browsers may keep a response that this cache shares, counted from when they get it; 0: they ask each
   * time. It replaces the handler's `Cache-Control` on the way out; of what is kept for one user it says `private`, too. Default: what the
   * handler says.
   */
  browserTtl?: number;
  /** The same for CDNs, in `CDN-Cache-Control`, seconds; not of what is kept for one user. */
  cdnTtl?: number;
  /**
   * The response field in which the tags of a shared response go out, for a CDN's purges: `'Cache-Tag'`, `'Surrogate-Key'`. One
   * without tags has there what its handler says.
   */
  surrogateTags?: string;
  /** Whether `Cache-Status` shows the key. Default `false`. */
  exposeKey?: boolean;
  /**
   * Whether requests that find nothing wait for the one that is being answered, in this process or another, instead of
   * running the handler as well. Default `true`.
   */
  collapse?: boolean;
  /**
   * Lets a request now and then run the handler before its entry expires, the likelier the nearer the end and the slower
   * the handler, so that a busy key never runs dry. 1 is the usual measure, more is earlier; 0 (default): never.
   */
  earlyRefresh?: number;
  /**
   * The share of hits, from 0 to 1, whose handler runs all the same: its answer leaves, and is compared with the stored
   * one, which does not. What differs is told by the event `shadow`, and counted. 1: nothing is served from the cache, nor
   * what another request is answered, so that it can be tried before it is trusted. Default 0.
   */
  shadow?: number;
}

/** The names of all of them. */
export const ROUTE_OPTIONS: readonly string[] = [
  'ttl',
  'negativeTtl',
  'tags',
  'key',
  'tenant',
  'vary',
  'personal',
  'when',
  'identity',
  'query',
  'maxBodyBytes',
  'compress',
  'requestDirectives',
  'mode',
  'staleWhileRevalidate',
  'staleIfError',
  'retain',
  'heuristic',
  'targetedFields',
  'storePost',
  'browserTtl',
  'cdnTtl',
  'surrogateTags',
  'exposeKey',
  'collapse',
  'earlyRefresh',
  'shadow',
];
