// The same small application behind a rate limit, on each framework.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type express from 'express';
import type Koa from 'koa';
import type { Cache } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { type Answer, ask } from '../adapters/client.js';

const KEEP = { 'Cache-Control': 'public, max-age=600', 'Respcache-Cache-Control': 'max-age=600' };
const load = createRequire(import.meta.url) as <T>(name: string) => T;

export const FRAMEWORKS = ['express4', 'express', 'koa2', 'koa'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** What functions of the options may use of Express' request and Koa's context alike. */
export interface Source {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export type Options = forExpress.RateLimitOptions & forKoa.RateLimitOptions;
export interface LimitOptions {
  readonly points?: number;
  readonly duration?: number;
  readonly [name: string]: unknown;
}

/** An application that listens, and what it has been asked. */
export interface Site {
  /** Asks, and waits until the server is done with the response, too. */
  get(path?: string, headers?: Record<string, string>): Promise<Answer>;
  /** How often its handler has run. */
  readonly runs: number;
  readonly server: Server;
  close(): Promise<void>;
}

/** `'public'`: a layer that lets everybody keep every answer. */
export type Layer = 'cache' | 'public' | LimitOptions;

/**
 * Layers from outside to inside. The handler says the path, and how often it has run; it fails where `X-Fail` is sent. The
 * address is the first of `X-Forwarded-For`.
 */
export async function site(framework: Framework, cache: Cache, layers: readonly Layer[]): Promise<Site> {
  let runs = 0;
  const body = (path: string, fails: boolean) => {
    if (fails) throw new Error('told to');
    runs++;
    return `${path} ${runs}`;
  };
  const full = (layer: LimitOptions) => ({ points: 2, duration: 60, cache, ...layer }) as Options;
  let listener: Parameters<typeof createServer>[1];
  if (framework.startsWith('koa')) {
    const app = new (load<typeof Koa>(framework))();
    app.proxy = true;
    app.silent = true;
    for (const layer of layers) {
      if (layer === 'cache') app.use(forKoa.cacheMiddleware({ cache }));
      else if (layer !== 'public') app.use(forKoa.rateLimit(full(layer)));
      else
        app.use((ctx, next) => {
          ctx.set(KEEP);
          return next();
        });
    }
    app.use((ctx) => {
      ctx.body = body(ctx.path, 'x-fail' in ctx.headers);
    });
    listener = app.callback();
  } else {
    const app = load<typeof express>(framework)();
    app.set('trust proxy', true);
    for (const layer of layers) {
      if (layer === 'cache') app.use(forExpress.cacheMiddleware({ cache }));
      else if (layer !== 'public') app.use(forExpress.rateLimit(full(layer)));
      else
        app.use((_req, res, next) => {
          res.set(KEEP);
          next();
        });
    }
    app.use((req, res) => {
      res.send(body(req.path, 'x-fail' in req.headers));
    });
    app.use(((_error, _req, res, _next) => {
      res.status(500).send('failed');
    }) as express.ErrorRequestHandler);
    listener = app;
  }
  const server = createServer(listener);
  const closing = new Set<Promise<void>>();
  server.prependListener('request', (_req, res) => {
    // In the turn after the listeners of those who wait for the end of a response, too.
    closing.add(new Promise((resolve) => res.once('close', () => setImmediate(resolve))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    get: async (path = '/', headers = {}) => {
      const answer = await ask(port, path, { headers });
      await Promise.all(closing);
      return answer;
    },
    get runs() {
      return runs;
    },
    server,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
