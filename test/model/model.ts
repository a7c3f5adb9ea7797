// What is in the store after a history of exchanges, and so what a cache has to do with the next request.

import type { Choose } from './choices.js';
import { validatorsOf } from './conditions.js';
import { present } from './directives.js';
import { requestDirectives } from './governing.js';
import { type Exchange, has, type Request } from './messages.js';
import { byRecency, nominated, sameVariant } from './selecting.js';
import { isUnsafe, type Stored } from './stored.js';
import { confirms, identifies, updated } from './updating.js';
import type { Policy, Verdict } from './verdict.js';

/** The stored response that the cache has asked the origin about, if it has; `'the newest'`: that is not known. */
export type Asked = Stored | 'the newest' | 'nothing';

/** What a cache has to do with a request, by its policy, one way of answering the open questions, and its history. */
export function verdictAfter(
  policy: Policy,
  history: readonly Exchange[],
  request: Request,
  now: number,
  choose: Choose,
): Verdict {
  const store = history.reduce<readonly Stored[]>((before, each) => learn(policy, before, each, choose), []);
  return policy.judge({ store, request, now, choose, occasion: 'now', lastRun: undefined });
}

/** The store after one exchange with the origin. `exchange.request` is the client's, but for its method. */
export function learn(
  policy: Policy,
  store: readonly Stored[],
  exchange: Exchange,
  choose: Choose,
  about: Asked = 'the newest',
): readonly Stored[] {
  const { request, response } = exchange;
  // §4.4: "A cache MUST invalidate the target URI … when it receives a non-error status code".
  if (isUnsafe(request)) return response.status >= 200 && response.status < 400 ? [] : store;
  if (response.status === 304) {
    if (about === 'nothing' && choose('§4.3.4: a 304 that only the client has asked for updates nothing') === 0)
      return store;
    return afterNotModified(policy, store, exchange, about, choose);
  }
  if (request.method === 'HEAD')
    return response.status === 200 ? afterHead(policy, store, exchange, about, choose) : store;
  if (policy.mayStore(exchange, choose)) {
    const kept = policy.keep(exchange, choose);
    const others = store.filter((each) => !sameVariant(each, kept));
    // A cache may forget whatever it likes: here, what did not vary, for the first that does.
    const varies = (each: Stored) => nominated(each).length > 0;
    const forgets = varies(kept) && others.some((each) => !varies(each));
    if (!forgets || choose('§4.1: what does not vary stays beside what does') === 0) return [...others, kept];
    return [...others.filter(varies), kept];
  }
  return afterUnstored(policy, store, exchange, choose);
}

/** A newer response that is not stored can mean that the older one is not served any more, or not. */
function afterUnstored(
  policy: Policy,
  store: readonly Stored[],
  { request, response, responseTime }: Exchange,
  choose: Choose,
): readonly Stored[] {
  if (response.status >= 500 || !store.some((each) => policy.chooses(each, request, choose))) return store;
  // It can depend on why it is not stored, and so need not be the same each time.
  const answer = choose(`§4: what is not stored at ${responseTime} leaves the older, drops it, or has it validated`, 3);
  if (answer === 0) return store;
  if (answer === 1) return store.filter((each) => !policy.chooses(each, request, choose));
  return store.map((each) => (policy.chooses(each, request, choose) ? { ...each, invalid: true } : each));
}

/** §4.3.4: "The initial set of stored responses to update are those that could have been chosen for that request". */
function afterNotModified(
  policy: Policy,
  store: readonly Stored[],
  by: Exchange,
  about: Asked,
  choose: Choose,
): readonly Stored[] {
  const initial = byRecency(store.filter((stored) => policy.chooses(stored, by.request, choose)));
  const { strong, weak, lastModified } = validatorsOf(by.response);
  const isBare = strong === undefined && weak === undefined && lastModified === undefined;
  // Without a validator it speaks of a stored response only where "there is only one".
  const identified = isBare && initial.length > 1 ? [] : initial.filter((stored) => identifies(by, stored) === true);
  if (identified.length > 0) return replaced(policy, store, selected(identified, by, about, choose), by, choose);
  const bare = initial.find((stored) => stored === about) ?? initial[0];
  if (bare === undefined || !isBare) return afterForeign(store, initial, choose);
  const updates = choose('§4.3.4: a 304 without a validator updates what was asked about') === 0;
  return updates ? replaced(policy, store, [bare], by, choose) : afterForeign(store, initial, choose);
}

/**
 * Of those with a strong validator of the 304 "all", of those with a weak one "the most recent". A cache that has asked
 * about one of them may leave it at that.
 */
function selected(identified: readonly Stored[], by: Exchange, about: Asked, choose: Choose): readonly Stored[] {
  const all = validatorsOf(by.response).strong === undefined ? identified.slice(0, 1) : identified;
  const one = identified.filter((stored) => stored === about);
  if (one.length === 0 || (all.length === 1 && all[0] === one[0])) return all;
  return choose('§4.3.4: a 304 updates all that it identifies, not only what was asked about') === 0 ? all : one;
}

/** "the cache MUST NOT use the new response to update any stored responses". */
function afterForeign(store: readonly Stored[], initial: readonly Stored[], choose: Choose): readonly Stored[] {
  if (initial.length === 0 || choose('§4.3.4: a 304 about something else drops what is stored') === 0) return store;
  return store.filter((stored) => !initial.includes(stored));
}

/** The store with some of its responses updated. */
function replaced(
  policy: Policy,
  store: readonly Stored[],
  which: readonly Stored[],
  by: Exchange,
  choose: Choose,
): readonly Stored[] {
  // §5.2.1.5: no part of the response to such a request is stored.
  if (policy.name === 'rfc9111' && present(requestDirectives(by.request), 'no-store')) return store;
  return store.flatMap((stored) => {
    if (!which.includes(stored)) return [stored];
    const fresh = updated(stored, by);
    const kept = policy.keep(fresh, choose);
    if (policy.mayStore(asked(fresh, by, choose), choose)) return [kept];
    if (has(by.response, 'Set-Cookie') && choose('§3.2: a cookie in a 304 is left out, and the rest stored') === 0) {
      if (policy.mayStore(asked(kept, by, choose), choose)) return [kept];
    }
    // What must be updated to something that may not be reused is gone, or never served without being validated.
    const gone = choose('§4.3.4: what is updated to what may not be stored is dropped') === 0;
    return gone ? [] : [{ ...stored, invalid: true }];
  });
}

/** An updated response may be judged by the request that it was made for, or by the one that had it confirmed. */
function asked(fresh: Stored, { request }: Exchange, choose: Choose): Exchange {
  const differ = ['Authorization', 'Cookie'].some((name) => has(fresh.request, name) !== has(request, name));
  const first = !differ || choose('§3.5: what a 304 confirms was still said to who asked for it first') === 0;
  return { ...fresh, request: { method: 'GET', fields: first ? fresh.request.fields : request.fields } };
}

/** §4.3.5: "the cache SHOULD update or invalidate each of its stored GET responses that could have been chosen". */
function afterHead(
  policy: Policy,
  store: readonly Stored[],
  head: Exchange,
  about: Asked,
  choose: Choose,
): readonly Stored[] {
  if (policy.name === 'application' && choose('application: a HEAD tells nothing about what is stored') === 0) {
    return store;
  }
  const asked = requestDirectives(head.request);
  if (policy.name === 'rfc9111' && present(asked, 'no-store')) {
    if (choose('§5.2.1.5: a request with no-store is looked up') === 1) return store;
  }
  return store.flatMap((stored) => {
    if (!policy.chooses(stored, head.request, choose)) return [stored];
    const isChosen = stored === about || about === 'the newest';
    if (!isChosen && choose('§4.3.5: a HEAD speaks of all that could have been chosen') === 1) return [stored];
    const confirmed = confirms(head, stored);
    if (confirmed === true) {
      const own = confirmedFor(stored, head, choose);
      return replaced(policy, [own], [own], head, choose);
    }
    if (confirmed === 'bare') {
      const widens = nominated(updated(stored, head)).some((name) => !nominated(stored).includes(name));
      const how = widens ? ', but what it adds to Vary,' : '';
      const answer = choose(`§4.3.5: a HEAD without validators${how} updates, tells nothing, or makes stale`, 3);
      if (answer === 0) return replaced(policy, [stored], [stored], head, choose);
      if (answer === 1) return [stored];
    }
    // "otherwise, the cache SHOULD consider the stored response to be stale".
    const staleFrom = Math.min(stored.staleFrom ?? head.responseTime, head.responseTime);
    return choose('§4.3.5: what a HEAD contradicts is stale, not dropped') === 0 ? [{ ...stored, staleFrom }] : [];
  });
}

/** What a validator has confirmed for a request is that request's response, too, if it comes to vary by other fields. */
function confirmedFor(stored: Stored, head: Exchange, choose: Choose): Stored {
  if (!has(head.response, 'Vary')) return stored;
  const first = choose('§4.1: what is confirmed to vary is matched with the request that brought it first') === 0;
  return first ? stored : { ...stored, request: { ...stored.request, fields: head.request.fields } };
}
