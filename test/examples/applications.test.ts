import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cache, createCache } from 'respcache';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDatabase } from '../../examples/data/store.js';
import { createApp as createExpress } from '../../examples/express/app.js';
import { createApp as createKoa } from '../../examples/koa/app.js';
import { type RedisServer, startRedis } from '../support/redis.js';

type Database = ReturnType<typeof createDatabase>;
type Services = Parameters<typeof createExpress>[0];

const frameworks = {
  Express: (services: Services) => createExpress(services),
  Koa: (services: Services) => createKoa(services).callback(),
};
const applications = (['Express', 'Koa'] as const).flatMap((framework) =>
  (['memory', 'redis'] as const).map((store) => ({ framework, store })),
);

const LIST = '/zones?region=europe&page=1';
const ZONE = '/zones/europe-berlin';
const OTHER = '/zones/europe-paris';
const STATS = '/stats';
const NEW = '/zones/etc-moonbase';
const TOKEN = 'a token of the test';
const draft = {
  name: 'Etc/Moonbase',
  label: 'Moonbase Time',
  region: 'europe',
  country: 'Moon',
  countryCode: 'XM',
  offset: 7,
  abbreviation: 'MBT',
  cities: ['Tranquility'],
};
const whole = { label: 'Berlin Time', abbreviation: 'BT', offset: 7, cities: ['Bonn'] };

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.stop());

describe.each(applications)('the $framework application on $store', ({ framework, store }) => {
  let cache: Cache;
  let database: Database;
  let server: Server;
  let origin: string;

  beforeEach(async () => {
    cache = createCache({ redis: store === 'redis' ? redis.url : false, timeout: 2000 });
    await serve(createDatabase({ latency: 0 }));
  });

  afterEach(async () => {
    await stop();
    await cache.close();
    if (store === 'redis') await redis.command('FLUSHALL');
  });

  async function serve(data: Database, adminToken: string | undefined = TOKEN): Promise<void> {
    database = data;
    server = createServer(frameworks[framework]({ cache, database, adminToken })).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function stop(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async function send(tenant: string | undefined, method: string, path: string, init: RequestInit = {}) {
    const headers = { ...(tenant === undefined ? {} : { 'x-client-id': tenant }), ...init.headers };
    const response = await fetch(origin + path, { method, ...init, headers });
    const text = await response.text();
    const said = response.headers.get('cache-status') ?? '';
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: () => JSON.parse(text),
      said,
      cache: said.includes('; hit') ? 'hit' : said.includes('; stored') ? 'stored' : 'neither',
    };
  }

  const get = (tenant: string, path: string, headers: Record<string, string> = {}) =>
    send(tenant, 'GET', path, { headers });

  const write = (tenant: string, method: string, path: string, body: unknown) =>
    send(tenant, method, path, {
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  const manage = (path: string, token: string | undefined, body: unknown = {}) =>
    send(undefined, 'POST', path, {
      headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: token }) },
      body: JSON.stringify(body),
    });

  /** Asks for everything once, and says for each path whether it is served from the cache now. */
  async function kept(tenant: string, paths: readonly string[]): Promise<Record<string, boolean>> {
    const entries: [string, boolean][] = [];
    for (const path of paths) entries.push([path, (await get(tenant, path)).cache === 'hit']);
    return Object.fromEntries(entries);
  }

  describe('a read', () => {
    it.each([LIST, ZONE, STATS])('of %s reads the database once', async (path) => {
      const first = await get('acme', path);
      const second = await get('acme', path);
      expect([first.cache, second.cache]).toEqual(['stored', 'hit']);
      expect(second.text).toBe(first.text);
      expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
      expect(database.reads).toBe(1);
    });

    it('filters, sorts and pages', async () => {
      const page = (await get('acme', '/zones?region=europe&sort=-offset&page=2&limit=3')).json();
      expect(page).toEqual(await database.list('acme', { region: 'europe', sort: '-offset', page: 2, limit: 3 }));
      expect(page.items).toHaveLength(3);
    });

    it('is the same whatever the order of its query, and with what a newsletter adds', async () => {
      const { text } = await get('acme', LIST);
      for (const path of ['/zones?page=1&region=europe', `${LIST}&utm_source=mail`]) {
        expect(await get('acme', path)).toMatchObject({ cache: 'hit', text });
      }
      expect((await get('acme', '/zones?region=europe&page=2')).cache).toBe('stored');
    });

    it('is a 304 for who has it already', async () => {
      const etag = (await get('acme', LIST)).headers.get('etag')!;
      expect(await get('acme', LIST, { 'if-none-match': etag })).toMatchObject({ status: 304, cache: 'hit', text: '' });
      expect(database.reads).toBe(1);
    });

    it('answers HEAD from the stored GET', async () => {
      const { headers } = await get('acme', ZONE);
      const head = await send('acme', 'HEAD', ZONE);
      expect(head).toMatchObject({ status: 200, cache: 'hit', text: '' });
      expect(head.headers.get('content-length')).toBe(headers.get('content-length'));
    });

    it('with a cookie passes the cache by', async () => {
      await get('acme', ZONE);
      const answer = await get('acme', ZONE, { cookie: 'session=1' });
      expect(answer.said).toBe('respcache; fwd=bypass; detail=cookie');
      expect(database.reads).toBe(2);
    });

    it('of a zone that does not exist is a 404, kept too', async () => {
      expect(await get('acme', '/zones/nowhere')).toMatchObject({ status: 404, cache: 'stored' });
      const second = await get('acme', '/zones/nowhere');
      expect(second).toMatchObject({ status: 404, cache: 'hit' });
      expect(second.json()).toEqual({ error: 'no such zone' });
      expect(database.reads).toBe(1);
    });
  });

  describe('tenants', () => {
    it('have caches of their own', async () => {
      for (const path of [LIST, ZONE, STATS]) await get('acme', path);
      expect(await kept('globex', [LIST, ZONE, STATS])).toEqual({ [LIST]: false, [ZONE]: false, [STATS]: false });
      expect(database.reads).toBe(6);
    });

    it('never see what another one has written', async () => {
      const before = (await get('globex', ZONE)).text;
      await write('acme', 'PATCH', ZONE, { label: 'Acme Time' });
      expect((await get('acme', ZONE)).json().label).toBe('Acme Time');
      expect((await get('globex', ZONE)).text).toBe(before);
      await write('globex', 'PATCH', ZONE, { label: 'Globex Time' });
      expect((await get('globex', ZONE)).json().label).toBe('Globex Time');
      expect((await get('acme', ZONE)).json().label).toBe('Acme Time');
    });

    it.each([undefined, 'umbra', 'ACME', 'acme, globex', ''])('are known: %j is answered with 400', async (tenant) => {
      const answer = await send(tenant, 'GET', ZONE);
      expect(answer.status).toBe(400);
      expect(answer.json()).toEqual({ error: 'x-client-id: takes one of acme, globex' });
      expect(answer.said).toBe('');
      expect(database.reads).toBe(0);
    });
  });

  describe('a write', () => {
    const seen = [LIST, '/zones?sort=-offset', ZONE, OTHER, STATS];

    it.each([
      ['PATCH', { label: 'Berlin Time' }, 200],
      ['PUT', whole, 200],
      ['DELETE', '', 204],
    ])('%s invalidates the zone, all lists and the statistics, and no other zone', async (method, body, status) => {
      await kept('acme', seen);
      expect((await write('acme', method, ZONE, body)).status).toBe(status);
      expect(await kept('acme', seen)).toEqual({
        ...Object.fromEntries(seen.map((path) => [path, false])),
        [OTHER]: true,
      });
    });

    it.each([
      ['PATCH', ZONE, { label: 'Berlin Time' }],
      ['DELETE', ZONE, ''],
      ['POST', '/zones', draft],
    ])('%s %s leaves what is kept for another tenant', async (method, path, body) => {
      await kept('globex', seen);
      const { reads } = database;
      expect((await write('acme', method, path, body)).status).toBeLessThan(300);
      expect(await kept('globex', seen)).toEqual(Object.fromEntries(seen.map((each) => [each, true])));
      expect(database.reads).toBe(reads);
    });

    it('is seen in the zone, in the list and in the statistics', async () => {
      await kept('acme', seen);
      const before = (await get('acme', STATS)).json();
      expect((await write('acme', 'PUT', ZONE, whole)).json()).toMatchObject(whole);
      expect((await get('acme', ZONE)).json()).toMatchObject(whole);
      const { items } = (await get('acme', LIST)).json() as { items: { id: string }[] };
      expect(items.find(({ id }) => id === 'europe-berlin')).toMatchObject(whole);
      expect((await get('acme', STATS)).json().offsets).toBe(before.offsets + 1);
    });

    it('that creates a zone ends the 404 that was kept for it', async () => {
      expect((await get('acme', NEW)).status).toBe(404);
      const { total } = (await get('acme', LIST)).json();
      const created = await write('acme', 'POST', '/zones', draft);
      expect(created.status).toBe(201);
      expect(created.headers.get('location')).toBe(NEW);
      expect((await get('acme', NEW)).json()).toEqual(created.json());
      expect((await get('acme', LIST)).json().total).toBe(total + 1);
    });

    it('that creates a zone leaves the other zones', async () => {
      await kept('acme', seen);
      await write('acme', 'POST', '/zones', draft);
      expect(await kept('acme', seen)).toMatchObject({ [ZONE]: true, [OTHER]: true, [LIST]: false, [STATS]: false });
    });

    it('that removes a zone makes it unknown', async () => {
      await get('acme', ZONE);
      expect(await send('acme', 'DELETE', ZONE)).toMatchObject({ status: 204, text: '' });
      expect((await get('acme', ZONE)).status).toBe(404);
    });

    it.each([
      ['PATCH', ZONE, { offset: 'noon' }, 400],
      ['PUT', ZONE, { label: 'Berlin Time' }, 400],
      ['PATCH', ZONE, '{"label":', 400],
      ['PATCH', '/zones/nowhere', { label: 'x' }, 404],
      ['DELETE', '/zones/nowhere', '', 404],
      ['POST', '/zones', { ...draft, name: 'Europe/Berlin' }, 409],
    ])('%s %s with %j fails and invalidates nothing', async (method, path, body, status) => {
      await kept('acme', seen);
      const answer = await write('acme', method, path, body);
      expect(answer.status).toBe(status);
      expect(answer.json()).toEqual({ error: expect.any(String) });
      expect(await kept('acme', seen)).toEqual(Object.fromEntries(seen.map((each) => [each, true])));
    });

    it('is not undone by a read that began before it', async () => {
      await stop();
      const data = createDatabase({ latency: 0 });
      const gate = new EventEmitter();
      const began = once(gate, 'began');
      const opened = once(gate, 'open');
      const find: Database['find'] = async (tenant, id) => {
        const zone = await data.find(tenant, id);
        gate.emit('began');
        await opened;
        return zone;
      };
      await serve({ ...data, find });
      const read = get('acme', ZONE);
      await began;
      await write('acme', 'PATCH', ZONE, { label: 'Berlin Time' });
      gate.emit('open');
      expect((await read).json().label).toBe('Central European Time');
      expect(await get('acme', ZONE)).toMatchObject({ cache: 'stored', text: expect.stringContaining('Berlin Time') });
    });
  });

  describe('an error', () => {
    it.each([
      ['/zones?limit=0', /^limit: got '0', takes a whole number/],
      ['/zones?region=atlantis', /^region: got 'atlantis', takes one of/],
      ['/zones?sort=name&sort=label', /^sort: got/],
    ])('in the query %s is told, and not kept', async (path, message) => {
      for (const answer of [await get('acme', path), await get('acme', path)]) {
        expect(answer).toMatchObject({ status: 400, cache: 'neither' });
        expect(answer.json()).toEqual({ error: expect.stringMatching(message) });
      }
    });

    it('in a body is told', async () => {
      const answer = await write('acme', 'PUT', ZONE, { label: 'x', offset: 1 });
      expect(answer.status).toBe(400);
      expect(answer.json()).toEqual({
        error: 'PUT takes label, abbreviation, offset, cities: no abbreviation, cities given',
      });
    });

    it('for a path that there is not is JSON too', async () => {
      const answer = await get('acme', '/nothing/here');
      expect(answer.status).toBe(404);
      expect(answer.json()).toEqual({ error: 'not found' });
    });

    it('of the database is a 500 that gives nothing away, and is not kept', async () => {
      await stop();
      const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
      const stats = () => Promise.reject(new Error('secret detail'));
      await serve({ ...createDatabase({ latency: 0 }), stats });
      for (const answer of [await get('acme', STATS), await get('acme', STATS)]) {
        expect(answer).toMatchObject({ status: 500, cache: 'neither' });
        expect(answer.json()).toEqual({ error: 'internal error' });
      }
      expect(String(logged.mock.calls)).toContain('secret detail');
      logged.mockRestore();
    });
  });

  describe('the statistics', () => {
    it('count what was asked, and not themselves', async () => {
      await get('acme', ZONE);
      await get('acme', ZONE);
      await send(undefined, 'GET', '/cache');
      await vi.waitFor(async () => expect((await send(undefined, 'GET', '/cache')).json().sets).toBe(1), {
        interval: 5,
      });
      expect((await send(undefined, 'GET', '/cache')).json()).toMatchObject({
        hits: 1,
        misses: 1,
        sets: 1,
        deletes: 0,
        errors: 0,
        totalRequests: 2,
        hitRate: 50,
        averageHitTime: expect.any(Number),
        averageSetTime: expect.any(Number),
      });
    });

    it('tell how the cache is', async () => {
      const answer = await send(undefined, 'GET', '/cache/health');
      expect(answer.status).toBe(200);
      expect(answer.json()).toMatchObject({ status: 'healthy', store, reachable: true });
    });

    it.each([undefined, 'Bearer', 'Bearer ', 'Bearer wrong', TOKEN])('are closed for the token %j', async (token) => {
      await get('acme', ZONE);
      const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
      expect((await send(undefined, 'GET', '/cache', { headers })).json()).not.toHaveProperty('tenants');
      expect((await manage('/cache/clear', token)).status).toBe(404);
      expect((await manage('/cache/invalidate', token, { tags: ['stats'] })).status).toBe(404);
      expect((await get('acme', ZONE)).cache).toBe('hit');
    });

    it.each(['', undefined])('are closed for all if there is no token (%j)', async (none) => {
      await stop();
      vi.stubEnv('ADMIN_TOKEN', undefined);
      await serve(createDatabase({ latency: 0 }), none);
      vi.unstubAllEnvs();
      for (const token of [undefined, 'Bearer ', 'Bearer undefined']) {
        expect((await manage('/cache/clear', token)).status).toBe(404);
      }
    });

    it('show tenants to who has the token', async () => {
      await get('acme', ZONE);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { tenants } = (await send(undefined, 'GET', '/cache', { headers })).json();
      expect(tenants.acme).toMatchObject({ misses: 1, totalRequests: 1 });
    });

    it('invalidate and clear for who has the token', async () => {
      await kept('acme', [ZONE, STATS]);
      await manage('/cache/invalidate', `Bearer ${TOKEN}`, { tenant: 'acme', tags: ['stats'] });
      expect(await kept('acme', [ZONE, STATS])).toEqual({ [ZONE]: true, [STATS]: false });
      expect((await manage('/cache/clear', `Bearer ${TOKEN}`)).json()).toMatchObject({ durable: true });
      expect(await kept('acme', [ZONE, STATS])).toEqual({ [ZONE]: false, [STATS]: false });
    });
  });
});
