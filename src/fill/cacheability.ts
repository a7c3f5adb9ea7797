import type { Reason } from '../events.js';
import { deltaSeconds, responseDirectives } from '../http/cache-control.js';
import { fieldText } from '../http/headers.js';
import { variesBy } from '../http/vary.js';
import type { Credentials } from '../request/eligibility.js';
import type { Fields } from '../types.js';

/** What is known of a response as its head leaves, and of the request that it answers. */
export interface Candidate {
  readonly method: string;
  /** Credentials that no option makes safe. */
  readonly credentials: Credentials | undefined;
  /** Request fields that the `vary` option makes a part of the key. */
  readonly keyed: readonly string[];
  readonly status: number;
  readonly fields: Fields;
  /** The handler said `noStore()`. */
  readonly refused: boolean;
  readonly lifetime: { readonly seconds: number; readonly explicit: boolean };
  readonly maxBodyBytes: number;
}

/** Stored without a word from the handler (RFC 9110 §15.1, but 206, 405, 414 and 501). */
const BY_DEFAULT: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410]);
/** Never stored: parts, answers to conditions, and what depends on who asks or how often. */
const NEVER: ReadonlySet<number> = new Set([206, 304, 401, 403, 407, 412, 416, 417, 429]);

/** Why a response may not be stored, by what its head says; `undefined` if it may. */
export function unstorable(candidate: Candidate): Reason | undefined {
  const { method, status, fields, lifetime } = candidate;
  if (method === 'HEAD') return 'head';
  if (candidate.refused) return 'handler';
  if (!isStorableStatus(status, lifetime.explicit)) return 'status';
  const directives = responseDirectives(fields);
  // RFC 9111 §3; qualified forms count as the plain ones here.
  if (directives.has('no-store')) return 'no-store';
  if (directives.has('private')) return 'private';
  if (directives.has('no-cache')) return 'no-cache';
  if (fields['set-cookie'] !== undefined) return 'set-cookie';
  if (variesBy(fields) === '*') return 'vary-star';
  const personal = notShared(candidate);
  if (personal !== undefined) return personal;
  if (/^text\/event-stream\b/i.test(fieldText(fields, 'content-type') ?? '')) return 'event-stream';
  if (fields.trailer !== undefined) return 'trailers';
  if (fields['content-range'] !== undefined) return 'status';
  if (!(lifetime.seconds > 0)) return 'not-fresh';
  if (Number(fieldText(fields, 'content-length') ?? 0) > candidate.maxBodyBytes) return 'too-large';
  return undefined;
}

/** Whether a response to a request with credentials may be given to others too (RFC 9111 §3.5). */
export function sharedWith(fields: Fields): Credentials {
  const directives = responseDirectives(fields);
  const open = directives.has('public') || (deltaSeconds(directives, 's-maxage') ?? 0) > 0;
  return { authorization: open || directives.has('must-revalidate'), cookie: open };
}

function isStorableStatus(status: number, explicit: boolean): boolean {
  if (status >= 500 || status < 200 || NEVER.has(status)) return false;
  return explicit || BY_DEFAULT.has(status);
}

function notShared({ credentials, keyed, fields }: Candidate): Reason | undefined {
  if (credentials === undefined) return undefined;
  const shared = sharedWith(fields);
  if (credentials.authorization && !shared.authorization && !keyed.includes('authorization')) return 'authorization';
  if (credentials.cookie && !shared.cookie && !keyed.includes('cookie')) return 'cookie';
  return undefined;
}
