import type { Reason } from '../events.js';
import { deltaSeconds, fieldList } from '../http/cache-control.js';
import { fieldText } from '../http/headers.js';
import { variesBy } from '../http/vary.js';
import { isHeuristicallyCacheable, type Lifetime, type Said, saidBy } from '../lookup/freshness.js';
import type { Policy } from '../policy.js';
import { barringCredentials, type Credentials, type Personal } from '../request/eligibility.js';
import type { Fields } from '../types.js';

/** What is known of a response as its head leaves, and of the request that it answers. */
export interface Candidate {
  readonly policy: Policy;
  readonly method: string;
  /** The request asked for a part. */
  readonly ranged: boolean;
  /** Credentials that no option makes safe. */
  readonly credentials: Credentials | undefined;
  /** Request fields that the `vary` option makes a part of the key. */
  readonly keyed: readonly string[];
  readonly status: number;
  readonly fields: Fields;
  readonly said: Said;
  /** The handler said `noStore()`. */
  readonly refused: boolean;
  readonly lifetime: Pick<Lifetime, 'seconds' | 'source' | 'mustRevalidate'>;
  readonly maxBodyBytes: number;
  /** The option: for how many seconds what is stale is kept; 0: not at all. */
  readonly retain: number | undefined;
}

/** Stored without a word from the handler (RFC 9110 §15.1, but 206, 405, 414 and 501). */
const BY_DEFAULT: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410]);
/** Never stored: parts, differences and answers to conditions; and what RFC 6585 forbids to, whatever it says of itself. */
const NEVER: ReadonlySet<number> = new Set([206, 226, 304, 412, 416, 428, 429, 431, 511]);
/** What depends on who asks, or on how it came (425: RFC 8470 §5.2). */
const PERSONAL: ReadonlySet<number> = new Set([401, 403, 407, 417, 425]);
/** Final statuses that this cache knows the meaning of (RFC 9110 §15; RFC 9111 §5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...[200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 413, 414, 415, 417, 421, 422, 426],
  ...[500, 501, 502, 503, 504, 505],
]);

/** Why a response may not be stored, by what its head says (RFC 9111 §3); `undefined` if it may. */
export function unstorable(candidate: Candidate): Reason | undefined {
  const { method, status, fields, said, policy } = candidate;
  const { directives } = said;
  if (method === 'HEAD') return 'head';
  if (method === 'POST' && !isExplicit(candidate.lifetime)) return 'method';
  if (candidate.refused) return 'handler';
  // Some applications send parts of a list as 200.
  if (candidate.ranged && (status !== 200 || fields['content-range'] !== undefined)) return 'range';
  if (!isStorableStatus(candidate)) return 'status';
  if (directives.has('no-store') && !directives.has('must-understand')) return 'no-store';
  if (directives.has('private') && fieldList(directives, 'private') === undefined) return 'private';
  const unusable = directives.has('no-cache') && fieldList(directives, 'no-cache') === undefined;
  if (unusable && !policy.storesStale) return 'no-cache';
  if (fields['set-cookie'] !== undefined && policy.guardsCookies) return 'set-cookie';
  if (variesBy(fields) === '*') return 'vary-star';
  const personal = notShared(candidate);
  if (personal !== undefined) return personal;
  if (/^text\/event-stream\b/i.test(fieldText(fields, 'content-type') ?? '')) return 'event-stream';
  if (fields.trailer !== undefined) return 'trailers';
  if (!(candidate.lifetime.seconds > 0) && !isGoodStale(candidate)) return unusable ? 'no-cache' : 'not-fresh';
  if (Number(fieldText(fields, 'content-length') ?? 0) > candidate.maxBodyBytes) return 'too-large';
  return undefined;
}

/**
 * Why the response to such a request is not stored, as far as the request tells: with credentials, unless the response
 * says that others may have it; `undefined` if it may be stored.
 */
export function unstorableUnlessSaid(
  request: Pick<Candidate, 'method' | 'credentials' | 'keyed' | 'policy'>,
): Reason | undefined {
  return request.method === 'HEAD' ? 'head' : notShared({ ...request, said: saidBy({}, []) });
}

const ACCEPT_ENCODING = 'accept-encoding';

/**
 * The request fields that are a part of the key of a response, whatever its `Vary` says: those of the option `vary`; and
 * `Accept-Encoding`, where it is in a coding. Packages that choose one, and do not say so, are among the most used
 * (`koa-static`, `koa-send`, `http-compression`): clients that cannot read it would be given it. What it says is left as it is.
 */
export function keyedOf(policy: Policy, vary: readonly string[], fields: Fields): readonly string[] {
  const coding = fieldText(fields, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (!policy.keysCodings || coding === '' || coding === 'identity') return vary;
  return variesBy(fields, vary).includes(ACCEPT_ENCODING) ? vary : [...vary, ACCEPT_ENCODING];
}

/** Whether a response that is stale as it leaves is good for something: by its own word, or for its validator. */
function isGoodStale({ fields, said: { directives }, lifetime, policy, retain }: Candidate): boolean {
  if (policy.storesStale && retain !== 0 && hasValidator(fields)) return true;
  const names = ['stale-while-revalidate', 'stale-if-error'];
  return !lifetime.mustRevalidate && names.some((name) => (deltaSeconds(directives, name) ?? 0) > -lifetime.seconds);
}

/** Whether the handler can be asked if a response is still the same (RFC 9111 §4.3.1). */
export function hasValidator(fields: Fields): boolean {
  return fields.etag !== undefined || fields['last-modified'] !== undefined;
}

/** Whether a response to a request with credentials may be given to others too (RFC 9111 §3.5). */
export function sharedWith({ directives }: Said): Credentials {
  const open = directives.get('public') === true || (deltaSeconds(directives, 's-maxage') ?? 0) > 0;
  return { authorization: open || directives.get('must-revalidate') === true, cookie: open };
}

function isStorableStatus({ status, lifetime, said, policy }: Candidate): boolean {
  if (status < 200 || NEVER.has(status)) return false;
  if (said.directives.has('must-understand') && !UNDERSTOOD.has(status)) return false;
  if (!policy.storesErrors && (status >= 500 || PERSONAL.has(status))) return false;
  if (isExplicit(lifetime)) return true;
  return policy.implicitTtl ? BY_DEFAULT.has(status) : isHeuristicallyCacheable(status, said.directives);
}

function isExplicit({ source }: Pick<Lifetime, 'source'>): boolean {
  return source === 'told' || source === 'declared';
}

function notShared({
  credentials,
  keyed,
  said,
}: Pick<Candidate, 'credentials' | 'keyed' | 'said'>): Personal | undefined {
  return credentials === undefined ? undefined : barringCredentials(credentials, sharedWith(said), keyed);
}
