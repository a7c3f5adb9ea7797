import { ask } from '../ask.js';
import type { Services } from '../backend.js';
import type { RequestView } from '../request/request.js';
import { tenantInTime } from '../request/tenant.js';
import type { Route } from '../route.js';
import { after, type Fields, type MaybePromise } from '../types.js';
import type { PurgeRule } from './purge-rule.js';
import type { Entered } from './recent-purges.js';

/** What a request invalidates once its handler has succeeded, before the answer leaves. */
export class AfterSuccess {
  readonly #services: Services;
  readonly #rules: PurgeRule[] = [];

  constructor(services: Services) {
    this.#services = services;
  }

  add(rule: PurgeRule): void {
    this.#rules.push(rule);
  }

  /**
   * Invalidates what the rules say, and waits for it no longer than for any other operation. Gives the purge, if it is in
   * the ledger by then.
   */
  invalidate(request: RequestView, { tenant: rule, query }: Route, fields: Fields): MaybePromise<Entered | undefined> {
    const { events, backend, settings, queries } = this.#services;
    // Its own mount's rule counts, however many there are.
    queries.add(query);
    return after<string | undefined, Entered | undefined>(
      tenantInTime(rule, request, events, settings.collapseTimeout),
      (tenant) => {
        const context = { tenant, request, fields, queries };
        const failed = (error: unknown) => events.emit('error', { operation: 'invalidate', error });
        const purges = this.#rules.map((each) => ask(events, 'invalidate', undefined, () => each(context, failed)));
        const tags = purges.flatMap((purge) => purge?.tags ?? []);
        const patterns = purges.flatMap((purge) => purge?.patterns ?? []);
        if (tags.length + patterns.length === 0) return undefined;
        const purge = { tags, patterns };
        return backend.purge(purge, settings.timeout).then(({ durable, sequence }) => {
          events.emit('purge', { tags: tags.length, patterns: patterns.length, tenant, durable });
          return durable ? { purge, sequence } : undefined;
        });
      },
    );
  }
}
