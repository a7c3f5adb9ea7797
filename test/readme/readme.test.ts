import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigError, createCache } from 'respcache';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startRedis } from '../support/redis.js';
import { Snippets } from './snippets.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const snippets = new Snippets(readme);

afterAll(() => snippets.close());

/** Runs a snippet to its end and returns what it printed. */
async function run(name: string, env: Record<string, string> = {}): Promise<string> {
  const started = snippets.start(name, env);
  const [code] = (await once(started.child, 'close')) as [number];
  expect(code, started.stdout + started.stderr).toBe(0);
  return started.stdout + started.stderr;
}

/** Starts a snippet that serves, and returns its address once it answers. */
async function serve(name: string, env: Record<string, string> = {}): Promise<string> {
  return (await snippets.serve(name, env)).address;
}

async function ask(url: string, init: RequestInit = {}) {
  const answer = await fetch(url, init);
  return { status: answer.status, text: await answer.text(), cache: answer.headers.get('cache-status') ?? '' };
}

describe('the README', () => {
  it('has no code that is not run here', () => {
    expect(readme.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['express', 'koa', 'redis', 'service', 'invalidation', 'http', 'stats']);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...readme.matchAll(/npm (?:run )?(demo|test|bench|docs|soak|fuzz)\b/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(2);
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  it('leads to every page, as the navigation of the site does', () => {
    const site = readFileSync(join(root, 'docs/.vitepress/config.js'), 'utf8');
    const pages = ['docs', 'docs/from'].flatMap((folder) =>
      readdirSync(join(root, folder), 'utf8')
        .filter((name) => name.endsWith('.md'))
        .map((name) => `${folder}/${name}`),
    );
    expect(pages.length).toBeGreaterThan(20);
    for (const page of pages) {
      expect(readme).toContain(`](${page}`);
      expect(site).toContain(`'/${page.replace(/\.md$/, '')}'`);
    }
  });

  it('names every option of createCache()', () => {
    let takes = '';
    try {
      createCache({ nothing: 1 } as object);
    } catch (error) {
      takes = (error as ConfigError).takes;
    }
    const names = /\((.*)\)$/.exec(takes)![1]!.split(', ');
    expect(names.length).toBeGreaterThan(40);
    const rows = readme.match(/^\| `.*$/gm)!.map((row) => row.split('|')[1]);
    for (const name of names) expect(rows.join()).toContain(`\`${name}\``);
  });

  it('names every reason that the cache gives', () => {
    const reasons = readFileSync(join(root, 'src/events.ts'), 'utf8').matchAll(/^ {2}\| '([\w-]+)'/gm);
    const table = readme.slice(readme.indexOf('## Why was this not cached?'), readme.indexOf('## See it and run it'));
    for (const [, reason] of reasons) expect(table, `the reason ${reason}`).toMatch(new RegExp(`\\b${reason}\\b`));
  });

  it.each(['express', 'koa'])('starts with %s: a miss, a hit, and a write that invalidates', async (name) => {
    const address = await serve(name);
    const headers = { 'x-client-id': 'acme' };
    expect((await ask(`${address}/users`, { headers })).cache).toBe('respcache; fwd=uri-miss; stored');
    const hit = await ask(`${address}/users`, { headers });
    expect(hit.cache).toMatch(/^respcache; hit; ttl=(60|59)$/);
    expect(JSON.parse(hit.text)).toHaveLength(1);
    expect((await ask(`${address}/users`, { method: 'POST', headers })).status).toBe(201);
    expect(JSON.parse((await ask(`${address}/users`, { headers })).text)).toHaveLength(2);
    const stats = JSON.parse((await ask(`${address}/cache`)).text) as { hits: number };
    expect(stats.hits).toBe(1);
    expect((await ask(`${address}/cache/health`)).status).toBe(200);
  });

  it('runs on Redis', async () => {
    const redis = await startRedis();
    try {
      const output = await run('redis', { REDIS_URL: redis.url });
      expect(output).toBe("[ { name: 'Ada' } ]\nundefined\n");
      expect(await redis.command('EXISTS', 'shop:client:client-123:users:list')).toBe(1);
    } finally {
      await redis.stop();
    }
  });

  it('runs by hand', async () => {
    const lines = (await run('service')).trim().split('\n');
    expect(lines.slice(0, 3)).toEqual(['1815', '[ 2, { active: 1 } ]', '1']);
    expect(lines[3]).toMatch(/^\{ sequence: \d+, durable: true \}$/);
    expect(lines[4]).toMatch(/ healthy$/);
  });

  it('invalidates as it says', async () => {
    const address = await serve('invalidation');
    const get = async (path: string) => (await ask(address + path)).text;
    for (const [method, path, others] of [
      ['PUT', '/users/1', false],
      ['POST', '/import', true],
      ['POST', '/reset', true],
    ] as const) {
      const [one, two] = [await get('/users/1'), await get('/users/2')];
      expect(await get('/users/1')).toBe(one);
      expect((await ask(address + path, { method })).status).toBe(200);
      expect(await get('/users/1')).not.toBe(one);
      expect((await get('/users/2')) !== two, `${path} reaches other users`).toBe(others);
    }
    expect((await ask(`${address}/prices`, { method: 'POST' })).status).toBe(200);
  });

  it('validates with the handler, and tells browsers and CDNs apart', async () => {
    const address = await serve('http');
    const first = await fetch(`${address}/report`);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    expect(first.headers.get('cdn-cache-control')).toBe('max-age=30');
    const body = await first.text();
    await vi.waitFor(async () => {
      const answer = await ask(`${address}/report`);
      expect(answer.cache).toMatch(/^respcache; fwd=stale; fwd-status=304; stored/);
      expect(answer).toMatchObject({ status: 200, text: body });
    }, 5000);
    expect((await ask(`${address}/report`, { headers: { range: 'bytes=0-3' } })).status).toBe(206);
  });

  it('shows tenants to whom it lets', async () => {
    const address = await serve('stats', { ADMIN_TOKEN: 'secret' });
    const clear = { method: 'POST', headers: { 'content-type': 'application/json' } };
    expect((await ask(`${address}/cache/clear`, clear)).status).toBe(404);
    const authorized = { ...clear, headers: { ...clear.headers, authorization: 'Bearer secret' } };
    expect((await ask(`${address}/cache/clear`, authorized)).status).toBe(200);
    expect(JSON.parse((await ask(`${address}/cache`)).text)).not.toHaveProperty('tenants');
    expect(JSON.parse((await ask(`${address}/cache`, { headers: authorized.headers })).text)).toHaveProperty('tenants');
  });
});
