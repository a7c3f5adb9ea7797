import type { Account } from '../account.js';
import type { Services } from '../backend.js';
import { mayNegotiate, NEGOTIATED_BY } from '../compress/rule.js';
import type { ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import type { CacheStatus } from '../http/cache-status.js';
import type { Entered } from '../invalidation/recent-purges.js';
import { forOne, saysNothing } from '../lookup/downstream.js';
import { ageTold, saidBy } from '../lookup/freshness.js';
import type { Plan } from '../lookup/plan.js';
import { inPlaceOf, type Reply, withKey } from '../lookup/reply.js';
import { type Asker, replyTo, timeoutFor } from '../lookup/reply-to.js';
import { isForOne, isPersonal } from '../request/eligibility.js';
import { namesInVary } from '../route.js';
import { after, type HeaderBag, type MaybePromise } from '../types.js';
import { sharedWith } from './cacheability.js';
import { announce, reduceToNotModified, type Shared, tagAsNamed } from './head.js';
import type { Seat } from './judge.js';
import type { ResponseHead } from './response-head.js';
import { type Going, Run } from './run.js';
import { Shadow } from './shadow.js';

/** Reasons not to store a response that hold against what was stored before it, too. */
const SUPERSEDING: ReadonlySet<Reason> = new Set(['no-store', 'private', 'no-cache', 'handler']);

/** What becomes of a handler's response: it may be stored, it is compared with what is stored, or it only passes through. */
export class Handling {
  /** Why it is not stored, where that is known before its head is. */
  barred: Reason | undefined;
  /** Whether what leaves in its place is to end with it: what is too large to be stored is not worth waiting for. */
  outlastsReply = false;
  readonly #services: Services;
  readonly #account: Account;
  /** The exchange that the handler is run in, as it is by now. */
  readonly #asker: Asker;
  /** The handler's run, if its response may be stored. */
  #run: Run | undefined;
  /** The handler's run, if its response is only compared. */
  #shadow: Shadow | undefined;

  constructor(services: Services, account: Account, asker: Asker) {
    this.#services = services;
    this.#account = account;
    this.#asker = asker;
  }

  /** The response may be stored. */
  fill(plan: Plan, going: Going): void {
    this.#run = new Run(this.#services, this.#asker.request, plan, going);
  }

  /** It is compared with what is stored. */
  compare(plan: Plan, stored: ResponseEntry): void {
    this.#shadow = new Shadow(this.#services, this.#asker.request, plan, stored);
  }

  /** It only passes through. Those who wait for it are let go, because of this status. */
  letGo(status: number): void {
    this.#run?.letGo(status);
    this.#run = undefined;
    this.#shadow = undefined;
  }

  /** What the route calls it, if it is stored. */
  rename(name: string): void {
    if (this.#run !== undefined) this.#run.plan = { ...this.#run.plan, name };
  }

  /** Whether more is done with it than to let it pass. */
  get matters(): boolean {
    return this.#run !== undefined || this.#shadow !== undefined;
  }

  get isShadowed(): boolean {
    return this.#shadow !== undefined;
  }

  /** Where it would be stored, if it may be, or what it is compared with is. */
  get plan(): Plan | undefined {
    return (this.#run ?? this.#shadow)?.plan;
  }

  /** What is stored already, and may stand in for it. */
  get stale(): ResponseEntry | undefined {
    return this.#run?.going.stale;
  }

  /** Whether the body's pieces are wanted: known once the head is. */
  get isFilling(): boolean {
    return this.#shadow !== undefined || (this.#run?.isFilling ?? false);
  }

  /** Whether all of the body is there that its head declares. */
  get isComplete(): boolean {
    return this.#run?.isComplete === true;
  }

  /** Whether more of them is wanted. */
  get wantsMore(): boolean {
    return this.#shadow !== undefined || (this.#run?.wantsMore ?? false);
  }

  /** Whether there is an answer if the handler hangs up. */
  get outlivesHangUp(): boolean {
    return this.stale !== undefined && (this.stale.mustRevalidate || this.#run!.standIn(502) !== undefined);
  }

  /** Tells what became of it. Of a POST only that it is one: nothing could have answered it, whatever its answer is good for. */
  count(reason: Reason | undefined, revalidated?: boolean): void {
    const { route, control } = this.#asker;
    const told = this.#run?.going.forward === 'method' ? 'method' : reason;
    this.#account.handled(this.plan, told, route, told === 'handler' ? control.because : undefined, revalidated);
  }

  /** Judges the response and completes its head. Gives what is to leave in its place, if anything is. */
  complete(head: ResponseHead): Reply | undefined {
    const run = this.#run;
    const { status, bag } = head;
    const { request, route, outside, conditions, accepted } = this.#asker;
    if (run !== undefined && this.barred === undefined) {
      const { stale } = run.going;
      if (stale !== undefined && status === 304 && conditions.asksHandler) return this.#validated(run, stale, bag);
      const standIn = run.standIn(status);
      if (standIn !== undefined) return this.#standIn(run, standIn, status, bag);
      if (stale !== undefined && status === 200 && request.method === 'HEAD') run.hearHead(stale, bag, this.#seat());
    }
    this.#shadow?.head(head, outside, route);
    const reason = this.barred ?? (run === undefined ? 'unavailable' : run.judge(head, this.#seat()));
    if (reason !== undefined) run?.letGo(status);
    this.count(reason);
    const tags = saysNothing(route) ? undefined : this.#tagsOfShared(head);
    const shared = tags && this.#toldOf(bag, tags);
    if (run?.going.stale !== undefined && reason !== undefined && SUPERSEDING.has(reason) && status < 500)
      run.outdate(run.going.stale, this.#seat());
    const { compress } = route;
    const negotiated = compress !== undefined && mayNegotiate(compress, status, bag.getHeaders(), outside);
    const reduced = reduceToNotModified(bag, status, conditions.held, negotiated ? accepted : undefined);
    // A handler's own 304 does not tell of which type the response is that the client has: it may have been given a form of it.
    const mayBeOfForm = compress !== undefined && status === 304;
    if (mayBeOfForm) tagAsNamed(bag, conditions.named, accepted);
    this.outlastsReply = reduced !== undefined && !(Number(bag.getHeader('content-length')) > route.maxBodyBytes);
    const vary = negotiated || mayBeOfForm ? [...namesInVary(route), ...NEGOTIATED_BY] : namesInVary(route);
    announce(bag, vary, this.#told(head, reason, reduced !== undefined), shared);
    return reduced;
  }

  /** What others further down are to know of a response that is shared here. */
  #toldOf(bag: HeaderBag, tags: readonly string[]): Shared {
    const { route, owner } = this.#asker;
    const { targetedFields } = route;
    const fields = bag.getHeaders();
    const isOwn = isForOne(owner, sharedWith(saidBy(fields, targetedFields)));
    const age = ageTold(fields, this.#services.settings.clock.now());
    return { route: isOwn ? { ...forOne(route), targetedFields } : route, tags, age };
  }

  /**
   * The tags of a response that others are given, or would be, were it not compared, or Redis not out of reach; `undefined` if they
   * are not.
   */
  #tagsOfShared(head: ResponseHead): readonly string[] | undefined {
    return this.#run === undefined ? this.#shadow?.tags(head, this.#seat()) : this.#run.tags(this.#seat());
  }

  /** The handler threw, which would be a response of this status: what stands in for it, if anything does. */
  failed(bag: HeaderBag, status: number): Reply | undefined {
    const run = this.#run;
    const entry = run?.standIn(status);
    return entry && this.#standIn(run!, entry, undefined, bag);
  }

  /** The handler hung up where there is an answer: a stand-in, or 504 where nothing may be one (RFC 9111 §5.2.2.2). */
  hungUp(bag: HeaderBag): Reply {
    const run = this.#run!;
    const reply = this.failed(bag, 502);
    if (reply !== undefined) return reply;
    run.letGo(504);
    this.count('aborted');
    const failed = timeoutFor(this.#asker, { forward: run.going.forward, detail: 'aborted' });
    return inPlaceOf(failed, bag.getHeaders(), this.#asker.outside);
  }

  /** A piece of the body. */
  add(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#run?.add(chunk, encoding);
    this.#shadow?.add(chunk, encoding);
  }

  /** It turns out that it cannot be stored. */
  fail(reason: Reason): void {
    this.#run?.fail(reason);
  }

  /** All of it has come. `purged`: what its request has invalidated. */
  finish(purged: MaybePromise<Entered | undefined>): void {
    const run = this.#run;
    if (run?.going.forward === 'method') void after(purged, (own) => run.finishAfter(own, this.#seat()));
    else run?.finish(this.#seat());
    // Whoever still waits has nothing to wait for.
    run?.letGo(200);
    this.#shadow?.finish();
  }

  /** Nobody is to wait for it any more. */
  freeWaiting(): void {
    this.#run?.going.lead?.abandoned();
  }

  /** No more of it will come. */
  abandon(): void {
    this.#run?.abandon();
    this.freeWaiting();
  }

  /** What `Cache-Status` says of a handler's response that leaves as it is. */
  #told({ status, bag, whole }: ResponseHead, reason: Reason | undefined, reduced: boolean): CacheStatus {
    const { route, key } = this.#asker;
    const going = isPersonal(reason) ? undefined : this.#run?.going;
    const told: CacheStatus = {
      forward: going?.forward ?? (reason === 'method' ? 'method' : 'bypass'),
      stored: this.#run?.isFilling === true && (whole !== undefined || bag.getHeader('content-length') !== undefined),
    };
    // Where it is left out, it is taken for that of the answer.
    if (going?.stale !== undefined || reduced) told.forwardStatus = status;
    if (reason !== undefined) told.detail = reason;
    return withKey(told, route, key);
  }

  /** The handler says that what is stored is still the same: the client gets what it asked for. */
  #validated(run: Run, stale: ResponseEntry, bag: HeaderBag): Reply {
    const fresh = run.validate(stale, bag, this.#seat());
    run.letGo(200);
    this.count(fresh?.reason, true);
    const detail = fresh?.reason === undefined ? {} : { detail: fresh.reason };
    const status = { forward: run.going.forward, forwardStatus: 304, stored: fresh?.stored ?? false, ...detail };
    return inPlaceOf(this.#reply(fresh?.entry ?? stale, status), bag.getHeaders(), this.#asker.outside);
  }

  /** What is stored in place of the handler's failure (RFC 5861 §4): stale, unless it was to be made anew early. */
  #standIn(run: Run, stale: ResponseEntry, failure: number | undefined, bag: HeaderBag): Reply {
    const { route, control, outside } = this.#asker;
    run.letGo(500);
    control.status = 'hit';
    const forwardStatus = failure === undefined ? {} : { forwardStatus: failure };
    const status = { forward: run.going.forward, ...forwardStatus, detail: 'stale-if-error' };
    const reply = this.#reply(stale, status);
    const isStale = stale.freshUntil <= this.#services.settings.clock.now();
    this.#account.hit(run.plan, stale, reply, route, { stale: isStale });
    return inPlaceOf(reply, bag.getHeaders(), outside);
  }

  #reply(entry: ResponseEntry, status: CacheStatus): Reply {
    return replyTo(this.#asker, entry, status, this.#services.settings.clock.now());
  }

  #seat(): Seat {
    const { request, route, control, outside, part, conditions } = this.#asker;
    return { request, route, control, outside, ranged: part !== undefined && !conditions.asksHandler };
  }
}
