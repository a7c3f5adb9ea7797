import { setTimeout as pause } from 'node:timers/promises';
import { orAborted } from '../aborted.js';
import { listening } from '../ask.js';
import type { Services } from '../backend.js';
import { aboveZero, aFunction, anObject } from '../check.js';
import { LONGEST_TIMER } from '../clock.js';
import { RespcacheError } from '../errors.js';
import { escapeTenant, NO_TENANT, unescapeTenant } from '../request/tenant.js';
import type { Statistics } from '../stats/statistics.js';
import { resolveWarm, type WarmOptions, type WarmPlan } from './options.js';
import { placeOf, sitemapUrls } from './sitemap.js';
import { type Visit, type Visited, visit } from './visits.js';

/** A request that did not fill the cache. */
export interface WarmProblem {
  readonly url: string;
  readonly tenant: string | undefined;
  /** Why it could not be stored (a `Reason`), or what went wrong. */
  readonly reason: string;
}

/** What warming came to; each request counts once. */
export interface WarmReport {
  readonly requested: number;
  /** What was not there, or not for long enough, and is now. */
  readonly warmed: number;
  /** What was there already: its handler was not run. */
  readonly fresh: number;
  /** What its handler, or its request, forbids to store. */
  readonly uncacheable: number;
  /** What was not answered, or with 5xx, or could not be stored just then, as often as it was tried. */
  readonly failed: number;
  /** The last two kinds, the first thousand of them. */
  readonly problems: readonly WarmProblem[];
}

/** Warming that goes on. */
export interface KeepWarmOptions extends WarmOptions {
  /** Seconds from the beginning of one round to that of the next. */
  every: number;
  /** Told what each round came to. */
  onReport?: (report: WarmReport) => void;
}

const MOST_PROBLEMS = 1000;

/** Fills a cache by running its application's handlers, without clients. What it does is in no statistics of requests. */
export class Warmer {
  readonly #services: Services;
  readonly #statistics: Statistics;
  readonly #tenantHeaders: () => readonly string[];
  readonly #closed = new AbortController();

  /** `tenantHeaders`: asked each time, because mounts may come. */
  constructor(services: Services, statistics: Statistics, tenantHeaders: () => readonly string[]) {
    this.#services = services;
    this.#statistics = statistics;
    this.#tenantHeaders = tenantHeaders;
  }

  /** Whoever waits for it is told: by itself no process goes on for the sake of a handler that hangs. */
  async warm(options: WarmOptions): Promise<WarmReport> {
    const waiting = setInterval(() => {}, LONGEST_TIMER);
    try {
      return await this.#once(options);
    } finally {
      clearInterval(waiting);
    }
  }

  async #once(options: WarmOptions): Promise<WarmReport> {
    const checked = resolveWarm(options, this.#tenantHeaders());
    const signal = this.#until(checked.signal);
    const onProgress = listening(this.#services.events, 'warm', checked.onProgress);
    const plan = { ...checked, signal, onProgress };
    await this.#meetLedger();
    // What handlers still do is not waited for: nobody can end it.
    const visits = await orAborted(this.#visits(plan), signal);
    const counts = { warmed: 0, fresh: 0, uncacheable: 0, failed: 0 };
    const problems: WarmProblem[] = [];
    let done = 0;
    const take = (what: Visit, visited: Visited) => {
      counts[visited.outcome]++;
      if ('reason' in visited && problems.length < MOST_PROBLEMS)
        problems.push({ url: what.target, tenant: what.tenant, reason: visited.reason });
      plan.onProgress({ total: visits.length, done: ++done });
    };
    const queue = visits.values();
    const work = async () => {
      for (const what of queue) {
        if (signal.aborted) return;
        const visited = await visit(plan, what);
        // Nobody waits for it any more.
        if (signal.aborted) return;
        take(what, visited);
      }
    };
    await orAborted(Promise.all(Array.from({ length: plan.concurrency }, work)), signal);
    signal.throwIfAborted();
    return { requested: done, ...counts, problems };
  }

  /** Begins rounds that go on until the function that is returned is called, or the cache is closed. */
  keepWarm(given: KeepWarmOptions): () => void {
    const { every, onReport = () => {}, ...options } = anObject('the options of keepWarm', given);
    aboveZero('option every', every, 'seconds');
    aFunction('option onReport', onReport);
    // What would be over before the next round is made anew in this one.
    const rounds = { minFresh: every, ...options };
    resolveWarm(rounds, this.#tenantHeaders());
    const stopped = new AbortController();
    const signal = this.#until(options.signal, stopped.signal);
    const report = listening(this.#services.events, 'warm', onReport);
    void this.#rounds({ ...rounds, signal }, every * 1000, report, signal);
    return () => stopped.abort();
  }

  close(): void {
    this.#closed.abort(new RespcacheError('warm: the cache is closed'));
  }

  /** Until the cache is closed, or one of the callers' signals says so. */
  #until(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
    return AbortSignal.any([this.#closed.signal, ...signals.filter((signal) => signal !== undefined)]);
  }

  /** An application that has just begun may not know the ledger yet: nothing could be stamped. */
  async #meetLedger(): Promise<void> {
    try {
      await this.#services.backend.sync();
    } catch {
      // Told by the guard; what cannot be stored is in the report.
    }
  }

  async #rounds(
    options: WarmOptions,
    every: number,
    onReport: (report: WarmReport) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      try {
        onReport(await this.#once(options));
      } catch (error) {
        if (!signal.aborted) this.#services.events.emit('error', { operation: 'warm', error });
      }
      const left = Math.min(Math.max(0, every - (performance.now() - began)), LONGEST_TIMER);
      await pause(left, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #visits(plan: WarmPlan): Promise<Visit[]> {
    const listed = plan.sitemap === undefined ? plan.urls : [...plan.urls, ...(await sitemapUrls(plan, plan.sitemap))];
    const urls = [...new Set(listed)];
    const visits = (plan.tenants ?? [undefined]).flatMap((tenant) => {
      const headers = plan.headers(tenant);
      return urls.map((url) => {
        const { host, ...place } = placeOf(url, plan);
        return { ...place, tenant, headers: { host, ...headers } };
      });
    });
    return plan.popular === 0 ? visits : [...visits, ...(await this.#popular(plan))];
  }

  /** Of the URLs that were asked for most: as many as wanted, or, of named tenants, as many for each. */
  async #popular(plan: WarmPlan): Promise<Visit[]> {
    const { popular, tenants } = plan;
    const all = await this.#statistics.popular(Number.POSITIVE_INFINITY);
    const wanted =
      tenants === undefined
        ? all.slice(0, popular)
        : tenants.map(escapeTenant).flatMap((name) => all.filter(({ tenant }) => tenant === name).slice(0, popular));
    return wanted.flatMap(({ tenant: escaped, target, secure, headers }) => {
      const tenant = escaped === NO_TENANT ? undefined : unescapeTenant(escaped);
      // Of one whose name is too long only a hash is known.
      if (tenant === undefined && escaped !== NO_TENANT) return [];
      return [{ target, tenant, secure, headers: { ...plan.headers(tenant), ...headers } }];
    });
  }
}
