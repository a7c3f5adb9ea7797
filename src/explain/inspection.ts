import type { Services } from '../backend.js';
import { choose } from '../compress/choice.js';
import { unpacked } from '../compress/forms.js';
import { replyInForm } from '../compress/reply.js';
import { asksForFixed } from '../compress/rule.js';
import type { ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { unstorableUnlessSaid } from '../fill/cacheability.js';
import { fieldText } from '../http/headers.js';
import { conditionsOf } from '../lookup/conditional.js';
import type { Candidate, Found, Lookup, Sight } from '../lookup/lookup.js';
import { isOnTrial, type Plan, type Visit, wantedBy } from '../lookup/plan.js';
import { partAskedBy, validationOf } from '../lookup/reply.js';
import { forwardFor, freshFor, mayStandIn, type Use, useOf } from '../lookup/usable.js';
import type { Asked } from '../request/directives.js';
import { type Credentials, isPersonal } from '../request/eligibility.js';
import { responseSubject } from '../request/key.js';
import { killing, nearest, storedEntry } from './stored.js';
import type { Stored, Told, Trail } from './trail.js';
import { askedText, causeText, credentialNames, errorText, listed, span, unstorableText } from './words.js';

/** A request that may be looked up, and how its explanation stands. */
export interface Case {
  readonly visit: Visit;
  readonly plan: Plan;
  /** What the client asks, where that is heard. */
  readonly asked: Asked | undefined;
  readonly trail: Trail;
}

/** The second half of an explanation: what is stored for a request, and what would be made of it. */
export class Inspection {
  readonly #services: Services;
  readonly #lookup: Lookup;
  readonly #case: Case;
  readonly #now: number;

  constructor(services: Services, lookup: Lookup, about: Case) {
    this.#services = services;
    this.#lookup = lookup;
    this.#case = about;
    this.#now = services.settings.clock.now();
  }

  async told(): Promise<Told> {
    const { visit, plan, trail } = this.#case;
    let sight: Sight | undefined;
    const watch = (seen: Sight) => {
      sight = seen;
    };
    let found: Found;
    try {
      found = await this.#lookup.find({ ...wantedBy(plan, visit, this.#now), watch });
    } catch (error) {
      trail.fail('redis', `The store does not answer: ${errorText(error)}.`);
      const here = nearest(sight);
      // What this process keeps may have been looked at before.
      const told = here === undefined ? this.#missed('unknown') : this.#barred(here, 'memory');
      return { ...told, stored: 'unknown' };
    }
    const tier = sight?.tier ?? this.#services.backend.kind;
    if (found.entry !== undefined) return this.#present(found.entry, found.varies, tier);
    const barred = nearest(sight);
    if (barred !== undefined) return this.#barred(barred, tier);
    if (found.index === undefined) trail.fail('stored', `Nothing is stored under its key${this.#lastPurge()}.`);
    else {
      const fields = [...new Set(found.index.varies.flat())];
      trail.pass('stored', `Responses are stored under its key that vary by ${listed(fields)}.`);
      trail.fail('variant', `None of them is for what this request has of ${listed(fields)}${this.#lastPurge()}.`);
    }
    return this.#missed('none');
  }

  /** There is a response that the request may be given. */
  #present(entry: ResponseEntry, varies: readonly string[], tier: Sight['tier']): Told {
    const { visit, asked, trail } = this.#case;
    this.#describe(entry, varies, tier);
    trail.pass('invalidated', 'Nothing that reaches it was invalidated since its making began.');
    const use = useOf(entry, this.#now, asked);
    if (use === 'validate') return this.#validated(entry);
    trail[use === 'fresh' ? 'pass' : 'fail']('fresh', this.#freshText(entry, use));
    if (isOnTrial(visit, asked)) {
      trail.fail('shadow', 'In shadow mode (1: for all of the hits) the handler runs all the same.');
      return trail.end('bypass', 'valid', 'shadow');
    }
    const { status } = this.#replyTo(entry);
    const extent =
      { 304: ', with 304: the client has it already', 206: ', with the part asked for (206)' }[status] ?? '';
    trail.pass(
      'answer',
      `It is answered from the cache${status === 416 ? ', with 416: there is no such part' : extent}.`,
    );
    return trail.end(use === 'fresh' ? 'hit' : 'stale', 'valid');
  }

  /** There are responses, and none that the request may be given. */
  #barred({ entry, varies, barred }: Candidate, tier: Sight['tier']): Told {
    const { plan, trail } = this.#case;
    this.#describe(entry, varies, tier);
    if (barred === 'search') trail.fail('search', 'It depends on the query by another rule (No-Vary-Search).');
    else if (barred === 'credentials')
      trail.fail('credentials', `It is not for requests with ${listed(credentialNames(plan.credentials))}.`);
    else this.#killed(entry);
    return this.#missed('barred');
  }

  #killed(entry: ResponseEntry): void {
    const { plan, trail } = this.#case;
    const subject = responseSubject(plan.address, entry);
    const cause = this.#services.backend.ledger.whatKilled(subject, entry.asOf);
    if (cause === undefined) trail.fail('invalidated', 'The ledger is not known in this process yet.');
    else if (cause === 'epoch')
      trail.fail('invalidated', 'The ledger that it was stamped by was lost or begun anew: nothing older is used.');
    else {
      trail.learn({ killedBy: killing(cause, this.#now) });
      trail.fail('invalidated', `It is dead: ${causeText(cause, this.#now)}.`);
    }
  }

  /** The response that is stored is not to be used without asking. */
  #validated(entry: ResponseEntry): Told {
    const { visit, asked, trail } = this.#case;
    trail.fail('fresh', this.#freshText(entry, 'validate'));
    if (asked?.onlyIfCached) return this.#declined('valid');
    const reason = this.#reasonOf(undefined);
    if (reason !== undefined) trail.fail('storable', unstorableText(reason, undefined));
    if (isOnTrial(visit, asked)) {
      trail.fail('answer', 'The handler runs: in shadow mode nothing stale is used.');
      return trail.end('miss', 'valid', reason);
    }
    const fails = mayStandIn(entry, this.#now) ? ' If it fails, what is stored stands in.' : '';
    const asks = validationOf(visit.request, entry) !== undefined;
    trail.fail(
      'answer',
      asks
        ? `The handler is asked if what is stored is still the same.${fails}`
        : `The handler runs: what is stored has no validator to ask by.${fails}`,
    );
    return trail.end(asks ? 'revalidate' : 'miss', 'valid', reason);
  }

  /** Nothing is stored that would do. */
  #missed(stored: Stored): Told {
    const { visit, plan, asked, trail } = this.#case;
    if (asked?.onlyIfCached) return this.#declined(stored);
    const reason = this.#reasonOf(plan.credentials);
    if (reason !== undefined) trail.fail('storable', unstorableText(reason, plan.credentials));
    const part = partAskedBy(visit.request) === undefined ? '' : ', unless it is the part asked for alone';
    trail.fail('answer', `The handler runs${reason === undefined ? `, and what it says may be stored${part}` : ''}.`);
    // Told as a request that passes: its response is stored only if it says so itself.
    return trail.end(isPersonal(reason) ? 'bypass' : 'miss', stored, reason);
  }

  #declined(stored: Stored): Told {
    this.#case.trail.fail('answer', 'The client wants nothing of the handler (only-if-cached): it is told 504.');
    return this.#case.trail.end('bypass', stored, 'only-if-cached');
  }

  /** Why what the handler says will not be stored, as far as can be told before it runs. */
  #reasonOf(credentials: Credentials | undefined): Reason | undefined {
    const { request, route } = this.#case.visit;
    const { method } = request;
    const unstorable = unstorableUnlessSaid({ method, credentials, keyed: route.vary, policy: route.policy });
    if (unstorable !== undefined) return unstorable;
    return this.#services.backend.ledger.position() === undefined ? 'unavailable' : undefined;
  }

  #describe(entry: ResponseEntry, varies: readonly string[], tier: Sight['tier']): void {
    const { trail } = this.#case;
    const info = storedEntry(entry, varies, tier, this.#now);
    trail.learn({ entry: info });
    const named = info.name === undefined ? '' : ` as ${info.name}`;
    const place = tier === 'memory' ? 'in this process' : 'in Redis';
    const since = span((this.#now - info.storedAt) / 1000);
    const how =
      entry.forms === undefined ? '' : `, compressed (${listed(entry.forms.list.map(({ coding }) => coding))}),`;
    trail.pass('stored', `A ${info.status} with ${info.bytes} bytes${how} is stored ${place}${named}, since ${since}.`);
    if (varies.length > 0) trail.pass('variant', `It varies by ${listed(varies)}, and is for what this request has.`);
  }

  #freshText(entry: ResponseEntry, use: Use): string {
    const { asked, visit } = this.#case;
    const left = freshFor(entry, this.#now) / 1000;
    const early = visit.route.earlyRefresh > 0 ? ' Now and then one is made anew before that (earlyRefresh).' : '';
    if (use === 'fresh')
      return `It is fresh for ${left === Number.POSITIVE_INFINITY ? '' : 'another '}${span(left)}.${early}`;
    if (forwardFor(entry, this.#now) === 'request')
      return `It is fresh, but the client asks for something else: ${askedText(asked!)}.`;
    const stale = `It is stale since ${span(left)}`;
    if (use === 'stale') return `${stale}, which the client has said will do (max-stale).`;
    if (use === 'refresh') return `${stale}, and is served while it is made anew (stale-while-revalidate).`;
    return entry.mustRevalidate ? `${stale}, and must not be used without asking.` : `${stale}.`;
  }

  #replyTo(entry: ResponseEntry): { readonly status: number } {
    const { request, route } = this.#case.visit;
    const conditions = conditionsOf(request.headers);
    const accepted = fieldText(request.headers, 'accept-encoding');
    const fixed = asksForFixed(route.requestDirectives, request.headers);
    // Of the body only the length counts.
    const plain = entry.forms === undefined ? entry : unpacked(entry, Buffer.alloc(entry.forms.plainBytes));
    return replyInForm(plain, choose(plain, { accepted, fixed, part: partAskedBy(request), conditions }), {
      now: this.#now,
      conditions,
      vary: [],
      outside: {},
      downstream: route,
      status: { hit: true },
    });
  }

  /** When something that would have reached it was last invalidated, to be put behind a clause. */
  #lastPurge(): string {
    const { address, name } = this.#case.plan;
    const cause = this.#services.backend.ledger.lastReaching(responseSubject(address, { tags: [], name }));
    return cause === undefined ? '' : `; ${causeText(cause, this.#now)}`;
  }
}
