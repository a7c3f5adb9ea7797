// The cache among the layers that applications have: compression, CORS, ETags, outside of it and inside.

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { brotliDecompressSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import { createCache } from 'respcache';
import { cacheMiddleware, invalidate } from 'respcache/express';
import { describe, expect, it } from 'vitest';
import { COMBINATIONS, numbered, OF_EXPRESS, OF_KOA, useBench } from './bench.js';
import { type Answer, ask } from './client.js';
import { type Handler, type Host, Layer, load, notHere, raw } from './hosts.js';

const bench = useBench();

/** What a module that may be called by its default export is: those packages differ in that. */
function callable<T>(name: string): T {
  const found = load<T & { default?: T }>(name);
  return found.default ?? found;
}

const compression = load<(options?: object) => RequestHandler>('compression');
const koaCompress = callable<(options?: object) => Middleware>('koa-compress');
const session = load<(options: object) => RequestHandler>('express-session');
const onHeaders = load<(res: unknown, listener: () => void) => void>('on-headers');
const cors = load<(options?: object) => RequestHandler>('cors');
const koaCors = load<(options?: object) => Middleware>('@koa/cors');
const koaEtag = callable<() => Middleware>('koa-etag');
const koaConditionalGet = callable<() => Middleware>('koa-conditional-get');

const LONG = 'Grüße, 日本! '.repeat(500);

function decoded(answer: Answer): string {
  const coding = answer.header('content-encoding');
  if (coding === 'gzip') return gunzipSync(answer.body).toString();
  if (coding === 'deflate') return inflateSync(answer.body).toString();
  if (coding === 'br') return brotliDecompressSync(answer.body).toString();
  if (coding !== undefined) throw new Error(`no such coding: ${coding}`);
  return answer.text;
}

const compressing = () => new Layer(compression(), koaCompress());
const crossing = () => new Layer(cors({ origin: true, credentials: true }), koaCors({ credentials: true }));

/** A host with a layer outside of the cache, or inside. */
function placed(host: Host, place: 'outside' | 'inside', layer: Layer): void {
  if (place === 'outside') host.use(layer, {});
  else host.use({}, layer);
}

/** Writes over the first byte of the bodies that it sees, as one that puts a nonce into pages might. */
const overwriting = new Layer(
  (_req, res, next) => {
    const { end } = res;
    res.end = (...given: unknown[]) => {
      if (Buffer.isBuffer(given[0])) given[0].write(String(res.req.headers['x-nonce']));
      return Reflect.apply(end, res, given);
    };
    next();
  },
  async (ctx, next) => {
    await next();
    if (Buffer.isBuffer(ctx.body)) ctx.body.write(ctx.get('x-nonce'));
  },
);

describe.each(COMBINATIONS)('layers: $label', (combination) => {
  it('what a layer outside writes over a body is in its own answer alone', async () => {
    const host = await bench.start(combination);
    host.use(overwriting, {});
    host.use(() => ({ body: Buffer.alloc(5000, 'x') }));
    const first = async (headers: object) => (await host.ask('/a', { headers: { ...headers } })).text.slice(0, 2);
    for (const nonce of ['1', '2', '3', '4']) expect(await first({ 'X-Nonce': nonce })).toBe(`${nonce}x`);
    expect(await first({ 'X-Nonce': '' })).toBe('xx');
    expect(await first({ 'X-Nonce': '', Range: 'bytes=0-9' })).toBe('xx');
  });

  it('nor is it in what stands in for a failure', async () => {
    const host = await bench.start(combination, { ttl: 10, staleIfError: 60 });
    let fails = false;
    host.use(overwriting, {});
    host.use(() => (fails ? { status: 503, body: 'x' } : { body: Buffer.alloc(5000, 'x') }));
    const first = async (nonce: string) => (await host.ask('/a', { headers: { 'X-Nonce': nonce } })).text.slice(0, 2);
    expect(await first('1')).toBe('1x');
    fails = true;
    host.clock.forward(20);
    for (const nonce of ['2', '3']) expect(await first(nonce)).toBe(`${nonce}x`);
    expect(await first('')).toBe('xx');
  });

  describe.each(['outside', 'inside'] as const)('compression %s', (place) => {
    const bodies: [string, Handler][] = [
      ['whole', () => ({ headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: LONG })],
      [
        'streamed',
        () => ({
          headers: { 'Content-Type': 'text/plain; charset=utf-8' },
          body: Readable.from([LONG.slice(0, 9), LONG.slice(9)]),
        }),
      ],
    ];

    it.each(bodies)('gives each client a %s body that it can read, hit or miss', async (_, handler) => {
      for (const order of [
        ['gzip', undefined, 'br', 'identity'],
        [undefined, 'br', 'gzip', 'deflate'],
      ]) {
        const host = await bench.start(combination);
        placed(host, place, compressing());
        host.get('/x', handler);
        for (const accept of [...order, ...order]) {
          const headers = accept === undefined ? {} : { 'Accept-Encoding': accept };
          const answer = await host.ask('/x', { headers });
          expect(decoded(answer)).toBe(LONG);
          expect([undefined, accept]).toContain(answer.header('content-encoding'));
          expect(answer.header('vary')?.toLowerCase()).toContain('accept-encoding');
        }
        expect(host.cache.getStats().hits).toBeGreaterThanOrEqual(4);
      }
    });

    it('compresses for those who want it, on hits too', async () => {
      const host = await bench.start(combination);
      placed(host, place, compressing());
      host.get('/x', bodies[0]![1]);
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/x', { headers: { 'Accept-Encoding': 'gzip' } });
        expect(answer.header('content-encoding')).toBe('gzip');
        expect(answer.body.length).toBeLessThan(LONG.length / 5);
      }
    });

    it('says of a HEAD only what is true of the GET', async () => {
      const host = await bench.start(combination);
      placed(host, place, compressing());
      host.all('/x', bodies[0]![1]);
      for (const headers of [{ 'Accept-Encoding': 'gzip' }, {}]) {
        const early = await host.ask('/x', { headers, method: 'HEAD' });
        const get = await host.ask('/x', { headers });
        const late = await host.ask('/x', { headers, method: 'HEAD' });
        for (const head of [early, late]) {
          expect(head).toMatchObject({ status: 200, text: '', complete: true });
          const length = head.header('content-length');
          const ofTheSame = head.header('content-encoding') === get.header('content-encoding');
          if (ofTheSame && length !== undefined) expect(length).toBe(String(get.body.length));
        }
      }
    });

    it('leaves a 304 a 304, hit or miss', async () => {
      const tagged: Handler = () => ({ headers: { 'Content-Type': 'text/plain', ETag: '"v1"' }, body: LONG });
      const host = await bench.start(combination);
      placed(host, place, compressing());
      host.get('/x', tagged);
      const plain = await host.ask('/x?plain', { headers: { 'Accept-Encoding': 'gzip' } });
      const headers = { 'Accept-Encoding': 'gzip', 'If-None-Match': String(plain.header('etag')) };
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/x', { headers });
        expect(answer).toMatchObject({ status: 304, text: '', complete: true });
        expect(answer.header('content-encoding')).toBeUndefined();
      }
      expect(decoded(await host.ask('/x', { headers: { 'Accept-Encoding': 'gzip' } }))).toBe(LONG);
    });

    it('passes an answer that invalidates, in several pieces', async () => {
      const host = await bench.start(combination);
      placed(host, place, compressing());
      host.post('/x', host.invalidating('key'), bodies[1]![1]);
      const answer = await host.ask('/x', { method: 'POST', headers: { 'Accept-Encoding': 'gzip' } });
      expect(decoded(answer)).toBe(LONG);
      expect(answer.header('content-encoding')).toBe('gzip');
    });
  });

  it('an answer in a coding that says no Vary, as koa-static’s and http-compression’s, is for who can read it', async () => {
    const host = await bench.start(combination);
    host.use({});
    host.get('/x', ({ headers }) =>
      String(headers['accept-encoding']).includes('gzip')
        ? { headers: { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' }, body: gzipSync(LONG) }
        : { headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: LONG },
    );
    const codings = [];
    for (const accept of ['gzip', 'identity', 'gzip', 'identity', 'br']) {
      const answer = await host.ask('/x', { headers: { 'Accept-Encoding': accept } });
      expect(decoded(answer)).toBe(LONG);
      const coding = answer.header('content-encoding');
      codings.push(coding);
    }
    expect(codings).toEqual(['gzip', undefined, 'gzip', undefined, undefined]);
    expect(host.cache.getStats().hits).toBe(3);
  });

  it('nor does a 304 with a Vary of its own give such an answer to all', async () => {
    const host = await bench.start(combination);
    host.use({});
    host.get('/x', ({ headers }) => {
      const said = { ETag: '"v1"', 'Cache-Control': 'max-age=10' };
      if (headers['if-none-match'] === '"v1"') return { status: 304, headers: { ...said, Vary: 'Origin' } };
      return String(headers['accept-encoding']).includes('gzip')
        ? { headers: { ...said, 'Content-Encoding': 'gzip' }, body: gzipSync(LONG) }
        : { headers: { ...said, ETag: '"v2"' }, body: LONG };
    });
    const asking = (accept: string) => host.ask('/x', { headers: { 'Accept-Encoding': accept } });
    await asking('gzip');
    host.clock.forward(20);
    expect((await asking('gzip')).header('cache-status')).toContain('fwd-status=304');
    for (const accept of ['identity', 'gzip', 'identity']) {
      const answer = await asking(accept);
      expect(decoded(answer)).toBe(LONG);
      expect([undefined, accept]).toContain(answer.header('content-encoding'));
    }
  });

  describe.each(['outside', 'inside'] as const)('CORS %s', (place) => {
    it('allows each origin itself, hit or miss', async () => {
      const host = await bench.start(combination);
      const bare = bench.bare(combination);
      for (const each of [host, bare]) {
        placed(each, place, crossing());
        each.get('/x', numbered({ body: 'x' }));
      }
      const fields = ['access-control-allow-origin', 'access-control-allow-credentials'];
      for (const origin of [
        'https://a.test',
        'https://b.test',
        undefined,
        'https://a.test',
        'https://b.test',
        undefined,
      ]) {
        const ask = { headers: origin === undefined ? {} : { Origin: origin } };
        const [plain, answer] = [await bare.ask('/x', ask), await host.ask('/x', ask)];
        for (const field of fields) expect(answer.all(field), `${field} for ${origin}`).toEqual(plain.all(field));
        expect(answer.header('vary')).toMatch(/\borigin\b/i);
        if (origin !== undefined) expect(answer.header('access-control-allow-origin')).toBe(origin);
      }
      expect(host.cache.getStats().hits).toBe(3);
    });

    it('answers a preflight as without the cache', async () => {
      const ask = {
        method: 'OPTIONS',
        headers: { Origin: 'https://a.test', 'Access-Control-Request-Method': 'PUT' },
      };
      const answers = [];
      for (const host of [await bench.start(combination), bench.bare(combination)]) {
        placed(host, place, crossing());
        host.all('/x', numbered());
        const answer = await host.ask('/x', ask);
        answers.push([answer.status, answer.text, answer.header('access-control-allow-methods')]);
      }
      expect(answers[0]).toEqual(answers[1]);
    });
  });
});

describe.each(OF_EXPRESS)('layers: $label', (combination) => {
  it.each([
    ['alone', []],
    ['with compression behind it', [compression({ threshold: 0 })]],
  ])(
    'express-session inside, %s, passes an answer in several pieces that waits for its invalidation',
    async (_, more) => {
      const host = await bench.start(combination);
      const sessions = session({ secret: 'it', resave: false, saveUninitialized: true });
      host.use({}, ...[sessions, ...more].map((layer) => new Layer(layer, notHere)));
      host.post(
        '/x',
        raw((res) => {
          res.setHeader('Content-Type', 'text/plain');
          for (const piece of ['a', 'b']) res.write(piece);
          res.end('c');
        }),
      );
      for (const headers of [{}, { 'Accept-Encoding': 'gzip' }]) {
        const answer = await host.ask('/x', { method: 'POST', headers });
        expect([answer.status, decoded(answer)]).toEqual([200, 'abc']);
        expect(answer.header('set-cookie')).toMatch(/^connect\.sid=/);
      }
    },
  );
});

describe.each(OF_EXPRESS)('layers: $label', (combination) => {
  it('a layer outside that sets a field as an answer ends has it on the hits of a file, too', async () => {
    const host = await bench.start(combination);
    const ending: RequestHandler = (_req, res, next) => {
      const { end } = res;
      res.end = ((...args: Parameters<typeof end>) => {
        if (!res.headersSent) res.setHeader('X-Ended', 'yes');
        return end.apply(res, args);
      }) as typeof end;
      next();
    };
    host.use(new Layer(ending, notHere), {});
    host.get('/report', () => ({ headers: { 'Content-Disposition': 'attachment; filename="report.txt"' }, body: 'x' }));
    for (const status of [/; stored$/, /; hit;/, /; hit;/]) {
      const answer = await host.ask('/report');
      expect([answer.header('x-ended'), answer.header('cache-status')]).toEqual(['yes', expect.stringMatching(status)]);
    }
  });
});

/** Adds a field whenever it is asked to write a head. */
const linking: RequestHandler = (_req, res, next) => {
  const { writeHead } = res;
  res.writeHead = ((...args: Parameters<typeof writeHead>) => {
    res.appendHeader('X-Link', 'one');
    return writeHead.apply(res, args);
  }) as typeof writeHead;
  next();
};

/** Waits for all pieces of an answer, and then changes its head. */
const rewriting: RequestHandler = (_req, res, next) => {
  const { end } = res;
  const pieces: string[] = [];
  const keep = (piece: unknown) => void (piece !== undefined && pieces.push(String(piece)));
  res.write = (piece: unknown) => {
    keep(piece);
    return true;
  };
  res.end = ((piece?: unknown) => {
    keep(piece);
    const body = pieces.join('').toUpperCase();
    if (!res.headersSent) res.setHeader('Content-Length', body.length);
    return Reflect.apply(end, res, [body]);
  }) as typeof end;
  next();
};

describe.each(OF_EXPRESS)('layers: $label', (combination) => {
  it.each(['GET', 'POST'])(
    'a layer outside that waits for all pieces of a %s, and then changes its head, may',
    async (method) => {
      const host = await bench.start(combination);
      const inside: RequestHandler = (_req, res, next) => {
        onHeaders(res, () => res.appendHeader('X-Inside', 'once'));
        next();
      };
      host.use(new Layer(rewriting, notHere), {}, new Layer(inside, notHere));
      const pieces = raw((res) => {
        for (const piece of ['a', 'b']) res.write(piece);
        res.end('c');
      });
      host.get('/x', pieces);
      host.post('/x', pieces);
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/x', { method });
        expect([answer.status, answer.text]).toEqual([200, 'ABC']);
        expect([answer.header('content-length'), answer.header('x-inside')]).toEqual(['3', 'once']);
      }
      expect(host.cache.getStats().hits).toBe(method === 'GET' ? 1 : 0);
    },
  );

  it.each(['end', 'write'])(
    'a layer inside that has a writeHead of its own is asked once where one outside is late to %s',
    async (name) => {
      const host = await bench.start(combination);
      const late: RequestHandler = (_req, res, next) => {
        const { end } = res;
        const pieces: unknown[] = [];
        res.write = (piece: unknown) => pieces.push(piece) > 0;
        res.end = ((piece?: unknown) => {
          setImmediate(() => Reflect.apply(end, res, [[...pieces, piece].join('')]));
          return res;
        }) as typeof end;
        next();
      };
      host.use(new Layer(late, notHere), {}, new Layer(linking, notHere));
      host.get(
        '/x',
        raw((res) => {
          if (name === 'write') res.write('a');
          res.end('b');
        }),
      );
      const answer = await host.ask('/x');
      expect([answer.text, answer.all('x-link')]).toEqual([name === 'write' ? 'ab' : 'b', ['one']]);
    },
  );

  it('a layer outside that changes a head at the end may change that of a 304, too', async () => {
    const host = await bench.start(combination);
    const summing: RequestHandler = (_req, res, next) => {
      const { write, end } = res;
      res.write = () => true;
      res.end = ((...given: unknown[]) => {
        res.setHeader('X-Sum', 'yes');
        Object.assign(res, { write });
        return Reflect.apply(end, res, given);
      }) as typeof end;
      next();
    };
    host.use(new Layer(summing, notHere), {});
    const answering = (pieces: string[], late = false) =>
      raw((res) => {
        res.setHeader('ETag', '"x"');
        for (const piece of pieces) res.write(piece);
        if (late) res.statusCode = 500;
        res.end('end');
      });
    host.get('/pieces', answering(['a']));
    host.get('/whole', answering([]));
    host.get('/failed', answering(['a'], true));
    for (const path of ['/pieces', '/whole', '/failed']) {
      const { status, header, text } = await host.ask(path, { headers: { 'If-None-Match': '"x"' } });
      expect([path, status, header('x-sum'), text]).toEqual([path, 304, 'yes', '']);
    }
    expect((await host.ask('/pieces')).header('cache-status')).toContain('hit');
    expect((await host.ask('/failed')).status).toBe(500);
  });

  it('what a handler changes of a head behind its first piece, while a layer outside waits for all, keeps the answer from being stored', async () => {
    const host = await bench.start(combination);
    host.use(new Layer(rewriting, notHere), {});
    const changes: Record<string, (res: ServerResponse) => unknown> = {
      '/failed': (res) => (res.statusCode = 500),
      '/private': (res) => res.setHeader('Cache-Control', 'private'),
      '/another-value': (res) => res.appendHeader('X-List', 'two'),
      '/fewer': (res) => res.removeHeader('X-List'),
      '/written': (res) => res.writeHead(500),
      '/written-with-fields': (res) => res.writeHead(200, { 'Cache-Control': 'private' }),
      '/flushed': (res) => {
        res.setHeader('Cache-Control', 'private');
        res.flushHeaders();
      },
    };
    for (const [path, change] of Object.entries(changes))
      host.get(
        path,
        raw((res) => {
          res.setHeader('X-List', ['one']);
          res.write('a');
          change(res);
          res.end('b');
        }),
      );
    host.get(
      '/same',
      raw((res) => {
        res.write('a');
        res.flushHeaders();
        res.write('b');
        res.end('c');
      }),
    );
    const seen = async (path: string) => {
      const { status, header, text, all } = await host.ask(path);
      return [status, header('cache-control'), all('x-list'), text];
    };
    for (const path of Object.keys(changes)) expect([path, await seen(path)]).toEqual([path, await seen(path)]);
    expect(host.cache.getStats()).toMatchObject({ hits: 0, sets: 0 });
    expect(await seen('/same')).toEqual(await seen('/same'));
    expect(host.cache.getStats().hits).toBe(1);
  });
});

describe.each(OF_EXPRESS)('layers: $label', (combination) => {
  it('a layer inside that has a writeHead of its own is asked once for each answer', async () => {
    const host = await bench.start(combination, { ttl: 10, staleIfError: 60 });
    let heads = 0;
    const adding: RequestHandler = (_req, res, next) => {
      const { writeHead } = res;
      res.writeHead = ((...args: Parameters<typeof writeHead>) => {
        heads++;
        res.appendHeader('X-Link', 'one');
        return writeHead.apply(res, args);
      }) as typeof writeHead;
      next();
    };
    host.use({}, new Layer(adding, notHere));
    let status = 200;
    host.get('/x', () => ({ status, body: 'x' }));
    host.get('/y', () => ({ body: 'y' }));
    host.post('/x', host.invalidating('key'), () => ({ body: 'done' }));
    const asked: [text: string, ask: Parameters<typeof host.ask>][] = [
      ['x', ['/x']],
      ['x', ['/x']],
      ['', ['/y', { headers: { 'If-None-Match': '*' } }]],
      ['done', ['/x', { method: 'POST' }]],
      ['x', ['/x']],
    ];
    for (const [text, ask] of asked) {
      const answer = await host.ask(...ask);
      expect([answer.text, answer.all('x-link')]).toEqual([text, ['one']]);
    }
    // For one hit there was nobody to ask.
    expect(heads).toBe(4);
    host.clock.forward(20);
    status = 503;
    const instead = await host.ask('/x');
    expect(instead.header('cache-status')).toContain('detail=stale-if-error');
    expect([instead.text, instead.all('x-link')]).toEqual(['x', ['one']]);
    expect(heads).toBe(5);
  });
});

describe.each(OF_KOA)('layers: $label', (combination) => {
  it.each(['outside', 'inside'] as const)('koa-etag and koa-conditional-get %s do what they do', async (place) => {
    const host = await bench.start(combination);
    const layers = [koaConditionalGet(), koaEtag()].map((layer) => new Layer(notHere, layer));
    if (place === 'outside') host.use(...layers, {});
    else host.use({}, ...layers);
    host.get('/x', numbered());
    const first = await host.ask('/x');
    const tag = String(first.header('etag'));
    expect(tag).toMatch(/^(W\/)?"/);
    for (let i = 0; i < 2; i++) {
      expect(await host.ask('/x', { headers: { 'If-None-Match': tag } })).toMatchObject({ status: 304, text: '' });
      const again = await host.ask('/x', { headers: { 'If-None-Match': '"other"' } });
      expect(again).toMatchObject({ status: 200, text: 'run 1' });
      expect(again.header('etag')).toBe(tag);
    }
  });
});

describe.each(OF_KOA)('layers: $label', (combination) => {
  it('koa-etag outside finds the file of a stream', async () => {
    const host = await bench.start(combination);
    host.use(new Layer(notHere, koaConditionalGet()), new Layer(notHere, koaEtag()), {});
    const bare = bench.bare(combination);
    bare.use(new Layer(notHere, koaConditionalGet()), new Layer(notHere, koaEtag()));
    const file = new Layer(notHere, (ctx) => void Object.assign(ctx, { body: createReadStream(import.meta.filename) }));
    for (const each of [host, bare]) each.get('/x', {}, file);
    const tag = String((await bare.ask('/x')).header('etag'));
    expect(tag).toMatch(/^W\/"/);
    expect((await host.ask('/x')).header('etag')).toBe(tag);
    await host.cache.clear();
    expect(await host.ask('/x', { headers: { 'If-None-Match': tag } })).toMatchObject({ status: 304, text: '' });
  });

  it('a layer outside that makes JSON of a stream of objects, as koa-json does, is given the objects', async () => {
    const stringifying = new Layer(notHere, async (ctx, next) => {
      await next();
      const { body } = ctx;
      if (!(body instanceof Readable && body.readableObjectMode)) return;
      ctx.type = 'json';
      ctx.body = body.map((each) => `${JSON.stringify(each)}\n`);
    });
    const host = await bench.start(combination);
    host.use(stringifying, {});
    host.get(
      '/x',
      {},
      new Layer(notHere, (ctx) => void Object.assign(ctx, { body: Readable.from([{ a: 1 }, { b: 2 }]) })),
    );
    for (let i = 0; i < 2; i++) {
      const answer = await host.ask('/x');
      expect(answer).toMatchObject({ status: 200, text: '{"a":1}\n{"b":2}\n', complete: true });
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss');
    }
    expect(host.cache.getStats()).toMatchObject({ misses: 2, sets: 0 });
  });
});

describe('the middleware for Express before a listener of Node’s, or in a router of another kind', () => {
  it('does what it does in Express, where nobody keeps the URL as it came', async () => {
    const cache = createCache({ redis: false });
    const caching = cacheMiddleware({ cache });
    const invalidating = invalidate('/x', { cache });
    let runs = 0;
    const server = createServer((req, res) => {
      const answer = () => void res.end(`run ${++runs}`);
      if (req.method === 'PUT') invalidating(req, res, answer);
      else caching(req, res, answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const texts = [];
    for (const method of ['GET', 'GET', 'PUT', 'GET']) texts.push((await ask(port, '/x', { method })).text);
    expect(texts).toEqual(['run 1', 'run 1', 'run 2', 'run 3']);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await cache.close();
  });
});
