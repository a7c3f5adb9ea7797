import { Cache } from '../../src/cache.js';
import type { Exchange } from '../../src/exchange.js';
import type { Reply } from '../../src/lookup/reply.js';
import type { CacheOptions } from '../../src/options.js';
import type { RequestView } from '../../src/request/request.js';
import type { HeaderBag } from '../../src/types.js';

/** A request at the engine without a socket: what an adapter does, step by step under the test's hand. */
export interface OpenRequest {
  /** What the cache answered, if it did. */
  readonly hit: string | undefined;
  /** Lets the handler answer with a text, if it ran. */
  finish(text: string): void;
  /** Lets it say that what is stored is still the same, if it was asked; what the client is given then. */
  confirm(): string | undefined;
  /** The handler gives up. */
  abort(): void;
}

/** Told of a handler that runs beside a request, as it begins. */
export type OnRun = (path: string, tenant: string, open: OpenRequest) => void;

/** One process' worth of cache. */
export class Process {
  readonly cache: Cache;
  readonly #onRun: OnRun | undefined;

  /** Without `onRun` nothing can be run beside a request. */
  constructor(options: CacheOptions, onRun?: OnRun) {
    this.cache = new Cache(options);
    this.#onRun = onRun;
  }

  /** Begins a GET; the handler, if it runs, answers when `finish` is called. */
  async open(path: string, tenant: string, tags: readonly string[]): Promise<OpenRequest> {
    const onRun = this.#onRun;
    const rerun: RequestView['rerun'] = async (mark) => {
      const { exchange } = await this.#begin({ ...viewOf(path, tenant), refreshing: mark });
      exchange.control.tag(...tags);
      return new Promise((resolve) => onRun!(path, tenant, new OpenExchange(exchange, resolve)));
    };
    const view = viewOf(path, tenant);
    const { exchange, reply } = await this.#begin(onRun === undefined ? view : { ...view, rerun });
    if (reply !== undefined) {
      const nothing = () => undefined;
      return { hit: reply.body?.toString(), finish: nothing, confirm: nothing, abort: nothing };
    }
    exchange.control.tag(...tags);
    return new OpenExchange(exchange, () => {});
  }

  async #begin(request: RequestView): Promise<{ exchange: Exchange; reply: Reply | undefined }> {
    const { engine, settings } = this.cache;
    const exchange = engine.open(request, settings.route, {});
    return { exchange, reply: await engine.handle(exchange) };
  }
}

/** A handler that runs, until it is told how it ends. */
class OpenExchange implements OpenRequest {
  readonly hit = undefined;
  readonly #exchange: Exchange;
  readonly #done: (whole: boolean) => void;

  constructor(exchange: Exchange, done: (whole: boolean) => void) {
    this.#exchange = exchange;
    this.#done = done;
  }

  finish(text: string): void {
    const fields = { etag: `"${text}"` };
    const bytes = Buffer.from(text);
    const whole = { length: bytes.length, bytes: () => bytes };
    void this.#exchange.head({ status: 200, message: undefined, bag: bag(fields), whole });
    this.#exchange.write(text);
    this.#exchange.end();
    this.#done(true);
  }

  confirm(): string | undefined {
    if (!this.#exchange.conditions.asksHandler) return undefined;
    const reply = this.#exchange.head({ status: 304, message: undefined, bag: bag(), whole: undefined });
    this.#exchange.end();
    this.#done(true);
    return (reply as Reply | undefined)?.body?.toString();
  }

  abort(): void {
    this.#exchange.abandon();
    this.#done(false);
  }
}

function viewOf(path: string, tenant: string): RequestView {
  const headers = { host: 'test', 'x-client-id': tenant };
  return { method: 'GET', target: path, headers, rawHeaders: [], secure: false, source: undefined };
}

function bag(initial: Readonly<Record<string, string>> = {}): HeaderBag {
  const fields = new Map<string, string | readonly string[]>(Object.entries(initial));
  return {
    getHeader: (name) => fields.get(name.toLowerCase()),
    getHeaders: () => Object.fromEntries(fields),
    getRawHeaderNames: () => [...fields.keys()],
    setHeader: (name, value) => fields.set(name.toLowerCase(), value),
    removeHeader: (name) => fields.delete(name.toLowerCase()),
  };
}
