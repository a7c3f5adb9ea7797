// Over HTTP/2: what is promised over HTTP/1 holds for Node's compatibility API, too, by a listener and by Koa.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type Koa from 'koa';
import type { Cache, Explanation } from 'respcache';
import { cacheMiddleware, statsRouter } from 'respcache/koa';
import { type CachedResponse, type Listener, withCache } from 'respcache/node';
import { afterEach, describe, expect, it } from 'vitest';
import { load } from './hosts.js';
import { STORES, useNode } from './node-host.js';

const bench = useNode();
const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

/** A client of a server of its own for these listeners. */
async function serve(listener: unknown): Promise<ClientHttp2Session> {
  const server = createHttp2Server(listener as never).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  opened.push(server, { close: () => client.destroy() });
  return client;
}

interface Answer {
  readonly head: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: Readonly<Record<string, unknown>>;
}

async function ask(client: ClientHttp2Session, path: string, fields: OutgoingHttpHeaders = {}, sent?: string) {
  const stream = client.request({ ':path': path, ...fields }, { endStream: sent === undefined });
  if (sent !== undefined) stream.end(sent);
  const answer = { head: {}, trailers: {} };
  stream.once('response', (head) => Object.assign(answer.head, head));
  stream.once('trailers', (trailers) => Object.assign(answer.trailers, trailers));
  return { ...answer, body: await text(stream) } as Answer;
}

/** What is the same with the cache and without it. */
function essence({ head, body, trailers }: Answer) {
  const own = new Set(['date', 'vary', 'etag', 'age', 'cache-status', 'content-length', 'x-run']);
  return { head: Object.entries(head).filter(([name]) => !own.has(name)), body, trailers: { ...trailers } };
}

type Write = (res: CachedResponse, fields: IncomingHttpHeaders) => unknown;

const ANSWERS: [what: string, becomes: 'hit' | 'miss' | 'stale' | 'in its place', write: Write][] = [
  ['a text', 'hit', (res) => res.end('text')],
  ['a head by itself', 'hit', (res) => res.writeHead(203, { Link: ['<a>', '<b>'] }).end('text')],
  [
    'pieces',
    'hit',
    (res) => {
      res.write('one ');
      setImmediate(() => res.end('two'));
    },
  ],
  ['nothing', 'hit', (res) => res.writeHead(204).end()],
  [
    'trailers',
    'miss',
    (res) => {
      (res as unknown as { setTrailer(name: string, value: string): void }).setTrailer('x-sum', '1');
      res.end('text');
    },
  ],
  [
    'later trailers',
    'miss',
    (res) => {
      res.write('text');
      res.addTrailers({ 'x-sum': '1' });
      res.end();
    },
  ],
  [
    'what is validated',
    'stale',
    (res, fields) => {
      res.setHeader('ETag', '"v"');
      res.setHeader('Cache-Control', 'max-age=0, stale-if-error=60');
      if (fields['if-none-match'] === '"v"') res.writeHead(304).end();
      else res.end('text');
    },
  ],
  [
    'a failure that something stands in for',
    'in its place',
    (res) => {
      if (res.getHeader('x-run') === '2') return res.writeHead(503).end('failed');
      res.setHeader('Cache-Control', 'max-age=0, stale-if-error=60');
      return res.end('text');
    },
  ],
  [
    'a hang-up that something stands in for',
    'in its place',
    (res) => {
      if (res.getHeader('x-run') === '2') return res.destroy();
      res.setHeader('Cache-Control', 'max-age=0, stale-if-error=60');
      return res.end('text');
    },
  ],
];

const STATUS = {
  hit: /; hit; ttl=/,
  miss: /fwd=uri-miss/,
  stale: /fwd=stale; fwd-status=304; stored/,
  'in its place': /detail=stale-if-error/,
};

describe('over HTTP/2', () => {
  it('a request is not given what was stored for another host, or for none', async () => {
    const { cache } = await bench.cache('memory');
    const cached = withCache((req, res) => res.end(`for ${req.headers[':authority'] ?? req.headers.host}`), { cache });
    const host = await bench.serve('memory', () => cached);
    const old = connect(host.port, '127.0.0.1').end('GET / HTTP/1.0\r\n\r\n');
    expect(await text(old)).toMatch(/stored\r\n(.*\r\n)*\r\nfor undefined$/);

    const client = await serve(cached);
    for (const authority of ['a.example', 'b.example', 'a.example']) {
      expect((await ask(client, '/', { ':authority': authority })).body).toBe(`for ${authority}`);
    }
  });

  it('a request is not given what was stored for another scheme, and changes what all of them are given', async () => {
    const { cache } = await bench.cache('memory');
    let runs = 0;
    const client = await serve(
      withCache((req, res) => res.end(`${req.headers[':scheme']} ${++runs}`), { cache, ttl: 60 }),
    );
    const asked = async () => {
      const bodies: string[] = [];
      for (const scheme of ['other', 'http', 'other', 'http', 'https'])
        bodies.push((await ask(client, '/', { ':scheme': scheme })).body);
      return bodies;
    };
    expect(await asked()).toEqual(['other 1', 'http 2', 'other 1', 'http 2', 'https 3']);
    expect((await ask(client, '/', { ':method': 'POST', ':scheme': 'https' })).body).toBe('https 4');
    expect(await asked()).toEqual(['other 5', 'http 6', 'other 5', 'http 6', 'https 7']);
  });

  it('what changes a URL over one version of HTTP reaches what was stored over the other', async () => {
    const { cache } = await bench.cache('memory');
    let runs = 0;
    const cached = withCache(
      (_req, res) => {
        res.setHeader('Location', '/b');
        res.end(`run ${++runs}`);
      },
      { cache },
    );
    const host = await bench.serve('memory', () => cached);
    const authority = `127.0.0.1:${host.port}`;
    const client = await serve(cached);
    const older = async (path: string, method = 'GET') => {
      const answer = await fetch(`http://${authority}${path}`, { method });
      return answer.text();
    };
    const newer = async (path: string, method = 'GET') =>
      (await ask(client, path, { ':authority': authority, ':method': method })).body;

    for (const path of ['/a', '/b']) {
      for (const change of [newer, older]) {
        const before = [await older(path), await newer(path)];
        expect([await older(path), await newer(path)]).toEqual(before);
        const changed = await change('/a', 'POST');
        const after = [await older(path), await newer(path)];
        expect([changed, ...after].filter((run) => before.includes(run))).toEqual([]);
      }
    }
  });

  it.each(ANSWERS)('%s leaves as it is, and is a %s', async (_, becomes, write) => {
    const { cache } = await bench.cache('memory');
    let runs = 0;
    const bare = (req: IncomingMessage, res: CachedResponse) => write(res, req.headers);
    const plain = await ask(await serve(bare), '/');
    const client = await serve(
      withCache(
        (req, res) => {
          res.setHeader('x-run', String(++runs));
          return write(res, req.headers);
        },
        { cache },
      ),
    );
    const [first, second] = [await ask(client, '/'), await ask(client, '/')];
    expect(essence(first)).toEqual(essence(plain));
    expect(essence(second)).toEqual(essence(plain));
    expect(second.head['cache-status']).toMatch(STATUS[becomes]);
    expect([first.head.vary, second.head.vary]).toEqual(['x-client-id', 'x-client-id']);
    expect(cache.getStats().errors).toBe(0);
  });

  it.each(['a listener', 'Koa'].flatMap((by) => STORES.map((store) => [by, store] as const)))(
    '%s, %s: hits answer HEAD, conditions and parts, and no request with a body',
    async (by, store) => {
      const { cache } = await bench.cache(store);
      let runs = 0;
      const client = await serve(
        by === 'Koa' ? koa(cache, () => `run ${++runs}`) : plain(cache, () => `run ${++runs}`),
      );
      const { head } = await ask(client, '/a');
      expect(await ask(client, '/a')).toMatchObject({ body: 'run 1', head: { 'x-several': '1, 2' } });
      expect(await ask(client, '/a', { ':method': 'HEAD' })).toMatchObject({
        body: '',
        head: { 'content-length': '5' },
      });
      const conditional = await ask(client, '/a', { 'if-none-match': head.etag });
      expect(conditional).toMatchObject({ body: '', head: { ':status': 304 } });
      expect(await ask(client, '/a', { range: 'bytes=4-' })).toMatchObject({ body: '1', head: { ':status': 206 } });
      expect((await ask(client, '/a', {}, 'body')).head['cache-status']).toMatch(/detail=body/);
      expect((await ask(client, '/b', {}, 'body')).head['cache-status']).toMatch(/detail=body/);
      await ask(client, '/a', { ':method': 'POST' });
      expect((await ask(client, '/a')).body).toBe('run 5');
      expect(cache.getStats().errors).toBe(0);
    },
  );

  it.each<[by: string, make: (cache: Cache) => unknown]>([
    ['a listener', (cache) => plain(cache, () => undefined)],
    ['Koa', (cache) => koa(cache, () => 'a')],
    ['Koa with a mount inside', (cache) => withCache(koa(cache, () => 'a') as Listener, { cache })],
  ])('%s: a HEAD that is none of a hit has its answer, and is told of', async (_, make) => {
    const { cache } = await bench.cache('memory');
    const client = await serve(make(cache));
    const { head } = await ask(client, '/', { ':method': 'HEAD' });
    expect(head).toMatchObject({
      ...{ ':status': 200, 'x-several': '1, 2', vary: 'x-client-id' },
      'cache-status': 'respcache; fwd=uri-miss; detail=head',
    });
    expect(cache.getStats()).toMatchObject({ totalRequests: 1, reasons: { head: 1 } });
  });

  it('what is stale is made anew by a request in its own stead, but not by one that wants what is stored alone', async () => {
    const { cache, clock } = await bench.cache('memory');
    let runs = 0;
    const listener = (_req: unknown, res: CachedResponse) => {
      res.setHeader('Cache-Control', 'max-age=1, stale-while-revalidate=60');
      res.end(`run ${++runs}`);
    };
    const client = await serve(withCache(listener, { cache, requestDirectives: 'honor' }));
    await ask(client, '/');
    clock.forward(2);
    expect((await ask(client, '/', { 'cache-control': 'only-if-cached' })).body).toBe('run 1');
    expect((await ask(client, '/')).body).toBe('run 2');
    expect((await ask(client, '/')).head['cache-status']).toMatch(/; hit; ttl=1$/);
  });

  it('whoever waits for the answer to a client that has gone has one', async () => {
    const { cache } = await bench.cache('memory');
    let begun = () => {};
    let runs = 0;
    const first = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const client = await serve(
      withCache(
        (_req, res) => {
          if (++runs > 1) return res.end(`run ${runs}`);
          begun();
          res.once('close', () => res.end('run 1'));
        },
        { cache },
      ),
    );
    const leaver = client.request({ ':path': '/' });
    await first;
    const waiting = ask(client, '/');
    leaver.close();
    expect((await waiting).body).toMatch(/^run [12]$/);
  });

  it('nobody waits for an answer that was given by its stream, past the cache', async () => {
    const { cache } = await bench.cache('memory');
    let runs = 0;
    const listener = (_req: unknown, res: CachedResponse) => {
      const { stream } = res as unknown as Http2ServerResponse;
      stream.respond({ ':status': 200 });
      stream.end(`run ${++runs}`);
    };
    const client = await serve(withCache(listener, { cache }));
    expect((await ask(client, '/')).body).toBe('run 1');
    expect((await ask(client, '/')).body).toBe('run 2');
    expect((await ask(client, '/')).body).toBe('run 3');
  });

  it.each([
    ['at once', (give: () => void) => give()],
    ['later', (give: () => void) => setImmediate(give)],
  ])('nobody waits for a handler that has closed its stream %s', async (_when, then) => {
    const { cache } = await bench.cache('memory');
    let runs = 0;
    const listener = (_req: unknown, res: CachedResponse) => {
      runs++;
      const { stream } = res as unknown as Http2ServerResponse;
      then(() => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    };
    const client = await serve(withCache(listener, { cache }));
    for (let i = 0; i < 3; i++) {
      const stream = client.request({ ':path': '/' });
      const [error] = await once(stream, 'error');
      expect(error).toMatchObject({ message: expect.stringContaining('NGHTTP2_REFUSED_STREAM') });
    }
    expect(runs).toBe(3);
  });

  it.each<[what: string, cut: (res: Http2ServerResponse) => void]>([
    ['its stream', (res) => res.stream.destroy()],
    ['its stream for an error', (res) => res.stream.once('error', () => {}).destroy(new Error('in the middle'))],
    ['its session', (res) => res.stream.session!.destroy()],
  ])(
    'an answer whose handler destroys %s in the middle, and ends it in the same turn, is not stored',
    async (_, cut) => {
      const { cache } = await bench.cache('memory');
      let runs = 0;
      const listener: Listener = (_req, res) => {
        if (++runs === 2) return res.end('whole');
        res.write('half');
        cut(res as unknown as Http2ServerResponse);
        return res.end();
      };
      const fields = { ':authority': 'a.example' };
      const client = (await serve(withCache(listener, { cache }))).on('error', () => {});
      const broken = client.request(fields).on('error', () => {});
      await new Promise((resolve) => broken.resume().once('close', resolve));
      expect((await ask(await serve(withCache(listener, { cache })), '/', fields)).body).toBe('whole');
    },
  );

  it('a write that is answered by its stream invalidates its own URL if it has succeeded', async () => {
    const { cache } = await bench.cache('memory');
    let runs = 0;
    const listener = (req: IncomingMessage, res: CachedResponse) => {
      if (req.method === 'GET') return res.end(`run ${++runs}`);
      const { stream } = res as unknown as Http2ServerResponse;
      res.once('close', () => setImmediate(done));
      stream.respond({ ':status': Number(req.headers['x-status']) }, { endStream: true });
    };
    let done = () => {};
    const client = await serve(withCache(listener, { cache }));
    const write = async (status: string) => {
      const closed = new Promise<void>((resolve) => {
        done = resolve;
      });
      await ask(client, '/', { ':method': 'PUT', 'x-status': status }, 'new');
      await closed;
      return (await ask(client, '/')).body;
    };
    expect((await ask(client, '/')).body).toBe('run 1');
    expect(await write('409')).toBe('run 1');
    expect(await write('204')).toBe('run 2');
  });

  it('the page of statistics explains what is asked for as it is asked for itself', async () => {
    const { cache } = await bench.cache('memory');
    const client = await served(cache);
    await ask(client, '/users');
    const explained = async (url: string) =>
      JSON.parse((await ask(client, `/cache/explain?url=${url}`)).body) as Explanation;
    for (const url of ['/users', `${originOf(client)}/users`]) {
      const { outcome, steps } = await explained(url);
      expect(outcome, url).toBe('hit');
      expect(steps.map(({ text }) => text).join('\n')).not.toContain('No Host is given');
    }
    expect(await explained('http://elsewhere.test/users')).toMatchObject({ outcome: 'miss' });
  });

  it('the page of statistics is known to be of this site by a browser that names the origin alone', async () => {
    const { cache } = await bench.cache('memory');
    const client = await served(cache);
    await ask(client, '/users');
    // Safari before 16.4 sends no `Sec-Fetch-Site`.
    const clear = async (origin: string) => {
      const fields = { ':method': 'POST', 'content-type': 'application/json', origin };
      return (await ask(client, '/cache/clear', fields, '{}')).head[':status'];
    };
    expect(await clear('http://elsewhere.test')).toBe(403);
    expect(await clear(originOf(client))).toBe(200);
  });

  it('warns of nothing', async () => {
    const warnings: string[] = [];
    const hear = (warning: Error) => warnings.push(warning.message);
    process.on('warning', hear);
    try {
      const { cache } = await bench.cache('memory');
      for (const listener of [plain(cache, () => 'a'), koa(cache, () => 'b')]) {
        const client = await serve(listener);
        for (let i = 0; i < 3; i++) await ask(client, '/');
      }
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', hear);
    }
  });
});

function plain(cache: Cache, body: () => string | undefined): unknown {
  const listener = (_req: unknown, res: CachedResponse) => {
    res.setHeader('X-Several', ['1', '2']);
    res.end(body());
  };
  return withCache(listener, { cache });
}

function koa(cache: Cache, body: () => string): unknown {
  const app = new (load<typeof Koa>('koa'))();
  app.use(cacheMiddleware({ cache }));
  app.use((ctx) => {
    ctx.set('X-Several', ['1', '2']);
    ctx.body = body();
  });
  return app.callback();
}

/** A client of an application with a page of statistics. */
function served(cache: Cache): Promise<ClientHttp2Session> {
  const app = new (load<typeof Koa>('koa'))();
  const mount = load<(path: string, layer: Koa.Middleware) => Koa.Middleware>('koa-mount');
  app.use(mount('/cache', statsRouter({ cache, authorize: () => true })));
  app.use(cacheMiddleware({ cache }));
  app.use((ctx) => {
    ctx.body = 'a';
  });
  return serve(app.callback());
}

/** Of the server that a client is connected to. */
function originOf(client: ClientHttp2Session): string {
  return `http://127.0.0.1:${client.socket.remotePort}`;
}
