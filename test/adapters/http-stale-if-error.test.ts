// A stale answer in place of a handler that has failed (RFC 5861 §4): whichever way it fails, and where that is forbidden.

import { Agent, type ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import type { RouteOptions } from 'respcache';
import { describe, expect, it } from 'vitest';
import { type Combination, Gate, IN_FRONT, NEWEST, OF_EXPRESS, OF_KOA, stream, useBench } from './bench.js';
import type { Ask } from './client.js';
import { type Host, Layer, load, notHere, raw, type Source } from './hosts.js';
import { nextEvent, soon, Traffic, told } from './traffic.js';

const bench = useBench();

const cors = load<(options?: object) => RequestHandler>('cors');
const koaCors = load<(options?: object) => Middleware>('@koa/cors');

const SIE_60: RouteOptions<Source> = { ttl: 10, staleIfError: 60 };
const GOOD = { 'X-Good': '1' };

class Broken extends Error {
  readonly status: number | undefined;

  constructor(status?: number) {
    super('broken');
    this.status = status;
  }
}

function fail(status?: number): never {
  throw new Broken(status);
}

const LEAKING = { 'X-Failed': '1', 'Set-Cookie': 'sid=failed', 'Content-Language': 'xx', 'Cache-Control': 'no-store' };

function answering(status: number): Layer {
  return new Layer(
    (_req, res) => void res.status(status).set(LEAKING).send('failed'),
    (ctx) => {
      ctx.status = status;
      ctx.set(LEAKING);
      ctx.body = 'failed';
    },
  );
}

function throwing(status?: number): Layer {
  return new Layer(
    () => fail(status),
    () => fail(status),
  );
}

/** The ways to fail, and the status that it is without a cache. `seen`: whether the application is told of an error. */
interface Failure {
  readonly name: string;
  readonly layer: Layer;
  readonly status: number;
  readonly seen: boolean;
}

const BY_BOTH: Failure[] = [
  ...[500, 502, 503, 504].map((status) => ({
    name: `answers ${status}`,
    layer: answering(status),
    status,
    seen: false,
  })),
  {
    name: 'says 500 and no more',
    layer: new Layer(
      (_req, res) => void res.status(500).end(),
      (ctx) => {
        ctx.status = 500;
      },
    ),
    status: 500,
    seen: false,
  },
  {
    name: 'throws',
    layer: throwing(),
    status: 500,
    seen: true,
  },
  {
    name: 'fails later, with a status',
    layer: new Layer(
      (_req, _res, next) => void setImmediate(() => next(new Broken(503))),
      () => new Promise((_, reject) => setImmediate(() => reject(new Broken(503)))),
    ),
    status: 503,
    seen: true,
  },
  {
    name: 'sets fields, a status and a body, then throws',
    layer: new Layer(
      (_req, res) => {
        res.status(202).set(LEAKING);
        fail();
      },
      (ctx) => {
        ctx.status = 202;
        ctx.set(LEAKING);
        ctx.body = 'half';
        fail();
      },
    ),
    status: 500,
    seen: true,
  },
];
const BY_KOA: Failure[] = [
  ...BY_BOTH,
  { name: 'ctx.throw(503)', layer: new Layer(notHere, (ctx) => ctx.throw(503, 'as it is')), status: 503, seen: true },
  {
    name: 'has told Koa to leave the answer to it, and throws',
    layer: new Layer(notHere, (ctx) => {
      ctx.respond = false;
      fail();
    }),
    status: 500,
    seen: true,
  },
];
const FAILURES = (combination: Combination) => (combination.framework.startsWith('koa') ? BY_KOA : BY_BOTH);

const HANGING_UP: [string, Layer][] = [
  [
    'at once',
    new Layer(
      (_req, res) => void res.set(LEAKING).destroy(),
      (ctx) => {
        ctx.set(LEAKING);
        ctx.res.destroy();
      },
    ),
  ],
  [
    'later, with an error',
    new Layer(
      (_req, res) => void setImmediate(() => res.destroy(new Broken())),
      (ctx) =>
        new Promise<void>((done) =>
          setImmediate(() => {
            ctx.res.destroy(new Broken());
            done();
          }),
        ),
    ),
  ],
  [
    'having told its framework to leave the answer to it',
    new Layer(
      (_req, res) => void res.destroy(),
      (ctx) => {
        ctx.respond = false;
        ctx.res.destroy();
      },
    ),
  ],
];

/** Gives `good` while it is well, then fails. */
function failing(layer: Layer, headers: Record<string, string> = {}) {
  const state = { well: true, runs: 0 };
  const both = new Layer(
    (req, res, next) => {
      state.runs++;
      if (!state.well) return layer.express(req, res, next);
      res
        .set({ ...GOOD, ...headers })
        .type('text/plain')
        .send(`good ${state.runs}`);
    },
    async (ctx, next) => {
      state.runs++;
      if (!state.well) return layer.koa(ctx, next);
      ctx.set({ ...GOOD, ...headers });
      ctx.body = `good ${state.runs}`;
    },
  );
  return Object.assign(state, { layer: both });
}

/** The application's own look at what went wrong: Express' error handler; Koa's event comes to the host. */
function errorHandler(host: Host): Layer {
  const handler = (error: unknown, _req: unknown, _res: unknown, next: (error: unknown) => void) => {
    host.errors.push(error);
    next(error);
  };
  return new Layer(handler as unknown as RequestHandler, (_ctx, next) => next());
}

/** An answer, or that there was none. */
async function outcome(host: Host, target: string, ask?: Ask) {
  try {
    const { status, text, complete } = await host.ask(target, ask);
    return { status, text, complete };
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

describe.each(NEWEST)('stale-if-error: $label', (combination) => {
  it.each(FAILURES(combination))(
    'a handler that $name: what is stale stands in, and the application hears of it',
    async ({ layer, status, seen }) => {
      const host = await bench.start(combination);
      const model = failing(layer);
      host.get('/x', SIE_60, model.layer);
      host.use(errorHandler(host));
      await host.ask('/x');
      model.well = false;
      host.clock.forward(12);
      const answer = await host.ask('/x');
      expect(answer).toMatchObject({ status: 200, reason: 'OK', text: 'good 1', complete: true });
      expect(told(answer)).toMatchObject({ name: 'respcache', fwd: 'stale', ttl: -2, detail: 'stale-if-error' });
      expect([undefined, status]).toContain(told(answer)['fwd-status']);
      expect([answer.header('age'), answer.header('x-good')]).toEqual(['12', '1']);
      for (const name of [...Object.keys(LEAKING), 'Content-Security-Policy', 'X-Content-Type-Options']) {
        expect(answer.all(name), name).toEqual([]);
      }
      expect(host.errors).toEqual(seen ? [expect.objectContaining({ message: expect.anything() })] : []);
      const { hits, stale, misses, totalRequests } = host.cache.getStats();
      expect({ hits, stale, misses, totalRequests }).toEqual({ hits: 1, stale: 1, misses: 1, totalRequests: 2 });
      // Everyone asks the handler again, until it is well.
      model.well = true;
      expect((await host.ask('/x')).text).toBe('good 3');
      expect((await host.ask('/x')).text).toBe('good 3');
    },
  );

  it.each(
    HANGING_UP.flatMap(([how, layer]) =>
      ['one mount', 'a mount inside another that looks elsewhere'].map((mount) => [how, mount, layer] as const),
    ),
  )('a handler that hangs up %s, behind %s: what is stale stands in', async (_, mount, layer) => {
    const host = await bench.start(combination);
    const model = failing(layer);
    if (mount !== 'one mount') host.use({});
    host.get('/x', mount === 'one mount' ? SIE_60 : { ...SIE_60, identity: () => 'me' }, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(12);
    for (const expected of [
      { status: 200, text: 'good 1' },
      { status: 304, text: '' },
    ]) {
      const headers = expected.status === 304 ? { 'If-None-Match': '*' } : {};
      const answer = await host.ask('/x', { headers });
      expect(answer).toMatchObject({ ...expected, complete: true });
      expect(told(answer)).toEqual({ name: 'respcache', fwd: 'stale', ttl: -2, detail: 'stale-if-error' });
      for (const name of Object.keys(LEAKING)) expect(answer.all(name), name).toEqual([]);
    }
    model.well = true;
    expect((await host.ask('/x')).text).toBe('good 4');
  });

  it.each<[string, RouteOptions<Source>, Record<string, string>]>([
    ['the option', SIE_60, {}],
    ['the header', {}, { 'Cache-Control': 'max-age=10, stale-if-error=60' }],
    ['the header, over a longer option', { staleIfError: 999 }, { 'Cache-Control': 'max-age=10, stale-if-error=60' }],
    ['the header, mode rfc9111', { mode: 'rfc9111' }, { 'Cache-Control': 'max-age=10, stale-if-error=60' }],
  ])('lasts as long as %s says', async (_, options, headers) => {
    const host = await bench.start(combination);
    const models = [failing(answering(500), headers), failing(throwing(), headers)];
    for (const [i, { layer }] of models.entries()) host.get(`/${i}`, options, layer);
    for (const [i, model] of models.entries()) {
      await host.ask(`/${i}`);
      model.well = false;
    }
    host.clock.forward(10 + 59);
    for (const i of models.keys()) expect(await host.ask(`/${i}`)).toMatchObject({ status: 200, text: 'good 1' });
    host.clock.forward(1);
    for (const i of models.keys()) expect((await host.ask(`/${i}`)).status).toBe(500);
  });

  it.each<[string, Layer, number]>([
    ...[400, 401, 404, 410, 429, 501, 505].map((status): [string, Layer, number] => [
      `answers ${status}`,
      answering(status),
      status,
    ]),
    ['throws a 404', throwing(404), 404],
    ['throws a 501', throwing(501), 501],
  ])('a handler that %s has said so', async (_, layer, status) => {
    const host = await bench.start(combination);
    const model = failing(layer);
    host.get('/x', SIE_60, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(10);
    const answer = await host.ask('/x');
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('good');
  });

  describe.each(['must-revalidate', 'proxy-revalidate', 's-maxage=10'])('where the answer says %s', (value) => {
    const headers = { 'Cache-Control': `max-age=10, ${value}, stale-if-error=60`, ETag: '"a"' };

    it('a failure passes', async () => {
      const host = await bench.start(combination);
      const models = [failing(answering(503), headers), failing(throwing(503), headers)];
      for (const [i, { layer }] of models.entries()) host.get(`/${i}`, SIE_60, layer);
      for (const [i, model] of models.entries()) {
        await host.ask(`/${i}`);
        model.well = false;
      }
      host.clock.forward(11);
      for (const i of models.keys()) expect((await host.ask(`/${i}`)).status).toBe(503);
    });

    it('a handler that hangs up is a 504', async () => {
      const host = await bench.start(combination);
      const models = HANGING_UP.map(([, layer]) => failing(layer, headers));
      const outside = new Layer(
        (_req, res, next) => {
          res.setHeader('X-Outside', '1');
          next();
        },
        (ctx, next) => {
          ctx.set('X-Outside', '1');
          return next();
        },
      );
      for (const [i, { layer }] of models.entries()) host.get(`/${i}`, outside, SIE_60, layer);
      for (const [i, model] of models.entries()) {
        await host.ask(`/${i}`);
        model.well = false;
      }
      host.clock.forward(11);
      for (const i of models.keys()) {
        const answer = await host.ask(`/${i}`);
        expect(answer).toMatchObject({ status: 504, reason: 'Gateway Timeout', text: '', complete: true });
        expect(told(answer)).toEqual({ name: 'respcache', fwd: 'stale', detail: 'aborted' });
        expect(answer.header('x-outside')).toBe('1');
        expect(answer.header('cache-control')).toBe('no-store');
        for (const name of ['X-Failed', 'X-Good', 'Set-Cookie', 'Content-Language', 'ETag'])
          expect(answer.all(name), name).toEqual([]);
      }
      const asked = 2 * models.length;
      expect(host.cache.getStats()).toMatchObject({ hits: 0, misses: asked, totalRequests: asked });
    });
  });

  it('a handler that hangs up where nothing stands in has hung up, and nobody waits for it', async () => {
    const patience = 8000;
    const host = await bench.start(combination, { collapseTimeout: patience });
    const traffic = new Traffic();
    const gate = new Gate();
    const leaving = new Layer(
      (_req, res) => void gate.opened.then(() => res.destroy()),
      (ctx) => gate.opened.then(() => void ctx.res.destroy()),
    );
    const model = failing(leaving, { ETag: '"a"' });
    host.use(traffic.layer);
    host.get('/x', { ttl: 10 }, model.layer);
    const started = performance.now();
    // With nothing there, and with what is stale and may not be used.
    for (const asked of [0, 3]) {
      model.well = false;
      const first = outcome(host, '/x');
      await traffic.begun(asked + 1);
      await soon(() => expect(model.runs).toBe(asked + 1));
      model.well = true;
      const second = host.ask('/x');
      await traffic.begun(asked + 2);
      gate.open();
      expect(await first).toBe('ECONNRESET');
      expect((await second).text).toMatch(/^good/);
      expect(told(await host.ask('/x'))).toMatchObject({ hit: true });
      host.clock.forward(10);
      model.runs++;
    }
    expect(performance.now() - started).toBeLessThan(patience / 2);
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 6, misses: 4, hits: 2 });
  });

  describe('an answer that has begun', () => {
    const half = (then: (destroy: () => void) => void) =>
      new Layer(
        (_req, res) => {
          res.writeHead(200, { 'X-Half': '1' });
          res.write('half');
          then(() => res.destroy());
        },
        (ctx) => {
          ctx.respond = false;
          ctx.res.writeHead(200, { 'X-Half': '1' });
          ctx.res.write('half');
          then(() => ctx.res.destroy());
        },
      );

    it.each<[string, Layer]>([
      ['breaks off', half((destroy) => setImmediate(destroy))],
      ['breaks off at once', half((destroy) => destroy())],
      [
        'is given up by an error',
        half((destroy) => {
          setImmediate(destroy);
          fail();
        }),
      ],
    ])('and %s passes as it is', async (_, layer) => {
      const outcomes = [];
      for (const host of [await bench.start(combination), bench.bare(combination)]) {
        const model = failing(layer);
        host.get('/x', SIE_60, model.layer);
        await host.ask('/x');
        model.well = false;
        if ('clock' in host) (host.clock as { forward(seconds: number): void }).forward(10);
        outcomes.push([await outcome(host, '/x'), host.errors.map(String)]);
      }
      expect(outcomes[0]).toEqual(outcomes[1]);
    });
  });

  describe('layers outside', () => {
    it('have their fields on the answer as on any other, set before the handler or after', async () => {
      const host = await bench.start(combination);
      let ids = 0;
      const identified = new Layer(
        (_req, res, next) => {
          res.set({
            'X-Id': String(++ids),
            'Content-Security-Policy': "default-src 'self'",
            'X-Frame-Options': 'DENY',
          });
          next();
        },
        async (ctx, next) => {
          ctx.set({
            'X-Id': String(++ids),
            'Content-Security-Policy': "default-src 'self'",
            'X-Frame-Options': 'DENY',
          });
          await next();
          ctx.set('X-After', String(ids));
        },
      );
      host.use(new Layer(cors({ origin: true, credentials: true }), koaCors({ credentials: true })), identified);
      const models = [failing(answering(500)), failing(throwing()), failing(HANGING_UP[0]![1])];
      for (const [i, { layer }] of models.entries()) host.get(`/${i}`, SIE_60, layer);
      for (const [i, model] of models.entries()) {
        await host.ask(`/${i}`, { headers: { Origin: 'https://b.test' } });
        model.well = false;
      }
      host.clock.forward(10);
      for (const i of models.keys()) {
        const answer = await host.ask(`/${i}`, { headers: { Origin: 'https://b.test' } });
        expect(answer).toMatchObject({ status: 200, text: 'good 1' });
        expect(answer.all('access-control-allow-origin')).toEqual(['https://b.test']);
        expect(answer.all('x-id')).toEqual([String(4 + i)]);
        expect(answer.all('content-security-policy')).toEqual(["default-src 'self'"]);
        expect(answer.all('x-frame-options')).toEqual(['DENY']);
        if (host.family === 'koa') expect(answer.all('x-after')).toEqual([String(4 + i)]);
      }
    });

    it('see the request as it came', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const models = [failing(answering(500)), failing(throwing()), failing(HANGING_UP[0]![1])];
      host.use(traffic.layer);
      for (const [i, { layer }] of models.entries()) host.get(`/${i}`, SIE_60, layer);
      for (const [i, model] of models.entries()) {
        await host.ask(`/${i}`);
        model.well = false;
      }
      host.clock.forward(10);
      for (const i of models.keys())
        await host.ask(`/${i}`, { headers: { 'If-None-Match': '"c"', Range: 'bytes=0-1' } });
      await traffic.ended(6);
      for (const { headers, rawHeaders, after } of traffic.passages.slice(3)) {
        expect(headers).toMatchObject({ 'if-none-match': '"c"', range: 'bytes=0-1' });
        expect(after).toEqual({ headers, rawHeaders });
      }
    });
  });

  it.each<[string, Ask, object]>([
    ['HEAD', { method: 'HEAD' }, { status: 200, text: '' }],
    ['its tag', { headers: { 'If-None-Match': 'W/"a"' } }, { status: 304, text: '' }],
    ['another tag', { headers: { 'If-None-Match': '"b"' } }, { status: 200, text: 'good 1' }],
    ['a part', { headers: { Range: 'bytes=-1' } }, { status: 206, text: '1' }],
    ['a part that is not there', { headers: { Range: 'bytes=99-' } }, { status: 416, text: '' }],
  ])('who asks for %s is given that', async (_, ask, expected) => {
    const host = await bench.start(combination);
    const models = [failing(answering(500), { ETag: '"a"' }), failing(throwing(), { ETag: '"a"' })];
    for (const [i, { layer }] of models.entries()) host.all(`/${i}`, SIE_60, layer);
    for (const [i, model] of models.entries()) {
      await host.ask(`/${i}`);
      model.well = false;
    }
    host.clock.forward(10);
    for (const i of models.keys()) {
      const answer = await host.ask(`/${i}`, ask);
      expect(answer).toMatchObject(expected);
      expect(told(answer)).toMatchObject({ fwd: 'stale', detail: 'stale-if-error' });
    }
  });

  it('those who wait for a handler that fails are given what is stale, too', async () => {
    const host = await bench.start(combination);
    const traffic = new Traffic();
    const gate = new Gate();
    const model = failing(
      new Layer(
        (_req, _res, next) => void gate.opened.then(() => next(new Broken())),
        () => gate.opened.then(() => fail()),
      ),
    );
    host.use(traffic.layer);
    host.get('/x', SIE_60, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(10);
    const all = Promise.all(Array.from({ length: 4 }, () => host.ask('/x')));
    await traffic.begun(5);
    gate.open();
    expect((await all).map(({ status, text }) => [status, text])).toEqual(Array(4).fill([200, 'good 1']));
    expect(host.cache.getStats()).toMatchObject({ hits: 4, stale: 4, misses: 1, totalRequests: 5 });
  });

  it.each<[string, (host: Host) => Promise<unknown>]>([
    ['by tag', (host) => host.cache.invalidateByTags(['tag'])],
    ['of the key', (host) => host.cache.delete('/x', 'a')],
    ['of everything', (host) => host.cache.clear()],
  ])('what was purged %s while the handler ran stands in for nothing', async (_, purge) => {
    const host = await bench.start(combination);
    const gates = [new Gate(), new Gate()];
    const wait = async () => {
      gates[0]!.open();
      await gates[1]!.opened;
    };
    const model = failing(
      new Layer(
        (_req, _res, next) => void wait().then(() => next(new Broken())),
        () => wait().then(() => fail()),
      ),
    );
    host.get('/x', { ...SIE_60, tags: ['tag'] }, model.layer);
    const ask = () => host.ask('/x', { headers: { 'X-Client-Id': 'a' } });
    await ask();
    model.well = false;
    host.clock.forward(10);
    const answer = ask();
    await gates[0]!.opened;
    await purge(host);
    gates[1]!.open();
    expect((await answer).status).toBe(500);
    expect((await ask()).status).toBe(500);
  });

  it('comes behind stale-while-revalidate, whose window may be shorter', async () => {
    const host = await bench.start(combination);
    const traffic = new Traffic();
    const model = failing(answering(500));
    host.use(traffic.layer);
    host.get('/x', { ...SIE_60, staleWhileRevalidate: 20 }, model.layer);
    const stored = nextEvent(host.cache, 'set');
    await host.ask('/x');
    await stored;
    model.well = false;
    host.clock.forward(10 + 19);
    // In the background it fails, too: nobody is told, and nothing is lost.
    expect(told(await host.ask('/x'))).toEqual({ name: 'respcache', hit: true, ttl: -19 });
    await traffic.ended(3);
    host.clock.forward(1);
    const answer = await host.ask('/x');
    expect(answer).toMatchObject({ status: 200, text: 'good 1' });
    expect(told(answer)).toMatchObject({ fwd: 'stale', detail: 'stale-if-error' });
    expect(host.cache.getStats()).toMatchObject({ hits: 2, stale: 2, misses: 1, totalRequests: 3 });
  });

  it('is for those who may have what is stale: others hear of the failure', async () => {
    const host = await bench.start(combination);
    const model = failing(answering(500));
    host.get('/x', SIE_60, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(10);
    for (const headers of [{ Cookie: 'a=1' }, { Authorization: 'a' }, { 'X-Client-Id': 'b' }]) {
      expect((await host.ask('/x', { headers })).status).toBe(500);
    }
    expect((await host.ask('/x')).status).toBe(200);
  });
});

describe.each([...OF_KOA])('stale-if-error: $label', (combination) => {
  it('leaves the response as it was: a later layer may destroy it', async () => {
    const host = await bench.start(combination);
    const model = failing(answering(500));
    let own: boolean | undefined;
    host.use(
      new Layer(notHere, async (ctx, next) => {
        await next();
        own = Object.hasOwn(ctx.res, 'destroy');
      }),
    );
    host.get('/x', SIE_60, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(10);
    await host.ask('/x');
    expect(own).toBe(false);
  });

  it('stands in for a handler whose error is caught inside and made into a 500', async () => {
    const host = await bench.start(combination);
    const model = failing(new Layer(notHere, () => fail()));
    const catching = new Layer(notHere, async (ctx, next) => {
      try {
        await next();
      } catch {
        ctx.status = 500;
        ctx.body = { error: 'sorry' };
      }
    });
    host.get('/x', SIE_60, catching, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(10);
    expect(await host.ask('/x')).toMatchObject({ status: 200, text: 'good 1' });
  });
});

describe.each([...OF_EXPRESS])('stale-if-error: $label', (combination) => {
  it("stands in for what the application's error handler answers", async () => {
    const host = await bench.start(combination);
    const model = failing(new Layer(() => fail(), notHere));
    const handler = (
      _error: unknown,
      _req: unknown,
      res: { status(code: number): { json(body: object): void } },
      _next: unknown,
    ) => res.status(500).json({ error: 'sorry' });
    host.get('/x', SIE_60, model.layer);
    host.use(new Layer(handler as unknown as RequestHandler, notHere));
    await host.ask('/x');
    model.well = false;
    host.clock.forward(10);
    const answer = await host.ask('/x');
    expect(answer).toMatchObject({ status: 200, text: 'good 1' });
    expect(answer.header('content-type')).toBe('text/plain; charset=utf-8');
  });
});

/** What a handler may go on to do with a response that it has given up: Node has nothing against it. */
const GOING_ON: [string, (res: ServerResponse) => unknown][] = [
  ['ends it', (res) => res.end('late')],
  ['writes', (res) => res.write('late')],
  ['pipes', (res) => stream(['late']).pipe(res)],
  ['sets fields', (res) => res.setHeader('X-Late', '1').appendHeader('X-Late', '2').removeHeader('X-Late')],
  ['writes a head', (res) => res.writeHead(201, { 'X-Late': '1' }).end('late')],
  ['flushes it', (res) => res.flushHeaders()],
  ['gives it up once more', (res) => res.destroy()],
];

describe.each([...OF_EXPRESS, ...IN_FRONT])('stale-if-error: $label', (combination) => {
  it.each(GOING_ON.flatMap(([how, goOn]) => (['at once', 'later'] as const).map((when) => [how, when, goOn] as const)))(
    'stands in for a handler that gives up its response, and %s all the same, %s',
    async (_how, when, goOn) => {
      const host = await bench.start(combination);
      const wrong: unknown[] = [];
      const [given, done] = [new Gate(), new Gate()];
      const handler = raw(async (res) => {
        res.on('error', (error) => wrong.push(error));
        res.destroy();
        if (when === 'later') await given.opened;
        try {
          goOn(res);
        } catch (error) {
          wrong.push(error);
        }
        done.open();
      });
      const model = failing(handler);
      host.get('/x', SIE_60, model.layer);
      await host.ask('/x');
      model.well = false;
      host.clock.forward(12);
      const agent = new Agent({ keepAlive: true });
      const answer = await host.ask('/x', { agent });
      given.open();
      await done.opened;
      expect(answer).toMatchObject({ status: 200, text: 'good 1', complete: true });
      expect(answer.all('x-late')).toEqual([]);
      // Nor is the next answer on the connection any worse for it.
      model.well = true;
      expect((await host.ask('/x', { agent })).text).toBe('good 3');
      agent.destroy();
      expect(wrong).toEqual([]);
    },
  );
});

describe.each([...OF_EXPRESS])('stale-if-error: $label', (combination) => {
  it('stands in for a handler that gives up its response, where a layer outside ends it later', async () => {
    const host = await bench.start(combination);
    const wrong: unknown[] = [];
    const late = new Layer((_req, res, next) => {
      const { end } = res;
      res.on('error', (error) => wrong.push(error));
      res.end = ((...args: Parameters<typeof end>) => {
        setTimeout(() => res.setHeader('X-Outside', '1') && Reflect.apply(end, res, args), 10);
        return res;
      }) as typeof end;
      next();
    }, notHere);
    const model = failing(new Layer((_req, res) => void res.destroy().end('late'), notHere));
    host.get('/x', late, SIE_60, model.layer);
    await host.ask('/x');
    model.well = false;
    host.clock.forward(12);
    const answer = await host.ask('/x');
    expect(answer).toMatchObject({ status: 200, text: 'good 1', complete: true });
    expect(answer.header('x-outside')).toBe('1');
    expect(wrong).toEqual([]);
  });
});
