// An application whose routes come to every end that a request can have, once in Express and once in Koa, and a book kept
// outside of the cache: which requests came, and which events told of each. In JavaScript, since a child process runs it too.

import { pipeline, Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';
import Koa from 'koa';
import mount from 'koa-mount';

/** Not fresh for long, and good for something afterwards. */
const BRIEF = { ttl: 0.03 };

/** The first part of a path: the options of its mount, and what its handler says. */
const ROUTES = {
  plain: [{}, (n) => ({ body: `plain ${n}` })],
  named: [{ key: 'named', tags: ['named'] }, (n) => ({ body: `named ${n}` })],
  slow: [{ ttl: 0.05 }, async (n) => ({ body: `slow ${n}${await pause(25, '')}` })],
  stale: [{ ...BRIEF, staleWhileRevalidate: 60 }, (n) => ({ body: `stale ${n}` })],
  checked: [BRIEF, (_n, has) => (has === '"v"' ? { status: 304 } : { body: 'checked', headers: { ETag: '"v"' } })],
  failing: [{ ...BRIEF, staleIfError: 60 }, once((n) => ({ body: `well ${n}` }), thrown)],
  gone: [
    { ...BRIEF, staleIfError: 60 },
    once(
      (n) => ({ body: `here ${n}` }),
      () => ({ hangUp: true }),
    ),
  ],
  throws: [{}, thrown],
  hangs: [{}, () => ({ hangUp: true })],
  stream: [{}, (n) => ({ body: Readable.from(pieces(n)) })],
  piped: [{}, (n) => ({ body: Readable.from(pieces(n)), pipeline: true })],
  breaks: [{}, () => ({ body: Readable.from(broken()) })],
  private: [{}, (n) => ({ body: `private ${n}`, headers: { 'Cache-Control': 'private' } })],
  cookies: [{}, (n) => ({ body: `cookies ${n}`, headers: { 'Set-Cookie': 'a=1' } })],
  unwanted: [{ when: () => false }, (n) => ({ body: `unwanted ${n}` })],
  broken: [{ when: thrown }, (n) => ({ body: `broken ${n}` })],
  strict: [{ tenant: { required: true } }, (n) => ({ body: `strict ${n}` })],
  honest: [{ requestDirectives: 'honor' }, (n) => ({ body: `honest ${n}` })],
  own: [{ identity: () => 'me', vary: ['cookie'] }, (n) => ({ body: `own ${n}` })],
  large: [{ maxBodyBytes: 10 }, () => ({ body: 'more than ten bytes' })],
};

function thrown() {
  throw new Error('as intended');
}

/** Says the one thing to the first request of each `n`, and the other to all that follow. */
function once(first, then) {
  const asked = new Set();
  return (n) => {
    if (asked.has(n)) return then(n);
    asked.add(n);
    return first(n);
  };
}

async function* pieces(n) {
  for (let i = 0; i < 3; i++) yield `piece ${i} of ${n}${await pause(3, '')}`;
}

async function* broken() {
  yield 'a beginning';
  thrown();
}

/** Which requests came, by their number, and what was told of each. */
export class Book {
  /** Each request of a client once; what the cache runs by itself carries the number of the request that it copies. */
  came = new Set();
  open = 0;
  told = new Map();
  handlers = 0;
  /** Of tenants and routes only what has one is counted by them. */
  withTenant = 0;
  withRoute = 0;
  strangers = 0;

  constructor(cache) {
    for (const kind of ['hit', 'miss', 'bypass']) cache.on(kind, (event) => this.#write(kind, event));
  }

  /** Counts the open connections of a server: one whose client has gone may hold a request that was not read yet. */
  watch(server) {
    server.on('connection', (socket) => {
      this.open++;
      socket.once('close', () => this.open--);
    });
    return server;
  }

  begin(req) {
    const number = req.headers['x-number'];
    if (number !== undefined) this.came.add(number);
  }

  #write(kind, { request, tenant, route }) {
    if (tenant !== undefined) this.withTenant++;
    if (route !== undefined) this.withRoute++;
    const number = request?.headers['x-number'];
    if (number === undefined) this.strangers++;
    else this.told.set(number, [...(this.told.get(number) ?? []), kind]);
  }

  /** Requests that were not told of, or more than once, with what was told. */
  wrong() {
    const numbers = new Set([...this.came, ...this.told.keys()]);
    return [...numbers].flatMap((number) => {
      const told = this.told.get(number) ?? [];
      return told.length === 1 && this.came.has(number) ? [] : [`${number}: ${told.join(', ')}`];
    });
  }
}

/** What was counted, and what was counted outside, of one process. */
export function figures(cache, book) {
  const { latency } = cache.statistics.counters;
  return {
    requests: book.came.size,
    wrong: book.wrong(),
    withTenant: book.withTenant,
    withRoute: book.withRoute,
    strangers: book.strangers,
    open: book.open,
    stats: cache.getStats(),
    latency: { hit: latency.hit.count, miss: latency.miss.count, set: latency.set.count },
  };
}

/** `parts`: the adapter's `cacheMiddleware`, `invalidate` and `statsRouter`. */
export function expressApplication(cache, book, { cacheMiddleware, invalidate, statsRouter }) {
  const app = express();
  app.use((req, _res, next) => {
    book.begin(req);
    next();
  });
  // It waits to invalidate, and opens the exchange that the middleware then finds.
  app.use('/named', invalidate('named', { cache }));
  app.use('/only', invalidate('named', { cache }), (_req, res) => setTimeout(() => res.end('only'), 10));
  app.use(cacheMiddleware({ cache, shadow: 0.1 }));
  app.use('/stats', statsRouter({ cache }));
  for (const [name, [options, say]] of Object.entries(ROUTES)) {
    app.use(`/${name}/:n`, cacheMiddleware({ cache, ...options }), async (req, res) => {
      const {
        status = 200,
        headers = {},
        body,
        hangUp,
        pipeline: piped,
      } = await say(req.params.n, req.headers['if-none-match']);
      if (hangUp) return res.destroy();
      res.status(status).set(headers);
      if (piped) pipeline(body, res, () => {});
      else if (body instanceof Readable) body.on('error', () => res.destroy()).pipe(res);
      else res.end(body);
    });
  }
  app.use((error, _req, res, _next) => res.status(500).end(error.message));
  return app;
}

export function koaApplication(cache, book, { cacheMiddleware, invalidate, statsRouter }) {
  const app = new Koa();
  app.silent = true;
  const named = invalidate('named', { cache });
  const stats = mount('/stats', statsRouter({ cache }));
  const routes = new Map(Object.entries(ROUTES).map(([name, [options, say]]) => [name, { options, say }]));
  for (const route of routes.values()) route.layer = cacheMiddleware({ cache, ...route.options });
  app.use((ctx, next) => {
    book.begin(ctx.req);
    return next();
  });
  app.use(async (ctx, next) => {
    if (ctx.path.startsWith('/named')) return named(ctx, next);
    if (!ctx.path.startsWith('/only')) return next();
    await named(ctx, async () => {
      ctx.body = `only${await pause(10, '')}`;
    });
  });
  app.use(cacheMiddleware({ cache, shadow: 0.1 }));
  app.use((ctx, next) => {
    const [, name = '', n = ''] = ctx.path.split('/');
    if (name === 'stats') return stats(ctx, next);
    const route = routes.get(name);
    return route?.layer(ctx, async () => {
      const { status = 200, headers = {}, body, hangUp } = await route.say(n, ctx.headers['if-none-match']);
      if (hangUp) return ctx.res.destroy();
      ctx.status = status;
      ctx.set(headers);
      if (body !== undefined) ctx.body = body;
    });
  });
  return app.callback();
}
