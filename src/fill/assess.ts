import { ask, namesAtOnce, secondsAtOnce } from '../ask.js';
import type { Services } from '../backend.js';
import type { Control } from '../control.js';
import type { ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { parseGroups } from '../http/cache-groups.js';
import { fieldText } from '../http/headers.js';
import { type Lifetime, lifetime, type Said, saidBy } from '../lookup/freshness.js';
import type { Credentials } from '../request/eligibility.js';
import type { RequestView } from '../request/request.js';
import type { Route } from '../route.js';
import type { Fields } from '../types.js';
import { hasValidator, sharedWith, unstorable } from './cacheability.js';

/** The exchange that a response belongs to, as far as its storing depends on it. */
export interface Context {
  readonly services: Services;
  readonly request: RequestView;
  /** The method that the response is stored for. */
  readonly method: string;
  readonly route: Route;
  readonly control: Control;
  readonly credentials: Credentials | undefined;
  /** The request asked for a part. */
  readonly ranged: boolean;
  /** When the handler was given the request: ms since 1970. */
  readonly requestedAt: number;
}

/** What is to be known of a response before it may be stored. */
export interface Assessment {
  readonly said: Said;
  readonly life: Lifetime;
  /** Why it may not be stored; `undefined` if it may. */
  readonly reason: Reason | undefined;
}

/** How long a response may be used, and whether it may be stored at all, by the fields that it has. */
export function assess(context: Context, status: number, fields: Fields): Assessment {
  const { route, control, method, credentials, ranged } = context;
  const { policy, vary: keyed, maxBodyBytes, retain, heuristic, staleWhileRevalidate, staleIfError } = route;
  const said = saidBy(fields, route.targetedFields);
  const life = lifetime(fields, said, {
    status,
    told: control.seconds,
    fallback: policy.implicitTtl ? fallbackTtl(context, status) : undefined,
    heuristic,
    staleWhileRevalidate,
    staleIfError,
    requestedAt: context.requestedAt,
    now: context.services.settings.clock.now(),
  });
  const reason = unstorable({
    policy,
    method,
    ranged,
    credentials,
    keyed,
    status,
    fields,
    said,
    refused: control.refused,
    lifetime: life,
    maxBodyBytes,
    retain,
  });
  return { said, life, reason };
}

/** What an entry holds of its times and uses. */
export type Terms = Pick<
  ResponseEntry,
  | 'storedAt'
  | 'freshUntil'
  | 'expiresAt'
  | 'mustRevalidate'
  | 'staleWhileRevalidate'
  | 'staleIfError'
  | 'initialAge'
  | 'sharedWith'
>;

/** From when to when a response may be used and how, and for how long a store is to keep it for that. */
export function termsOf({ route }: Context, { said, life }: Assessment, fields: Fields, now: number): Terms {
  const { age: initialAge, mustRevalidate, staleWhileRevalidate, staleIfError, seconds } = life;
  const freshUntil = now + seconds * 1000;
  const served = freshUntil + Math.max(staleWhileRevalidate, staleIfError) * 1000;
  const validated = Math.max(freshUntil, now) + retention(route, fields, seconds) * 1000;
  return {
    storedAt: now,
    freshUntil,
    expiresAt: Math.max(served, validated),
    mustRevalidate,
    staleWhileRevalidate,
    staleIfError,
    initialAge,
    sharedWith: sharedWith(said),
  };
}

/** For how long stale responses are kept at least and at most, if the option `retain` does not say; seconds. */
const LEAST_RETAINED = 300;
const MOST_RETAINED = 86_400;

/** For how many seconds a stale response is kept: to be validated, or for clients that say that it will do. */
function retention({ retain, requestDirectives }: Route, fields: Fields, fresh: number): number {
  if (!hasValidator(fields) && requestDirectives === 'ignore') return 0;
  if (retain !== undefined) return retain;
  return Math.min(Math.max(fresh, LEAST_RETAINED), MOST_RETAINED);
}

/** The tags of the route and of the response's groups; `undefined` if they cannot be had: untagged it is not stored. */
export function tagsOf({ services, route, request }: Context, fields: Fields): readonly string[] | undefined {
  const { tags } = route;
  const own = ask(services.events, 'tags', undefined, () =>
    typeof tags === 'function' ? namesAtOnce('the option tags', tags(request.source)) : tags,
  );
  if (own === undefined) return undefined;
  // Groups are tags (RFC 9875 §2).
  return fields['cache-groups'] === undefined ? own : [...own, ...parseGroups(fieldText(fields, 'cache-groups'))];
}

function fallbackTtl({ route, services, request }: Context, status: number): number {
  const { ttl, usualTtl, negativeTtl } = route;
  if (status === 404 || status === 410) return negativeTtl;
  if (typeof ttl === 'number') return ttl;
  return ask(services.events, 'ttl', 0, () => secondsAtOnce('the option ttl', ttl(request.source)) ?? usualTtl);
}
