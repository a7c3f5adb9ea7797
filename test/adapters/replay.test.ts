// What a hit says: the handler's answer as it was, with its age, and what this cache adds to it.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMBINATIONS, linesOf, numbered, START, useBench } from './bench.js';
import { type Handler, type Host, Layer } from './hosts.js';

const bench = useBench();

/** What a hit may have, or have otherwise, than the answer that it is of. */
const OF_A_HIT = new Set(['age', 'cache-status']);

const http = (ms: number) => new Date(ms).toUTCString();

async function* slowly(...pieces: string[]): AsyncGenerator<string> {
  for (const piece of pieces) {
    await pause(10);
    yield piece;
  }
}

describe.each(COMBINATIONS)('replay: $label', (combination) => {
  describe('a hit', () => {
    it('has the status, reason, lines and bytes of the answer that was stored', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({
        status: 203,
        message: 'Quite Fine',
        headers: {
          'Content-Type': 'application/x-thing; v="1"',
          'Content-Language': 'de',
          'X-CamelCase': 'Kept',
          'X-Empty': '',
          'X-Several': ['1', '2', '2'],
          Link: ['</a.css>; rel=preload', '</b.js>; rel=preload'],
          'Cache-Control': 'max-age=60, stale-while-revalidate=5',
          'Last-Modified': http(START - 5000),
          ETag: '"v1"',
          Location: '/elsewhere',
        },
        body: Buffer.from([0, 255, 13, 10]),
      }));
      const miss = await host.ask('/x');
      const hit = await host.ask('/x');
      expect(hit.header('cache-status')).toMatch(/; hit;/);
      expect([hit.status, hit.reason, hit.body]).toEqual([miss.status, miss.reason, miss.body]);
      expect(linesOf(hit, OF_A_HIT)).toEqual(linesOf(miss, OF_A_HIT));
    });

    it.each([
      ['short', 10],
      ['long', 10_000],
    ])("has a file's name in Latin-1 as its handler streamed it, with a %s body", async (_, length) => {
      const host = await bench.start(combination);
      const name = 'attachment; filename="relat\u00f3rio.pdf"';
      const headers = { 'Content-Disposition': name, 'Cache-Control': 'max-age=60, stale-if-error=60', ETag: '"1"' };
      let [status, revision] = [200, '"1"'];
      // With a layer outside, so that hits leave by Koa's own means.
      host.use(
        new Layer(
          (_req, _res, next) => next(),
          (_ctx, next) => next(),
        ),
        {},
      );
      host.get('/x', ({ headers: asked }) => {
        if (status === 200 && asked['if-none-match'] === revision) return { status: 304, headers };
        return { status, headers, body: Readable.from([Buffer.alloc(length)]) };
      });
      for (const _hit of Array(4)) expect((await host.ask('/x')).header('content-disposition')).toBe(name);
      host.clock.forward(60);
      const validated = await host.ask('/x');
      expect([validated.body.length, validated.header('content-disposition')]).toEqual([length, name]);
      host.clock.forward(60);
      [status, revision] = [503, ''];
      const instead = await host.ask('/x');
      expect([instead.body.length, instead.header('content-disposition')]).toEqual([length, name]);
      expect(instead.header('content-length')).toBe(String(length));
    });

    it('has the Vary that the handler wrote', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({ headers: { Vary: 'Accept-Language, Accept' }, body: 'x' }));
      const miss = await host.ask('/x');
      expect(miss.header('vary')).toBe('Accept-Language, Accept, x-client-id');
      expect((await host.ask('/x')).header('vary')).toBe(miss.header('vary'));
    });

    it("has the Date of the answer, the handler's own or the moment that it was stored", async () => {
      const host = await bench.start(combination);
      const own = http(START - 60_000);
      host.get('/own', {}, () => ({ headers: { Date: own }, body: 'x' }));
      host.get('/none', {}, () => ({ body: 'x' }));
      await host.ask('/own');
      await host.ask('/none');
      for (let i = 0; i < 2; i++) {
        host.clock.forward(30);
        expect((await host.ask('/own')).header('date')).toBe(own);
        expect((await host.ask('/none')).header('date')).toBe(http(START));
      }
    });

    it('has an Age that grows with the clock', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      expect((await host.ask('/x')).header('age')).toBeUndefined();
      expect((await host.ask('/x')).header('age')).toBe('0');
      host.clock.forward(1.5);
      expect((await host.ask('/x')).header('age')).toBe('1');
      host.clock.forward(298);
      expect((await host.ask('/x')).header('age')).toBe('299');
      host.clock.forward(1);
      expect((await host.ask('/x')).text).toBe('run 2');
    });

    it('has the Age that the answer came with in its own, once, and counts it as spent', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered({ headers: { Age: '100', 'Cache-Control': 'max-age=150' } }));
      expect((await host.ask('/x')).header('age')).toBe('100');
      host.clock.forward(49);
      const hit = await host.ask('/x');
      expect(hit.header('age')).toBe('149');
      expect(hit.header('cache-status')).toBe('respcache; hit; ttl=1');
      host.clock.forward(1);
      expect((await host.ask('/x')).text).toBe('run 2');
    });

    it('has no Cache-Control that the handler did not give, as the first answer has none', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/x');
        for (const name of ['cache-control', 'expires', 'pragma']) expect(answer.header(name)).toBeUndefined();
      }
    });

    it.each(['GET', 'HEAD'])('answers %s from a stored GET', async (method) => {
      const host = await bench.start(combination);
      const handler = numbered({ headers: { 'X-A': '1' }, body: 'Grüße' });
      host.all('/x', {}, handler);
      const get = await host.ask('/x');
      const hit = await host.ask('/x', { method });
      expect(handler.runs).toBe(1);
      expect(hit.header('cache-status')).toMatch(/; hit;/);
      expect(linesOf(hit, OF_A_HIT)).toEqual(linesOf(get, OF_A_HIT));
      expect(hit.header('content-length')).toBe('7');
      expect(hit.text).toBe(method === 'GET' ? 'Grüße' : '');
    });
  });

  it('a HEAD does not fill the cache for a GET', async () => {
    const host = await bench.start(combination);
    host.all('/x', {}, numbered());
    const head = await host.ask('/x', { method: 'HEAD' });
    expect(head.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=head');
    expect((await host.ask('/x')).text).toBe('run 2');
  });

  describe('Cache-Status', () => {
    it('tells a miss from a hit, and how long a hit is good for', async () => {
      const host = await bench.start(combination, { ttl: 60 });
      host.get('/x', {}, numbered());
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=uri-miss; stored');
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; hit; ttl=60');
      host.clock.forward(59.2);
      expect((await host.ask('/x')).header('cache-status')).toBe('respcache; hit; ttl=0');
    });

    it('tells that another variant is there', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({ headers: { Vary: 'Accept' }, body: 'x' }));
      await host.ask('/x', { headers: { Accept: 'a/b' } });
      const other = await host.ask('/x', { headers: { Accept: 'c/d' } });
      expect(other.header('cache-status')).toBe('respcache; fwd=vary-miss; stored');
    });

    it('stands behind what caches nearer to the origin say', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({ headers: { 'Cache-Status': 'origin; hit' }, body: 'x' }));
      expect((await host.ask('/x')).header('cache-status')).toBe('origin; hit, respcache; fwd=uri-miss; stored');
      expect((await host.ask('/x')).header('cache-status')).toBe('origin; hit, respcache; hit; ttl=300');
    });

    it('shows the key only where asked to', async () => {
      const host = await bench.start(combination);
      host.get('/x', { exposeKey: true }, () => ({ body: 'x' }));
      const ask = { headers: { Host: 'h.test', 'X-Client-Id': 'a' } };
      const { prefix } = host.cache.settings;
      const key = `key="${prefix}client:a:~http://h.test~/x~a=1"`;
      expect((await host.ask('/x?a=1', ask)).header('cache-status')).toBe(`respcache; fwd=uri-miss; stored; ${key}`);
      expect((await host.ask('/x?a=1', ask)).header('cache-status')).toBe(`respcache; hit; ttl=300; ${key}`);
    });
  });

  describe('Vary', () => {
    it("gains the tenant's header, once", async () => {
      const host = await bench.start(combination);
      host.get('/none', {}, () => ({ body: 'x' }));
      host.get('/own', {}, () => ({ headers: { Vary: 'X-Client-ID' }, body: 'x' }));
      host.get('/other', {}, () => ({ headers: { Vary: 'accept' }, body: 'x' }));
      const varies = async (path: string) => [
        (await host.ask(path)).header('vary'),
        (await host.ask(path)).header('vary'),
        (await host.ask(path, { headers: { Cookie: 'a=1' } })).header('vary'),
      ];
      expect(await varies('/none')).toEqual(['x-client-id', 'x-client-id', 'x-client-id']);
      expect((await varies('/own')).map((value) => value?.toLowerCase())).toEqual(Array(3).fill('x-client-id'));
      expect(await varies('/other')).toEqual(Array(3).fill('accept, x-client-id'));
    });

    it('gains what the route varies by, once', async () => {
      const host = await bench.start(combination);
      host.get('/x', { vary: ['Accept-Language'] }, () => ({ body: 'x' }));
      const varies = [(await host.ask('/x')).header('vary'), (await host.ask('/x')).header('vary')];
      expect(varies).toEqual(['accept-language, x-client-id', 'accept-language, x-client-id']);
    });
  });

  describe('ETag', () => {
    it('is added where there is none, weak, and stays the same', async () => {
      const host = await bench.start(combination);
      const bodies = ['a', 'b'];
      host.get('/x', {}, ({ query }) => ({ body: Buffer.from(bodies[Number(query.n)] ?? '') }));
      const tags = async (n: number) => [
        (await host.ask(`/x?n=${n}`)).header('etag'),
        (await host.ask(`/x?n=${n}`)).header('etag'),
      ];
      const [miss, hit] = await tags(0);
      expect(miss).toMatch(/^W\/"[^"]+"$/);
      expect(hit).toBe(miss);
      expect((await tags(1))[0]).not.toBe(miss);
    });

    it('of the handler stays', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({ headers: { ETag: '"mine"' }, body: 'x' }));
      for (let i = 0; i < 2; i++) expect((await host.ask('/x')).header('etag')).toBe('"mine"');
    });

    it('of a stream is there on hits, where the bytes are known', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({ body: Readable.from(['a', 'b']) }));
      await host.ask('/x');
      const tag = (await host.ask('/x')).header('etag');
      expect(tag).toMatch(/^W\/"[^"]+"$/);
      expect((await host.ask('/x', { headers: { 'If-None-Match': String(tag) } })).status).toBe(304);
    });

    it('is not added to what is not stored', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, () => ({ headers: { 'Cache-Control': 'no-store' }, body: Readable.from(['x']) }));
      expect((await host.ask('/x')).header('etag')).toBeUndefined();
    });
  });

  describe('conditions', () => {
    const modified = START - 3_600_000;
    const asctime = 'Wed Dec 31 23:00:00 2025';
    const rfc850 = 'Wednesday, 31-Dec-25 23:00:00 GMT';
    let shared: Host;

    beforeAll(async () => {
      shared = await bench.shared.start(combination);
      shared.get('/x', {}, () => ({ headers: { ETag: '"v1"', 'Last-Modified': http(modified) }, body: 'body' }));
    });

    it.each<[string, Record<string, string>, boolean]>([
      ['the tag', { 'If-None-Match': '"v1"' }, true],
      ['the tag, weak', { 'If-None-Match': 'W/"v1"' }, true],
      ['a list with the tag', { 'If-None-Match': '"v0", W/"v1" ,"v2"' }, true],
      ['a star', { 'If-None-Match': '*' }, true],
      ['another tag', { 'If-None-Match': '"v2"' }, false],
      ['the tag in another case', { 'If-None-Match': '"V1"' }, false],
      ['a tag that holds it', { 'If-None-Match': '"xv1", "v1,", "v11"' }, false],
      ['the tag without quotes', { 'If-None-Match': 'v1' }, false],
      ['an empty text', { 'If-None-Match': '' }, false],
      ['its date', { 'If-Modified-Since': http(modified) }, true],
      ['a later date', { 'If-Modified-Since': http(START) }, true],
      ['an earlier date', { 'If-Modified-Since': http(modified - 1000) }, false],
      ['its date as RFC 850', { 'If-Modified-Since': rfc850 }, true],
      ['its date as asctime', { 'If-Modified-Since': asctime }, true],
      ['no date', { 'If-Modified-Since': 'yesterday' }, false],
      ['another tag and its date', { 'If-None-Match': '"v2"', 'If-Modified-Since': http(modified) }, false],
      ['the tag and an earlier date', { 'If-None-Match': '"v1"', 'If-Modified-Since': http(0) }, true],
    ])('%s', async (name, headers, notModified) => {
      const target = `/x?${encodeURIComponent(name)}`;
      const expected = notModified ? { status: 304, text: '' } : { status: 200, text: 'body' };
      expect(await shared.ask(target, { headers })).toMatchObject(expected);
      // It was stored, though its client was not given it.
      const whole = await shared.ask(target);
      expect(whole).toMatchObject({ status: 200, text: 'body' });
      expect(whole.header('cache-status')).toMatch(/; hit;/);
      expect(await shared.ask(target, { headers })).toMatchObject(expected);
      expect(await shared.ask(target, { headers, method: 'HEAD' })).toMatchObject({ ...expected, text: '' });
    });

    it('are answered by a 304 with the fields that one has, and without those of a body', async () => {
      const host = await bench.start(combination);
      const lasting = {
        'Cache-Control': 'max-age=60',
        'Content-Location': '/y',
        Date: http(START),
        ETag: '"v1"',
        Expires: http(START + 60_000),
        Vary: 'accept',
      };
      const ofBody = { 'Content-Type': 'text/x', 'Content-Language': 'de', 'Content-Encoding': 'x' };
      host.get('/x', {}, () => ({ headers: { ...lasting, ...ofBody, 'X-A': '1' }, body: Buffer.from('body') }));
      for (const status of ['respcache; fwd=uri-miss; fwd-status=200; stored', 'respcache; hit; ttl=60']) {
        const answer = await host.ask('/x', { headers: { 'If-None-Match': '"v1"' } });
        expect(answer).toMatchObject({ status: 304, reason: 'Not Modified', text: '', complete: true });
        expect(answer.header('cache-status')).toBe(status);
        const found = Object.fromEntries(Object.keys(lasting).map((name) => [name, answer.header(name)]));
        expect(found).toEqual({ ...lasting, Vary: 'accept, x-client-id' });
        for (const name of [...Object.keys(ofBody), 'Content-Length', 'Transfer-Encoding']) {
          expect(answer.header(name), name).toBeUndefined();
        }
      }
    });

    it.each<[string, () => Readable]>([
      ['a stream', () => Readable.from(slowly('a', 'b'))],
      ['a file', () => createReadStream(join(import.meta.dirname, 'hosts.ts'))],
    ])('that %s meets leave all of it to the store', async (_, body) => {
      const host = await bench.start(combination);
      let runs = 0;
      host.get('/x', {}, () => ({ headers: { ETag: '"v1"', 'X-Run': String(++runs) }, body: body() }));
      expect((await host.ask('/x', { headers: { 'If-None-Match': '"v1"' } })).status).toBe(304);
      const whole = await host.ask('/x');
      expect(whole.header('cache-status')).toMatch(/; hit/);
      expect(whole.header('x-run')).toBe('1');
      expect(whole.text).toBe(await text(body()));
    });

    it('on what was found by nobody are not answered by a 304', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered({ status: 404, headers: { ETag: '"v1"' } }));
      for (let i = 0; i < 2; i++) {
        expect(await host.ask('/x', { headers: { 'If-None-Match': '"v1"' } })).toMatchObject({
          status: 404,
          text: 'run 1',
        });
      }
    });

    it('with the tag that the cache added are answered by a 304', async () => {
      const host = await bench.start(combination);
      const body = Buffer.from('body');
      host.get('/x', {}, () => ({ body }));
      const tag = String((await host.ask('/x')).header('etag'));
      const other = await bench.start(combination);
      other.get('/x', {}, () => ({ body }));
      for (const each of [host, other]) {
        expect((await each.ask('/x', { headers: { 'If-None-Match': tag } })).status).toBe(304);
      }
    });

    it('are seen again by layers outside when the answer has left', async () => {
      const seen: unknown[] = [];
      const look = (headers: NodeJS.Dict<string | string[]>) =>
        seen.push([headers['if-none-match'], headers['if-modified-since']]);
      const logger = new Layer(
        (req, res, next) => {
          res.once('finish', () => look(req.headers));
          next();
        },
        async (ctx, next) => {
          ctx.res.once('finish', () => look(ctx.headers));
          await next();
        },
      );
      const host = await bench.start(combination);
      host.use(logger, {});
      host.get('/whole', () => ({ body: 'x' }));
      host.get('/stream', () => ({ body: Readable.from(['x']) }));
      host.get('/tagged', () => ({ headers: { ETag: '"a"' }, body: 'x' }));
      host.get('/refused', () => ({ headers: { 'Cache-Control': 'no-store' }, body: 'x' }));
      const headers = { 'If-None-Match': '"a"', 'If-Modified-Since': http(START) };
      for (const path of ['/whole', '/stream', '/tagged', '/refused']) {
        for (let i = 0; i < 2; i++) await host.ask(path, { headers });
      }
      expect(seen).toEqual(Array(8).fill(Object.values(headers)));
    });

    it('of a request that is not looked up are for the handler', async () => {
      const host = await bench.start(combination);
      const seen: unknown[] = [];
      host.all('/x', {}, ({ headers }) => {
        seen.push(headers['if-none-match']);
        return { body: Readable.from(['x']) };
      });
      const headers = { 'If-None-Match': '"a"' };
      await host.ask('/x', { headers: { ...headers, Cookie: 'a=1' } });
      await host.ask('/x', { headers: { ...headers, Authorization: 'a' } });
      await host.ask('/x', { headers, method: 'POST' });
      expect(seen).toEqual(['"a"', '"a"', '"a"']);
    });
  });

  it('parts that a handler gives are not stored; of what is stored whole they are made here', async () => {
    const host = await bench.start(combination);
    const whole = '0123456789';
    const handler: Handler = ({ headers }) =>
      headers.range === undefined
        ? { headers: { 'Accept-Ranges': 'bytes' }, body: whole }
        : { status: 206, headers: { 'Content-Range': 'bytes 2-3/10' }, body: whole.slice(2, 4) };
    host.get('/x', {}, handler);
    const part = { headers: { Range: 'bytes=2-3' } };
    expect(await host.ask('/x', part)).toMatchObject({ status: 206, text: '23' });
    expect(await host.ask('/x')).toMatchObject({ status: 200, text: whole });
    const again = await host.ask('/x', part);
    expect(again).toMatchObject({ status: 206, text: '23' });
    expect(again.header('content-range')).toBe('bytes 2-3/10');
    expect(again.header('cache-status')).toContain('hit');
    expect(await host.ask('/x')).toMatchObject({ status: 200, text: whole });
  });

  it('answers one after the other on one connection, each to its end', async () => {
    const host = await bench.start(combination);
    host.all('/x', {}, () => ({ headers: { ETag: '"a"' }, body: 'x' }));
    const sockets = new Set<unknown>();
    (await host.server()).on('connection', (socket) => sockets.add(socket));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const tagged = { headers: { 'If-None-Match': '"a"' } };
    const told: unknown[] = [];
    for (const ask of [
      tagged,
      {},
      tagged,
      { method: 'HEAD' },
      {},
      { ...tagged, method: 'HEAD' },
      { method: 'POST' },
      {},
    ]) {
      const { status, text } = await host.ask('/x', { ...ask, agent });
      told.push([status, text]);
    }
    agent.destroy();
    expect(told).toEqual([
      [304, ''],
      [200, 'x'],
      [304, ''],
      [200, ''],
      [200, 'x'],
      [304, ''],
      [200, 'x'],
      [200, 'x'],
    ]);
    expect(sockets.size).toBe(1);
  });

  it('keeps a large body to the byte', async () => {
    const host = await bench.start(combination);
    const body = Buffer.alloc(1_000_000);
    for (let i = 0; i < body.length; i += 32) createHash('sha256').update(String(i)).digest().copy(body, i);
    host.get('/x', {}, () => ({ body }));
    for (let i = 0; i < 2; i++) expect((await host.ask('/x')).body.equals(body)).toBe(true);
    expect(host.cache.getStats().hits).toBe(1);
  });
});
