import { createCache } from 'respcache';
import { afterEach, describe, expect, it } from 'vitest';
import { FRAMEWORKS, type Layer, type Site, type Source, site } from './stage.js';

let now = Date.now();
const clock = { now: () => now };
const sites: Site[] = [];

afterEach(async () => {
  for (const each of sites.splice(0)) await each.close();
});

describe.each(FRAMEWORKS)('a rate limit under %s', (framework) => {
  const open = async (...layers: Layer[]) => {
    const opened = await site(framework, createCache({ redis: false, clock }), layers);
    sites.push(opened);
    return opened;
  };
  const from = (ip: string, tenant?: string) => ({
    'x-forwarded-for': ip,
    ...(tenant === undefined ? {} : { 'x-client-id': tenant }),
  });

  it('lets so many through, tells each what is left, and then refuses until the window ends', async () => {
    const { get } = await open({ name: 'api' });
    const first = await get();
    expect([first.status, first.header('ratelimit-policy'), first.header('ratelimit')]).toEqual([
      200,
      '"api";q=2;w=60',
      '"api";r=1;t=60',
    ]);
    now += 20_500;
    expect((await get()).header('ratelimit')).toBe('"api";r=0;t=40');
    const refused = await get();
    expect([refused.status, refused.header('ratelimit'), refused.header('retry-after')]).toEqual([
      429,
      '"api";r=0;t=40',
      '40',
    ]);
    expect(refused.header('cache-control')).toBe('no-store');
    expect(refused.header('content-type')).toMatch(/^application\/problem\+json(;|$)/);
    expect(JSON.parse(refused.text)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['api'],
    });
    now += 39_400;
    expect((await get()).header('retry-after')).toBe('1');
    now += 100;
    expect((await get()).status).toBe(200);
  });

  it('counts a tenant at an address by default', async () => {
    const { get } = await open({ points: 1 });
    const statuses: number[] = [];
    for (const headers of [from('1.1.1.1', 'a'), from('1.1.1.1', 'b'), from('2.2.2.2', 'a'), from('1.1.1.1', 'a')])
      statuses.push((await get('/', headers)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  it.each([
    ['tenant', [200, 200, 429]],
    ['ip', [200, 429, 200]],
    [({ headers }: { headers: Record<string, string> }) => headers['x-user'] ?? '', [200, 200, 200]],
  ])('counts by %s', async (by, expected) => {
    const { get } = await open({ points: 1, by });
    const statuses: number[] = [];
    for (const headers of [from('1.1.1.1', 'a'), from('1.1.1.1', 'b'), from('2.2.2.2', 'a')])
      statuses.push((await get('/', headers)).status);
    expect(statuses).toEqual(expected);
    if (typeof by !== 'function') return;
    expect((await get('/', { ...from('3.3.3.3'), 'x-user': 'u' })).status).toBe(200);
    expect((await get('/', { ...from('4.4.4.4'), 'x-user': 'u' })).status).toBe(429);
  });

  it('charges what a request costs', async () => {
    const cost = ({ path }: { path: string }) => (path === '/free' ? 0 : path === '/dear' ? 5 : 1);
    const { get } = await open({ points: 6, cost });
    expect((await get('/free')).header('ratelimit')).toBeUndefined();
    expect((await get('/dear')).header('ratelimit')).toBe('"default";r=1;t=60');
    expect((await get('/dear')).status).toBe(429);
    expect((await get('/free')).status).toBe(200);
  });

  it('has a member for each limit around a handler, and refuses by the first that is exceeded', async () => {
    const { get } = await open({ name: 'burst', points: 1, duration: 1 }, { name: 'day', points: 9, duration: 86_400 });
    const answer = await get();
    expect(answer.header('ratelimit-policy')).toBe('"burst";q=1;w=1, "day";q=9;w=86400');
    expect(answer.header('ratelimit')).toBe('"burst";r=0;t=1, "day";r=8;t=86400');
    expect(JSON.parse((await get()).text)).toMatchObject({ 'violated-policies': ['burst'] });
  });

  it('never meets hits where it stands behind the cache; none of its fields is stored', async () => {
    const opened = await open('cache', { points: 1 });
    const { get } = opened;
    expect((await get('/a')).header('ratelimit')).toBe('"default";r=0;t=60');
    for (let i = 0; i < 3; i++) {
      const hit = await get('/a');
      expect([hit.status, hit.header('ratelimit'), hit.header('ratelimit-policy')]).toEqual([
        200,
        undefined,
        undefined,
      ]);
    }
    expect((await get('/b')).status).toBe(429);
    const refused = await get('/b');
    expect([refused.status, refused.header('retry-after')]).toEqual([429, '60']);
    now += 60_000;
    expect((await get('/b')).text).toBe('/b 2');
  });

  it('gives a hit the fields of its own client where it stands before the cache', async () => {
    const { get } = await open({}, 'cache');
    expect((await get('/a', from('1.1.1.1'))).header('ratelimit')).toBe('"default";r=1;t=60');
    now += 10_000;
    expect((await get('/a', from('1.1.1.1'))).header('ratelimit')).toBe('"default";r=0;t=50');
    const other = await get('/a', from('2.2.2.2'));
    expect([other.header('ratelimit'), other.header('age')]).toEqual(['"default";r=1;t=60', '10']);
    expect((await get('/a', from('1.1.1.1'))).status).toBe(429);
  });

  it.each([
    ['count', 1],
    ['exempt', 7],
    [0, 7],
    [2, 3],
    [5, 1],
  ])('charges hits as the option hits says: %s', async (hits, left) => {
    const { get } = await open({ points: 10, cost: ({ path }: Source) => (path === '/a' ? 3 : 1), hits }, 'cache');
    for (let i = 0; i < 3; i++) await get('/a');
    const next = await get('/b');
    expect([next.status, next.header('ratelimit')]).toEqual([200, `"default";r=${left - 1};t=60`]);
  });

  it('is never stored as a refusal, whatever layers outside say of it, nor outdates what is', async () => {
    const opened = await open('public', 'cache', { points: 1 });
    const { get } = opened;
    expect((await get('/b')).text).toBe('/b 1');
    expect((await get('/c')).status).toBe(429);
    expect((await get('/c', from('2.2.2.2'))).text).toBe('/c 2');
    const cache = createCache({ redis: false, clock, mode: 'rfc9111', staleIfError: 6000 });
    const stale = await site(framework, cache, ['public', 'cache', { points: 1, duration: 86_400 }]);
    sites.push(stale);
    await stale.get('/a');
    now += 700_000;
    expect((await stale.get('/a')).status).toBe(429);
    const fails = { ...from('2.2.2.2'), 'x-fail': '1' };
    expect((await stale.get('/a', fails)).text).toBe('/a 1');
  });

  it('does not count what the cache runs by itself', async () => {
    const cache = createCache({ redis: false, clock });
    const opened = await site(framework, cache, [{ points: 1, by: 'tenant' }, 'cache']);
    sites.push(opened);
    const report = await cache.warm({ app: opened.server, urls: ['/a', '/b', '/c'] });
    expect([report.warmed, opened.runs]).toEqual([3, 3]);
    for (const sitemap of ['/one.xml', '/other.xml']) await cache.warm({ app: opened.server, sitemap });
    expect(opened.runs).toBe(5);
    expect((await opened.get('/a')).status).toBe(200);
  });
});
