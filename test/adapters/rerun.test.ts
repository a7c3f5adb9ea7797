// A request run again in process, through the whole application, without a socket.

import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { type EventEmitter, once } from 'node:events';
import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer as createNetServer, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { copyOf } from '../../adapters/node/rerun.js';
import type { Sink } from '../../adapters/node/sink.js';
import { tap } from '../../adapters/node/tap.js';
import type { How } from '../../src/inject.js';
import { CERTIFICATE, KEY } from './rerun/certificate.js';
import { ALL, type Asked, type Framework, type Layer, RICH } from './rerun/frameworks.js';
import { createHost, type Host, lasting } from './rerun/host.js';

const load = createRequire(import.meta.url) as <T>(name: string) => T;
const onFinished = load<(message: object, then: () => void) => void>('on-finished');
const onHeaders = load<(res: ServerResponse, then: () => void) => void>('on-headers');

const LONG = 'Grüße, 日本! '.repeat(5000);

const troubles: unknown[] = [];
const note = (trouble: unknown): void => {
  troubles.push(trouble);
};

beforeAll(() => {
  process.on('warning', note).on('uncaughtException', note).on('unhandledRejection', note);
});

afterAll(() => {
  process.off('warning', note).off('uncaughtException', note).off('unhandledRejection', note);
  expect(troubles).toEqual([]);
});

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A host that holds in its outermost layer, if it is not told otherwise. */
async function start(
  framework: Framework,
  build: (host: Host) => void,
  options: { holds?: false; server?: Host['server'] } = {},
): Promise<Host> {
  const host = createHost(framework, options.server);
  if (options.holds !== false) host.app.use(host.hold);
  build(host);
  endings.push(() => host.close());
  return host.listen();
}

/** Runs a request again, if it can be: without that nothing is run. */
const rerun = async (req: IncomingMessage, how: Partial<How> = {}, target = req.url ?? ''): Promise<boolean> =>
  (await copyOf(req, target)?.({ timeout: 1000, prepare: () => {}, ...how })) ?? false;

const canRerun = (req: IncomingMessage): boolean => copyOf(req, req.url ?? '') !== undefined;

/** For events whose emitter a test cannot listen to in time. */
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 1, timeout: 10_000 });

/** A promise with its means to be kept. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function chunks(...texts: string[]): Readable {
  return Readable.from(texts.map((text) => Buffer.from(text)));
}

const MEGABYTE = 2 ** 20;

/** So many, each memory of its own. */
function megabytes(count: number): Readable {
  let left = count;
  return new Readable({
    read() {
      this.push(left-- > 0 ? Buffer.alloc(MEGABYTE) : null);
    },
  });
}

const silent: Layer = (asked) => {
  asked.raw();
};

describe.each(ALL)('the answer to a rerun: %s', (framework) => {
  const answers: Record<string, Layer> = {
    json: (asked) => asked.json({ a: [1, 2], b: LONG }),
    'a text': (asked) => asked.send(LONG),
    'a stream': (asked) => asked.stream(chunks('one', 'two', LONG)),
    'a stream of a known length': (asked) => {
      asked.res.setHeader('Content-Length', 6);
      asked.stream(chunks('one', 'two'));
    },
    'a stream that waits for drain': (asked) => asked.stream(chunks(LONG, LONG, LONG)),
    'nothing there': (_, next) => next(),
    'chunks with trailers': (asked) => {
      const res = asked.raw();
      res.setHeader('Trailer', 'X-Sum');
      res.write('one');
      res.write(Buffer.from('two'));
      res.addTrailers({ 'X-Sum': '6' });
      res.end('three');
    },
    'hints before the head': (asked) => {
      const res = asked.raw();
      res.writeContinue();
      res.writeProcessing();
      res.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => res.end('x'));
    },
    'a head that is flushed': async (asked) => {
      const res = asked.raw();
      res.flushHeaders();
      await turn();
      res.end('x');
    },
    'a head in pairs': (asked) => {
      asked.raw().writeHead(201, 'Fine', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end('x');
    },
    'no content': (asked) => {
      asked.raw().writeHead(204).end();
    },
    'writes between corks': (asked) => {
      const res = asked.raw();
      res.cork();
      for (const text of ['a', 'b', 'c']) res.write(text);
      res.uncork();
      res.end();
    },
    'two streams in a row, each with backpressure': async (asked) => {
      const res = asked.raw();
      for (const end of [false, true]) {
        const source = chunks(LONG, LONG, LONG);
        source.pipe(res, { end });
        await finished(source);
      }
    },
  };

  it.each(Object.entries(answers))('is what a client gets: %s', async (_, layer) => {
    const host = await start(framework, ({ app }) => app.use(layer));
    const expected = await host.ask('/x?y=1');
    const run = await host.rerun('/x?y=1');
    expect(run.whole).toBe(true);
    expect(lasting(run.wire)).toBe(lasting(expected));
  });

  it.each([
    ['looks at no body', silent],
    ['reads the body', (asked: Asked) => asked.req.resume()],
  ])('has the events of any other: a handler that %s', async (_, read) => {
    const host = await start(framework, ({ app }) =>
      app.use(async (asked, next) => {
        asked.raw();
        read(asked, next);
        await turn();
        asked.res.end('x');
      }),
    );
    await host.ask();
    const [real] = host.exchanges;
    const run = await host.rerun();
    await soon(() => expect(run.events).toContain('request close'));
    expect(run.events).toEqual(real?.events);
    expect(run.req).toMatchObject({ complete: true, aborted: false, readableEnded: true });
    expect(run.res).toMatchObject({ writableFinished: true });
  });

  it('is seen by what listens to responses', async () => {
    const seen: string[] = [];
    const host = await start(framework, ({ app }) =>
      app.use((asked, next) => {
        onHeaders(asked.res, () => seen.push('head'));
        onFinished(asked.res, () => seen.push('response'));
        onFinished(asked.req, () => seen.push('request'));
        return next();
      }, silent),
    );
    const held = await host.held();
    const { begun, done } = held.begin();
    const { res } = await begun;
    expect(seen).toEqual([]);
    res.write('x');
    expect(seen).toEqual(['head']);
    res.end();
    expect((await done).whole).toBe(true);
    held.release();
    expect(seen.sort()).toEqual(['head', 'request', 'response']);
  });

  it('is seen by the tap of the cache', async () => {
    const seen: string[] = [];
    const sink: Sink = {
      head: async ({ status }) => {
        seen.push(`head ${status}`);
        return undefined;
      },
      whenWaitedFor: (attend) => attend(true),
      isFilling: true,
      outlastsReply: false,
      hungUp: () => undefined,
      write: (chunk) => seen.push(String(chunk)),
      trailers: () => seen.push('trailers'),
      end: () => seen.push('end'),
      abandon: () => seen.push('abandon'),
      changesOnSuccess: false,
      invalidate: () => seen.push('invalidate'),
      leave: () => seen.push('leave'),
    };
    const host = await start(framework, ({ app }) =>
      app.use((asked, next) => {
        tap(asked.res, sink);
        return next();
      }, silent),
    );
    const held = await host.held();
    const { begun, done } = held.begin();
    const { res } = await begun;
    res.write('one');
    res.end('two');
    // As one chunk or as two: that is Node's.
    expect((await done).wire).toMatch(/\r\none(\r\n3\r\n)?two\r\n0\r\n\r\n$/);
    expect(seen).toEqual(['head 200', 'one', 'two', 'end']);
    expect((await held.rerun({ timeout: 5 })).whole).toBe(false);
    held.release();
    expect(seen.at(-1)).toBe('leave');
  });

  it('is given up when its time is over', async () => {
    const host = await start(framework, ({ app }) => app.use(silent));
    const run = await host.rerun('/', [], { timeout: 20 });
    await soon(() => expect(run.events).toContain('request close'));
    expect(run.whole).toBe(false);
    expect(run.events).toEqual(['request aborted', 'response close', 'request close']);
    expect(run.res).toMatchObject({ destroyed: true, writableFinished: false });
  });

  it.each<[string, (asked: Asked) => void]>([
    ['destroys the response', ({ res }) => res.destroy()],
    ['destroys it with an error', ({ res }) => res.destroy(new Error('no more'))],
    ['destroys it half given', ({ res }) => res.write('x', () => res.destroy())],
    ['destroys the request', ({ req }) => req.destroy()],
    ['destroys the connection', ({ req }) => req.socket.destroy()],
    ['ends the connection', ({ req }) => req.socket.end()],
    ['ends the connection soon', ({ req }) => req.socket.destroySoon()],
    ['resets the connection', ({ req }) => req.socket.resetAndDestroy()],
    ['lets a timeout pass', ({ res }) => res.setTimeout(5)],
  ])('is no answer where the handler %s', async (_, destroy) => {
    const host = await start(framework, ({ app }) =>
      app.use((asked) => {
        asked.raw();
        destroy(asked);
      }),
    );
    const run = await host.rerun();
    expect(run.whole).toBe(false);
    expect(run.events).toContain('response close');
  });

  it('may be given by a timeout of the handler', async () => {
    const host = await start(framework, ({ app }) =>
      app.use((asked) => {
        const res = asked.raw();
        res.setTimeout(5, () => res.writeHead(503).end('late'));
      }),
    );
    expect(await host.rerun()).toMatchObject({ whole: true, wire: expect.stringContaining('503 Service Unavailable') });
  });

  it('survives a write after its end', async () => {
    const host = await start(framework, ({ app }) =>
      app.use((asked) => {
        const res = asked.raw();
        res.end('x');
        res.write('y');
      }),
    );
    expect((await host.rerun()).wire).toMatch(/\r\n\r\nx$/);
  });

  it('leaves everything else its turn and ends in time, if it never ends itself', async () => {
    const source = megabytes(Number.POSITIVE_INFINITY);
    const host = await start(framework, ({ app }) => app.use((asked) => asked.stream(source)));
    const run = await host.rerun('/', [], { timeout: 50 });
    expect(run.whole).toBe(false);
    expect(run.events).toContain('response close');
    await soon(() => expect(source.destroyed).toBe(true));
  });

  it('goes on when the client of the original has gone, and its server has closed', async () => {
    const { opened, open } = gate();
    const seen: unknown[] = [];
    const host = await start(framework, ({ app }) =>
      app.use(async (asked) => {
        await opened;
        seen.push(asked.ip, asked.req.socket.remotePort);
        asked.send('x');
      }),
    );
    const client = host.connect();
    const held = await host.held('/', [], client);
    const { remoteAddress, remotePort } = held.asked.req.socket;
    const { begun, done } = held.begin();
    await begun;
    const gone = once(held.asked.res, 'close');
    client.destroy();
    await gone;
    const closed = once(host.server, 'close');
    host.server.close();
    await closed;
    open();
    expect((await done).whole).toBe(true);
    expect(seen).toEqual([remoteAddress, remotePort]);
    held.release();
  });

  it('is one of many at once', async () => {
    const host = await start(framework, ({ app }) => app.use((asked) => asked.json({ at: asked.target })));
    const held = await host.held();
    const targets = Array.from({ length: 200 }, (_, i) => `/${i}`);
    const runs = await Promise.all(targets.map((target) => held.rerun({ target })));
    held.release();
    expect(runs.every(({ whole }) => whole)).toBe(true);
    for (const [i, { wire }] of runs.entries()) expect(wire).toContain(`{"at":"/${i}"}`);
  });

  it('leaves nothing behind: no listeners, no timer, no connection', async () => {
    const host = await start(framework, ({ app }) =>
      app.use((asked) => (asked.target === '/never' ? silent(asked, () => {}) : asked.send('x'))),
    );
    const held = await host.held();
    const { req, res } = held.asked;
    const emitters: EventEmitter[] = [host.server, req, res, req.socket, process];
    const listeners = () => emitters.map((one) => one.eventNames().map((name) => [name, one.listenerCount(name)]));
    const connections = () => new Promise((resolve) => host.server.getConnections((_, count) => resolve(count)));
    const before = [listeners(), await connections()];
    const [set, clear] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    endings.push(() => vi.restoreAllMocks());
    const runs = [held.rerun({ timeout: 54_321 }), held.rerun({ target: '/never', timeout: 23 })];
    expect((await Promise.all(runs)).map(({ whole }) => whole)).toEqual([true, false]);
    const timers = set.mock.results
      .filter((_, i) => [54_321, 23].includes(set.mock.calls[i]?.[1] ?? 0))
      .map(({ value }) => value as NodeJS.Timeout);
    expect(timers.map((timer) => timer.hasRef())).toEqual([false, false]);
    expect(clear.mock.calls.map(([timer]) => timer)).toEqual(expect.arrayContaining(timers));
    expect([listeners(), await connections()]).toEqual(before);
    held.release();
  });

  it('leaves the connection of the original as it was', async () => {
    const host = await start(framework, ({ app }) => app.use((asked) => asked.send('x')));
    const client = host.connect();
    const answers: string[] = [];
    client.on('data', (bytes) => answers.push(String(bytes)));
    for (const times of [1, 2, 3]) {
      const held = await host.held('/', [], client);
      await held.rerun();
      held.release();
      await soon(() => expect(answers.join('').match(/the original/g)).toHaveLength(times));
    }
    client.destroy();
  });
});

it.each(['node', 'express 5', 'koa 3'] as const)(
  'a rerun takes no memory, however much is written: %s',
  async (framework) => {
    const source = megabytes(256);
    const host = await start(framework, ({ app }) => app.use((asked) => asked.stream(source)));
    const held = await host.held();
    const before = process.memoryUsage().arrayBuffers;
    let [waiting, memory] = [0, 0];
    const { begun, done } = held.begin();
    const { res } = await begun;
    source.on('data', () => {
      waiting = Math.max(waiting, res.writableLength);
      memory = Math.max(memory, process.memoryUsage().arrayBuffers - before);
    });
    expect((await done).whole).toBe(true);
    held.release();
    expect(waiting).toBeLessThan(4 * MEGABYTE);
    expect(memory).toBeLessThan(192 * MEGABYTE);
  },
);

describe.each(ALL)('the request of a rerun: %s', (framework) => {
  it('has the URL and the fields that came, without those of their one exchange', async () => {
    const seen: unknown[] = [];
    const build = ({ app, hold }: Host) => {
      // What outer layers change of the original, they change of its copy.
      app.use(({ req }, next) => {
        seen.push(req.headers.authorization);
        delete req.headers.authorization;
        return next();
      });
      app.use(hold, (asked) => asked.send('x'));
    };
    const host = await start(framework, build, { holds: false });
    const run = await host.rerun('/caf%C3%A9?b=2&a=1&a=2', [
      'X-Twice: 1',
      'x-twice: 2',
      'Cookie: a=1',
      'Cookie: b=2',
      'Authorization: secret',
      'X-Latin: \xe9',
      'Connection: TE, Keep-Alive, close',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: X',
      'Proxy-Connection: keep-alive',
      'Content-Length: 0',
      'Range: bytes=0-1',
      'If-None-Match: "x"',
      'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT',
      'If-Range: "x"',
    ]);
    expect(run.whole).toBe(true);
    expect(seen).toEqual(['secret', 'secret']);
    expect(run.req).toMatchObject({ method: 'GET', httpVersion: '1.1', url: '/caf%C3%A9?b=2&a=1&a=2' });
    expect(run.req.rawHeaders).toEqual([
      ...['Host', 'example.com', 'X-Twice', '1', 'x-twice', '2', 'Cookie', 'a=1', 'Cookie', 'b=2'],
      ...['Authorization', 'secret', 'X-Latin', '\xe9'],
    ]);
    expect(run.req.headers).toEqual({
      ...{ host: 'example.com', 'x-twice': '1, 2', cookie: 'a=1; b=2', 'x-latin': '\xe9' },
    });
    expect(run.req.headersDistinct['x-twice']).toEqual(['1', '2']);
  });

  it('is prepared before any layer sees it, and is another one', async () => {
    const marked = new WeakSet<IncomingMessage>();
    const seen: boolean[] = [];
    const host = await start(framework, ({ app, server }) => {
      server.on('request', (req) => seen.push(marked.has(req)));
      app.use((asked) => asked.send('x'));
    });
    const held = await host.held();
    const run = await held.rerun({ prepare: (req) => marked.add(req) });
    held.release();
    expect(seen).toEqual([false, true]);
    expect(run.req).not.toBe(held.asked.req);
    expect(marked.has(held.asked.req)).toBe(false);
  });

  it('is in no AsyncLocalStorage of the original', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const host = await start(framework, ({ app }) =>
      app.use((asked) => {
        const see = () => seen.push(storage.getStore());
        see();
        asked.res.on('close', see);
        if (asked.target === '/never') return asked.raw();
        return asked.send('x');
      }),
    );
    const held = await host.held();
    await storage.run('the original', async () => {
      await held.rerun();
      await held.rerun({ target: '/never', timeout: 5 });
      expect(storage.getStore()).toBe('the original');
    });
    held.release();
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('comes after what is done now', async () => {
    const order: string[] = [];
    const host = await start(framework, ({ app }) =>
      app.use((asked) => {
        order.push('application');
        asked.send('x');
      }),
    );
    const held = await host.held();
    const { done } = held.begin();
    await Promise.resolve();
    process.nextTick(() => order.push('tick'));
    held.release();
    await done;
    expect(order).toEqual(['tick', 'application']);
  });
});

describe.each(RICH)('the request of a rerun: %s', (framework) => {
  it.each([
    ['does not believe what proxies say', false, '127.0.0.1', false],
    ['believes what proxies say, if told to', true, '192.0.2.1', true],
  ])('%s', async (_, trust, ip, secure) => {
    const seen: unknown[] = [];
    const host = await start(framework, ({ app }) => {
      if (trust) app.trustProxy();
      app.use((asked) => {
        seen.push(asked.ip, asked.secure);
        asked.send('x');
      });
    });
    await host.rerun('/', ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https']);
    expect(seen).toEqual([ip, secure]);
  });

  it('takes the whole way again from inside of mounts', async () => {
    const seen: unknown[] = [];
    const build = ({ app, hold }: Host) => {
      app.use(({ req }, next) => {
        seen.push(req.url);
        return next();
      });
      app.mount('/app', hold, (asked) => {
        seen.push(asked.req.url, asked.target);
        asked.send('x');
      });
    };
    const host = await start(framework, build, { holds: false });
    const run = await host.rerun('/app/router/x?y=1');
    expect(run.whole).toBe(true);
    expect(seen).toEqual(['/app/router/x?y=1', '/app/router/x?y=1', '/x?y=1', '/app/router/x?y=1']);
  });

  it('has an empty body for parsers', async () => {
    const host = await start(framework, ({ app }) => {
      app.parseBodies();
      app.use((asked) => asked.json({ body: asked.body ?? {} }));
    });
    const run = await host.rerun('/', ['Content-Type: application/json', 'Content-Length: 0']);
    expect(run).toMatchObject({ whole: true, wire: expect.stringContaining('{"body":{}}') });
  });

  it.each([
    ['text', (asked: Asked) => asked.send(LONG)],
    ['stream', (asked: Asked) => asked.stream(chunks(LONG, LONG))],
  ])('is answered through compression: %s', async (_, answer) => {
    const host = await start(framework, ({ app }) => {
      app.compress();
      app.use((asked) => {
        asked.res.setHeader('Content-Type', 'text/plain; charset=utf-8');
        answer(asked);
      });
    });
    const lines = ['Accept-Encoding: gzip'];
    const expected = await host.ask('/', lines);
    expect(expected).toContain('Content-Encoding: gzip');
    const run = await host.rerun('/', lines);
    expect(run.whole).toBe(true);
    expect(lasting(run.wire)).toBe(lasting(expected));
  });

  it('is answered by the error handler, if its own fails', async () => {
    const host = await start(framework, ({ app }) =>
      app.use(() => {
        throw new Error('the handler fails');
      }),
    );
    const expected = await host.ask();
    expect(expected).toMatch(/^HTTP\/1.1 500 /);
    const run = await host.rerun();
    expect(run.whole).toBe(true);
    expect(lasting(run.wire)).toBe(lasting(expected));
  });
});

/** A host of plain Node, whose handler answers in an instant. */
const plain = (server?: Host['server'], answer: Layer = (asked) => asked.send('x')) =>
  start('node', ({ app }) => app.use(answer), server === undefined ? {} : { server });

describe('a request that can be run again', () => {
  it.each([
    ['GET', 'GET / HTTP/1.1', [], true],
    ['HEAD', 'HEAD / HTTP/1.1', [], true],
    ['GET of HTTP/1.0', 'GET / HTTP/1.0', [], true],
    ['POST', 'POST / HTTP/1.1', ['Content-Length: 0'], false],
    ['GET with nothing for a body', 'GET / HTTP/1.1', ['Content-Length: 0'], true],
    ['GET with a body', 'GET / HTTP/1.1', ['Content-Length: 1'], false],
    ['GET with a body in chunks', 'GET / HTTP/1.1', ['Transfer-Encoding: chunked'], false],
    ['GET that would upgrade', 'GET / HTTP/1.1', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'], true],
    ['GET whose tenant is for one hop', 'GET / HTTP/1.1', ['Connection: close, X-Client-Id', 'X-Client-Id: a'], false],
  ])('%s', async (_, line, fields, can) => {
    const host = await plain();
    const asked = once(host.server, 'request') as Promise<[IncomingMessage]>;
    const client = host.connect();
    client.write(`${[line, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`);
    const [req] = await asked;
    expect(canRerun(req)).toBe(can);
    let copy: IncomingMessage | undefined;
    const prepare = (made: IncomingMessage) => {
      copy = made;
    };
    expect(await rerun(req, { prepare })).toBe(can);
    if (can) expect(copy).toMatchObject({ method: 'GET', httpVersion: req.httpVersion });
    client.destroy();
  });

  it('is itself one, until it is over', async () => {
    const host = await plain();
    const held = await host.held();
    const can: boolean[] = [];
    const { req } = await held.rerun({ prepare: (copy) => can.push(canRerun(copy)) });
    held.release();
    expect([...can, canRerun(req)]).toEqual([true, false]);
  });

  it('is none without a server, or when its client has gone', async () => {
    const host = await plain();
    const client = host.connect();
    const { asked, release } = await host.held('/', [], client);
    const prepare = vi.fn();
    const socketOf = (server: unknown) => Object.assign(new Socket(), { server });
    const line = { method: 'GET', url: '/', httpVersionMajor: 1, httpVersion: '1.1' };
    const strangers = [undefined, createNetServer(), new Server()].map((server) =>
      Object.assign(new IncomingMessage(socketOf(server)), line),
    );
    const gone = once(asked.res, 'close');
    client.destroy();
    await gone;
    for (const req of [...strangers, asked.req]) {
      expect(canRerun(req)).toBe(false);
      expect(await rerun(req, { prepare })).toBe(false);
    }
    release();
    expect(prepare).not.toHaveBeenCalled();
  });

  it.each([
    ['a target with spaces', '/a b', []],
    ['a target of more than one line', '/\r\nX-Client-Id: b', []],
    ['a target beyond bytes', '/日本', []],
    ['no target', '', []],
    ['a field of more than one line', '/', ['x', '1\r\nX-Client-Id: b']],
    ['a name of more than one line', '/', ['x: 1\r\nx-client-id', 'b']],
    ['no name', '/', ['', '1']],
    ['a head that the server finds too large', '/', ['x', 'x'.repeat(20_000)]],
    ['no Host', '/', undefined],
  ])('is none with %s', async (_, target, more) => {
    const host = await plain();
    host.server.on('clientError', () => {});
    const { asked, release } = await host.held();
    // What came can be repeated; layers outside may have made something else of it.
    asked.req.rawHeaders = more === undefined ? [] : [...asked.req.rawHeaders, ...more];
    const prepare = vi.fn();
    const listeners = host.server.listenerCount('request');
    expect(await rerun(asked.req, { timeout: 60_000, prepare }, target)).toBe(false);
    release();
    expect(prepare).not.toHaveBeenCalled();
    expect(host.server.listenerCount('request')).toBe(listeners);
  });

  it('is given up if it cannot be prepared', async () => {
    let runs = 0;
    const host = await plain(undefined, () => {
      runs++;
    });
    const { asked, release } = await host.held();
    const prepare = () => {
      throw new Error('not prepared');
    };
    expect(await rerun(asked.req, { prepare })).toBe(false);
    release();
    expect(runs).toBe(0);
  });

  it('can be run when its client has gone, and twice, if its copy was made before', async () => {
    const seen: unknown[] = [];
    const host = await plain(undefined, (asked) => {
      seen.push(asked.target, asked.ip, asked.req.headers.x);
      asked.send('x');
    });
    const client = host.connect();
    const { asked, release } = await host.held('/y', ['x: 1'], client);
    const run = copyOf(asked.req, '/y');
    const gone = once(asked.res, 'close');
    client.destroy();
    await gone;
    release();
    expect(copyOf(asked.req, '/y')).toBeUndefined();
    for (let i = 0; i < 2; i++) expect(await run?.({ timeout: 1000, prepare: () => {} })).toBe(true);
    expect(seen).toEqual(['/y', '127.0.0.1', '1', '/y', '127.0.0.1', '1']);
  });

  it('may wait for longer than a timer can', async () => {
    const host = await plain();
    expect((await host.rerun('/', [], { timeout: Number.POSITIVE_INFINITY })).whole).toBe(true);
  });
});

describe('the server of a rerun', () => {
  it('may have a listener that throws', async () => {
    const host = await plain();
    host.server.prependListener('request', ({ url }) => {
      if (url === '/throws') throw new Error('not a framework');
    });
    const { asked, release } = await host.held();
    const again = (target: string) => rerun(asked.req, {}, target);
    for (let i = 0; i < 20; i++) expect(await again('/throws')).toBe(false);
    expect(await again('/')).toBe(true);
    release();
    for (let i = 0; i < 20; i++) expect(await host.ask()).toContain('200 OK');
  });

  it('may make its requests and responses of classes of its own', async () => {
    class Req extends IncomingMessage {
      readonly mine = 'request';
    }
    class Res extends ServerResponse<Req> {
      readonly mine = 'response';
    }
    const host = await plain(createServer({ IncomingMessage: Req, ServerResponse: Res }) as Host['server']);
    const { req, res } = await host.rerun();
    expect([req, res]).toMatchObject([{ mine: 'request' }, { mine: 'response' }]);
  });

  it('is the one that diagnostics are told of, and each run is one request to them', async () => {
    const host = await plain();
    const seen: unknown[] = [];
    const subscriber = (message: unknown) => seen.push((message as { server: unknown }).server);
    const started = channel('http.server.request.start');
    started.subscribe(subscriber);
    const { req } = await host.rerun();
    started.unsubscribe(subscriber);
    expect(seen).toEqual([host.server, host.server]);
    expect(req.socket).toMatchObject({ server: host.server });
  });

  it('ends its runs when it closes all connections', async () => {
    const host = await plain(undefined, silent);
    const { asked } = await host.held();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    endings.push(() => vi.restoreAllMocks());
    const again = () => rerun(asked.req, { timeout: 54_321 });
    const runs = [again()];
    while (host.exchanges.length < 2) await turn();
    // This one has not begun yet.
    runs.push(again());
    host.server.closeAllConnections();
    expect(await Promise.all(runs)).toEqual([false, false]);
    await turn();
    expect(host.exchanges).toHaveLength(2);
    expect(timers.mock.calls.filter(([, time]) => time === 54_321)).toHaveLength(1);
  });

  it('counts a timeout of a response from the last write on', async () => {
    const began: unknown[] = [];
    const host = await plain(undefined, async ({ req, res }) => {
      res.setTimeout(50_000);
      vi.spyOn(req.socket, 'setTimeout').mockImplementation((time) => {
        began.push(time);
        return req.socket;
      });
      for (let i = 0; i < 3; i++) await new Promise((written) => res.write('x', written));
      req.socket.destroy();
    });
    await host.rerun();
    expect(began).toEqual([50_000, 50_000, 50_000]);
  });

  it('may be one that is handed its connections', async () => {
    const inner = await plain();
    const outer = createServer();
    endings.push(() => outer.close());
    outer.removeAllListeners('connection').on('connection', (socket) => inner.server.emit('connection', socket));
    outer.listen(0, '127.0.0.1');
    await once(outer, 'listening');
    const asked = once(inner.server, 'request') as Promise<[IncomingMessage]>;
    const client = new Socket().connect((outer.address() as AddressInfo).port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [req] = await asked;
    expect(await rerun(req)).toBe(true);
    client.destroy();
  });
});

describe('a rerun over TLS', () => {
  const tls = { key: KEY, cert: CERTIFICATE, ca: CERTIFICATE, servername: 'localhost' };
  const settings = { ...tls, requestCert: true };
  const client = { ...tls, ALPNProtocols: ['http/1.1'] };

  async function port(server: https.Server | http2.Http2SecureServer | http2.Http2Server): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endings.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  it.each([
    ['an HTTPS server', () => https.createServer(settings)],
    ['an HTTP/2 server that allows HTTP/1', () => http2.createSecureServer({ ...settings, allowHTTP1: true })],
  ])('knows who the client is: %s', async (_, create) => {
    const server = create() as https.Server;
    const about = (socket: TLSSocket) => ({
      values: [socket.encrypted, socket.authorized, socket.alpnProtocol],
      name: (socket as { servername?: string }).servername,
      address: [socket.address(), socket.remoteAddress, socket.remotePort],
      protocol: socket.getProtocol(),
      cipher: socket.getCipher(),
      reused: socket.isSessionReused(),
      peer: socket.getPeerX509Certificate()?.fingerprint,
      certificate: socket.getPeerCertificate().subject.CN,
      issuer: socket.getPeerCertificate(true).issuerCertificate.subject.CN,
    });
    const seen: (() => unknown)[] = [];
    let whole: Promise<boolean> | undefined;
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      const socket = req.socket as TLSSocket;
      const now = about(socket);
      // The copy is asked again when all is over.
      seen.push(whole === undefined ? () => now : () => about(socket));
      whole ??= rerun(req);
      res.end('x');
    });
    const sent = https.get({ ...client, host: '127.0.0.1', port: await port(server), agent: false });
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'close');
    expect(await whole).toBe(true);
    const [original, copy] = seen.map((look) => look());
    expect(original).toMatchObject({ values: [true, true, 'http/1.1'], name: 'localhost', certificate: 'localhost' });
    expect(copy).toEqual(original);
  });

  it.each([
    ['with', () => http2.createSecureServer(settings), 'https'],
    ['without', () => http2.createServer(), 'http'],
  ] as const)('is none of HTTP/2, %s TLS', async (_, create, scheme) => {
    const server: http2.Http2Server | http2.Http2SecureServer = create();
    const found: Promise<unknown>[] = [];
    server.on('request', (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => {
      const asked = req as unknown as IncomingMessage;
      found.push(Promise.resolve(canRerun(asked)), rerun(asked));
      // As Express does.
      Object.setPrototypeOf(req, IncomingMessage.prototype);
      found.push(Promise.resolve(canRerun(asked)));
      res.end();
    });
    const session = http2.connect(`${scheme}://127.0.0.1:${await port(server)}`, tls);
    const stream = session.request({ ':path': '/' });
    stream.resume();
    await once(stream, 'close');
    session.close();
    expect(await Promise.all(found)).toEqual([false, false, false]);
  });
});
