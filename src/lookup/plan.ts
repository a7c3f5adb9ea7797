import { ask, atOnce, textAtOnce } from '../ask.js';
import type { Events } from '../events.js';
import { type SearchRule, searchRuleText } from '../http/no-vary-search.js';
import { type Asked, askedBy, NO_WISH } from '../request/directives.js';
import { type Credentials, hasBody, openCredentials } from '../request/eligibility.js';
import { type Address, placeOf, responseAddress } from '../request/key.js';
import type { RequestView } from '../request/request.js';
import type { Route } from '../route.js';
import type { Wanted } from './lookup.js';
import { SearchRules } from './search-rules.js';

/** What a lookup has settled for the fill that may follow it. */
export interface Plan {
  readonly address: Address;
  /** The rule that made the address' query shorter than the request's (`searchRuleText`), if one did. */
  readonly search: string | undefined;
  /** What the responses of its path are known to say of their queries. */
  readonly rule: SearchRule | undefined;
  /** Where a response is kept that depends on its query by this rule; `undefined`: on all of it. It is remembered. */
  addressFor(rule: SearchRule | undefined): Address;
  /** Credentials that no option makes safe to share. */
  readonly credentials: Credentials | undefined;
  /** All that the request has, `identity` among it as a cookie would be, whatever makes that safe here: others further down do not know. */
  readonly owner: Credentials | undefined;
  /** What the route's `key` option calls it. */
  readonly name: string | undefined;
}

/** A request at a mount. */
export interface Visit {
  readonly request: RequestView;
  readonly route: Route;
  /** The number of mounts around it that look in other places than it does: 0 for the outermost. */
  readonly depth: number;
}

/** What is asked of a cache: by the client, where the options have it heard, or by whoever fills the cache. */
export function heardFrom({ route, request }: Visit): Asked | undefined {
  if (request.warming !== undefined) return { ...NO_WISH, minFresh: request.warming.minFresh };
  return route.requestDirectives === 'honor' ? askedBy(request.headers) : undefined;
}

/** Whether a client that is heard keeps its request out of the cache altogether (RFC 9111 §5.2.1.5). */
export function isKeptOut(asked: Asked | undefined): boolean {
  return asked?.noStore === true && !asked.onlyIfCached;
}

/** Whether the option `when` lets the request in; not if it throws, or does not say at once. `events`: told of that. */
export function isWanted({ route: { when }, request }: Visit, events: Events): boolean {
  return (
    when === undefined || ask(events, 'when', false, () => Boolean(atOnce('the option when', when(request.source))))
  );
}

/** Whether nothing of the cache's is to reach a client: shadow mode is for all of the hits. */
export function isOnTrial({ route, request }: Visit, asked: Asked | undefined): boolean {
  return route.shadow === 1 && request.warming === undefined && !asked?.onlyIfCached;
}

/** Settles where the response to a request is kept. It remembers what the responses of a path say of their queries. */
export class Planner {
  readonly #prefix: string;
  readonly #searchRules = new SearchRules();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * Where the response is kept, who may share it, and what its route is called; `undefined` if the options `key` or
   * `identity` cannot say. `events`: told of what they throw.
   */
  plan({ route, request, depth }: Visit, tenant: string, events: Events): Plan | undefined {
    const { key, identity: whose } = route;
    // `null` is no text either, and nobody's mistake: a function that gives it says that the request has none.
    const named =
      typeof key === 'function'
        ? ask(events, 'key', null, () => textAtOnce('the option key', key(request.source)))
        : key;
    const identity =
      whose && ask(events, 'identity', null, () => textAtOnce('the option identity', whose(request.source)));
    if (named === null || identity === null) return undefined;
    const scope: string[] = depth === 0 ? [] : [depth === 1 ? 'route' : `route=${depth}`];
    if (route.version !== undefined) scope.push(`version=${route.version}`);
    if (request.rewritten !== undefined) scope.push(`url=${placeOf(request.rewritten, route.query).join('?')}`);
    const keyed = typeof key === 'function';
    if (keyed) scope.push(named === undefined ? 'key' : `key=${named}`);
    if (identity !== undefined) scope.push(`identity=${identity}`);
    const exact = responseAddress(this.#prefix, tenant, request, route.query, scope);
    const rule = this.#searchRules.of(request.target, exact);
    const under = (rule: SearchRule | undefined) =>
      rule === undefined ? exact : responseAddress(this.#prefix, tenant, request, route.query, scope, rule);
    const personal = identity !== undefined || (keyed && named !== undefined);
    const address = under(rule);
    const brought = openCredentials(request.headers, false, route.policy.guardsCookies, route.personal);
    return {
      address,
      rule,
      search: rule === undefined || address.key === exact.key ? undefined : searchRuleText(rule),
      credentials: personal ? undefined : brought,
      owner: identity === undefined ? brought : { authorization: false, ...brought, cookie: true },
      name: named,
      addressFor: (said) => {
        this.#searchRules.learn(exact, said);
        return under(said);
      },
    };
  }

  /** Whether a target is still looked for by the rule of its path that its plan was made by, and its address. */
  goesBy(rule: SearchRule | undefined, target: string, address: Address): boolean {
    return this.#searchRules.of(target, address) === rule;
  }
}

/**
 * Whether a request has a body that its key knows nothing of: frameworks read it, so that whoever sends one could have a handler
 * put it into the answer of all who ask for the URL.
 */
export function hasUnkeyedBody({ route, request }: Visit, { name }: Plan): boolean {
  return hasBody(request) && (typeof route.key !== 'function' || name === undefined);
}

/** What is looked for by a plan. `now`: ms since 1970. */
export function wantedBy({ address, search, credentials }: Plan, { request, route }: Visit, now: number): Wanted {
  const { languageOrder, acceptAsWritten } = route.policy;
  return { address, search, request: request.headers, credentials, languageOrder, acceptAsWritten, now };
}
