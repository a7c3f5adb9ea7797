// How what is stored changes with a response that is not stored itself: 304 (RFC 9111 §4.3.4), HEAD (§4.3.5), and
// unsafe methods (§4.4).

import { sameWeakly, validatorsOf } from './conditions.js';
import { type Exchange, textOf } from './messages.js';
import { dateOf, etagOf, lastModifiedOf, type Stored } from './stored.js';
import { updatedFields } from './storing.js';

/** A stored response with the fields of a newer one (§3.2). */
export function updated(stored: Stored, by: Exchange): Stored {
  const fields = updatedFields(stored.response.fields, by.response.fields);
  const { requestTime, responseTime } = by;
  return { request: stored.request, response: { ...stored.response, fields }, requestTime, responseTime };
}

/**
 * §4.3.4: whether a 304 identifies a stored response for update, by the first of its rules that applies.
 * `'bare'`: the 304 has no validator though the stored response has; the text does not say.
 */
export function identifies(notModified: Exchange, stored: Stored): boolean | 'bare' {
  const given = validatorsOf(notModified.response);
  const kept = validatorsOf(stored.response);
  const etag = etagOf(stored.response);
  const sameDate = etag === undefined && given.lastModified !== undefined && given.lastModified === kept.lastModified;
  if (given.strong !== undefined) return given.strong === kept.strong || (sameDate && hasStrongDate(stored));
  if (given.weak !== undefined) return sameDate || (etag !== undefined && sameWeakly(given.weak, etag));
  if (given.lastModified !== undefined) return given.lastModified === kept.lastModified;
  return kept.strong === undefined && kept.weak === undefined && kept.lastModified === undefined ? true : 'bare';
}

/** RFC 9110 §8.8.2.2: a modification date is strong if the response was made "at least one second after" it. */
function hasStrongDate(stored: Stored): boolean {
  const modified = lastModifiedOf(stored);
  return modified !== undefined && dateOf(stored) - modified >= 1;
}

/**
 * §4.3.5: "if the stored response and HEAD response have matching values for any received validator fields (ETag and
 * Last-Modified) and, if the HEAD response has a Content-Length header field, the value of Content-Length matches".
 */
export function confirms(head: Exchange, stored: Stored): boolean | 'bare' {
  // "A response to the HEAD method is identical to what an equivalent request made with a GET would have been".
  if (stored.response.status !== head.response.status) return false;
  const length = textOf(head.response, 'Content-Length');
  if (length !== undefined && Number(length) !== Buffer.byteLength(stored.response.body)) return false;
  const received = ['ETag', 'Last-Modified'].filter((name) => textOf(head.response, name) !== undefined);
  if (received.length === 0) return 'bare';
  return received.every((name) => textOf(head.response, name) === textOf(stored.response, name));
}
