// Shadow mode: the handler is asked although there is an answer, its answer leaves, and the two are compared.

import { type CacheEvents, createCache, type RouteOptions } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { Gate, NEWEST, numbered, OF_EXPRESS, stream, useBench } from './bench.js';
import { raw, type Said, type Source } from './hosts.js';

const bench = useBench();

describe.each(NEWEST)('shadow mode: $label', (combination) => {
  async function started(say: () => Said, shadow = 1) {
    const host = await bench.start(combination);
    const seen: CacheEvents['shadow'][] = [];
    host.cache.on('shadow', (event) => seen.push(event));
    let runs = 0;
    host.get('/x', { shadow }, () => {
      runs++;
      return say();
    });
    return { host, seen, runs: () => runs };
  }

  it('finds nothing where the handler says the same', async () => {
    const { host, seen, runs } = await started(() => ({ body: { a: 1 }, headers: { 'X-Kind': 'k' } }));
    const answers = [await host.ask('/x'), await host.ask('/x'), await host.ask('/x')];
    expect(runs()).toBe(3);
    expect(answers.map(({ text }) => text)).toEqual(Array(3).fill('{"a":1}'));
    expect(answers[1]!.header('cache-status')).toBe('respcache; fwd=bypass; detail=shadow');
    expect(seen).toEqual([
      expect.objectContaining({
        tenant: '',
        route: '/x',
        differences: [],
        request: expect.objectContaining({ target: '/x' }),
      }),
      expect.objectContaining({ differences: [] }),
    ]);
    expect(seen.map(({ suspect }) => suspect)).toEqual([undefined, undefined]);
    expect(host.cache.getStats()).toMatchObject({
      ...{ hits: 0, misses: 1, bypassed: 2, totalRequests: 3, reasons: { shadow: 2 } },
      shadow: { compared: 2, different: 0 },
    });
  });

  it('tells caches further down of what it compares what they are told of what is stored, and of nothing else', async () => {
    const host = await bench.start(combination);
    let said = 'max-age=3600';
    const options = { shadow: 1, browserTtl: 0, cdnTtl: 30, surrogateTags: 'Cache-Tag', tags: ['of-route'] };
    host.get('/x', options, ({ cache }) => {
      cache.tag('of-handler');
      return { body: 'x', headers: { 'Cache-Control': said } };
    });
    const told = async () => {
      const answer = await host.ask('/x');
      return ['cache-control', 'cdn-cache-control', 'cache-tag'].map((name) => answer.header(name));
    };
    const shared = ['no-cache', 'max-age=30', 'of-route,of-handler'];
    expect([await told(), await told()]).toEqual([shared, shared]);
    said = 'private, max-age=60';
    expect(await told()).toEqual(['private, max-age=60', undefined, undefined]);
    expect(host.cache.getStats().reasons).toMatchObject({ shadow: 2 });
  });

  it('tells what is stale, and serves what the handler says', async () => {
    let price = 1;
    const { host, seen } = await started(() => ({ status: price === 3 ? 404 : 200, body: { price } }));
    await host.ask('/x');
    host.clock.forward(7);
    price = 2;
    expect((await host.ask('/x')).text).toBe('{"price":2}');
    expect(seen).toEqual([expect.objectContaining({ suspect: 'stale', age: 7 })]);
    expect(seen[0]!.differences).toContainEqual({
      what: 'body',
      stored: expect.stringMatching(/^11 bytes, sha256 [\da-f]{64}$/),
      fresh: expect.stringMatching(/^11 bytes, sha256 [\da-f]{64}$/),
    });
    price = 3;
    await host.ask('/x');
    expect(seen[1]!.differences).toContainEqual({ what: 'status', stored: '200', fresh: '404' });
    expect(host.cache.getStats()).toMatchObject({ shadow: { compared: 2, different: 2 } });
  });

  it('tells what varies from one request to the next: somebody else would be given this answer', async () => {
    const host = await bench.start(combination);
    const seen: CacheEvents['shadow'][] = [];
    host.cache.on('shadow', (event) => seen.push(event));
    host.get('/me', { shadow: 1 }, ({ headers }) => ({ body: `hello ${headers['x-user']}` }));
    for (const user of ['ada', 'bob', 'ada', 'bob']) await host.ask('/me', { headers: { 'X-User': user } });
    expect(seen.map(({ suspect }) => suspect)).toEqual(['stale', 'varies', 'varies']);
  });

  it('of all: who asks for a part, or for the head, is answered by the handler as well', async () => {
    const { host, seen } = await started(() => ({ body: 'hello', headers: { 'X-Kind': 'a' } }));
    await host.ask('/x');
    const part = await host.ask('/x', { headers: { Range: 'bytes=0-1' } });
    const head = await host.ask('/x', { method: 'HEAD' });
    for (const answer of [part, head]) {
      expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=shadow');
      expect(answer.status).toBe(200);
    }
    expect(seen).toEqual([]);
    expect(host.cache.getStats()).toMatchObject({ hits: 0, bypassed: 2, reasons: { shadow: 2 } });
  });

  it('of all: nobody is given what another request was answered', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const both = new Gate();
    let runs = 0;
    host.get('/me', { shadow: 1 }, async ({ headers }) => {
      if (++runs === 2) both.open();
      await both.opened;
      return { body: `hello ${headers['x-user']}` };
    });
    const users = ['ada', 'bob'];
    const answers = await Promise.all(users.map((user) => host.ask('/me', { headers: { 'X-User': user } })));
    expect(answers.map(({ text }) => text)).toEqual(['hello ada', 'hello bob']);
  });

  it('of all: what is stale stands in for nobody, and no 304 of the handler has it served', async () => {
    const host = await bench.start(combination);
    let fails = false;
    const tag = '"v1"';
    host.get('/x', { shadow: 1, staleIfError: 60 }, ({ headers }) => {
      if (fails) return { status: 500, body: 'no' };
      const isSame = headers['if-none-match'] === tag;
      return {
        status: isSame ? 304 : 200,
        body: isSame ? '' : 'yes',
        headers: { ETag: tag, 'Cache-Control': 'max-age=1' },
      };
    });
    await host.ask('/x');
    host.clock.forward(2);
    const again = await host.ask('/x');
    expect([again.text, again.header('cache-status')]).toEqual(['yes', 'respcache; fwd=stale; stored']);
    host.clock.forward(2);
    fails = true;
    expect((await host.ask('/x')).status).toBe(500);
  });

  describe('a route inside that leaves itself out', () => {
    it('has those wait who ask for the same meanwhile', async () => {
      const host = await bench.start(combination, { collapseTimeout: 60_000 });
      const [begun, go] = [new Gate(), new Gate()];
      const handler = numbered();
      host.use({ shadow: 1 });
      host.get('/x', { shadow: 0 }, async (source) => {
        begun.open();
        await go.opened;
        return handler(source);
      });
      const first = host.ask('/x');
      await begun.opened;
      const others = [host.ask('/x'), host.ask('/x')];
      await host.ask('/nowhere');
      go.open();
      expect((await Promise.all([first, ...others])).map(({ text }) => text)).toEqual(Array(3).fill('run 1'));
      expect((await host.ask('/x')).header('cache-status')).toContain('; hit');
      expect(host.cache.getStats()).toMatchObject({ totalRequests: 5 });
    });

    it('has its handler asked if what is stored is still the same, and what is stale stand in', async () => {
      const host = await bench.start(combination);
      let fails = false;
      const asked: unknown[] = [];
      host.use({ shadow: 1 });
      host.get('/x', { shadow: 0, staleIfError: 60 }, ({ headers }) => {
        asked.push(headers['if-none-match']);
        const own = { ETag: '"v1"', 'Cache-Control': 'max-age=1' };
        if (fails) return { status: 500, body: 'no' };
        return headers['if-none-match'] === '"v1"'
          ? { status: 304, body: '', headers: own }
          : { body: 'yes', headers: own };
      });
      await host.ask('/x');
      host.clock.forward(2);
      expect((await host.ask('/x')).text).toBe('yes');
      host.clock.forward(2);
      fails = true;
      expect((await host.ask('/x')).text).toBe('yes');
      expect(asked).toEqual([undefined, '"v1"', '"v1"']);
    });

    it('is served what is stale while its handler is asked beside that', async () => {
      const host = await bench.start(combination);
      const handler = numbered({ headers: { 'Cache-Control': 'max-age=1, stale-while-revalidate=60' } });
      host.use({ shadow: 1 });
      host.get('/x', { shadow: 0 }, handler);
      await host.ask('/x');
      host.clock.forward(2);
      expect((await host.ask('/x')).text).toBe('run 1');
      await vi.waitFor(() => expect(host.cache.getStats()).toMatchObject({ sets: 2 }), { interval: 2 });
      expect((await host.ask('/x')).text).toBe('run 2');
      expect(handler.runs).toBe(2);
    });
  });

  it('does not ask for a client that wants what is stored, or nothing', async () => {
    const host = await bench.start(combination);
    const handler = numbered();
    host.get('/x', { shadow: 1, requestDirectives: 'honor' }, handler);
    await host.ask('/x');
    const answer = await host.ask('/x', { headers: { 'Cache-Control': 'only-if-cached' } });
    expect([answer.text, handler.runs]).toEqual(['run 1', 1]);
  });

  it('compares header fields, and never shows a cookie', async () => {
    let kind = 'a';
    const { host, seen } = await started(() => ({
      body: 'x',
      headers: { 'X-Kind': kind, ...(kind === 'b' ? { 'Set-Cookie': 'secret=1' } : {}) },
    }));
    await host.ask('/x');
    kind = 'b';
    await host.ask('/x');
    expect(seen[0]!.differences).toEqual([
      { what: 'x-kind', stored: 'a', fresh: 'b' },
      { what: 'set-cookie', stored: 'none', fresh: 'there is one' },
    ]);
    expect(JSON.stringify(seen[0]!.differences)).not.toContain('secret');
  });

  it('says nothing of a handler that fails, nor of what was invalidated meanwhile', async () => {
    let fails = false;
    const host = await bench.start(combination);
    const seen: CacheEvents['shadow'][] = [];
    host.cache.on('shadow', (event) => seen.push(event));
    host.get('/x', { shadow: 1, tags: ['x'] }, () => (fails ? { status: 500, body: 'no' } : { body: 'yes' }));
    host.get('/y', { shadow: 1, tags: ['y'] }, async () => {
      if (fails) await host.cache.invalidateByTags(['y']);
      return { body: fails ? 'new' : 'old' };
    });
    await Promise.all([host.ask('/x'), host.ask('/y')]);
    fails = true;
    const failed = await host.ask('/x');
    expect([failed.status, failed.text]).toEqual([500, 'no']);
    expect((await host.ask('/y')).text).toBe('new');
    expect(seen).toEqual([]);
  });

  it.each<[what: string, said: Said, options: RouteOptions<Source>]>([
    ['a 200', {}, {}],
    ['a 404', { status: 404 }, {}],
    ['one that has its own', { headers: { ETag: '"own"' } }, {}],
    ['a 200 in the mode of the RFC', { headers: { 'Cache-Control': 'max-age=60' } }, { mode: 'rfc9111' }],
  ])('gives an answer a tag where one that is stored has it: %s', async (_what, said, options) => {
    const host = await bench.start(combination);
    host.get('/x', { shadow: 1, ...options }, () => ({ body: 'x', ...said }));
    const [miss, shadowed] = [await host.ask('/x'), await host.ask('/x')];
    expect(shadowed.header('cache-status')).toContain('detail=shadow');
    expect(shadowed.header('etag')).toBe(miss.header('etag'));
  });

  it('answers conditions itself, for the whole is compared', async () => {
    const { host, seen } = await started(() => ({ body: 'x' }));
    const etag = (await host.ask('/x')).header('etag')!;
    const second = await host.ask('/x', { headers: { 'If-None-Match': etag } });
    expect([second.status, second.text]).toEqual([304, '']);
    await vi.waitFor(() => expect(seen).toHaveLength(1), { interval: 2 });
    expect(seen).toEqual([expect.objectContaining({ differences: [] })]);
  });

  it('compares streams, and stores nothing of them', async () => {
    let end = 'b';
    const { host, seen } = await started(() => ({ body: stream(['a', end]) }));
    await host.ask('/x');
    end = 'c';
    expect((await host.ask('/x')).text).toBe('ac');
    end = 'b';
    await host.ask('/x');
    await vi.waitFor(() => expect(seen).toHaveLength(2), { interval: 2 });
    expect(seen.map(({ differences }) => differences.length)).toEqual([1, 0]);
  });

  it('asks for a share of the hits only', async () => {
    const { host, runs } = await started(() => ({ body: 'x' }), 0.5);
    for (let i = 0; i < 200; i++) await host.ask('/x');
    const { hits, misses, bypassed, shadow, totalRequests } = host.cache.getStats();
    expect([misses, hits + bypassed, totalRequests]).toEqual([1, 199, 200]);
    expect(runs()).toBe(1 + bypassed);
    expect(shadow.compared).toBe(bypassed);
    // By chance less often than once in a billion billions.
    expect(bypassed).toBeGreaterThan(30);
    expect(bypassed).toBeLessThan(170);
  });

  it('counts a client that goes meanwhile once, whatever its handler says to nobody', async () => {
    const host = await bench.start(combination);
    const [working, go, done] = [new Gate(), new Gate(), new Gate()];
    let runs = 0;
    host.get('/x', { shadow: 1 }, async ({ res }) => {
      if (runs++ === 0) return { body: 'x' };
      res.once('close', done.open);
      working.open();
      await go.opened;
      return { body: 'x' };
    });
    await host.ask('/x');
    const asking = host.begin('/x').catch(() => undefined);
    await working.opened;
    (await host.server()).closeAllConnections();
    await Promise.all([asking, done.opened]);
    go.open();
    // By then the handler has gone on.
    await host.ask('/nowhere');
    expect(host.cache.getStats()).toMatchObject({ misses: 1, bypassed: 1, reasons: { shadow: 1 } });
  });

  it('is not for those who fill the cache: they find what is there', async () => {
    const host = await bench.start(combination);
    const handler = numbered();
    host.get('/x', { shadow: 1 }, handler);
    const app = await host.server();
    expect(await host.cache.warm({ app, urls: ['/x'] })).toMatchObject({ warmed: 1 });
    expect(await host.cache.warm({ app, urls: ['/x'] })).toMatchObject({ fresh: 1, uncacheable: 0 });
    expect(handler.runs).toBe(1);
  });
});

describe.each(OF_EXPRESS)('shadow mode: $label', (combination) => {
  it('compares what is written as text by its bytes', async () => {
    const host = await bench.start(combination);
    const seen: CacheEvents['shadow'][] = [];
    host.cache.on('shadow', (event) => seen.push(event));
    let coffee = 'caf\xe9';
    host.get(
      '/x',
      { shadow: 1 },
      raw((res) => {
        res.write(coffee, 'latin1');
        res.end(', ol\xe9');
      }),
    );
    for (let i = 0; i < 2; i++) await host.ask('/x');
    coffee = 'th\xe9';
    await host.ask('/x');
    expect(seen.map(({ differences }) => differences)).toEqual([
      [],
      [
        {
          what: 'body',
          stored: expect.stringMatching(/^10 bytes, /),
          fresh: expect.stringMatching(/^9 bytes, /),
        },
      ],
    ]);
  });
});

it.each([-1, 2, Number.NaN, '1', true])('shadow: %j is no share', (shadow) => {
  expect(() => createCache({ redis: false, shadow: shadow as number })).toThrow(
    /option shadow is .*; it takes a fraction/,
  );
});
