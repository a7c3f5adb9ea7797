import { parseHttpDate } from '../http/date.js';
import { matchesEtag } from '../http/etag.js';
import { fieldText } from '../http/headers.js';
import type { Fields } from '../types.js';

/** The conditions of a request that a cache can answer for the handler. */
export interface Conditions {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
}

export function conditionsOf(request: Fields): Conditions | undefined {
  const ifNoneMatch = fieldText(request, 'if-none-match');
  const ifModifiedSince = fieldText(request, 'if-modified-since');
  return ifNoneMatch === undefined && ifModifiedSince === undefined ? undefined : { ifNoneMatch, ifModifiedSince };
}

/**
 * Whether 304 is the answer, given the validators of a 200. If-None-Match, where there is one, decides alone
 * (RFC 9110 §13.2.2); an If-Modified-Since that is not a date is not there (§13.1.3). `lastModified` of a stored
 * response is its Last-Modified, else when it was made (RFC 9111 §4.3.2).
 */
export function isNotModified(
  conditions: Conditions | undefined,
  status: number,
  etag: string | undefined,
  lastModified: string | undefined,
): boolean {
  if (conditions === undefined || status !== 200) return false;
  const { ifNoneMatch, ifModifiedSince } = conditions;
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etag);
  const since = parseHttpDate(ifModifiedSince);
  const modified = parseHttpDate(lastModified);
  return since !== undefined && modified !== undefined && modified <= since;
}

/** Fields that describe a body, or what follows it, and have no place in a 304 (RFC 9110 §15.4.5). */
export function isOfBody(lowerName: string): boolean {
  return (
    (lowerName.startsWith('content-') &&
      lowerName !== 'content-location' &&
      !lowerName.startsWith('content-security')) ||
    lowerName === 'transfer-encoding' ||
    lowerName === 'trailer'
  );
}
