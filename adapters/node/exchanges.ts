import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Engine } from '../../src/engine.js';
import type { RequestSeen } from '../../src/events.js';
import type { Exchange } from '../../src/exchange.js';
import { withOwnLines } from '../../src/http/headers.js';
import type { Recall } from '../../src/lookup/recall.js';
import type { Reply } from '../../src/lookup/reply.js';
import { markOwnRun, ownRunOf } from '../../src/request/own-runs.js';
import type { RequestView, Warming } from '../../src/request/request.js';
import { rewritten } from '../../src/request/rewritten.js';
import { type Route, resolveRoute } from '../../src/route.js';
import type { RouteOptions } from '../../src/route-options.js';
import type { Fields, MaybePromise } from '../../src/types.js';
import { copyOf } from './rerun.js';

/** The exchange of one cache for a response; mostly there is one cache. */
class Opened {
  readonly engine: Engine;
  readonly exchange: Exchange;
  readonly before: Opened | undefined;

  constructor(engine: Engine, exchange: Exchange, before: Opened | undefined) {
    this.engine = engine;
    this.exchange = exchange;
    this.before = before;
  }
}

/*
 * Properties of the response: WeakMaps whose keys are as many and as short-lived as requests would take garbage collection a
 * third of the time of a miss, and a Map of the exchanges would have it keep most of what a request leaves behind until the
 * next full collection: eight times as long for a bypass under Express.
 */
const OPENED = Symbol('respcache.opened');
/** Which caches have given it, if somebody wants to know. */
const GIVEN = Symbol('respcache.given');

interface Marked {
  [OPENED]?: Opened;
  [GIVEN]?: Set<Engine>;
}

/** The exchange that another mount of the same cache has begun for this response. */
export function exchangeOf(engine: Engine, res: ServerResponse): Exchange | undefined {
  let opened = (res as Marked)[OPENED];
  while (opened !== undefined && opened.engine !== engine) opened = opened.before;
  return opened?.exchange;
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
  view: RequestView,
  res: ServerResponse,
  route: Route,
  recall?: Recall,
): Exchange {
  const exchange = engine.open(view, route, fieldsBegun(res), recall);
  const marked = res as Marked;
  const { [OPENED]: before } = marked;
  if (before !== undefined) {
    before.exchange.isAround = true;
    exchange.control.around = before.exchange.control;
  }
  marked[OPENED] = new Opened(engine, exchange, before);
  return exchange;
}

/** What tells an exchange of the answer that a framework has made, and does not say to a client that has gone. */
const UNSAID = new WeakMap<Exchange, () => MaybePromise<void>>();

/** Has an exchange told of such an answer once its framework is done with it. */
export function tellUnsaid(exchange: Exchange, tell: () => MaybePromise<void>): void {
  UNSAID.set(exchange, tell);
}

export function unsaidTo(exchange: Exchange): (() => MaybePromise<void>) | undefined {
  return UNSAID.get(exchange);
}

/** What layers outside have set so far, as it is now. */
function fieldsBegun(res: ServerResponse): Fields {
  const fields = res.getHeaders();
  for (const name in fields) if (typeof fields[name] === 'object') fields[name] = withOwnLines(fields[name]);
  return fields;
}

/** Has it remembered which caches give this response, from now on. */
export function watch(res: ServerResponse): void {
  (res as Marked)[GIVEN] ??= new Set();
}

/** Whether a cache has given a response that is watched. */
export function isHit(engine: Engine, res: ServerResponse): boolean {
  return (res as Marked)[GIVEN]?.has(engine) === true || exchangeOf(engine, res)?.control.status === 'hit';
}

/** Leaves a response out of the statistics of every cache around it. */
export function excludeFromStatistics(res: ServerResponse): void {
  for (const exchange of exchangesOf(res)) exchange.exclude();
}

/** Keeps a response out of every cache around it; what they have stored stays as it is. */
export function keepOutOfCaches(res: ServerResponse): void {
  for (const exchange of exchangesOf(res)) exchange.refuse('status');
}

function* exchangesOf(res: ServerResponse): Generator<Exchange> {
  for (let opened = (res as Marked)[OPENED]; opened !== undefined; opened = opened.before) yield opened.exchange;
}

/**
 * A mount's options, laid over those of the mount around it. What the outer mount says is the same object for every
 * request, so that the result can be kept.
 */
export class MountedRoute {
  readonly own: Route;
  readonly recall: Recall;
  readonly #engine: Engine;
  readonly #options: RouteOptions<never>;
  readonly #merged = new WeakMap<Route, Route>();

  constructor(engine: Engine, options: RouteOptions<never>, base: Route) {
    this.#engine = engine;
    this.#options = options;
    this.own = resolveRoute(options, base);
    this.recall = engine.recallFor(this.own);
    engine.mount(this.own);
  }

  /** The answer to a request that no other mount has seen, where it is at hand. */
  recalled(view: RequestView, res: ServerResponse): MaybePromise<Reply | undefined> {
    // Another cache around this one is told of what it is given: by the whole way.
    if ((res as Marked)[OPENED] !== undefined) return undefined;
    const reply = this.recall.answer(view, res);
    // What is there is not worth a function that waits for it: neither here nor in the adapters.
    return reply instanceof Promise ? reply.then((found) => this.#given(res, found)) : this.#given(res, reply);
  }

  #given(res: ServerResponse, reply: Reply | undefined): Reply | undefined {
    if (reply !== undefined) (res as Marked)[GIVEN]?.add(this.#engine);
    return reply;
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

/** Whether a request is no client's, but made by the cache: to make an entry anew, or to warm. */
export function isOwnRun(req: IncomingMessage): boolean {
  return ownRunOf(req) !== undefined;
}

/** Where Node keeps the `headers` of a request once somebody has read them: its own, and not documented. */
const READ_HEADERS = Object.getOwnPropertySymbols(new IncomingMessage(new Socket())).find(
  ({ description }) => description === 'kHeaders',
);

/** A request of Node's, as the engine sees it. */
export class View implements RequestView {
  readonly method: string;
  readonly target: string;
  readonly source: unknown;
  readonly refreshing: object | undefined;
  readonly warming: Warming | undefined;
  readonly #req: IncomingMessage;
  #headers: IncomingMessage['headers'] | undefined;

  constructor(req: IncomingMessage, { target, source }: Origin) {
    this.#req = req;
    this.method = req.method ?? 'GET';
    this.target = target;
    this.source = source;
    const own = ownRunOf(req);
    this.refreshing = own?.refreshing;
    this.warming = own?.warming;
  }

  get currentMethod(): string {
    return this.#req.method ?? 'GET';
  }

  get rewritten(): string | undefined {
    return rewritten(this.target, this.#req.url, this.#req, this.source);
  }

  get headers(): IncomingMessage['headers'] {
    this.#headers ??= this.#req.headers;
    return this.#headers;
  }

  get current(): IncomingMessage['headers'] {
    return this.#req.headers;
  }

  get rawHeaders(): string[] {
    return this.#req.rawHeaders;
  }

  get distinct(): IncomingMessage['headersDistinct'] | undefined {
    try {
      return this.#req.headersDistinct;
    } catch {
      // A layer outside has taken raw ones away: Node cannot make them any more, for nobody.
      return undefined;
    }
  }

  /** A request that is none of Node's own, or of a Node that keeps them elsewhere, is taken for read. */
  get untouched(): readonly string[] | undefined {
    if (READ_HEADERS === undefined || !Object.hasOwn(this.#req, READ_HEADERS)) return undefined;
    return (this.#req as unknown as Record<symbol, unknown>)[READ_HEADERS] == null ? this.#req.rawHeaders : undefined;
  }

  get isFollowed(): boolean {
    const { stream } = this.#req as { readonly stream?: { readonly endAfterHeaders?: boolean } };
    return stream?.endAfterHeaders === false;
  }

  get secure(): boolean {
    return (this.#req.socket as TLSSocket).encrypted === true;
  }

  /** What events promise of it: `source` has its socket, of which no JSON can be made. */
  toJSON(): RequestSeen {
    const { target, headers, secure } = this;
    return { target, headers, secure };
  }

  get rerun(): RequestView['rerun'] {
    const run = this.refreshing === undefined ? copyOf(this.#req, this.target) : undefined;
    return (
      run &&
      ((mark, timeout) => {
        const prepare = (copy: IncomingMessage) => {
          markOwnRun(copy, { refreshing: mark });
        };
        return run({ prepare, timeout });
      })
    );
  }
}
