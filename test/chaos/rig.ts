// Two applications over one Redis, under load, while things go wrong. What must hold through all of it is checked here.

import type { Server } from 'node:http';
import { type Cache, type CacheOptions, createCache, type Receipt } from 'respcache';
import { expect, onTestFinished, vi } from 'vitest';
import { expressApp, koaApp, listen } from './apps.js';
import { ask, Load } from './load.js';
import { CLIENTS, EVERYTHING, Floor, ITEMS, type Item, ofClient, World } from './world.js';

/** One application with its cache. */
export interface App {
  readonly name: string;
  readonly cache: Cache;
  readonly port: number;
  readonly floor: Floor;
  /** How long a copy in its memory may outlive a durable invalidation by the other one, ms. */
  readonly grace: number;
  readonly load: Load;
  /** The operations that failed so far, by what they were. */
  readonly failures: Map<string, number>;
  /** What the breaker did so far. */
  readonly breaker: ('open' | 'closed')[];
}

export interface RigOptions {
  /** What the caches of Express and Koa are given as `redis`. */
  readonly redis: readonly [NonNullable<CacheOptions['redis']>, NonNullable<CacheOptions['redis']>];
  readonly options?: CacheOptions;
  /** Whether somebody changes items and invalidates them all the time. Default: yes. */
  readonly writer?: boolean;
  /** Whether the load begins only when both caches have reached Redis. Default: no. */
  readonly warm?: boolean;
}

type Spec = { readonly items: readonly Item[]; readonly invalidate: (cache: Cache) => Promise<Receipt> };

/** Ways to invalidate, and the items that each must reach. */
function waysToInvalidate(turn: number): Spec {
  const client = CLIENTS[turn % CLIENTS.length]!;
  const id = ITEMS[turn % ITEMS.length]!;
  const ways: Spec[] = [
    { items: [{ client, id }], invalidate: (cache) => cache.invalidateKey(`/items/${id}`, client) },
    { items: ofClient(client), invalidate: (cache) => cache.invalidateByTags(['items'], client) },
    { items: [{ client, id }], invalidate: (cache) => cache.invalidatePattern(`/items/${id}*`, client) },
    { items: EVERYTHING, invalidate: (cache) => cache.invalidateByTags(['items']) },
    { items: ofClient(client), invalidate: (cache) => cache.invalidateKey('items', client) },
    { items: ofClient(client), invalidate: (cache) => cache.invalidateTenant(client) },
    { items: EVERYTHING, invalidate: (cache) => cache.clear() },
  ];
  return ways[turn % ways.length]!;
}

export class Rig {
  readonly world: World;
  readonly apps: readonly [App, App];
  readonly #servers: readonly Server[];
  #writing: Promise<void> | undefined;
  #stopped = false;
  #turn = 0;

  constructor(world: World, apps: readonly [App, App], servers: readonly Server[], writer: boolean) {
    this.world = world;
    this.apps = apps;
    this.#servers = servers;
    if (writer) this.#writing = this.#write();
  }

  /** Changes items, invalidates them by one of the caches, and holds everybody to it whom it binds. */
  async invalidate(app: App, { items, invalidate }: Spec = all()): Promise<Receipt> {
    this.world.change(items);
    const versions = items.map((item) => this.world.version(item));
    const receipt = invalidate(app.cache);
    // In its own process it holds at once, whatever becomes of it.
    app.floor.raise(items, versions);
    const { sequence, durable } = await receipt;
    if (durable) for (const each of this.apps) each.floor.raise(items, versions, each === app ? 0 : each.grace);
    return { sequence, durable };
  }

  /** Waits until both applications have answered so many requests more. */
  async answered(count: number): Promise<void> {
    await Promise.all(this.apps.map(({ load }) => load.answered(count)));
  }

  /** Waits until both have answered so many requests more from the cache. */
  async hit(count = 10): Promise<void> {
    await Promise.all(this.apps.map(({ load }) => load.hit(count)));
  }

  /** Waits until both breakers have opened. */
  async broken(): Promise<void> {
    await vi.waitFor(() => expect(this.apps.map(({ breaker }) => breaker.at(-1))).toEqual(['open', 'open']), {
      timeout: 10_000,
      interval: 5,
    });
  }

  /** Waits until neither breaker is open. */
  async mended(): Promise<void> {
    await vi.waitFor(
      () => expect(this.apps.map(({ breaker }) => breaker.at(-1) ?? 'closed')).toEqual(['closed', 'closed']),
      {
        timeout: 10_000,
        interval: 5,
      },
    );
  }

  /** Waits until an invalidation is durable again: what was pending before it is with everybody then. */
  async durable(app: App): Promise<void> {
    await vi.waitFor(async () => expect(await this.invalidate(app)).toMatchObject({ durable: true }), {
      timeout: 15_000,
      interval: 50,
    });
  }

  /** Ends the load and the caches; each in its time, whatever state Redis is in. */
  async close(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#writing;
    await Promise.all(this.apps.map(({ load }) => load.stop()));
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await Promise.all(this.apps.map(({ cache }) => cache.close()));
  }

  /** Says what went wrong with any answer. */
  verdict(): string[] {
    return this.apps.flatMap(({ name, load }) => load.violations.map((violation) => `${name}: ${violation}`));
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const turn = this.#turn++;
      const app = this.apps[turn % 2]!;
      await app.load.answered(20);
      await this.invalidate(app, waysToInvalidate(turn));
      // The handlers are at work again on what that reached: whatever they make is old once more.
      await app.load.answered(2);
      await this.invalidate(app, waysToInvalidate(turn));
    }
  }
}

function all(): Spec {
  return waysToInvalidate(3);
}

/** Through the applications themselves: a `PUT` of an item, whose route invalidates. */
export async function put(rig: Rig, app: App, client: string, id: string): Promise<number> {
  const { status } = await ask(app.port, 'PUT', `/items/${id}`, client);
  const items = [{ client, id }];
  app.floor.raise(items, [rig.world.version(items[0]!)]);
  return status;
}

/** Waits until a cache keeps what it is given: with time for the first load of the ledger. */
export async function reached(cache: Cache): Promise<void> {
  await vi.waitFor(
    async () => {
      await cache.set('warm', 1, 'nobody');
      expect(await cache.get('warm', 'nobody')).toBe(1);
    },
    { timeout: 5000 },
  );
}

/** Express keeps copies that are pushed out, and may be without news so long, ms; Koa asks for the head each time. */
const DISCONNECTED = 200;
const PUSHED: CacheOptions = { consistency: 'pushed', maxDisconnected: DISCONNECTED };
const STRONG: CacheOptions = { consistency: 'strong' };

/** Starts both applications and their load. After the test everything is closed, and what must hold is checked. */
export async function openRig({ redis, options = {}, writer = true, warm = false }: RigOptions): Promise<Rig> {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  process.on('uncaughtExceptionMonitor', note);
  // After what is registered below; and also where the applications do not start.
  onTestFinished(() => {
    process.off('unhandledRejection', note);
    process.off('uncaughtExceptionMonitor', note);
    expect(unhandled).toEqual([]);
  });
  const world = new World();
  const servers: Server[] = [];
  const start = async (name: string, make: typeof expressApp, own: CacheOptions): Promise<App> => {
    const cache = createCache({ ...own, ...options });
    if (warm) await reached(cache);
    const { server, port } = await listen(make(cache, world));
    servers.push(server);
    const floor = new Floor();
    const failures = new Map<string, number>();
    const breaker: App['breaker'] = [];
    cache.on('error', ({ operation }) => failures.set(operation, (failures.get(operation) ?? 0) + 1));
    cache.on('breaker', ({ state }) => breaker.push(state));
    const { consistency, maxDisconnected } = cache.settings;
    const grace = consistency === 'pushed' ? maxDisconnected : 0;
    return { name, cache, port, floor, grace, load: new Load(port, floor), failures, breaker };
  };
  const apps = [
    await start('express', expressApp, { ...PUSHED, redis: redis[0] }),
    await start('koa', koaApp, { ...STRONG, redis: redis[1] }),
  ] as const;
  const rig = new Rig(world, apps, servers, writer);
  onTestFinished(async () => {
    await rig.close();
    expect(rig.verdict().join('\n')).toBe('');
    for (const { load } of rig.apps) expect(load.answers).toBeGreaterThan(0);
  });
  return rig;
}
