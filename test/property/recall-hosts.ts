// Hosts that are the same but for one thing: whether their caches may take the short way of hits.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Cache, type CacheOptions, createCache, type RouteOptions } from 'respcache';
import { withCache } from 'respcache/node';
import { afterAll, beforeAll, vi } from 'vitest';
import { Refreshes } from '../../src/fill/refreshes.js';
import { ManualClock } from '../adapters/bench.js';
import {
  type Application,
  type Asked,
  createHost,
  type Host,
  Layer,
  type Said,
  type Source,
} from '../adapters/hosts.js';
import type { Says, Site } from './recall-plays.js';

export const STORES = ['memory', 'redis', 'both'] as const;
export type Store = (typeof STORES)[number];

export interface Played {
  readonly host: Host;
  readonly cache: Cache;
  readonly clock: ManualClock;
  /** What the handler says: to be changed. */
  readonly says: Says;
  /** How many answers the short way has given. */
  taken: number;
  /** What was told of requests. */
  readonly told: unknown[];
  /** Resolves when what goes on beside the requests is over. */
  settled(): Promise<unknown>;
  close(): Promise<void>;
}

let caches = 0;
/** Runs of applications beside requests. */
const runs = new Set<Promise<unknown>>();

/** Has them waited for. To be called once at the top of a file. */
export function watchRefreshes(): void {
  beforeAll(() => {
    const { begin } = Refreshes.prototype;
    vi.spyOn(Refreshes.prototype, 'begin').mockImplementation(function (
      this: Refreshes<never, unknown>,
      rerun,
      key,
      lead,
      going,
    ) {
      const run: typeof rerun = (...asked) => noted(rerun(...asked));
      begin.call(this, run, key, () => noted(lead()), going);
    });
  });
  afterAll(() => vi.restoreAllMocks());
}

function noted<T>(work: Promise<T>): Promise<T> {
  const done = work.finally(() => runs.delete(done));
  runs.add(done);
  return done;
}

/** `isShort`: whether it may take the short way. */
export async function build(site: Site, store: Store, url: string, isShort: boolean): Promise<Played> {
  const clock = new ManualClock();
  const opened: Cache[] = [];
  const works: Work[] = [];
  const open = async (options: CacheOptions) => {
    const cache = createCache({ clock, timeout: 10_000, ...options });
    opened.push(cache);
    watchRecall(cache, isShort, () => played.taken++);
    works.push(new Work(cache));
    await cache.health();
    await cache.services.backend.sync();
    if (store === 'both')
      await vi.waitFor(() => cache.services.backend.own ?? Promise.reject(new Error('not in step')));
    return cache;
  };
  const prefix = `play-${caches++}:`;
  const bound = site.maxItems === undefined ? {} : { maxItems: site.maxItems };
  const place = store === 'memory' ? { redis: false as const } : { redis: url, prefix, l1: store === 'both' };
  const says: Says = {};
  const played = { clock, says, taken: 0, told: [] as unknown[] } as unknown as Played;
  const cache = await open({ ...place, ...bound });
  const around = site.place === 'around' ? await open({ redis: false }) : cache;
  const host = createHost(site.framework, cache);
  if (site.isHeard) listen(cache, played.told);
  furnish(host, site, says, around);
  return Object.assign(played, {
    host,
    cache,
    settled: async () => {
      for (const work of works) await work.done();
    },
    close: async () => {
      await host.close();
      for (const each of opened) await each.close();
    },
  });
}

/** Layers, mounts and handler. */
function furnish(host: Host, site: Site, says: Says, around: Cache): void {
  const route = site.route as RouteOptions<Source>;
  const isInFront = site.place === 'front' || site.place === 'around';
  if (isInFront) host.front = (app) => serverOf(app, around, site.place === 'front' ? route : {});
  if (site.place === 'layer') host.use(OUTER);
  if (site.place !== 'front') host.use(route);
  const handler = handlerOf(says);
  const inner = site.inner?.route as RouteOptions<Source> | undefined;
  if (inner !== undefined && site.inner?.path === undefined) host.use(inner);
  if (site.inner?.path !== undefined) host.mount(site.inner.path, inner!, handler);
  host.use(handler);
}

function serverOf(app: Application, cache: Cache, options: RouteOptions<Source>) {
  const listener = typeof app === 'function' ? app : app.callback();
  const wrapped = withCache(listener, { cache, ...(options as object) });
  return createServer((req, res) => {
    outer(req, res);
    return wrapped(req, res);
  });
}

const OUTER = new Layer(
  (req, res, next) => {
    outer(req, res);
    next();
  },
  (ctx, next) => {
    outer(ctx.req, ctx.res);
    return next();
  },
);

/** A layer outside. What it is to do it learns without having Node make the fields. */
function outer(req: IncomingMessage, res: ServerResponse): void {
  const what = req.rawHeaders[req.rawHeaders.indexOf('x-outer') + 1];
  if (what === 'vary') res.setHeader('Vary', 'Origin');
  if (what === 'lines') res.setHeader('Vary', ['Origin', 'X-More']);
  if (what === 'star') res.setHeader('Vary', '*');
  if (what === 'link') res.setHeader('Link', '</outer>');
  if (what === 'own') res.setHeader('X-Own', 'outer');
  if (what === 'control') res.setHeader('Cache-Control', 'no-store');
  if (what === 'reads') void req.headers;
  if (what === 'tenant') req.headers['x-client-id'] = 'two';
  if (what === 'language') delete req.headers['accept-language'];
  if (what === 'rewrites') req.url = '/tagged';
  if (what !== 'end') return;
  const { end } = res;
  res.end = ((...args: Parameters<typeof end>) => {
    if (!res.headersSent) res.setHeader('X-End', 'outer');
    return end.apply(res, args);
  }) as typeof end;
}

/** Says which run of its handler an answer is of, so that a hit can be told from a miss. */
function handlerOf(says: Says): (asked: Asked) => Said {
  let runs = 0;
  return ({ url, method, headers: request, cache, res }) => {
    const path = new URL(url, 'http://host').pathname.replace(/^\/in(?=\/)/, '');
    const text = `run ${++runs} of ${method} ${url} for ${request['x-client-id']}`;
    const headers: Record<string, string | string[]> = { 'Content-Type': 'text/plain' };
    if (says.fails) return { status: 503, headers, body: text };
    if (says.refuses) cache.noStore('for now');
    if (path === '/a') {
      headers['Cache-Control'] = says.control ?? 'max-age=8';
      if (says.search !== undefined) headers['No-Vary-Search'] = says.search;
      const tag = 'tag' in says ? says.tag : '"tag"';
      if (tag !== undefined) headers.ETag = tag;
      if (tag !== undefined && request['if-none-match'] === tag) return { status: 304, headers };
    }
    const vary = 'vary' in says ? says.vary : 'accept-language';
    if (path === '/vary' && vary !== undefined) headers.Vary = vary;
    // Not always the same fields: then the newest response counts.
    if (path === '/vary/two') headers.Vary = runs % 3 === 0 ? 'accept' : 'accept-language, constructor';
    if (path === '/tagged') cache.tag('users');
    if (path === '/short') cache.ttl(1.5);
    // A gateway stores nothing that does not say how long.
    if (path === '/big' || path === '/fixed') headers['Cache-Control'] = 'max-age=8';
    if (path === '/fixed') Object.assign(headers, { 'Cache-Control': 'max-age=8, no-transform', 'Set-Cookie': [] });
    if (path === '/big') headers['Last-Modified'] = 'Thu, 01 Jan 2026 00:00:00 GMT';
    if (path === '/aged')
      Object.assign(headers, { Age: '3', 'Cache-Control': 'max-age=9', 'Cache-Status': 'origin; hit' });
    if (path === '/aged') headers.Date = 'Wed, 31 Dec 2025 23:59:59 GMT';
    if (path === '/stale') headers['Cache-Control'] = 'max-age=2, stale-while-revalidate=60, stale-if-error=60';
    if (path === '/targeted') headers['CDN-Cache-Control'] = 'max-age=3';
    if (path === '/targeted') headers['Respcache-Cache-Control'] = 'max-age=5';
    if (path === '/shared') headers['Cache-Control'] = 's-maxage=6, public';
    if (path === '/outside') outside(res, headers);
    if (path === '/empty') return { status: 204, headers };
    if (path === '/gone') return { status: 404, headers, body: text };
    if (path === '/moved') return { status: 301, headers: { ...headers, Location: '/a' }, body: text };
    return { headers, body: path === '/big' || path === '/fixed' ? text.repeat(100) : text };
  };
}

/** Adds to what a layer outside has begun, and takes away what it has set. */
function outside(res: ServerResponse, headers: Record<string, string | string[]>): void {
  const begun = res.getHeader('link');
  headers.Link = begun === undefined ? '</inner>' : [String(begun), '</inner>'];
  res.removeHeader('x-own');
  headers.Vary = [res.getHeader('vary') ?? [], 'accept'].flat().join(', ');
}

function watchRecall({ engine }: Cache, isShort: boolean, onTaken: () => void): void {
  const recallFor = engine.recallFor.bind(engine);
  engine.recallFor = (route) => {
    const recall = recallFor(route);
    const answer = recall.answer.bind(recall);
    recall.answer = (...asked) => {
      const reply = isShort ? answer(...asked) : undefined;
      const count = (given: unknown) => given !== undefined && onTaken();
      if (reply instanceof Promise) reply.then(count, () => {});
      else count(reply);
      return reply;
    };
    return recall;
  };
}

/** What a cache does beside requests: whatever is asked before it is done may be answered in either way. */
class Work {
  readonly #cache: Cache;
  #pending = 0;

  constructor(cache: Cache) {
    this.#cache = cache;
    const { compressor, backend } = cache.services;
    const begin = compressor.begin.bind(compressor);
    compressor.begin = (stored) => {
      const { entry, rule } = stored;
      if (entry.negotiated && entry.forms === undefined && entry.body.length >= Math.max(1, rule.minBytes))
        this.#pending++;
      begin(stored);
    };
    const replace = backend.replace.bind(backend);
    backend.replace = (...asked) => {
      const done = Promise.resolve(replace(...asked));
      done.finally(() => this.#pending--).catch(() => {});
      return done;
    };
  }

  async done(): Promise<void> {
    while (runs.size > 0) await Promise.all(runs);
    if (this.#pending > 0) await vi.waitFor(() => this.#pending === 0 || Promise.reject(new Error(`${this.#pending}`)));
    await this.#cache.services.backend.sync();
  }
}

function listen(cache: Cache, told: unknown[]): void {
  for (const kind of ['hit', 'miss', 'bypass', 'skip', 'refresh'] as const)
    cache.on(kind, ({ ...event }) => {
      const { ms: _ms, request, ...rest } = event as { ms?: number; request?: { target: string }; key?: string };
      told.push({ kind, ...rest, target: request?.target });
    });
}
