// What a table is run against: an origin, the application in front of it, and a clock that moves by hand.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cache, type CacheOptions, createCache } from 'respcache';
import { ManualClock } from '../adapters/bench.js';
import type { Framework } from '../adapters/hosts.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { type Style, serverOf } from './application.js';
import { Origin } from './origin.js';

export interface Subject {
  readonly framework: Framework;
  readonly backend: 'memory' | 'redis';
  readonly style?: Style;
}

/** What a row may ask of the cache. */
export type ModeOptions = Pick<CacheOptions, 'mode' | 'targetedFields'>;

/** One application with its cache, listening. */
export interface Mounted {
  readonly cache: Cache;
  readonly port: number;
}

export class Rig {
  readonly clock: ManualClock = new ManualClock();
  readonly origin: Origin;
  readonly subject: Subject;
  readonly #redis: RedisServer | undefined;
  readonly #mounts = new Map<string, Promise<Mounted & { readonly server: Server }>>();

  constructor(subject: Subject, redis: RedisServer | undefined) {
    this.subject = subject;
    this.#redis = redis;
    const { clock } = this;
    const nowhere = { start: clock.now(), now: clock.now, path: '', host: '' };
    this.origin = new Origin(nowhere, (seconds) => clock.forward(seconds));
  }

  static async open(subject: Subject): Promise<Rig> {
    const rig = new Rig(subject, subject.backend === 'redis' ? await startRedis() : undefined);
    await rig.origin.listen();
    return rig;
  }

  /** The application whose cache has these options; all rows that want the same share one. */
  mount(options: ModeOptions = {}): Promise<Mounted> {
    const key = JSON.stringify(options);
    const mounted = this.#mounts.get(key) ?? this.#open(options);
    this.#mounts.set(key, mounted);
    return mounted;
  }

  async #open(own: ModeOptions) {
    const { framework, backend, style = 'verbatim' } = this.subject;
    const target = backend === 'redis' ? { redis: this.#redis!.url, l1: false } : ({ redis: false } as const);
    // A busy machine is no reason to go on without the cache.
    const common = { prefix: `${randomUUID()}:`, clock: this.clock, timeout: 10_000 };
    const cache = createCache({ mode: 'rfc9111', ...common, ...target, ...own });
    await cache.health();
    const server = serverOf(framework, style, cache, this.origin);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { cache, server, port: (server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const mounted of this.#mounts.values()) {
      const opened = await mounted.catch(() => undefined);
      if (opened === undefined) continue;
      opened.server.close();
      opened.server.closeAllConnections();
      await opened.cache.close();
    }
    await this.origin.close();
    await this.#redis?.stop();
  }
}
