// Every example of the pages that have no test of their own, run as a user runs it.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createCache } from 'respcache';
import { sessionStore } from 'respcache/koa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startCluster, startRedis } from '../support/redis.js';
import { Snippets } from './snippets.js';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
const NAMES = [
  'getting-started',
  'keys-and-tenants',
  'stores-and-tiers',
  'security',
  'performance',
  'scaling',
  'compression',
  'recipes',
] as const;
const texts = Object.fromEntries(NAMES.map((name) => [name, read(name)])) as Record<(typeof NAMES)[number], string>;
const pages = Object.fromEntries(NAMES.map((name) => [name, new Snippets(texts[name])])) as Record<
  (typeof NAMES)[number],
  Snippets
>;
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const page of Object.values(pages)) page.close();
  await redis.stop();
});

const ask = async (url: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
  const response = await fetch(url, { ...init, headers });
  return { response, text: await response.text(), status: response.headers.get('cache-status') ?? '' };
};

/** What a URL answers, twice, and whether the second answer was the first. */
async function isHit(url: string, headers: Record<string, string>, other = headers): Promise<boolean> {
  const first = await ask(url, headers);
  const second = await ask(url, other);
  expect(second.status.includes('respcache; hit')).toBe(first.text === second.text);
  return first.text === second.text;
}

describe.concurrent('the pages', () => {
  it.each(NAMES)('%s.md has no code that is not run here', (name) => {
    const ran: Record<(typeof NAMES)[number], string[]> = {
      'getting-started': ['first', 'tenants', 'redis'],
      'keys-and-tenants': ['tenants', 'identity'],
      'stores-and-tiers': ['targets'],
      security: [],
      performance: [],
      scaling: [],
      compression: ['compress'],
      recipes: ['search', 'negative', 'accept', 'languages', 'webhook', 'stale', 'cdn', 'parts', 'testing', 'shutdown'],
    };
    expect(texts[name].match(/^```(js|ts|javascript|typescript)$/gm) ?? []).toHaveLength(pages[name].code.size);
    expect([...pages[name].code.keys()]).toEqual(ran[name]);
  });

  it('the Portuguese pages have the same code', () => {
    const translated = new Snippets(read('pt-br/getting-started'));
    expect([...translated.code]).toEqual([...pages['getting-started'].code]);
    translated.close();
    const readme = (name: string) => new Snippets(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
    const [own, other] = [readme('README.md'), readme('README.pt-BR.md')];
    expect(other.code.size).toBeGreaterThan(3);
    for (const [name, code] of other.code) expect(code, name).toBe(own.code.get(name));
    own.close();
    other.close();
  });

  it('compression: the second answer is in a form that its client reads', async () => {
    const { address } = await pages.compression.serve('compress');
    const get = (path: string) => fetch(`${address}${path}`, { headers: { 'Accept-Encoding': 'gzip' } });
    const first = await get('/cities');
    expect(first.headers.get('content-encoding')).toBeNull();
    await vi.waitFor(() => expect(pages.compression.output('compress')).toContain('gzip'), { timeout: 10_000 });
    const second = await get('/cities');
    expect(second.headers.get('content-encoding')).toBe('gzip');
    expect(second.headers.get('vary')).toContain('Accept-Encoding');
    expect(await second.text()).toBe(await first.text());
    expect((await get('/own')).headers.get('vary')).not.toContain('Accept-Encoding');
  });

  it('security.md names tests that are there', () => {
    const named = [...texts.security.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(5);
    for (const path of named)
      expect(() => readFileSync(new URL(`../../${path}`, import.meta.url))).not.toThrow('ENOENT');
  });

  it('getting-started: the first hit', async () => {
    const { address } = await pages['getting-started'].serve('first');
    const url = `${address}/users`;
    expect((await ask(url)).status).toBe('respcache; fwd=uri-miss; stored');
    expect((await ask(url)).status).toMatch(/^respcache; hit; ttl=/);
    expect((await ask(url, {}, { method: 'POST' })).response.status).toBe(201);
    expect((await ask(url)).status).toBe('respcache; fwd=uri-miss; stored');
    expect(JSON.parse((await ask(`${address}/cache`)).text)).toMatchObject({ hits: 1 });
  });

  it('getting-started: tenants by host', async () => {
    const { address } = await pages['getting-started'].serve('tenants');
    expect((await ask(address)).text).toBe('Hello, 127.0.0.1');
    expect((await ask(address)).status).toContain('hit');
  });

  it('getting-started: Redis', async () => {
    expect(await pages['getting-started'].run('redis', { REDIS_URL: redis.url, CACHE_PREFIX: 'started:' })).toBe(
      "[ { name: 'Ada' } ]\ntrue undefined\n",
    );
  });

  it('keys-and-tenants: a tenant that is needed', async () => {
    const { address } = await pages['keys-and-tenants'].serve('tenants');
    const url = `${address}/orders`;
    expect(await isHit(url, { 'x-tenant': 'Acme' }, { 'x-tenant': 'acme' })).toBe(true);
    expect((await ask(url, { 'x-tenant': 'globex' })).status).toContain('uri-miss');
    expect((await ask(url)).status).toBe('respcache; fwd=bypass; detail=tenant');
  });

  it('keys-and-tenants: who may share', async () => {
    const { address } = await pages['keys-and-tenants'].serve('identity');
    const [ada, bob] = [{ authorization: 'Bearer ada' }, { authorization: 'Bearer bob' }];
    expect(await isHit(`${address}/me`, ada)).toBe(true);
    expect(await isHit(`${address}/me`, ada, bob)).toBe(false);
    expect(await isHit(`${address}/usage`, { 'x-api-key': 'a' })).toBe(true);
    expect(await isHit(`${address}/usage`, { 'x-api-key': 'a' }, { 'x-api-key': 'b' })).toBe(false);
  });

  it('stores-and-tiers: where Redis is', async () => {
    expect(await pages['stores-and-tiers'].run('targets', { REDIS_URL: redis.url, CACHE_PREFIX: 'targets:' })).toBe(
      '[ 1, 1, 1 ]\nPONG\n',
    );
  });

  it('security: the ACL user is enough, and is needed', async () => {
    const [, line = ''] = texts.security.match(/keys \(`(.*?)`, with/) ?? [];
    const [, commands = ''] = texts.security.match(/`(\+@read[^`]*)`/) ?? [];
    const rules = `${line} ${commands}`.split(' ');
    expect(rules.length).toBeGreaterThan(8);
    await redis.command('ACL', 'SETUSER', 'cache', 'on', '>secret', 'resetchannels', ...rules);
    const cache = createCache({ redis: redis.url.replace('//', '//cache:secret@'), timeout: 5000 });
    const errors: unknown[] = [];
    cache.on('error', (event) => errors.push(event));
    await cache.set('n', 1, 'c');
    expect(await cache.get('n', 'c')).toBe(1);
    expect(await cache.increment('views', 2, 'c')).toBe(2);
    expect(await cache.getOrSet('m', () => 2, 'c')).toBe(2);
    expect((await cache.invalidatePattern('n*', 'c')).durable).toBe(true);
    expect((await cache.invalidateTenant('c', { erase: true })).durable).toBe(true);
    expect((await cache.clear()).durable).toBe(true);
    expect(await cache.health()).toMatchObject({ status: 'healthy' });
    await cache.close();
    expect(errors).toEqual([]);
  });

  it('security: so it is on a Cluster, with what it needs there', async ({ onTestFinished }) => {
    const [, keys = '', more = ''] = texts.security.match(/keys \(`(.*?)`, with.*?; `(.*?)` for sessions/s) ?? [];
    const [, commands = '', onCluster = ''] =
      texts.security.match(/`(\+@read[^`]*)`, on a Cluster also `([^`]*)`/) ?? [];
    const rules = [keys, more, commands, onCluster].join(' ').split(' ');
    const cluster = await startCluster({ masters: 3 });
    onTestFinished(() => cluster.stop());
    for (const node of cluster.nodes)
      await node.command('ACL', 'SETUSER', 'cache', 'on', '>secret', 'resetchannels', ...rules);
    const options = { redisOptions: { username: 'cache', password: 'secret' } };
    const redis = { cluster: cluster.startupNodes, options };
    const cache = createCache({ redis, timeout: 5000, writeBehind: { durable: true } });
    onTestFinished(() => cache.close());
    const errors: unknown[] = [];
    cache.on('error', (event) => errors.push(event));
    await cache.set('n', 1, 'c');
    expect(await cache.get('n', 'c')).toBe(1);
    const kept: unknown[] = [];
    cache.onWriteBehind('save', ({ value }) => void kept.push(value));
    await cache.writeBehind('late', 3, 'c', { handler: 'save' });
    await cache.flush();
    expect(kept).toEqual([3]);
    const sessions = sessionStore({ cache });
    await sessions.set('s', { user: 'ada' }, 60_000);
    expect(await sessions.get('s')).toEqual({ user: 'ada' });
    expect((await cache.invalidateTenant('c', { erase: true })).durable).toBe(true);
    expect(errors).toEqual([]);
  });

  it('recipes: a search, what is not there, a webhook', async () => {
    const [search, negative, webhook] = await Promise.all(
      ['search', 'negative', 'webhook'].map((name) => pages.recipes.serve(name)),
    );
    const { text } = await ask(`${search!.address}/search?q=tea&utm_source=mail`);
    expect((await ask(`${search!.address}/search?x=1&q=tea`)).text).toBe(text);
    expect((await ask(`${search!.address}/search`)).status).toContain('detail=when');

    const user = `${negative!.address}/users/7`;
    expect((await ask(user)).response.status).toBe(404);
    expect((await ask(user)).status).toContain('hit');
    await ask(user, {}, { method: 'PUT' });
    expect((await ask(user)).text).toBe('{"id":"7"}');

    const prices = `${webhook!.address}/prices`;
    expect((await ask(prices, { 'x-client-id': 'a' })).text).toBe('{"price":10}');
    const init = { method: 'POST', body: '{"price":11}' };
    const hooked = await ask(`${webhook!.address}/hooks/prices`, { 'content-type': 'application/json' }, init);
    expect(hooked.response.status).toBe(204);
    expect((await ask(prices, { 'x-client-id': 'a' })).text).toBe('{"price":11}');
  });

  it('recipes: GraphQL, and what looks at Accept', async () => {
    const { address } = await pages.recipes.serve('accept');
    const url = `${address}/graphql?query={votes}`;
    const json = { Accept: 'application/json' };
    const texts = [];
    for (const headers of [{ Accept: 'text/html' }, json, { Accept: 'text/html' }, json]) {
      texts.push((await ask(url, headers)).text);
    }
    expect(texts).toEqual(['<h1>GraphiQL</h1>', '{"data":{"votes":0}}', '<h1>GraphiQL</h1>', '{"data":{"votes":0}}']);
    expect((await ask(url, json)).status).toContain('hit');
    expect((await ask(`${address}/graphql?query={ fail }`, json)).status).toContain('detail=handler');
    await ask(`${address}/graphql`, json, { method: 'POST' });
    expect((await ask(url, json)).text).toBe('{"data":{"votes":1}}');
  });

  it('recipes: languages', async () => {
    const { address } = await pages.recipes.serve('languages');
    for (const status of ['stored', 'hit']) {
      for (const [language, greeting] of [
        ['de', 'Hallo'],
        ['en', 'Hello'],
      ] as const) {
        const answer = await ask(address, { 'Accept-Language': language });
        expect(answer.text).toBe(greeting);
        expect(answer.status).toContain(status);
      }
    }
  });

  it('recipes: stale, behind a CDN, parts', async () => {
    const [stale, cdn, parts] = await Promise.all(['stale', 'cdn', 'parts'].map((name) => pages.recipes.serve(name)));
    expect((await ask(`${stale!.address}/rates`)).text).toBe('{"eur":1}');
    await ask(`${stale!.address}/break`, {}, { method: 'POST' });
    await vi.waitFor(async () => expect((await ask(`${stale!.address}/rates`)).status).toMatch(/ttl=-|stale/), {
      timeout: 10_000,
      interval: 100,
    });
    expect((await ask(`${stale!.address}/rates`)).text).toBe('{"eur":1}');

    const { response } = await ask(`${cdn!.address}/articles/7`);
    expect(response.headers.get('surrogate-key')).toBe('article-7');
    expect(response.headers.get('cache-control')).toBe('no-cache');

    await ask(parts!.address);
    const part = await ask(parts!.address, { range: 'bytes=2-4' });
    expect([part.response.status, part.text]).toEqual([206, 'cde']);
  });

  it('recipes: a test, and a shutdown', async () => {
    expect(await pages.recipes.run('testing')).toBe('{ run: 1 } { run: 1 }\n{ run: 2 }\n{ run: 3 }\n1\n');
    const { address, child } = await pages.recipes.serve('shutdown', {
      REDIS_URL: redis.url,
      CACHE_PREFIX: 'shutdown:',
    });
    expect((await ask(address)).response.status).toBe(200);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
    expect(pages.recipes.output('shutdown')).toBe('closed\n');
  });
});
