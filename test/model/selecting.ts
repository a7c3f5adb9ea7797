// Which stored response a request is matched with (RFC 9111 §4 and §4.1).

import type { Choose } from './choices.js';
import { listOf, type Request, textOf } from './messages.js';
import { dateOf, type Stored } from './stored.js';

/** The request fields that a response nominates, each once. */
export function nominated(stored: Stored): string[] {
  return [...new Set(listOf(textOf(stored.response, 'Vary')))].sort();
}

/**
 * §4.1: "adding or removing whitespace, where allowed in the header field's syntax", and "combining multiple header field
 * lines with the same field name". Nothing more is known of the fields that the scripts use.
 */
function normalized(value: string | undefined): string | undefined {
  return value
    ?.split(',')
    .map((member) => member.trim())
    .join(',');
}

/** §4.1: "all the presented request header fields nominated by that Vary field value match". Absent is not empty. */
export function matchesRequest(stored: Stored, request: Request): boolean {
  return nominated(stored).every((name) => sameField(name, stored.request, request));
}

function sameField(name: string, a: Request, b: Request): boolean {
  return normalized(textOf(a, name)) === normalized(textOf(b, name));
}

/** Whether one of two responses takes the other's place: the same second key, made of the same fields. */
export function sameVariant(a: Stored, b: Stored): boolean {
  return nominated(a).join() === nominated(b).join() && matchesRequest(a, b.request);
}

/** §4: "the most recent one (as determined by the Date header field)" first; of the same second, the last to arrive. */
export function byRecency(candidates: readonly Stored[]): Stored[] {
  return byArrival(candidates).sort((a, b) => dateOf(b) - dateOf(a));
}

/** The last to arrive first. */
export function byArrival(candidates: readonly Stored[]): Stored[] {
  return [...candidates].reverse().sort((a, b) => b.responseTime - a.responseTime);
}

/**
 * The stored response that a request is matched with.
 * `candidates`: the most recent first. `suitable`: which of them may be reused without being validated.
 */
export function select(
  candidates: readonly Stored[],
  suitable: (stored: Stored) => boolean,
  choose: Choose,
): Stored | undefined {
  const ordered = preferVarying(candidates, choose);
  const [newest] = ordered;
  if (newest === undefined || suitable(newest)) return newest;
  const reusable = ordered.find(suitable);
  if (reusable === undefined) return newest;
  return choose('§4: the most recent is validated, though an older one is still fresh') === 0 ? newest : reusable;
}

/**
 * §4.1: "When a cache has multiple stored responses for a target URI and one or more omits the Vary header field, the cache
 * SHOULD choose the most recent … stored response with a valid Vary field value"; §4 says: the most recent of all.
 */
function preferVarying(ordered: readonly Stored[], choose: Choose): readonly Stored[] {
  const varying = ordered.filter((stored) => nominated(stored).length > 0);
  if (varying.length === 0 || varying[0] === ordered[0]) return ordered;
  if (choose('§4.1: the most recent counts, with a Vary or without') === 0) return ordered;
  return [...varying, ...ordered.filter((stored) => !varying.includes(stored))];
}
