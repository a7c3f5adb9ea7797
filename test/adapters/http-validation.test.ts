// A stale answer with a validator is validated by its handler (RFC 9111 §4.3): what the handler is asked, what clients are
// given, and what is stored afterwards.

import { Agent } from 'node:http';
import { join } from 'node:path';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import type { InvalidateSpec, RouteOptions } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import {
  type ClockedHost,
  type Combination,
  Gate,
  NEWEST,
  numbered,
  OF_EXPRESS,
  OF_KOA,
  ON_REDIS,
  START,
  stream,
  useBench,
} from './bench.js';
import type { Answer } from './client.js';
import { type Asked, type Handler, type Host, Layer, load, notHere, type Said, type Source } from './hosts.js';
import { nextEvent, Traffic, told } from './traffic.js';

const bench = useBench();

const koaEtag = callable<() => Middleware>('koa-etag');
const koaConditionalGet = callable<() => Middleware>('koa-conditional-get');

function callable<T>(name: string): T {
  const found = load<T & { default?: T }>(name);
  return found.default ?? found;
}

const http = (ms: number) => new Date(ms).toUTCString();
const MODIFIED = http(START - 3_600_000);
const BODY = '0123456789';
/** Of one tenant, and to one place, whichever process is asked. */
const AS_A = { headers: { 'X-Client-Id': 'a', Host: 'h.test' } };
/** What makes an answer stale that was fresh for ten seconds. */
const FRESH_FOR_10 = { 'Cache-Control': 'max-age=10' };

/** A handler whose answer has a version: asked about the one it has, it says 304. */
function versioned(more: (asked: Asked) => Said = () => ({})) {
  const state = { version: 1, runs: 0, confirmed: 0, asked: [] as (string | undefined)[] };
  const handler: Handler = (asked) => {
    state.runs++;
    const tag = `"v${state.version}"`;
    const wanted = asked.headers['if-none-match'];
    state.asked.push(wanted);
    const { headers, ...said } = more(asked);
    const fields = { ...FRESH_FOR_10, ETag: tag, ...headers };
    if (wanted !== tag) return { headers: fields, body: `version ${state.version}`, ...said };
    state.confirmed++;
    return { status: 304, headers: fields };
  };
  return Object.assign(state, { handler });
}

const VALIDATED = 'respcache; fwd=stale; fwd-status=304; stored; ttl=10';

/** The ways in which handlers come to say 304. Each counts its runs, and is fresh for ten seconds. */
type Way = readonly [name: string, layers: (run: () => void) => Layer[]];

const handled = (handler: RequestHandler) => [new Layer(handler, notHere)];
const BY_EXPRESS: Way[] = [
  [
    "Express' own res.json, with its own tag",
    (run) =>
      handled((_req, res) => {
        run();
        res.set(FRESH_FOR_10).json({ list: [1, 2, 3] });
      }),
  ],
  [
    "Express' own res.send, with the handler's tag",
    (run) =>
      handled((_req, res) => {
        run();
        res.set({ ...FRESH_FOR_10, ETag: '"a"' }).send(BODY);
      }),
  ],
  [
    "Express' own res.send, by its date",
    (run) =>
      handled((_req, res) => {
        run();
        res.set({ ...FRESH_FOR_10, 'Last-Modified': MODIFIED }).send(BODY);
      }),
  ],
  [
    'res.status(304).end()',
    (run) =>
      handled((req, res) => {
        run();
        res.set({ ...FRESH_FOR_10, ETag: '"a"' });
        if (req.headers['if-none-match'] === '"a"') res.status(304).end();
        else res.send(BODY);
      }),
  ],
  [
    'res.sendStatus(304)',
    (run) =>
      handled((req, res) => {
        run();
        res.set({ ...FRESH_FOR_10, ETag: '"a"' });
        if (req.get('if-none-match') === '"a"') res.sendStatus(304);
        else res.send(BODY);
      }),
  ],
  [
    'res.writeHead(304)',
    (run) =>
      handled((req, res) => {
        run();
        const still = req.rawHeaders.includes('"a"');
        res.writeHead(still ? 304 : 200, { ...FRESH_FOR_10, ETag: '"a"' }).end(still ? undefined : BODY);
      }),
  ],
  [
    'res.sendFile',
    (run) =>
      handled((_req, res) => {
        run();
        res.sendFile(join(import.meta.dirname, 'ways.ts'), { maxAge: 10_000 });
      }),
  ],
];

const composed = (...layers: Middleware[]) => layers.map((layer) => new Layer(notHere, layer));
const BY_KOA: Way[] = [
  [
    'koa-conditional-get and koa-etag',
    (run) =>
      composed(koaConditionalGet(), koaEtag(), (ctx) => {
        run();
        ctx.set(FRESH_FOR_10);
        ctx.body = { list: [1, 2, 3] };
      }),
  ],
  [
    'koa-conditional-get, by a date',
    (run) =>
      composed(koaConditionalGet(), (ctx) => {
        run();
        ctx.set({ ...FRESH_FOR_10, 'Last-Modified': MODIFIED });
        ctx.body = BODY;
      }),
  ],
  [
    'ctx.status = 304',
    (run) =>
      composed((ctx) => {
        run();
        ctx.set({ ...FRESH_FOR_10, ETag: '"a"' });
        if (ctx.get('if-none-match') === '"a"') ctx.status = 304;
        else ctx.body = BODY;
      }),
  ],
  [
    'ctx.fresh',
    (run) =>
      composed((ctx) => {
        run();
        ctx.status = 200;
        ctx.set({ ...FRESH_FOR_10, ETag: '"a"' });
        if (ctx.fresh) ctx.status = 304;
        else ctx.body = BODY;
      }),
  ],
  [
    "Node's own response, past Koa",
    (run) =>
      composed((ctx) => {
        run();
        if (ctx.req.rawHeaders.includes('"a"')) {
          ctx.respond = false;
          ctx.res.writeHead(304, { ...FRESH_FOR_10, ETag: '"a"' }).end();
          return;
        }
        ctx.set({ ...FRESH_FOR_10, ETag: '"a"' });
        ctx.body = BODY;
      }),
  ],
  [
    "Node's own response, past Koa, when its layers are done",
    (run) =>
      composed((ctx) => {
        run();
        if (ctx.get('if-none-match') === '"a"') {
          ctx.respond = false;
          setTimeout(() => ctx.res.writeHead(304, { ...FRESH_FOR_10, ETag: '"a"' }).end(), 5);
          return;
        }
        ctx.set({ ...FRESH_FOR_10, ETag: '"a"' });
        ctx.body = BODY;
      }),
  ],
];

const WAYS = [
  ...OF_EXPRESS.map((combination) => [combination, BY_EXPRESS] as const),
  ...OF_KOA.map((combination) => [combination, BY_KOA] as const),
].map(([combination, ways]) => ({ label: combination.label, combination, ways }));

describe.each(WAYS)('validation: $label: a 304 by', ({ combination, ways }) => {
  it.each(ways)('%s gives each client what it asked for', async (_, layers) => {
    await gives(layers, await bench.start(combination), {});
  });

  it.each(ways)('%s does so where a mount inside another has looked elsewhere', async (_, layers) => {
    const host = await bench.start(combination);
    host.use({});
    await gives(layers, host, { identity: () => 'me' });
  });

  async function gives(
    layers: (typeof ways)[number][1],
    host: ClockedHost,
    options: RouteOptions<Source>,
  ): Promise<void> {
    let runs = 0;
    const last = layers(() => runs++);
    host.get('/x', options, ...(last as [Layer]));
    const first = await host.ask('/x');
    expect(first.status).toBe(200);
    const { body } = first;
    const tag = first.header('etag');
    const dated = first.header('last-modified') ?? http(START + 3_600_000);
    const questions: [Record<string, string>, { status: number; body: Buffer }][] = [
      [{}, { status: 200, body }],
      [{ 'If-None-Match': tag ?? '*' }, { status: 304, body: Buffer.alloc(0) }],
      [
        { 'If-None-Match': '"other"', 'If-Modified-Since': dated },
        { status: 200, body },
      ],
      [{ 'If-Modified-Since': dated }, { status: 304, body: Buffer.alloc(0) }],
      [{ 'If-Modified-Since': http(0) }, { status: 200, body }],
      [{ Range: 'bytes=2-4' }, { status: 206, body: body.subarray(2, 5) }],
      [
        { Range: 'bytes=2-4', 'If-Range': '"other"' },
        { status: 200, body },
      ],
    ];
    for (const [headers, expected] of questions) {
      host.clock.forward(10);
      const answer = await host.ask('/x', { headers });
      expect(answer, JSON.stringify(headers)).toMatchObject(expected);
      expect(answer.header('cache-status')).toBe(VALIDATED);
      expect(answer.header('age')).toBeUndefined();
      expect(answer.header('etag')).toBe(tag);
      if (expected.status === 200) expect(answer.header('content-type')).toBe(first.header('content-type'));
    }
    expect(runs).toBe(1 + questions.length);
    const hit = await host.ask('/x');
    expect(hit).toMatchObject({ status: 200, body });
    expect(hit.header('cache-status')).toBe('respcache; hit; ttl=10');
    expect(runs).toBe(1 + questions.length);
  }
});

describe.each(NEWEST)('validation: $label', (combination) => {
  describe('the handler is asked', () => {
    it.each<[string, Record<string, string>, Record<string, string>]>([
      ['its tag', { ETag: '"a"' }, { 'if-none-match': '"a"' }],
      ['its weak tag', { ETag: 'W/"a"' }, { 'if-none-match': 'W/"a"' }],
      ['its date', { 'Last-Modified': MODIFIED }, { 'if-modified-since': MODIFIED }],
      ['both', { ETag: '"a"', 'Last-Modified': MODIFIED }, { 'if-none-match': '"a"', 'if-modified-since': MODIFIED }],
    ])('about %s, in both forms of the request, and nothing of what the client asked', async (_, own, asked) => {
      const host = await bench.start(combination);
      const seen: unknown[] = [];
      host.get('/x', {}, ({ req }) => {
        const names = ['if-none-match', 'if-modified-since', 'range', 'if-range', 'x-other'];
        const raw = req.rawHeaders.flatMap((name, i) =>
          i % 2 === 0 && names.includes(name.toLowerCase()) ? [[name.toLowerCase(), req.rawHeaders[i + 1]]] : [],
        );
        const cooked = names.flatMap((name) => (name in req.headers ? [[name, req.headers[name]]] : []));
        seen.push([Object.fromEntries(raw), Object.fromEntries(cooked)]);
        return { headers: { ...FRESH_FOR_10, ...own }, body: untagged() };
      });
      await host.ask('/x');
      host.clock.forward(10);
      const client = {
        'If-None-Match': '"client"',
        'If-Modified-Since': http(0),
        Range: 'bytes=0-0',
        'If-Range': '"c"',
      };
      await host.ask('/x', { headers: { ...client, 'X-Other': 'kept' } });
      expect(seen[1]).toEqual([
        { ...asked, 'x-other': 'kept' },
        { ...asked, 'x-other': 'kept' },
      ]);
    });

    it('about nothing, where what is stale has no validator of its own', async () => {
      const host = await bench.start(combination);
      const seen: unknown[] = [];
      host.get('/x', {}, ({ headers }) => {
        seen.push([headers['if-none-match'], headers['if-modified-since']]);
        return { headers: FRESH_FOR_10, body: untagged() };
      });
      await host.ask('/x');
      host.clock.forward(10);
      const answer = await host.ask('/x');
      expect(answer.header('cache-status')).toMatch(/^respcache; fwd=uri-miss/);
      expect(seen[1]).toEqual([undefined, undefined]);
    });

    it('about the variant that its client would be given, and confirms that one alone', async () => {
      const host = await bench.start(combination);
      const asked: unknown[] = [];
      host.get('/x', {}, ({ headers }) => {
        const language = headers['accept-language'] as string;
        asked.push(headers['if-none-match']);
        const fields = { ...FRESH_FOR_10, ETag: `"${language}"`, Vary: 'Accept-Language' };
        return headers['if-none-match'] === `"${language}"`
          ? { status: 304, headers: fields }
          : { headers: fields, body: language };
      });
      const by = (language: string) => host.ask('/x', { headers: { 'Accept-Language': language } });
      for (const language of ['de', 'en']) await by(language);
      host.clock.forward(10);
      expect((await by('de')).text).toBe('de');
      expect((await by('de')).header('cache-status')).toBe('respcache; hit; ttl=10');
      const other = await by('en');
      expect([other.text, other.header('cache-status')]).toEqual(['en', VALIDATED]);
      expect(asked).toEqual([undefined, undefined, '"de"', '"en"']);
    });

    it('through all layers inside, and layers outside see the request as it came, then and later', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const inside = new Traffic();
      const model = versioned();
      host.use(traffic.layer, {}, inside.layer);
      host.get('/x', model.handler);
      await host.ask('/x');
      host.clock.forward(10);
      const headers = { 'If-None-Match': '"c"', 'If-Modified-Since': MODIFIED, Range: 'bytes=0-1', 'If-Range': '"c"' };
      await host.ask('/x', { headers });
      await traffic.ended(2);
      expect(inside.passages[1]?.headers).toMatchObject({ 'if-none-match': '"v1"' });
      expect(inside.passages[1]?.headers).not.toHaveProperty('range');
      const { headers: before, rawHeaders, after } = traffic.passages[1]!;
      expect(before).toMatchObject({ 'if-none-match': '"c"', range: 'bytes=0-1' });
      expect(after).toEqual({ headers: before, rawHeaders });
    });

    it('in the lists of lines, too, which Node makes when they are first read', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const seen: unknown[] = [];
      const told = ({ headersDistinct: lists }: Asked['req']) => [lists['if-none-match'], lists.range];
      const model = versioned(({ req }) => {
        seen.push(told(req));
        return {};
      });
      host.use(traffic.layer, {});
      host.get('/x', model.handler);
      await host.ask('/x', { headers: { 'If-None-Match': '"c"' } });
      host.clock.forward(10);
      await host.ask('/x', { headers: { 'If-None-Match': '"c"', Range: 'bytes=0-1' } });
      await traffic.ended(2);
      expect(seen).toEqual([
        [undefined, undefined],
        [['"v1"'], undefined],
      ]);
      expect(traffic.passages.map(({ req }) => told(req))).toEqual([
        [['"c"'], undefined],
        [['"c"'], ['bytes=0-1']],
      ]);
    });
  });

  describe('a 304', () => {
    it('updates the stored fields, and leaves those of the bytes as they are', async () => {
      const host = await bench.start(combination);
      const model = versioned(({ headers }) =>
        headers['if-none-match'] === undefined
          ? {
              headers: { 'X-A': 'old', 'X-B': 'old', 'Content-Language': 'de', 'Content-Encoding': 'x' },
              body: Buffer.from(BODY),
            }
          : {
              headers: {
                'Cache-Control': 'max-age=20',
                'X-A': ['new', 'newer'],
                'X-C': 'new',
                'Content-Encoding': 'y',
                'Content-Length': '3',
                Date: http(START + 10_000),
              },
            },
      );
      host.get('/x', {}, model.handler);
      await host.ask('/x');
      host.clock.forward(10);
      const answers = [await host.ask('/x'), await host.ask('/x')];
      expect(answers.map((answer) => answer.header('cache-status'))).toEqual([
        'respcache; fwd=stale; fwd-status=304; stored; ttl=20',
        'respcache; hit; ttl=20',
      ]);
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 200, text: BODY });
        expect(answer.all('x-a')).toEqual(['new', 'newer']);
        expect(
          fieldsOf(answer, 'x-b', 'x-c', 'content-language', 'content-encoding', 'content-length', 'date'),
        ).toEqual(['old', 'new', 'de', 'x', '10', http(START + 10_000)]);
        expect(answer.header('cache-control')).toBe('max-age=20');
      }
      host.clock.forward(19);
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; hit; ttl=1');
      expect(model.runs).toBe(2);
    });

    it('that says nothing of its lifetime has that of what it confirms', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, ({ headers }) =>
        headers['if-none-match'] === undefined
          ? { headers: { ...FRESH_FOR_10, ETag: '"a"' }, body: 'x' }
          : { status: 304 },
      );
      await host.ask('/x');
      for (let i = 0; i < 3; i++) {
        host.clock.forward(10);
        expect((await host.ask('/x')).header('cache-status')).toBe(VALIDATED);
        host.clock.forward(9);
        expect((await host.ask('/x')).header('cache-status')).toBe('respcache; hit; ttl=1');
      }
    });

    it('is fresh again for the configured ttl where the handler says nothing, and for what it tells the cache', async () => {
      const host = await bench.start(combination, { ttl: 30 });
      const model = versioned(({ cache }) => {
        if (model.runs === 3) cache.ttl(7);
        return { headers: { 'Cache-Control': 'public' } };
      });
      host.get('/x', {}, model.handler);
      await host.ask('/x');
      host.clock.forward(30);
      expect(told(await host.ask('/x'))).toMatchObject({ 'fwd-status': 304, ttl: 30 });
      host.clock.forward(30);
      expect(told(await host.ask('/x'))).toMatchObject({ 'fwd-status': 304, ttl: 7 });
    });

    it('with the tag of something else updates nothing', async () => {
      const host = await bench.start(combination);
      const handler = numbered(({ headers }) =>
        headers['if-none-match'] === undefined
          ? { headers: { ...FRESH_FOR_10, ETag: '"a"', 'X-A': 'old' } }
          : { status: 304, headers: { ...FRESH_FOR_10, ETag: '"b"', 'X-A': 'new' }, body: '' },
      );
      host.get('/x', {}, handler);
      await host.ask('/x');
      host.clock.forward(10);
      for (const runs of [2, 3]) {
        const answer = await host.ask('/x');
        expect(answer).toMatchObject({ status: 200, text: 'run 1' });
        expect(fieldsOf(answer, 'etag', 'x-a', 'age')).toEqual(['"a"', 'old', '10']);
        expect(told(answer)).toEqual({ name: 'respcache', fwd: 'stale', 'fwd-status': 304, ttl: 0 });
        expect(handler.runs).toBe(runs);
      }
    });

    it.each([
      ['that is only not fresh updates what is kept to be confirmed again', { 'Cache-Control': 'max-age=0' }, 'new'],
      ['that sets a cookie does not', { 'Cache-Control': 'max-age=0', 'Set-Cookie': 'a=1' }, 'old'],
      [
        'that sets a cookie does not, nor where it says no-cache',
        { 'Cache-Control': 'no-cache', 'Set-Cookie': 'a=1' },
        'old',
      ],
    ])('%s', async (_, head, kept) => {
      const host = await bench.start(combination);
      const heads: Record<string, string>[] = [
        { ...FRESH_FOR_10, ETag: '"a"', 'X-A': 'old' },
        { ...head, ETag: '"a"', 'X-A': 'new' },
        { ETag: '"a"' },
      ];
      const handler = numbered(() => ({ status: handler.runs === 1 ? 200 : 304, headers: heads[handler.runs - 1]! }));
      host.get('/x', {}, handler);
      await host.ask('/x');
      host.clock.forward(10);
      expect(fieldsOf(await host.ask('/x'), 'cache-control', 'x-a')).toEqual([head['Cache-Control'], 'new']);
      host.clock.forward(10);
      const answer = await host.ask('/x');
      expect(answer).toMatchObject({ status: 200, text: 'run 1' });
      expect(told(answer)).toMatchObject({ fwd: 'stale', 'fwd-status': 304 });
      expect(fieldsOf(answer, 'x-a', 'set-cookie')).toEqual([kept, undefined]);
    });

    it.each(['no-store', 'private'])('that says %s is for its client, and updates nothing', async (value) => {
      const host = await bench.start(combination);
      const model = versioned(({ headers }) =>
        headers['if-none-match'] === undefined ? {} : { headers: { 'Cache-Control': value } },
      );
      host.get('/x', {}, model.handler);
      await host.ask('/x');
      host.clock.forward(10);
      for (const runs of [2, 3]) {
        const answer = await host.ask('/x');
        expect(answer).toMatchObject({ status: 200, text: 'version 1' });
        expect(answer.header('cache-control')).toBe(value);
        expect(told(answer)).toMatchObject({ fwd: 'stale', 'fwd-status': 304, detail: value });
        expect(told(answer)).not.toHaveProperty('stored');
        expect(model.runs).toBe(runs);
      }
    });

    it('to what a client asks beside a part is for that client: what is stale, and has no validator, is not confirmed', async () => {
      const host = await bench.start(combination, { staleIfError: 60 });
      let runs = 0;
      host.get('/x', {}, ({ headers }) => {
        if (headers['if-none-match'] === '"new"') return { status: 304, headers: FRESH_FOR_10 };
        return { headers: FRESH_FOR_10, body: stream([`run ${++runs}`]) };
      });
      await host.ask('/x');
      host.clock.forward(10);
      const answer = await host.ask('/x', { headers: { Range: 'bytes=0-1', 'If-None-Match': '"new"' } });
      expect(answer).toMatchObject({ status: 304, text: '' });
      expect(await host.ask('/x')).toMatchObject({ status: 200, text: 'run 2' });
    });

    it('is what layers outside see as the answer that leaves', async () => {
      const host = await bench.start(combination);
      const seen: unknown[] = [];
      const model = versioned();
      const watching = new Layer(
        (_req, res, next) => {
          res.setHeader('X-Outside', String(seen.length));
          res.once('finish', () => seen.push([res.statusCode, res.getHeader('x-inside')]));
          next();
        },
        async (ctx, next) => {
          ctx.set('X-Outside', String(seen.length));
          await next();
          seen.push([ctx.status, ctx.response.get('x-inside') || undefined]);
        },
      );
      const inside = new Layer(
        (req, res, next) => {
          if (req.headers['if-none-match'] !== undefined) res.setHeader('X-Inside', 'new');
          next();
        },
        async (ctx, next) => {
          if (ctx.headers['if-none-match'] !== undefined) ctx.set('X-Inside', 'new');
          await next();
        },
      );
      host.use(watching, {}, inside);
      host.get('/x', model.handler);
      await host.ask('/x');
      for (const headers of [{}, { 'If-None-Match': '"v1"' }]) {
        host.clock.forward(10);
        const answer = await host.ask('/x', { headers });
        expect(fieldsOf(answer, 'x-outside', 'x-inside')).toEqual([String(seen.length - 1), 'new']);
      }
      expect(seen).toEqual([
        [200, undefined],
        [200, 'new'],
        [304, 'new'],
      ]);
    });

    it('keeps the name and the tags of what it confirms, and adds its own', async () => {
      const host = await bench.start(combination);
      const model = versioned(({ cache, headers }) => {
        cache.tag(headers['if-none-match'] === undefined ? 'of the first' : 'of the second');
        return {};
      });
      host.get('/x', { key: 'the name', tags: ['of the route'] }, model.handler);
      const purges: InvalidateSpec<Source>[] = [
        { tags: 'of the route' },
        { tags: 'of the first' },
        { tags: 'of the second' },
        { keys: 'the name' },
        { patterns: 'the *' },
      ];
      for (const [i, spec] of purges.entries()) host.post(`/purge/${i}`, host.invalidating(spec), () => ({}));
      for (const i of purges.keys()) {
        expect((await host.ask('/x')).header('cache-status')).toMatch(/^respcache; fwd=uri-miss; stored/);
        host.clock.forward(10);
        expect((await host.ask('/x')).header('cache-status')).toBe(VALIDATED);
        expect((await host.ask('/x')).header('cache-status')).toMatch(/; hit/);
        await host.ask(`/purge/${i}`, { method: 'POST' });
      }
      expect((await host.ask('/x')).header('cache-status')).toMatch(/^respcache; fwd=uri-miss; stored/);
    });
  });

  describe('a purge', () => {
    const purges: [string, (host: Host) => Promise<unknown>][] = [
      ['of the key', (host) => host.cache.delete('/x', 'a')],
      ['by name', (host) => host.cache.delete('the name', 'a')],
      ['by tag', (host) => host.cache.invalidateByTags(['tag'])],
      ["by the tenant's tag", (host) => host.cache.invalidateByTags(['tag'], 'a')],
      ['by pattern', (host) => host.cache.invalidatePattern('/x*', 'a')],
      ['of the tenant', (host) => host.cache.invalidateTenant('a')],
      ['of everything', (host) => host.cache.clear()],
    ];
    const route: RouteOptions<Source> = { key: 'the name', tags: ['tag'] };

    it.each(purges)('%s leaves nothing to be confirmed', async (_, purge) => {
      const host = await bench.start(combination);
      const model = versioned();
      host.get('/x', route, model.handler);
      await host.ask('/x', AS_A);
      host.clock.forward(10);
      await purge(host);
      const answer = await host.ask('/x', AS_A);
      expect(answer.header('cache-status')).toMatch(/^respcache; fwd=uri-miss; stored/);
      expect(model.asked).toEqual([undefined, undefined]);
    });

    it.each(purges)('%s while the handler is asked is not undone by its 304', async (_, purge) => {
      const host = await bench.start(combination);
      const model = versioned();
      host.get('/x', route, async (asked) => {
        const said = model.handler(asked);
        if (model.runs === 2) await purge(host);
        return said;
      });
      await host.ask('/x', AS_A);
      host.clock.forward(10);
      const answer = await host.ask('/x', AS_A);
      expect(answer).toMatchObject({ status: 200, text: 'version 1' });
      expect(told(answer)).not.toHaveProperty('stored');
      model.version = 2;
      const after = await host.ask('/x', AS_A);
      expect(after.text).toBe('version 2');
      expect(model.asked).toEqual([undefined, '"v1"', undefined]);
    });

    it.each(purges)('%s reaches what was confirmed', async (_, purge) => {
      const host = await bench.start(combination);
      const model = versioned();
      host.get('/x', route, model.handler);
      await host.ask('/x', AS_A);
      host.clock.forward(10);
      expect((await host.ask('/x', AS_A)).header('cache-status')).toBe(VALIDATED);
      await purge(host);
      model.version = 2;
      expect((await host.ask('/x', AS_A)).text).toBe('version 2');
    });
  });

  it('a 200 replaces what was stale, for all', async () => {
    const host = await bench.start(combination);
    const model = versioned();
    host.get('/x', {}, model.handler);
    await host.ask('/x');
    model.version = 2;
    host.clock.forward(10);
    const answer = await host.ask('/x', { headers: { Range: 'bytes=0-1', 'If-None-Match': '"v1"' } });
    expect(answer).toMatchObject({ status: 200, text: 'version 2' });
    expect(told(answer)).toMatchObject({ fwd: 'stale', 'fwd-status': 200 });
    const hit = await host.ask('/x');
    expect(hit.text).toBe('version 2');
    expect(told(hit)).toMatchObject({ hit: true, ttl: 10 });
    expect(model.runs).toBe(2);
    host.clock.forward(10);
    // The client's own condition is answered of what is new.
    model.version = 3;
    expect(await host.ask('/x', { headers: { 'If-None-Match': '"v3"' } })).toMatchObject({ status: 304, text: '' });
    expect(await host.ask('/x')).toMatchObject({ status: 200, text: 'version 3' });
    expect(model.runs).toBe(3);
  });

  it('a 200 that varies no more replaces what was stale and did, for those whom that was meant for', async () => {
    const host = await bench.start(combination);
    let version = 1;
    const handler = numbered(() => ({
      headers: { ...FRESH_FOR_10, ETag: `"v${version}"`, ...(version === 1 ? { Vary: 'Accept-Language' } : {}) },
      body: `version ${version}`,
    }));
    host.get('/x', { staleWhileRevalidate: 60 }, handler);
    const german = { headers: { 'Accept-Language': 'de' } };
    await host.ask('/x', german);
    version = 2;
    host.clock.forward(100);
    for (let i = 0; i < 2; i++) expect((await host.ask('/x', german)).text).toBe('version 2');
    expect(told(await host.ask('/x', german))).toMatchObject({ hit: true });
    expect(handler.runs).toBe(2);
  });

  it('a 200 that streams is judged by layers outside by what the client asked, and not by what the handler was', async () => {
    const host = await bench.start(combination);
    const seen: unknown[] = [];
    const outside = new Layer((req, res, next) => {
      const { write } = res;
      res.write = ((...args: Parameters<typeof write>) => {
        seen.push(req.headers['if-none-match']);
        return write.apply(res, args);
      }) as typeof write;
      next();
    }, koaConditionalGet());
    host.use(outside, {});
    // It knows nothing of conditions.
    const fields = { ...FRESH_FOR_10, ETag: '"v1"' };
    host.get('/x', () => ({ headers: fields, body: stream(['the ', 'whole']) }));
    for (const asked of [undefined, undefined, '"other"']) {
      const answer = await host.ask('/x', asked === undefined ? {} : { headers: { 'If-None-Match': asked } });
      expect(answer).toMatchObject({ status: 200, text: 'the whole' });
      host.clock.forward(10);
    }
    expect(seen.filter((tag) => tag === '"v1"')).toEqual([]);
  });

  it('a failure leaves what is stale to be confirmed later', async () => {
    const host = await bench.start(combination);
    const model = versioned();
    let well = true;
    host.get('/x', {}, (asked) => (well ? model.handler(asked) : { status: 500, body: 'broken' }));
    await host.ask('/x');
    host.clock.forward(10);
    well = false;
    expect(await host.ask('/x')).toMatchObject({ status: 500, text: 'broken' });
    well = true;
    host.clock.forward(2);
    expect((await host.ask('/x')).header('cache-status')).toBe(VALIDATED);
  });

  it('counts each request once', async () => {
    const host = await bench.start(combination);
    const model = versioned();
    host.get('/x', {}, model.handler);
    await host.ask('/x'); // a miss
    host.clock.forward(10);
    await host.ask('/x'); // confirmed
    await host.ask('/x', { headers: { 'If-None-Match': '"v1"' } }); // a hit
    host.clock.forward(10);
    await host.ask('/x', { headers: { 'If-None-Match': '"v1"' } }); // confirmed
    model.version = 2;
    host.clock.forward(10);
    await host.ask('/x'); // replaced
    const { hits, misses, revalidated, stale, bypassed, totalRequests } = host.cache.getStats();
    expect({ hits, misses, revalidated, stale, bypassed, totalRequests }).toEqual({
      hits: 1,
      misses: 4,
      revalidated: 2,
      stale: 0,
      bypassed: 0,
      totalRequests: 5,
    });
  });

  it('those who ask for the same stale answer at the same time wait for one run of the handler', async () => {
    const host = await bench.start(combination);
    const traffic = new Traffic();
    const gate = new Gate();
    const model = versioned();
    host.use(traffic.layer, {});
    host.get('/x', async (asked) => {
      const said = model.handler(asked);
      if (model.runs === 2) await gate.opened;
      return said;
    });
    await host.ask('/x');
    host.clock.forward(10);
    const asks = [{}, { 'If-None-Match': '"v1"' }, {}, { 'If-None-Match': '"v0"' }];
    const all = Promise.all(asks.map((headers) => host.ask('/x', { headers })));
    await traffic.begun(5);
    gate.open();
    const answers = await all;
    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, 'version 1'],
      [304, ''],
      [200, 'version 1'],
      [200, 'version 1'],
    ]);
    expect(model.runs).toBe(2);
    expect(host.cache.getStats()).toMatchObject({ hits: 3, misses: 2, revalidated: 1, totalRequests: 5 });
  });

  it('a client that hangs up meanwhile leaves a request like any other', async () => {
    const host = await bench.start(combination);
    const traffic = new Traffic();
    const [gate, begun] = [new Gate(), new Gate()];
    const model = versioned();
    host.use(traffic.layer, {});
    host.get('/x', async (asked) => {
      const said = model.handler(asked);
      if (model.runs === 2) {
        begun.open();
        await gate.opened;
      }
      return said;
    });
    await host.ask('/x');
    host.clock.forward(10);
    const left = await leaving(host, '/x', { Range: 'bytes=0-1' }, begun);
    await traffic.ended(2);
    gate.open();
    await left;
    for (let i = 0; i < 2; i++) expect(await host.ask('/x')).toMatchObject({ status: 200, text: 'version 1' });
    const { headers, rawHeaders, req } = traffic.passages[1]!;
    expect([req.headers, req.rawHeaders]).toEqual([headers, rawHeaders]);
    expect(host.cache.getStats().totalRequests).toBe(4);
  });

  describe('retain', () => {
    it('0 keeps nothing that is stale', async () => {
      const host = await bench.start(combination);
      const model = versioned();
      host.get('/x', { retain: 0 }, model.handler);
      await host.ask('/x');
      host.clock.forward(10);
      expect((await host.ask('/x')).header('cache-status')).toMatch(/^respcache; fwd=uri-miss; stored/);
      expect(model.asked).toEqual([undefined, undefined]);
    });

    it.each<[RouteOptions<Source>, string, number]>([
      [{ retain: 60 }, 'max-age=10', 60],
      [{}, 'max-age=10', 300],
      [{}, 'max-age=1000', 1000],
    ])('%j and %s keep it for %i seconds', async (options, control, seconds) => {
      const host = await bench.start(combination);
      const model = versioned(() => ({ headers: { 'Cache-Control': control } }));
      host.get('/x', options, model.handler);
      await host.ask('/x?1');
      await host.ask('/x?2');
      host.clock.forward(Number(control.slice(8)) + seconds - 1);
      expect(told(await host.ask('/x?1'))).toMatchObject({ fwd: 'stale', 'fwd-status': 304 });
      host.clock.forward(1);
      expect(told(await host.ask('/x?2'))).toMatchObject({ fwd: 'uri-miss' });
    });
  });

  describe('a HEAD to what is stale', () => {
    const asking = async (host: Awaited<ReturnType<typeof bench.start>>) => {
      await host.ask('/x');
      host.clock.forward(10);
      expect(await host.ask('/x', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
      return told(await host.ask('/x'));
    };

    it.each(['application', 'rfc9111'] as const)('confirms it by the same validator, mode %s', async (mode) => {
      const host = await bench.start(combination, { mode });
      const model = versioned();
      host.all('/x', {}, model.handler);
      expect(await asking(host)).toMatchObject({ hit: true, ttl: 10 });
      expect(model.asked).toEqual([undefined, undefined]);
    });

    it.each(['application', 'rfc9111'] as const)('says by another that it is no longer so, mode %s', async (mode) => {
      const host = await bench.start(combination, { mode });
      const model = versioned(({ method }) => {
        if (method === 'HEAD') model.version = 2;
        return method === 'HEAD' ? { headers: { ETag: '"v2"' } } : {};
      });
      host.all('/x', {}, model.handler);
      expect(await asking(host)).toMatchObject({ fwd: 'stale' });
    });

    it('that says that it is no longer so does not have it stand in for longer', async () => {
      const host = await bench.start(combination, { staleIfError: 60 });
      let fails = false;
      const model = versioned(({ method }) => {
        if (fails) return { status: 503, headers: {}, body: 'down' };
        return method === 'HEAD' ? { headers: { ETag: '"v2"' } } : {};
      });
      host.all('/x', {}, model.handler);
      await host.ask('/x');
      host.clock.forward(50);
      await host.ask('/x', { method: 'HEAD' });
      host.clock.forward(40);
      fails = true;
      model.version = 2;
      expect(await host.ask('/x')).toMatchObject({ status: 503, text: 'down' });
    });

    it.each([404, 503])(
      'that is answered %i confirms nothing, also where a head without a tag would',
      async (status) => {
        const host = await bench.start(combination, { mode: 'rfc9111' });
        const model = versioned();
        const gone = new Layer(
          (req, res, next) => {
            if (req.method === 'HEAD') res.writeHead(status, FRESH_FOR_10).end();
            else next();
          },
          async (ctx, next) => {
            if (ctx.method !== 'HEAD') return next();
            ctx.status = status;
            ctx.set(FRESH_FOR_10);
            ctx.body = null;
            ctx.status = status;
          },
        );
        host.all('/x', {}, gone, model.handler);
        await host.ask('/x');
        host.clock.forward(10);
        expect(await host.ask('/x', { method: 'HEAD' })).toMatchObject({ status, text: '' });
        expect(told(await host.ask('/x'))).toMatchObject({ fwd: 'stale', 'fwd-status': 304 });
      },
    );

    it.each([
      ['application', { fwd: 'stale', 'fwd-status': 304 }],
      ['rfc9111', { hit: true, ttl: 10 }],
    ] as const)('without anything to compare by confirms it or not: mode %s', async (mode, expected) => {
      const host = await bench.start(combination, { mode });
      const bareHead = new Layer(
        (req, res, next) => {
          if (req.method === 'HEAD') res.writeHead(200, FRESH_FOR_10).end();
          else next();
        },
        async (ctx, next) => {
          if (ctx.method !== 'HEAD') return next();
          ctx.status = 200;
          ctx.set(FRESH_FOR_10);
          ctx.body = untagged();
        },
      );
      const model = versioned();
      host.all('/x', {}, bareHead, model.handler);
      expect(await asking(host)).toMatchObject(expected);
    });
  });

  describe('a slow word of what has been made anew meanwhile', () => {
    /** A handler that answers `method` with what was there as it was asked, and not before it is let. */
    const slowTo = async (method: 'GET' | 'HEAD', last: Said) => {
      const host = await bench.start(combination, { collapse: false });
      const [asked, gate] = [new Gate(), new Gate()];
      const model = versioned();
      host.all('/x', {}, async (request) => {
        if (request.headers['x-slow'] === undefined) return model.handler(request);
        const { body, ...head } = (await model.handler(request)) as Said;
        asked.open();
        await gate.opened;
        return { ...head, ...(body === undefined ? {} : { body }), ...last };
      });
      await host.ask('/x');
      host.clock.forward(11);
      const slow = host.ask('/x', { method, headers: { 'X-Slow': '1' } });
      await asked.opened;
      model.version = 2;
      expect((await host.ask('/x')).text).toBe('version 2');
      host.clock.forward(5);
      gate.open();
      await slow;
      return host.ask('/x');
    };

    const NO_STORE = { headers: { 'Cache-Control': 'no-store' } };
    it.each([
      ['a HEAD that confirms it', 'HEAD', {}],
      ['a HEAD that says another', 'HEAD', { headers: { ...FRESH_FOR_10, ETag: '"v0"' } }],
      ['a HEAD that is not to be stored', 'HEAD', NO_STORE],
      ['a 304', 'GET', {}],
      ['a 304 that is not to be stored', 'GET', NO_STORE],
      ['an answer that is not to be stored', 'GET', { status: 200, body: 'another', ...NO_STORE }],
    ] as const)('leaves that in its place: %s', async (_what, method, last) => {
      const answer = await slowTo(method, last);
      expect(answer.text).toBe('version 2');
      expect(told(answer)).toMatchObject({ hit: true, ttl: 5 });
    });
  });

  describe.each(['application', 'rfc9111'] as const)('where nothing stale is kept, mode %s', (mode) => {
    it.each([
      ['GET', 'no-cache'],
      ['GET', 'max-age=0'],
      ['HEAD', 'no-cache'],
      ['HEAD', 'max-age=0'],
    ] as const)('what confirms to a %s that it is %s ends what is stored', async (method, control) => {
      const host = await bench.start(combination, { mode });
      const first = 'max-age=10, stale-while-revalidate=60';
      const model = versioned(() => ({ headers: { 'Cache-Control': model.runs === 1 ? first : control } }));
      host.all('/x', { retain: 0, requestDirectives: 'honor' }, model.handler);
      await host.ask('/x');
      host.clock.forward(5);
      const answer = await host.ask('/x', { method, headers: { 'Cache-Control': 'no-cache' } });
      expect(told(answer)).not.toHaveProperty('stored');
      for (const seconds of [0, 10]) {
        host.clock.forward(seconds);
        expect(told(await host.ask('/x'))).not.toHaveProperty('hit');
      }
    });
  });

  it('what is stored for ever can be ruled out, and is read as stale from then on', async () => {
    const host = await bench.start(combination);
    const errors: unknown[] = [];
    host.cache.on('error', (event) => errors.push(event));
    const handler = numbered(() => ({ headers: handler.runs === 1 ? {} : { 'Cache-Control': 'no-store' } }));
    host.get('/x', { ttl: Number.POSITIVE_INFINITY, requestDirectives: 'honor' }, handler);
    await host.ask('/x');
    expect(told(await host.ask('/x'))).toMatchObject({ hit: true, ttl: 2 ** 31 });
    await host.ask('/x', { headers: { 'Cache-Control': 'no-cache' } });
    expect(told(await host.ask('/x'))).toMatchObject({ fwd: 'stale' });
    expect(errors).toEqual([]);
  });

  it("mode 'rfc9111': what may not be used without asking is stored, and confirmed each time", async () => {
    const host = await bench.start(combination, { mode: 'rfc9111' });
    const model = versioned(() => ({ headers: { 'Cache-Control': 'no-cache' } }));
    host.get('/x', {}, model.handler);
    for (const expected of [
      { fwd: 'uri-miss', stored: true },
      { fwd: 'stale', 'fwd-status': 304, stored: true },
      { fwd: 'stale', 'fwd-status': 304, stored: true },
    ]) {
      const answer = await host.ask('/x');
      expect(answer).toMatchObject({ status: 200, text: 'version 1' });
      expect(told(answer)).toMatchObject(expected);
    }
    model.version = 2;
    expect((await host.ask('/x')).text).toBe('version 2');
    expect(model.asked).toEqual([undefined, '"v1"', '"v1"', '"v1"']);
  });

  it.each(['no-cache', 'max-age=0', 'max-age=3'])(
    'a client that asks for %s has what is fresh confirmed, where clients are heard',
    async (value) => {
      const host = await bench.start(combination);
      const model = versioned();
      host.get('/heard', { requestDirectives: 'honor' }, model.handler);
      await host.ask('/heard');
      host.clock.forward(5);
      const answer = await host.ask('/heard', { headers: { 'Cache-Control': value } });
      expect(answer).toMatchObject({ status: 200, text: 'version 1' });
      expect(told(answer)).toMatchObject({ fwd: 'request', 'fwd-status': 304, stored: true, ttl: 10 });
      expect((await host.ask('/heard')).header('age')).toBe('0');
    },
  );

  it('below a second mount with options of its own, it is the same', async () => {
    const host = await bench.start(combination);
    const model = versioned();
    host.use({ ttl: 60 });
    host.get('/x', { tags: ['tag'], key: 'the name' }, model.handler);
    host.get('/y', { identity: () => 'me' }, model.handler);
    for (const path of ['/x', '/y']) {
      await host.ask(path, AS_A);
      host.clock.forward(10);
      const answer = await host.ask(path, { headers: { ...AS_A.headers, 'If-None-Match': '"v1"' } });
      expect(answer.status).toBe(304);
      expect(answer.header('cache-status')).toBe(VALIDATED);
    }
    await host.cache.invalidateByTags(['tag'], 'a');
    expect(told(await host.ask('/x', AS_A))).toMatchObject({ fwd: 'uri-miss' });
    expect(told(await host.ask('/y', AS_A))).toMatchObject({ hit: true });
  });
});

describe.each(ON_REDIS)('validation between processes: $label', (combination) => {
  it('what one has had confirmed, the others serve', async () => {
    const [one, two, model] = await inTwoProcesses(combination);
    await one.ask('/x', AS_A);
    one.clock.forward(10);
    const written = new Promise((resolve) => one.cache.on('set', resolve));
    expect((await one.ask('/x', AS_A)).header('cache-status')).toBe(VALIDATED);
    await written;
    expect((await two.ask('/x', AS_A)).header('cache-status')).toBe('respcache; hit; ttl=10');
    expect(model.runs).toBe(2);
  });

  it('a purge by another while the handler is asked is not undone', async () => {
    const [one, two, model, during] = await inTwoProcesses(combination);
    await one.ask('/x', AS_A);
    one.clock.forward(10);
    during.run = () => two.cache.invalidateByTags(['tag'], 'a');
    expect((await one.ask('/x', AS_A)).text).toBe('version 1');
    during.run = undefined;
    model.version = 2;
    for (const host of [two, one]) expect((await host.ask('/x', AS_A)).text).toBe('version 2');
  });

  it('what another has made anew meanwhile stays, also where copies are kept in memory', async () => {
    const one = await bench.start(combination, { l1: true });
    const two = await bench.beside(combination, one, { l1: true });
    const [asked, gate] = [new Gate(), new Gate()];
    const model = versioned();
    const { handler } = model;
    one.all('/x', {}, async (request) => {
      if (request.method !== 'HEAD') return handler(request);
      const { body: _, ...head } = await handler(request);
      asked.open();
      await gate.opened;
      return head;
    });
    two.all('/x', {}, handler);
    await one.ask('/x', AS_A);
    one.clock.forward(11);
    const slow = one.ask('/x', { ...AS_A, method: 'HEAD' });
    await asked.opened;
    model.version = 2;
    const stored = nextEvent(two.cache, 'set');
    await two.ask('/x', AS_A);
    await stored;
    one.clock.forward(5);
    gate.open();
    await slow;
    // It hears from Redis that there is a newer one.
    await vi.waitFor(async () => expect((await one.ask('/x', AS_A)).text).toBe('version 2'), { interval: 5 });
    expect((await two.ask('/x', AS_A)).text).toBe('version 2');
  });

  async function inTwoProcesses(combination: Combination) {
    const one = await bench.start(combination);
    const two = await bench.beside(combination, one);
    const model = versioned();
    const during: { run: (() => Promise<unknown>) | undefined } = { run: undefined };
    for (const host of [one, two]) {
      host.get('/x', { tags: ['tag'] }, async (asked) => {
        const said = model.handler(asked);
        await during.run?.();
        return said;
      });
    }
    return [one, two, model, during] as const;
  }
});

/** A body to which Express gives no tag. */
function untagged() {
  return stream([BODY]);
}

function fieldsOf(answer: Answer, ...names: string[]) {
  return names.map((name) => answer.header(name));
}

/** Asks, and hangs up as soon as the handler runs. */
async function leaving(
  host: Host,
  target: string,
  headers: Record<string, string>,
  begun: Gate,
): Promise<Promise<void>> {
  const agent = new Agent({ keepAlive: true });
  const gone = host.ask(target, { headers, agent }).then(
    () => {},
    () => {},
  );
  await begun.opened;
  agent.destroy();
  return gone;
}
