import { type HitAt, labelFor, tellHit } from '../account.js';
import type { Services } from '../backend.js';
import type { IndexEntry, ResponseEntry } from '../entry/entry.js';
import { Generations } from '../generations.js';
import { variantKey } from '../http/vary.js';
import type { Subject } from '../invalidation/tags.js';
import { type Address, responseSubject, variantAddress } from '../request/key.js';
import type { RequestView } from '../request/request.js';
import { Signature } from '../request/signature.js';
import { namesInVary, type Route } from '../route-options.js';
import type { HeaderBag } from '../types.js';
import { conditionsOf } from './conditional.js';
import type { Found } from './lookup.js';
import type { Plan } from './plan.js';
import { changesAt, HIT, partAskedBy, type Reply, replyFrom, withKey } from './reply.js';

/** How many requests, and answers made ready, are remembered at a time. */
const MOST = 4096;

/** Where the response to a request is kept in this process. */
interface Known {
  readonly address: Address;
  readonly key: string;
  /** What led there, if the responses of the URL vary. */
  readonly index: IndexEntry | undefined;
}

/** What was made of an entry for a route. */
interface Prepared {
  readonly route: Route;
  readonly at: HitAt;
  readonly subject: Subject;
  /** The ledger's revision at which it was last found to stand. */
  revision: number;
  reply: Reply | undefined;
  /** The `Vary` that layers outside had begun, and from when to when (ms since 1970) the reply is the same. */
  outside: unknown;
  from: number;
  until: number;
}

type Present = Extract<Found, { entry: ResponseEntry }>;

/** What all routes of a cache remember together: bounded, and without holding an entry that the store has forgotten. */
export class Recollections {
  readonly known: Generations<Known> = new Generations(MOST);
  #prepared = new WeakMap<ResponseEntry, Prepared>();
  #count = 0;
  #routes = 0;

  /** A name for one more route. */
  mark(): string {
    return `${this.#routes++} `;
  }

  of(entry: ResponseEntry, route: Route, make: () => Prepared): Prepared {
    const before = this.#prepared.get(entry);
    if (before?.route === route) return before;
    if (this.#count++ >= MOST) {
      this.#prepared = new WeakMap();
      this.#count = 0;
    }
    const prepared = make();
    this.#prepared.set(entry, prepared);
    return prepared;
  }
}

/**
 * The short way of hits from memory, at the mounts of one route. What a request has come to is remembered under what it
 * said, word for word; the next one that says the same needs no plan, no key and no choice: it is enough that the entry is
 * still there, fresh, and stands. Whatever is not so plain goes the whole way.
 */
export class Recall {
  readonly route: Route;
  readonly #services: Services;
  readonly #recollections: Recollections;
  readonly #signature: Signature;
  readonly #mark: string;

  constructor(services: Services, route: Route, recollections: Recollections) {
    this.#services = services;
    this.route = route;
    this.#recollections = recollections;
    this.#signature = new Signature(route);
    this.#mark = recollections.mark();
  }

  /** The answer, where it is at hand; it is told of as a hit. `bag`: the response as layers outside have begun it. */
  answer(request: RequestView, bag: HeaderBag): Reply | undefined {
    const started = performance.now();
    const signature = this.#signature.of(request);
    const known = signature === undefined ? undefined : this.#recollections.known.get(this.#mark + signature);
    if (known === undefined) return undefined;
    const { backend, settings, events } = this.#services;
    if (known.index !== undefined && backend.recent(known.address.key) !== known.index) return undefined;
    const entry = backend.recent(known.key);
    const now = settings.clock.now();
    if (entry?.kind !== 'response' || entry.freshUntil <= now || entry.appended.length > 0) return undefined;
    const prepared = this.#recollections.of(entry, this.route, () => this.#prepare(known, entry, request));
    if (!this.#stands(prepared, entry)) return undefined;
    const reply = this.#reply(prepared, entry, request, bag, now);
    tellHit(events, request, prepared.at, reply, FROM_MEMORY, performance.now() - started);
    return reply;
  }

  /** Remembers what a request has come to by the whole way: a fresh response from this process' memory. */
  learn(request: RequestView, { address, search, credentials }: Plan, { entry, index, varies }: Present): void {
    // Of several sets of fields the newest response wins: that is not decided here.
    if (search !== undefined || credentials !== undefined || (index?.varies.length ?? 0) > 1) return;
    if (entry.appended.length > 0 || !this.#signature.add(varies)) return;
    const signature = this.#signature.of(request);
    if (signature === undefined) return;
    const { languageOrder } = this.route.policy;
    const variant = index && variantKey(varies, request.headers, { languageOrder });
    const key = variant === undefined ? address.key : variantAddress(address.key, variant);
    this.#recollections.known.set(this.#mark + signature, { address, key, index });
  }

  #prepare({ address }: Known, entry: ResponseEntry, { target }: RequestView): Prepared {
    const { route } = this;
    const { tenant, key } = address;
    const at = { tenant, key, route: labelFor(entry.name, route, target) };
    const subject = responseSubject(address, entry.tags, entry.name, entry.search);
    return { route, at, subject, revision: -1, reply: undefined, outside: undefined, from: 0, until: 0 };
  }

  #stands(prepared: Prepared, { asOf }: ResponseEntry): boolean {
    const { ledger } = this.#services.backend;
    const { revision } = ledger;
    if (prepared.revision === revision) return true;
    if (!ledger.stands(prepared.subject, asOf)) return false;
    prepared.revision = revision;
    return true;
  }

  /** Its age is told in whole seconds: the reply to one request is that to the next of the same second. */
  #reply(prepared: Prepared, entry: ResponseEntry, request: RequestView, bag: HeaderBag, now: number): Reply {
    const conditions = conditionsOf(request.headers);
    const part = partAskedBy(request);
    const outside = bag.getHeader('vary');
    const plain = conditions === undefined && part === undefined;
    const { reply, from, until } = prepared;
    if (plain && reply !== undefined && from <= now && now < until && prepared.outside === outside) return reply;
    const { route } = this;
    const made = replyFrom(entry, {
      now,
      conditions,
      part,
      vary: namesInVary(route),
      outside: { vary: outside },
      downstream: route,
      status: withKey(HIT, route, prepared.at.key),
    });
    if (plain) Object.assign(prepared, { reply: made, outside, from: now, until: changesAt(entry, now) });
    return made;
  }
}

const FROM_MEMORY = { tier: 'memory' } as const;
