// The application under fire: an outermost layer that sees everything, the cache, and a handler that may do anything.

import { randomUUID } from 'node:crypto';
import { type Cache, createCache } from 'respcache';
import { createHost, type Framework, type Host, Layer } from '../adapters/hosts.js';
import { EXPRESS_WAYS, KOA_WAYS } from './framework-ways.js';
import { type Plan, planOf } from './plans.js';
import { Random, seedOf } from './random.js';
import { cacheOptionsOf, type Mode, over, type Settings, settingsOf } from './settings.js';
import { type Job, WAYS, type Way } from './ways.js';
import type { World } from './world.js';

/** Routes with options of their own: `/r0`, `/r1`, `/r2`; what else there is has those of the application. */
const ROUTES = 3;

export interface App {
  readonly host: Host;
  readonly cache: Cache;
  readonly framework: Framework;
  /** The settings that hold for a target. */
  settingsFor(target: string): Settings;
  close(): Promise<void>;
}

export interface AppOptions {
  readonly seed: number;
  readonly framework: Framework;
  readonly mode: Mode;
  readonly redis: string | false;
  readonly world: World;
  /** ms since 1970. */
  readonly now: () => number;
}

const PLAIN: Settings = {
  options: {},
  tenant: undefined,
  identity: undefined,
  personalKey: undefined,
  name: undefined,
  vary: undefined,
  query: undefined,
  tags: undefined,
  mode: undefined,
};

export function createApp({ seed, framework, mode, redis, world, now }: AppOptions): App {
  const random = new Random(seedOf(seed, 1));
  const options = { mode, ...cacheOptionsOf(random) };
  // One Redis serves many rounds.
  const prefix = redis === false ? options.prefix : `${options.prefix}${randomUUID()}:`;
  const onRedis = { prefix, l1: random.chance(0.5), consistency: random.pick(['pushed', 'strong'] as const) };
  const cache = createCache({ ...options, ...onRedis, redis, clock: { now } });
  const host = createHost(framework, cache);
  const outer = random.chance(0.7) ? settingsOf(random) : undefined;
  const routes = Array.from({ length: ROUTES }, () => (random.chance(0.8) ? settingsOf(random) : undefined));
  host.use(seeing(world));
  if (outer !== undefined) host.use(host.caching(outer.options));
  for (const [i, route] of routes.entries()) {
    if (route !== undefined) host.use(onlyFor(i, host.caching(route.options)));
  }
  host.use(answering(seed, world));
  const settingsFor = (target: string): Settings => {
    const route = routes[routeOf(target)];
    const settings = route === undefined ? outer : over(route, outer);
    return { ...(settings ?? PLAIN), mode: settings?.mode ?? mode };
  };
  const close = async () => {
    await host.close();
    await cache.close();
  };
  return { host, cache, framework, settingsFor, close };
}

function routeOf(target: string): number {
  const found = /^\/r([0-2])/.exec(target);
  return found === null ? -1 : Number(found[1]);
}

function seeing(world: World): Layer {
  return new Layer(
    (req, _res, next) => {
      world.see(req.method, req.originalUrl, req.headers);
      next();
    },
    (ctx, next) => {
      world.see(ctx.method, ctx.originalUrl, ctx.headers);
      return next();
    },
  );
}

/** A layer in the way of one route only. */
function onlyFor(route: number, layer: Layer): Layer {
  return new Layer(
    (req, res, next) => (routeOf(req.originalUrl) === route ? layer.express(req, res, next) : next()),
    (ctx, next) => (routeOf(ctx.originalUrl) === route ? layer.koa(ctx, next) : next()),
  );
}

function answering(seed: number, world: World): Layer {
  return new Layer(
    (req, res, next) => {
      const job = jobOf(seed, world, req.method, req.originalUrl, { req, res });
      tell(job.plan, res.cache);
      const way = wayOf(job, [...WAYS, ...EXPRESS_WAYS]);
      // Express 4 does not look after promises.
      done(job, async () => way.go({ ...job, request: req, response: res, next })).catch(next);
    },
    async (ctx) => {
      const { req, res } = ctx;
      const job = jobOf(seed, world, ctx.method, ctx.originalUrl, { req, res });
      tell(job.plan, ctx.cache);
      const isRaw = job.random.chance(0.5);
      const way = wayOf(job, isRaw ? WAYS : KOA_WAYS);
      job.run.past = isRaw;
      if (isRaw) {
        ctx.respond = false;
        ctx.res.statusCode = 200;
      }
      // Whoever writes past Koa looks after its own failures.
      const going = done(job, async () => way.go({ ...job, ctx }));
      await (isRaw ? going.catch(() => {}) : going);
    },
  );
}

function jobOf(seed: number, world: World, method: string, target: string, io: Pick<Job, 'req' | 'res'>): Job {
  const run = world.begin(method, target, io.req.headers);
  // The same request does the same in each replay, whatever else there is.
  const random = new Random(seedOf(seed, 2, run.no, world.runsFor(run.no).length));
  return { ...io, world, run, random, plan: planOf(random, run) };
}

/** What the handler tells the cache: if there is one here at all. */
function tell({ tags, ttl, refuses }: Plan, control: Control | undefined): void {
  if (control === undefined) return;
  control.tag(...tags);
  if (ttl !== undefined) control.ttl(ttl);
  if (refuses) control.noStore();
}

interface Control {
  tag(...tags: string[]): unknown;
  ttl(seconds: number): unknown;
  noStore(): unknown;
}

function wayOf<J extends Job>({ run, random }: Job, ways: readonly Way<J>[]): Way<J> {
  const [good, bad] = [ways.filter(isGood), ways.filter((way) => !isGood(way))];
  const way = random.pick(random.chance(0.88) ? good : bad);
  run.way = way.name;
  run.breaks = way.breaks ?? false;
  run.sloppy = way.sloppy ?? false;
  run.fails = way.fails ?? false;
  run.confirms = way.confirms ?? false;
  if (way.ownBody) run.body = undefined;
  return way;
}

function isGood({ breaks, fails }: Way<never>): boolean {
  return !breaks && !fails;
}

async function done({ run, world }: Job, go: () => Promise<unknown>): Promise<void> {
  try {
    await go();
  } catch (error) {
    if (!run.breaks) throw error;
  } finally {
    run.endedAt = world.tick();
  }
}
