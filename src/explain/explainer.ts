import type { Services } from '../backend.js';
import { anObject, knownOnly } from '../check.js';
import type { Lookup } from '../lookup/lookup.js';
import { hasUnkeyedBody, heardFrom, isKeptOut, isWanted, type Plan, type Planner, type Visit } from '../lookup/plan.js';
import type { Mount, Mounts } from '../mounts.js';
import type { Asked } from '../request/directives.js';
import { ineligible, isUnsafe } from '../request/eligibility.js';
import { tenantInTime } from '../request/tenant.js';
import { resolveRoute } from '../route.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../route-options.js';
import type { ExplainRequest, Explanation } from './explanation.js';
import { Inspection } from './inspection.js';
import { viewOf } from './request.js';
import { type Told, Trail } from './trail.js';
import { credentialsText, formText, type MountSource, mountText, whoseText } from './words.js';

/** What an explanation shares with the engine, so that it finds what a request would. */
export interface ExplainerParts {
  readonly lookup: Lookup;
  readonly planner: Planner;
  readonly mounts: Mounts;
}

/**
 * Says what would happen to a request, and why: it asks what the engine asks, of the same functions and in the same
 * order, and runs no handler, stores nothing, and tells nobody.
 */
export class Explainer {
  readonly #services: Services;
  readonly #parts: ExplainerParts;

  constructor(services: Services, parts: ExplainerParts) {
    this.#services = services;
    this.#parts = parts;
  }

  /**
   * By the options, laid over the cache's own; without them by those of the mount under which something is stored that
   * may be used, else under which something is stored, else by those of the first mount. Rejects with a ConfigError or
   * TypeError for what is no option or no request, and never because Redis fails.
   */
  async explain<S>(request: ExplainRequest, options?: RouteOptions<S>): Promise<Explanation> {
    const view = viewOf(request);
    let best: Told | undefined;
    for (const [mount, from] of this.#candidates(options)) {
      const told = await this.#under({ request: view, ...mount }, from);
      if (told.stored === 'valid') return told.explanation;
      if (best === undefined || (best.stored === 'none' && told.stored === 'barred')) best = told;
      // Asking a store in vain again and again would only have its breaker open.
      if (told.stored === 'unknown') break;
    }
    return best!.explanation;
  }

  #candidates<S>(options: RouteOptions<S> | undefined): (readonly [Mount, MountSource])[] {
    const { route } = this.#services.settings;
    if (options !== undefined) {
      knownOnly('', anObject('the options of explain', options), ROUTE_OPTIONS);
      return [[{ route: resolveRoute(options, route), depth: 0 }, 'options']];
    }
    const mounts = this.#parts.mounts.all.map((mount) => [mount, 'mount'] as const);
    return mounts.length > 0 ? mounts : [[{ route, depth: 0 }, 'cache']];
  }

  async #under(visit: Visit, from: MountSource): Promise<Told> {
    const { request } = visit;
    const trail = new Trail();
    trail.pass('mount', mountText(visit, from));
    const barred = ineligible(request);
    if (barred !== undefined) return trail.bypass(barred, formText(barred, visit, isUnsafe(request.method)));
    trail.pass('method', `${request.method} ${request.target} may be looked up.`);
    const asked = heardFrom(visit);
    if (isKeptOut(asked)) return trail.bypass('request', "The client's Cache-Control says no-store.");
    if (!isWanted(visit, trail.events)) return trail.bypass('when', trail.failure('The option when says no.'));
    if (visit.route.when !== undefined) trail.pass('when', 'The option when says yes.');
    const tenant = await tenantInTime(
      visit.route.tenant,
      request,
      trail.events,
      this.#services.settings.collapseTimeout,
    );
    if (tenant === undefined) return trail.bypass('tenant', trail.failure('The tenant cannot be told.'));
    trail.learn({ tenant });
    trail.pass('tenant', whoseText(visit.route, tenant));
    const plan = this.#parts.planner.plan(visit, tenant, trail.events);
    if (plan === undefined) return trail.bypass('key', trail.failure('The option key or identity gave no text.'));
    if (hasUnkeyedBody(visit, plan)) return trail.bypass('body', 'It has a body, which its key knows nothing of.');
    return this.#inspect(visit, plan, asked, trail);
  }

  #inspect(visit: Visit, plan: Plan, asked: Asked | undefined, trail: Trail): Promise<Told> {
    const { address, credentials, search } = plan;
    const { headers } = visit.request;
    const host =
      (headers.host ?? headers[':authority']) === undefined ? ' No Host is given, which is a part of it.' : '';
    const shorter =
      search === undefined ? '' : ' By what its path said last (No-Vary-Search), part of the query is left out.';
    trail.learn({ key: address.key });
    trail.pass('key', `Its key is ${address.key}.${shorter}${host}`);
    trail.pass('credentials', credentialsText(credentials, visit.route.vary));
    return new Inspection(this.#services, this.#parts.lookup, { visit, plan, asked, trail }).told();
  }
}
