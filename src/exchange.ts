import { Account, type How } from './account.js';
import { ask } from './ask.js';
import type { Services } from './backend.js';
import { readBy } from './compress/choice.js';
import { Control } from './control.js';
import type { ResponseEntry } from './entry/entry.js';
import type { Reason } from './events.js';
import { Handling } from './fill/handling.js';
import type { ResponseHead } from './fill/response-head.js';
import type { Going } from './fill/run.js';
import type { CacheStatus } from './http/cache-status.js';
import { fieldText } from './http/headers.js';
import { AfterSuccess } from './invalidation/after-success.js';
import { changedUrls, type PurgeRule } from './invalidation/purge-rule.js';
import type { Entered } from './invalidation/recent-purges.js';
import { HeldConditions } from './lookup/held-conditions.js';
import type { Plan } from './lookup/plan.js';
import type { Recall } from './lookup/recall.js';
import { type PartAsked, partAskedBy, type Reply, validationOf } from './lookup/reply.js';
import { type Asker, replyTo } from './lookup/reply-to.js';
import { type Credentials, isUnsafe } from './request/eligibility.js';
import type { RequestView } from './request/request.js';
import type { Route } from './route.js';
import { after, type Fields, type HeaderBag, type MaybePromise } from './types.js';

/**
 * One request and its response at one cache. The engine settles what is looked up and served; if the handler has to
 * run, its adapter tells the exchange of the response: `head` once, `write` for each piece, then `end` or `abandon`.
 */
export class Exchange implements Asker {
  readonly request: RequestView;
  readonly control: Control = new Control();
  readonly conditions: HeldConditions;
  /** The part that is asked for. */
  readonly part: PartAsked | undefined;
  /** Its `Accept-Encoding` as it came: layers inside may change it. */
  readonly accepted: string | undefined;
  /** Under which key it was looked up. */
  key: string | undefined;
  /** By what its answer may be its client's alone. */
  owner: Credentials | undefined;
  route: Route;
  /** How many mounts, each inside the one before, have taken over: each looks in a place of its own. */
  depth = 0;
  /** Another cache has begun inside: the handler speaks to that one, and is asked by it. */
  isAround = false;
  /** The response's fields as layers outside had set them when the request came here. */
  readonly outside: Fields;
  /** Where its hit is remembered, if it is one of those. */
  readonly recall: Recall | undefined;
  readonly #services: Services;
  #afterSuccess: AfterSuccess | undefined;
  readonly #account: Account;
  readonly #handling: Handling;
  #handled = false;
  /** What this request has invalidated. */
  #purged: MaybePromise<Entered | undefined>;
  #state: 'open' | 'served' | 'head' | 'done' = 'open';
  #headed = false;
  #left: NodeJS.Timeout | undefined;
  /** The client has gone with all of the body that the head declares. */
  #isTaken = false;
  #onWaited: ((atOnce: boolean) => void) | undefined;

  /** `outside`: the response's fields as layers outside have set them so far. */
  constructor(services: Services, request: RequestView, route: Route, outside: Fields, recall?: Recall) {
    this.#services = services;
    this.#account = new Account(services.events, request);
    this.request = request;
    this.conditions = new HeldConditions(request);
    this.part = partAskedBy(request);
    this.accepted = fieldText(request.headers, 'accept-encoding');
    this.route = route;
    this.outside = outside;
    this.recall = recall;
    this.#handling = new Handling(services, this.#account, this);
  }

  /** Whether the request has been through the engine; until then there is an invalidation waiting, at the most. */
  get isHandled(): boolean {
    return this.#handled;
  }

  /** Whether the response is the cache's own: nothing of it is to be captured. */
  get isServed(): boolean {
    return this.#state === 'served';
  }

  /** Whether the handler's head has been told of. */
  get isHeaded(): boolean {
    return this.#headed;
  }

  /** Whether something is invalidated if the handler succeeds. */
  get changesOnSuccess(): boolean {
    return this.#afterSuccess !== undefined;
  }

  /** Whether the body's pieces are wanted: known once the head is. */
  get isFilling(): boolean {
    return this.#handling.isFilling;
  }

  /** Whether what leaves in the response's place is to end with it. */
  get outlastsReply(): boolean {
    return this.#handling.outlastsReply;
  }

  /** Whether more of them is wanted. */
  get wantsMore(): boolean {
    return this.#handling.wantsMore;
  }

  /** Where the response would be stored, if it may be, or what it is compared with is. */
  get plan(): Plan | undefined {
    return this.#handling.plan;
  }

  /** Whether the handler's response is only compared. */
  get isShadowed(): boolean {
    return this.#handling.isShadowed;
  }

  /** Whether the handler's response could be stored, or is compared, as far as the request is concerned. */
  get mayFill(): boolean {
    return this.#state === 'open' && this.#handling.matters && this.request.method !== 'HEAD';
  }

  /**
   * Calls back as soon as the handler's response may be stored or compared: it matters then how it ends. `atOnce`: something
   * stands in for a handler that hangs up, so that it must not even begin to.
   */
  whenWaitedFor(listener: (atOnce: boolean) => void): void {
    this.#onWaited = listener;
    this.#tellIfWaited();
  }

  #tellIfWaited(): void {
    if (this.#handling.matters) this.#onWaited?.(this.#handling.stale !== undefined);
  }

  /** Whether there is an answer if the handler hangs up. */
  get outlivesHangUp(): boolean {
    return this.#state === 'open' && !this.#isOverridden && this.#handling.outlivesHangUp;
  }

  /** The handler runs, and what it says passes through. */
  bypass(reason: Reason): undefined {
    this.letGo();
    this.#handling.barred = reason;
    this.control.status = 'bypass';
    if (this.#isTooLate(reason)) return;
    this.#takePlainTags();
  }

  /** The handler runs, and what it says may be stored. */
  forward(plan: Plan, going: Going): undefined {
    const { request } = this;
    this.#handling.barred = undefined;
    this.#lookedUpBy(plan);
    this.#handling.fill(plan, going);
    this.control.status = 'miss';
    if (this.#isTooLate('aborted')) return;
    this.#tellIfWaited();
    if (request.method !== 'GET') return;
    const validators = going.stale === undefined ? undefined : validationOf(request, going.stale);
    if (validators !== undefined) this.conditions.take(validators);
    // A 304 of the handler's could not be stored: it is given the whole to answer, and the 304 is made here.
    else if (plan.credentials === undefined && this.part === undefined) this.conditions.take();
    else this.#takePlainTags();
  }

  /** A write is about all forms of a response; who only asks for that may have one that it cannot read any more. */
  #takePlainTags(): void {
    if (this.route.compress === undefined) return;
    this.conditions.takePlainTags(isUnsafe(this.request.method) ? undefined : readBy(this.accepted));
  }

  /** The handler runs for no client, to make anew what is stored. */
  refresh(plan: Plan, going: Going): undefined {
    this.#account.refreshed(plan, going.stale?.name, this.route);
    return this.forward(plan, going);
  }

  /** The handler runs though there is an answer: what it says is compared with that, and leaves. */
  shadow(plan: Plan, stored: ResponseEntry): undefined {
    this.bypass('shadow');
    if (this.#state === 'done') return;
    this.#lookedUpBy(plan);
    this.#handling.compare(plan, stored);
    this.#tellIfWaited();
    // It is compared as a whole.
    this.conditions.take();
  }

  /** The handler of a POST runs; what it says may turn out to be what a GET would be given (RFC 9110 §9.3.3). */
  post(plan: Plan): undefined {
    this.bypass('method');
    // What is said against its answer from here on holds.
    this.#handling.barred = undefined;
    this.owner = plan.owner;
    this.#handling.fill(plan, { forward: 'method', index: undefined });
    this.#tellIfWaited();
  }

  /** What the route calls the response, if it is stored. */
  rename(name: string): undefined {
    this.#handling.rename(name);
  }

  #lookedUpBy({ address, owner }: Plan): void {
    this.key = address.key;
    this.owner = owner;
  }

  /** Another mount takes over: requests that wait for a response under this one's key would wait in vain. */
  letGo(): void {
    this.#handling.letGo(200);
    this.key = undefined;
    this.conditions.giveBack();
  }

  /** Answers from the cache. `started`: when its lookup began. */
  serve(plan: Plan, entry: ResponseEntry, status: CacheStatus, started: number, how: How): Reply {
    const isTold = this.#isTold;
    this.#state = 'served';
    this.#lookedUpBy(plan);
    this.control.status = 'hit';
    const reply = replyTo(this, entry, status, this.#services.settings.clock.now());
    if (!isTold) this.#account.hit(plan, entry, reply, this.route, how, started);
    return reply;
  }

  /** The cache itself has answered, without anything stored. */
  declined(reason: Reason): void {
    if (!this.#isTold) this.#handling.count(reason);
    this.#state = 'served';
  }

  /** Leaves this request out of the statistics: it asks for them, or nobody has asked. */
  exclude(): void {
    this.#account.exclude();
  }

  /** Gives a reason, before the head is judged, not to store what the handler says. */
  refuse(reason: Reason): void {
    this.#handling.barred ??= reason;
  }

  /** Adds an invalidation that takes place if the handler succeeds, before its answer leaves. */
  onSuccess(rule: PurgeRule): void {
    this.#afterSuccess ??= new AfterSuccess(this.#services);
    this.#afterSuccess.add(rule);
  }

  /** Invalidates what is to be invalidated on success. Part of `head`. */
  invalidate(fields: Fields): MaybePromise<unknown> {
    if (!this.#headed) this.#hearMethod();
    this.#purged = this.#afterSuccess?.invalidate(this.request, this.route, fields);
    return this.#purged;
  }

  /**
   * Judges the response and completes its head. Gives what is to leave in its place, if anything is. A promise, where
   * something is to be invalidated first.
   */
  head(head: ResponseHead): MaybePromise<Reply | undefined> {
    if (head.status < 200 || this.#headed) return undefined;
    this.#hearMethod();
    this.#headed = true;
    // A layer that has given up waiting for a handler has not undone what that changes.
    if (this.#state === 'done') return this.#invalidated(head, undefined);
    if (this.#state !== 'open') return undefined;
    this.#state = 'head';
    const reply = this.#handled
      ? ask<Reply | undefined>(this.#services.events, 'head', undefined, () => this.#handling.complete(head))
      : undefined;
    // It has been told of. Layers outside may answer conditions, too, while the body streams: those of the client.
    this.conditions.giveBack();
    return this.#invalidated(head, reply);
  }

  /** Whether a layer inside has made another method of the client's (`X-HTTP-Method-Override`): the answer is to that one. */
  get #isOverridden(): boolean {
    const { method, currentMethod = method } = this.request;
    return currentMethod !== method;
  }

  #hearMethod(): void {
    if (!this.#isOverridden) return;
    const { method, currentMethod = method } = this.request;
    this.refuse('method');
    if (isUnsafe(currentMethod) && !isUnsafe(method)) this.onSuccess(changedUrls);
  }

  #invalidated({ status, bag }: ResponseHead, reply: MaybePromise<Reply | undefined>): MaybePromise<Reply | undefined> {
    if (this.#afterSuccess === undefined || status >= 400) return reply;
    return after(this.invalidate(bag.getHeaders()), () => reply);
  }

  /** The handler threw, which would be a response of this status: what stands in for it, if anything does. */
  failed(bag: HeaderBag, status = 500): Reply | undefined {
    if (this.#state !== 'open' || this.#isOverridden) return undefined;
    const reply = this.#handling.failed(bag, status);
    if (reply !== undefined) this.#state = 'head';
    return reply;
  }

  /** The handler hung up: what stands in for it; 504 where nothing may (RFC 9111 §5.2.2.2). */
  hungUp(bag: HeaderBag): Reply | undefined {
    if (!this.outlivesHangUp) return undefined;
    this.#state = 'head';
    return this.#handling.hungUp(bag);
  }

  /** A piece of the body. */
  write(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#handling.add(chunk, encoding);
  }

  /** Trailers follow: they cannot be kept. */
  trailers(): void {
    this.#handling.fail('trailers');
  }

  /** The handler has given all of its response. */
  end(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    clearTimeout(this.#left);
    this.conditions.giveBack();
    this.#handling.finish(this.#purged);
  }

  /**
   * The client has gone. A handler that has not said anything yet may still: what it has changed is to be invalidated, and
   * what it makes others may wait for. It is waited for as long as they would. So is one that has sent all that it declares, and may
   * still forbid that it is stored. `cut`: it is the server, or the handler, that has broken off; what is said all the same is
   * stored, but nobody waits for it.
   */
  leave(cut: boolean): void {
    this.#isTaken = !cut && this.#state === 'head' && this.#handling.isComplete;
    if (this.#state !== 'open' && !this.#isTaken) {
      this.abandon();
      return;
    }
    if (cut) this.#handling.freeWaiting();
    clearTimeout(this.#left);
    this.#left = setTimeout(() => this.#leaveUnsaid(), this.#services.settings.collapseTimeout).unref();
  }

  /** Its handler has said nothing by now. How far it has come nobody knows: what it changes is invalidated, and again if it says so yet. */
  #leaveUnsaid(): void {
    const unsaid = this.#state === 'open';
    this.abandon();
    if (unsaid) void this.invalidate({});
  }

  /** Whether the request was given up, and told of, while another mount looked it up. */
  get #isTold(): boolean {
    return this.#state === 'done' && this.#handled;
  }

  /**
   * Whether the request was given up before it came to this. Where nobody knew by then what it would come to, it is told of
   * now; and nobody is to wait for what its handler makes.
   */
  #isTooLate(reason: Reason): boolean {
    const isLate = this.#state === 'done';
    if ((isLate || this.#headed) && !this.#handled) this.#handling.count(reason);
    this.#handled = true;
    if (isLate) this.#giveUp();
    return isLate;
  }

  /** The response ended before it was whole: the handler threw or gave up, or the connection is gone. */
  abandon(): void {
    if (this.#state === 'done') return;
    if (this.#isTaken) {
      this.end();
      return;
    }
    // Where the request has only been under an invalidation, there is nothing to count.
    if (this.#state === 'open' && this.#handled) this.#handling.count(this.#handling.barred ?? 'aborted');
    this.#state = 'done';
    this.#giveUp();
  }

  #giveUp(): void {
    this.#handling.abandon();
    this.conditions.giveBack();
  }
}
