// What may be stored (RFC 9111 §3), and of what fields it consists (§3.1).

import type { Choose } from './choices.js';
import { type Directive, present } from './directives.js';
import { governing, requestDirectives, secondsOf } from './governing.js';
import { type Exchange, has, type Line, listOf, type Response, textOf, without } from './messages.js';
import {
  explicitLifetime,
  forbidsStale,
  HEURISTIC_STATUSES,
  hasValidator,
  heuristicLifetime,
  initialAge,
  isQualified,
  type Stored,
  unqualified,
} from './stored.js';

/** The final statuses of RFC 9110 §15, which this cache understands (§5.2.2.3). */
const UNDERSTOOD = [
  ...[200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 413, 414, 415, 417, 421, 422, 426],
  ...[500, 501, 502, 503, 504, 505],
];

/** Of these nothing whole can be kept, or they answer the conditions of one request, or RFC 6585 forbids it. */
const NEVER = [206, 226, 304, 412, 416, 428, 429, 431, 511];

/** §3: "A cache MUST NOT store a response to a request unless". */
export function mayStore(exchange: Exchange, choose: Choose): boolean {
  const { request, response } = exchange;
  const { directives } = governing(response, choose);
  if (request.method !== 'GET') return false;
  if (response.status < 200 || NEVER.includes(response.status)) return false;
  if (present(requestDirectives(request), 'no-store')) return false;
  if (forbidsStoring(response.status, directives)) return false;
  if (unqualified(directives, 'private', choose)) return false;
  if (has(request, 'Authorization') && !allowsSharing(directives, choose)) return false;
  // §4.1: "A stored response with a Vary header field value containing a member "*" always fails to match."
  if (listOf(textOf(response, 'Vary')).includes('*')) return false;
  return isCacheable(response, exchange, choose) && isOfUse(exchange, choose);
}

/** §5.2.2.5 no-store, and §5.2.2.3 must-understand, which overrides it where the status is understood. */
export function forbidsStoring(status: number, directives: readonly Directive[]): boolean {
  if (present(directives, 'must-understand')) return !UNDERSTOOD.includes(status);
  return present(directives, 'no-store');
}

/** §3.5: "In this specification, the following response directives have such an effect". */
export function allowsSharing(directives: readonly Directive[], choose: Choose): boolean {
  if (['must-revalidate', 'public'].some((name) => present(directives, name))) return true;
  if (!present(directives, 's-maxage')) return false;
  // It allows to reuse "subject to the above requirements on maximum age", of which there is none then.
  return secondsOf(directives, 's-maxage', choose) !== 0 || choose('§3.5: s-maxage=0 allows nothing') === 1;
}

/** §3: "the response contains at least one of the following". */
function isCacheable(response: Response, exchange: Exchange, choose: Choose): boolean {
  const { directives } = governing(response, choose);
  if (present(directives, 'public') || HEURISTIC_STATUSES.includes(response.status)) return true;
  if (explicitLifetime(exchange, choose) === undefined) return false;
  // A lifetime of nothing on a status that only a lifetime makes cacheable.
  return lives(exchange, choose) || choose('§3: a lifetime that is over from the beginning makes cacheable') === 0;
}

/** §3: "some caches will not store a response that has neither a cache validator nor an explicit expiration time". */
function isOfUse(exchange: Exchange, choose: Choose): boolean {
  if (hasValidator(exchange, choose) || lives(exchange, choose)) return true;
  const { directives } = governing(exchange.response, choose);
  const isOpen = (name: string) => (secondsOf(directives, name, choose) ?? 0) > 0 && !forbidsStale(exchange, choose);
  const windows = ['stale-while-revalidate', 'stale-if-error'].filter(isOpen);
  return (
    choose(
      `§3: what is stale at once and has no validator is not stored for its ${windows.join(' and ') || 'own sake'}`,
    ) === 1
  );
}

/** Whether it may be reused without being validated, for a while. */
function lives(exchange: Exchange, choose: Choose): boolean {
  const { directives } = governing(exchange.response, choose);
  const lifetime = explicitLifetime(exchange, choose) ?? heuristicLifetime(exchange, choose);
  return lifetime > initialAge(exchange) && !unqualified(directives, 'no-cache', choose);
}

/** §3.1: the fields that qualified `private` and `no-cache` list are not stored, nor are the connection's own. */
export function asStored(exchange: Exchange, choose: Choose): Stored {
  const { directives } = governing(exchange.response, choose);
  const fields = without(exchange.response.fields, [...listed(directives, choose), 'Connection']);
  return { ...exchange, response: { ...exchange.response, fields } };
}

/** The names of the fields that the directives keep out of the store. */
function listed(directives: readonly Directive[], choose: Choose): string[] {
  // Nothing is reused without being validated then, and what is validated may have them (§5.2.2.4).
  const plain = unqualified(directives, 'no-cache', choose);
  const names =
    directives.some((each) => each.name === 'no-cache' && isQualified(each, choose)) &&
    plain &&
    choose('§5.2.2.4: a list beside a plain no-cache keeps its fields out of the store') === 1
      ? ['private']
      : ['private', 'no-cache'];
  const qualified = directives.filter(({ name }) => names.includes(name));
  return qualified.flatMap((each) => (isQualified(each, choose) ? listOf(each.argument) : []));
}

/** §3.2: "the cache MUST add each header field in the provided response to the stored response, replacing field values". */
export function updatedFields(stored: readonly Line[], provided: readonly Line[]): Line[] {
  const added = without(provided, ['Content-Length', 'Connection']);
  // The Age of the old response says nothing about the new one, nor does its Date (§4.2.3: "last validated").
  return [...without(stored, [...added.map(([name]) => name), 'Age', 'Date']), ...added];
}
