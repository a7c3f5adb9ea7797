import { Answering } from './answering.js';
import type { Services } from './backend.js';
import { Exchange } from './exchange.js';
import { changedUrls } from './invalidation/purge-rule.js';
import { Lookup } from './lookup/lookup.js';
import { hasUnkeyedBody, heardFrom, isKeptOut, isOnTrial, isWanted, Planner } from './lookup/plan.js';
import { Recall } from './lookup/recall.js';
import { Recollections } from './lookup/recollections.js';
import type { Reply } from './lookup/reply.js';
import { Mounts } from './mounts.js';
import { ineligible, isUnsafe } from './request/eligibility.js';
import type { RequestView } from './request/request.js';
import { tenantInTime } from './request/tenant.js';
import { looksUpElsewhere, type Route } from './route.js';
import { after, type Fields, type MaybePromise } from './types.js';

/** The way of a request through the cache: whether it may be looked up, and where; then it is for the answering room. */
export class Engine {
  readonly #services: Services;
  /** What else an explanation is made with: it is to find what a request would. */
  readonly lookup: Lookup;
  readonly planner: Planner;
  readonly mounts: Mounts = new Mounts();
  readonly #recollections: Recollections;
  readonly #answering: Answering;

  constructor(services: Services) {
    this.#services = services;
    this.lookup = new Lookup(services.backend);
    this.planner = new Planner(services.settings.prefix);
    this.#recollections = new Recollections(services.settings.maxItems);
    this.#answering = new Answering(services, this.lookup);
  }

  /**
   * Hears of a mount before its first request: what is stored by its rule for queries may be changed elsewhere. `outer`:
   * the mount around it, where it is known.
   */
  mount(route: Route, outer?: Route): void {
    this.#services.queries.add(route.query);
    this.mounts.add(route, outer);
  }

  /**
   * Begins the exchange of one request, at the outermost mount of this cache, or at what invalidates where there is none: an
   * unsafe request's own URL is invalidated either way. `outside`: the fields set so far.
   */
  open(request: RequestView, route: Route, outside: Fields, recall?: Recall): Exchange {
    const exchange = new Exchange(this.#services, request, route, outside, recall);
    if (isUnsafe(request.method)) exchange.onSuccess(changedUrls);
    return exchange;
  }

  /** The short way of hits, for the mounts of a route. */
  recallFor(route: Route): Recall {
    return new Recall(this.#services, route, this.planner, this.#recollections);
  }

  /**
   * May it? Whose is it? What is its key? Is there an answer? The answer, if there is one; else the exchange knows
   * what to do with the handler's, and `undefined` says: run the handler.
   */
  handle(exchange: Exchange): MaybePromise<Reply | undefined> {
    const { request, route } = exchange;
    const started = performance.now();
    const barred = ineligible(request);
    if (barred === 'method' && request.method === 'POST' && route.storePost) return this.#post(exchange);
    if (barred !== undefined) return exchange.bypass(barred);
    const asked = heardFrom(exchange);
    if (isKeptOut(asked)) return exchange.bypass('request');
    const { events } = this.#services;
    if (!isWanted(exchange, events)) return exchange.bypass('when');
    return after(this.#tenantOf(exchange), (name) => {
      if (name === undefined) return exchange.bypass('tenant');
      const plan = this.planner.plan(exchange, name, events);
      if (plan === undefined) return exchange.bypass('key');
      if (hasUnkeyedBody(exchange, plan)) return exchange.bypass('body');
      if (request.refreshing !== undefined) return this.#answering.refreshing(exchange, plan, request.refreshing);
      return this.#answering.answer({ exchange, plan, asked, started });
    });
  }

  /** A mount inside another of the same cache: its options win, and it looks up only what the outer one could not. */
  refine(exchange: Exchange, route: Route): MaybePromise<Reply | undefined> {
    const outer = exchange.route;
    exchange.route = route;
    if (!exchange.isHandled) return this.handle(exchange);
    const elsewhere = looksUpElsewhere(route, outer);
    const { method } = exchange.request;
    if (method === 'POST') return this.#repost(exchange, elsewhere);
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    // A mount may keep its handler out of shadow mode: then it is looked up once more, and what is stored or under way is of use.
    const tried = exchange.isShadowed || isTried(exchange, outer);
    const spared = tried && route.shadow === 0 && !elsewhere;
    // A name is not a part of the key: giving one to a route does not ask for another lookup.
    if (exchange.plan !== undefined && !elsewhere && !spared)
      return typeof route.key === 'string' ? exchange.rename(route.key) : undefined;
    // What another cache between the two asks the handler cannot be told from what the client asks: the answer is left to that one.
    if (exchange.isAround) {
      exchange.control.refused = true;
      return undefined;
    }
    // One that looks where the outer mount does has the same place, also where that one could not look.
    if (elsewhere) exchange.depth++;
    exchange.letGo();
    return this.handle(exchange);
  }

  /** Nothing is looked up for a POST; but its answer may be one for GETs. */
  #post(exchange: Exchange): MaybePromise<undefined> {
    const { events } = this.#services;
    const unwanted = heardFrom(exchange)?.noStore || !exchange.request.target.startsWith('/');
    if (unwanted || !isWanted(exchange, events)) return exchange.bypass('method');
    return after(this.#tenantOf(exchange), (name) => {
      const plan = name === undefined ? undefined : this.planner.plan(exchange, name, events);
      return plan === undefined ? exchange.bypass('method') : exchange.post(plan);
    });
  }

  /** A mount inside has its say of a POST, too: what others are given is kept where it looks, under its name, or not at all. */
  #repost(exchange: Exchange, elsewhere: boolean): MaybePromise<undefined> {
    const { plan, route } = exchange;
    if (elsewhere) exchange.depth++;
    if (!route.storePost) return plan === undefined ? undefined : exchange.bypass('method');
    if (plan === undefined || elsewhere) return this.#post(exchange);
    return typeof route.key === 'string' ? exchange.rename(route.key) : undefined;
  }

  #tenantOf({ route, request }: Exchange): MaybePromise<string | undefined> {
    const { events, settings } = this.#services;
    return tenantInTime(route.tenant, request, events, settings.collapseTimeout);
  }
}

/** Whether a mount has had the handler run without a look at what others make of it, or at what is stale. */
function isTried({ request, depth }: Exchange, route: Route): boolean {
  return request.refreshing === undefined && isOnTrial({ request, route, depth }, undefined);
}
