import type { Services } from './backend.js';
import type { Position, ResponseEntry } from './entry/entry.js';
import type { Tier } from './events.js';
import type { Exchange } from './exchange.js';
import { type Begun, Collapse, type Lead } from './fill/collapse.js';
import type { Shared } from './fill/put.js';
import { Refreshes } from './fill/refreshes.js';
import type { Going } from './fill/run.js';
import type { Forward } from './http/cache-status.js';
import { variantKey } from './http/vary.js';
import type { Absent, Found, Lookup, Present } from './lookup/lookup.js';
import { isOnTrial, type Plan, wantedBy } from './lookup/plan.js';
import { HIT, type Reply } from './lookup/reply.js';
import { needsPlain, timeoutFor } from './lookup/reply-to.js';
import { forwardFor, type Use, useOf } from './lookup/usable.js';
import type { Asked } from './request/directives.js';
import { responseSubject } from './request/key.js';
import { after, type Fields, type MaybePromise } from './types.js';

/** What a request whose place is known is answered with: what is stored there, what another request makes of it, or the handler. */
export class Answering {
  readonly #services: Services;
  readonly #lookup: Lookup;
  readonly #collapse: Collapse<Shared>;
  readonly #refreshes: Refreshes<Going, Shared>;

  constructor(services: Services, lookup: Lookup) {
    this.#services = services;
    this.#lookup = lookup;
    const { clock, collapseTimeout, refreshTimeout, maxRefreshes } = services.settings;
    this.#collapse = new Collapse({ clock, leases: services.backend.leases, patience: collapseTimeout });
    this.#refreshes = new Refreshes({ timeout: refreshTimeout, most: maxRefreshes });
  }

  /** The answer, if there is one that will do; else the exchange knows why the handler runs, and what its response is for. */
  answer(turn: Turn): MaybePromise<Reply | undefined> {
    return after(this.#find(turn), (found) => {
      if (found.entry === undefined) return this.#miss(turn, found);
      const use = this.#useOf(found.entry, turn);
      if (use === 'validate') return this.#miss(turn, asMissing(found, this.#now()));
      if (isShadowed(turn)) return this.#shadow(turn, found);
      // Of a part, or of a head alone, there is nothing to compare.
      if (isOnTrial(turn.exchange, turn.asked)) return turn.exchange.bypass('shadow');
      if (use === 'fresh') learn(turn, found);
      if (use !== 'refresh' && !this.#isDue(found.entry, turn.exchange)) return this.#serve(turn, found, use);
      return this.#refresh(turn, found, use);
    });
  }

  /** One of those who find nothing that will do runs the handler; the others wait for it, where nothing speaks against it. */
  #miss(turn: Turn, found: Missing, tries = 2): MaybePromise<Reply | undefined> {
    const { exchange, plan, asked } = turn;
    const { route, request } = exchange;
    const { forward, index, stale, varies } = found;
    if (asked?.onlyIfCached) {
      exchange.declined('only-if-cached');
      return timeoutFor(exchange, { detail: 'only-if-cached' });
    }
    // Neither what others are answered may leave, nor what is stale.
    if (isOnTrial(exchange, asked)) return this.#forward(turn, { forward, index });
    const whole = request.method === 'GET' && exchange.part === undefined && plan.credentials === undefined;
    // A process that cannot hear of purges does not know which flights they have killed; a client that asks for the handler is not to wait.
    const alone = found === NOTHING || found.alone === true;
    const deaf = alone && !this.#services.backend.ledger.isCurrent();
    if (!route.collapse || !whole || deaf || forward === 'request' || tries === 0) return this.#forward(turn, found);
    const look = async () => {
      const found = await this.#find(turn);
      if (found.entry === undefined || this.#useOf(found.entry, turn) === 'validate') return undefined;
      return { entry: found.entry, varies: found.varies, request: request.headers, search: plan.search };
    };
    const { key, asOf, stands } = this.#begun(plan);
    return after(this.#collapse.enter({ key, asOf, stands, look, alone }), (chance) => {
      if (chance.kind === 'run') return this.#forward(turn, { forward, index, stale, varies });
      if (chance.kind === 'lead') return this.#forward(turn, { forward, index, stale, varies, lead: chance.lead });
      if (chance.kind === 'result' && this.#isGoodFor(chance.result, turn))
        return this.#serve(turn, chance.result, 'fresh', forward);
      // Broken off, made before a purge that this request comes after, or another variant: it takes part again.
      return after(this.#find(turn), (again) => {
        if (again.entry === undefined) return this.#miss(turn, again, tries - 1);
        const use = this.#useOf(again.entry, turn);
        return use === 'validate'
          ? this.#miss(turn, asMissing(again, this.#now()), tries - 1)
          : this.#serve(turn, again, use);
      });
    });
  }

  /** What is known of a fill as it begins: its tags are not, so that a purge by tag is met only at its end. */
  #begun({ address, name }: Plan): Begun {
    const { ledger } = this.#services.backend;
    const stands = (asOf: Position) => ledger.stands(responseSubject(address, { tags: [], name }), asOf);
    return { key: address.key, asOf: ledger.position(), stands };
  }

  #isGoodFor({ entry, varies, request, search }: Shared, turn: Turn): boolean {
    const { exchange, plan } = turn;
    // Two requests that had one place by what the last answer said of queries may have two by what this one says.
    if ([search, plan.search].some((rule) => rule !== undefined && rule !== entry.search)) return false;
    const subject = responseSubject(plan.address, entry);
    if (!this.#services.backend.ledger.stands(subject, entry.asOf)) return false;
    if (this.#useOf(entry, turn) === 'validate') return false;
    const variant = (headers: Fields) => variantKey(varies, headers, exchange.route.policy);
    return variant(request) === variant(exchange.request.headers);
  }

  /** Whether this is the request that has the entry made anew before it expires (XFetch: Vattani et al., 2015). */
  #isDue({ cost, freshUntil }: ResponseEntry, { route, request }: Exchange): boolean {
    if (route.earlyRefresh === 0 || request.method !== 'GET') return false;
    const early = -Math.log(Math.random()) * cost * route.earlyRefresh;
    return this.#now() + early >= freshUntil;
  }

  /** Answers with what is stored, and has the handler asked beside that, if nobody is doing so already. */
  #refresh(turn: Turn, found: Present, use: Use): MaybePromise<Reply | undefined> {
    const { exchange, plan } = turn;
    const { request } = exchange;
    // Redis has just failed it: there is no lease to be had.
    if (found.alone) return this.#serve(turn, found, use);
    const going: Going = { forward: 'stale', index: found.index, stale: found.entry, varies: found.varies };
    const { rerun } = request;
    if (rerun === undefined) return this.#refreshHere(turn, going, found, use);
    const lead = () => this.#leadRefresh(turn, found.entry);
    this.#refreshes.begin(rerun, plan.address.key, lead, going);
    return this.#serve(turn, found, use);
  }

  /** Where the application cannot be run beside a request, one request runs it in its own stead. */
  async #refreshHere(turn: Turn, going: Going, found: Present, use: Use): Promise<Reply | undefined> {
    const { exchange, plan, asked } = turn;
    const free = plan.credentials === undefined && exchange.request.method === 'GET' && !asked?.onlyIfCached;
    const lead = free ? await this.#leadRefresh(turn, found.entry) : undefined;
    if (lead === undefined) return this.#serve(turn, found, use);
    return this.#forward(turn, { ...going, forward: use === 'fresh' ? 'miss' : 'stale', lead, wouldDo: true });
  }

  /** Leads a run that makes an entry anew, unless one has ended between the lookup that found it and this. */
  async #leadRefresh(turn: Turn, { freshUntil }: ResponseEntry): Promise<Lead<Shared> | undefined> {
    const lead = await this.#collapse.tryLead(this.#begun(turn.plan));
    if (lead === undefined) return undefined;
    const { entry } = await this.#find(turn);
    if (entry === undefined || entry.freshUntil <= freshUntil) return lead;
    lead.abandoned();
    return undefined;
  }

  /** The run beside a request has come to this mount: it is the handler's, and its response this cache's, if it is meant. */
  refreshing(exchange: Exchange, plan: Plan, mark: object): undefined {
    const going = this.#refreshes.take(mark, plan.address.key);
    return going === undefined ? exchange.bypass('unavailable') : exchange.refresh(plan, going);
  }

  #useOf(entry: ResponseEntry, { asked }: Turn): Use {
    return useOf(entry, this.#now(), asked);
  }

  #now(): number {
    return this.#services.settings.clock.now();
  }

  #serve(turn: Turn, answer: Answer, use: Use, collapsed?: Forward): MaybePromise<Reply | undefined> {
    const { exchange, plan, started } = turn;
    const { tier } = answer;
    return after(this.#readable(exchange, answer.entry), (entry) => {
      if (entry === undefined) return exchange.forward(plan, NOTHING);
      const stale = use !== 'fresh';
      if (collapsed === undefined) return exchange.serve(plan, entry, HIT, started, stale ? { tier, stale } : { tier });
      const status = { forward: collapsed, collapsed: true };
      return exchange.serve(plan, entry, status, started, stale ? { collapsed: true, stale } : { collapsed: true });
    });
  }

  /** Runs the handler, with what is stored in a form that this request can be given. */
  #forward({ exchange, plan }: Turn, going: Going): MaybePromise<undefined> {
    if (going.stale === undefined) return exchange.forward(plan, going);
    return after(this.#readable(exchange, going.stale), (stale) => exchange.forward(plan, { ...going, stale }));
  }

  /** Only whole and plain bodies are compared. */
  #shadow({ exchange, plan }: Turn, { entry }: Present): MaybePromise<undefined> {
    return after(this.#plain(entry), (plain) =>
      plain === undefined ? exchange.forward(plan, NOTHING) : exchange.shadow(plan, plain),
    );
  }

  /** The entry, with its plain body where this request needs that; `undefined` where it cannot be had: as if it were not there. */
  #readable(exchange: Exchange, entry: ResponseEntry): MaybePromise<ResponseEntry | undefined> {
    return needsPlain(exchange, entry) ? this.#plain(entry) : entry;
  }

  #plain(entry: ResponseEntry): MaybePromise<ResponseEntry | undefined> {
    if (entry.forms === undefined) return entry;
    const { plain, events } = this.#services;
    const made = plain.of(entry);
    if (!(made instanceof Promise)) return made;
    return made.catch((error) => {
      events.emit('error', { operation: 'decompress', error });
      return undefined;
    });
  }

  /** A lookup that fails is a miss: the guard has told of it already. */
  #find({ exchange, plan }: Turn): MaybePromise<Found> {
    if (exchange.request.unreachable) return NOTHING;
    const found = this.#lookup.find(wantedBy(plan, exchange, this.#now()));
    return found instanceof Promise ? found.catch(() => NOTHING) : found;
  }
}

/** A request that may be looked up, and where. */
export interface Turn {
  readonly exchange: Exchange;
  readonly plan: Plan;
  /** What the client asks, where that is heard. */
  readonly asked: Asked | undefined;
  readonly started: number;
}

/** What is served, and where it was found. */
interface Answer {
  readonly entry: ResponseEntry;
  readonly tier?: Tier;
}

/** That there is none, or what is stored and will not do as it is. */
interface Missing extends Absent {
  readonly stale?: ResponseEntry;
  /** The request fields that it was found by. */
  readonly varies?: readonly string[];
  /** It is a copy of this process', and Redis could not be asked. */
  readonly alone?: boolean | undefined;
}

const NOTHING: Missing = { forward: 'uri-miss', index: undefined };

/** What is stored, but will not do as it is. */
function asMissing({ entry, index, varies, alone }: Present, now: number): Missing {
  return { forward: forwardFor(entry, now), index, stale: entry, varies, alone };
}

/** What the outermost mount has found need not be looked for the whole way the next time. */
function learn({ exchange, plan }: Turn, found: Present): void {
  const { recall, request, route } = exchange;
  if (recall?.route === route) recall.learn(request, plan, found);
}

/** Whether the handler is asked although there is an answer, to compare the two; for a client, and of a whole answer. */
function isShadowed({ exchange: { route, request, part }, asked }: Turn): boolean {
  if (route.shadow === 0 || request.method !== 'GET' || part !== undefined || request.warming !== undefined)
    return false;
  // A client that wants what is stored, or nothing, is not to wait for a handler.
  if (asked?.onlyIfCached) return false;
  return Math.random() < route.shadow;
}
