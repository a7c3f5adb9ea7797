import type { Services } from '../backend.js';
import type { Bounds, Counters } from './counters.js';
import type { Stats } from './figures.js';
import { Fleet } from './fleet.js';
import { type ErrorWindow, type Health, judgeHealth } from './health.js';
import { type Asked, mergeAsked } from './popular.js';
import { type Facts, type Part, type Report, reportOf, VERSION } from './report.js';

/** How much a process tells the others of itself. */
const PUBLISHED: Bounds = { tenants: 50, routes: 50, popular: 100 };
/** How many URLs that are much asked for a process tells of. */
const MOST_POPULAR = 3000;

/** Whose figures are wanted: this process', or those of all that share its Redis. */
export type Scope = Report['scope'];

/** What is known of a cache at work: figures, health, and reports of one process or of all. */
export class Statistics {
  readonly counters: Counters;
  readonly #services: Pick<Services, 'settings' | 'backend'>;
  readonly #errors: ErrorWindow;
  readonly #fleet: Fleet | undefined;
  readonly #since: number;

  constructor(counters: Counters, errors: ErrorWindow, services: Pick<Services, 'settings' | 'backend'>) {
    this.counters = counters;
    this.#errors = errors;
    this.#services = services;
    const { settings, backend } = services;
    this.#since = settings.clock.now();
    if (backend.link === undefined) return;
    this.#fleet = new Fleet(backend.link, {
      prefix: settings.prefix,
      interval: settings.publishInterval,
      part: () => this.#part(PUBLISHED),
      now: () => settings.clock.now(),
    });
  }

  /** The figures since the start, of all or of one tenant (escaped). */
  stats(tenant?: string): Stats {
    return this.counters.read(tenant);
  }

  /** How the cache is, the store asked just now. Never rejects. */
  async health(): Promise<Health> {
    const { backend, settings } = this.#services;
    let reachable = true;
    try {
      await backend.ping();
    } catch {
      reachable = false;
    }
    const recentErrors = this.#errors.count();
    const { broken, kind } = backend;
    const status = judgeHealth(recentErrors, settings.health, reachable, broken);
    return { status, store: kind, reachable, breaker: broken ? 'open' : 'closed', recentErrors, stats: this.stats() };
  }

  /** All figures. Where the others cannot be asked, those of this process, which `scope` then says. Never rejects. */
  async report(scope: Scope, authorized: boolean): Promise<Report> {
    const others = scope === 'fleet' ? await this.#others() : undefined;
    // Only now: what is counted while the others are asked would be in some of its sums and not in others.
    const own = this.#part({ popular: 0 });
    const now = this.#services.settings.clock.now();
    const found = others === undefined ? 'process' : 'fleet';
    return reportOf([own, ...(others ?? [])], { scope: found, now, authorized });
  }

  /** The URLs that were most asked for in the last hour, in all processes that can be asked. */
  async popular(most: number): Promise<readonly Asked[]> {
    const others = (await this.#others()) ?? [];
    return mergeAsked([this.counters.popular(MOST_POPULAR), ...others.map(({ counted }) => counted.popular)], most);
  }

  /** What this process says of itself. */
  facts(): Facts {
    const { backend, settings } = this.#services;
    const { ledger, broken, kind } = backend;
    const recentErrors = this.#errors.count();
    const position = ledger.position();
    const { maxItems, maxBytes, health } = settings;
    return {
      since: this.#since,
      status: judgeHealth(recentErrors, health, true, broken),
      recentErrors,
      store: { kind, breaker: broken ? 'open' : 'closed', ...backend.kept(), maxItems, maxBytes },
      ledger: {
        epoch: position?.epoch,
        sequence: position?.sequence,
        lag: ledger.lag(),
        current: ledger.isCurrent(),
      },
    };
  }

  /** For how many ms this process has not known all purges; of one that never has, since it began. */
  get unheard(): number {
    const { backend, settings } = this.#services;
    return backend.ledger.lag() ?? Math.max(0, settings.clock.now() - this.#since);
  }

  /** Puts this process' figures where the others find them, now. Never rejects. */
  async publish(): Promise<void> {
    await this.#fleet?.publish();
  }

  async close(): Promise<void> {
    await this.#fleet?.close();
  }

  #part(bounds: Bounds): Part {
    return { version: VERSION, facts: this.facts(), counted: this.counters.snapshot(bounds) };
  }

  async #others(): Promise<Part[] | undefined> {
    if (this.#fleet === undefined) return [];
    try {
      return await this.#fleet.others();
    } catch {
      return undefined;
    }
  }
}
