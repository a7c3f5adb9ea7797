// Hits from memory have a short way (src/lookup/recall.ts). Whatever requests and purges come, in whichever order: a cache
// that may take it answers and counts like one that may not. The option `when` keeps a route from it.

import { Agent } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Listener, WithCacheOptions } from '../../adapters/node/index.js';
import type { Cache } from '../../src/index.js';
import { Recall } from '../../src/lookup/recall.js';
import type { Answer } from '../adapters/client.js';
import { STORES, useNode, type Wrapped } from '../adapters/node-host.js';

/** For each route on each store; `npm run fuzz` gives more. */
const RUNS = process.env.RECALL_RUNS === undefined ? undefined : Number(process.env.RECALL_RUNS);
const { serve } = useNode();
const agent = new Agent({ keepAlive: true });
afterAll(() => agent.destroy());

// A server learns the script of a renewal by its first use, in two steps that a lookup may come between: the handler is asked once
// more then, by the one host and not by the other.
beforeAll(async () => {
  const { withCache } = await import('../../adapters/node/index.js');
  const host = await serve('redis', (cache) => withCache(counting(), { cache }));
  await host.ask('/a');
  host.clock.forward(20);
  const renewed = async () =>
    expect((await host.ask('/a', { method: 'HEAD' })).header('cache-status')).toMatch(/; hit/);
  await vi.waitFor(renewed);
});

const among = <T>(times: number, ...values: T[]) =>
  fc.oneof({ weight: times, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...values) });
const maybe = <T>(...values: T[]) => among(2, ...values);
const rarely = <T>(...values: T[]) => among(25, ...values);

const request = fc.record({
  do: fc.constant('ask' as const),
  /** It is the third that is remembered. */
  times: fc.integer({ min: 1, max: 5 }),
  target: fc.constantFrom(
    '/a',
    '/a?x=1&y=2',
    '/a?y=2&x=1',
    '/vary',
    '/vary/two',
    '/tagged',
    '/short',
    '/empty',
    '/big',
  ),
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'),
  headers: fc.record({
    'x-client-id': maybe('one', 'two'),
    'accept-language': maybe('de', 'en'),
    accept: maybe('text/html'),
    'if-none-match': rarely('"tag"', '*', '"other"'),
    'if-modified-since': rarely('Fri, 02 Jan 2026 00:00:00 GMT'),
    range: rarely('bytes=0-3', 'bytes=900000-'),
    'if-match': rarely('*'),
    authorization: rarely('Bearer x'),
    cookie: rarely('a=b'),
    'x-api-key': rarely('k'),
    'x-forwarded-host': rarely('other.example'),
    'cache-control': rarely('no-cache', 'max-age=1', 'only-if-cached'),
    constructor: rarely('c'),
  }),
});
const purge = fc.record({
  do: fc.constant('purge' as const),
  by: fc.constantFrom('tag', 'key', 'pattern', 'tenant', 'all'),
  tenant: fc.constantFrom('one', 'two'),
});
const wait = fc.record({
  do: fc.constant('wait' as const),
  ms: fc.constantFrom(1, 400, 1000, 1001, 9000, 60_000, -3_600_000),
});
type Step = typeof request extends fc.Arbitrary<infer R> ? R | Purge | Wait : never;
type Purge = typeof purge extends fc.Arbitrary<infer R> ? R : never;
type Wait = typeof wait extends fc.Arbitrary<infer R> ? R : never;

/** Says which run of its handler an answer is of, so that a hit can be told from a miss. */
function counting(): Listener {
  let runs = 0;
  return (req, res) => {
    const { pathname } = new URL(req.url!, 'http://host');
    const text = `run ${++runs} of ${req.method} ${req.url} for ${req.headers['x-client-id']}`;
    res.setHeader('Content-Type', 'text/plain');
    if (pathname === '/a') res.setHeader('ETag', '"tag"');
    // A gateway stores nothing that does not say how long.
    if (pathname === '/a' || pathname === '/big') res.setHeader('Cache-Control', 'max-age=8');
    if (pathname === '/vary') res.setHeader('Vary', 'accept-language');
    // Not always the same fields: then the newest response counts.
    if (pathname === '/vary/two') res.setHeader('Vary', runs % 3 === 0 ? 'accept' : 'accept-language, constructor');
    if (pathname === '/tagged') res.cache.tag('users');
    if (pathname === '/short') res.cache.ttl(1.5);
    if (pathname === '/empty') res.statusCode = 204;
    res.end(pathname === '/empty' ? undefined : pathname === '/big' ? text.repeat(100) : text);
  };
}

async function invalidate(cache: Cache, { by, tenant }: Purge): Promise<unknown> {
  if (by === 'tag') return cache.invalidateByTags(['users'], tenant);
  if (by === 'key') return cache.invalidateKey('/a', tenant);
  if (by === 'pattern') return cache.invalidatePattern('/v*', tenant);
  return by === 'tenant' ? cache.invalidateTenant(tenant) : cache.clear();
}

/** What is to be the same: all but what a clock says that is not the manual one, and the connection's own. */
async function take(host: Wrapped, step: Step): Promise<unknown> {
  if (step.do === 'purge') return invalidate(host.cache, step).then(() => 'purged');
  if (step.do === 'wait') return host.clock.forward(step.ms / 1000);
  const headers: Record<string, string> = Object.fromEntries(
    Object.entries(step.headers).filter((each): each is [string, string] => each[1] !== undefined),
  );
  // The port would be a part of the key.
  headers.host = 'host.example';
  const answers = [];
  for (let i = 0; i < step.times; i++)
    answers.push(whatCounts(await host.ask(step.target, { method: step.method, headers, agent })));
  return answers;
}

function whatCounts({ status, lines, text }: Answer): unknown {
  const kept = lines.filter(([name]) => !/^(?:date|connection|keep-alive)$/i.test(name));
  return {
    status,
    text,
    lines: kept.map(([name, value]) => `${name.toLowerCase()}: ${withoutPlace(value)}`).sort(),
  };
}

/** Each cache has a prefix of its own; and an index may have been swept, or have expired by Redis' clock, in one of them first. */
function withoutPlace(value: string): string {
  return value.replace(/node-\d+/, '').replace(/(?:uri|vary)-miss/, 'miss');
}

function figures(cache: Cache): unknown {
  const { averageHitTime: _a, averageMissTime: _b, averageSetTime: _c, ...rest } = cache.getStats();
  return rest;
}

const ROUTES: Record<string, WithCacheOptions> = {
  'the defaults': { ttl: 9.7 },
  'all that is told': { ttl: 10, vary: ['accept'], exposeKey: true, browserTtl: 60, surrogateTags: 'Surrogate-Key' },
  'clients that are heard': { ttl: 10, requestDirectives: 'honor', personal: ['x-api-key'] },
  'a gateway': { mode: 'rfc9111', heuristic: 1, tenant: false },
  'no parameters': { ttl: 10, query: { only: ['x'] }, staleIfError: 5 },
};

const KINDS = STORES.flatMap((store) => Object.entries(ROUTES).map(([name, route]) => ({ store, name, route })));

describe.each(KINDS)('the short way of hits, from $store, with $name', ({ store, route }) => {
  it('answers and counts as the whole way does', { timeout: 20_000 + (RUNS ?? 0) * 2000 }, async () => {
    const answers = vi.spyOn(Recall.prototype, 'answer');
    const { withCache } = await import('../../adapters/node/index.js');
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ arbitrary: request, weight: 8 }, purge, wait), { minLength: 10, maxLength: 40 }),
        async (steps) => {
          const hosts: Wrapped[] = [];
          for (const more of [{}, { when: () => true }])
            hosts.push(await serve(store, (cache) => withCache(counting(), { cache, ...route, ...more })));
          try {
            for (const step of steps) {
              answers.mockClear();
              const [short, whole] = [await take(hosts[0]!, step), await take(hosts[1]!, step)];
              taken += (await Promise.all(answers.mock.results.map(({ value }) => value))).filter(Boolean).length;
              expect(short).toEqual(whole);
            }
            // What is stored is counted when Redis has it.
            await vi.waitFor(() => expect(figures(hosts[0]!.cache)).toEqual(figures(hosts[1]!.cache)));
          } finally {
            for (const { server } of hosts) server.close();
          }
        },
      ),
      { numRuns: RUNS ?? (store === 'memory' ? 6 : 4) },
    );
    expect(taken).toBeGreaterThan(3);
    answers.mockRestore();
  });
});

describe('the short way of hits', () => {
  it('is not tried again for what has gone from Redis', async () => {
    const { withCache } = await import('../../adapters/node/index.js');
    let stored = true;
    const host = await serve('redis', (cache) =>
      withCache(
        (_req, res) => {
          if (stored) res.cache.tag('users');
          else res.cache.noStore();
          res.end('x');
        },
        { cache, ttl: 60 },
      ),
    );
    await host.texts('/x', 3);
    stored = false;
    await host.cache.invalidateByTags(['users']);
    await host.ask('/x');
    const read = vi.spyOn(host.cache.services.backend, 'read');
    await host.ask('/x');
    expect(read).toHaveBeenCalledTimes(1);
  });

  it.each(STORES)('ends where the responses of the path begin to say which of the query matters: %s', async (store) => {
    const { withCache } = await import('../../adapters/node/index.js');
    let says: Record<string, string> = {};
    const host = await serve(store, (cache) =>
      withCache((req, res) => res.writeHead(200, says).end(`for ${req.url}`), { cache, ttl: 60 }),
    );
    expect(new Set(await host.texts('/x?a=1&b=2', 3))).toEqual(new Set(['for /x?a=1&b=2']));
    says = { 'No-Vary-Search': 'params=("b")' };
    await host.ask('/x?a=1');
    expect((await host.ask('/x?a=1&b=2')).text).toBe('for /x?a=1');
    // And where they say so no more.
    expect((await host.ask('/x?a=1')).text).toBe('for /x?a=1');
    says = {};
    await host.ask('/x?a=2');
    expect((await host.ask('/x?a=1&b=2')).text).toBe('for /x?a=1&b=2');
  });

  it.each(STORES)('ends where the responses of the URL begin to vary by something else: %s', async (store) => {
    const { withCache } = await import('../../adapters/node/index.js');
    let vary = 'accept';
    const host = await serve(store, (cache) =>
      withCache(
        (req, res) => {
          res.setHeader('Vary', vary);
          res.end(`by ${vary} for ${req.headers.accept}, ${req.headers['accept-language']}`);
        },
        { cache, ttl: 60 },
      ),
    );
    const german = { headers: { accept: 'text/html', 'accept-language': 'de' } };
    expect(new Set(await host.texts('/x', 3, german))).toEqual(new Set(['by accept for text/html, de']));
    vary = 'accept-language';
    host.clock.forward(2);
    await host.ask('/x', { headers: { accept: 'text/plain', 'accept-language': 'de' } });
    // The newest of those that match, by whichever fields (RFC 9111 §4.1).
    expect((await host.ask('/x', german)).text).toBe('by accept-language for text/plain, de');
  });
});
