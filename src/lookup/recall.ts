import { bytesOf, labelFor } from '../account.js';
import type { Services } from '../backend.js';
import { isOfTheFuture } from '../clock.js';
import { type Choice, choose, isPacked } from '../compress/choice.js';
import { replyInForm } from '../compress/reply.js';
import { varyOfForms } from '../compress/rule.js';
import { type HeldResponse, isHeld, responseOf, textOf } from '../entry/compact.js';
import { LONGEST_TEXT } from '../entry/entry.js';
import { HitPlace } from '../events.js';
import { fieldText } from '../http/headers.js';
import { variantKey } from '../http/vary.js';
import { responseSubject, variantAddress } from '../request/key.js';
import type { RequestView } from '../request/request.js';
import { Signature } from '../request/signature.js';
import { namesInVary, type Route } from '../route.js';
import type { Fields, HeaderBag, MaybePromise } from '../types.js';
import { conditionsOf } from './conditional.js';
import { KeptReply } from './kept-reply.js';
import type { Present } from './lookup.js';
import type { Plan, Planner } from './plan.js';
import type { Known, Recollections } from './recollections.js';
import { changesAt, HIT, partAskedBy, type Reply, withKey } from './reply.js';
import { InMemory, InRedis, type Whereabouts } from './whereabouts.js';

/** How many hits in memory are not timed after one that was. */
const UNTIMED = 7;

/** A request, the response as layers outside have begun it, and when its lookup began, if it is timed. */
interface Asking {
  readonly request: RequestView;
  /** Whether the request is known to ask for the whole answer. */
  readonly whole: boolean;
  readonly bag: HeaderBag;
  readonly started: number | undefined;
}

/**
 * The short way of hits, at the mounts of one route. What a request has come to is remembered under what it
 * said, word for word; the next one that says the same needs no plan, no key and no choice: it is enough that the entry is
 * still there, fresh, and stands. Whatever is not so plain goes the whole way.
 */
export class Recall {
  readonly route: Route;
  readonly #services: Services;
  readonly #planner: Planner;
  readonly #recollections: Recollections;
  readonly #signature: Signature;
  /** How long the last hit took that was timed, and how many are not to be. */
  #ms = 0;
  #untimed = 0;

  constructor(services: Services, route: Route, planner: Planner, recollections: Recollections) {
    this.#services = services;
    this.#planner = planner;
    this.route = route;
    this.#recollections = recollections;
    this.#signature = new Signature(route, recollections.mark());
  }

  /** The answer, where it is at hand; it is told of as a hit. `bag`: the response as layers outside have begun it. */
  answer(request: RequestView, bag: HeaderBag): MaybePromise<Reply | undefined> {
    const started = this.#untimed > 0 ? undefined : performance.now();
    const { untouched } = request;
    const quick = untouched && this.#signature.ofLines(request, untouched);
    const signature = quick ?? this.#signature.of(request);
    if (signature === undefined) return undefined;
    const { target } = request;
    const known = this.#recollections.get(signature, target);
    if (known === undefined) return undefined;
    const asking = { request, whole: quick !== undefined, bag, started };
    const found = known.where.find(this.#services.backend);
    if (!(found instanceof Promise)) return this.#serve(known, found, asking);
    return found.then(
      (entry) => {
        const reply = this.#serve(known, entry, asking);
        // It was asked for in vain: the next one is to go the whole way at once.
        if (reply === undefined) this.#recollections.delete(signature, target);
        return reply;
      },
      () => {
        request.unreachable = true;
        return undefined;
      },
    );
  }

  /** Remembers what a request has come to by the whole way: to a fresh response. */
  learn(request: RequestView, { address, search, rule, credentials }: Plan, found: Present): void {
    const { entry, index, varies } = found;
    // Of several sets of fields the newest response wins: that is not decided here.
    if (search !== undefined || credentials !== undefined || (index?.varies.length ?? 0) > 1) return;
    if (entry.appended.length > 0 || !this.#signature.add(varies)) return;
    if (varyOfForms(entry).length > 0 && !this.#signature.add(['accept-encoding'])) return;
    const signature = this.#signature.of(request);
    if (signature === undefined) return;
    const { route } = this;
    const keys = [address.key];
    if (index !== undefined) keys.push(variantAddress(address.key, variantKey(varies, request.headers, route.policy)));
    const where = this.#whereabouts(keys, found);
    if (where === undefined) return;
    const { tenant, key } = address;
    this.#recollections.set(signature, request.target, {
      place: new HitPlace(tenant, key, labelFor(entry.name, route, request.target), found.tier),
      subject: responseSubject(address, entry),
      where,
      query: request.target.includes('?') ? { rule, address } : undefined,
      revision: -1,
      reply: undefined,
      until: 0,
    });
  }

  #whereabouts(keys: readonly string[], { tier, entry, index }: Present): Whereabouts | undefined {
    const { own, keepsNothing } = this.#services.backend;
    if (tier === 'redis') return keepsNothing ? new InRedis(keys, entry, index) : undefined;
    const slots = keys.map((key) => own?.slot(key));
    const slot = slots.at(-1);
    // What was found has left meanwhile.
    if (slot === undefined || !isHeld(slot.held, entry)) return undefined;
    if (index !== undefined && slots[0]?.held !== index) return undefined;
    return new InMemory(slot, index === undefined ? undefined : slots[0]);
  }

  #serve(known: Known, held: HeldResponse | undefined, asking: Asking): Reply | undefined {
    const { settings, events } = this.#services;
    const now = settings.clock.now();
    if (held === undefined || held.freshUntil <= now || isOfTheFuture(held.storedAt, now)) return undefined;
    if (!this.#stands(known, held)) return undefined;
    const { query } = known;
    if (query !== undefined && !this.#planner.goesBy(query.rule, asking.request.target, query.address))
      return undefined;
    const reply = this.#reply(known, held, asking, now);
    if (reply === undefined) return undefined;
    const { request, started } = asking;
    events.hitAt(known.place, request, bytesOf(request, reply), this.#msSince(started), now);
    return reply;
  }

  /** What is at hand in memory takes as long as a few looks at the clock: one of some is timed, and stands for the rest. */
  #msSince(started: number | undefined): number {
    if (started === undefined) this.#untimed--;
    else {
      this.#ms = performance.now() - started;
      this.#untimed = this.#services.backend.keepsNothing ? 0 : UNTIMED;
    }
    return this.#ms;
  }

  #stands(known: Known, { asOf }: HeldResponse): boolean {
    const { ledger } = this.#services.backend;
    const { revision } = ledger;
    if (known.revision === revision) return true;
    if (!ledger.stands(known.subject, asOf)) return false;
    known.revision = revision;
    return true;
  }

  /** `undefined`: its body has to be unpacked first. */
  #reply(known: Known, held: HeldResponse, { request, whole, bag }: Asking, now: number): Reply | undefined {
    const outside = bag.getHeader('vary');
    const plain = whole || asksForAll(request.headers);
    const { reply: kept } = known;
    if (plain && kept?.holds(now, outside)) return kept.over(held);
    const { route } = this;
    const { headers } = request;
    const entry = responseOf(held);
    const conditions = conditionsOf(headers);
    const accepted = fieldText(headers, 'accept-encoding');
    // What a client asks by Cache-Control goes the whole way where it is heard.
    const choice = choose(entry, { accepted, fixed: false, part: partAskedBy(request), conditions });
    if (isPacked(entry, choice)) return undefined;
    const made = replyInForm(entry, choice, {
      now,
      conditions,
      vary: namesInVary(route),
      // The whole leaves what else has been said as it is.
      outside: plain ? { vary: outside } : { vary: outside, ...saidOfParts(bag) },
      downstream: route,
      status: withKey(HIT, route, known.place.key),
    });
    if (!plain) return made;
    const until = changesAt(entry, now);
    const next = new KeptReply(made, textFor(made, choice, held), choice.coding, outside, now, until);
    // It may outlive its entry: only what is small is kept, and only what is asked for twice in its time. Of thousands of URLs most
    // are not, and garbage that has grown old is the dearest: keeping all of them took half as long again as making them.
    known.reply = now < known.until && next.isSmall ? next : undefined;
    known.until = until;
    return next.over(held);
  }
}

/** What layers outside have said that a part goes by. */
function saidOfParts(bag: HeaderBag): Fields {
  return { 'cache-control': bag.getHeader('cache-control'), 'accept-ranges': bag.getHeader('accept-ranges') };
}

/** Whether no field of a request may make the answer less than the whole. */
function asksForAll(headers: Fields): boolean {
  return (
    headers['if-none-match'] === undefined && headers['if-modified-since'] === undefined && headers.range === undefined
  );
}

/** The body of an answer as text, where it is short: as it is, it is the very text that memory holds. */
function textFor({ body }: Reply, { coding }: Choice, held: HeldResponse): string | undefined {
  if (body === undefined || body.length > LONGEST_TEXT) return undefined;
  return coding === undefined ? textOf(held) : body.toString('latin1');
}
