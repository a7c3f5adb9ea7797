import { Cache } from '../../src/cache.js';
import type { CacheOptions } from '../../src/options.js';
import type { HeaderBag } from '../../src/types.js';

/** A request at the engine without a socket: what an adapter does, step by step under the test's hand. */
export interface OpenRequest {
  /** What the cache answered, if it did. */
  readonly hit: string | undefined;
  /** Lets the handler answer with a text, if it ran. */
  finish(text: string): void;
  /** The handler gives up. */
  abort(): void;
}

/** One process' worth of cache. */
export class Process {
  readonly cache: Cache;

  constructor(options: CacheOptions) {
    this.cache = new Cache(options);
  }

  /** Begins a GET; the handler, if it runs, answers when `finish` is called. */
  async open(path: string, tenant: string, tags: readonly string[]): Promise<OpenRequest> {
    const { engine, settings } = this.cache;
    const headers = { host: 'test', 'x-client-id': tenant };
    const request = { method: 'GET', target: path, headers, secure: false, source: undefined };
    const exchange = engine.open(request, settings.route, {});
    const reply = await engine.handle(exchange);
    if (reply !== undefined) return { hit: reply.body?.toString(), finish: () => {}, abort: () => {} };
    exchange.control.tag(...tags);
    return {
      hit: undefined,
      finish: (text) => {
        void exchange.head({ status: 200, message: undefined, bag: bag(), whole: () => Buffer.from(text) });
        exchange.write(text);
        exchange.end();
      },
      abort: () => exchange.abandon(),
    };
  }
}

function bag(): HeaderBag {
  const fields = new Map<string, string | readonly string[]>();
  return {
    getHeader: (name) => fields.get(name.toLowerCase()),
    getHeaders: () => Object.fromEntries(fields),
    getRawHeaderNames: () => [...fields.keys()],
    setHeader: (name, value) => fields.set(name.toLowerCase(), value),
    removeHeader: (name) => fields.delete(name.toLowerCase()),
  };
}
