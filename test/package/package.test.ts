import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'respcache-package-'));
const entries = ['respcache', 'respcache/express', 'respcache/koa', 'respcache/node', 'respcache/testing'];

/** What a program that lists the names of modules begins with. CommonJS has one more. */
const SAY = `const ENTRIES = ${JSON.stringify(entries)};
const say = (all) => console.log(JSON.stringify(all.map((one) => Object.keys(one).filter((name) => name !== '__esModule').sort())));
`;

/** A project that has installed the packed package and its dependencies, and no peer but those linked here. */
function link(...names: string[]): void {
  for (const name of names) {
    mkdirSync(join(folder, 'node_modules', name, '..'), { recursive: true });
    if (existsSync(join(folder, 'node_modules', name))) continue;
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
}

function node(...args: string[]): { status: number | null; output: string } {
  // Where a folder above has what is to be missing, some of these would run for ever.
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 15_000,
  });
  return { status, output: stdout + stderr };
}

/** What the compiler has to say. */
function compiled(...args: string[]): string {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const options = ['--module', 'NodeNext', '--noEmit', '--types', 'node', ...strict];
  const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/tsc'), [...options, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

beforeAll(() => {
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root });
  const packed = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  mkdirSync(join(folder, 'node_modules/respcache'), { recursive: true });
  execFileSync('tar', ['-xzf', packed, '-C', 'node_modules/respcache', '--strip-components=1'], { cwd: folder });
  link('lru-cache', 'etag', 'structured-headers', '@types', 'undici-types');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed package', () => {
  it('can be imported and required under each of its names, without any framework installed', () => {
    // Of each the names that it has, by one process for all: most of what a process takes is its own start.
    const imported = node(
      '--input-type=module',
      '-e',
      `${SAY}say(await Promise.all(ENTRIES.map((name) => import(name))))`,
    );
    const required = node('-e', `${SAY}say(ENTRIES.map((name) => require(name)))`);
    expect([imported.status, required.status], imported.output + required.output).toEqual([0, 0]);
    const names = (output: string) => JSON.parse(output) as string[][];
    expect(names(imported.output)).toHaveLength(entries.length);
    expect(names(imported.output).every(({ length }) => length > 0)).toBe(true);
    expect(names(required.output)).toEqual(names(imported.output));
  });

  // Node takes about a millisecond for every file that it loads.
  it.each(['express', 'koa', 'node', 'nest'])(
    'respcache/%s is loaded from few files, each of which is there',
    (entry) => {
      const dist = join(folder, 'node_modules/respcache/dist');
      const loaded = new Set<string>();
      const load = (file: string) => {
        if (loaded.has(file)) return;
        loaded.add(file);
        const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from "(\.[^"]+)"/gm);
        for (const [, path] of imports) load(join(file, '..', path!));
      };
      load(join(dist, 'adapters', entry, 'index.js'));
      expect(loaded.size).toBeGreaterThan(1);
      expect(loaded.size).toBeLessThan(12);
    },
  );

  it('has the page of its statistics, with all that belongs to it', () => {
    link('express', 'uplot');
    const program = `import express from 'express';
import { statsRouter } from 'respcache/express';
const app = express().use(statsRouter({ authorize: () => true }));
const server = app.listen(0, async () => {
  const page = await fetch('http://127.0.0.1:' + server.address().port + '/dashboard');
  console.log(page.status, (await page.text()).slice(-8).trim());
  server.close();
});`;
    expect(node('--input-type=module', '-e', program)).toEqual({ status: 0, output: '200 </html>\n' });
  });

  it('has the pages that its README leads to', () => {
    const own = (path: string) => join(folder, 'node_modules/respcache', path);
    const text = readFileSync(own('README.md'), 'utf8');
    const linked = [...text.matchAll(/\]\(([^)#:]+)/g)].map(([, path]) => path!);
    // These are run in the project itself.
    const pages = linked.filter((path) => !/^(examples|bench)\//.test(path));
    expect(pages.length).toBeGreaterThan(20);
    expect(pages.filter((path) => !existsSync(own(path)))).toEqual([]);
  });

  it('exports the names of its contract', () => {
    const { output } = node(
      '--input-type=module',
      '-e',
      `${SAY}say(await Promise.all(ENTRIES.map((name) => import(name))))`,
    );
    const [main, express, koa, server, testing] = JSON.parse(output) as string[][];
    expect(main).toEqual(expect.arrayContaining(['createCache', 'defaultCache', 'ConfigError']));
    expect(server).toEqual(['withCache', 'withInvalidation']);
    expect(testing).toEqual(['ChaosStore', 'ManualClock', 'storeSuite']);
    const both = ['cacheMiddleware', 'invalidate', 'clear', 'createServer', 'statsRouter', 'sessionStore', 'rateLimit'];
    for (const names of [express, koa]) expect(names).toEqual(expect.arrayContaining(both));
  });

  it('respcache/nest can be imported and required beside what NestJS brings along', () => {
    link('@nestjs', 'rxjs', 'reflect-metadata');
    const names = ['CacheClear', 'CacheInterceptor', 'CacheInvalidate', 'CacheModule', 'CacheService', 'Cacheable'];
    const program = `console.log(JSON.stringify(Object.keys(await import('respcache/nest')).sort()))`;
    expect(JSON.parse(node('--input-type=module', '-e', program).output)).toEqual(names);
    const required = node('-e', `console.log(typeof require('respcache/nest').CacheModule)`);
    expect(required.output).toContain('function');
    expect(required.status).toBe(0);
  });

  it('says what to install when Redis is asked for and ioredis is not there', () => {
    const found = node('-e', `require('respcache').createCache({ redis: 'redis://127.0.0.1:1' })`);
    expect(found.status).toBe(1);
    expect(found.output).toContain('option redis needs the package ioredis 5 or 6: npm install ioredis');
  });

  it('takes the first versions of ioredis 5, which name their clients otherwise', () => {
    const ioredis = join(folder, 'node_modules/ioredis.js');
    const real = JSON.stringify(join(root, 'node_modules/ioredis5'));
    // As 5.0 to 5.2.4 have it.
    writeFileSync(
      ioredis,
      `const { default: R, Cluster } = require(${real});\nmodule.exports = { default: R, Cluster };\n`,
    );
    const program = `const cache = require('respcache').createCache({ redis: 'redis://127.0.0.1:1' });
cache.health().then(({ store, reachable }) => console.log(store, reachable)).then(() => cache.close());`;
    const found = node('--no-warnings', '-e', program);
    rmSync(ioredis);
    expect(found).toEqual({ status: 0, output: 'redis false\n' });
  });

  it.each([
    ['express', 'sessionStore()', 'express-session'],
    ['express', 'rateLimit({ points: 1, duration: 1 })', 'rate-limiter-flexible'],
    ['koa', 'rateLimit({ points: 1, duration: 1 })', 'rate-limiter-flexible'],
  ])('respcache/%s says what to install for %s', (entry, call, peer) => {
    const found = node('-e', `require('respcache/${entry}').${call}`);
    expect(found.status).toBe(1);
    expect(found.output).toContain(`() needs the package ${peer}: npm install ${peer}`);
  });

  it('has types for who has no ioredis, with skipLibCheck, as the documents say', () => {
    const program = "import { createCache } from 'respcache';\nawait createCache({ redis: false }).set('a', 1, 'b');\n";
    writeFileSync(join(folder, 'memory.mts'), program);
    expect(compiled('--skipLibCheck', 'memory.mts')).toBe('');
    const missing = compiled('memory.mts').trim().split('\n');
    expect(missing.filter((line) => !line.includes("Cannot find module 'ioredis'"))).toEqual([]);
    for (const page of ['docs/getting-started.md', 'docs/pt-br/getting-started.md'])
      expect(readFileSync(join(root, page), 'utf8'), page).toMatch(/`ioredis`[^.]*`skipLibCheck`/);
  });

  it('has types that a strict project can use', () => {
    link('express', 'koa', 'ioredis');
    writeFileSync(
      join(folder, 'use.mts'),
      `import express from 'express';
import Koa from 'koa';
import { createCache, type IncrementOptions, type Stats } from 'respcache';
import session from 'express-session';
import koaSession from 'koa-session'; // version 6, whose types are a package of their own
import { cacheMiddleware, invalidate, rateLimit, sessionStore, statsRouter } from 'respcache/express';
import * as koa from 'respcache/koa';
import { createServer } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import * as inFront from 'respcache/express';
import { withCache, withInvalidation } from 'respcache/node';
import { Cacheable, CacheModule, CacheService } from 'respcache/nest';
const cache = createCache({ redis: false, ttl: 60, query: { ignore: ['utm_*'] } });
const app = express();
app.use(cacheMiddleware({ cache, tags: (req) => [req.path], identity: (req) => req.get('x-user') }));
app.get('/', (_req, res) => { res.cache.tag('a').ttl(5); res.json({}); });
const find = (id: string) => ({ id });
app.get('/users/:id', cacheMiddleware({ cache }), rateLimit({ points: 1, duration: 1 }), (req, res) => { res.json(find(req.params.id)); });
app.delete('/users/:id', invalidate('users'), inFront.clear(), (req, res) => { res.json(find(req.params.id)); });
const layers: express.RequestHandler[] = [cacheMiddleware(), invalidate('a'), inFront.clear()];
createCache({ tenant: (req: express.Request) => req.get('x-tenant'), when: (req) => req.method === 'GET' });
createCache({ tenant: { resolve: (ctx: Koa.Context) => ctx.hostname }, redis: new URL('redis://localhost') });
await cache.explain({ url: '/users', headers: new Headers({ host: 'example.com' }) });
app.post('/', invalidate({ cache, tags: ['a'] }), (_req, res) => { res.json({}); });
app.use(session({ store: sessionStore({ cache, ttl: 60 }), secret: 's' }));
app.use(rateLimit({ points: 1, duration: 1, cache, by: (req) => req.get('x-user') }));
app.use(statsRouter({ cache, authorize: (req) => req.ip === '::1' }));
const { get } = koa.sessionStore({ cache });
new Koa().use(koaSession({ store: koa.sessionStore({ cache }), maxAge: 5 }, new Koa()));
new Koa().use(koa.rateLimit({ points: 1, duration: 1, cost: (ctx) => ctx.path.length })).use(async () => { await get('id'); });
new Koa().use(koa.cacheMiddleware({ cache, when: (ctx) => ctx.path !== '/' })).use((ctx) => { ctx.cache.noStore(); });
createServer(withCache(app, { cache, personal: ['x-api-key'] }));
createServer(withCache(new Koa().callback(), { cache }));
inFront.createServer(app, { cache, ttl: 60, when: (req) => req.url !== '/', http: { keepAliveTimeout: 5 } }).listen();
const secure: SecureServer = inFront.createServer(express(), { cache, https: { key: 'k', cert: 'c' } });
koa.createServer(new Koa<{ a: 1 }, { b: 2 }>(), { cache }).on('upgrade', (req) => { secure.emit('request', req); });
createServer(withInvalidation((req, res) => { res.cache.tag('a'); res.end(req.url); }, { tags: (req) => [String(req.url)] }, { cache }));
CacheModule.forRoot({ ttl: '60', tenant: (req) => req.get('x-tenant') });
Cacheable({ key: (id: string) => id, clientId: 'shared', ttl: 5 });
const service: CacheService = new CacheService(cache);
const stats: Stats = service.getStats();
const counted: IncrementOptions = { ttl: 60, tags: ['a'] };
await cache.increment('n', 1, 'b', counted);
// As query builders are: no promise, but one can wait for it.
declare const query: PromiseLike<{ id: string }>;
const row: { id: string } = await cache.getOrSet('row', () => query, 'b');
const saved: { id: string } = await cache.writeThrough('row', () => query, 'b');
const value: number | undefined = await cache.get<number>('a', 'b');
console.log(stats.hits, value, layers, row, saved);
`,
    );
    expect(compiled('--skipLibCheck', 'use.mts')).toBe('');
  });

  // As the starter of NestJS does. TypeScript names each type by a module that exports it, and that it has come upon.
  it.each([
    [
      'respcache',
      `import { createCache, type Cache, type CacheOptions } from 'respcache';
export const cache = createCache();
export const store = ({ store }: CacheOptions) => store;
export class Values {
  constructor(private readonly cache: Cache) {}
  all() { return [this.cache.getStats(), this.cache.health(), this.cache.clear(), this.cache.deadLetters(), this.cache.explain({ url: '/' })]; }
}`,
    ],
    [
      'respcache/express',
      `import { cacheMiddleware, type CacheMiddlewareOptions, rateLimit, type RateLimitOptions, statsRouter, type StatsRouterOptions } from 'respcache/express';
import type { Response } from 'express';
export const tagged = (res: Response) => res.cache.tag('a');
export const options = (options: CacheMiddlewareOptions) => ({ ...options, ttl: 5 });
export const limits = (options: RateLimitOptions) => ({ ...options, points: 5 });
export const pages = (options: StatsRouterOptions) => ({ ...options });
export const layers = [cacheMiddleware(), rateLimit({ points: 1, duration: 1 }), statsRouter()];`,
    ],
    [
      'respcache/koa',
      `import type { CacheMiddlewareOptions, RateLimitOptions, StatsRouterOptions } from 'respcache/koa';
import type { Context } from 'koa';
export const tagged = (ctx: Context) => ctx.cache.tag('a');
export const options = (options: CacheMiddlewareOptions) => ({ ...options, ttl: 5 });
export const limits = (options: RateLimitOptions) => ({ ...options, points: 5 });
export const pages = (options: StatsRouterOptions) => ({ ...options });`,
    ],
    [
      'respcache/node',
      `import type { CachedResponse, WithCacheOptions } from 'respcache/node';
export const tagged = (res: CachedResponse) => res.cache.tag('a');
export const options = (options: WithCacheOptions) => ({ ...options, ttl: 5 });`,
    ],
    [
      'respcache/nest',
      `import { CacheInterceptor, type CacheModuleOptions, type CacheService } from 'respcache/nest';
import type { CallHandler, ExecutionContext } from '@nestjs/common';
export const options = (options: CacheModuleOptions) => ({ ...options, ttl: 5 });
export class AdminController {
  constructor(private readonly cacheService: CacheService) {}
  getCacheStats() { return this.cacheService.getStats(); }
  cacheHealth() { return this.cacheService.health(); }
  clear() { return this.cacheService.invalidateByTags(['users']); }
}
export class Mine extends CacheInterceptor {
  override intercept(context: ExecutionContext, next: CallHandler) { return super.intercept(context, next); }
}`,
    ],
    [
      'respcache/testing',
      `import type { Store } from 'respcache/testing';
export const get = (store: Store) => store.get(['a']);
export const increment = ({ increment }: Store) => increment;`,
    ],
  ])('has types of %s that declarations can be made of', (_entry, program) => {
    link('@nestjs', 'rxjs', 'express', 'koa', 'ioredis');
    writeFileSync(join(folder, 'declared.mts'), program);
    // Linked packages are to be where they are in a project that has installed them.
    const declared = ['--noEmit', 'false', '--declaration', '--outDir', 'declared', '--preserveSymlinks'];
    expect(compiled('--skipLibCheck', ...declared, 'declared.mts')).toBe('');
  });
});
