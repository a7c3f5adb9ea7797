// What an operator sees and does through statsRouter beside the figures: metrics, events, the page, explanations, warming.

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import { Registry } from 'prom-client';
import { createCache, type Explanation, type Report, type Stats, type WarmReport } from 'respcache';
import { statsRouter } from 'respcache/express';
import { describe, expect, it, vi } from 'vitest';
import { NEWEST, numbered, OF_EXPRESS, ON_REDIS, useBench } from './bench.js';
import { type Answer, type Arriving, type Ask, ask } from './client.js';
import { type Host, Layer, load, notHere } from './hosts.js';

const bench = useBench();

const json = <T>(answer: Answer): T => JSON.parse(answer.text) as T;
const ADMIN = { 'X-Admin': 'yes' };
const authorize = ({ headers }: { headers: NodeJS.Dict<string | string[]> }) => headers['x-admin'] === 'yes';
const post = (body: unknown, headers: Record<string, string> = {}): Ask => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...ADMIN, ...headers },
  body: JSON.stringify(body),
});
/** An event, however many pieces it comes in. */
async function nextOf(reading: Arriving): Promise<string> {
  let text = '';
  while (!text.endsWith('\n\n')) text += (await reading.next())?.toString() ?? '\n\n';
  return text;
}

const HOSTILE = '<img src=x onerror=alert(1)>"\'&';

describe.each(NEWEST)('operations: $label', (combination) => {
  async function started(options: Parameters<Host['stats']>[0] = { authorize }): Promise<Host> {
    const host = await bench.start(combination);
    host.use({});
    host.mount('/cache', host.stats(options));
    host.get('/users/:id', {}, numbered());
    host.get('/list', { key: 'users:list', tags: ['users'] }, numbered());
    host.get('/private', {}, numbered({ headers: { 'Cache-Control': 'private' } }));
    return host;
  }

  it('show figures by tenant and by route, each adding up, to whom authorize lets', async () => {
    const host = await started();
    const tenant = { headers: { 'X-Client-Id': 'acme' } };
    await host.texts('/users/1', 2, tenant);
    await host.texts('/users/2', 1, tenant);
    await host.texts('/list?page=1', 3);
    await host.texts('/private', 1);
    const open = await host.ask('/cache');
    expect(open.text).not.toMatch(/acme|users/);
    const report = json<Report>(await host.ask('/cache', { headers: ADMIN }));
    expect(report.authorized).toBe(true);
    expect(report.routes).toMatchObject({
      '/users/*': { hits: 1, misses: 2, hitRate: 33.33 },
      'users:list': { hits: 2, misses: 1 },
      '/private': { misses: 1, reasons: { private: 1 } },
    });
    expect(report.tenants).toMatchObject({ acme: { hits: 1, misses: 2 }, '': { hits: 2, misses: 2 } });
    for (const figures of [report.routes!, report.tenants!]) {
      const sum = Object.values(figures).reduce((all, { totalRequests }) => all + totalRequests, 0);
      expect(sum).toBe(report.totalRequests);
    }
  });

  it('are kept by no cache around them, whatever layers outside say of all answers', async () => {
    const host = await bench.start(combination);
    const field = ['Respcache-Cache-Control', 'max-age=60'] as const;
    const express: RequestHandler = (_req, res, next) => {
      res.set(...field);
      next();
    };
    const koa: Middleware = (ctx, next) => {
      ctx.set(...field);
      return next();
    };
    host.use(new Layer(express, koa));
    host.use({});
    host.mount('/cache', host.stats({ authorize }));
    for (let i = 0; i < 2; i++) {
      expect(json<Report>(await host.ask('/cache/', { headers: ADMIN }))).toHaveProperty('tenants');
      expect(json<Report>(await host.ask('/cache/'))).not.toHaveProperty('tenants');
    }
  });

  it('give metrics, in the registry of the application', async () => {
    const registry = new Registry();
    const host = await started({ registry });
    await host.texts('/users/1', 3);
    await host.texts('/private', 1);
    const answer = await host.ask('/cache/metrics');
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toBe(registry.contentType);
    const cache = `cache="${host.cache.settings.prefix}"`;
    for (const text of [answer.text, await registry.metrics()]) {
      expect(text).toContain(`respcache_requests_total{outcome="fresh",${cache}} 2\n`);
      expect(text).toContain(`respcache_requests_total{outcome="miss",${cache}} 2\n`);
      expect(text).toContain(`respcache_not_stored_total{reason="private",${cache}} 1\n`);
      expect(text).toContain(`respcache_hit_seconds_count{${cache}} 2\n`);
      expect(text).toContain(`respcache_hit_seconds_bucket{le="+Inf",${cache}} 2\n`);
      expect(text).not.toMatch(/users|tenant="/);
    }
    await host.cache.close();
    expect(await registry.metrics()).not.toContain(cache);
  });

  it('give metrics with names only to whom authorize lets', async () => {
    const host = await started({ authorize, registry: new Registry(), metricLabels: ['route', 'tenant'] });
    await host.texts('/users/1', 2, { headers: { 'X-Client-Id': 'acme' } });
    expect((await host.ask('/cache/metrics')).status).toBe(404);
    const { text } = await host.ask('/cache/metrics', { headers: ADMIN });
    expect(text).toMatch(/respcache_route_requests_total\{route="\/users\/\*",outcome="fresh",cache="[^"]+"\} 1\n/);
    expect(text).toMatch(/respcache_tenant_requests_total\{tenant="acme",outcome="miss",cache="[^"]+"\} 1\n/);
    expect(text).toMatch(/route="other"/);
  });

  it('name tenants as whoever named them does: what is shown can be asked for', async () => {
    const host = await started({ authorize, registry: new Registry(), metricLabels: ['tenant'] });
    const names = ['a b:c*', 'other', '%0041', '__proto__'];
    for (const name of names) await host.texts('/list', 1, { headers: { 'X-Client-Id': name } });
    const shown = await host.ask('/cache', { headers: ADMIN });
    expect(Object.keys(json<Report>(shown).tenants!).sort()).toEqual([...names].sort());
    const { text } = await host.ask('/cache/metrics', { headers: ADMIN });
    const of = (name: string) => `respcache_tenant_requests_total{tenant="${name}",outcome="miss",`;
    for (const name of names) expect(text.split(of(name)), name).toHaveLength(2);
    expect(text).toContain(`${of('other')}cache="${host.cache.settings.prefix}"} 1\n`);
  });

  it('show no names through another router on the same registry, to whom that one does not let', async () => {
    const registry = new Registry();
    const host = await started({ authorize, registry, metricLabels: ['tenant'] });
    host.mount('/open', host.stats({ registry }));
    await host.texts('/users/1', 1, { headers: { 'X-Client-Id': 'acme' } });
    expect((await host.ask('/open/metrics', { headers: ADMIN })).status).toBe(404);
    expect((await host.ask('/cache/metrics', { headers: ADMIN })).text).toContain('tenant="acme"');
  });

  it('send the figures as events, one after the other, and no tenants to whom authorize does not let', async () => {
    const host = await started();
    await host.texts('/users/1', 2, { headers: { 'X-Client-Id': 'acme' } });
    const reading = await host.begin('/cache/events');
    expect(reading.head.status).toBe(200);
    expect(reading.head.header('content-type')).toMatch(/^text\/event-stream/);
    for (let i = 0; i < 2; i++) {
      const event = await nextOf(reading);
      expect(event).toMatch(/^event: stats\ndata: \{.*\}\n\n$/);
      expect(event).not.toContain('acme');
      expect(JSON.parse(event.slice(event.indexOf('{')))).toMatchObject({ hits: 1, authorized: false });
    }
    reading.abort();
    expect(host.cache.getStats().totalRequests).toBe(2);
  });

  it('read the figures once for all who follow them', async () => {
    const host = await started();
    const reports = vi.spyOn(host.cache.statistics, 'report');
    // For each of them it is the same moment.
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const readings = await Promise.all([0, 1, 2].map(() => host.begin('/cache/events?scope=fleet')));
      // Of several the last one.
      const told = async () =>
        (await Promise.all(readings.map(nextOf))).map((events) => events.slice(events.lastIndexOf('event: ')));
      const [first, ...others] = await told();
      expect(others).toEqual([first, first]);
      expect(reports).toHaveBeenCalledTimes(1);
      vi.advanceTimersByTime(1000);
      while (reports.mock.calls.length === 1) await told();
      await told();
      expect(reports).toHaveBeenCalledTimes(2);
      const authorized = await host.begin('/cache/events?scope=fleet', { headers: ADMIN });
      expect(await nextOf(authorized)).toContain('"authorized":true');
      for (const each of [...readings, authorized]) each.abort();
    } finally {
      vi.useRealTimers();
    }
  });

  it('send the events to whom authorize lets, however many others hold on to theirs', async () => {
    const host = await started();
    const others = await Promise.all(Array.from({ length: 50 }, () => host.begin('/cache/events')));
    expect(others.map(({ head }) => head.status)).toEqual(others.map(() => 200));
    expect((await host.ask('/cache/events')).status).toBe(503);
    const own = await host.begin('/cache/events', { headers: ADMIN });
    expect(own.head.status).toBe(200);
    for (const each of [...others, own]) each.abort();
  });

  it('name no tenants in the events once whoever reads them is no longer let', async () => {
    let sessions = 1;
    const host = await started({ authorize: () => sessions > 0 });
    const reading = await host.begin('/cache/events');
    await host.texts('/users/1', 1, { headers: { 'X-Client-Id': 'acme' } });
    for (let event = ''; !event.includes('acme'); ) event = await nextOf(reading);
    sessions = 0;
    // Some may have been on their way.
    let last = '';
    while (!last.includes('"authorized":false')) last = await nextOf(reading);
    for (const event of [last.slice(last.lastIndexOf('event: ')), await nextOf(reading)])
      expect(event).not.toMatch(/acme|users/);
    reading.abort();
  });

  it('send the events at once where a layer outside compresses what it is given, which gathers it first', async () => {
    const host = await bench.start(combination);
    const compression = load<() => RequestHandler>('compression');
    const koaCompress = load<() => Middleware>('koa-compress');
    host.use(new Layer(compression(), koaCompress()));
    host.mount('/cache', host.stats());
    const reading = await host.begin('/cache/events', { headers: { 'Accept-Encoding': 'gzip' } });
    expect(reading.head.header('content-encoding')).toBeUndefined();
    expect(await nextOf(reading)).toMatch(/^event: stats\n/);
    reading.abort();
  });

  it('tell nobody of a page that goes, which is no error', async () => {
    const host = await started();
    const reading = await host.begin('/cache/events');
    await nextOf(reading);
    const server = await host.server();
    const connections = promisify(server.getConnections.bind(server));
    reading.abort();
    await vi.waitFor(async () => expect(await connections()).toBe(0), { interval: 5 });
    // Whatever comes of that has come by now.
    expect((await host.ask('/cache/health')).status).toBe(200);
    expect(host.errors).toEqual([]);
  });

  it('end the events when the cache is closed', async () => {
    const host = await started();
    const reading = await host.begin('/cache/events');
    await nextOf(reading);
    await host.cache.close();
    expect((await reading.rest()).complete).toBe(true);
    // A page that comes again before the server ends would hold it up.
    expect((await host.ask('/cache/events')).status).toBe(503);
  });

  it('end the events when the server takes no more requests, which waits for them', async () => {
    const host = await started();
    const reading = await host.begin('/cache/events');
    await nextOf(reading);
    const server = await host.server();
    const closed = once(server, 'close');
    server.close();
    expect((await reading.rest()).complete).toBe(true);
    server.closeIdleConnections();
    await closed;
  });

  it('have a page that takes nothing from elsewhere, and can be framed by nobody', async () => {
    const host = await started({});
    const answer = await host.ask('/cache/dashboard');
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toBe('text/html; charset=utf-8');
    const policy = answer.header('content-security-policy')!;
    expect(policy).toMatch(/default-src 'none'/);
    expect(policy).toMatch(/frame-ancestors 'none'/);
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)![1]!;
    for (const [tag] of answer.text.matchAll(/<(?:script|style)\b[^>]*>/g)) expect(tag).toContain(`nonce="${nonce}"`);
    expect((await host.ask('/cache/dashboard')).header('content-security-policy')).not.toBe(policy);
    expect(answer.header('x-content-type-options')).toBe('nosniff');
  });

  it('explain what would happen to a request, to whom authorize lets', async () => {
    const host = await started();
    // Behind a proxy that says so, as whoever asks for the explanation is.
    const proxied = { 'X-Forwarded-Proto': 'https' };
    const asked = { headers: { 'X-Client-Id': 'acme', ...proxied } };
    await host.texts('/users/1', 1, asked);
    expect((await host.ask('/cache/explain?url=/users/1&tenant=acme')).status).toBe(404);
    const of = async (query: string) =>
      json<Explanation>(await host.ask(`/cache/explain?${query}`, { headers: { ...ADMIN, ...proxied } }));
    expect(await of('url=/users/1&tenant=acme')).toMatchObject({
      outcome: 'hit',
      tenant: 'acme',
      entry: { status: 200 },
    });
    expect(await of('url=/users/1')).toMatchObject({ outcome: 'miss' });
    await host.cache.invalidateTenant('acme');
    expect(await of('url=/users/1&tenant=acme')).toMatchObject({ outcome: 'miss', killedBy: { by: 'tenant' } });
    for (const query of ['', '?url=', '?url=x', '?url=javascript:alert(1)', '?url=http://['])
      expect((await host.ask(`/cache/explain${query}`, { headers: ADMIN })).status, query).toBe(400);
    // No URL can be made of these.
    for (const of of ['a b', 'api.example.com:99999', '['])
      expect((await host.ask('/cache/explain?url=/users/1', { headers: { ...ADMIN, Host: of } })).status, of).toBe(400);
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 1 });
  });

  it('give back hostile names as JSON that no browser takes for a page', async () => {
    const host = await started();
    const hostile = encodeURIComponent(HOSTILE);
    await host.texts(`/users/${hostile}`, 1, { headers: { 'X-Client-Id': HOSTILE } });
    for (const path of ['/cache', `/cache/explain?url=/${hostile}&tenant=${hostile}`]) {
      const answer = await host.ask(path, { headers: ADMIN });
      expect(answer.status, path).toBe(200);
      expect(answer.header('content-type')).toMatch(/^application\/json\b/);
      expect(answer.header('x-content-type-options')).toBe('nosniff');
    }
  });

  it('fill the cache by running the application', async () => {
    const host = await started();
    expect(
      (await host.ask('/cache/warm', { ...post({ urls: ['/list'] }), headers: { 'Content-Type': 'application/json' } }))
        .status,
    ).toBe(404);
    const warm = async (body: object) => json<WarmReport>(await host.ask('/cache/warm', post(body)));
    const wanted = { urls: ['/list', '/private'], tenants: ['acme', 'b'] };
    expect(await warm(wanted)).toEqual({
      ...{ requested: 4, warmed: 2, fresh: 0, uncacheable: 2, failed: 0 },
      problems: [
        { url: '/private', tenant: 'acme', reason: 'private' },
        { url: '/private', tenant: 'b', reason: 'private' },
      ],
    });
    expect(await warm(wanted)).toMatchObject({ warmed: 0, fresh: 2 });
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 0 });
    const answer = await host.ask('/list', { headers: { 'X-Client-Id': 'acme' } });
    expect(answer.header('cache-status')).toMatch(/^respcache; hit/);
    for (const body of [{}, { urls: 'x' }, { urls: ['/x'], concurrency: 1000 }])
      expect((await host.ask('/cache/warm', post(body))).status, JSON.stringify(body)).toBe(400);
  });

  it('refuse bodies that say something else, and change nothing then', async () => {
    const host = await started();
    await host.texts('/list', 1);
    const send = (path: string, body: string) => host.ask(`/cache${path}`, { ...post({}), body });
    for (const path of ['/clear', '/invalidate', '/warm'])
      for (const body of ['{', 'null', '[]', '"x"', '{"tenant":"acme","keis":[]}', `{"x":"${'x'.repeat(70_000)}"}`])
        expect((await send(path, body)).status, `${path} ${body.slice(0, 30)}`).toBe(400);
    // Who means one tenant must not lose all.
    expect((await send('/clear', '{"tenant":"acme"}')).text).toContain('unknown: tenant');
    expect((await send('/warm', '{}')).text).toContain('is {}; it takes urls');
    expect(await host.texts('/list', 1)).toEqual(['run 1']);
    expect((await send('/clear', '')).status).toBe(200);
    expect(await host.texts('/list', 1)).toEqual(['run 2']);
  });

  it.each<[Record<string, string>, number]>([
    [{ 'Sec-Fetch-Site': 'cross-site' }, 403],
    [{ 'Sec-Fetch-Site': 'same-site' }, 403],
    [{ Origin: 'https://evil.example' }, 403],
    [{ Origin: 'null' }, 403],
    [{ 'Sec-Fetch-Site': 'same-origin', Origin: 'https://behind-a-proxy.example' }, 200],
    [{ 'Sec-Fetch-Site': 'none' }, 200],
    [{ Host: 'admin.example', Origin: 'https://admin.example' }, 200],
    // As proxies write it.
    [{ Host: 'Admin.example:443', Origin: 'https://admin.example' }, 200],
    [{ 'X-Forwarded-Host': 'admin.example, inner:8080', Origin: 'http://admin.example' }, 200],
    [{ 'X-Forwarded-Host': 'inner:8080, admin.example', Origin: 'http://admin.example' }, 403],
    [{ Host: 'admin.example:443', Origin: 'http://admin.example' }, 403],
    [{ Host: 'evil.example@admin.example', Origin: 'http://evil.example' }, 403],
    [{}, 200],
  ])('take changes only from their own page, or from no page: %j: %i', async (headers, status) => {
    const host = await started();
    for (const [path, body] of [
      ['/clear', {}],
      ['/invalidate', { tags: ['x'] }],
      ['/warm', { urls: ['/list'] }],
    ] as const)
      expect((await host.ask(`/cache${path}`, post(body, headers))).status, path).toBe(status);
  });

  it('say so where the cache is only a little ill', async () => {
    const host = await bench.start(combination, { degradedErrors: 1, unhealthyErrors: 3, errorWindow: 30 });
    host.mount('/cache', host.stats());
    const tags = () => {
      throw new Error('as it is');
    };
    host.get('/x', { tags }, numbered());
    const health = async () => {
      const answer = await host.ask('/cache/health');
      return [answer.status, json<{ status: string }>(answer).status];
    };
    await host.ask('/x');
    expect(await health()).toEqual([200, 'degraded']);
    await host.texts('/x', 2);
    expect(await health()).toEqual([503, 'unhealthy']);
    host.clock.forward(30);
    expect(await health()).toEqual([200, 'healthy']);
  });
});

describe.each(ON_REDIS)('the figures of all processes: $label', (combination) => {
  it('are those of each, added up', async () => {
    const host = await bench.start(combination);
    const other = await bench.beside(combination, host);
    for (const each of [host, other]) {
      each.use({});
      each.mount('/cache', each.stats({ authorize }));
      each.get('/users/:id', {}, numbered());
    }
    await host.texts('/users/1', 2, { headers: { 'X-Client-Id': 'acme', Host: 'same' } });
    await other.texts('/users/1', 3, { headers: { 'X-Client-Id': 'acme', Host: 'same' } });
    const fleet = async (of: Host) => json<Report>(await of.ask('/cache?scope=fleet', { headers: ADMIN }));
    expect(await fleet(host)).toMatchObject({ scope: 'fleet', processes: 1, totalRequests: 2 });
    await Promise.all([host.cache.statistics.publish(), other.cache.statistics.publish()]);
    for (const each of [host, other]) {
      const report = await fleet(each);
      expect(report).toMatchObject({ scope: 'fleet', processes: 2, hits: 4, misses: 1, totalRequests: 5 });
      expect(report.tenants).toMatchObject({ acme: { totalRequests: 5 } });
      expect(report.timeline.slots).toMatchObject([{ outcomes: { fresh: 4, miss: 1 } }]);
    }
    expect(json<Report>(await host.ask('/cache'))).toMatchObject({ scope: 'process', processes: 1, totalRequests: 2 });
    await other.cache.close();
    expect(await fleet(host)).toMatchObject({ processes: 1, totalRequests: 2 });
    // A process of another version tells something that this one does not know, and a damaged text tells nothing.
    const { client } = host.cache.services.backend.link!;
    const index = `${host.cache.settings.prefix}{respcache}:stats`;
    for (const [id, text] of [
      ['newer', '{"version":2,"counted":{"all":{"fresh":1}},"facts":{"since":1}}'],
      ['damaged', '{"version":1'],
    ] as const)
      await Promise.all([client.set(`${index}:${id}`, text), client.zadd(index, '9999999999999', id)]);
    expect(await fleet(host)).toMatchObject({ scope: 'fleet', processes: 1, totalRequests: 2 });
  });
});

describe.each(OF_EXPRESS)('operations: $label', (combination) => {
  it('leave what a layer outside throws as an answer leaves to the error handlers', async () => {
    const host = await bench.start(combination);
    let fails = true;
    const failing: RequestHandler = (_req, res, next) => {
      const { end } = res;
      res.end = ((...given: Parameters<typeof end>) => {
        if (!fails) return end.apply(res, given);
        fails = false;
        throw new Error('a layer');
      }) as typeof end;
      next();
    };
    host.use(new Layer(failing, notHere));
    host.mount('/cache', host.stats());
    expect((await host.ask('/cache')).status).toBe(500);
    expect((await host.ask('/cache')).status).toBe(200);
  });
});

describe('operations before a plain listener, as in other routers', () => {
  it.each([
    ['as Node has it', {}, '/health?x=1'],
    ['below a mount that takes its path off', { originalUrl: '/cache/health?x=1' }, '/health?x=1'],
    ['below a mount that leaves nothing', { originalUrl: '/cache?scope=fleet' }, '?scope=fleet'],
  ])('answer to a URL %s', async (_, more, url) => {
    const cache = createCache({ redis: false });
    const router = statsRouter({ cache }) as unknown as (req: object, res: ServerResponse, next: () => void) => void;
    const server = createServer((req, res) => {
      router(Object.assign(req, more, { url }), res, () => res.writeHead(404).end());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const answer = await ask((server.address() as AddressInfo).port, '/');
    expect([answer.status, json<Stats>(answer)]).toEqual([200, expect.any(Object)]);
    server.close();
    await cache.close();
  });
});
