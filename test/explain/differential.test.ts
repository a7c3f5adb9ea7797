// What explain says of a request, and what an Express application then does with it.

import fc from 'fast-check';
import type { Cache, CacheOptions, Explanation } from 'respcache';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../adapters/client.js';
import type { Source } from '../adapters/hosts.js';
import { type Bench, memory, standalone, useBackend } from '../service/backends.js';
import { type Sent, Stage } from './stage.js';

/** What a response can be refused for: explain, which has not seen it, knows none of these. */
const OF_RESPONSES = ['no-store', 'private', 'set-cookie', 'status', 'range'];

const headersOf = (source: unknown) => (source as Source).headers;
const CACHES: readonly CacheOptions[] = [
  {},
  { tenant: { header: 'x-client-id', required: true } },
  { when: (source) => headersOf(source)['x-when'] !== 'no' },
  { requestDirectives: 'honor' },
  { identity: (source) => headersOf(source)['x-user'] as string | undefined },
  { key: (source) => (headersOf(source)['x-user'] as string).toUpperCase() },
  { vary: ['cookie'] },
  { mode: 'rfc9111' },
  { query: { ignore: ['a'] } },
];

const ROUTES: Readonly<Record<string, Record<string, string>>> = {
  '/plain': {},
  '/tagged': { ETag: '"1"', 'Cache-Control': 'max-age=10' },
  '/short': { 'Cache-Control': 'max-age=10, stale-if-error=60' },
  '/windowed': { 'Cache-Control': 'max-age=10, stale-while-revalidate=100' },
  '/language': { Vary: 'Accept-Language', 'Cache-Control': 'max-age=60' },
  '/public': { 'Cache-Control': 'public, max-age=60' },
  '/searched': { 'No-Vary-Search': 'params=("b")', 'Cache-Control': 'max-age=60' },
  '/private': { 'Cache-Control': 'private' },
  '/no-store': { 'Cache-Control': 'no-store' },
  '/cookies': { 'Set-Cookie': 'a=b' },
};

interface Step extends Sent {
  readonly target: string;
  /** Seconds that go by before it. */
  readonly later: number;
  /** What is invalidated before it. */
  readonly purge: 'nothing' | 'key' | 'tenant';
}

const header = (name: string, ...values: string[]) =>
  fc.option(
    fc.constantFrom(...values).map((value) => [name, value] as const),
    { nil: undefined, freq: 3 },
  );

const step: fc.Arbitrary<Step> = fc.record({
  target: fc
    .tuple(fc.constantFrom(...Object.keys(ROUTES)), fc.constantFrom('', '', '?a=1', '?a=2', '?b=1', '?a=1&b=2'))
    .map(([path, query]) => path + query),
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS'),
  headers: fc
    .tuple(
      header('X-Client-Id', 'acme', 'näme'.normalize('NFKD').replace(/[^\w]/g, '.')),
      header('Cookie', 'a=1', 'a=2'),
      header('Authorization', 'Bearer x'),
      header('Accept-Language', 'de', 'en'),
      header('X-When', 'no', 'yes'),
      header('X-User', 'ada', 'bob'),
      header('If-None-Match', '"1"', '"2"'),
      header('Range', 'bytes=0-2'),
      header('If-Match', '"1"'),
      header('Cache-Control', 'no-cache', 'no-store', 'only-if-cached', 'max-age=5', 'max-stale', 'min-fresh=20'),
    )
    .map((list) => Object.fromEntries(list.filter((each) => each !== undefined))),
  later: fc.constantFrom(0, 0, 0, 5, 15, 200),
  purge: fc.constantFrom('nothing', 'nothing', 'nothing', 'key', 'tenant'),
});

/** What `Cache-Status` says the cache has done. */
function told(answer: Answer): { hit: boolean; fwd: string | undefined; detail: string | undefined; ttl: number } {
  const text = answer.header('cache-status') ?? '';
  const of = (name: string) => new RegExp(`; ${name}=([^;]+)`).exec(text)?.[1];
  return { hit: text.includes('; hit'), fwd: of('fwd'), detail: of('detail'), ttl: Number(of('ttl') ?? 0) };
}

function agrees(said: Explanation, answer: Answer, { target, method }: Step): void {
  const { hit, fwd, detail, ttl } = told(answer);
  const { outcome, reason } = said;
  if (outcome === 'hit') expect({ hit, ttl: ttl >= 0 }).toEqual({ hit: true, ttl: true });
  else if (outcome === 'stale') expect({ hit, ttl: ttl < 0 }).toEqual({ hit: true, ttl: true });
  else if (outcome === 'bypass') {
    const personal = reason === 'cookie' || reason === 'authorization';
    // What such a request's response says of itself is known only by then.
    if (personal && (target.startsWith('/public') || OF_RESPONSES.includes(detail ?? ''))) return;
    // Of a POST's response `Cache-Status` tells why it is not stored, where it might have been.
    if (method === 'POST' && detail !== undefined && detail !== 'method') return;
    expect(detail).toBe(reason);
    expect(fwd).toBe(reason === 'method' ? 'method' : reason === 'only-if-cached' ? undefined : 'bypass');
  } else {
    expect(hit).toBe(false);
    expect(fwd).toMatch(outcome === 'revalidate' ? /^(stale|request)$/ : /^(uri-miss|vary-miss|stale|request)$/);
    if (reason !== undefined) expect(detail).toBe(reason);
    else expect([undefined, ...OF_RESPONSES, 'not-fresh']).toContain(detail);
  }
}

/** The figures but for those of stores: Redis says when it has stored what the request before has made. */
function requests(cache: Cache): object {
  const { sets: _, averageSetTime: __, bytes, ...figures } = cache.getStats();
  return { ...figures, served: bytes.served };
}

async function play(bench: Bench, options: CacheOptions, steps: readonly Step[], seen: Set<string>): Promise<void> {
  const stage = new Stage(bench, { ...options, prefix: `d${++caches}:` });
  const { cache, host, clock } = stage;
  host.use({});
  for (const [path, headers] of Object.entries(ROUTES)) host.all(path, () => ({ headers, body: `at ${path}` }));
  for (const each of steps) {
    clock.advance(each.later);
    const tenant = each.headers?.['X-Client-Id'] ?? 'acme';
    if (each.purge === 'key') await cache.invalidateKey(each.target.replace(/\?.*/, ''), tenant);
    if (each.purge === 'tenant') await cache.invalidateTenant(tenant);
    const before = requests(cache);
    const said = await stage.explain(each.target, each);
    const again = await stage.explain(each.target, each);
    expect(again).toEqual(said);
    expect(requests(cache)).toEqual(before);
    let refreshed: Promise<void> | undefined;
    if (said.outcome === 'stale' && stage.cache.settings.route.requestDirectives === 'ignore')
      refreshed = new Promise((resolve) => cache.on('set', () => resolve()));
    agrees(said, await stage.ask(each.target, each), each);
    // The run beside it is over when what it has made is stored.
    await refreshed;
    seen.add(`${said.outcome} ${said.reason ?? ''}`.trim());
  }
  await host.close();
}

let caches = 0;

const get = (target: string, headers: Record<string, string> = {}, later = 0): Step => ({
  ...{ target, headers, later, method: 'GET', purge: 'nothing' },
});

/** Steps that have every outcome among them. */
const TABLE: Step[] = [
  get('/plain'),
  get('/plain'),
  get('/plain', { Cookie: 'a=1' }),
  get('/plain?c', { Authorization: 'Bearer x' }),
  { ...get('/plain'), method: 'POST' },
  get('/plain', { 'If-Match': '"1"' }),
  get('/tagged'),
  get('/tagged', {}, 15),
  get('/windowed'),
  get('/windowed', {}, 15),
  { ...get('/plain?x'), method: 'HEAD' },
  { ...get('/tagged'), purge: 'tenant' },
];
const OUTCOMES = [
  ...['bypass authorization', 'bypass cookie', 'bypass method', 'bypass precondition'],
  ...['hit', 'miss', 'miss head', 'revalidate', 'stale'],
];

describe('explain agrees with what an application does', () => {
  const bench = useBackend(memory);
  const seen = new Set<string>();

  it.each(CACHES)('with the options %o', async (options) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, size: 'max', maxLength: 25 }), (steps) =>
        play(bench, options, steps, seen),
      ),
      { numRuns: 6 },
    );
  });

  it('by a table, which has every outcome in it', async () => {
    const all = new Set<string>();
    await play(bench, {}, TABLE, all);
    expect([...all].sort()).toEqual(OUTCOMES);
  });
});

describe('explain agrees with what an application does, on Redis', () => {
  const bench = useBackend(standalone(({ url }) => url));

  it.each([{ l1: true }, { l1: false }])('with %o', async (options) => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, size: 'max', maxLength: 15 }), (steps) =>
        play(bench, options, steps, seen),
      ),
      { numRuns: 4, examples: [[TABLE]] },
    );
    expect([...seen]).toEqual(expect.arrayContaining(OUTCOMES));
  });
});
