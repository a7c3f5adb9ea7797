import type { Services } from '../backend.js';
import { mayNegotiate } from '../compress/rule.js';
import type { IndexEntry, Position, ResponseEntry } from '../entry/entry.js';
import type { CacheEvents, Reason } from '../events.js';
import type { Forward } from '../http/cache-status.js';
import { fieldText } from '../http/headers.js';
import { parseNoVarySearch, searchRuleText } from '../http/no-vary-search.js';
import type { Entered } from '../invalidation/recent-purges.js';
import type { Plan } from '../lookup/plan.js';
import { mayStandIn, useOf } from '../lookup/usable.js';
import { responseSubject } from '../request/key.js';
import type { RequestView } from '../request/request.js';
import type { Fields, HeaderBag } from '../types.js';
import { type Context, termsOf } from './assess.js';
import type { Lead } from './collapse.js';
import { begun, Fill } from './fill.js';
import { type Freshened, freshened, headSpeaksOf, keepable, outdated, speaksOf, variesOf } from './freshen.js';
import { contextOf, judge, type Seat, type Verdict } from './judge.js';
import { keptFields } from './kept-fields.js';
import { type Filled, put, type Shared } from './put.js';
import type { ResponseHead } from './response-head.js';

/** How long a key that turned out uncacheable, or whose handler failed, is not waited for again, ms. */
const UNCACHEABLE_FOR = 10_000;
const FAILED_FOR = 1000;
/** From when on a body is slow, ms: others that wait for it, or come meanwhile, may have been given another. */
const SLOW = 1000;
/** Statuses for which something stale may stand in (RFC 5861 §4). */
const FAILURES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** Why a handler is run, and what is known of the key that its response is for. */
export interface Going {
  readonly forward: Forward;
  readonly index: IndexEntry | undefined;
  /** Others wait for what it makes. */
  readonly lead?: Lead<Shared> | undefined;
  /** What is stored, and may not be used without asking: to be validated, or to stand in for a failure. */
  readonly stale?: ResponseEntry | undefined;
  /** The request fields that it was found by. */
  readonly varies?: readonly string[] | undefined;
  /** It may be used as it is, and would have been: the request has only come upon it when it was to be made anew. */
  readonly wouldDo?: boolean;
}

/** A response that is being captured, and what is known of it beside its body. */
interface Filling {
  readonly fill: Fill;
  readonly varies: readonly string[];
}

/** One run of a handler whose response may be stored: what it began with, and what becomes of its response. */
export class Run {
  plan: Plan;
  readonly going: Going;
  readonly #services: Services;
  readonly #request: RequestView;
  /** This is the moment that the entry is stamped with. */
  readonly #asOf: Position | undefined;
  /** The request's fields as they were looked up: layers inside may change them. */
  readonly #asked: Fields;
  readonly #requestedAt: number;
  readonly #started = performance.now();
  /** What the response can be invalidated by, where it could be stored: the names that its head says. */
  #tags: readonly string[] | undefined;
  #filling: Filling | undefined;

  constructor(services: Services, request: RequestView, plan: Plan, going: Going) {
    this.#services = services;
    this.#request = request;
    this.plan = plan;
    this.going = going;
    this.#asOf = services.backend.ledger.position();
    this.#asked = { ...request.headers };
    this.#requestedAt = this.#now();
  }

  /** Whether a body is being captured. */
  get isFilling(): boolean {
    return this.#filling !== undefined;
  }

  /** Whether all of it is there that its head declares. */
  get isComplete(): boolean {
    return this.#filling?.fill.isComplete === true;
  }

  /** Whether more of it is wanted. */
  get wantsMore(): boolean {
    return this.#filling !== undefined && !this.#filling.fill.failed;
  }

  /** What stands in for a response of this status, if it is a failure and something may. */
  standIn(status: number): ResponseEntry | undefined {
    const { stale, wouldDo = false } = this.going;
    if (stale === undefined || !FAILURES.has(status)) return undefined;
    const now = this.#now();
    if (!mayStandIn(stale, now) && !(wouldDo && useOf(stale, now, undefined) !== 'validate')) return undefined;
    // What was invalidated while the handler ran is not served in its place.
    const subject = responseSubject(this.plan.address, stale);
    return this.#services.backend.ledger.stands(subject, stale.asOf) ? stale : undefined;
  }

  /** Whether the response may be stored; then its capture begins. */
  judge(head: ResponseHead, seat: Seat): Reason | undefined {
    const verdict = judge(head, seat, this.#context(seat), this.#asked);
    if (typeof verdict === 'string') return verdict;
    this.#tags = verdict.tags;
    if (this.#asOf === undefined) return 'unavailable';
    this.#begin(head, seat, verdict, this.#asOf);
    return undefined;
  }

  /** Begins to capture. */
  #begin({ status, message, bag, whole }: ResponseHead, seat: Seat, verdict: Verdict, asOf: Position): void {
    const { plan } = this;
    const { route, outside } = seat;
    const { fields, context, assessment, varies, etagMade } = verdict;
    const { policy, maxBodyBytes } = route;
    const rule = parseNoVarySearch(fieldText(fields, 'no-vary-search'));
    const entry = begun({
      asOf,
      status,
      message,
      kept: keptFields(bag, etagMade ? bag.getHeaders() : fields, outside, assessment.said, policy),
      terms: termsOf(context, assessment, fields, this.#now()),
      name: plan.name,
      keyed: route.vary,
      etagMade,
      search: rule && searchRuleText(rule),
      cost: this.#cost(),
    });
    if (mayNegotiate(route.compress, status, fields, outside)) entry.negotiated = true;
    const declared = status === 204 || status === 205 ? undefined : fieldText(fields, 'content-length');
    // Of a body at hand that has no such field Node itself says how long it is.
    const length = declared === undefined ? whole?.length : Number(declared);
    const fill = new Fill(entry, length, maxBodyBytes, policy.makesEtag);
    this.#filling = { fill, varies };
    const address = plan.addressFor(rule);
    if (address !== plan.address) this.plan = { ...plan, address };
  }

  /** The names that the response can be invalidated by, as far as they have been said; `undefined` if it may not be stored. */
  tags({ control }: Seat): readonly string[] | undefined {
    const own = this.#tags;
    if (own === undefined || (control.tags.length === 0 && own.length < 2)) return own;
    return [...new Set([...own, ...control.tags])];
  }

  add(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#filling?.fill.add(chunk, encoding);
    // More than is stored: it may go on for minutes.
    if (this.#filling?.fill.failed) this.letGo(200);
  }

  /** What is captured is not to be stored. */
  fail(reason: Reason): void {
    this.#filling?.fill.fail(reason);
  }

  /** Stores what was captured, if it is whole. */
  finish(seat: Seat): void {
    const entry = this.#whole(seat);
    if (entry === undefined) return;
    // It is as old as its head: what another run has said and stored since then is newer.
    const isSlow = this.#now() - entry.storedAt > SLOW;
    this.#keep(entry, this.#filling!.varies, seat, isSlow ? entry : undefined);
  }

  /** The same for the response to a POST, which is newer than the purge of its own URL; if nothing else has reached it meanwhile. */
  finishAfter(own: Entered | undefined, seat: Seat): void {
    const entry = this.#whole(seat);
    if (entry === undefined) return;
    const subject = responseSubject(this.plan.address, entry);
    const asOf = own && this.#services.backend.ledger.stampAfter(own, subject, entry.asOf);
    if (asOf === undefined) this.#skip('invalidated');
    else this.#put({ ...entry, asOf }, this.#filling!.varies, seat);
  }

  /** What was captured is given up. */
  abandon(): void {
    if (this.#filling !== undefined) this.#skip('aborted');
    this.#filling = undefined;
  }

  /**
   * The handler says that what is stored is still the same (RFC 9111 §4.3.4): with its newer fields it is stored again,
   * if they allow it. `undefined`: it speaks of something else.
   */
  validate(stale: ResponseEntry, bag: HeaderBag, seat: Seat): (Freshened & { readonly stored: boolean }) | undefined {
    if (!speaksOf(bag.getHeaders(), stale)) return undefined;
    const fresh = this.#freshened(stale, bag, seat);
    if (fresh.reason !== undefined) this.#outdate(keepable(fresh, stale), stale, seat);
    return { ...fresh, stored: fresh.reason === undefined && this.#keep(fresh.entry, fresh.varies, seat, stale) };
  }

  /** The handler has said what rules out what is stored: it is not to be served any more without asking. */
  outdate(stale: ResponseEntry, seat: Seat): void {
    this.#outdate(stale, stale, seat);
  }

  #outdate(entry: ResponseEntry, stale: ResponseEntry, seat: Seat): void {
    this.#put(outdated(entry, this.#now()), variesOf(entry, seat.route.policy), seat, stale);
  }

  /** The response to a HEAD says of the stored GET that it is still the same, or is not (RFC 9111 §4.3.5). */
  hearHead(stale: ResponseEntry, bag: HeaderBag, seat: Seat): void {
    if (headSpeaksOf(bag.getHeaders(), stale, seat.route.policy.headNeedsProof)) {
      const fresh = this.#freshened(stale, bag, seat);
      if (fresh.reason === undefined) this.#put(fresh.entry, fresh.varies, seat, stale);
      else this.#outdate(keepable(fresh, stale), stale, seat);
    } else if (stale.freshUntil > this.#now()) {
      this.#put({ ...stale, freshUntil: this.#now() }, variesOf(stale, seat.route.policy), seat, stale);
    }
  }

  /** Lets those go who wait for what this run makes: there will be nothing for them, because of this status. */
  letGo(status: number): void {
    this.going.lead?.unfilled(status >= 500 ? FAILED_FOR : UNCACHEABLE_FOR);
  }

  #whole(seat: Seat): ResponseEntry | undefined {
    // Since its head left the handler may have said so: against what is stored, too.
    if (seat.control.refused && this.#filling !== undefined) {
      this.fail('handler');
      if (this.going.stale !== undefined) this.outdate(this.going.stale, seat);
    }
    const entry = this.#filling?.fill.finish(this.tags(seat)!, this.#now());
    if (typeof entry !== 'string') return entry;
    this.#skip(entry, entry === 'handler' ? seat.control.because : undefined);
    return undefined;
  }

  /** Stores what the handler has made or confirmed, and tells whoever has asked for it to be there. */
  #keep(entry: ResponseEntry, varies: readonly string[], seat: Seat, stale?: ResponseEntry): boolean {
    const filled = this.#put(entry, varies, seat, stale);
    if (filled === undefined) return false;
    const usable = useOf(entry, this.#now(), undefined) !== 'validate';
    this.#request.warming?.tell(usable ? { stored: filled.written } : { refused: 'not-fresh' });
    return filled.written !== false;
  }

  /**
   * Stores an entry; what may be given without asking is given to those who wait, and compressed. `stale`: what it was made of,
   * itself if its body was slow: what has been stored since then stays.
   */
  #put(entry: ResponseEntry, varies: readonly string[], { route }: Seat, stale?: ResponseEntry): Filled | undefined {
    const { index, lead, stale: entryBefore, varies: variesBefore = [] } = this.going;
    const { languageOrder, acceptAsWritten } = route.policy;
    const before = entryBefore && { entry: entryBefore, varies: variesBefore };
    const { search } = this.plan;
    const variant = { varies, request: this.#asked, search, languageOrder, acceptAsWritten, index, before };
    const filled = put(this.#services, this.plan.address, entry, variant, stale);
    if (typeof filled === 'string') {
      // Those who wait for it see that it is dead, and take part again: one of them runs the handler.
      lead?.filled({ entry, varies, request: this.#asked, search }, undefined);
      this.#skip(filled);
      return undefined;
    }
    // Who waits for what may not be given without asking is let go as the run ends.
    if (useOf(entry, this.#now(), undefined) === 'validate') return filled;
    lead?.filled(filled.shared, filled.written);
    const { compress: rule } = route;
    const { address } = this.plan;
    const { key, written } = filled;
    if (rule !== undefined) this.#services.compressor.begin({ rule, address, key, written, entry });
    return filled;
  }

  #freshened(stale: ResponseEntry, bag: HeaderBag, seat: Seat): Freshened {
    const { control, outside } = seat;
    const stamp = { now: this.#now(), name: this.plan.name, tags: control.tags, cost: this.#cost(), outside };
    const fresh = freshened(this.#context(seat), stale, bag, stamp);
    this.plan = { ...this.plan, address: this.plan.addressFor(fresh.rule) };
    return fresh;
  }

  #context(seat: Seat): Context {
    return contextOf(this.#services, this.plan, this.#requestedAt, seat);
  }

  #cost(): number {
    return Math.round(performance.now() - this.#started);
  }

  #now(): number {
    return this.#services.settings.clock.now();
  }

  #skip(reason: Reason, because?: string): void {
    const { address, name } = this.plan;
    const { tenant, key, names } = address;
    this.#request.warming?.tell({ refused: reason });
    const skip: CacheEvents['skip'] = { tenant, key, reason, route: name ?? names[0]! };
    if (because !== undefined) skip.because = because;
    this.#services.events.emit('skip', skip);
  }
}
