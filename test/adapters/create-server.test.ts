// `createServer` of the adapters: the cache in front of an application, over HTTP and TLS, on each framework, and under
// Express with requests that are the application's from the start and with those that it makes its own.

import { Agent, type AgentOptions } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { connect } from 'node:tls';
import { ConfigError, createCache } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { afterEach, describe, expect, it } from 'vitest';
import { constructorsOf } from '../../adapters/express/prototypes.js';
import { type CreateServerOptions, serverOf } from '../../adapters/node/server.js';
import { type ClockedHost, useBench } from './bench.js';
import type { Ask } from './client.js';
import { type Application, FRAMEWORKS, type Framework, type Front, Layer, load, raw } from './hosts.js';
import { CERTIFICATE, KEY } from './rerun/certificate.js';
import { nextEvent } from './traffic.js';

const bench = useBench();
const tls = { key: KEY, cert: CERTIFICATE };

/** An agent for a client of `node:http`, which speaks TLS to the server. */
class TlsAgent extends Agent {
  override createConnection(options: AgentOptions & { port?: number; host?: string }): ReturnType<typeof connect> {
    return connect({ port: Number(options.port), host: '127.0.0.1', servername: 'localhost', ca: CERTIFICATE });
  }
}

type Make = (app: Application, options: CreateServerOptions) => ReturnType<Front>;

/** What there is but for the Node that the tests run on: both ways of Express. */
const EXPRESS: readonly [string, Make][] = [
  ['as on this Node', (app, options) => forExpress.createServer(app as never, options)],
  ['with prototypes', (app, options) => serverOf(app as never, options, constructorsOf(app))],
  ['without prototypes', (app, options) => serverOf(app as never, options)],
];
const KOA: readonly [string, Make][] = [['', (app, options) => forKoa.createServer(app as never, options)]];

const TABLE = FRAMEWORKS.flatMap((framework) =>
  (framework.startsWith('express') ? EXPRESS : KOA).flatMap(([way, make]) =>
    [false, true].map((secure) => ({
      framework,
      make,
      secure,
      label: [framework, way, secure ? 'over TLS' : ''].join(' ').trim(),
    })),
  ),
);

/** What ran, in its order. */
const ran: string[] = [];
afterEach(() => {
  ran.length = 0;
});

const log = new Layer(
  (_req, _res, next) => {
    ran.push('log');
    next();
  },
  (_ctx, next) => {
    ran.push('log');
    return next();
  },
);

interface Row {
  readonly framework: Framework;
  readonly make: Make;
  readonly secure: boolean;
}

async function start({ framework, make, secure }: Row, options: CreateServerOptions = {}): Promise<ClockedHost> {
  const front: Front = (app, cache) => make(app, { cache, ...options, ...(secure ? { https: tls } : {}) });
  const host = await bench.start({ framework, store: 'memory', label: '', front });
  const agent = secure ? new TlsAgent() : undefined;
  const { begin } = host;
  const plain = host.ask.bind(host);
  host.ask = (target, more?: Ask) => plain(target, agent ? { agent, ...more } : more);
  host.begin = (target, more?: Ask) => begin.call(host, target, agent ? { agent, ...more } : more);
  host.use(log);
  return host;
}

const saying = (name: string) => () => ({ body: `${name} ${ran.push(name)}` });

describe.each(TABLE)('createServer of $label', (row) => {
  it('answers a hit without the application, and a miss by it; each request is counted once', async () => {
    const host = await start(row);
    host.get('/a', saying('a'));
    host.get('/b', {}, saying('b'));
    expect(await host.texts('/a', 3)).toEqual(['a 2', 'a 2', 'a 2']);
    expect(await host.texts('/b', 2)).toEqual(['b 4', 'b 4']);
    expect((await host.ask('/a')).header('cache-status')).toMatch(/^respcache; hit; ttl=/);
    expect(ran).toEqual(['log', 'a', 'log', 'b']);
    expect(host.cache.getStats()).toMatchObject({ hits: 4, misses: 2, sets: 2, totalRequests: 6 });
  });

  it('is one cache with mounts inside, whose options win; routes inside invalidate', async () => {
    const host = await start(row, { ttl: 5 });
    host.get('/users', { ttl: 60, key: 'users:list' }, saying('users'));
    host.post('/users/new', host.invalidating('users:list'), () => ({ status: 201, body: 'made' }));
    expect(await host.texts('/users', 1)).toEqual(['users 2']);
    host.clock.forward(30);
    expect(await host.texts('/users', 1)).toEqual(['users 2']);
    expect((await host.ask('/users/new', { method: 'POST' })).status).toBe(201);
    expect(await host.texts('/users', 2)).toEqual(['users 5', 'users 5']);
  });

  it('answers for what is mounted below a path', async () => {
    const host = await start(row);
    host.mount('/sub', ({ path, url }) => ({ body: `${path} of ${url} ${ran.push('sub')}` }));
    expect(await host.texts('/sub/a', 2)).toEqual(['/a of /sub/a 2', '/a of /sub/a 2']);
  });

  it('has its figures told inside', async () => {
    const host = await start(row);
    host.mount('/cache', host.stats());
    host.get('/a', saying('a'));
    await host.texts('/a', 3);
    expect(JSON.parse((await host.ask('/cache')).text)).toMatchObject({ hits: 2, misses: 1, totalRequests: 3 });
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 3 });
  });

  it('keeps nothing of what went wrong', async () => {
    const host = await start(row);
    host.get('/fails', () => {
      throw Object.assign(new Error('as it is'), { stack: 'as it is', expose: true });
    });
    for (let i = 0; i < 2; i++) expect((await host.ask('/fails')).status).toBe(500);
    expect(host.cache.getStats()).toMatchObject({ sets: 0, totalRequests: 2 });
  });

  it('keeps nothing of an answer that broke off, or whose client has gone', async () => {
    const host = await start(row);
    let gone: Promise<unknown> = Promise.resolve();
    const half = raw((res) => {
      res.writeHead(200, { 'Content-Length': 8 }).write('half');
      gone = new Promise((resolve) => res.once('close', resolve));
      if (ran.push('half') === 2) setImmediate(() => res.destroy());
    });
    host.get('/half', half);
    expect((await host.ask('/half')).complete).toBe(false);
    const arriving = await host.begin('/half');
    await arriving.next();
    arriving.abort();
    await gone;
    expect(ran).toEqual(['log', 'half', 'log', 'half']);
    expect(host.cache.getStats()).toMatchObject({ sets: 0, totalRequests: 2 });
  });

  it('asks the application whatever carries credentials, or what makes a request personal here', async () => {
    const host = await start(row, { personal: ['x-api-key'] });
    host.get('/a', saying('a'));
    expect(await host.texts('/a', 2)).toEqual(['a 2', 'a 2']);
    for (const headers of [{ Authorization: 'Bearer me' }, { Cookie: 'sid=me' }, { 'X-Api-Key': 'me' }]) {
      const [first, second] = await host.texts('/a', 2, { headers });
      expect(new Set(['a 2', first, second]).size).toBe(3);
    }
  });

  it('makes what is stale anew through all layers, beside the answer', async () => {
    const host = await start(row, { ttl: 10, staleWhileRevalidate: 60 });
    host.get('/a', saying('a'));
    expect(await host.texts('/a', 1)).toEqual(['a 2']);
    host.clock.forward(20);
    const anew = nextEvent(host.cache, 'set');
    expect(await host.texts('/a', 1)).toEqual(['a 2']);
    await anew;
    expect(await host.texts('/a', 1)).toEqual(['a 4']);
    expect(ran).toEqual(['log', 'a', 'log', 'a']);
    expect(host.cache.getStats()).toMatchObject({ refreshes: 1, totalRequests: 3 });
  });

  it('is warmed', async () => {
    const host = await start(row);
    host.get('/a', {}, saying('a'));
    host.get('/b', saying('b'));
    expect(await host.cache.warm({ app: await host.server(), urls: ['/a', '/b'] })).toMatchObject({ warmed: 2 });
    expect(host.cache.getStats()).toMatchObject({ sets: 2, totalRequests: 0 });
    expect(ran).toEqual(['log', 'a', 'log', 'b']);
  });
});

describe('createServer', () => {
  const { createServer } = forExpress;
  const listener = () => {};

  it('takes options of Node’s server, and makes one of node:https where those are given', () => {
    const cache = createCache({ redis: false });
    const plain = createServer(listener, { cache, http: { keepAliveTimeout: 1234, requestTimeout: 4321 } });
    expect(plain).toMatchObject({ keepAliveTimeout: 1234, requestTimeout: 4321 });
    const secure: SecureServer = createServer(listener, { cache, https: { ...tls, keepAliveTimeout: 77 } });
    expect(secure).toMatchObject({ keepAliveTimeout: 77 });
    expect('setSecureContext' in secure).toBe(true);
    expect('setSecureContext' in plain).toBe(false);
  });

  it.each<[string, unknown, unknown, string]>([
    ['both', listener, { http: {}, https: tls }, 'option http is "given"; it takes no value beside https'],
    ['no object', listener, { http: 3000 }, 'option http is 3000; it takes an object'],
    ['no object for TLS', listener, { https: true }, 'option https is true; it takes an object'],
    ['null', listener, { https: null }, 'option https is null; it takes an object'],
    ['what there is no option for', listener, { tll: 5 }, 'option tll is 5'],
    ['no application', undefined, {}, 'app is undefined; it takes a function'],
  ])('refuses %s', (_, app, options, message) => {
    const failing = () => createServer(app as never, options as never);
    expect(failing).toThrow(ConfigError);
    expect(failing).toThrow(message);
    expect(failing).not.toThrow('PRIVATE KEY');
  });

  it('of Koa takes an application, and no listener', () => {
    for (const app of [undefined, listener, {}])
      expect(() => forKoa.createServer(app as never)).toThrow('it takes an application of Koa');
  });

  it.each(['koa', 'koa2'])('of %s has ctx.cache, and leaves that of the application’s own alone', async (name) => {
    const seen: unknown[] = [];
    for (const own of [undefined, 'own']) {
      const app = new (load<typeof import('koa')>(name))();
      if (own !== undefined) app.context.cache = own;
      const cache = createCache({ redis: false });
      app.use((ctx) => {
        if (own === undefined) ctx.cache.tag('told');
        seen.push(own === undefined ? ctx.cache === (ctx.res as unknown as { cache: unknown }).cache : ctx.cache);
        ctx.body = 'a';
      });
      const server = forKoa.createServer(app, { cache });
      expect(await cache.warm({ app: server, urls: ['/a'] })).toMatchObject({ warmed: 1 });
      await cache.invalidateByTags(['told']);
      expect(await cache.warm({ app: server, urls: ['/a'] })).toMatchObject({ warmed: own === undefined ? 1 : 0 });
      await cache.close();
    }
    expect(seen).toEqual([true, true, 'own']);
  });

  it.each(['koa', 'koa2'])('of %s runs layers that were added before the first request', async (name) => {
    const app = new (load<typeof import('koa')>(name))();
    const cache = createCache({ redis: false });
    const server = forKoa.createServer(app, { cache });
    app.use((ctx) => {
      ran.push('added');
      ctx.body = 'added';
    });
    expect(await cache.warm({ app: server, urls: ['/a'] })).toMatchObject({ warmed: 1 });
    expect(ran).toEqual(['added']);
    await cache.close();
  });
});
