// The strict shared cache: stores what the headers allow, validates, honours request directives.

import type { Choose } from './choices.js';
import { type Directive, parseDelta, present } from './directives.js';
import { governing, requestDirectives, secondsOf } from './governing.js';
import { has, type Request } from './messages.js';
import { byRecency, matchesRequest, select } from './selecting.js';
import {
  currentAge,
  explicitLifetime,
  forbidsStale,
  fresh,
  hasValidator,
  heuristicLifetime,
  initialAge,
  isUnsafe,
  type Stored,
  unqualified,
} from './stored.js';
import { allowsSharing, asStored, mayStore } from './storing.js';
import { type Case, FORWARD, isRefreshed, type Policy, type Verdict } from './verdict.js';

export const RFC9111: Policy = { name: 'rfc9111', judge, chooses, mayStore, keep: asStored };

/** RFC 9111 §4: "When presented with a request, a cache MUST NOT reuse a stored response unless". */
function judge(question: Case): Verdict {
  const { store, request, choose } = question;
  // §4: "A cache MUST write through requests with methods that are unsafe".
  if (isUnsafe(request)) return FORWARD;
  const asked = requestDirectives(request);
  // §5.2.1.7.
  const otherwise: Verdict = present(asked, 'only-if-cached') ? { kind: 'refuse' } : FORWARD;
  const candidates = byRecency(store.filter((stored) => chooses(stored, request, choose)));
  const stored = select(candidates, (each) => reuse(each, asked, question) !== 'validate', choose);
  if (stored === undefined || passesBy(asked, choose)) return otherwise;
  const how = reuse(stored, asked, question);
  if (how !== 'validate') return { kind: 'serve', stored, refresh: how === 'refresh' && isRefreshed(question) };
  if (otherwise !== FORWARD) return otherwise;
  return {
    kind: 'forward',
    chosen: stored,
    validate: isValidated(stored, asked, question) ? stored : undefined,
    standIn: standsIn(stored, asked, question) ? stored : undefined,
  };
}

/** §4.1; and what a cache is free to keep from requests with Authorization. */
function chooses(stored: Stored, request: Request, choose: Choose): boolean {
  if (!matchesRequest(stored, request)) return false;
  const { directives } = governing(stored.response, choose);
  if (!has(request, 'Authorization') || allowsSharing(directives, choose)) return true;
  return choose('§3.5: with Authorization nothing is served that does not say that it is for all') === 0;
}

/** §5.2.1.5: "if a request containing this directive is satisfied from a cache". */
function passesBy(asked: readonly Directive[], choose: Choose): boolean {
  if (!present(asked, 'no-store')) return false;
  // §5.2.1.7 asks for what is stored, or nothing.
  const both = present(asked, 'only-if-cached') ? ' and only-if-cached' : '';
  return choose(`§5.2.1.5: a request with no-store${both} is looked up`) === 1;
}

type Reuse = 'as it is' | 'refresh' | 'validate';

function reuse(stored: Stored, asked: readonly Directive[], question: Case): Reuse {
  const { choose, now } = question;
  const { directives } = governing(stored.response, choose);
  // §5.2.2.4, §5.2.1.4.
  if (unqualified(directives, 'no-cache', choose) || present(asked, 'no-cache') || stored.invalid) return 'validate';
  const age = currentAge(stored, now);
  const lifetime = lifetimeOf(stored, choose);
  const maxAge = askedSeconds(asked, 'max-age', choose);
  const minFresh = askedSeconds(asked, 'min-fresh', choose);
  // §5.2.1.1 "whose age is less than or equal to", §5.2.1.3 "no less than its current age plus".
  const young = age <= (maxAge ?? age) && (maxAge !== 0 || choose('§5.2.1.1: max-age=0 asks for the origin') === 1);
  const wanted = young && lifetime >= age + (minFresh ?? Number.NEGATIVE_INFINITY);
  const limited = maxAge !== undefined || minFresh !== undefined;
  const maxStale = toleratedStaleness(asked, choose);
  if (lifetime > age) return wanted || widens(maxStale, choose) ? 'as it is' : 'validate';
  // §4.2.4.
  if (forbidsStale(stored, choose)) return 'validate';
  if (maxStale !== undefined && age - lifetime <= maxStale && (!limited || tolerates(wanted, choose))) {
    return refreshes(stored, age - lifetime, question) ? 'refresh' : 'as it is';
  }
  // §5.2.1.1: "Unless the max-stale request directive is also present, the client does not wish to receive a stale response."
  if (limited && maxStale === undefined) return 'validate';
  if (!inWindow('stale-while-revalidate', stored, age - lifetime, question)) return 'validate';
  if (maxStale === undefined) return 'refresh';
  return choose('§5.2.1.2: max-stale also bounds stale-while-revalidate') === 0 ? 'validate' : 'refresh';
}

/** §5.2.1.1 and §5.2.1.2 together leave open whether the one widens the other. */
function widens(maxStale: number | undefined, choose: Choose): boolean {
  return maxStale !== undefined && choose('§5.2.1.2: max-stale does not widen max-age and min-fresh') === 1;
}

function tolerates(wanted: boolean, choose: Choose): boolean {
  return choose(`§5.2.1.2: max-stale counts beside max-age or min-fresh that is ${wanted ? '' : 'not '}met`) === 0;
}

/** RFC 5861 §3 speaks of what is served under that directive; under max-stale both are allowed. */
function refreshes(stored: Stored, staleness: number, question: Case): boolean {
  if (!inWindow('stale-while-revalidate', stored, staleness, question)) return false;
  return question.choose('RFC 5861 §3: what max-stale allows is not refreshed') === 1;
}

/** RFC 5861: "after it becomes stale, up to the indicated number of seconds". */
function inWindow(name: string, stored: Stored, staleness: number, { choose, occasion }: Case): boolean {
  const { directives } = governing(stored.response, choose);
  const seconds = secondsOf(directives, name, choose);
  if (seconds === undefined || forbidsStale(stored, choose)) return false;
  if (staleness === seconds) return choose(`${occasion}: the end of ${name} belongs to it`) === 0;
  return staleness < seconds;
}

/** §4.2.1 and §4.2.2. */
function lifetimeOf(stored: Stored, choose: Choose): number {
  return fresh(stored, explicitLifetime(stored, choose) ?? guessedLifetime(stored, choose));
}

/** §4.2.2: a guess; where there is nothing to guess from, the response is stale as it arrives. */
function guessedLifetime(stored: Stored, choose: Choose): number {
  const guess = heuristicLifetime(stored, choose);
  if (guess > 0 || initialAge(stored) === 0) return guess;
  return choose('§4.2.2: what has no lifetime is stale since its birth, not since its arrival') === 0
    ? 0
    : initialAge(stored);
}

/** §4.3.1. Where the client wants the origin's word, and where a 304 would mean little, a cache may ask plainly. */
function isValidated(stored: Stored, asked: readonly Directive[], { request, choose }: Case): boolean {
  if (!hasValidator(stored, choose)) return false;
  if (request.method === 'HEAD' && choose('§4.3.1: a HEAD validates, too') === 1) return false;
  if (stored.response.status !== 200 && choose('§4.3.1: others than a 200 are validated, too') === 1) return false;
  const forced = ['no-cache', 'no-store', 'max-age', 'min-fresh'].some((name) => present(asked, name));
  return !forced || choose('§5.2.1: a request that asks for the origin is sent as a validation') === 0;
}

/** RFC 5861 §4. */
function standsIn(stored: Stored, asked: readonly Directive[], question: Case): boolean {
  const { choose, now } = question;
  const staleness = currentAge(stored, now) - lifetimeOf(stored, choose);
  if (!inWindow('stale-if-error', stored, staleness, question)) return false;
  const forced = ['no-cache', 'no-store', 'max-age', 'min-fresh'].some((name) => present(asked, name));
  const plain = !forced && staleness >= 0;
  if (stored.invalid) return false;
  return plain || choose('RFC 5861 §4: stale-if-error holds for requests with directives of their own') === 0;
}

/** A number of a request directive. What an invalid or contradictory one means is not said. */
function askedSeconds(asked: readonly Directive[], name: string, choose: Choose): number | undefined {
  const said = asked.filter((each) => each.name === name).map(({ argument }) => argument);
  if (said.length === 0) return undefined;
  const value = parseDelta(said[0]);
  if (value !== undefined && said.every((each) => each === said[0])) return value;
  const answer = choose(`§5.2.1: an invalid or contradictory ${name} in a request is 0, none, or the first`, 3);
  return answer === 0 ? 0 : answer === 1 ? undefined : value;
}

/** §5.2.1.2: "If no value is assigned to max-stale, then the client will accept a stale response of any age." */
function toleratedStaleness(asked: readonly Directive[], choose: Choose): number | undefined {
  const found = asked.filter(({ name }) => name === 'max-stale');
  if (found.length === 0) return undefined;
  if (found.every(({ argument }) => argument === undefined)) return Number.POSITIVE_INFINITY;
  return askedSeconds(asked, 'max-stale', choose);
}
