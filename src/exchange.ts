import { ask } from './ask.js';
import type { Services } from './backend.js';
import { Control } from './control.js';
import type { IndexEntry, Position } from './entry/entry.js';
import type { Reason } from './events.js';
import { unstorable } from './fill/cacheability.js';
import type { Lead } from './fill/collapse.js';
import { Fill, type Plan, type Shared } from './fill/fill.js';
import { announce, reduceToNotModified } from './fill/head.js';
import type { Forward } from './http/cache-status.js';
import { makeEtag } from './http/etag.js';
import { variantKey, variesBy } from './http/vary.js';
import type { PurgeRule } from './invalidation/purge-rule.js';
import { lifetime } from './lookup/freshness.js';
import { HeldConditions } from './lookup/held-conditions.js';
import type { RequestView } from './request/request.js';
import { resolveTenant } from './request/tenant.js';
import { DEFAULT_ROUTE, type Route } from './route-options.js';
import type { Fields, HeaderBag, MaybePromise } from './types.js';
import { after } from './types.js';

/** How long a key that turned out uncacheable, or whose handler failed, is not waited for again, ms. */
const UNCACHEABLE_FOR = 10_000;
const FAILED_FOR = 1000;

/** The head of a handler's response, as its adapter hands it over before it leaves. */
export interface ResponseHead {
  readonly status: number;
  /** The reason phrase, if it is not the status's usual one. */
  readonly message: string | undefined;
  readonly bag: HeaderBag;
  /** Gives the whole body, where it is known already: it can be given a tag before the head leaves. */
  readonly whole: (() => Uint8Array) | undefined;
}

/**
 * One request and its response at one cache. The engine settles what is looked up and served; if the handler has to
 * run, its adapter tells the exchange of the response: `head` once, `write` for each piece, then `end` or `abandon`.
 */
export class Exchange {
  readonly request: RequestView;
  readonly control: Control = new Control();
  readonly conditions: HeldConditions;
  route: Route;
  plan: Plan | undefined;
  /** A mount inside another one has taken over. */
  nested = false;
  readonly #services: Services;
  /** The response's fields as layers outside had set them when the request came here. */
  readonly outside: Fields;
  readonly #purges: PurgeRule[] = [];
  #handled = false;
  #forward: Forward = 'bypass';
  #barred: Reason | undefined;
  #index: IndexEntry | undefined;
  #asOf: Position | undefined;
  /** The request's fields as they were looked up: layers inside may change them. */
  #asked: Fields = {};
  #fill: Fill | undefined;
  #lead: Lead<Shared> | undefined;
  #started = performance.now();
  #forwarded = 0;
  #routeTags: readonly string[] = [];
  #state: 'open' | 'served' | 'head' | 'done' = 'open';
  #counted = true;

  /** `outside`: the response's fields as layers outside have set them so far. */
  constructor(services: Services, request: RequestView, route: Route, outside: Fields) {
    this.#services = services;
    this.request = request;
    this.conditions = new HeldConditions(request.headers);
    this.route = route;
    this.outside = outside;
  }

  /** Whether the request has been through the engine; until then there is an invalidation waiting, at the most. */
  get isHandled(): boolean {
    return this.#handled;
  }

  /** Whether the response is the cache's own: nothing of it is to be captured. */
  get isServed(): boolean {
    return this.#state === 'served';
  }

  /** The handler runs, and what it says passes through. */
  bypass(reason: Reason): undefined {
    this.#handled = true;
    this.letGo();
    this.#barred = reason;
    this.#forward = reason === 'method' ? 'method' : 'bypass';
    this.plan = undefined;
    this.control.status = 'bypass';
  }

  /** The handler runs, and what it says may be stored. This is the moment that the entry will be stamped with. */
  forward(plan: Plan, forward: Forward, index: IndexEntry | undefined, lead?: Lead<Shared>): undefined {
    this.#handled = true;
    this.plan = plan;
    this.#lead = lead;
    this.#barred = undefined;
    this.#forward = forward;
    this.#index = index;
    this.#asOf = this.#services.backend.ledger.position();
    this.#asked = { ...this.request.headers };
    this.#forwarded = performance.now();
    this.control.status = 'miss';
    // A 304 of the handler's could not be stored: it is given the whole to answer, and the 304 is made here.
    if (this.request.method === 'GET' && plan.credentials === undefined) this.conditions.take();
  }

  /** Lets those go who wait for a response under a key that it will not have. */
  letGo(): void {
    this.#lead?.unfilled(UNCACHEABLE_FOR);
    this.#lead = undefined;
  }

  /** The answer has come from the cache. */
  served(ms: number, tenant: string, key: string, collapsed: boolean): void {
    this.#state = 'served';
    this.control.status = 'hit';
    this.conditions.giveBack();
    if (this.#counted) this.#services.events.emit('hit', { source: 'http', tenant, key, ms, collapsed });
  }

  /** Leaves this request out of the statistics: it asks for them. */
  exclude(): void {
    this.#counted = false;
  }

  /** Whether a body is being captured: known once the head is. */
  get isFilling(): boolean {
    return this.#fill !== undefined;
  }

  /** Whether the handler's response could be stored, as far as the request is concerned. */
  get mayFill(): boolean {
    return this.#state === 'open' && this.plan !== undefined && this.request.method === 'GET';
  }

  /** Gives a reason, before the head is judged, not to store what the handler says. */
  refuse(reason: Reason): void {
    this.#barred ??= reason;
  }

  /** Adds an invalidation that takes place if the handler succeeds, before its answer leaves. */
  onSuccess(rule: PurgeRule): void {
    this.#purges.push(rule);
  }

  /** Request fields that go into `Vary` for the sake of caches further out. */
  varyNames(): readonly string[] {
    const { header } = this.route.tenant;
    return header === undefined ? this.route.vary : [...this.route.vary, header];
  }

  /**
   * Judges the response and completes its head. `true`: it leaves as a 304, without its body. A promise, where
   * something is to be invalidated first.
   */
  head(head: ResponseHead): MaybePromise<boolean> {
    if (this.#state !== 'open' || head.status < 200) return false;
    this.#state = 'head';
    const notModified = this.#handled && ask(this.#services.events, 'head', false, () => this.#complete(head));
    if (this.#purges.length === 0 || head.status >= 400) return notModified;
    return after(this.invalidate(head.bag.getHeaders()), () => notModified);
  }

  #complete(head: ResponseHead): boolean {
    const reason = this.#barred ?? this.#judge(head);
    if (reason !== undefined) this.#lead?.unfilled(head.status >= 500 ? FAILED_FOR : UNCACHEABLE_FOR);
    this.#count(reason);
    const stored =
      this.#fill !== undefined && (head.whole !== undefined || head.bag.getHeader('content-length') !== undefined);
    const personal = reason === 'authorization' || reason === 'cookie';
    announce(head.bag, this.varyNames(), {
      forward: personal ? 'bypass' : this.#forward,
      stored,
      ...(reason === undefined ? {} : { detail: reason }),
      ...(this.route.exposeKey && this.plan !== undefined ? { key: this.plan.address.key } : {}),
    });
    return reduceToNotModified(head.bag, head.status, this.conditions.held);
  }

  /** A piece of the body. */
  write(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#fill?.add(chunk, encoding);
  }

  /** Trailers follow: they cannot be kept. */
  trailers(): void {
    this.#fill?.fail('trailers');
  }

  /** The handler has given all of its response. */
  end(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.conditions.giveBack();
    const { plan } = this;
    if (this.#fill !== undefined && plan !== undefined) this.#store(this.#fill, plan);
    // Whoever still waits has nothing to wait for.
    this.#lead?.unfilled(UNCACHEABLE_FOR);
  }

  /** The response ended before it was whole: the handler threw or gave up, or the connection is gone. */
  abandon(): void {
    if (this.#state === 'done') return;
    if (this.#state === 'open') this.#count(this.#barred ?? 'aborted');
    if (this.#fill !== undefined && this.plan !== undefined) this.#skip(this.plan, 'aborted');
    this.#state = 'done';
    this.#fill = undefined;
    this.#lead?.unfilled(0);
    this.conditions.giveBack();
  }

  #store(fill: Fill, plan: Plan): void {
    const filled = fill.finish(plan, [...new Set([...this.#routeTags, ...this.control.tags])]);
    if (typeof filled === 'string') this.#skip(plan, filled);
    else this.#lead?.filled(filled.shared, filled.written);
  }

  /** Whether the response may be stored; then its fill begins. */
  #judge({ status, message, bag, whole }: ResponseHead): Reason | undefined {
    const { plan, route, control, request } = this;
    if (plan === undefined) return 'unavailable';
    const fields = bag.getHeaders();
    const now = this.#services.settings.clock.now();
    const life = lifetime(fields, control.seconds, this.#fallbackTtl(status), now);
    const { vary: keyed, maxBodyBytes } = route;
    const { method } = request;
    const { credentials } = plan;
    const refused = control.refused;
    const reason = unstorable({ method, credentials, keyed, status, fields, refused, lifetime: life, maxBodyBytes });
    if (reason !== undefined) return reason;
    const tags = this.#tags();
    if (tags === undefined) return 'tags';
    this.#routeTags = tags;
    const body = whole?.();
    if (body !== undefined && body.byteLength > maxBodyBytes) return 'too-large';
    if (body !== undefined && status === 200 && fields.etag === undefined) bag.setHeader('ETag', makeEtag(body));
    if (this.#asOf === undefined) return 'unavailable';
    const cost = performance.now() - this.#forwarded;
    const head = { status, message, bag, outside: this.outside, lifetime: life, keyed, maxBodyBytes, cost };
    const varies = variesBy(fields, keyed) as readonly string[];
    // What the handler saw under such a field is not what the next client will send.
    if (varies.length > 0 && variantKey(varies, this.#asked) !== variantKey(varies, request.headers))
      return 'vary-changed';
    this.#fill = new Fill(this.#services, this.#asked, this.#asOf, this.#index, head);
    return undefined;
  }

  #fallbackTtl(status: number): number {
    const { ttl, negativeTtl } = this.route;
    if (status === 404 || status === 410) return negativeTtl;
    if (typeof ttl === 'number') return ttl;
    const usual = DEFAULT_ROUTE.ttl as number;
    return ask(this.#services.events, 'ttl', 0, () => ttl(this.request.source) ?? usual);
  }

  /** The tags of the route; `undefined` if they cannot be had: untagged it must not be stored. */
  #tags(): readonly string[] | undefined {
    const { tags } = this.route;
    const own = ask(this.#services.events, 'tags', undefined, () =>
      typeof tags === 'function' ? [...tags(this.request.source)] : tags,
    );
    return own?.every((tag) => typeof tag === 'string') ? own : undefined;
  }

  /** Invalidates what the rules say, and waits for it no longer than for any other operation. Part of `head`. */
  invalidate(fields: Fields): MaybePromise<void> {
    if (this.#purges.length === 0) return;
    const { events, backend, settings } = this.#services;
    const { request, route } = this;
    return after(
      ask(this.#services.events, 'tenant', undefined, () => resolveTenant(route.tenant, request)),
      (tenant) => {
        if (tenant === undefined) return;
        const context = { tenant, request, fields, query: route.query };
        const purges = this.#purges.map((rule) =>
          ask(this.#services.events, 'invalidate', undefined, () => rule(context)),
        );
        const tags = purges.flatMap((purge) => purge?.tags ?? []);
        const patterns = purges.flatMap((purge) => purge?.patterns ?? []);
        if (tags.length + patterns.length === 0) return;
        return backend.purge({ tags, patterns }, settings.timeout).then(({ durable }) => {
          events.emit('purge', { tags: tags.length, patterns: patterns.length, tenant, durable });
        });
      },
    );
  }

  #count(reason: Reason | undefined): void {
    if (!this.#counted) return;
    const { events } = this.#services;
    const { plan } = this;
    const unseen = plan === undefined || reason === 'authorization' || reason === 'cookie';
    if (unseen) {
      events.emit('bypass', { tenant: plan?.address.tenant, reason: reason ?? 'unavailable' });
      return;
    }
    const { tenant, key } = plan.address;
    const ms = performance.now() - this.#started;
    events.emit('miss', { source: 'http', tenant, key, ms, ...(reason === undefined ? {} : { reason }) });
  }

  #skip({ address }: Plan, reason: Reason): void {
    this.#services.events.emit('skip', { tenant: address.tenant, key: address.key, reason });
  }
}
