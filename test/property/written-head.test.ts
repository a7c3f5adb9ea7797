// The head of a hit is kept as Node has written it, for the next ones (adapters/node/written-head.ts). Whatever layers outside
// set, whatever becomes of connections: byte for byte it is what Node would have written. A layer that has put an `end` of its
// own onto the response keeps a server from it.

import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import express, { type Express } from 'express';
import fc from 'fast-check';
import Koa from 'koa';
import { createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { cacheMiddleware as koaMiddleware } from 'respcache/koa';
import { withCache } from 'respcache/node';
import { describe, expect, it, vi } from 'vitest';
import { WrittenHead } from '../../adapters/node/written-head.js';
import { ManualClock } from '../adapters/bench.js';
import { load } from '../adapters/hosts.js';

/** For each framework; `npm run fuzz` gives more. */
const RUNS = Number(process.env.HEAD_RUNS ?? 25);

/** In Latin-1: Node takes it for something else where it knows how long the body is before it writes the head. */
const FILE = 'attachment; filename="relat\u00f3rio.pdf"';

/** What a layer outside may do to a response before the cache has it. */
const OUTSIDE: Record<string, (res: ServerResponse) => void> = {
  field: (res) => res.setHeader('X-Frame-Options', 'DENY'),
  spelling: (res) => res.setHeader('x-frame-options', 'DENY'),
  other: (res) => res.setHeader('X-Frame-Options', 'SAMEORIGIN'),
  number: (res) => res.setHeader('X-Count', 12),
  cookies: (res) => res.setHeader('Set-Cookie', ['a=1', 'b=2']),
  vary: (res) => res.setHeader('Vary', 'X-Outside'),
  type: (res) => res.setHeader('Content-Type', 'text/other'),
  close: (res) => res.setHeader('Connection', 'close'),
  unsaid: (res) => res.removeHeader('Connection'),
  unmeasured: (res) => res.removeHeader('Content-Length'),
  closing: (res) => {
    res.shouldKeepAlive = false;
  },
  undated: (res) => {
    res.sendDate = false;
  },
  status: (res) => {
    res.statusCode = 404;
    res.statusMessage = 'Gone Fishing';
  },
};

const request = fc.record({
  do: fc.constant('ask' as const),
  /** It is the fourth that is spared the writing. */
  times: fc.integer({ min: 1, max: 8 }),
  target: fc.constantFrom('/short', '/short', '/short', '/long', '/named', '/empty'),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
  connection: fc.constantFrom(undefined, undefined, undefined, undefined, 'close', 'keep-alive'),
  expects: fc.constantFrom(false, false, false, false, true),
  outside: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.uniqueArray(fc.constantFrom(...Object.keys(OUTSIDE)), { minLength: 1, maxLength: 2 }) },
  ),
});
const wait = fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(0.4, 1, 7) });
const set = fc.record({
  do: fc.constant('set' as const),
  keepAliveTimeout: fc.constantFrom(5000, 9000, 0),
  maxRequestsPerSocket: fc.constantFrom(0, 0, 4, 100),
});
const steps = fc.array(
  fc.oneof({ weight: 6, arbitrary: request }, { weight: 1, arbitrary: wait }, { weight: 1, arbitrary: set }),
  { minLength: 3, maxLength: 10 },
);
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;
type Request = Extract<Step, { do: 'ask' }>;

const plain = {
  do: 'ask',
  target: '/short',
  method: 'GET',
  version: '1.1',
  connection: undefined,
  expects: false,
  times: 6,
  outside: [],
} satisfies Request;
/** What chance comes upon rarely. */
const examples: [Step[]][] = [
  [[plain, { do: 'set', keepAliveTimeout: 5000, maxRequestsPerSocket: 100 }, plain]],
  [[{ ...plain, target: '/named' }]],
  // Node closes such a connection, as nothing says how long the answer is.
  [
    [
      { ...plain, target: '/empty' },
      { ...plain, target: '/empty', version: '1.0', connection: 'keep-alive' },
    ],
  ],
  [
    [
      { ...plain, outside: ['field'] },
      { ...plain, outside: ['spelling'] },
    ],
  ],
];

function answer(url: string, res: ServerResponse): void {
  res.setHeader('Date', 'Thu, 01 Jan 2026 00:00:00 GMT');
  if (url === '/named') {
    res.statusMessage = 'Very Well';
    res.setHeader('Content-Disposition', FILE);
  }
  if (url === '/empty') res.statusCode = 204;
  else res.setHeader('Content-Type', 'text/plain');
  res.end(url === '/empty' ? undefined : `${url} `.repeat(url === '/long' ? 2000 : 3));
}

type Make = (cache: ReturnType<typeof createCache>) => RequestListener;

function ofExpress(app: Express): Make {
  return (cache) => {
    app.use(cacheMiddleware({ cache }));
    app.use((req, res) => answer(req.url, res));
    return app;
  };
}

const MAKES: Record<string, () => Make> = {
  'express 4': () => ofExpress(load<() => Express>('express4')()),
  'express 5': () => ofExpress(express()),
  koa: () => (cache) => {
    const app = new Koa().use(koaMiddleware({ cache }));
    app.use((ctx) => {
      ctx.set('Date', 'Thu, 01 Jan 2026 00:00:00 GMT');
      if (ctx.url === '/named') {
        ctx.message = 'Very Well';
        ctx.res.setHeader('Content-Disposition', FILE);
      }
      ctx.body = ctx.url === '/empty' ? null : `${ctx.url} `.repeat(ctx.url === '/long' ? 2000 : 3);
    });
    return app.callback();
  },
  'node:http': () => (cache) => withCache((req, res) => answer(req.url!, res), { cache }),
};

/** A server, and a client that says what came over the wire. */
class Host {
  readonly clock = new ManualClock();
  readonly server: Server;
  readonly #cache;
  #socket: Socket | undefined;

  constructor(make: Make, plain: boolean) {
    this.#cache = createCache({ redis: false, clock: this.clock, ttl: 5 });
    const listener = make(this.#cache);
    const serve: RequestListener = (req, res) => {
      for (const name of String(req.headers['x-outside'] ?? '').split(' ')) OUTSIDE[name]?.(res);
      const { end } = res;
      if (!plain) res.end = (...given: unknown[]) => Reflect.apply(end, res, given);
      listener(req, res);
    };
    // Who expects to be told to continue is not, and so the connection cannot stay.
    this.server = createServer(serve).on('checkContinue', serve);
  }

  async open(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async take(step: Step): Promise<string[]> {
    if (step.do === 'wait') this.clock.forward(step.seconds);
    if (step.do === 'set') Object.assign(this.server, step);
    const said: string[] = [];
    for (let i = 0; step.do === 'ask' && i < step.times; i++) said.push(await this.#ask(step));
    return said;
  }

  async #ask({ target, method, version, connection, expects, outside }: Request): Promise<string> {
    if (this.#socket === undefined || this.#socket.destroyed || !this.#socket.writable) {
      this.#socket = connect((this.server.address() as AddressInfo).port, '127.0.0.1');
      this.#socket.setEncoding('latin1');
      await once(this.#socket, 'connect');
    }
    const socket = this.#socket;
    const lines = [`${method} ${target} HTTP/${version}`, 'Host: host', `X-Outside: ${outside.join(' ')}`];
    if (connection !== undefined) lines.push(`Connection: ${connection}`);
    if (expects) lines.push('Expect: 100-continue');
    const came = whole(socket, method);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const said = await came;
    // Node's own answer to one too many on a connection bears the second in which it is given.
    return said.startsWith('HTTP/1.1 503') ? said.replace(/^Date: .*$/m, 'Date: now') : said;
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await this.#cache.close();
  }
}

/** All that comes for one request: until its end is seen, or the connection's. */
function whole(socket: Socket, method: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (ending: string) => {
      socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error');
      resolve(text + ending);
    };
    const look = () => {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [head, body] = [text.slice(0, end), text.slice(end + 4)];
      const isBodiless = method === 'HEAD' || head.includes(' 204 ');
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
      if (!isBodiless && !(body.length >= length) && !body.endsWith('0\r\n\r\n')) return;
      // Of the last of several on a connection Node says so, and leaves it to the client to close it.
      if (/^connection: close/im.test(head)) socket.destroy();
      done('');
    };
    socket.on('data', (data) => {
      text += data;
      look();
    });
    socket.on('end', () => {
      socket.destroy();
      done('<closed>');
    });
    socket.on('error', () => done('<broken>'));
  });
}

describe.each(Object.keys(MAKES))('heads that are kept, under %s', (name) => {
  it('are what Node would have written', { timeout: 20_000 + RUNS * 500 }, async () => {
    const put = vi.spyOn(WrittenHead.prototype, 'put');
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const hosts = [new Host(MAKES[name]!(), true), new Host(MAKES[name]!(), false)] as const;
        try {
          await Promise.all(hosts.map((host) => host.open()));
          for (const step of taken) {
            const [short, long] = [await hosts[0].take(step), await hosts[1].take(step)];
            expect(short).toEqual(long);
          }
        } finally {
          await Promise.all(hosts.map((host) => host.close()));
        }
      }),
      { numRuns: RUNS, examples },
    );
    // More than the examples alone come to; by chance it is mostly fifty, and has been twenty.
    expect(put.mock.results.filter(({ value }) => value === true).length).toBeGreaterThan(10);
    put.mockRestore();
  });
});
