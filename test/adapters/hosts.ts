// One vocabulary for Express 4 and 5 and Koa 2 and 3, so that one table of behaviour can be run against each.

import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import type Router from '@koa/router';
import type express from 'express';
import type { Express, Request, RequestHandler, Response } from 'express';
import type Koa from 'koa';
import type { Context, Middleware } from 'koa';
import type { Cache, CacheControl, InvalidateSpec, RouteOptions } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { type Answer, type Arriving, type Ask, ask, begin } from './client.js';

/** Loads a package that has no types, or none under its alias, as what it is. */
export const load = createRequire(import.meta.url) as <T>(name: string) => T;

export const FRAMEWORKS = ['express 4', 'express 5', 'koa 2', 'koa 3'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** What a request's function of the options may use of Express' request and Koa's context alike. */
export interface Source {
  readonly method: string;
  readonly path: string;
  readonly url: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
}

/** What a handler is asked. */
export interface Asked extends Source {
  readonly cache: CacheControl;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** What a handler says, by its framework's own means. A body that is an object is sent as JSON. */
export interface Said {
  readonly status?: number;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | object;
}

export type Handler = (asked: Asked) => Said | Promise<Said>;

/** The ways in which a handler fails, and what each is called. */
export const FAILURES: readonly (readonly [how: string, fail: (asked: Asked) => Said])[] = [
  ['answers that it has', () => ({ status: 503, body: 'failed' })],
  [
    'throws',
    () => {
      throw Object.assign(new Error('failed'), { expose: false });
    },
  ],
  [
    'hangs up',
    ({ res }) => {
      res.destroy();
      return {};
    },
  ],
];

/** A middleware or a handler, for both families. */
export class Layer {
  constructor(
    readonly express: RequestHandler,
    readonly koa: Middleware,
  ) {}
}

/** In place of the layer that there is none of for this family. */
export const notHere = (): never => {
  throw new Error('a layer of the other family');
};

/** A handler that writes into Node's own response. Under Koa, which then stays out of it. */
export function raw(write: (res: ServerResponse) => unknown): Layer {
  return new Layer(
    (_req, res, next) => {
      Promise.resolve(write(res)).catch(next);
    },
    async (ctx) => {
      ctx.respond = false;
      // Express begins with 200 as Node does, Koa with 404.
      ctx.res.statusCode = 200;
      await write(ctx.res);
    },
  );
}

function saying(handler: Handler): Layer {
  return new Layer(
    (req, res, next) => {
      Promise.resolve()
        .then(() => handler(askedOfExpress(req, res)))
        .then((said) => sayByExpress(res, said))
        .catch(next);
    },
    async (ctx) => {
      sayByKoa(ctx, await handler(askedOfKoa(ctx)));
    },
  );
}

function askedOfExpress(req: Request, res: Response): Asked {
  const { method, path, originalUrl: url, query, headers } = req;
  const params = req.params as Record<string, string>;
  return { method, path, url, query, headers, params, req, res, cache: res.cache };
}

function askedOfKoa(ctx: Context): Asked {
  const { method, path, originalUrl: url, query, headers, req, res, cache } = ctx;
  return { method, path, url, query, headers, params: paramsOf(ctx), req, res, cache };
}

function paramsOf(ctx: Context): Record<string, string> {
  return (ctx as { params?: Record<string, string> }).params ?? {};
}

function sayByExpress(res: Response, { status, message, headers = {}, body }: Said): void {
  if (status !== undefined) res.status(status);
  if (message !== undefined) res.statusMessage = message;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (body === undefined) res.end();
  else if (body instanceof Readable) pipeline(body, res, () => {});
  else if (typeof body === 'string' || Buffer.isBuffer(body)) res.send(body);
  else res.json(body);
}

function sayByKoa(ctx: Context, { status = 200, message, headers = {}, body }: Said): void {
  ctx.status = status;
  if (message !== undefined) ctx.message = message;
  for (const [name, value] of Object.entries(headers)) ctx.res.setHeader(name, value);
  // Nothing at all would make it a 204.
  ctx.body = body ?? (status === 204 ? null : '');
}

/** What stands between a path and its handler: options for a mount of the cache, or a layer. */
export type Part = RouteOptions<Source> | Layer;

type Stats = Pick<forExpress.StatsRouterOptions, 'registry' | 'metricLabels'> & {
  authorize?: (source: Source) => boolean | Promise<boolean>;
};

const PASS = new Layer(
  (_req, _res, next) => next(),
  (_ctx, next) => next(),
);

/** An application, its server, and the cache mounted in it. Without a cache it is the same application bare. */
export abstract class Host {
  abstract readonly family: 'express' | 'koa';
  readonly cache: Cache;
  /** What the application reported as gone wrong (Koa only: Express has nobody to tell). */
  readonly errors: unknown[] = [];
  /** What makes the server in Node's place: the cache may stand in front of the whole application, too. */
  front: Front | undefined;
  readonly #bare: boolean;
  #server: Server | undefined;
  #listening: Promise<unknown> | undefined;

  constructor(cache: Cache, bare: boolean) {
    this.cache = cache;
    this.#bare = bare;
  }

  /** Puts layers, and mounts of the cache, in front of everything that comes after. */
  use(...parts: (Part | Handler)[]): void {
    for (const part of parts) this.addLayer(this.#layer(part));
  }

  /** The same below a path, which is taken off for the layers there. */
  mount(path: string, ...parts: (Part | Handler)[]): void {
    this.addMount(
      path,
      parts.map((part) => this.#layer(part)),
    );
  }

  get(path: string, ...parts: [...Part[], Handler | Layer]): void {
    this.route('get', path, parts);
  }

  post(path: string, ...parts: [...Part[], Handler | Layer]): void {
    this.route('post', path, parts);
  }

  put(path: string, ...parts: [...Part[], Handler | Layer]): void {
    this.route('put', path, parts);
  }

  delete(path: string, ...parts: [...Part[], Handler | Layer]): void {
    this.route('delete', path, parts);
  }

  all(path: string, ...parts: [...Part[], Handler | Layer]): void {
    this.route('all', path, parts);
  }

  route(method: Method, path: string, parts: readonly (Part | Handler)[]): void {
    this.addRoute(
      method,
      path,
      parts.map((part) => this.#layer(part)),
    );
  }

  /** A mount of the cache. */
  caching(options: RouteOptions<Source> = {}): Layer {
    if (this.#bare) return PASS;
    const { cache } = this;
    return new Layer(
      forExpress.cacheMiddleware({ cache, ...(options as RouteOptions<Request>) }),
      forKoa.cacheMiddleware({ cache, ...(options as unknown as RouteOptions<Context>) }),
    );
  }

  invalidating(spec: string | readonly string[] | InvalidateSpec<Source>): Layer {
    if (this.#bare) return PASS;
    const { cache } = this;
    if (typeof spec === 'string' || Array.isArray(spec)) {
      return new Layer(forExpress.invalidate(spec, { cache }), forKoa.invalidate(spec, { cache }));
    }
    return new Layer(
      forExpress.invalidate({ cache, ...(spec as InvalidateSpec<Request>) }),
      forKoa.invalidate({ cache, ...(spec as unknown as InvalidateSpec<Context>) }),
    );
  }

  clearing(): Layer {
    const { cache } = this;
    return this.#bare ? PASS : new Layer(forExpress.clear({ cache }), forKoa.clear({ cache }));
  }

  stats({ authorize, ...rest }: Stats = {}): Layer {
    const common = { cache: this.cache, ...rest };
    if (authorize === undefined) return new Layer(forExpress.statsRouter(common), forKoa.statsRouter(common));
    return new Layer(
      forExpress.statsRouter({ ...common, authorize: (req) => authorize(req as unknown as Source) }),
      forKoa.statsRouter({ ...common, authorize: (ctx) => authorize(ctx as unknown as Source) }),
    );
  }

  async ask(target: string, options?: Ask): Promise<Answer> {
    return ask(await this.port(), target, options);
  }

  async begin(target: string, options?: Ask): Promise<Arriving> {
    return begin(await this.port(), target, options);
  }

  /** The texts of several answers to the same request, one asked after the other. */
  async texts(target: string, times: number, options?: Ask): Promise<string[]> {
    const found: string[] = [];
    for (let i = 0; i < times; i++) found.push((await this.ask(target, options)).text);
    return found;
  }

  /** The port where it listens; it begins to on the first question. */
  async port(): Promise<number> {
    return ((await this.server()).address() as AddressInfo).port;
  }

  async server(): Promise<Server> {
    if (this.#server === undefined) {
      this.#server = this.front?.(this.app, this.cache) ?? createServer(this.listener());
      this.#listening = once(this.#server.listen(0, '127.0.0.1'), 'listening');
    }
    // One listener for all who ask at once.
    await this.#listening;
    return this.#server;
  }

  async close(): Promise<void> {
    if (this.#server === undefined) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #layer(part: Part | Handler): Layer {
    // Koa puts its layers together when it begins to listen: what comes later would never run.
    if (this.#server !== undefined) throw new Error('the application is listening already');
    if (typeof part === 'function') return saying(part);
    return part instanceof Layer ? part : this.caching(part);
  }

  protected abstract addLayer(layer: Layer): void;
  protected abstract addMount(path: string, layers: Layer[]): void;
  protected abstract addRoute(method: Method, path: string, layers: Layer[]): void;
  protected abstract readonly app: Application;
  protected abstract listener(): (req: IncomingMessage, res: ServerResponse) => unknown;
}

export type Application = Express | Koa;
export type Front = (app: Application, cache: Cache) => Server;

/** As users do it. */
export const inFront: Front = (app, cache) =>
  typeof app === 'function' ? forExpress.createServer(app, { cache }) : forKoa.createServer(app, { cache });

type Method = 'get' | 'post' | 'put' | 'delete' | 'all';

class ExpressHost extends Host {
  readonly family = 'express';
  protected readonly app: Express;

  constructor(name: string, cache: Cache, bare: boolean) {
    super(cache, bare);
    this.app = load<typeof express>(name)();
    // What Express itself sets would hide what a bare response does (`writeHead` with a list of pairs, for one).
    this.app.disable('x-powered-by');
  }

  protected addLayer(layer: Layer): void {
    this.app.use(layer.express);
  }

  protected addMount(path: string, layers: Layer[]): void {
    this.app.use(path, ...layers.map((layer) => layer.express));
  }

  protected addRoute(method: Method, path: string, layers: Layer[]): void {
    this.app[method](path, ...layers.map((layer) => layer.express));
  }

  protected listener(): (req: IncomingMessage, res: ServerResponse) => unknown {
    return this.app;
  }
}

const newRouter = load<typeof Router>('@koa/router');
const mountAt = load<(path: string, app: Koa) => Middleware>('koa-mount');

class KoaHost extends Host {
  readonly family = 'koa';
  readonly #create: () => Koa;
  protected readonly app: Koa;

  constructor(name: string, cache: Cache, bare: boolean) {
    super(cache, bare);
    const Application = load<typeof Koa>(name);
    this.#create = () => new Application();
    this.app = this.#create();
    this.app.on('error', (error) => this.errors.push(error));
  }

  protected addLayer(layer: Layer): void {
    this.app.use(layer.koa);
  }

  protected addMount(path: string, layers: Layer[]): void {
    const inner = this.#create();
    for (const { koa } of layers) inner.use(koa);
    this.app.use(mountAt(path, inner));
  }

  protected addRoute(method: Method, path: string, layers: Layer[]): void {
    const router = new newRouter();
    router[method](path, ...(layers.map((layer) => layer.koa) as unknown as Parameters<Router['get']>[1][]));
    this.app.use(router.routes() as unknown as Middleware);
  }

  protected listener(): (req: IncomingMessage, res: ServerResponse) => unknown {
    return this.app.callback();
  }
}

const PACKAGES: Record<Framework, string> = {
  'express 4': 'express4',
  'express 5': 'express',
  'koa 2': 'koa2',
  'koa 3': 'koa',
};

/** An application of one of the frameworks. `bare`: without the cache, to compare with. */
export function createHost(framework: Framework, cache: Cache, bare = false): Host {
  const name = PACKAGES[framework];
  return framework.startsWith('express') ? new ExpressHost(name, cache, bare) : new KoaHost(name, cache, bare);
}
