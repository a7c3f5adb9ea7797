// The same small application, with logins and visits, on Express and on Koa with their own session packages.

import { createRequire } from 'node:module';
import type express from 'express';
import type expressSession from 'express-session';
import type Koa from 'koa';
import type { Context } from 'koa';
import type { Cache } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import request from 'supertest';

const load = createRequire(import.meta.url) as <T>(name: string) => T;
const session = load<typeof expressSession>('express-session');

/** The session package of Koa is CommonJS behind an alias of its default export. */
type KoaSession = (options: object, app: Koa) => Koa.Middleware;
const koaSession = ((found: KoaSession | { default: KoaSession }) => ('default' in found ? found.default : found))(
  load('koa-session'),
);

export type Agent = ReturnType<typeof request.agent>;
type Handler = (session: Record<string, unknown> & { cookie?: { maxAge?: number } }) => unknown;

/** What the application does; with the session at hand. */
const PAGES: Readonly<Record<string, Handler>> = {
  '/login': (session) => {
    session.user = 'ada';
    return 'in';
  },
  '/me': (session) => session.user ?? 'nobody',
};

export function expressApp(
  version: 'express' | 'express4',
  store: forExpress.SessionStore,
  options: Partial<expressSession.SessionOptions> = {},
): express.Express {
  const app = load<typeof express>(version)();
  app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false, ...options }));
  for (const [path, page] of Object.entries(PAGES))
    app.get(path, (req, res) => {
      res.send(String(page(req.session as never)));
    });
  app.get('/id', (req, res) => {
    res.send(req.sessionID);
  });
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.send('out')));
  });
  app.get('/again', (req, res, next) => {
    req.session.regenerate((error) => (error ? next(error) : res.send(req.sessionID)));
  });
  app.use(((error, _req, res, _next) => {
    res.status(500).send(error.name);
  }) as express.ErrorRequestHandler);
  return app;
}

export function koaApp(version: 'koa' | 'koa2', store: forKoa.SessionStore, options: object = {}): Koa {
  const app = new (load<typeof Koa>(version))();
  app.keys = ['secret'];
  app.silent = true;
  app.use(koaSession({ store, ...options }, app));
  app.use((ctx) => {
    const own = ctx as Context & { session: never };
    if (ctx.path === '/logout') own.session = null as never;
    ctx.body = ctx.path === '/logout' ? 'out' : String(PAGES[ctx.path]?.(own.session));
  });
  return app;
}

export const expressStore = (cache: Cache, more: Omit<forExpress.SessionStoreOptions, 'cache'> = {}) =>
  forExpress.sessionStore({ cache, ...more });
export const koaStore = (cache: Cache, more: Omit<forKoa.SessionStoreOptions, 'cache'> = {}) =>
  forKoa.sessionStore({ cache, ...more });

/** A browser: it keeps cookies. */
export function visitor(app: express.Express | Koa): Agent {
  return request.agent('callback' in app ? app.callback() : (app as never));
}

/** A store's call, as a promise. */
export function asked<T>(call: (callback: (error?: unknown, result?: T) => void) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });
}
