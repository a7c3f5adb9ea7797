// Parts (RFC 9110 §14): made here of what is stored whole; of what is not, the handler's own.

import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import { beforeAll, describe, expect, it } from 'vitest';
import { Gate, NEWEST, numbered, OF_EXPRESS, START, useBench } from './bench.js';
import { type Asked, type Host, Layer, load, notHere } from './hosts.js';
import { Traffic, told } from './traffic.js';
import { ALL_BYTES } from './ways.js';

const bench = useBench();

const compression = load<(options?: object) => RequestHandler>('compression');
const koaCompress = load<{ default?: (options?: object) => Middleware }>('koa-compress') as unknown as () => Middleware;
const express = load<{ static(root: string, options?: object): RequestHandler }>('express');

const http = (ms: number) => new Date(ms).toUTCString();
const MODIFIED = http(START - 3_600_000);
const BODY = '0123456789';
const FIELDS = {
  'Content-Type': 'text/x',
  ETag: '"a"',
  'Last-Modified': MODIFIED,
  'Cache-Control': 'max-age=60',
  'Content-Location': '/y',
  Date: http(START),
  Expires: http(START + 60_000),
  Vary: 'Accept',
  'X-A': '1',
};
/** Longer than what layers leave uncompressed. */
const LONG = 'Grüße, 日本! '.repeat(500);

/** A layer that says something of every answer, before anybody else does. */
function saying(name: string, value: string): Layer {
  return new Layer(
    (_req, res, next) => {
      res.setHeader(name, value);
      next();
    },
    (ctx, next) => {
      ctx.set(name, value);
      return next();
    },
  );
}

/** What a range comes to: a part with its place, `416`, or the whole. */
type Place = `${number}-${number}` | 416 | 'whole';

const RANGES: [string, Place][] = [
  ['bytes=2-4', '2-4'],
  ['bytes=0-0', '0-0'],
  ['bytes=9-9', '9-9'],
  ['bytes=0-9', '0-9'],
  ['bytes=5-', '5-9'],
  ['bytes=-3', '7-9'],
  ['bytes=-10', '0-9'],
  ['bytes=-99', '0-9'],
  ['bytes=8-99', '8-9'],
  ['bytes=8-99999999999999999999', 'whole'],
  ['Bytes=2-4', '2-4'],
  ['bytes=2-4,', '2-4'],
  ['bytes=10-', 416],
  ['bytes=10-12', 416],
  ['bytes=99-', 416],
  ['bytes=-0', 416],
  ['bytes=0-1,4-5', 'whole'],
  ['bytes=0-1, 99-', 'whole'],
  ['bytes=4-2', 'whole'],
  ['bytes=', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=a-b', 'whole'],
  ['bytes= 2-4', 'whole'],
  ['bytes =2-4', 'whole'],
  ['bytes=+2-4', 'whole'],
  ['bytes=2', 'whole'],
  ['lines=2-4', 'whole'],
  ['', 'whole'],
];

describe.each(NEWEST)('range: $label', (combination) => {
  describe('of what is stored', () => {
    let host: Host;

    beforeAll(async () => {
      host = await bench.shared.start(combination);
      host.all('/x', {}, numbered({ headers: FIELDS, body: Buffer.from(BODY) }));
      host.all('/none', {}, numbered({ headers: { ...FIELDS, 'Accept-Ranges': 'none' }, body: Buffer.from(BODY) }));
      host.all('/empty', {}, numbered({ headers: FIELDS, body: Buffer.alloc(0) }));
      for (const status of [203, 404]) host.all(`/${status}`, {}, numbered({ status, headers: FIELDS, body: BODY }));
      for (const path of ['/x', '/none', '/empty', '/203', '/404']) await host.ask(path);
    });

    it.each(RANGES)('%j is %s', async (range, place) => {
      const answer = await host.ask('/x', { headers: { Range: range } });
      expect(told(answer)).toMatchObject({ name: 'respcache', hit: true });
      if (place === 'whole') {
        expect(answer).toMatchObject({ status: 200, text: BODY });
        expect(answer.header('content-range')).toBeUndefined();
      } else if (place === 416) {
        expect(answer).toMatchObject({ status: 416, reason: 'Range Not Satisfiable', text: '', complete: true });
        expect(answer.header('content-range')).toBe('bytes */10');
        expect(answer.header('content-type')).toBeUndefined();
      } else {
        const [first, last] = place.split('-').map(Number) as [number, number];
        expect(answer).toMatchObject({ status: 206, reason: 'Partial Content', text: BODY.slice(first, last + 1) });
        expect(answer.header('content-range')).toBe(`bytes ${place}/10`);
        expect(answer.header('content-length')).toBe(String(last - first + 1));
        expect(answer.header('age')).toBe('0');
      }
    });

    it('has all fields that the whole has (RFC 9110 §15.3.7)', async () => {
      const whole = await host.ask('/x');
      const part = await host.ask('/x', { headers: { Range: 'bytes=0-0' } });
      for (const name of [...Object.keys(FIELDS), 'Age', 'Cache-Status']) {
        if (name !== 'Cache-Control') expect(part.header(name), name).toBe(whole.header(name));
      }
      // A layer further out that compresses must leave these bytes as they are.
      expect(part.header('cache-control')).toBe('max-age=60, no-transform');
    });

    it('has the Cache-Control of a layer outside that the whole has', async () => {
      const host = await bench.start(combination);
      host.use(saying('Cache-Control', 'max-age=0, must-revalidate'), {});
      host.get('/x', ({ cache }) => {
        cache.ttl(60);
        return { body: BODY };
      });
      host.get('/own', () => ({ headers: { 'Cache-Control': 'max-age=60' }, body: BODY }));
      host.get('/none', ({ cache, res }) => {
        cache.ttl(60);
        res.removeHeader('Cache-Control');
        return { body: BODY };
      });
      for (const [path, said] of [
        ['/x', 'max-age=0, must-revalidate'],
        ['/own', 'max-age=60'],
        ['/none', undefined],
      ] as const) {
        for (const _ of ['miss', 'hit']) expect((await host.ask(path)).header('cache-control')).toBe(said);
        const part = await host.ask(path, { headers: { Range: 'bytes=2-4' } });
        expect(part).toMatchObject({ status: 206, text: '234' });
        expect(part.header('cache-control')).toBe([said, 'no-transform'].filter(Boolean).join(', '));
      }
    });

    it.each(['bytes', 'none'])('is left to a layer outside that says Accept-Ranges: %s before it', async (ranges) => {
      const host = await bench.start(combination);
      host.use(saying('Accept-Ranges', ranges), {});
      const handler = numbered({ body: BODY });
      host.get('/x', handler);
      // As a stream of a file does.
      const own = numbered({ headers: { 'Accept-Ranges': 'bytes' }, body: BODY });
      host.get('/own', own);
      // Such a layer takes its part of the whole, as `koa-range` does.
      for (const [path, said] of [
        ['/x', ranges],
        ['/own', 'bytes'],
      ] as const)
        for (let i = 0; i < 4; i++) {
          const answer = await host.ask(path, { headers: { Range: i === 3 ? 'bytes=99-' : 'bytes=2-4' } });
          expect(answer).toMatchObject({ status: 200, text: BODY });
          expect(answer.header('accept-ranges')).toBe(said);
        }
      expect([handler.runs, own.runs]).toEqual([1, 1]);
    });

    it.each<[string, string, number]>([
      ['its tag', '"a"', 206],
      ['its tag, weak', 'W/"a"', 200],
      ['another tag', '"b"', 200],
      ['a list with its tag', '"a", "b"', 200],
      ['a star', '*', 200],
      ['its date', MODIFIED, 206],
      ['its date as RFC 850', 'Wednesday, 31-Dec-25 23:00:00 GMT', 206],
      ['an earlier date', http(START - 3_601_000), 200],
      ['a later date', http(START), 200],
      ['no date', 'yesterday', 200],
    ])('If-Range with %s', async (_, ifRange, status) => {
      const answer = await host.ask('/x', { headers: { Range: 'bytes=2-4', 'If-Range': ifRange } });
      expect(answer).toMatchObject({ status, text: status === 206 ? '234' : BODY });
    });

    it('If-Range decides before the range is looked at', async () => {
      const ask = (ifRange: string) => host.ask('/x', { headers: { Range: 'bytes=99-', 'If-Range': ifRange } });
      expect(await ask('"b"')).toMatchObject({ status: 200, text: BODY });
      expect(await ask('"a"')).toMatchObject({ status: 416 });
    });

    it('conditions decide before both (RFC 9110 §13.2.2)', async () => {
      for (const range of ['bytes=2-4', 'bytes=99-']) {
        const same = { Range: range, 'If-None-Match': '"a"', 'If-Range': '"b"' };
        expect(await host.ask('/x', { headers: same })).toMatchObject({ status: 304, text: '' });
        const since = { Range: range, 'If-Modified-Since': MODIFIED };
        expect(await host.ask('/x', { headers: since })).toMatchObject({ status: 304, text: '' });
      }
      const other = { Range: 'bytes=2-4', 'If-None-Match': '"b"' };
      expect(await host.ask('/x', { headers: other })).toMatchObject({ status: 206, text: '234' });
    });

    it('is of a GET alone: HEAD is answered as without', async () => {
      for (const range of ['bytes=2-4', 'bytes=99-']) {
        const answer = await host.ask('/x', { method: 'HEAD', headers: { Range: range } });
        expect(answer).toMatchObject({ status: 200, text: '' });
        expect(answer.header('content-length')).toBe('10');
        expect(answer.header('content-range')).toBeUndefined();
      }
    });

    it('is of a 200 alone', async () => {
      for (const status of [203, 404]) {
        const answer = await host.ask(`/${status}`, { headers: { Range: 'bytes=2-4' } });
        expect(answer).toMatchObject({ status, text: BODY });
        expect(told(answer)).toMatchObject({ hit: true });
      }
    });

    it('is none of what says that it has none', async () => {
      const answer = await host.ask('/none', { headers: { Range: 'bytes=2-4' } });
      expect(answer).toMatchObject({ status: 200, text: BODY });
    });

    it('is not to be had of nothing', async () => {
      const answer = await host.ask('/empty', { headers: { Range: 'bytes=0-' } });
      expect(answer).toMatchObject({ status: 416, text: '' });
      expect(answer.header('content-range')).toBe('bytes */0');
      // The last bytes of nothing are all of it (RFC 9110 §14.1.2).
      expect(await host.ask('/empty', { headers: { Range: 'bytes=-1' } })).toMatchObject({ status: 200, text: '' });
    });
  });

  it.each([{}, { mode: 'rfc9111' }] as const)('parts make the whole again, whatever is in it: %j', async (options) => {
    const host = await bench.start(combination, options);
    const body = Buffer.concat(Array.from({ length: 40 }, () => ALL_BYTES));
    host.get('/x', {}, () => ({ headers: FIELDS, body }));
    await host.ask('/x');
    const parts: Buffer[] = [];
    for (let first = 0; first < body.length; first += 1777) {
      const range = `bytes=${first}-${first + 1776}`;
      parts.push((await host.ask('/x', { headers: { Range: range, 'If-Range': '"a"' } })).body);
    }
    expect(Buffer.concat(parts).equals(body)).toBe(true);
  });

  describe('of what is not stored', () => {
    /** Knows parts. */
    const partial = ({ headers }: Asked) =>
      headers.range === 'bytes=2-4'
        ? { status: 206, headers: { ...FIELDS, 'Content-Range': 'bytes 2-4/10' }, body: Buffer.from('234') }
        : headers.range === 'bytes=99-'
          ? { status: 416, headers: { 'Content-Range': 'bytes */10' }, body: Buffer.from('') }
          : { headers: FIELDS, body: Buffer.from(BODY) };

    it('is asked of the handler as it came, and what it gives is not stored', async () => {
      const host = await bench.start(combination);
      const seen: unknown[] = [];
      host.get('/x', {}, (asked) => {
        const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = asked.headers;
        seen.push([range, ifRange, ifNoneMatch]);
        return partial(asked);
      });
      const asks = [
        { Range: 'bytes=2-4', 'If-Range': '"a"' },
        { Range: 'bytes=2-4', 'If-None-Match': '"b"' },
        { Range: 'bytes=99-' },
      ];
      for (const [i, headers] of asks.entries()) {
        const answer = await host.ask('/x', { headers });
        expect(answer).toMatchObject(i < 2 ? { status: 206, text: '234' } : { status: 416, text: '' });
        expect(answer.header('content-range')).toBe(i < 2 ? 'bytes 2-4/10' : 'bytes */10');
        expect(told(answer)).toMatchObject({ fwd: 'uri-miss', detail: 'range' });
        expect(told(answer)).not.toHaveProperty('stored');
      }
      expect(seen).toEqual([
        ['bytes=2-4', '"a"', undefined],
        ['bytes=2-4', undefined, '"b"'],
        ['bytes=99-', undefined, undefined],
      ]);
      expect(host.cache.getStats()).toMatchObject({ sets: 0, misses: 3 });
      expect((await host.ask('/x')).text).toBe(BODY);
      expect(told(await host.ask('/x', { headers: { Range: 'bytes=2-4' } }))).toMatchObject({ hit: true });
    });

    it('is stored where the handler gives the whole, for all', async () => {
      const host = await bench.start(combination);
      const handler = numbered({ headers: FIELDS });
      host.get('/x', {}, handler);
      const first = await host.ask('/x', { headers: { Range: 'bytes=2-4' } });
      expect(first).toMatchObject({ status: 200, text: 'run 1' });
      expect(await host.ask('/x', { headers: { Range: 'bytes=4-4' } })).toMatchObject({ status: 206, text: '1' });
      expect(await host.ask('/x')).toMatchObject({ status: 200, text: 'run 1' });
      expect(handler.runs).toBe(1);
    });

    it('is waited for by nobody', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const gate = new Gate();
      let runs = 0;
      host.use(traffic.layer, {});
      host.get('/x', async (asked) => {
        runs++;
        if (asked.headers.range !== undefined) await gate.opened;
        return partial(asked);
      });
      const parts = Promise.all([1, 2].map(() => host.ask('/x', { headers: { Range: 'bytes=2-4' } })));
      await traffic.begun(2);
      expect(await host.ask('/x')).toMatchObject({ status: 200, text: BODY });
      gate.open();
      for (const part of await parts) expect(part).toMatchObject({ status: 206, text: '234' });
      expect(runs).toBe(3);
    });
  });

  describe('beside compression', () => {
    const compressing = () => new Layer(compression(), koaCompress());
    const gzip = { 'Accept-Encoding': 'gzip' };

    it('outside, the bytes of a part are left as they are', async () => {
      const host = await bench.start(combination);
      host.use(compressing(), {});
      const body = Buffer.from(LONG);
      host.get('/x', () => ({ headers: { 'Content-Type': 'text/plain', ETag: '"a"' }, body: LONG }));
      expect((await host.ask('/x', { headers: gzip })).header('content-encoding')).toBe('gzip');
      for (const [range, first, last] of [
        ['bytes=0-4999', 0, 4999],
        ['bytes=1000-', 1000, body.length - 1],
      ] as const) {
        const part = await host.ask('/x', { headers: { ...gzip, Range: range } });
        expect(part.status).toBe(206);
        expect(part.header('content-encoding')).toBeUndefined();
        expect(part.header('content-range')).toBe(`bytes ${first}-${last}/${body.length}`);
        expect(part.body.equals(body.subarray(first, last + 1))).toBe(true);
      }
      expect((await host.ask('/x', { headers: { ...gzip, Range: 'bytes=99999-' } })).status).toBe(416);
    });

    it('inside, a part is one of the encoded bytes', async () => {
      const host = await bench.start(combination);
      host.use({}, compressing());
      host.get('/x', () => ({ headers: { 'Content-Type': 'text/plain', ETag: '"a"' }, body: LONG }));
      const whole = await host.ask('/x', { headers: gzip });
      expect(whole.header('content-encoding')).toBe('gzip');
      const parts: Buffer[] = [];
      for (const range of ['bytes=0-49', 'bytes=50-']) {
        const part = await host.ask('/x', { headers: { ...gzip, Range: range } });
        expect(part.status).toBe(206);
        expect(part.header('content-encoding')).toBe('gzip');
        expect(part.header('content-range')).toContain(`/${whole.body.length}`);
        parts.push(part.body);
      }
      expect(gunzipSync(Buffer.concat(parts)).toString()).toBe(LONG);
      // Who cannot read gzip has parts of the plain text.
      await host.ask('/x');
      const plain = await host.ask('/x', { headers: { Range: 'bytes=0-4' } });
      expect(plain).toMatchObject({ status: 206, body: Buffer.from(LONG).subarray(0, 5) });
      expect(plain.header('content-encoding')).toBeUndefined();
    });
  });
});

describe.each(OF_EXPRESS)('range: $label', (combination) => {
  it.each<[string, () => RequestHandler]>([
    ['res.sendFile', () => (_req, res) => res.sendFile(join(import.meta.dirname, 'ways.ts'), { maxAge: 60_000 })],
    [
      'express.static',
      () => (req, res, next) => {
        req.url = '/ways.ts';
        express.static(import.meta.dirname, { maxAge: 60_000 })(req, res, next);
      },
    ],
  ])('%s makes its parts, until the whole is stored', async (_, handler) => {
    const host = await bench.start(combination);
    const bare = bench.bare(combination);
    for (const each of [host, bare]) each.get('/x', {}, new Layer(handler(), notHere));
    const asking = [{ Range: 'bytes=5-14' }, { Range: 'bytes=-7' }, { Range: 'bytes=9999999-' }];
    for (const state of ['miss', 'hit']) {
      for (const headers of asking) {
        const [plain, answer] = [await bare.ask('/x', { headers }), await host.ask('/x', { headers })];
        expect([answer.status, answer.header('content-range')]).toEqual([plain.status, plain.header('content-range')]);
        if (plain.status === 206) {
          expect(answer.body.equals(plain.body)).toBe(true);
          expect(answer.header('etag')).toBe(plain.header('etag'));
        }
        expect(told(answer)).toMatchObject(state === 'hit' ? { hit: true } : { fwd: 'uri-miss', detail: 'range' });
      }
      if (state === 'miss') expect((await host.ask('/x')).status).toBe(200);
    }
  });
});
