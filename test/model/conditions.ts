// Conditional requests: the client's, which a cache answers (RFC 9111 §4.3.2), and the cache's own (§4.3.1).

import type { Choose } from './choices.js';
import { parseDate } from './dates.js';
import { has, type Request, type Response, textOf } from './messages.js';
import { dateOf, etagOf, lastModifiedOf, type Stored } from './stored.js';

/** The entity tags in an If-None-Match, `*` as itself. */
export function tagsOf(text: string): string[] {
  return text.trim() === '*' ? ['*'] : [...text.matchAll(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g)].map(([tag]) => tag);
}

/** RFC 9110 §8.8.3.2: "two entity tags are equivalent if their opaque-tags match character-by-character, regardless of either or both being tagged as "weak"". */
export function sameWeakly(a: string, b: string): boolean {
  return a.replace(/^W\//, '') === b.replace(/^W\//, '');
}

export function isConditional(request: Request): boolean {
  return has(request, 'If-None-Match') || has(request, 'If-Modified-Since');
}

/**
 * Whether a 304 is the answer to a client, given the response that it would be served otherwise. `byDate`: whether the
 * response's Date counts where it has no Last-Modified.
 */
export function isNotModified(request: Request, stored: Stored, byDate: boolean, choose: Choose): boolean {
  // §4.3.2: "a request that can be satisfied by reusing a stored 200 (OK) or 206 (Partial Content) response".
  if (stored.response.status !== 200) return false;
  const match = textOf(request, 'If-None-Match');
  // RFC 9110 §13.2.2: If-Modified-Since is looked at only "when … If-None-Match is not present".
  if (match !== undefined) return matches(match, etagOf(stored.response));
  const since = textOf(request, 'If-Modified-Since');
  return since !== undefined && !isModified(since, stored, byDate, choose);
}

/** RFC 9110 §13.1.2. */
function matches(ifNoneMatch: string, etag: string | undefined): boolean {
  return tagsOf(ifNoneMatch).some((tag) => tag === '*' || (etag !== undefined && sameWeakly(tag, etag)));
}

/** RFC 9110 §13.1.3. */
function isModified(ifModifiedSince: string, stored: Stored, byDate: boolean, choose: Choose): boolean {
  const since = parseDate(ifModifiedSince, stored.responseTime);
  // "A recipient MUST ignore the If-Modified-Since header field if the received field value is not a valid HTTP-date".
  if (since === undefined) return true;
  const modified = lastModifiedOf(stored);
  if (modified !== undefined) return modified > since;
  if (has(stored.response, 'Last-Modified')) {
    return (
      choose('§4.3.2: a Last-Modified that is no date does not make the Date count') === 0 || dateOf(stored) > since
    );
  }
  // §4.3.2: "a cache SHOULD use the stored response's Date field value (or, if no Date field is present, the time that
  // the stored response was received) to evaluate the conditional".
  if (!byDate && choose('§4.3.2: the Date counts only for what was stored before') === 0) return true;
  const isDated = !has(stored.response, 'Date') || parseDate(textOf(stored.response, 'Date')!, since) !== undefined;
  if (!isDated && choose('§4.3.2: a Date that is no date is there, and tells nothing') === 0) return true;
  return dateOf(stored) > since;
}

/**
 * What is wrong with a validating request, as its handler saw it (§4.3.1): the stored response's entity tag MUST be
 * sent, and where there is none its Last-Modified. Tags of the client's may stand beside it (§4.3.2).
 */
export function wrongValidation(sent: Request, stored: Stored, client: Request): string | undefined {
  const etag = etagOf(stored.response);
  const tags = tagsOf(textOf(sent, 'If-None-Match') ?? '');
  const allowed = [...(etag === undefined ? [] : [etag]), ...tagsOf(textOf(client, 'If-None-Match') ?? '')];
  if (etag !== undefined && !tags.includes(etag)) return `If-None-Match has not the stored tag ${etag}`;
  const foreign = tags.find((tag) => !allowed.includes(tag));
  if (foreign !== undefined) return `If-None-Match has ${foreign}, which is neither stored nor the client's`;
  const since = textOf(sent, 'If-Modified-Since');
  const modified = textOf(stored.response, 'Last-Modified');
  if (since !== undefined && since !== modified) return `If-Modified-Since is ${since}, not the stored ${modified}`;
  if (etag === undefined && since === undefined) return 'neither If-None-Match nor If-Modified-Since is sent';
  return undefined;
}

/** Whether the handler saw the client's own conditions and no others. */
export function sameConditions(sent: Request, client: Request): boolean {
  return ['If-None-Match', 'If-Modified-Since'].every((name) => textOf(sent, name) === textOf(client, name));
}

export interface Validators {
  readonly strong: string | undefined;
  readonly weak: string | undefined;
  readonly lastModified: string | undefined;
}

/** RFC 9110 §8.8.1: an entity tag is strong unless it is marked; a modification date is weak. */
export function validatorsOf(response: Response): Validators {
  const etag = etagOf(response);
  const isWeak = etag?.startsWith('W/') ?? false;
  return {
    strong: isWeak ? undefined : etag,
    weak: isWeak ? etag : undefined,
    lastModified: textOf(response, 'Last-Modified'),
  };
}
