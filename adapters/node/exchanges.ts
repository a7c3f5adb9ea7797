import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Engine } from '../../src/engine.js';
import type { Exchange } from '../../src/exchange.js';
import type { RequestView, Warming } from '../../src/request/request.js';
import type { RouteOptions } from '../../src/route-options.js';
import { type Route, resolveRoute } from '../../src/route-options.js';
import { type MarkedForWarming, WARMING } from '../../src/warm/visits.js';
import { copyOf } from './rerun.js';

const EXCHANGES = Symbol('respcache.exchanges');

interface Marked {
  [EXCHANGES]?: Map<Engine, Exchange>;
}

/** The exchange that another mount of the same cache has begun for this response. */
export function exchangeOf(engine: Engine, res: ServerResponse): Exchange | undefined {
  return (res as Marked)[EXCHANGES]?.get(engine);
}

/** What a framework adds to Node's own request. */
interface Origin {
  /** The URL as it came, whatever mounts have taken off it. */
  readonly target: string;
  /** What functions of the options are called with. */
  readonly source: unknown;
}

/** Begins an exchange for this response; later mounts of the same cache find it. */
export function openExchange(
  engine: Engine,
  req: IncomingMessage,
  res: ServerResponse,
  route: Route,
  origin: Origin,
): Exchange {
  const exchange = engine.open(new View(req, origin), route, res.getHeaders());
  const marked = res as Marked;
  marked[EXCHANGES] ??= new Map();
  marked[EXCHANGES].set(engine, exchange);
  return exchange;
}

/** Leaves a response out of the statistics of every cache around it. */
export function excludeFromStatistics(res: ServerResponse): void {
  for (const exchange of (res as Marked)[EXCHANGES]?.values() ?? []) exchange.exclude();
}

/** Keeps a response out of every cache around it; what they have stored stays as it is. */
export function keepOutOfCaches(res: ServerResponse): void {
  for (const exchange of (res as Marked)[EXCHANGES]?.values() ?? []) exchange.refuse('status');
}

/**
 * A mount's options, laid over those of the mount around it. What the outer mount says is the same object for every
 * request, so that the result can be kept.
 */
export class MountedRoute {
  readonly own: Route;
  readonly #engine: Engine;
  readonly #options: RouteOptions<never>;
  readonly #merged = new WeakMap<Route, Route>();

  constructor(engine: Engine, options: RouteOptions<never>, base: Route) {
    this.#engine = engine;
    this.#options = options;
    this.own = resolveRoute(options, base);
    engine.mount(this.own);
  }

  inside(outer: Route): Route {
    let merged = this.#merged.get(outer);
    if (merged === undefined) {
      merged = resolveRoute(this.#options, outer);
      this.#merged.set(outer, merged);
      this.#engine.mount(merged, outer);
    }
    return merged;
  }
}

const REFRESHING = Symbol('respcache.refreshing');

interface Refreshing {
  [REFRESHING]?: object;
}

/** Whether a request is no client's, but made by the cache: to make an entry anew, or to warm. */
export function isOwnRun(req: IncomingMessage): boolean {
  return (req as Refreshing)[REFRESHING] !== undefined || (req as MarkedForWarming)[WARMING] !== undefined;
}

/** A request of Node's, as the engine sees it. */
class View implements RequestView {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly source: unknown;
  readonly refreshing: object | undefined;
  readonly warming: Warming | undefined;
  readonly #req: IncomingMessage;

  constructor(req: IncomingMessage, { target, source }: Origin) {
    this.#req = req;
    this.method = req.method ?? 'GET';
    this.target = target;
    this.headers = req.headers;
    this.source = source;
    // Marked before the application was given it.
    this.refreshing = (req as Refreshing)[REFRESHING];
    this.warming = (req as MarkedForWarming)[WARMING];
  }

  get rawHeaders(): string[] {
    return this.#req.rawHeaders;
  }

  get secure(): boolean {
    return (this.#req.socket as TLSSocket).encrypted === true;
  }

  get rerun(): RequestView['rerun'] {
    const run = this.refreshing === undefined ? copyOf(this.#req, { target: this.target }) : undefined;
    return (
      run &&
      ((mark, timeout) => {
        const prepare = (copy: IncomingMessage) => {
          (copy as Refreshing)[REFRESHING] = mark;
        };
        return run({ prepare, timeout });
      })
    );
  }
}
