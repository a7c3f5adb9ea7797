// Stored responses in compressed forms: who is given which, and that nobody is given anything else by it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import { describe, expect, it, vi } from 'vitest';
import { NEWEST, numbered, ON_REDIS, stream, useBench } from './bench.js';
import type { Answer, Ask } from './client.js';
import { type Host, Layer, load, type Said } from './hosts.js';
import { nextEvent, told } from './traffic.js';

const bench = useBench();

const LONG = JSON.stringify(Array.from({ length: 900 }, (_, i) => ({ id: i, name: `日${(i * 7919) % 997}ü` })));
const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8' };
const BROWSER = 'gzip, deflate, br';

const reading = (accepted: string | undefined, more: Ask = {}): Ask => ({
  ...more,
  headers: { ...(accepted === undefined ? {} : { 'Accept-Encoding': accepted }), ...more.headers },
});

function decoded({ body, header }: Pick<Answer, 'header' | 'body'>): string {
  const coding = header('content-encoding');
  if (coding === 'gzip') return gunzipSync(body).toString();
  if (coding === 'br') return brotliDecompressSync(body).toString();
  if (coding !== undefined) throw new Error(`no such coding: ${coding}`);
  return body.toString();
}

/** Asks once, and waits until what was stored is compressed. */
async function filled(host: Host, target: string, how?: Ask): Promise<Answer> {
  const compressed = nextEvent(host.cache, 'compress');
  const answer = await host.ask(target, how);
  await compressed;
  return answer;
}

describe.each(NEWEST)('compress: $label', (combination) => {
  const handlers: [string, () => Said][] = [
    ['whole', () => ({ headers: { ...JSON_TYPE, ETag: '"abc"' }, body: LONG })],
    [
      'streamed',
      () => ({ headers: { ...JSON_TYPE, ETag: '"abc"' }, body: stream([LONG.slice(0, 99), LONG.slice(99)]) }),
    ],
  ];

  it.each(handlers)(
    'a %s body is filled as it is, and then given in the form that its client likes best',
    async (_, say) => {
      const host = await bench.start(combination);
      const handler = numbered(say);
      host.get('/', { compress: { encodings: ['gzip', 'br'] } }, handler);
      const first = await filled(host, '/', reading(BROWSER));
      expect(first.header('content-encoding')).toBeUndefined();
      expect(first.header('vary')).toMatch(/\bAccept-Encoding\b/);
      expect(first.text).toBe(LONG);
      const table = [
        [BROWSER, 'br'],
        ['gzip', 'gzip'],
        ['x-gzip', 'gzip'],
        ['br;q=0.5, gzip', 'gzip'],
        ['*', 'br'],
        ['identity', undefined],
        ['br;q=0, gzip;q=0', undefined],
        ['deflate', undefined],
        ['no list at all;;', undefined],
        [undefined, undefined],
        [BROWSER, 'br'],
      ] as const;
      // Who asks the same again goes a shorter way.
      for (const [accepted, coding] of [...table, ...table, ...table]) {
        const answer = await host.ask('/', reading(accepted));
        expect(answer.header('content-encoding'), accepted).toBe(coding);
        expect(decoded(answer)).toBe(LONG);
        expect(answer.header('content-length')).toBe(String(answer.body.length));
        expect(answer.header('vary')).toMatch(/\bAccept-Encoding\b/);
        expect(answer.header('etag')).toBe(coding === undefined ? '"abc"' : `"abc--${coding}"`);
        expect(told(answer).hit).toBe(true);
        const head = await host.ask('/', reading(accepted, { method: 'HEAD' }));
        expect(head.header('content-length')).toBe(String(answer.body.length));
        expect(head.header('content-encoding')).toBe(coding);
        expect(head.body).toHaveLength(0);
      }
      expect(handler.runs).toBe(1);
      expect(host.cache.getStats()).toMatchObject({ hits: 66, misses: 1 });
    },
  );

  it('a form that is short enough to be kept as a text is given alone, each time', async () => {
    const host = await bench.start(combination);
    const body = JSON.stringify('a'.repeat(5000));
    const handler = numbered({ headers: JSON_TYPE, body });
    host.get('/', { compress: { encodings: ['gzip', 'br'] } }, handler);
    await filled(host, '/');
    for (const coding of ['br', 'gzip', 'br', 'gzip', 'br', 'gzip']) {
      const answer = await host.ask('/', reading(coding));
      expect([answer.header('content-encoding'), decoded(answer)]).toEqual([coding, body]);
      expect(answer.header('content-length')).toBe(String(answer.body.length));
    }
    expect(handler.runs).toBe(1);
  });

  it('a 304 carries the tag of the form that the client has and can read', async () => {
    const host = await bench.start(combination);
    host.get('/', { compress: { encodings: ['gzip', 'br'] } }, () => ({
      headers: { ...JSON_TYPE, ETag: '"abc"' },
      body: LONG,
    }));
    await filled(host, '/');
    for (const [accepted, has, tag] of [
      [BROWSER, '"abc--br"', '"abc--br"'],
      [BROWSER, '"abc--gzip"', '"abc--gzip"'],
      [BROWSER, '"abc"', '"abc"'],
      [BROWSER, '"abc", "abc--br"', '"abc--br"'],
      [BROWSER, '*', '"abc--br"'],
      [undefined, '"abc"', '"abc"'],
      [undefined, '"abc", "abc--br"', '"abc"'],
    ] as const) {
      const answer = await host.ask('/', reading(accepted, { headers: { 'If-None-Match': has } }));
      expect([answer.status, answer.header('etag')], `${accepted} ${has}`).toEqual([304, tag]);
      expect(answer.header('content-encoding')).toBeUndefined();
      expect(answer.header('vary')).toMatch(/\bAccept-Encoding\b/);
    }
    for (const [accepted, has] of [
      [undefined, '"abc--br"'],
      ['gzip', '"abc--br"'],
      ['br, identity;q=0', '"abc"'],
      [BROWSER, '"other--br"'],
    ] as const) {
      const answer = await host.ask('/', reading(accepted, { headers: { 'If-None-Match': has } }));
      expect(answer.status, `${accepted} ${has}`).toBe(200);
      expect(decoded(answer)).toBe(LONG);
    }
  });

  it("a form's tag is understood where the handler has to run", async () => {
    const host = await bench.start(combination);
    const seen: (string | undefined)[] = [];
    host.use({ compress: true });
    host.get('/', ({ headers }) => {
      if (headers['if-match'] !== undefined) seen.push(headers['if-match']);
      return { headers: { ...JSON_TYPE, ETag: '"abc"' }, body: LONG };
    });
    host.put('/', ({ headers }) => {
      seen.push(headers['if-match'], headers['if-none-match']);
      return { status: 204 };
    });
    const unchanged = await host.ask('/', reading(BROWSER, { headers: { 'If-None-Match': '"abc--br"' } }));
    expect([unchanged.status, unchanged.header('etag')]).toEqual([304, '"abc--br"']);
    // Of what a client has every form tells, whatever it reads now.
    await host.ask('/', { method: 'PUT', headers: { 'If-Match': '"abc--br", "x"', 'If-None-Match': '"def--br"' } });
    expect(seen.splice(0)).toEqual(['"abc", "x"', '"def"']);
    await host.ask('/', { headers: { Cookie: 'a=b', 'If-Match': '"abc--br"', 'Cache-Control': 'no-store' } });
    expect(seen).toEqual(['"abc"']);
  });

  it("a handler's own 304 carries the tag of the form that the client has", async () => {
    const host = await bench.start(combination);
    host.use({ compress: true });
    host.get('/', ({ headers }) => {
      const own = { ...JSON_TYPE, ETag: '"abc"', 'Cache-Control': 'public, max-age=60' };
      const has = headers['if-none-match']?.split(', ').includes('"abc"');
      return has ? { status: 304, headers: own } : { headers: own, body: LONG };
    });
    // Nothing is stored, and what is for one client is not looked up.
    for (const [has, tag] of [
      ['"abc--br"', '"abc--br"'],
      ['"x--br", "abc--gzip"', '"abc--gzip"'],
      ['"abc--br", "abc"', '"abc"'],
      ['"abc"', '"abc"'],
    ]) {
      const asked = { Cookie: 'a=b', 'If-None-Match': has! };
      const answer = await host.ask('/', reading(BROWSER, { headers: asked }));
      expect([answer.status, answer.header('etag')], has).toEqual([304, tag]);
      // As the 200 that the client has says it: who stores both would take that back.
      expect(answer.header('vary'), has).toMatch(/\bAccept-Encoding\b/);
    }
    // By what it reads the client would be given something else.
    for (const accepted of [undefined, 'identity', 'br;q=0, gzip']) {
      const asked = { Cookie: 'a=b', 'If-None-Match': '"abc--br"' };
      const answer = await host.ask('/', reading(accepted, { headers: asked }));
      expect([answer.status, decoded(answer)], accepted).toEqual([200, LONG]);
    }
  });

  it("a part of a form is not gone on with by the handler's body", async () => {
    const host = await bench.start(combination);
    host.use({ compress: true });
    host.get('/', ({ headers }) => {
      const own = { ...JSON_TYPE, ETag: '"abc"' };
      if (headers['if-range'] !== undefined && headers['if-range'] !== '"abc"') return { headers: own, body: LONG };
      return { status: 206, headers: { ...own, 'Content-Range': 'bytes 5-9/9999' }, body: LONG.slice(5, 10) };
    });
    const part = (tag: string, more = {}) =>
      host.ask('/', reading('br', { headers: { Range: 'bytes=5-9', 'If-Range': tag, ...more } }));
    expect((await part('"abc"')).status).toBe(206);
    // Nothing is stored, and what is not looked up.
    for (const more of [{ 'If-Match': '*' }, {}]) expect((await part('"abc--br"', more)).status).toBe(200);
  });

  it('a part is one of the body as it is, and goes on only what the client has of that', async () => {
    const host = await bench.start(combination);
    const modified = 'Thu, 01 Jan 2015 00:00:00 GMT';
    host.get('/', { compress: true }, () => ({
      headers: { ...JSON_TYPE, ETag: '"abc"', 'Last-Modified': modified },
      body: LONG,
    }));
    await filled(host, '/');
    const part = (more: object) => host.ask('/', reading('br', { headers: { Range: 'bytes=5-14', ...more } }));
    for (const answer of [await part({}), await part({ 'If-Range': '"abc"' })]) {
      expect([answer.status, answer.text]).toEqual([206, Buffer.from(LONG).subarray(5, 15).toString()]);
      expect(answer.header('content-encoding')).toBeUndefined();
      expect(answer.header('content-range')).toBe(`bytes 5-14/${Buffer.byteLength(LONG)}`);
    }
    for (const answer of [await part({ 'If-Range': '"abc--br"' }), await part({ 'If-Range': modified })]) {
      expect([answer.status, answer.header('content-encoding')]).toEqual([200, 'br']);
      expect(decoded(answer)).toBe(LONG);
    }
    const beyond = await host.ask('/', reading('br', { headers: { Range: 'bytes=999999-' } }));
    expect([beyond.status, beyond.header('content-range')]).toEqual([416, `bytes */${Buffer.byteLength(LONG)}`]);
  });

  it('fields that speak of the bytes do not stay with others', async () => {
    const host = await bench.start(combination);
    const digests = { 'Content-Digest': 'sha-256=:x:', 'Repr-Digest': 'sha-256=:x:', Digest: 'x', 'Content-MD5': 'x' };
    host.get('/', { compress: true }, () => ({ headers: { ...JSON_TYPE, ...digests }, body: LONG }));
    await filled(host, '/');
    const [packed, plain] = [await host.ask('/', reading('br')), await host.ask('/')];
    for (const [name, value] of Object.entries(digests)) {
      expect(packed.header(name), name).toBeUndefined();
      expect(plain.header(name), name).toBe(value);
    }
    // A weak tag, as that which is made here, is that of all forms.
    expect(packed.header('etag')).toMatch(/^W\//);
    expect(packed.header('etag')).toBe(plain.header('etag'));
  });

  const left: [why: string, headers: Record<string, string>, body: string][] = [
    ['of a type that is packed already', { 'Content-Type': 'image/png' }, LONG],
    ['not to be transformed', { ...JSON_TYPE, 'Cache-Control': 'max-age=60, no-transform' }, LONG],
    ['encoded by its handler', { ...JSON_TYPE, 'Content-Encoding': 'x-own' }, LONG],
    ['chosen by its handler', { ...JSON_TYPE, Vary: 'Accept-Encoding' }, LONG],
  ];
  it('a response is left alone that is no better for it, or is not to be changed', async () => {
    const host = await bench.start(combination);
    const compressed: string[] = [];
    host.cache.on('compress', ({ key }) => compressed.push(key));
    host.use({ compress: true });
    for (const [i, [, headers, body]] of left.entries()) host.get(`/${i}`, () => ({ headers, body }));
    host.get('/short', () => ({ headers: JSON_TYPE, body: '{}'.padEnd(1023) }));
    host.get('/long', () => ({ headers: JSON_TYPE, body: LONG }));
    for (const i of left.keys()) await host.ask(`/${i}`, reading('br'));
    const short = await host.ask('/short', reading('br'));
    // They stand in line: when the last one is done, those before it would be.
    await filled(host, '/long');
    expect(compressed).toHaveLength(1);
    for (const [i, [why, headers, body]] of left.entries()) {
      const answer = await host.ask(`/${i}`, reading('br'));
      expect(told(answer).hit, why).toBe(true);
      expect(answer.header('content-encoding'), why).toBe(headers['Content-Encoding']);
      expect(answer.header('vary') ?? '', why).not.toMatch(i === 3 ? /^$/ : /accept-encoding/i);
      expect(answer.text).toBe(body);
    }
    // It may be longer the next time.
    expect(short.header('vary')).toMatch(/Accept-Encoding/);
  });

  it('who reads one form alone is given that where the handler confirms it, and has it changed no more', async () => {
    const host = await bench.start(combination);
    let control = 'max-age=10';
    host.get('/', { compress: { encodings: ['gzip', 'br'] } }, ({ headers }) => {
      const fields = { ...JSON_TYPE, ETag: '"abc"', 'Cache-Control': control };
      return headers['if-none-match'] === '"abc"' ? { status: 304, headers: fields } : { headers: fields, body: LONG };
    });
    await filled(host, '/', reading('br'));
    expect((await host.ask('/', reading('br'))).header('content-encoding')).toBe('br');
    host.clock.forward(11);
    control = 'max-age=10, no-transform';
    const confirmed = await host.ask('/', reading('br'));
    expect([confirmed.header('content-encoding'), decoded(confirmed)]).toEqual(['br', LONG]);
    const hit = await host.ask('/', reading('br'));
    expect([hit.header('content-encoding'), hit.text]).toEqual([undefined, LONG]);
  });

  it('what is stale is validated, confirmed, and given in its form again', async () => {
    const host = await bench.start(combination);
    const asked: unknown[] = [];
    host.get('/', { compress: true }, ({ headers, res }) => {
      asked.push(headers['if-none-match']);
      if (headers['if-none-match'] === '"abc"') return { status: 304, headers: { ETag: '"abc"' } };
      res.removeHeader('x-nothing');
      return { headers: { ...JSON_TYPE, ETag: '"abc"', 'Cache-Control': 'max-age=10' }, body: LONG };
    });
    await filled(host, '/');
    for (const accepted of ['br', undefined]) {
      host.clock.forward(11);
      const answer = await host.ask('/', reading(accepted));
      expect([answer.status, answer.header('content-encoding')]).toEqual([200, accepted]);
      expect(decoded(answer)).toBe(LONG);
    }
    expect(asked).toEqual([undefined, '"abc"', '"abc"']);
  });

  it('what is stale stands in for a handler that fails, for whoever asks', async () => {
    const host = await bench.start(combination);
    let fails = false;
    host.get('/', { compress: true, staleIfError: 60 }, () =>
      fails ? { status: 500, body: 'no' } : { headers: { ...JSON_TYPE, 'Cache-Control': 'max-age=10' }, body: LONG },
    );
    await filled(host, '/');
    fails = true;
    host.clock.forward(11);
    for (const accepted of ['br', undefined, 'gzip']) {
      const answer = await host.ask('/', reading(accepted));
      expect([answer.status, answer.header('content-encoding')]).toEqual([200, accepted]);
      expect(decoded(answer)).toBe(LONG);
    }
  });

  it('what cannot be unpacked is as if it were not there, fresh or stale, and is made anew', async () => {
    const host = await bench.start(combination);
    const handler = numbered(() => ({
      headers: { ...JSON_TYPE, 'Cache-Control': 'max-age=10', ETag: `"${handler.runs}"` },
      body: LONG,
    }));
    const asked: unknown[] = [];
    host.get('/', { compress: true }, (request) => {
      asked.push(request.headers['if-none-match']);
      return handler(request);
    });
    vi.spyOn(host.cache.services.plain, 'of').mockRejectedValue(new Error('damaged'));
    for (const seconds of [0, 11]) {
      await filled(host, '/');
      host.clock.forward(seconds);
      const told = nextEvent(host.cache, 'error');
      const compressed = nextEvent(host.cache, 'compress');
      const answer = await host.ask('/');
      expect([answer.status, answer.text]).toEqual([200, LONG]);
      expect(await told).toMatchObject({ operation: 'decompress', error: new Error('damaged') });
      await compressed;
      expect(answer.header('cache-status')).toContain('stored');
      await host.cache.clear();
    }
    expect(asked).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('an explanation knows of the forms, and tells parts of the plain body', async () => {
    const host = await bench.start(combination);
    host.get('/', { compress: { encodings: ['gzip', 'br'] } }, () => ({
      headers: { ...JSON_TYPE, ETag: '"abc"' },
      body: LONG,
    }));
    const at = { Host: 'site.example' };
    await filled(host, '/', { headers: at });
    const explain = async (headers: Record<string, string>) => {
      const { outcome, steps } = await host.cache.explain({ url: '/', headers: { ...at, ...headers } });
      const of = (step: string) => steps.find((each) => each.step === step)?.text;
      return [outcome, of('stored'), of('answer')];
    };
    const stored = expect.stringMatching(/bytes, compressed \(gzip and br\), is stored/);
    for (const [headers, answer] of [
      [{ 'Accept-Encoding': 'br' }, /from the cache\.$/],
      [{ 'Accept-Encoding': 'br', 'If-None-Match': '"abc--br"' }, /304/],
      [{ 'Accept-Encoding': 'br', Range: 'bytes=0-1' }, /206/],
      [{ 'Accept-Encoding': 'br', Range: 'bytes=0-1', 'If-Range': '"abc--br"' }, /from the cache\.$/],
      [{ Range: `bytes=${Buffer.byteLength(LONG)}-` }, /416/],
    ] as const)
      expect(await explain(headers)).toEqual(['hit', stored, expect.stringMatching(answer)]);
  });

  it('a backup holds the forms, and they are given when they are back', async () => {
    const host = await bench.start(combination);
    const handler = numbered({ headers: JSON_TYPE, body: LONG });
    host.get('/', { compress: true }, handler);
    let key = '';
    host.cache.on('compress', (event) => {
      key = event.key;
    });
    await filled(host, '/');
    const folder = await mkdtemp(join(tmpdir(), 'respcache-compress-'));
    try {
      await host.cache.backup(join(folder, 'x.bak'));
      expect(await host.cache.services.backend.remove([key])).toBe(1);
      expect(await host.cache.restore(join(folder, 'x.bak'))).toMatchObject({ entries: 1, restored: 1 });
    } finally {
      await rm(folder, { recursive: true });
    }
    for (const accepted of ['br', undefined]) expect(decoded(await host.ask('/', reading(accepted)))).toBe(LONG);
    expect((await host.ask('/', reading('gzip'))).header('content-encoding')).toBe('gzip');
    expect(handler.runs).toBe(1);
  });

  it('beside a layer outside that compresses, nothing is compressed twice', async () => {
    const host = await bench.start(combination);
    host.use(new Layer(compression({ threshold: 100 }), koaCompress({ threshold: 100 })));
    host.get('/', { compress: { encodings: ['gzip', 'br'] } }, () => ({ headers: JSON_TYPE, body: LONG }));
    await filled(host, '/', reading('gzip'));
    for (const accepted of ['gzip', 'br', undefined]) {
      const answer = await host.ask('/', reading(accepted));
      expect(answer.header('content-encoding')).toBe(accepted);
      expect(decoded(answer)).toBe(LONG);
      expect(answer.header('vary')!.match(/accept-encoding/gi)).toHaveLength(1);
    }
  });
});

describe.each(ON_REDIS)('compress, in two processes: $label', (combination) => {
  const site = { headers: { Host: 'site.example' } };

  it('what one has compressed is given by the other, which need not compress itself', async () => {
    const host = await bench.start(combination);
    const other = await bench.beside(combination, host);
    for (const [each, options] of [
      [host, { compress: true }],
      [other, {}],
    ] as const)
      each.get('/', options, numbered({ headers: JSON_TYPE, body: LONG }));
    await filled(host, '/', site);
    for (const accepted of ['br', undefined]) {
      const answer = await other.ask('/', reading(accepted, site));
      expect([told(answer).hit, answer.header('content-encoding')]).toEqual([true, accepted]);
      expect(answer.header('vary')).toMatch(/Accept-Encoding/);
      expect(decoded(answer)).toBe(LONG);
    }
  });

  it('shadow mode compares the body as it is', async () => {
    const host = await bench.start(combination);
    const other = await bench.beside(combination, host);
    host.get('/', { compress: true }, () => ({ headers: JSON_TYPE, body: LONG }));
    other.get('/', { compress: true, shadow: 1 }, () => ({ headers: JSON_TYPE, body: LONG }));
    await filled(host, '/', site);
    const compared = nextEvent(other.cache, 'shadow');
    await other.ask('/', reading('br', site));
    expect(await compared).toMatchObject({ differences: [] });
  });
});

const compression = load<(options?: object) => RequestHandler>('compression');
const koaCompress = load<(options?: object) => Middleware>('koa-compress');
