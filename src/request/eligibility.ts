import type { Reason } from '../events.js';
import type { Fields } from '../types.js';
import type { RequestView } from './request.js';

/** Credentials that a request carries, as far as no option says what makes the answer safe to share. */
export interface Credentials {
  readonly authorization: boolean;
  readonly cookie: boolean;
  /** What else the option `personal` names, and the request has: in lower case. */
  readonly named?: readonly string[];
}

/** Reasons that say that an answer may be personal. */
export type Personal = 'authorization' | 'cookie' | 'personal';

export function isPersonal(reason: Reason | undefined): reason is Personal {
  return reason === 'authorization' || reason === 'cookie' || reason === 'personal';
}

const SAFE_METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'],
  ...['PROPFIND', 'REPORT', 'SEARCH'],
]);

/** Methods whose success may have changed what their URL answers (RFC 9110 §9.2.1); unknown ones count. */
export function isUnsafe(method: string): boolean {
  return !SAFE_METHODS.has(method);
}

/** Why a request may not be looked up by its own form; `undefined` if it may. */
export function ineligible(request: RequestView): Reason | undefined {
  const { headers } = request;
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'method';
  // A fragment is no part of a target (RFC 9112 §3.2): handlers leave it out, and a key would not.
  if (!request.target.startsWith('/') || request.target.includes('#')) return 'target';
  if (headers.upgrade !== undefined) return 'upgrade';
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return 'precondition';
  return undefined;
}

/** Whether a request has a body, which means nothing in a GET (RFC 9110 §9.3.1). */
export function hasBody({ headers, isFollowed }: Pick<RequestView, 'headers' | 'isFollowed'>): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  const length = headers['content-length'];
  return length === undefined ? isFollowed === true : Number(length) !== 0;
}

/**
 * The credentials of a request that nothing makes safe. `personal`: an option (`identity`, a `key` function) makes the
 * key a different one for each user. `guardsCookies`: whether cookies count. `fields`: what counts beside them.
 */
export function openCredentials(
  headers: Fields,
  personal: boolean,
  guardsCookies: boolean,
  fields: readonly string[] = [],
): Credentials | undefined {
  if (personal) return undefined;
  const authorization = headers.authorization !== undefined;
  const cookie = guardsCookies && headers.cookie !== undefined;
  const named = fields.filter((name) => headers[name] !== undefined);
  if (named.length > 0) return { authorization, cookie, named };
  return authorization || cookie ? { authorization, cookie } : undefined;
}

/** Whether a response is only for whoever has brought it: it does not say that others may have it, too. */
export function isForOne(
  owner: Credentials | undefined,
  shared: Pick<Credentials, 'authorization' | 'cookie'>,
): boolean {
  return owner !== undefined && barringCredentials(owner, shared, []) !== undefined;
}

/**
 * Which credentials of a request keep a response from it. `shared`: whom the response lets in; `keyed`: request fields
 * that are a part of its key.
 */
export function barringCredentials(
  { authorization, cookie, named = [] }: Credentials,
  shared: Pick<Credentials, 'authorization' | 'cookie'>,
  keyed: readonly string[],
): Personal | undefined {
  if (authorization && !shared.authorization && !keyed.includes('authorization')) return 'authorization';
  if (cookie && !shared.cookie && !keyed.includes('cookie')) return 'cookie';
  // What is for all is for those, too; `must-revalidate` lets in Authorization alone (RFC 9111 §3.5).
  return !shared.cookie && named.some((name) => !keyed.includes(name)) ? 'personal' : undefined;
}
