import { ask } from './ask.js';
import type { Services } from './backend.js';
import type { Position, ResponseEntry } from './entry/entry.js';
import { Exchange } from './exchange.js';
import { Collapse, type Part } from './fill/collapse.js';
import type { Plan, Shared } from './fill/fill.js';
import type { Forward } from './http/cache-status.js';
import { variantKey } from './http/vary.js';
import { changedUrls } from './invalidation/purge-rule.js';
import { type Found, Lookup } from './lookup/lookup.js';
import { type Reply, replyFrom } from './lookup/reply.js';
import { asksForHandler, ineligible, isUnsafe, openCredentials } from './request/eligibility.js';
import { responseAddress, responseSubject } from './request/key.js';
import type { RequestView } from './request/request.js';
import { resolveTenant } from './request/tenant.js';
import { looksUpElsewhere, type Route } from './route-options.js';
import { after, type Fields, type MaybePromise } from './types.js';

/** The way of a request through the cache, from its first look to an answer or to the handler. */
export class Engine {
  readonly #services: Services;
  readonly #lookup: Lookup;
  readonly #collapse: Collapse<Shared>;

  constructor(services: Services) {
    this.#services = services;
    this.#lookup = new Lookup(services.backend);
    const { clock, collapseTimeout } = services.settings;
    this.#collapse = new Collapse({ clock, leases: services.backend.leases, patience: collapseTimeout });
  }

  /** Removes from the store what is dead. Never rejects. */
  sweep(): Promise<void> {
    return this.#services.backend.sweep();
  }

  /** What this process knows of the ledger, and whether it may judge by it without asking. */
  knowledge(): { readonly position: Position | undefined; readonly current: boolean } {
    const { ledger } = this.#services.backend;
    return { position: ledger.position(), current: ledger.isCurrent() };
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
    if (!ask(events, 'when', false, () => route.when?.(request.source) ?? true)) return exchange.bypass('when');
    const tenant = ask(events, 'tenant', undefined, () => resolveTenant(route.tenant, request));
    return after(tenant, (name) => {
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
    exchange.letGo();
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
    return after(this.#find(plan, exchange.request), (found) => {
      if (found.entry === undefined) return this.#miss(exchange, plan, found, started);
      if (!this.#isDue(found.entry, exchange)) return this.#serve(exchange, plan, found.entry, started);
      return this.#refreshEarly(exchange, plan, found, started);
    });
  }

  /** One of those who find nothing runs the handler; the others wait for it, where nothing speaks against it. */
  #miss(exchange: Exchange, plan: Plan, found: Missing, started: number, tries = 2): MaybePromise<Reply | undefined> {
    const { request, route } = exchange;
    const { forward, index } = found;
    const alone = !route.collapse || request.method !== 'GET' || plan.credentials !== undefined;
    // Who cannot hear of purges does not know which flights they have killed.
    const deaf = found === NOTHING && !this.#services.backend.ledger.isCurrent();
    if (alone || deaf || tries === 0) return exchange.forward(plan, forward, index);
    const look = async () => {
      const found = await this.#find(plan, request);
      return found.entry && { entry: found.entry, varies: found.varies, request: request.headers };
    };
    return after(this.#collapse.enter({ ...this.#part(plan), look }), (turn) => {
      if (turn.kind === 'run') return exchange.forward(plan, forward, index);
      if (turn.kind === 'lead') return exchange.forward(plan, forward, index, turn.lead);
      if (this.#isGoodFor(turn.result, exchange, plan))
        return this.#serve(exchange, plan, turn.result.entry, started, forward);
      // Made before a purge that this request comes after, or another variant: it takes part again.
      return after(this.#find(plan, request), (found) =>
        found.entry === undefined
          ? this.#miss(exchange, plan, found, started, tries - 1)
          : this.#serve(exchange, plan, found.entry, started),
      );
    });
  }

  /** What is known of a fill as it begins: its tags are not, so that a purge by tag is met only at its end. */
  #part({ address, name }: Plan): Omit<Part<Shared>, 'look'> {
    const { ledger } = this.#services.backend;
    const subject = responseSubject(address, [], name);
    return { key: address.key, asOf: ledger.position(), stands: (asOf) => ledger.stands(subject, asOf) };
  }

  #isGoodFor({ entry, varies, request }: Shared, exchange: Exchange, { address }: Plan): boolean {
    const subject = responseSubject(address, entry.tags, entry.name);
    if (!this.#services.backend.ledger.stands(subject, entry.asOf)) return false;
    return variantKey(varies, request) === variantKey(varies, exchange.request.headers);
  }

  /** Whether this is the request that runs the handler before the entry expires (XFetch: Vattani et al., 2015). */
  #isDue({ cost, expiresAt }: ResponseEntry, { route, request }: Exchange): boolean {
    if (route.earlyRefresh === 0 || request.method !== 'GET') return false;
    const early = -Math.log(Math.random()) * cost * route.earlyRefresh;
    return this.#services.settings.clock.now() + early >= expiresAt;
  }

  /** Runs the handler though there is an answer, if nobody is doing so already. */
  async #refreshEarly(exchange: Exchange, plan: Plan, found: Present, started: number): Promise<Reply | undefined> {
    const lead = plan.credentials === undefined ? await this.#collapse.tryLead(this.#part(plan)) : undefined;
    if (lead === undefined) return this.#serve(exchange, plan, found.entry, started);
    return exchange.forward(plan, 'miss', found.index, lead);
  }

  #serve(exchange: Exchange, plan: Plan, entry: ResponseEntry, started: number, collapsed?: Forward): Reply {
    const { tenant, key } = plan.address;
    exchange.served(performance.now() - started, tenant, key, collapsed !== undefined);
    return replyFrom(entry, {
      now: this.#services.settings.clock.now(),
      conditions: exchange.conditions.current,
      vary: exchange.varyNames(),
      outside: exchange.outside,
      collapsed,
      key: exchange.route.exposeKey ? key : undefined,
    });
  }

  /** A lookup that fails is a miss: the guard has told of it already. */
  #find(plan: Plan, request: RequestView): MaybePromise<Found> {
    const found = this.#lookup.find(plan.address, request.headers, plan.credentials);
    return found instanceof Promise ? found.catch(() => NOTHING) : found;
  }
}

type Present = Extract<Found, { entry: ResponseEntry }>;
type Missing = Extract<Found, { entry?: undefined }>;

const NOTHING: Missing = { forward: 'uri-miss', index: undefined };

/** What a function of the options came to that threw: no text, and not nothing. */
const FAILED = Symbol('failed');

function isTextOrNothing(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
