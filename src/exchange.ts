import { ask } from './ask.js';
import type { Services } from './backend.js';
import { Control } from './control.js';
import type { IndexEntry, Position, ResponseEntry } from './entry/entry.js';
import type { Reason } from './events.js';
import { assess, type Context, tagsOf, termsOf } from './fill/assess.js';
import type { Lead } from './fill/collapse.js';
import { Fill } from './fill/fill.js';
import { freshened, headSpeaksOf, type Stamp, speaksOf } from './fill/freshen.js';
import { announce, reduceToNotModified } from './fill/head.js';
import { keptFields } from './fill/kept-fields.js';
import { type Plan, put, type Shared, type Variant } from './fill/put.js';
import type { CacheStatus, Forward } from './http/cache-status.js';
import { makeEtag } from './http/etag.js';
import { fieldText } from './http/headers.js';
import { parseNoVarySearch, searchRuleText } from './http/no-vary-search.js';
import { variantKey, variesBy } from './http/vary.js';
import { AfterSuccess } from './invalidation/after-success.js';
import type { PurgeRule } from './invalidation/purge-rule.js';
import { HeldConditions } from './lookup/held-conditions.js';
import { gatewayTimeout, inPlaceOf, type PartAsked, type Reply, replyFrom, validatorsOf } from './lookup/reply.js';
import { mayStandIn, useOf } from './lookup/usable.js';
import type { RequestView } from './request/request.js';
import type { Route } from './route-options.js';
import type { Fields, HeaderBag, MaybePromise } from './types.js';
import { after } from './types.js';

/** How long a key that turned out uncacheable, or whose handler failed, is not waited for again, ms. */
const UNCACHEABLE_FOR = 10_000;
const FAILED_FOR = 1000;
/** Statuses for which something stale may stand in (RFC 5861 §4). */
const FAILURES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** The head of a handler's response, as its adapter hands it over before it leaves. */
export interface ResponseHead {
  readonly status: number;
  /** The reason phrase, if it is not the status's usual one. */
  readonly message: string | undefined;
  readonly bag: HeaderBag;
  /** Gives the whole body, where it is known already: it can be given a tag before the head leaves. */
  readonly whole: (() => Uint8Array) | undefined;
}

/** Why a handler is run, and what is known of the key that its response is for. */
export interface Going {
  readonly forward: Forward;
  readonly index: IndexEntry | undefined;
  /** Others wait for what it makes. */
  readonly lead?: Lead<Shared> | undefined;
  /** What is stored, and may not be used without asking: to be validated, or to stand in for a failure. */
  readonly stale?: ResponseEntry | undefined;
}

/** A response that is being captured, and what is known of it beside its body. */
interface Filling {
  readonly fill: Fill;
  readonly tags: readonly string[];
  readonly varies: readonly string[];
}

/**
 * One request and its response at one cache. The engine settles what is looked up and served; if the handler has to
 * run, its adapter tells the exchange of the response: `head` once, `write` for each piece, then `end` or `abandon`.
 */
export class Exchange {
  readonly request: RequestView;
  readonly control: Control = new Control();
  readonly conditions: HeldConditions;
  /** The part that is asked for; of GETs alone (RFC 9110 §14.2). */
  readonly part: PartAsked | undefined;
  route: Route;
  plan: Plan | undefined;
  /** A mount inside another one has taken over. */
  nested = false;
  readonly #services: Services;
  /** The response's fields as layers outside had set them when the request came here. */
  readonly outside: Fields;
  readonly #afterSuccess: AfterSuccess;
  #handled = false;
  #barred: Reason | undefined;
  #going: Going = { forward: 'bypass', index: undefined };
  #asOf: Position | undefined;
  /** The request's fields as they were looked up: layers inside may change them. */
  #asked: Fields = {};
  #fill: Filling | undefined;
  #started = performance.now();
  #forwarded = 0;
  #requestedAt = 0;
  #state: 'open' | 'served' | 'head' | 'done' = 'open';
  #counted = true;

  /** `outside`: the response's fields as layers outside have set them so far. */
  constructor(services: Services, request: RequestView, route: Route, outside: Fields) {
    this.#services = services;
    this.#afterSuccess = new AfterSuccess(services);
    this.request = request;
    this.conditions = new HeldConditions(request.headers, request.rawHeaders);
    const range = request.method === 'GET' ? fieldText(request.headers, 'range') : undefined;
    this.part = range === undefined ? undefined : { range, ifRange: fieldText(request.headers, 'if-range') };
    this.route = route;
    this.outside = outside;
    if (request.refreshing !== undefined) this.exclude();
  }

  /** Whether the request has been through the engine; until then there is an invalidation waiting, at the most. */
  get isHandled(): boolean {
    return this.#handled;
  }

  /** Whether the response is the cache's own: nothing of it is to be captured. */
  get isServed(): boolean {
    return this.#state === 'served';
  }

  /** Whether a body is being captured: known once the head is. */
  get isFilling(): boolean {
    return this.#fill !== undefined;
  }

  /** Whether the handler's response could be stored, as far as the request is concerned. */
  get mayFill(): boolean {
    return this.#state === 'open' && this.plan !== undefined && this.request.method === 'GET';
  }

  /** Whether there is an answer if the handler hangs up. */
  get outlivesHangUp(): boolean {
    const { stale } = this.#going;
    return this.#state === 'open' && stale !== undefined && (stale.mustRevalidate || mayStandIn(stale, this.#now()));
  }

  /** The handler runs, and what it says passes through. */
  bypass(reason: Reason): undefined {
    this.#handled = true;
    this.letGo();
    this.#barred = reason;
    this.#going = { forward: reason === 'method' ? 'method' : 'bypass', index: undefined };
    this.plan = undefined;
    this.control.status = 'bypass';
  }

  /** The handler runs, and what it says may be stored. This is the moment that the entry will be stamped with. */
  forward(plan: Plan, going: Going): undefined {
    this.#handled = true;
    this.plan = plan;
    this.#barred = undefined;
    this.#going = going;
    this.#asOf = this.#services.backend.ledger.position();
    this.#asked = { ...this.request.headers };
    this.#forwarded = performance.now();
    this.#requestedAt = this.#now();
    this.control.status = 'miss';
    if (this.request.method !== 'GET') return;
    const validators = going.stale === undefined ? undefined : validatorsOf(going.stale);
    if (validators?.etag !== undefined || validators?.lastModified !== undefined) this.conditions.take(validators);
    // A 304 of the handler's could not be stored: it is given the whole to answer, and the 304 is made here.
    else if (plan.credentials === undefined && this.part === undefined) this.conditions.take();
  }

  /** Lets those go who wait for a response under a key that it will not have. */
  letGo(): void {
    this.#going.lead?.unfilled(UNCACHEABLE_FOR);
    this.#going = { ...this.#going, lead: undefined, stale: undefined };
    this.conditions.giveBack();
  }

  /** The answer has come from the cache. */
  served(plan: Plan, ms: number, how: { collapsed?: boolean; stale?: boolean }): void {
    this.#state = 'served';
    this.plan = plan;
    this.control.status = 'hit';
    this.conditions.giveBack();
    if (!this.#counted) return;
    const { tenant, key } = plan.address;
    this.#services.events.emit('hit', { source: 'http', tenant, key, ms, ...how });
  }

  /** The cache itself has answered, without anything stored. */
  declined(reason: Reason): void {
    this.#state = 'served';
    this.plan = undefined;
    this.#count(reason);
  }

  /** Leaves this request out of the statistics: it asks for them, or nobody has asked. */
  exclude(): void {
    this.#counted = false;
  }

  /** Gives a reason, before the head is judged, not to store what the handler says. */
  refuse(reason: Reason): void {
    this.#barred ??= reason;
  }

  /** Adds an invalidation that takes place if the handler succeeds, before its answer leaves. */
  onSuccess(rule: PurgeRule): void {
    this.#afterSuccess.add(rule);
  }

  /** Invalidates what is to be invalidated on success. Part of `head`. */
  invalidate(fields: Fields): MaybePromise<void> {
    return this.#afterSuccess.invalidate(this.request, this.route, fields);
  }

  /** The answer from an entry, for this request. */
  reply(entry: ResponseEntry, status: CacheStatus): Reply {
    const { route, plan, part, outside } = this;
    return replyFrom(entry, {
      now: this.#now(),
      conditions: this.conditions.current,
      part,
      vary: this.#varyNames(),
      outside,
      downstream: route,
      status: route.exposeKey && plan !== undefined ? { ...status, key: plan.address.key } : status,
    });
  }

  /** An answer of the cache's own, where it has nothing that it may serve, and no handler is to be asked. */
  timeout(status: CacheStatus): Reply {
    return gatewayTimeout(status, this.outside, this.#varyNames());
  }

  /**
   * Judges the response and completes its head. Gives what is to leave in its place, if anything is. A promise, where
   * something is to be invalidated first.
   */
  head(head: ResponseHead): MaybePromise<Reply | undefined> {
    if (this.#state !== 'open' || head.status < 200) return undefined;
    this.#state = 'head';
    const reply = this.#handled
      ? ask<Reply | undefined>(this.#services.events, 'head', undefined, () => this.#complete(head))
      : undefined;
    if (this.#afterSuccess.empty || head.status >= 400) return reply;
    return after(this.invalidate(head.bag.getHeaders()), () => reply);
  }

  /** The handler threw, which would be a response of this status: what stands in for it, if anything does. */
  failed(bag: HeaderBag, status = 500): Reply | undefined {
    const { stale } = this.#going;
    if (this.#state !== 'open' || stale === undefined || !FAILURES.has(status)) return undefined;
    if (!mayStandIn(stale, this.#now())) return undefined;
    this.#state = 'head';
    return this.#standIn(stale, undefined, bag);
  }

  /** The handler hung up: what stands in for it; 504 where nothing may (RFC 9111 §5.2.2.2). */
  hungUp(bag: HeaderBag): Reply | undefined {
    if (!this.outlivesHangUp) return undefined;
    const reply = this.failed(bag);
    if (reply !== undefined) return reply;
    this.#state = 'head';
    this.#going.lead?.unfilled(FAILED_FOR);
    this.#count('aborted');
    const failed = this.timeout({ forward: this.#going.forward, detail: 'aborted' });
    return inPlaceOf(failed, bag.getHeaders(), this.outside);
  }

  /** A piece of the body. */
  write(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#fill?.fill.add(chunk, encoding);
  }

  /** Trailers follow: they cannot be kept. */
  trailers(): void {
    this.#fill?.fill.fail('trailers');
  }

  /** The handler has given all of its response. */
  end(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.conditions.giveBack();
    if (this.#fill !== undefined && this.plan !== undefined) this.#store(this.plan, this.#fill);
    // Whoever still waits has nothing to wait for.
    this.#going.lead?.unfilled(UNCACHEABLE_FOR);
  }

  /** The response ended before it was whole: the handler threw or gave up, or the connection is gone. */
  abandon(): void {
    if (this.#state === 'done') return;
    if (this.#state === 'open') this.#count(this.#barred ?? 'aborted');
    if (this.#fill !== undefined && this.plan !== undefined) this.#skip(this.plan, 'aborted');
    this.#state = 'done';
    this.#fill = undefined;
    this.#going.lead?.unfilled(0);
    this.conditions.giveBack();
  }

  #complete(head: ResponseHead): Reply | undefined {
    const { stale, lead, forward } = this.#going;
    const { status, bag } = head;
    const { plan } = this;
    if (stale !== undefined && plan !== undefined && this.#barred === undefined) {
      if (status === 304 && this.conditions.asksHandler) return this.#validated(stale, plan, bag);
      if (FAILURES.has(status) && mayStandIn(stale, this.#now())) return this.#standIn(stale, status, bag);
      if (status === 200 && this.request.method === 'HEAD') this.#heardHead(stale, plan, bag);
    }
    const reason = this.#barred ?? this.#judge(head);
    if (reason !== undefined) lead?.unfilled(status >= 500 ? FAILED_FOR : UNCACHEABLE_FOR);
    this.#count(reason);
    const whole = head.whole !== undefined || bag.getHeader('content-length') !== undefined;
    const personal = reason === 'authorization' || reason === 'cookie';
    const said: CacheStatus = {
      forward: personal ? 'bypass' : forward,
      ...(stale === undefined ? {} : { forwardStatus: status }),
      stored: this.isFilling && whole,
      ...(reason === undefined ? {} : { detail: reason }),
      ...(this.route.exposeKey && this.plan !== undefined ? { key: this.plan.address.key } : {}),
    };
    announce(bag, this.#varyNames(), said, this.#fill && { ...this.route, tags: this.#allTags(this.#fill.tags) });
    return reduceToNotModified(bag, status, this.conditions.held);
  }

  /** Whether the response may be stored; then its fill begins. */
  #judge({ status, message, bag, whole }: ResponseHead): Reason | undefined {
    const { plan, route, outside } = this;
    if (plan === undefined) return 'unavailable';
    const fields = bag.getHeaders();
    const context = this.#context(plan);
    const assessment = assess(context, status, fields);
    if (assessment.reason !== undefined) return assessment.reason;
    const tags = tagsOf(context, fields);
    if (tags === undefined) return 'tags';
    const { policy, vary: keyed, maxBodyBytes } = route;
    const body = whole?.();
    if (body !== undefined && body.byteLength > maxBodyBytes) return 'too-large';
    if (policy.makesEtag && body !== undefined && status === 200 && fields.etag === undefined)
      bag.setHeader('ETag', makeEtag(body));
    if (this.#asOf === undefined) return 'unavailable';
    const varies = variesBy(fields, keyed) as readonly string[];
    // What the handler saw under such a field is not what the next client will send.
    if (varies.length > 0 && variantKey(varies, this.#asked) !== variantKey(varies, this.request.headers))
      return 'vary-changed';
    const rule = parseNoVarySearch(fieldText(fields, 'no-vary-search'));
    const head = {
      asOf: this.#asOf,
      status,
      message,
      ...keptFields(bag, outside, assessment.said, policy),
      ...termsOf(context, assessment, fields, this.#now()),
      keyed,
      name: plan.name,
      search: rule && searchRuleText(rule),
      cost: this.#cost(),
    };
    const declared = status === 204 || status === 205 ? undefined : fieldText(fields, 'content-length');
    const fill = new Fill(head, declared === undefined ? undefined : Number(declared), maxBodyBytes, policy.makesEtag);
    this.#fill = { fill, tags, varies };
    this.plan = { ...plan, address: plan.addressFor(rule) };
    return undefined;
  }

  #store(plan: Plan, { fill, tags, varies }: Filling): void {
    const entry = fill.finish(this.#allTags(tags));
    if (typeof entry === 'string') this.#skip(plan, entry);
    else this.#put(plan, entry, varies);
  }

  /** Stores an entry, and gives it to those who wait, if it is one that may be given without asking. */
  #put(plan: Plan, entry: ResponseEntry, varies: readonly string[]): boolean {
    const { index, lead } = this.#going;
    const variant: Variant = { varies, request: this.#asked, languageOrder: this.route.policy.languageOrder, index };
    const filled = put(this.#services, plan.address, entry, variant);
    if (typeof filled === 'string') {
      this.#skip(plan, filled);
      return false;
    }
    if (useOf(entry, this.#now(), undefined) !== 'validate') lead?.filled(filled.shared, filled.written);
    else lead?.unfilled(UNCACHEABLE_FOR);
    return true;
  }

  /** The handler says that the stored response is still the same (RFC 9111 §4.3.4): the client gets what it asked for. */
  #validated(stale: ResponseEntry, plan: Plan, bag: HeaderBag): Reply {
    const { forward, lead } = this.#going;
    const fields = bag.getHeaders();
    const fresh = speaksOf(fields, stale) ? freshened(this.#context(plan), stale, bag, this.#stamp(plan)) : undefined;
    const stored = fresh !== undefined && fresh.reason === undefined && this.#put(plan, fresh.entry, fresh.varies);
    lead?.unfilled(UNCACHEABLE_FOR);
    this.#count(fresh?.reason, true);
    const detail = fresh?.reason === undefined ? {} : { detail: fresh.reason };
    const reply = this.reply(fresh?.entry ?? stale, { forward, forwardStatus: 304, stored, ...detail });
    return inPlaceOf(reply, fields, this.outside);
  }

  /** The response to a HEAD says of the stored GET that it is still the same, or is not (RFC 9111 §4.3.5). */
  #heardHead(stale: ResponseEntry, plan: Plan, bag: HeaderBag): void {
    const fresh = freshened(this.#context(plan), stale, bag, this.#stamp(plan));
    if (headSpeaksOf(bag.getHeaders(), stale, this.route.policy.headNeedsProof)) {
      if (fresh.reason === undefined) this.#put(plan, fresh.entry, fresh.varies);
    } else if (stale.freshUntil > this.#now()) {
      this.#put(plan, { ...stale, freshUntil: this.#now() }, fresh.varies);
    }
  }

  #stamp({ name }: Plan): Stamp {
    const { control, outside } = this;
    return { now: this.#now(), name, tags: control.tags, cost: this.#cost(), outside };
  }

  #cost(): number {
    return Math.round(performance.now() - this.#forwarded);
  }

  /** A stale response in place of the handler's failure (RFC 5861 §4). */
  #standIn(stale: ResponseEntry, failure: number | undefined, bag: HeaderBag): Reply {
    const { plan } = this;
    const { forward, lead } = this.#going;
    lead?.unfilled(FAILED_FOR);
    if (plan !== undefined && this.#counted) {
      const { tenant, key } = plan.address;
      const ms = performance.now() - this.#started;
      this.#services.events.emit('hit', { source: 'http', tenant, key, ms, stale: true });
    }
    this.control.status = 'hit';
    const forwardStatus = failure === undefined ? {} : { forwardStatus: failure };
    const status: CacheStatus = { forward, ...forwardStatus, detail: 'stale-if-error' };
    return inPlaceOf(this.reply(stale, status), bag.getHeaders(), this.outside);
  }

  #context(plan: Plan): Context {
    return {
      services: this.#services,
      request: this.request,
      method: this.request.method,
      route: this.route,
      control: this.control,
      credentials: plan.credentials,
      ranged: this.part !== undefined && !this.conditions.asksHandler,
      requestedAt: this.#requestedAt,
    };
  }

  #allTags(tags: readonly string[]): readonly string[] {
    return this.control.tags.length === 0 && tags.length < 2 ? tags : [...new Set([...tags, ...this.control.tags])];
  }

  /** Request fields that go into `Vary` for the sake of caches further out. */
  #varyNames(): readonly string[] {
    const { header } = this.route.tenant;
    return header === undefined ? this.route.vary : [...this.route.vary, header];
  }

  #now(): number {
    return this.#services.settings.clock.now();
  }

  #count(reason: Reason | undefined, revalidated?: boolean): void {
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
    const because = reason === undefined ? {} : { reason };
    events.emit('miss', { source: 'http', tenant, key, ms, ...because, ...(revalidated ? { revalidated } : {}) });
  }

  #skip({ address }: Plan, reason: Reason): void {
    this.#services.events.emit('skip', { tenant: address.tenant, key: address.key, reason });
  }
}
