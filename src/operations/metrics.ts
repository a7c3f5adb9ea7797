import type { Cache } from '../cache.js';
import { ConfigError } from '../errors.js';
import { type MetricLabel, type Registry, showIn } from '../stats/prometheus.js';

/** What a router is told of metrics. */
export interface MetricsOptions {
  readonly registry?: Registry | undefined;
  readonly metricLabels?: readonly MetricLabel[] | undefined;
}

/** A cache's metrics in a registry of the application's. */
export class Metrics {
  readonly #show: (registry: Registry) => void;
  #registry: Promise<Registry | undefined> | undefined;

  /** Where the registry is given its own page of metrics shows them, too, from now on. @throws {ConfigError} */
  constructor(cache: Cache, { registry, metricLabels = [] }: MetricsOptions) {
    if (!Array.isArray(metricLabels) || !metricLabels.every((label) => label === 'route' || label === 'tenant'))
      throw new ConfigError('option metricLabels', metricLabels, "a list of 'route' and 'tenant'");
    const source = { name: cache.settings.prefix || 'default', statistics: cache.statistics, labels: metricLabels };
    this.#show = (chosen) => cache.onClose(showIn(chosen, source));
    if (registry === undefined) return;
    this.#show(registry);
    this.#registry = Promise.resolve(registry);
  }

  /** The registry; without one of its own prom-client's. `undefined`: that is not installed. */
  registry(): Promise<Registry | undefined> {
    this.#registry ??= this.#usual();
    return this.#registry;
  }

  async #usual(): Promise<Registry | undefined> {
    let registry: Registry;
    try {
      registry = (await import('prom-client')).register;
    } catch {
      return undefined;
    }
    this.#show(registry);
    return registry;
  }
}
