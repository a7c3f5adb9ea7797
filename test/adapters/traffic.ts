// What passes through an application, the runs that no client waits for too, and when something has happened in it.

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Cache, CacheEvents } from 'respcache';
import { type BareItem, parseList, Token } from 'structured-headers';
import { vi } from 'vitest';
import type { Answer, Head } from './client.js';
import { type Host, Layer } from './hosts.js';

/** One request as the outermost layer saw it when it came, and again when it was over. */
export interface Passage {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Its fields as they came. */
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** The same when its response was over. */
  after?: { readonly headers: IncomingHttpHeaders; readonly rawHeaders: readonly string[] };
}

/** The outermost layer of an application: it changes nothing, and sees each request come and each response end. */
export class Traffic {
  readonly passages: Passage[] = [];
  /** How many connections the server has accepted. */
  connections = 0;
  readonly layer: Layer;
  #over = 0;
  #waiting: { readonly until: () => boolean; readonly go: () => void }[] = [];

  constructor() {
    this.layer = new Layer(
      (req, res, next) => {
        this.#enter(req, res);
        next();
      },
      (ctx, next) => {
        this.#enter(ctx.req, ctx.res);
        return next();
      },
    );
  }

  /** Puts it in front of everything, and counts what comes over the network: to be called when the host is complete. */
  async watch(host: Host): Promise<void> {
    (await host.server()).on('connection', () => {
      this.connections++;
    });
  }

  /** Settled when so many requests have come. */
  begun(count: number): Promise<void> {
    return this.#when(() => this.passages.length >= count);
  }

  /** Settled when so many responses are over. */
  ended(count: number): Promise<void> {
    return this.#when(() => this.#over >= count);
  }

  #enter(req: IncomingMessage, res: ServerResponse): void {
    const passage: Passage = { req, res, headers: { ...req.headers }, rawHeaders: [...req.rawHeaders] };
    this.passages.push(passage);
    res.once('close', () => {
      passage.after = { headers: { ...req.headers }, rawHeaders: [...req.rawHeaders] };
      this.#over++;
      this.#look();
    });
    this.#look();
  }

  #when(until: () => boolean): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ until, go });
      this.#look();
    });
  }

  #look(): void {
    const ready = this.#waiting.filter(({ until }) => until());
    this.#waiting = this.#waiting.filter((each) => !ready.includes(each));
    for (const { go } of ready) go();
  }
}

/** The next event of a kind: what the cache does beside an answer has no other sign. */
export function nextEvent<K extends keyof CacheEvents>(cache: Cache, kind: K): Promise<CacheEvents[K]> {
  return new Promise((resolve) => {
    const off = cache.on(kind, (event) => {
      off();
      resolve(event);
    });
  });
}

/** For what has no event. */
export const soon = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { interval: 2, timeout: 10_000 });

/** This cache's member of `Cache-Status`, read by its syntax (RFC 9211 §2, RFC 9651): the last one. */
export function told(answer: Pick<Answer | Head, 'header'>): Record<string, BareItem> & { readonly name: string } {
  const [item, parameters] = parseList(answer.header('cache-status') ?? '').at(-1) ?? [];
  const plain = [...(parameters ?? [])].map(([name, value]) => [
    name,
    value instanceof Token ? value.toString() : value,
  ]);
  return { ...Object.fromEntries(plain), name: String(item) };
}
