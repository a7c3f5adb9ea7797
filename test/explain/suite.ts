// What `cache.explain` says of requests, with any store.

import type { CacheOptions, Explanation, RouteOptions } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import type { Source } from '../adapters/hosts.js';
import { type Backend, useBackend } from '../service/backends.js';
import { against, type Sent, Stage, textOf } from './stage.js';

let caches = 0;

/** `backend`: where the caches of these tests keep their responses. */
export function explainSuite(backend: Backend): void {
  const bench = useBackend(backend);
  // The clock of Redis' ledger is the server's: a prefix each keeps what one test invalidates from the next.
  const stage = (options: CacheOptions = {}) => new Stage(bench, { prefix: `e${++caches}:`, ...options });

  describe('outcomes', () => {
    it('is a hit where a response is stored and fresh', async () => {
      const { cache, clock, explain, ask } = bound(
        stage().route('/a', { 'Content-Type': 'text/plain', 'X-A': '1' }, { tags: ['t'], key: 'the:a', ttl: 60 }),
      );
      await ask('/a?b=1', { headers: { 'x-client-id': 'acme' } });
      clock.advance(10);
      const found = await explain('/a?b=1', { headers: { 'x-client-id': 'acme' } });
      expect(found).toMatchObject({
        outcome: 'hit',
        tenant: 'acme',
        key: expect.stringMatching(/client:acme:~http:\/\/127\.0\.0\.1:\d+~\/a~b=1$/),
        entry: {
          tier: 'memory',
          status: 200,
          bytes: 5,
          contentType: 'text/plain; charset=utf-8',
          storedAt: clock.now() - 10_000,
          age: 10,
          freshFor: 50,
          tags: ['t'],
          name: 'the:a',
          varies: [],
          headers: { 'x-a': '1' },
        },
      });
      expect(found.reason).toBeUndefined();
      expect(found.killedBy).toBeUndefined();
      expect(found.steps.map(({ step }) => step)).toEqual([
        ...['mount', 'method', 'tenant', 'key', 'credentials', 'stored', 'invalidated', 'fresh', 'answer'],
      ]);
      expect(textOf(found, 'fresh')).toBe('It is fresh for another 50 s.');
      expect(against(found)).toEqual([]);
      expect(JSON.parse(JSON.stringify(found))).toEqual(found);
      expect(cache.getStats()).toMatchObject({ hits: 0, misses: 1 });
    });

    it('is a miss where nothing is', async () => {
      const { explain } = bound(stage().route('/a'));
      const found = await explain('/a');
      expect(found).toMatchObject({ outcome: 'miss', tenant: '' });
      expect(found.entry).toBeUndefined();
      expect(against(found)).toEqual(['stored']);
      expect(textOf(found, 'stored')).toBe('Nothing is stored under its key.');
      expect(textOf(found, 'answer')).toBe('The handler runs, and what it says may be stored.');
    });

    it('is stale where a stale answer is served while it is made anew (RFC 5861 §3)', async () => {
      const { clock, explain, ask } = bound(stage().route('/a', {}, { ttl: 10, staleWhileRevalidate: 60 }));
      await ask('/a');
      clock.advance(15);
      const found = await explain('/a');
      expect(found).toMatchObject({ outcome: 'stale', entry: { freshFor: -5, keptFor: 295 } });
      expect(textOf(found, 'fresh')).toBe(
        'It is stale since 5 s, and is served while it is made anew (stale-while-revalidate).',
      );
    });

    it('is revalidate where the handler is asked if it is still the same', async () => {
      const { clock, explain, ask } = bound(
        stage().route('/a', { ETag: '"1"', 'Cache-Control': 'max-age=10, stale-if-error=60' }),
      );
      await ask('/a');
      clock.advance(15);
      const found = await explain('/a');
      expect(found).toMatchObject({ outcome: 'revalidate', entry: { freshFor: -5 } });
      expect(textOf(found, 'answer')).toBe(
        'The handler is asked if what is stored is still the same. If it fails, what is stored stands in.',
      );
      expect(await explain('/a', { method: 'HEAD' })).toMatchObject({ outcome: 'miss', reason: 'head' });
    });

    it('is bypass where shadow mode is for all of the hits, and asks by nothing that is stale then', async () => {
      const { clock, explain, ask } = bound(
        stage({ shadow: 1 }).route('/a', { ETag: '"v1"', 'Cache-Control': 'max-age=10' }),
      );
      await ask('/a');
      for (const method of ['GET', 'HEAD']) {
        const found = await explain('/a', { method });
        expect(found).toMatchObject({ outcome: 'bypass', reason: 'shadow', entry: { status: 200 } });
        expect(against(found)).toEqual(['shadow']);
      }
      clock.advance(20);
      const stale = await explain('/a');
      expect(stale.outcome).toBe('miss');
      expect(textOf(stale, 'answer')).toBe('The handler runs: in shadow mode nothing stale is used.');
    });

    it('says how the answer comes from what is stored: 304, 206, 416', async () => {
      const { explain, ask } = bound(stage().route('/a', { ETag: '"1"' }));
      await ask('/a');
      const answers = async (headers: Record<string, string>) => textOf(await explain('/a', { headers }), 'answer');
      expect(await answers({ 'If-None-Match': '"1"' })).toContain('304');
      expect(await answers({ Range: 'bytes=0-1' })).toContain('206');
      expect(await answers({ Range: 'bytes=99-' })).toContain('416');
      expect(await answers({})).toBe('It is answered from the cache.');
    });
  });

  describe('reasons', () => {
    const failing = () => {
      throw new TypeError('no such thing');
    };
    const cases: [reason: string, outcome: string, options: RouteOptions<Source>, sent: Sent, says: RegExp][] = [
      ['method', 'bypass', {}, { method: 'POST' }, /not POST\. If its handler succeeds/],
      ['method', 'bypass', {}, { method: 'OPTIONS' }, /not OPTIONS\.$/],
      ['upgrade', 'bypass', {}, { headers: { upgrade: 'h2c' } }, /upgraded/],
      ['precondition', 'bypass', {}, { headers: { 'If-Match': '"a"' } }, /If-Match/],
      ['body', 'bypass', {}, { headers: { 'Content-Length': '3' } }, /its key knows nothing of/],
      ['request', 'bypass', { requestDirectives: 'honor' }, { headers: { 'Cache-Control': 'no-store' } }, /no-store/],
      ['when', 'bypass', { when: () => false }, {}, /says no/],
      ['when', 'bypass', { when: failing }, {}, /^The option when threw TypeError: no such thing\.$/],
      ['tenant', 'bypass', { tenant: { required: true } }, {}, /cannot be told/],
      ['tenant', 'bypass', { tenant: failing }, {}, /^The option tenant threw/],
      ['tenant', 'bypass', { tenant: async () => failing() }, {}, /^The option tenant threw/],
      ['key', 'bypass', { key: failing }, {}, /^The option key threw/],
      ['key', 'bypass', { identity: failing }, {}, /^The option identity threw/],
      ['key', 'bypass', { key: () => 7 as never }, {}, /the option key gave 7/],
    ];
    it.each(cases)('names %s (%s)', async (reason, outcome, options, sent, says) => {
      const found = await stage().explain('/a', sent, options);
      expect(found).toMatchObject({ outcome, reason });
      const last = found.steps.at(-1)!;
      expect(last).toMatchObject({ step: reason, ok: false });
      expect(last.text).toMatch(says);
    });

    it('names target', async () => {
      expect(await stage().explain('*')).toMatchObject({ outcome: 'bypass', reason: 'target' });
    });

    it.each([
      ['authorization', { Authorization: 'Bearer x' }, 'bypass'],
      ['cookie', { Cookie: 'a=b' }, 'bypass'],
    ])('names %s, of a request whose response is stored only if it says so', async (reason, headers, outcome) => {
      const { explain } = bound(stage());
      const found = await explain('/a', { headers });
      expect(found).toMatchObject({ outcome, reason });
      expect(against(found)).toEqual(['stored', 'storable']);
      const keyed = await explain('/a', { headers }, { vary: [reason] });
      expect(keyed.outcome).toBe('miss');
      expect(keyed.reason).toBeUndefined();
      expect((await explain('/a', { headers }, { identity: () => 'me' })).outcome).toBe('miss');
    });

    it('names personal, of a request with a field that the option names', async () => {
      const { explain } = bound(stage());
      const headers = { 'X-Api-Key': 'k' };
      const found = await explain('/a', { headers }, { personal: ['X-Api-Key'] });
      expect(found).toMatchObject({ outcome: 'bypass', reason: 'personal' });
      expect(textOf(found, 'credentials')).toContain('x-api-key');
      expect((await explain('/a', { headers })).outcome).toBe('miss');
    });

    it('names head, of a HEAD for which nothing is stored', async () => {
      expect(await stage().explain('/a', { method: 'HEAD' })).toMatchObject({ outcome: 'miss', reason: 'head' });
    });

    it('names only-if-cached, where the client wants nothing of the handler', async () => {
      const { explain, ask } = bound(stage({ requestDirectives: 'honor' }).route('/a'));
      const sent = { headers: { 'Cache-Control': 'only-if-cached' } };
      const found = await explain('/a', sent);
      expect(found).toMatchObject({ outcome: 'bypass', reason: 'only-if-cached' });
      expect(textOf(found, 'answer')).toContain('504');
      await ask('/a');
      expect((await explain('/a', sent)).outcome).toBe('hit');
    });
  });

  describe('what is stored and not for this request', () => {
    it('names the fields by which no variant is for it', async () => {
      const { explain, ask } = bound(stage().route('/a', { Vary: 'Accept-Language' }));
      await ask('/a', { headers: { 'Accept-Language': 'en' } });
      const other = await explain('/a', { headers: { 'Accept-Language': 'de' } });
      expect(other.outcome).toBe('miss');
      expect(against(other)).toEqual(['variant']);
      expect(textOf(other, 'variant')).toContain('accept-language');
      const same = await explain('/a', { headers: { 'Accept-Language': 'en' } });
      expect(same).toMatchObject({ outcome: 'hit', entry: { varies: ['accept-language'] } });
    });

    it('says that it is not for requests with these credentials', async () => {
      const { explain, ask } = bound(stage().route('/a').route('/open', { 'Cache-Control': 'public, max-age=60' }));
      await ask('/a');
      const found = await explain('/a', { headers: { Cookie: 'a=b' } });
      expect(found).toMatchObject({ outcome: 'bypass', reason: 'cookie', entry: { status: 200 } });
      expect(against(found)).toEqual(['credentials', 'storable']);
      await ask('/open');
      expect((await explain('/open', { headers: { Cookie: 'a=b' } })).outcome).toBe('hit');
    });

    it('goes by what a path has said of its queries (No-Vary-Search)', async () => {
      const { explain, ask } = bound(stage().route('/a', { 'No-Vary-Search': 'params=("utm")' }));
      expect((await explain('/a?p=1&utm=x')).outcome).toBe('miss');
      await ask('/a?p=1&utm=x');
      const found = await explain('/a?p=1&utm=y');
      expect(found.outcome).toBe('hit');
      expect(found.key).toMatch(/~p=1$/);
      expect(textOf(found, 'key')).toContain('No-Vary-Search');
    });

    it('says what the client asks that what is stored is not good for', async () => {
      const { clock, explain, ask } = bound(stage({ requestDirectives: 'honor' }).route('/a', { ETag: '"1"' }));
      await ask('/a');
      clock.advance(20);
      const asking = (value: string) => explain('/a', { headers: { 'Cache-Control': value } });
      const found = await asking('max-age=10');
      expect(found.outcome).toBe('revalidate');
      expect(textOf(found, 'fresh')).toBe('It is fresh, but the client asks for something else: max-age=10.');
      expect((await asking('max-age=30')).outcome).toBe('hit');
      clock.advance(300);
      expect((await asking('max-stale=60')).outcome).toBe('stale');
      expect((await asking('max-stale=10')).outcome).toBe('revalidate');
    });
  });

  describe('what was invalidated', () => {
    const ways: [by: string, name: string | undefined, purge: (stage: Stage) => Promise<unknown>][] = [
      ['key', 'the:a', ({ cache }) => cache.invalidateKey('the:a', 'acme')],
      ['key', '/a', ({ cache }) => cache.invalidateKey('/a', 'acme')],
      ['tag', 't', ({ cache }) => cache.invalidateByTags(['other', 't'], 'acme')],
      ['tag of all tenants', 't', ({ cache }) => cache.invalidateByTags(['t'])],
      ['pattern', 'the:*', ({ cache }) => cache.invalidatePattern('the:*', 'acme')],
      ['tenant', 'acme', ({ cache }) => cache.invalidateTenant('acme')],
    ];
    it.each(ways)('names the purge by %s %s', async (by, name, purge) => {
      const here = stage().route('/a', {}, { tags: ['t'], key: 'the:a' });
      const sent = { headers: { 'x-client-id': 'acme' } };
      await here.ask('/a', sent);
      await here.cache.invalidateByTags(['t'], 'another');
      await purge(here);
      const found = await here.explain('/a', sent);
      expect(found).toMatchObject({ outcome: 'miss', entry: { tags: ['t'] }, killedBy: { by, name } });
      expect(against(found)).toEqual(['invalidated']);
      expect(textOf(found, 'invalidated')).toMatch(/^It is dead: the .* was invalidated \d+ s ago\.$/);
      const { at, sequence } = found.killedBy!;
      expect(at).toBe(Math.floor(sequence / 1000));
      // Made anew, it is past that.
      await here.ask('/a', sent);
      expect((await here.explain('/a', sent)).outcome).toBe('hit');
    });

    it('names the URL that an unsafe method has changed', async () => {
      const here = stage().route('/a');
      here.host.post('/a', {}, () => ({ status: 201 }));
      await here.ask('/a');
      await here.ask('/a', { method: 'POST' });
      const port = await here.host.port();
      expect((await here.explain('/a')).killedBy).toMatchObject({ by: 'url', name: `http://127.0.0.1:${port}/a` });
    });

    it('names the first of several, which has killed it', async () => {
      const here = stage().route('/a', {}, { tags: ['t'] });
      await here.ask('/a');
      const { sequence } = await here.cache.invalidateByTags(['t']);
      await here.cache.invalidateTenant('another');
      await here.cache.invalidateByTags(['t']);
      expect((await here.explain('/a')).killedBy).toMatchObject({ by: 'tag of all tenants', sequence });
    });

    it('says when its key was last invalidated, where nothing is stored', async () => {
      const here = stage();
      const sent = { headers: { 'x-client-id': 'acme' } };
      await here.cache.invalidateKey('/a', 'another');
      expect(textOf(await here.explain('/a', sent), 'stored')).toBe('Nothing is stored under its key.');
      await here.cache.invalidateKey('/a', 'acme');
      const found = await here.explain('/a', sent);
      expect(textOf(found, 'stored')).toMatch(
        /^Nothing is stored under its key; the key \/a was invalidated \d+ s ago\.$/,
      );
      expect(found.killedBy).toBeUndefined();
    });

    it('knows of the end of everything', async () => {
      const here = stage().route('/a');
      await here.ask('/a');
      const { sequence } = await here.cache.clear();
      const found = await here.explain('/a');
      expect(found.outcome).toBe('miss');
      // In memory it is swept at once; of Redis' a copy is left here.
      if (bench.shared) expect(found.killedBy).toMatchObject({ by: 'everything', sequence });
      else expect(textOf(found, 'stored')).toContain('; everything was invalidated');
    });
  });

  describe('mounts', () => {
    it('finds what an inner mount with an identity of its own has stored', async () => {
      const here = stage();
      here.host.use({});
      here.route('/a', {}, { identity: ({ headers }) => headers['x-user'] as string });
      const sent = { headers: { 'x-user': 'ada', cookie: 'a=b' } };
      expect(await here.explain('/a', sent)).toMatchObject({ outcome: 'bypass', reason: 'cookie' });
      await here.ask('/a', sent);
      const found = await here.explain('/a', sent);
      expect(found.outcome).toBe('hit');
      expect(found.key).toContain('~route~identity=ada');
      expect(textOf(found, 'mount')).toContain('inside another one');
      expect(textOf(found, 'mount')).toContain('identity by a function');
    });

    it('prefers what may be used to what may not', async () => {
      const here = stage();
      here.host.use({ when: ({ headers }) => headers['x-inner'] === undefined });
      here.route('/a', {}, { when: () => true });
      await here.ask('/a');
      await here.cache.invalidateKey('/a', 'another');
      await here.ask('/a', { headers: { 'x-inner': '1' } });
      expect((await here.explain('/a', { headers: { 'x-inner': '1' } })).outcome).toBe('hit');
    });

    it('is by the cache itself where there is none, and by options that are given', async () => {
      const here = stage({ tenant: 'x-shop' });
      expect(textOf(await here.explain('/a'), 'mount')).toBe(
        "By the cache's own options: tenant by the header x-shop.",
      );
      const found = await here.explain('/a?utm_x=1', {}, { key: 'users:list', query: { ignore: ['utm_*'] } });
      expect(textOf(found, 'mount')).toBe(
        'By the options given: as the route named users:list, tenant by the header x-shop, the query without utm_*.',
      );
      expect(found.key).toMatch(/~\/a~$/);
    });
  });

  it('changes nothing and tells nobody', async () => {
    const here = stage().route('/a', {}, { tags: ['t'] });
    await here.ask('/a');
    await vi.waitFor(() => expect(here.cache.getStats().sets).toBe(1));
    // The lease of what was stored is given back behind it.
    await vi.waitFor(async () => expect(String(await bench.keys())).not.toContain(':lease:'));
    const told: string[] = [];
    for (const kind of ['hit', 'miss', 'bypass', 'set', 'skip', 'purge', 'error'] as const) {
      here.cache.on(kind, () => told.push(kind));
    }
    const before = [here.cache.getStats(), await bench.keys()];
    await here.explain('/a');
    await here.explain('/b');
    await here.explain('/a', { method: 'POST' });
    await here.explain('/a', {}, { key: () => JSON.parse('{') });
    await here.explain('/a', { headers: { Cookie: 'a=b' } });
    expect([here.cache.getStats(), await bench.keys()]).toEqual(before);
    expect(told).toEqual([]);
  });
}

/** A stage whose methods can be taken off it. */
function bound(stage: Stage): Pick<Stage, 'cache' | 'clock' | 'ask'> & {
  explain(...args: Parameters<Stage['explain']>): Promise<Explanation>;
} {
  const { cache, clock } = stage;
  return { cache, clock, ask: (...args) => stage.ask(...args), explain: (...args) => stage.explain(...args) };
}
