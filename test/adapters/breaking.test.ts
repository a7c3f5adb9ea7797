// P4: answers that break off, mismatch, or are too large: as they are without the cache, and not stored.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import type { Response } from 'express';
import type { Context } from 'koa';
import { describe, expect, it } from 'vitest';
import {
  COMBINATIONS,
  type Combination,
  compare,
  essence,
  Gate,
  numbered,
  OF_EXPRESS,
  OF_KOA,
  pair,
  stream,
  useBench,
} from './bench.js';
import type { Answer, Ask } from './client.js';
import { type Handler, type Host, Layer, notHere, raw } from './hosts.js';

const bench = useBench();

const fail = (_: Response): never => {
  throw new Error('behind it');
};

/** What became of a request: its answer, or the error in its place. */
async function outcome(host: Host, target = '/x'): Promise<ReturnType<typeof essence> | string> {
  try {
    return essence(await host.ask(target));
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

/** Asks the same of an application without the cache, and twice of one with it, whose handler must have run twice. */
async function unstored(combination: Combination, define: (host: Host) => void): Promise<Host> {
  const { bare, host } = await pair(bench, combination, define);
  const plain = await outcome(bare);
  expect(await outcome(host)).toEqual(plain);
  expect(await outcome(host)).toEqual(plain);
  expect(host.cache.getStats()).toMatchObject({ hits: 0, sets: 0, misses: 2 });
  return host;
}

async function compareOne(combination: Combination, define: (host: Host) => void) {
  return compare(await pair(bench, combination, define), '/x');
}

describe.each(COMBINATIONS)('breaking: $label', (combination) => {
  it('does not store what its client did not wait for', async () => {
    const host = await bench.start(combination);
    const body = new PassThrough();
    const closed = new Gate();
    const handler = numbered(({ res }) => {
      if (handler.runs > 1) return {};
      res.once('close', closed.open);
      return { body };
    });
    host.get('/x', {}, handler);
    body.write('first');
    const arriving = await host.begin('/x');
    await arriving.next();
    arriving.abort();
    await closed.opened;
    body.end('second');
    expect((await host.ask('/x')).text).toBe('run 2');
    expect((await host.ask('/x')).text).toBe('run 2');
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 3, misses: 2, hits: 1, sets: 1 });
  });

  it.each(['two\nlines', '日本'])('does not store what has a reason that Node refuses: %j', async (message) => {
    const host = await bench.start(combination);
    host.get('/x', {}, numbered({ message }));
    for (let i = 0; i < 2; i++) expect((await host.ask('/x')).status).toBe(500);
    expect(host.cache.getStats()).toMatchObject({ hits: 0, sets: 0, misses: 2 });
  });

  it('answers those who waited for one who left', async () => {
    const host = await bench.start(combination);
    const [begun, left] = [new Gate(), new Gate()];
    const handler = numbered();
    host.get('/x', {}, async (asked) => {
      const said = handler(asked);
      if (handler.runs > 1) return said;
      asked.res.once('close', left.open);
      begun.open();
      // Its stream breaks off with its client.
      return { body: new PassThrough() };
    });
    const server = await host.server();
    const sockets: Socket[] = [];
    server.on('connection', (socket: Socket) => sockets.push(socket));
    const first = host.begin('/x').catch(() => undefined);
    await begun.opened;
    const arrived = once(server, 'request');
    const second = host.ask('/x');
    await arrived;
    sockets[0]?.destroy();
    await Promise.all([first, left.opened]);
    expect((await second).text).toBe('run 2');
    expect((await host.ask('/x')).text).toBe('run 2');
  });

  it('ends the source of an answer that its client did not wait for', async () => {
    const host = await bench.start(combination);
    const body = new PassThrough();
    host.get('/x', {}, () => ({ body }));
    body.write('first');
    const arriving = await host.begin('/x');
    await arriving.next();
    const closed = new Gate();
    body.once('close', closed.open).once('error', () => {});
    arriving.abort();
    await closed.opened;
    expect(body.readableEnded).toBe(false);
  });

  it('passes on a source that breaks in the middle as it is, and does not store it', async () => {
    const breaking = async (host: Host) => {
      const body = new PassThrough();
      const closed = new Gate();
      const handler = numbered(() => (handler.runs === 1 ? { body } : {}));
      host.get('/x', {}, handler);
      body.write('first');
      const arriving = await host.begin('/x');
      await arriving.next();
      body.once('close', closed.open).once('error', () => {});
      body.destroy(new Error('broken'));
      await closed.opened;
      // Koa 2 lets the client wait: there is no end to be seen.
      if (combination.framework === 'koa 2') arriving.abort();
      const { text, complete } = await arriving.rest();
      return { text, complete, next: await host.texts('/x', 1) };
    };
    const plain = await breaking(bench.bare(combination));
    expect(await breaking(await bench.start(combination))).toEqual(plain);
    expect(plain).toMatchObject({ text: 'first', complete: false, next: ['run 2'] });
  });

  it('passes on a source that breaks before its first byte as it is, and does not store it', async () => {
    const define = (host: Host) => host.get('/x', {}, () => ({ body: stream([], new Error('broken')) }));
    const { bare, host } = await pair(bench, combination, define);
    expect(await outcome(host)).toEqual(await outcome(bare));
    expect(host.cache.getStats()).toMatchObject({ hits: 0, sets: 0 });
  });

  it('passes on an answer shorter than its Content-Length as it is, and does not store it', async () => {
    const handler: Handler = () => ({ headers: { 'Content-Length': '10' }, body: stream(['short']) });
    await unstored(combination, (host) => host.get('/x', {}, handler));
  });

  it('passes on an answer longer than its Content-Length as it is, and does not store it', async () => {
    const handler: Handler = () => ({ headers: { 'Content-Length': '3' }, body: stream(['long', 'er']) });
    await unstored(combination, (host) => host.get('/x', {}, handler));
  });

  it.each([
    ['streamed', (bytes: number): Readable | Buffer => stream([Buffer.alloc(bytes - 1, 'a'), 'b'])],
    ['whole', (bytes: number): Readable | Buffer => Buffer.alloc(bytes, 'a')],
  ])('stores a %s body of maxBodyBytes, and passes on a larger one unstored', async (_, make) => {
    const host = await bench.start(combination, { maxBodyBytes: 70_000 });
    host.get('/most', {}, () => ({ body: make(70_000) }));
    host.get('/more', {}, () => ({ body: make(70_001) }));
    for (const [path, bytes] of [
      ['/most', 70_000],
      ['/more', 70_001],
    ] as const) {
      for (let i = 0; i < 2; i++) expect((await host.ask(path)).body).toHaveLength(bytes);
    }
    expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 3, sets: 1, reasons: { 'too-large': 2 } });
  });

  describe.each([
    ['announced', { Trailer: 'X-Sum' }, true],
    ['that nobody announced', {}, true],
    ['given before the body', {}, false],
  ])('trailers %s', (_, headers, late) => {
    it('pass, and their answer is not stored', async () => {
      const handler: Handler = ({ res }) => {
        const body = stream(['a', 'b']);
        const add = () => res.addTrailers({ 'X-Sum': '42' });
        if (late) body.once('end', add);
        else add();
        return { headers, body };
      };
      const { plain, stored } = await compareOne(combination, (host) => host.get('/x', {}, handler));
      expect(plain.trailers).toEqual([['X-Sum', '42']]);
      expect(stored).toBe(false);
    });

    it('are not there where a condition of the client is met', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, ({ res }) => {
        const body = stream(['a', 'b']);
        body.once('end', () => late && res.addTrailers({ 'X-Sum': '42' }));
        return { headers, body };
      });
      const answer = await host.ask('/x', { headers: { 'If-None-Match': '*' } });
      expect([answer.status, answer.text, answer.trailers]).toEqual([304, '', []]);
      expect((await host.ask('/x')).text).toBe('ab');
    });
  });
});

describe.each(OF_EXPRESS)('breaking: $label', (combination) => {
  it.each([
    ['at once', false],
    ['later', true],
  ])('passes on a handler that throws in the middle, %s, and does not store it', async (_, later) => {
    await unstored(combination, (host) =>
      host.get(
        '/x',
        {},
        new Layer((_req, res, next) => {
          res.write('first');
          const error = new Error('in the middle');
          if (!later) throw error;
          setImmediate(() => next(error));
        }, notHere),
      ),
    );
  });

  it.each<[string, (res: Response) => void]>([
    ['fails behind it, for which Express gives up the connection', (res) => fail(res.send('done'))],
    ['gives it up behind its end', (res) => res.send('done').destroy()],
    ['ends its connection behind it', (res) => void res.send('done').req.socket.end()],
    ['gives it up behind its pieces', (res) => res.writeHead(200).write('do') && res.end('ne').destroy()],
  ])('leaves an answer to its client, held back or not, whose handler %s', async (_, write) => {
    const layer = new Layer((_req, res) => write(res), notHere);
    const { bare, host } = await pair(bench, combination, (each) =>
      each.post('/x', {}, each.invalidating('key'), layer),
    );
    const ask: Ask = { method: 'POST' };
    const [plain, held] = [await bare.ask('/x', ask), await host.ask('/x', ask)];
    expect([held.status, held.text]).toEqual([plain.status, plain.text]);
    expect(plain.text).toBe('done');
  });

  it.each<[what: string, more: (res: ServerResponse) => unknown]>([
    ['ends', (res) => res.end('more')],
    ['writes', (res) => res.write('more')],
    ['ends, with what is no piece,', (res) => res.end(5)],
  ])('leaves an answer that is held back to its client whose handler %s once more in a later turn', async (_, more) => {
    const gate = new Gate();
    const tenant = () => gate.opened.then(() => 'a');
    const errors: unknown[] = [];
    const closed = new Gate();
    const host = await bench.start(combination, { tenant });
    const handler = raw((res) => {
      res.on('error', (error) => errors.push(error)).once('close', () => setImmediate(closed.open));
      res.end('done');
      setImmediate(() => {
        more(res);
        gate.open();
      });
    });
    host.post('/x', {}, handler);
    expect((await host.ask('/x', { method: 'POST' })).text).toBe('done');
    await closed.opened;
    expect(errors).toEqual([]);
  });

  it('passes on a handler that destroys its response in the middle, and does not store it', async () => {
    await unstored(combination, (host) =>
      host.get(
        '/x',
        {},
        raw((res) => {
          res.write('first', () => res.destroy());
        }),
      ),
    );
  });

  it.each<[what: string, cut: (res: ServerResponse) => void]>([
    ['its response', (res) => res.destroy()],
    ['its response for an error', (res) => res.once('error', () => {}).destroy(new Error('in the middle'))],
    ['its connection', (res) => res.req.socket.destroy()],
    ['its connection for an error', (res) => res.req.socket.destroy(new Error('in the middle'))],
    ['its request', (res) => res.req.destroy()],
  ])(
    'passes on a handler that destroys %s in the middle and ends it in the same turn, and does not store it',
    async (_, cut) => {
      await unstored(combination, (host) =>
        host.get(
          '/x',
          {},
          raw((res) => {
            res.write('first');
            cut(res);
            res.end();
          }),
        ),
      );
    },
  );

  it('passes on an answer given whole with a wrong Content-Length, and does not store it', async () => {
    await unstored(combination, (host) =>
      host.get(
        '/x',
        {},
        raw((res) => res.writeHead(200, { 'Content-Length': 10 }).end('short')),
      ),
    );
  });

  it.each<[what: string, cut: (res: ServerResponse) => void]>([
    ['at once', (res) => res.socket?.destroy()],
    ['later', (res) => setImmediate(() => res.req.socket.destroy())],
  ])('lets nobody wait for a handler that has cut its connection, %s, and said nothing', async (_, cut) => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    let runs = 0;
    const handler = raw((res) => {
      if (++runs === 1) cut(res);
      else res.end('said');
    });
    host.get('/x', {}, handler);
    expect(await outcome(host)).toBe('ECONNRESET');
    expect((await host.ask('/x')).text).toBe('said');
    expect((await host.ask('/x')).text).toBe('said');
    expect(runs).toBe(2);
  });

  it('passes on trailers written by hand, and does not store them', async () => {
    const { plain, stored } = await compareOne(combination, (host) =>
      host.get(
        '/x',
        {},
        raw((res) => {
          res.write('a');
          res.addTrailers({ 'X-Sum': '42' });
          res.end();
        }),
      ),
    );
    expect(plain.trailers).toEqual([['X-Sum', '42']]);
    expect(stored).toBe(false);
  });
});

describe.each(OF_KOA)('breaking: $label', (combination) => {
  const layer = (koa: Layer['koa']) => new Layer(notHere, koa);

  it('passes on a handler that throws after it has given a stream, and does not store it', async () => {
    await unstored(combination, (host) =>
      host.get(
        '/x',
        {},
        layer((ctx) => {
          ctx.body = stream(['left out']);
          ctx.throw(503, 'in the middle');
        }),
      ),
    );
  });

  it.each<[what: string, cut: (ctx: Context) => unknown, headers?: Record<string, string>]>([
    ['its response', (ctx) => ctx.res.destroy()],
    ['its connection', (ctx) => ctx.req.socket.destroy()],
    ['its response, which its client has already,', (ctx) => ctx.res.destroy(), { 'If-None-Match': '*' }],
  ])(
    'does not store a stream that ends as soon as its handler has destroyed %s in the middle',
    async (_, cut, headers = {}) => {
      const host = await bench.start(combination);
      let runs = 0;
      async function* pieces(ctx: Context) {
        yield 'half';
        if (++runs === 1) cut(ctx);
        else yield ', whole';
      }
      host.get(
        '/x',
        {},
        layer((ctx) => {
          ctx.body = Readable.from(pieces(ctx));
        }),
      );
      await host.ask('/x', { headers }).catch(() => {});
      expect((await host.ask('/x')).text).toBe('half, whole');
    },
  );

  it('passes on a web stream piece by piece, and does not store what its client did not wait for', async () => {
    const host = await bench.start(combination);
    const skipped = new Gate();
    host.cache.on('skip', skipped.open);
    const web = new TransformStream<string, string>();
    // The head leaves with the first piece, not before it.
    void web.writable.getWriter().write('first');
    host.get(
      '/x',
      {},
      layer((ctx) => {
        ctx.type = 'text/plain';
        ctx.body = web.readable;
      }),
    );
    const arriving = await host.begin('/x');
    // Koa 2 does not know what this is, and sends the JSON `{}`.
    if (combination.framework === 'koa 2') return expect((await arriving.rest()).text).toBe('{}');
    expect(String(await arriving.next())).toBe('first');
    arriving.abort();
    await skipped.opened;
    expect(host.cache.getStats()).toMatchObject({ sets: 0, reasons: { aborted: 1 } });
  });

  it.each([
    ['breaks', (body: PassThrough) => body.destroy(new Error('broken'))],
    ['is not waited for', (_: PassThrough, abort: () => void) => abort()],
  ])('reports a source that %s as often as it would be without the cache', async (_, interrupt) => {
    const reports = async (host: Host) => {
      const body = new PassThrough();
      const [closed, left] = [new Gate(), new Gate()];
      body.once('close', closed.open);
      host.get('/x', {}, ({ res }) => {
        res.once('close', left.open);
        return { body };
      });
      body.write('first');
      const arriving = await host.begin('/x');
      await arriving.next();
      interrupt(body, () => arriving.abort());
      await closed.opened;
      arriving.abort();
      await left.opened;
      // What follows from the end of the one stream for the other happens within this turn.
      await new Promise((done) => setImmediate(done));
      return host.errors.map(String);
    };
    const plain = await reports(bench.bare(combination));
    expect(await reports(await bench.start(combination))).toEqual(plain);
  });

  it('gives up a stream that its client has already, and ends it', async () => {
    const host = await bench.start(combination);
    const body = stream(['a', 'b']);
    const closed = once(body, 'close');
    host.get('/x', {}, () => ({ headers: { ETag: '"a"' }, body }));
    const answer: Answer = await host.ask('/x', { headers: { 'If-None-Match': '"a"' } });
    expect(answer).toMatchObject({ status: 304, text: '' });
    await closed;
    expect(body.destroyed).toBe(true);
  });
});
