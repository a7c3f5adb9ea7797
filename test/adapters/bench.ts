// What every file of the table shares: the combinations, one Redis server, and what a test leaves behind.

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Redis } from 'ioredis';
import { type CacheOptions, type Clock, createCache } from 'respcache';
import { ManualClock } from 'respcache/testing';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import type { Answer, Ask, Line } from './client.js';
import {
  type Asked,
  createHost,
  FRAMEWORKS,
  type Framework,
  type Front,
  type Handler,
  type Host,
  inFront,
  type Said,
} from './hosts.js';

export interface Combination {
  readonly framework: Framework;
  readonly store: 'memory' | 'redis';
  readonly label: string;
  /** What makes the server: the cache stands in front of the whole application, too. */
  readonly front?: Front;
}

const EVERY: readonly Combination[] = FRAMEWORKS.flatMap((framework) =>
  (['memory', 'redis'] as const).map((store) => ({ framework, store, label: `${framework} on ${store}` })),
);

/** Those of the names given; `npm run soak` takes every one of the eight. */
const some = (...names: readonly string[]) =>
  EVERY.filter(({ label }) => process.env.EVERY_COMBINATION !== undefined || names.includes(label));

/** Each framework once, and both stores: these do not depend on each other. */
export const COMBINATIONS = some('express 4 on redis', 'express 5 on memory', 'koa 2 on memory', 'koa 3 on redis');

/** Each family once, and both stores: for what the engine decides, whatever version of a framework brings the request. */
export const NEWEST = some('express 5 on memory', 'koa 3 on redis');

/** The same with the cache also in front of the application. */
export const IN_FRONT: readonly Combination[] = COMBINATIONS.map((each) => ({
  ...each,
  front: inFront,
  label: `${each.label}, in front`,
}));

/** The combinations of one store or family only, for what there is nowhere else. */
export const ON_REDIS = COMBINATIONS.filter(({ store }) => store === 'redis');
export const OF_EXPRESS = COMBINATIONS.filter(({ framework }) => framework.startsWith('express'));
export const OF_KOA = COMBINATIONS.filter(({ framework }) => framework.startsWith('koa'));

/** Where the manual clock stands when a test begins: well before now, so that nothing takes the real one by mistake. */
export const START = Date.UTC(2026, 0, 1);

export { ManualClock };

export type ClockedHost = Host & { readonly clock: ManualClock };

export interface Bench {
  /** A new application with a cache of its own, whose time is `clock`'s. */
  start(combination: Combination, options?: CacheOptions): Promise<ClockedHost>;
  /** Another application, as in another process, on the Redis of `other`. */
  beside(combination: Combination, other: Host, options?: CacheOptions): Promise<Host>;
  /** The same application without any cache. */
  bare(combination: Combination): Host;
}

/**
 * To be called once at the top of a file: starts the Redis server, and closes after each test what it has opened. What
 * `shared` opens is there for all tests of a `describe`, until the file ends.
 */
export function useBench(): Bench & { readonly shared: Bench } {
  let server: RedisServer;
  let admin: Redis;
  const [ofTest, ofFile]: Opened[] = [[], []];

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
  });
  afterEach(() => closeAll(ofTest!));
  afterAll(async () => {
    await closeAll(ofFile!);
    admin.disconnect();
    await server.stop();
  });

  const open = async (opened: Opened, { framework, store, front }: Combination, own: Own, more: CacheOptions) => {
    // A busy machine is no reason to go on without the cache: other tests ask how soon that happens.
    const common = { timeout: 10_000, ...own, ...more };
    // Without the tier in memory, which would answer in Redis' place.
    const cache = createCache(
      store === 'redis' ? { redis: server.url, l1: false, ...common } : { redis: false, ...common },
    );
    if (store === 'redis') opened.push({ close: () => forget(admin, own.prefix) });
    opened.push(cache);
    await cache.health();
    // What a handler makes before that is known is not stored: a lookup asks for it, but a POST has none.
    await cache.services.backend.sync();
    const host = createHost(framework, cache);
    host.front = front;
    opened.push(host);
    OWN.set(host, own);
    return host;
  };

  const bench = (opened: Opened): Bench => ({
    async start(combination, options = {}) {
      const clock = new ManualClock();
      return Object.assign(await open(opened, combination, { prefix: `${randomUUID()}:`, clock }, options), { clock });
    },
    beside(combination, other, options = {}) {
      return open(opened, combination, OWN.get(other)!, options);
    },
    bare({ framework }) {
      const cache = createCache({ redis: false });
      const host = createHost(framework, cache, true);
      opened.push(cache, host);
      return host;
    },
  });
  return { ...bench(ofTest!), shared: bench(ofFile!) };
}

type Opened = { close(): Promise<unknown> }[];
type Own = { readonly prefix: string; readonly clock: Clock };

const OWN = new WeakMap<Host, Own>();

async function closeAll(opened: Opened): Promise<void> {
  for (let each = opened.pop(); each !== undefined; each = opened.pop()) await each.close();
}

/** Removes what a cache leaves in Redis: some megabytes, of which a file would heap up a thousand. */
async function forget(redis: Redis, prefix: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
  }
}

/** A handler that says how often it has run: `run 1`, `run 2`, … and what else it is to say. */
export function numbered(said: Said | ((asked: Asked) => Said) = {}): Handler & { readonly runs: number } {
  let runs = 0;
  const handler = (asked: Asked) => {
    runs++;
    return { body: `run ${runs}`, ...(typeof said === 'function' ? said(asked) : said) };
  };
  return Object.defineProperty(handler, 'runs', { get: () => runs }) as unknown as Handler & { readonly runs: number };
}

/** A stream that gives its chunks and then ends, or breaks. */
export function stream(chunks: readonly (string | Buffer)[], failure?: Error): Readable {
  const left = [...chunks];
  return new Readable({
    read() {
      const chunk = left.shift();
      if (chunk !== undefined) this.push(chunk);
      else if (failure === undefined) this.push(null);
      else this.destroy(failure);
    },
  });
}

/** Something that happens once, and that others can wait for. */
export class Gate {
  open!: () => void;
  readonly opened: Promise<void> = new Promise((resolve) => {
    this.open = resolve;
  });
}

/** A cache's own additions: an answer may differ by these, and by no others (DESIGN.md, P4). */
const DOCUMENTED = new Set(['age', 'cache-status', 'etag', 'vary']);
/** How the body is delimited: a hit knows its length, whatever the handler did. */
const FRAMING = new Set(['content-length', 'transfer-encoding']);

/** The lines of an answer as they can be compared: without the moment, sorted by name, in their order within one. */
export function linesOf(answer: Answer, except: ReadonlySet<string> = new Set()): Line[] {
  const kept = answer.lines.filter(([name]) => name.toLowerCase() !== 'date' && !except.has(name.toLowerCase()));
  return kept.sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : a.toLowerCase() > b.toLowerCase() ? 1 : 0));
}

/** What must be the same with and without the cache, when the handler has run. */
export function essence(answer: Answer) {
  const { status, reason, trailers, hints, complete } = answer;
  const body = answer.body.toString('latin1');
  return { status, reason, lines: linesOf(answer, DOCUMENTED), trailers, hints, body, complete };
}

/** What must be the same when the cache has answered: the same but for how the body is delimited. */
function essenceOfHit(answer: Answer) {
  return { ...essence(answer), lines: linesOf(answer, new Set([...DOCUMENTED, ...FRAMING])) };
}

/**
 * Mounts a handler for each value at a path of its own, asks each twice, and says what became of its answer. One
 * application for a whole column of the table: each of its own would take most of the time.
 */
export async function fates<V>(
  host: Host,
  values: readonly V[],
  said: (value: V) => Said,
): Promise<Map<V, 'stored' | 'not stored'>> {
  const found = new Map<V, 'stored' | 'not stored'>();
  for (const [i, value] of values.entries()) host.get(`/fate/${i}`, {}, numbered(said(value)));
  for (const [i, value] of values.entries()) {
    const answers = [await host.ask(`/fate/${i}`), await host.ask(`/fate/${i}`)];
    const status = answers[1]?.header('cache-status') ?? '';
    // Where there is a text, it must say the same as the field.
    const texts = answers.map(({ text }) => text).join();
    if (texts !== ',' && texts !== (/; hit/.test(status) ? 'run 1,run 1' : 'run 1,run 2')) throw new Error(texts);
    found.set(value, /; hit/.test(status) ? 'stored' : 'not stored');
  }
  return found;
}

/** An application with the cache, and the same without. */
export interface Pair {
  readonly host: Host;
  readonly bare: Host;
}

export async function pair(bench: Bench, combination: Combination, define: (host: Host) => void): Promise<Pair> {
  const bare = bench.bare(combination);
  const host = await bench.start(combination);
  define(bare);
  define(host);
  return { host, bare };
}

/**
 * Asks the same of an application without the cache, and twice of the one with it: what the first two are given must
 * be the same, and what the third is given too, if it comes from the cache.
 */
export async function compare({ host, bare }: Pair, target: string, question: Ask = {}) {
  const plain = await bare.ask(target, question);
  const first = await host.ask(target, question);
  const second = await host.ask(target, question);
  expect(essence(first)).toEqual(essence(plain));
  const stored = /; hit/.test(second.header('cache-status') ?? '');
  if (stored) expect(essenceOfHit(second)).toEqual(essenceOfHit(plain));
  else expect(essence(second)).toEqual(essence(plain));
  return { plain, first, second, stored };
}

/** The same fate for all values. */
export function all<V>(values: readonly V[], fate: 'stored' | 'not stored'): Map<V, 'stored' | 'not stored'> {
  return new Map(values.map((value) => [value, fate]));
}
