// The examples in the doc comments of what users call, each run: with an application, a database and a cache at hand.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Router from '@koa/router';
import express from 'express';
import expressSession from 'express-session';
import Koa from 'koa';
// @ts-expect-error: it has no types
import mount from 'koa-mount';
import koaSession from 'koa-session';
import * as core from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import * as forNode from 'respcache/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

interface Example {
  /** Of the export, or the method, that it is of. */
  name: string;
  code: string;
}

const sourceOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** A doc comment, and the name behind it: of an exported function, or of a method. */
const DOCUMENTED = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n(?:export (?:async )?function | {2})([a-z]\w*)[<(]/g;

function examplesIn(path: string): Example[] {
  return [...sourceOf(path).matchAll(DOCUMENTED)].flatMap(([, comment = '', name = '']) => {
    const code = comment.match(/@example\n.*?```ts\n([\s\S]*?)\n.*?```/)?.[1];
    if (comment.includes('@internal')) return [];
    return [{ name, code: (code ?? '').replaceAll(/^ *\* ?/gm, '') }];
  });
}

let redis: RedisServer;
const folder = mkdtempSync(join(tmpdir(), 'respcache-'));
const opened: { close(): unknown }[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const each of opened) await each.close();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const kept = <T extends { close(): unknown }>(what: T): T => {
  opened.push(what);
  return what;
};
const createCache: typeof core.createCache = (options) => kept(core.createCache(options));
const users = [{ id: 7, name: 'Ada' }];
const db = { users: async () => users, create: async (data: object) => ({ id: 8, ...data }), save: async () => {} };
const answer = (_req: unknown, res: { end(text: string): unknown }) => res.end('[]');

/** Runs one with these names in reach. */
async function run({ code }: Example, scope: Record<string, unknown>): Promise<void> {
  const real = code
    .replaceAll('/backups/', `${folder}/`)
    .replaceAll(/redis:\/\/[\w.]+:\d+/g, redis.url)
    .replaceAll(/listen\(\d+\)/g, 'listen(0)');
  const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => (...args: unknown[]) => unknown;
  await new AsyncFunction(...Object.keys(scope), `'use strict';\n{\n${real}\n}`)(...Object.values(scope));
}

describe('the examples of the cache', () => {
  const examples = examplesIn('src/cache.ts').filter(({ name }) => !['constructor', 'chosenCache'].includes(name));

  it('there is one for each method', () => {
    const names = Object.getOwnPropertyNames(core.Cache.prototype);
    const internal = ['constructor', 'tenantHeaders', 'closed', 'onClose', 'settle'];
    const documented = examples.filter(({ code }) => code !== '').map(({ name }) => name);
    expect(names.filter((name) => !internal.includes(name) && !documented.includes(name))).toEqual([]);
    expect(documented).toEqual(expect.arrayContaining(['createCache', 'defaultCache']));
  });

  it.each(examples)('$name', async (example) => {
    const cache = createCache({ redis: false });
    const app = express().use(forExpress.cacheMiddleware({ cache }));
    app.get(['/users', '/prices'], answer);
    if (example.name === 'writeBehind') cache.onWriteBehind('users:save', () => {});
    if (example.name === 'restore') await cache.backup(join(folder, 'cache.bak'));
    const quiet = { log: () => {} };
    const scope = { cache, createCache, defaultCache: core.defaultCache, app, db, users, user: users[0], data: {} };
    await run(example, { ...scope, console: quiet });
  });
});

/** Where the functions of Express' adapter, and of Koa's, stand. */
const FILES = ['index', 'server', 'stats-router', 'session-store', 'rate-limit'];

describe('the examples of the middleware', () => {
  const secret = 'only for the test';
  const serving =
    <A extends unknown[], S extends Server>(create: (...args: A) => S) =>
    (...args: A): S =>
      kept(create(...args));
  const handlers = { listUsers: answer, createUser: answer, updateUser: answer, renameUser: answer, idOf: () => '7' };

  describe.each(FILES)('Express: %s', (file) => {
    it.each(examplesIn(`adapters/express/${file}.ts`).filter(({ code }) => code !== ''))('$name', async (example) => {
      const app = express();
      const own = { app, secret, session: expressSession, createServer: serving(forExpress.createServer) };
      const scope = { ...forExpress, ...handlers, ...own };
      await run(example, { ...scope, cache: createCache({ redis: false }) });
    });
  });

  describe.each(FILES)('Koa: %s', (file) => {
    it.each(examplesIn(`adapters/koa/${file}.ts`).filter(({ code }) => code !== ''))('$name', async (example) => {
      const app = new Koa();
      const own = { app, mount, router: new Router(), session: koaSession, createServer: serving(forKoa.createServer) };
      const scope = { ...forKoa, ...handlers, ...own };
      await run(example, { ...scope, cache: createCache({ redis: false }) });
    });
  });

  it.each(examplesIn('adapters/node/index.ts').filter(({ code }) => code !== ''))('Node: $name', async (example) => {
    await run(example, { ...forNode, ...handlers, app: express(), createServer: serving(createServer) });
  });

  it.each([
    ['express', 'cacheMiddleware,clear,createServer,invalidate,rateLimit,sessionStore,statsRouter'],
    ['koa', 'cacheMiddleware,clear,createServer,invalidate,rateLimit,sessionStore,statsRouter'],
    ['node', 'withCache,withInvalidation'],
  ])('%s has one for each function', (adapter, names) => {
    const files = adapter === 'node' ? ['index'] : FILES;
    const found = files.flatMap((file) => examplesIn(`adapters/${adapter}/${file}.ts`));
    const documented = found.filter(({ code }) => code !== '').map(({ name }) => name);
    for (const name of names.split(',')) expect(documented).toContain(name);
  });
});
