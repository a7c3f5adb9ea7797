// P5: cookies that are set, and fields that layers outside the cache put on every response, for one request each.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { RequestHandler } from 'express';
import type { Context } from 'koa';
import { describe, expect, it, vi } from 'vitest';
import { COMBINATIONS, type Combination, Gate, numbered, useBench } from './bench.js';
import { Layer, load, notHere, raw, type Said } from './hosts.js';
import { nextEvent } from './traffic.js';

const bench = useBench();

const onHeaders = load<(res: unknown, listener: () => void) => void>('on-headers');
const expressSession = load<(options: object) => RequestHandler>('express-session');
const cookieSession = load<(options: object) => RequestHandler>('cookie-session');

const isExpress = ({ framework }: Combination) => framework.startsWith('express');

/** A field of a layer's own, about whoever asks: set before the handler runs, or when its answer is about to leave. */
function signing(when: 'before' | 'after'): Layer {
  return new Layer(
    (req, res, next) => {
      const sign = () => {
        if (req.headers['x-user'] !== undefined) res.setHeader('X-Signed-For', req.headers['x-user']);
      };
      if (when === 'before') sign();
      else onHeaders(res, sign);
      next();
    },
    async (ctx, next) => {
      const sign = () => {
        if (ctx.headers['x-user'] !== undefined) ctx.set('X-Signed-For', ctx.headers['x-user']);
      };
      if (when === 'before') sign();
      await next();
      if (when === 'after') sign();
    },
  );
}

let sessions = 0;

/** Under Express the two that everybody uses; under Koa what koa-session does: its cookie is set as the answer leaves. */
function sessionsOf(combination: Combination): [string, Layer][] {
  if (!isExpress(combination)) return [['a session', new Layer(notHere, koaSession)]];
  const options = { secret: 's', resave: false, saveUninitialized: true };
  const filled: RequestHandler = (req, _res, next) => {
    const { session } = req as unknown as { session: { id?: string } };
    session.id ??= `visitor-${++sessions}`;
    next();
  };
  const cookies = cookieSession({ name: 'sid', keys: ['k'] });
  return [
    ['express-session', new Layer(expressSession(options), notHere)],
    ['cookie-session', new Layer((req, res, next) => cookies(req, res, () => filled(req, res, next)), notHere)],
  ];
}

async function koaSession(ctx: Context, next: () => Promise<unknown>): Promise<void> {
  await next();
  ctx.cookies.set('sid', `visitor-${++sessions}`);
}

describe.each(COMBINATIONS)('outside: $label', (combination) => {
  it.each(['x=1', ['x=1', 'y=2']])(
    'an answer with Set-Cookie (%j) is not stored, whatever else it says',
    async (value) => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered({ headers: { 'Set-Cookie': value, 'Cache-Control': 'public, max-age=60' } }));
      const answer = await host.ask('/x');
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=set-cookie');
      expect(answer.all('set-cookie')).toEqual([value].flat());
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    },
  );

  it('a Set-Cookie that the answer before did not have is not replayed', async () => {
    const host = await bench.start(combination);
    let runs = 0;
    host.get('/x', {}, () => ({ headers: ++runs === 1 ? { 'Set-Cookie': 'sid=first' } : {}, body: `run ${runs}` }));
    const answers = [await host.ask('/x'), await host.ask('/x'), await host.ask('/x')];
    expect(answers.map(({ text }) => text)).toEqual(['run 1', 'run 2', 'run 2']);
    expect(answers.map((answer) => answer.all('set-cookie'))).toEqual([['sid=first'], [], []]);
  });

  it.each<[string, (run: number) => Said]>([
    ['Set-Cookie', (run) => ({ headers: { 'Set-Cookie': `sid=${run}` } })],
    ['private', () => ({ headers: { 'Cache-Control': 'private' } })],
    ['Vary: *', () => ({ headers: { Vary: '*' } })],
    ['an error', () => ({ status: 500 })],
  ])('an answer with %s is not shared with those who asked at the same time', async (_, said) => {
    const host = await bench.start(combination);
    const all = new Gate();
    let runs = 0;
    host.get('/x', {}, async () => {
      const run = ++runs;
      await all.opened;
      return { ...said(run), body: `run ${run}` };
    });
    let arrived = 0;
    (await host.server()).on('request', () => {
      if (++arrived === 5) setImmediate(all.open);
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => host.ask('/x')));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(5);
    for (const { text, all: lines } of answers) {
      for (const cookie of lines('set-cookie')) expect(cookie).toBe(text.replace('run ', 'sid='));
    }
  });

  it('tenants who ask at the same time are each given their own', async () => {
    const host = await bench.start(combination);
    const all = new Gate();
    host.get('/x', {}, async ({ headers }) => {
      await all.opened;
      return { body: String(headers['x-client-id']) };
    });
    let arrived = 0;
    (await host.server()).on('request', () => {
      if (++arrived === 12) setImmediate(all.open);
    });
    const names = ['a', 'b', 'undefined', 'a', 'b', 'undefined', 'a', 'b', 'undefined', 'a', 'b', 'undefined'];
    const answers = await Promise.all(
      names.map((name) => host.ask('/x', { headers: name === 'undefined' ? {} : { 'X-Client-Id': name } })),
    );
    expect(answers.map(({ text }) => text)).toEqual(names);
  });

  it.each(['no-store', 'private'])('what a layer outside forbids (%s) is forbidden', async (value) => {
    const host = await bench.start(combination);
    host.use(
      new Layer(
        (_req, res, next) => {
          res.setHeader('Cache-Control', value);
          next();
        },
        (ctx, next) => {
          ctx.set('Cache-Control', value);
          return next();
        },
      ),
    );
    host.get('/x', {}, numbered());
    expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 2']);
  });

  it('a cookie set outside before the handler runs is for its visitor alone', async () => {
    const host = await bench.start(combination);
    let visitors = 0;
    host.use(
      new Layer(
        (_req, res, next) => {
          res.cookie('visitor', `${++visitors}`);
          next();
        },
        (ctx, next) => {
          ctx.cookies.set('visitor', `${++visitors}`);
          return next();
        },
      ),
    );
    host.get('/x', {}, () => ({ body: 'x' }));
    for (let visitor = 1; visitor <= 3; visitor++) {
      const cookies = (await host.ask('/x')).all('set-cookie');
      expect(cookies).toEqual([expect.stringContaining(`visitor=${visitor};`)]);
    }
  });

  describe.each(sessionsOf(combination))('%s', (_, session) => {
    const visit = (host: Awaited<ReturnType<typeof bench.start>>) => host.ask('/x');

    it('outside gives each visitor a cookie of their own, on hits too', async () => {
      const host = await bench.start(combination);
      host.use(session);
      host.get('/x', {}, numbered());
      const answers = [await visit(host), await visit(host), await visit(host)];
      expect(answers.map(({ text }) => text)).toEqual(['run 1', 'run 1', 'run 1']);
      const cookies = answers.flatMap((answer) =>
        answer.all('set-cookie').filter((cookie) => !/^sid\.sig/.test(cookie)),
      );
      expect(new Set(cookies).size).toBe(3);
    });

    it.each(['outside', 'inside'])('%s is on an answer that invalidates', async (place) => {
      const host = await bench.start(combination);
      host.use(...(place === 'outside' ? [session, {}] : [{}, session]));
      host.post('/x', host.invalidating('key'), numbered());
      for (const text of ['run 1', 'run 2']) {
        const answer = await host.ask('/x', { method: 'POST' });
        expect(answer).toMatchObject({ status: 200, text, complete: true });
        expect(answer.all('set-cookie')).not.toEqual([]);
      }
    });

    it('inside keeps its answers out', async () => {
      const host = await bench.start(combination);
      host.use({}, session);
      host.get('/x', numbered());
      const answers = [await visit(host), await visit(host)];
      expect(answers.map(({ text }) => text)).toEqual(['run 1', 'run 2']);
      const [one, two] = answers.map((answer) => answer.all('set-cookie').join());
      expect(one).not.toBe(two);
    });
  });

  describe.each(['before', 'after'] as const)('a field set %s the handler', (when) => {
    it('outside is never replayed to another request', async () => {
      const host = await bench.start(combination);
      host.use(signing(when));
      host.get('/x', {}, numbered());
      const signed = [];
      for (const user of ['alice', 'bob', undefined, 'alice']) {
        const answer = await host.ask('/x', { headers: user === undefined ? {} : { 'X-User': user } });
        expect(answer.text).toBe('run 1');
        signed.push(answer.header('X-Signed-For'));
      }
      expect(signed).toEqual(['alice', 'bob', undefined, 'alice']);
    });

    it('outside is on the answers of a cache mounted twice, and not in them', async () => {
      const host = await bench.start(combination);
      host.use(signing(when), {});
      host.get('/x', { ttl: 60 }, numbered());
      const signed = [];
      for (const user of ['alice', 'bob']) {
        signed.push((await host.ask('/x', { headers: { 'X-User': user } })).header('X-Signed-For'));
      }
      expect(signed).toEqual(['alice', 'bob']);
    });

    it('outside is on a 304 as on any answer', async () => {
      const host = await bench.start(combination);
      host.use(signing(when));
      host.get('/x', {}, numbered({ headers: { ETag: '"a"' } }));
      const signed = [];
      for (const user of ['alice', 'bob']) {
        const answer = await host.ask('/x', { headers: { 'X-User': user, 'If-None-Match': '"a"' } });
        expect(answer.status).toBe(304);
        signed.push(answer.header('X-Signed-For'));
      }
      expect(signed).toEqual(['alice', 'bob']);
    });

    it('inside is part of the answer and replayed', async () => {
      const host = await bench.start(combination);
      host.use({}, signing(when));
      host.get('/x', numbered());
      for (const user of ['alice', 'bob']) {
        expect((await host.ask('/x', { headers: { 'X-User': user } })).header('X-Signed-For')).toBe('alice');
      }
    });
  });

  it.each<[string, (res: ServerResponse, own: string) => unknown]>([
    ['another line', (res, own) => res.appendHeader('Link', own)],
    ['the same line', (res, own) => res.setHeader('Link', `${res.getHeader('Link')}, ${own}`)],
  ])('a field begun outside and added to by the handler in %s is not replayed with what was begun', async (_, add) => {
    const host = await bench.start(combination);
    const begun = (value: string) => `</u/${value}>; rel=me`;
    const own = '</style.css>; rel=preload';
    host.use(
      new Layer(
        (req, res, next) => {
          res.setHeader('Link', begun(String(req.headers['x-user'])));
          next();
        },
        (ctx, next) => {
          ctx.set('Link', begun(String(ctx.headers['x-user'])));
          return next();
        },
      ),
    );
    host.get('/x', {}, ({ res }) => {
      add(res, own);
      return { body: 'x' };
    });
    await host.ask('/x', { headers: { 'X-User': 'alice' } });
    const links = (await host.ask('/x', { headers: { 'X-User': 'bob' } })).all('Link');
    expect(links.join(', ')).toBe(`${begun('bob')}, ${own}`);
  });

  it('a field that the handler took away stays away on hits', async () => {
    const host = await bench.start(combination);
    host.use(signing('before'));
    host.get('/x', {}, ({ res }) => {
      res.removeHeader('X-Signed-For');
      return { body: 'x' };
    });
    for (const user of ['alice', 'bob']) {
      expect((await host.ask('/x', { headers: { 'X-User': user } })).header('X-Signed-For')).toBeUndefined();
    }
  });

  it('a field that the handler overrides is replayed as the handler set it', async () => {
    const host = await bench.start(combination);
    host.use(signing('before'));
    host.get('/x', {}, () => ({ headers: { 'X-Signed-For': 'everybody' }, body: 'x' }));
    for (const user of ['alice', 'bob']) {
      expect((await host.ask('/x', { headers: { 'X-User': user } })).header('X-Signed-For')).toBe('everybody');
    }
  });

  // Node's appendHeader puts a line into the very list that a field was set with.
  it('a line that a layer outside appends as an answer leaves is in this answer alone', async () => {
    const host = await bench.start(combination);
    const signing = (req: IncomingMessage, res: ServerResponse) =>
      onHeaders(res, () => res.appendHeader('Link', `</of/${req.headers['x-user']}>`));
    host.use(
      new Layer(
        (req, res, next) => {
          signing(req, res);
          next();
        },
        (ctx, next) => {
          signing(ctx.req, ctx.res);
          return next();
        },
      ),
    );
    host.get('/x', {}, numbered({ headers: { Link: ['</a>', '</b>'] } }));
    for (let i = 0; i < 6; i++) {
      const answer = await host.ask('/x', { headers: { 'X-User': String(i) } });
      expect(answer.all('link')).toEqual(['</a>', '</b>', `</of/${i}>`]);
      expect(answer.text).toBe('run 1');
    }
  });

  it('a line that a handler appends to those of a layer outside is replayed', async () => {
    const host = await bench.start(combination);
    host.use(
      new Layer(
        (_req, res, next) => {
          res.setHeader('Link', ['</a>', '</b>']);
          next();
        },
        (ctx, next) => {
          ctx.res.setHeader('Link', ['</a>', '</b>']);
          return next();
        },
      ),
    );
    host.get('/x', {}, ({ res }) => {
      res.appendHeader('Link', '</c>');
      return { body: 'x' };
    });
    for (let i = 0; i < 6; i++) expect((await host.ask('/x')).all('link')).toEqual(['</a>', '</b>', '</c>']);
  });
});

describe.each(COMBINATIONS)('a layer outside that has sent the head: $label', (combination) => {
  it.each<[string, (res: ServerResponse) => unknown]>([
    ['ends', (res) => res.end('whole')],
    [
      'writes and ends',
      (res) => {
        res.write('who');
        res.end('le');
      },
    ],
    ['pipes', (res) => void Readable.from(['who', 'le']).pipe(res)],
  ])('has what a handler that %s says pass, and what it changes invalidated', async (_, write) => {
    const host = await bench.start(combination);
    const flushed = ({ query }: { query: Readonly<Record<string, unknown>> }) => query.flushed !== undefined;
    host.use(
      new Layer(
        (req, res, next) => {
          if (flushed(req)) res.flushHeaders();
          next();
        },
        (ctx, next) => {
          ctx.status = 200;
          if (flushed(ctx)) ctx.flushHeaders();
          return next();
        },
      ),
    );
    const handler = raw((res) => (res.headersSent ? write(res) : res.end('unflushed')));
    host.get('/x', { query: { ignore: ['flushed'] } }, handler);
    host.post('/x', {}, host.invalidating({ tags: ['a'] }), handler);
    host.get('/tagged', { tags: ['a'] }, numbered());
    for (const [target, text] of [
      ['/x', 'unflushed'],
      ['/x?flushed', 'whole'],
      ['/x?flushed', 'whole'],
      ['/x', 'unflushed'],
      ['/tagged', 'run 1'],
      ['/tagged', 'run 1'],
    ] as const)
      expect(await host.ask(target)).toMatchObject({ status: 200, text, complete: true });
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 6, bypassed: 2, reasons: { begun: 2 } });
    expect((await host.ask('/x?flushed', { method: 'POST' })).text).toBe('whole');
    await vi.waitFor(async () => expect((await host.ask('/tagged')).text).toBe('run 2'));
  });

  it('between two mounts has the inner one look nothing up', async () => {
    const host = await bench.start(combination);
    const flushing = new Layer(
      (req, res, next) => {
        if (req.query.flushed !== undefined) res.flushHeaders();
        next();
      },
      (ctx, next) => {
        ctx.status = 200;
        if (ctx.query.flushed !== undefined) ctx.flushHeaders();
        return next();
      },
    );
    host.use({}, flushing);
    const handler = new Layer(
      (_req, res) => void res.end(res.headersSent ? 'flushed' : 'not'),
      (ctx) => {
        ctx.body = ctx.headerSent ? 'flushed' : 'not';
      },
    );
    host.get('/x', { query: { ignore: ['flushed'] } }, handler);
    for (const [target, text] of [
      ['/x', 'not'],
      ['/x?flushed', 'flushed'],
      ['/x', 'not'],
    ] as const)
      expect(await host.ask(target)).toMatchObject({ status: 200, text, complete: true });
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 3, bypassed: 0, misses: 2, hits: 1 });
  });

  it.each([
    ['around', 'x'],
    ['inside', 'x'],
  ])(
    'of a request that also invalidates, %s, is counted once, and its invalidation takes place',
    async (where, key) => {
      const host = await bench.start(combination);
      const flushing = new Layer(
        (_req, res, next) => {
          res.flushHeaders();
          next();
        },
        (ctx, next) => {
          ctx.status = 200;
          ctx.flushHeaders();
          return next();
        },
      );
      const rule = host.invalidating(key);
      const cached = host.caching({});
      const purged = nextEvent(host.cache, 'purge');
      const layers = where === 'around' ? [rule, flushing, cached] : [flushing, cached, rule];
      host.get(
        '/x',
        ...layers,
        raw((res) => res.end('done')),
      );
      expect((await host.ask('/x')).text).toBe('done');
      await purged;
      expect(host.cache.getStats()).toMatchObject({ totalRequests: 1, bypassed: 1, reasons: { begun: 1 } });
    },
  );
});
