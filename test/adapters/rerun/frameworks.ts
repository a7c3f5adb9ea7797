// One vocabulary for plain Node, Express and Koa, without the cache: what is run again is the application alone.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { pipeline, type Readable } from 'node:stream';
import type express from 'express';
import type { RequestHandler } from 'express';
import type Koa from 'koa';
import type { Context, Middleware } from 'koa';

/** Loads a package that has no types, or none under its alias, as what it is. */
const load = createRequire(import.meta.url) as <T>(name: string) => T;

/** What a module that may be called by its default export is: those packages differ in that. */
function callable<T>(name: string): T {
  const found = load<T & { default?: T }>(name);
  return found.default ?? found;
}

const koaBody = load<{ koaBody: () => Middleware }>('koa-body').koaBody;
const koaCompress = callable<() => Middleware>('koa-compress');
const mountAt = load<(path: string, app: Koa) => Middleware>('koa-mount');
const compression = load<() => RequestHandler>('compression');

export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** A request with its response, and the framework's own means to look at the one and to give the other. */
export interface Asked {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The URL as it came. */
  readonly target: string;
  readonly ip: string | undefined;
  readonly secure: boolean;
  readonly body: unknown;
  /** Node's response, the framework staying out of it. */
  raw(): ServerResponse;
  json(value: object): void;
  send(text: string): void;
  stream(source: Readable): void;
}

export type Layer = (asked: Asked, next: () => unknown) => unknown;

export interface Application {
  use(...layers: Layer[]): void;
  mount(path: string, ...layers: Layer[]): void;
  trustProxy(): void;
  compress(): void;
  parseBodies(): void;
  listener(): Listener;
}

class NodeApplication implements Application {
  readonly #layers: Layer[] = [];

  use(...layers: Layer[]): void {
    this.#layers.push(...layers);
  }

  listener(): Listener {
    return (req, res) => {
      const asked: Asked = {
        req,
        res,
        target: req.url ?? '',
        ip: req.socket.remoteAddress,
        secure: 'encrypted' in req.socket,
        body: undefined,
        raw: () => res,
        json: (value) => res.setHeader('Content-Type', 'application/json').end(JSON.stringify(value)),
        send: (text) => res.end(text),
        stream: (source) => pipeline(source, res, () => {}),
      };
      const run = (i: number): unknown => {
        const layer = this.#layers[i];
        if (layer === undefined) return res.writeHead(404).end();
        return layer(asked, () => run(i + 1));
      };
      return run(0);
    };
  }

  mount(): never {
    throw new Error('Node has no mounts');
  }

  trustProxy(): never {
    throw new Error('Node knows of no proxies');
  }

  compress(): never {
    throw new Error('Node does not compress');
  }

  parseBodies(): never {
    throw new Error('Node does not parse');
  }
}

class ExpressApplication implements Application {
  readonly #express: typeof express;
  readonly #app: express.Express;

  constructor(name: string) {
    this.#express = load<typeof express>(name);
    this.#app = this.#express();
  }

  use(...layers: Layer[]): void {
    this.#app.use(...layers.map((layer) => this.#handler(layer)));
  }

  mount(path: string, ...layers: Layer[]): void {
    const [app, router] = [this.#express(), this.#express.Router()];
    router.use('/router', ...layers.map((layer) => this.#handler(layer)));
    app.use(router);
    this.#app.use(path, app);
  }

  trustProxy(): void {
    this.#app.set('trust proxy', true);
  }

  compress(): void {
    this.#app.use(compression());
  }

  parseBodies(): void {
    const { json, raw, text, urlencoded } = this.#express;
    this.#app.use(json(), urlencoded({ extended: true }), text(), raw());
  }

  listener(): Listener {
    return this.#app;
  }

  #handler(layer: Layer): RequestHandler {
    return (req, res, next) => {
      const asked: Asked = {
        req,
        res,
        target: req.originalUrl,
        get ip() {
          return req.ip;
        },
        secure: req.secure,
        body: req.body as unknown,
        raw: () => res,
        json: (value) => res.json(value),
        send: (text) => res.send(text),
        stream: (source) => pipeline(source, res, () => {}),
      };
      const done = layer(asked, next);
      if (done instanceof Promise) done.catch(next);
    };
  }
}

class KoaApplication implements Application {
  readonly #create: () => Koa;
  readonly #app: Koa;

  constructor(name: string) {
    const Application = load<typeof Koa>(name);
    this.#create = () => new Application();
    this.#app = this.#create();
    this.#app.silent = true;
  }

  use(...layers: Layer[]): void {
    for (const layer of layers) this.#app.use(middleware(layer));
  }

  mount(path: string, ...layers: Layer[]): void {
    const [outer, inner] = [this.#create(), this.#create()];
    for (const layer of layers) inner.use(middleware(layer));
    outer.use(mountAt('/router', inner));
    this.#app.use(mountAt(path, outer));
  }

  trustProxy(): void {
    this.#app.proxy = true;
  }

  compress(): void {
    this.#app.use(koaCompress());
  }

  parseBodies(): void {
    this.#app.use(koaBody());
  }

  listener(): Listener {
    return this.#app.callback();
  }
}

function middleware(layer: Layer): Middleware {
  return async (ctx: Context, next) => {
    const asked: Asked = {
      req: ctx.req,
      res: ctx.res,
      target: ctx.originalUrl,
      get ip() {
        return ctx.ip;
      },
      secure: ctx.secure,
      body: (ctx.request as { body?: unknown }).body,
      raw() {
        ctx.respond = false;
        // Express begins with 200 as Node does, Koa with 404.
        ctx.res.statusCode = 200;
        return ctx.res;
      },
      json: say(ctx),
      send: say(ctx),
      stream: say(ctx),
    };
    await layer(asked, next);
  };
}

function say(ctx: Context): (body: unknown) => void {
  return (body) => {
    ctx.body = body;
  };
}

export const FRAMEWORKS = {
  node: () => new NodeApplication(),
  'express 4': () => new ExpressApplication('express4'),
  'express 5': () => new ExpressApplication('express'),
  'koa 2': () => new KoaApplication('koa2'),
  'koa 3': () => new KoaApplication('koa'),
} satisfies Record<string, () => Application>;

export type Framework = keyof typeof FRAMEWORKS;

export const ALL = Object.keys(FRAMEWORKS) as Framework[];

/** Those that have layers of others, mounts, and a notion of proxies. */
export const RICH: readonly Framework[] = ALL.filter((framework) => framework !== 'node');
