// The default mode (DESIGN.md §5): the configured TTL applies where the handler says nothing, and what may be somebody's
// own is refused. What becomes of stale responses is left open here: that they are never served as if they were fresh is
// what matters.

import type { Choose } from './choices.js';
import { present } from './directives.js';
import { governing, secondsOf } from './governing.js';
import { type Exchange, has, listOf, type Request, textOf, without } from './messages.js';
import { byArrival, byRecency, matchesRequest, select } from './selecting.js';
import {
  currentAge,
  explicitLifetime,
  forbidsStale,
  fresh,
  hasValidator,
  initialAge,
  isUnsafe,
  type Stored,
  unqualified,
} from './stored.js';
import { asStored, forbidsStoring } from './storing.js';
import { type Case, FORWARD, isRefreshed, type Policy, type Verdict } from './verdict.js';

export const APPLICATION: Policy = { name: 'application', judge, chooses, mayStore, keep };

const TTL = 300;
const NEGATIVE_TTL = 10;
const BY_DEFAULT: readonly number[] = [200, 203, 204, 300, 301, 308, 404, 410];
const NEVER: readonly number[] = [206, 226, 304, 401, 403, 407, 412, 416, 417, 425, 428, 429, 431];

function judge(question: Case): Verdict {
  const { store, request, now, choose, occasion } = question;
  if (isUnsafe(request)) return FORWARD;
  const isFresh = (each: Stored) => {
    const { directives } = governing(each.response, choose);
    return (
      !each.invalid && lifetimeOf(each, choose) > currentAge(each, now) && !unqualified(directives, 'no-cache', choose)
    );
  };
  const isKept = (each: Stored) =>
    isFresh(each) ||
    useOf(each, choose) !== 'own sake' ||
    choose('application: what is stale and of no more use is forgotten') === 1;
  const candidates = store.filter((stored) => chooses(stored, request, choose) && isKept(stored));
  const byDate = choose('application: the most recent is so by its arrival') === 1;
  const stored = select(byDate ? byRecency(candidates) : byArrival(candidates), isFresh, choose);
  if (stored === undefined) return FORWARD;
  if (isFresh(stored)) return { kind: 'serve', stored, refresh: false };
  const staleness = currentAge(stored, now) - lifetimeOf(stored, choose);
  const within = (name: string) => {
    const seconds = secondsOf(governing(stored.response, choose).directives, name, choose);
    if (stored.invalid || seconds === undefined || staleness > seconds || forbidsStale(stored, choose)) return false;
    return choose(`${occasion}: ${name} is obeyed`) === 0;
  };
  if (within('stale-while-revalidate')) {
    return { kind: 'serve', stored, refresh: isRefreshed(question) };
  }
  const validate = hasValidator(stored, choose) && choose(`${occasion}: what is stale is validated`) === 0;
  return {
    kind: 'forward',
    chosen: stored,
    validate: validate ? stored : undefined,
    standIn: within('stale-if-error') ? stored : undefined,
  };
}

function chooses(stored: Stored, request: Request, choose: Choose): boolean {
  return matchesRequest(stored, request) && isShared(stored, request, choose);
}

/** "request carries `Authorization` or `Cookie`: not looked up and not stored, unless the response says …" */
function isShared({ response }: Exchange, request: Request, choose: Choose): boolean {
  const { directives } = governing(response, choose);
  const open = present(directives, 'public') || (secondsOf(directives, 's-maxage', choose) ?? 0) > 0;
  if (has(request, 'Cookie') && !open) return false;
  return !has(request, 'Authorization') || open || present(directives, 'must-revalidate');
}

/** What the handler has said, or the TTL, which counts from the response's arrival, however old it came. */
function lifetimeOf(exchange: Stored, choose: Choose): number {
  const { status } = exchange.response;
  const fallback = status === 404 || status === 410 ? NEGATIVE_TTL : TTL;
  return fresh(exchange, explicitLifetime(exchange, choose) ?? initialAge(exchange) + fallback);
}

function mayStore(exchange: Exchange, choose: Choose): boolean {
  const { request, response } = exchange;
  const { directives } = governing(response, choose);
  if (request.method !== 'GET' || !isStorableStatus(exchange, choose)) return false;
  if (forbids(exchange, choose)) return false;
  if (has(response, 'Set-Cookie')) return false;
  if (listOf(textOf(response, 'Vary')).includes('*')) return false;
  if (!isShared(exchange, request, choose)) return false;
  if (present(directives, 'no-cache') && !isKept('no-cache', exchange, choose)) return false;
  if (lifetimeOf(exchange, choose) > initialAge(exchange) && !unqualified(directives, 'no-cache', choose)) return true;
  // Nobody is served it as fresh in either case.
  return choose(`application: what is never fresh is not kept for its ${useOf(exchange, choose)}`) === 1;
}

/** What a response that is never fresh could be kept for. */
function useOf(exchange: Exchange, choose: Choose): string {
  const { directives } = governing(exchange.response, choose);
  const isOpen = (name: string) => (secondsOf(directives, name, choose) ?? 0) > 0 && !forbidsStale(exchange, choose);
  const windows = ['stale-while-revalidate', 'stale-if-error'].filter(isOpen);
  const validator = hasValidator(exchange, choose) ? ['validator'] : [];
  return [...validator, ...windows].join(' and ') || 'own sake';
}

function isStorableStatus(exchange: Exchange, choose: Choose): boolean {
  const { status } = exchange.response;
  if (status < 200 || status >= 500 || NEVER.includes(status)) return false;
  return BY_DEFAULT.includes(status) || explicitLifetime(exchange, choose) !== undefined;
}

function forbids(exchange: Exchange, choose: Choose): boolean {
  const { status } = exchange.response;
  const { directives } = governing(exchange.response, choose);
  if (unqualified(directives, 'private', choose)) return true;
  if (present(directives, 'private') && !isKept('private', exchange, choose)) return true;
  if (forbidsStoring(status, directives)) return true;
  return present(directives, 'no-store') && choose('application: must-understand does not lift no-store') === 0;
}

/** A qualified directive may count as a plain one ("often handled … as if an unqualified", §5.2.2). */
function isKept(name: string, exchange: Exchange, choose: Choose): boolean {
  const { directives } = governing(exchange.response, choose);
  if (unqualified(directives, name, choose)) return true;
  return choose(`application: a qualified ${name} refuses the whole response`) === 1;
}

/** Nobody's cookie is kept, whichever way it came. */
function keep(exchange: Exchange, choose: Choose): Stored {
  const stored = asStored(exchange, choose);
  const fields = without(stored.response.fields, ['Set-Cookie']);
  return { ...stored, response: { ...stored.response, fields } };
}
