// A response as it is kept, and how old and how fresh it is (RFC 9111 §4.2).

import type { Choose } from './choices.js';
import { parseDate } from './dates.js';
import { type Directive, LONGEST, parseDelta, present } from './directives.js';
import { governing, secondsOf } from './governing.js';
import { type Exchange, has, type Request, type Response, textOf, valuesOf } from './messages.js';

export interface Stored extends Exchange {
  /** It may not be reused any more without being validated. */
  readonly invalid?: boolean;
  /** Since when it is stale at the latest: what §4.3.5 calls "consider the stored response to be stale". */
  readonly staleFrom?: number;
}

/** RFC 9110 §6.6.1: a response without a (readable) Date is as old as its arrival. */
export function dateOf({ response, responseTime }: Exchange): number {
  const text = textOf(response, 'Date');
  return (text === undefined ? undefined : parseDate(text, responseTime)) ?? responseTime;
}

export function lastModifiedOf(exchange: Exchange): number | undefined {
  const text = textOf(exchange.response, 'Last-Modified');
  return text === undefined ? undefined : parseDate(text, exchange.responseTime);
}

/**
 * §5.1: "a cache encountering a message with a list-based Age field value SHOULD use the first member of the field value,
 * discarding subsequent ones. If the field value … is invalid …, a cache SHOULD ignore the field."
 */
function ageValue(response: Response): number {
  return parseDelta(valuesOf(response, 'Age')[0]?.split(',')[0]?.trim()) ?? 0;
}

/** §4.2.3. */
export function initialAge(exchange: Exchange): number {
  const { response, requestTime, responseTime } = exchange;
  const apparentAge = Math.max(0, responseTime - dateOf(exchange));
  const responseDelay = responseTime - requestTime;
  const correctedAgeValue = ageValue(response) + responseDelay;
  return Math.max(apparentAge, correctedAgeValue);
}

/** §4.2.3. */
export function currentAge(stored: Stored, now: number): number {
  const residentTime = now - stored.responseTime;
  return initialAge(stored) + residentTime;
}

/** How long a response is fresh, but for what was learnt since. */
export function fresh(stored: Stored, lifetime: number): number {
  return stored.staleFrom === undefined ? lifetime : Math.min(lifetime, currentAge(stored, stored.staleFrom));
}

/** RFC 9110 §15.1 and §15.5.15: "heuristically cacheable", but 206, of which only parts could be kept. */
export const HEURISTIC_STATUSES: readonly number[] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/** §4.2.1, the rules but the last one: what the origin has said; `undefined` if nothing. */
export function explicitLifetime(exchange: Exchange, choose: Choose): number | undefined {
  const { directives, expires } = governing(exchange.response, choose);
  const shared = secondsOf(directives, 's-maxage', choose);
  if (shared !== undefined) return shared;
  const maxAge = secondsOf(directives, 'max-age', choose);
  if (maxAge !== undefined) return maxAge;
  if (expires.length === 0) return undefined;
  return expiresLifetime(expires, exchange, choose);
}

function expiresLifetime([first, ...others]: readonly string[], exchange: Exchange, choose: Choose): number {
  if (others.length > 0) {
    // "either the first occurrence should be used or the response should be considered stale"
    const stale = choose('§4.2.1: the first of several Expires counts, they do not make the response stale') === 1;
    if (stale) return 0;
  }
  const at = parseDate(first!, exchange.responseTime);
  // §5.3: "A cache recipient MUST interpret invalid date formats … as representing a time in the past".
  return at === undefined ? 0 : Math.min(at - dateOf(exchange), LONGEST);
}

/** §4.2.2: a tenth of the time since the last change, a day at the most; 0 where no heuristic is allowed. */
export function heuristicLifetime(exchange: Exchange, choose: Choose): number {
  const { directives } = governing(exchange.response, choose);
  const allowed = HEURISTIC_STATUSES.includes(exchange.response.status) || present(directives, 'public');
  const modified = lastModifiedOf(exchange);
  if (!allowed || modified === undefined) return 0;
  return Math.min(86_400, Math.max(0, (dateOf(exchange) - modified) / 10));
}

/** The entity tag of a response. RFC 9110 §8.8.3: what is no entity-tag is no validator. */
export function etagOf(response: Response): string | undefined {
  const text = textOf(response, 'ETag')?.trim();
  return text !== undefined && /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(text) ? text : undefined;
}

export function hasValidator(exchange: Exchange, choose: Choose): boolean {
  if (etagOf(exchange.response) !== undefined || lastModifiedOf(exchange) !== undefined) return true;
  if (!has(exchange.response, 'Last-Modified')) return false;
  return choose('§4.3.1: a Last-Modified that is no date is a validator') === 0;
}

/** A directive that lists fields, as `private` and `no-cache` may (§5.2.2.4, §5.2.2.7). */
export function isQualified({ argument, quoted }: Directive, choose: Choose): boolean {
  if (argument === undefined || argument.replace(/[\s,]/g, '') === '') return false;
  if (quoted) return true;
  return choose('§5.2.2: a list of fields that stands without quotes is taken for none') === 1;
}

/** Whether a directive is there without a list, and so holds for the whole response. */
export function unqualified(directives: readonly Directive[], name: string, choose: Choose): boolean {
  // §4.2.1: "If directives conflict …, the most restrictive directive should be honored."
  return directives.some((each) => each.name === name && !isQualified(each, choose));
}

/** Whether nothing stale may be served (§4.2.4). */
export function forbidsStale(stored: Stored, choose: Choose): boolean {
  const { directives } = governing(stored.response, choose);
  return (
    ['must-revalidate', 'proxy-revalidate', 's-maxage'].some((name) => present(directives, name)) ||
    unqualified(directives, 'no-cache', choose)
  );
}

export function isUnsafe({ method }: Request): boolean {
  return !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method);
}
