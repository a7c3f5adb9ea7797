import { ask } from './ask.js';
import type { Services } from './backend.js';
import { Exchange } from './exchange.js';
import type { Plan } from './fill/fill.js';
import { changedUrls } from './invalidation/purge-rule.js';
import { Lookup } from './lookup/lookup.js';
import { type Reply, replyFrom } from './lookup/reply.js';
import { asksForHandler, ineligible, isUnsafe, openCredentials } from './request/eligibility.js';
import { responseAddress } from './request/key.js';
import type { RequestView } from './request/request.js';
import { resolveTenant } from './request/tenant.js';
import { looksUpElsewhere, type Route } from './route-options.js';
import { type Fields, type MaybePromise, then } from './types.js';

/** The way of a request through the cache, from its first look to an answer or to the handler. */
export class Engine {
  readonly #services: Services;
  readonly #lookup: Lookup;

  constructor(services: Services) {
    this.#services = services;
    this.#lookup = new Lookup(services.backend);
  }

  /** Begins the exchange of one request, at the outermost mount of this cache. `outside`: the fields set so far. */
  open(request: RequestView, route: Route, outside: Fields): Exchange {
    return new Exchange(this.#services, request, route, outside);
  }

  /**
   * May it? Whose is it? What is its key? Is there an answer? The answer, if there is one; else the exchange knows
   * what to do with the handler's, and `undefined` says: run the handler.
   */
  handle(exchange: Exchange): MaybePromise<Reply | undefined> {
    const { request, route } = exchange;
    const { events } = this.#services;
    const started = performance.now();
    const barred = ineligible(request);
    if (barred === 'method' && isUnsafe(request.method)) exchange.onSuccess(changedUrls);
    if (barred !== undefined) return exchange.bypass(barred);
    if (route.requestDirectives === 'honor' && asksForHandler(request.headers)) return exchange.bypass('request');
    if (!ask(events, 'when', true, () => route.when?.(request.source) ?? true)) return exchange.bypass('when');
    const tenant = ask(events, 'tenant', undefined, () => resolveTenant(route.tenant, request));
    return then(tenant, (name) => {
      if (name === undefined) return exchange.bypass('tenant');
      const plan = this.#plan(exchange, name);
      if (plan === undefined) return exchange.bypass('key');
      return this.#answer(exchange, plan, started);
    });
  }

  /** A mount inside another of the same cache: its options win, and it looks up only what the outer one could not. */
  refine(exchange: Exchange, route: Route): MaybePromise<Reply | undefined> {
    const outer = exchange.route;
    exchange.route = route;
    if (!exchange.isHandled) return this.handle(exchange);
    if (exchange.request.method !== 'GET' && exchange.request.method !== 'HEAD') return undefined;
    if (exchange.plan !== undefined && !looksUpElsewhere(route, outer)) return this.#rename(exchange, exchange.plan);
    exchange.nested = true;
    return this.handle(exchange);
  }

  /** Where the response is kept, who may share it, and what its route is called. */
  #plan(exchange: Exchange, tenant: string): Plan | undefined {
    const { route, request, nested } = exchange;
    const { events, settings } = this.#services;
    const named: unknown = ask<unknown>(events, 'key', FAILED, () =>
      typeof route.key === 'function' ? route.key(request.source) : route.key,
    );
    const identity: unknown = ask<unknown>(events, 'identity', FAILED, () => route.identity?.(request.source));
    if (!isTextOrNothing(named) || !isTextOrNothing(identity)) return undefined;
    const scope: string[] = nested ? ['route'] : [];
    if (typeof route.key === 'function') scope.push(`key=${named}`);
    if (identity !== undefined) scope.push(`identity=${identity}`);
    const personal = identity !== undefined || typeof route.key === 'function';
    return {
      address: responseAddress(settings.prefix, tenant, request, route.query, scope),
      credentials: openCredentials(request.headers, personal),
      name: named,
    };
  }

  /** A name is not a part of the key: giving one to a route does not ask for another lookup. */
  #rename(exchange: Exchange, plan: Plan): undefined {
    const { key } = exchange.route;
    if (typeof key === 'string') exchange.plan = { ...plan, name: key };
  }

  #answer(exchange: Exchange, plan: Plan, started: number): MaybePromise<Reply | undefined> {
    const { request, route } = exchange;
    const found = this.#find(plan, request);
    return then(found, (result) => {
      if (result === undefined) return exchange.forward(plan, 'uri-miss', undefined);
      if (result.entry === undefined) return exchange.forward(plan, result.forward, result.index);
      const { tenant, key } = plan.address;
      exchange.served(performance.now() - started, tenant, key);
      return replyFrom(result.entry, {
        now: this.#services.settings.clock.now(),
        conditions: exchange.conditions.current,
        vary: exchange.varyNames(),
        outside: exchange.outside,
        key: route.exposeKey ? key : undefined,
      });
    });
  }

  /** A lookup that fails is a miss: the guard has told of it already. */
  #find(plan: Plan, request: RequestView) {
    const found = this.#lookup.find(plan.address, request.headers, plan.credentials);
    return found instanceof Promise ? found.catch(() => undefined) : found;
  }
}

/** What a function of the options came to that threw: no text, and not nothing. */
const FAILED = Symbol('failed');

function isTextOrNothing(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
