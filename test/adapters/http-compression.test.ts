// Compression before the cache, after it, and on both sides: what each client is given is what it can read, and says so.

import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import type { RouteOptions } from 'respcache';
import { describe, expect, it } from 'vitest';
import { Gate, NEWEST, stream, useBench } from './bench.js';
import type { Answer, Ask } from './client.js';
import { type Handler, type Host, Layer, load, type Source } from './hosts.js';
import { Traffic, told } from './traffic.js';

const bench = useBench();

const compression = load<(options?: object) => RequestHandler>('compression');
const koaCompress = load<(options?: object) => Middleware>('koa-compress');

/** Long enough to be compressed, and various enough to be long even then. */
const LONG = Array.from({ length: 900 }, (_, i) => `日${(i * 7919) % 997}ü`).join(' ');
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' };

const CODINGS = ['gzip', 'br', undefined] as const;
type Coding = (typeof CODINGS)[number];
/** Every order in which the three kinds of client can come first. */
const ORDERS: Coding[][] = CODINGS.flatMap((a) =>
  CODINGS.flatMap((b) => CODINGS.flatMap((c) => (new Set([a, b, c]).size === 3 ? [[a, b, c]] : []))),
);

const PLACES = ['outside', 'inside', 'outside and inside'] as const;

function placed(host: Host, place: (typeof PLACES)[number], options: RouteOptions<Source> = {}): void {
  const compressing = () => new Layer(compression({ threshold: 100 }), koaCompress({ threshold: 100 }));
  if (place !== 'inside') host.use(compressing());
  host.use(options);
  if (place !== 'outside') host.use(compressing());
}

const by = (coding: Coding, more: Ask = {}): Ask => ({
  ...more,
  headers: { ...(coding === undefined ? {} : { 'Accept-Encoding': coding }), ...more.headers },
});

function decoded(answer: Pick<Answer, 'header' | 'body'>): string {
  const coding = answer.header('content-encoding');
  if (coding === 'gzip') return gunzipSync(answer.body).toString();
  if (coding === 'br') return brotliDecompressSync(answer.body).toString();
  if (coding !== undefined) throw new Error(`no such coding: ${coding}`);
  return answer.body.toString();
}

/** Fails if one strong tag has been given to different bytes. */
function checkTags(answers: readonly Answer[]): void {
  const bytes = new Map<string, Buffer>();
  for (const answer of answers) {
    const tag = answer.header('etag');
    if (tag === undefined || tag.startsWith('W/')) continue;
    const before = bytes.get(tag);
    if (before !== undefined) expect(answer.body.equals(before), tag).toBe(true);
    bytes.set(tag, answer.body);
  }
}

describe.each(NEWEST)('compression: $label', (combination) => {
  describe.each(PLACES)('%s', (place) => {
    const handlers: [string, Handler][] = [
      ['whole', () => ({ headers: TEXT, body: LONG })],
      ['streamed', () => ({ headers: TEXT, body: stream([LONG.slice(0, 99), LONG.slice(99)]) })],
    ];

    it.each(handlers)('a %s body is in the coding that its client reads, whoever came first', async (_, handler) => {
      const host = await bench.start(combination);
      placed(host, place);
      host.get('/:order', handler);
      for (const [i, order] of ORDERS.entries()) {
        const answers: Answer[] = [];
        for (const coding of [...order, ...order]) {
          const answer = await host.ask(`/${i}`, by(coding));
          answers.push(answer);
          expect(answer.header('content-encoding')).toBe(coding);
          expect(decoded(answer)).toBe(LONG);
          expect(answer.header('vary')?.toLowerCase()).toContain('accept-encoding');
          const length = answer.header('content-length');
          if (length !== undefined) expect(length).toBe(String(answer.body.length));
        }
        checkTags(answers);
        // What was compressed inside is stored in each coding; what is compressed outside, once. (But koa-compress says
        // already before the handler runs that the answer varies.)
        const hits = answers.filter((answer) => told(answer).hit).length;
        expect(hits).toBe(place === 'outside' && host.family === 'express' ? 5 : 3);
      }
    });

    it('what a client already has is a 304 for it, hit or miss, and in no coding', async () => {
      for (const coding of CODINGS) {
        const host = await bench.start(combination);
        placed(host, place);
        host.get('/x', handlers[0]![1]);
        await host.ask('/x', by(coding));
        const tag = String((await host.ask('/x', by(coding))).header('etag'));
        const tagged = { headers: { 'If-None-Match': tag } };
        for (const path of ['/x', '/x?new', '/x?new']) {
          const answer = await host.ask(path, by(coding, tagged));
          expect(answer).toMatchObject({ status: path === '/x' ? 304 : expect.anything(), complete: true });
          if (answer.status !== 304) continue;
          expect([answer.text, answer.header('content-encoding'), answer.header('content-length')]).toEqual([
            ...['', undefined, undefined],
          ]);
          // (compression() says nothing of what has no Content-Type.)
          if (place !== 'outside') expect(answer.header('vary')?.toLowerCase()).toContain('accept-encoding');
        }
      }
    });

    it('of a HEAD, only that is said which is true of the GET', async () => {
      const host = await bench.start(combination);
      placed(host, place);
      host.all('/x', handlers[0]![1]);
      for (const coding of CODINGS) {
        for (const path of ['/x', `/x?${coding}`]) {
          const early = await host.ask(path, by(coding, { method: 'HEAD' }));
          const get = await host.ask(path, by(coding));
          const late = await host.ask(path, by(coding, { method: 'HEAD' }));
          for (const head of [early, late]) {
            expect(head).toMatchObject({ status: 200, text: '', complete: true });
            expect(head.header('vary')?.toLowerCase()).toContain('accept-encoding');
            const same = head.header('content-encoding') === get.header('content-encoding');
            if (same && head.header('content-length') !== undefined)
              expect(head.header('content-length')).toBe(String(get.body.length));
          }
        }
      }
    });

    it('a part is of the bytes whose coding it says', async () => {
      const host = await bench.start(combination);
      placed(host, place);
      host.get('/x', handlers[0]![1]);
      for (const coding of CODINGS) {
        await host.ask('/x', by(coding));
        const parts: Answer[] = [];
        for (const range of ['bytes=0-39', 'bytes=40-']) {
          parts.push(await host.ask('/x', by(coding, { headers: { Range: range } })));
        }
        expect(parts.map(({ status }) => status)).toEqual([206, 206]);
        const body = Buffer.concat(parts.map((part) => part.body));
        expect(parts[1]?.header('content-range')).toBe(`bytes 40-${body.length - 1}/${body.length}`);
        expect(parts[0]?.header('content-encoding')).toBe(parts[1]?.header('content-encoding'));
        expect(decoded({ body, header: (name) => parts[0]?.header(name) })).toBe(LONG);
      }
    });

    it('what is not to be transformed, or is encoded already, is left as it is', async () => {
      const host = await bench.start(combination);
      placed(host, place);
      const packed = { gzip: gzipSync(LONG), br: brotliCompressSync(LONG) };
      host.get('/plain', () => ({ headers: { ...TEXT, 'Cache-Control': 'max-age=60, no-transform' }, body: LONG }));
      host.get('/packed', ({ headers }) => {
        const coding = headers['accept-encoding'] as 'gzip' | 'br' | undefined;
        const vary = { ...TEXT, Vary: 'Accept-Encoding' };
        return coding === undefined
          ? { headers: vary, body: LONG }
          : { headers: { ...vary, 'Content-Encoding': coding, ETag: `"${coding}"` }, body: packed[coding] };
      });
      for (let i = 0; i < 2; i++) {
        for (const coding of CODINGS) {
          const plain = await host.ask('/plain', by(coding));
          expect([plain.header('content-encoding'), plain.text]).toEqual([undefined, LONG]);
          const answer = await host.ask('/packed', by(coding));
          expect(answer.header('content-encoding')).toBe(coding);
          expect(decoded(answer)).toBe(LONG);
          if (coding !== undefined) {
            expect(answer.body.equals(packed[coding])).toBe(true);
            expect(answer.header('etag')).toBe(`"${coding}"`);
          }
        }
      }
    });

    it('what is stale is confirmed, made anew and stood in for in the coding of its client', async () => {
      const host = await bench.start(combination, { ttl: 10 });
      let well = true;
      placed(host, place, { staleIfError: 60 });
      host.get('/x', ({ headers }) => {
        if (!well) return { status: 503, headers: TEXT, body: LONG.toUpperCase() };
        return String(headers['if-none-match']).includes('"v1"')
          ? { status: 304, headers: { ETag: '"v1"' } }
          : { headers: { ...TEXT, ETag: '"v1"' }, body: LONG };
      });
      for (const coding of CODINGS) await host.ask('/x', by(coding));
      for (const state of ['confirmed', 'failed']) {
        well = state === 'confirmed';
        for (const coding of CODINGS) {
          host.clock.forward(10);
          for (let i = 0; i < 2; i++) {
            const answer = await host.ask('/x', by(coding));
            expect([answer.status, answer.header('content-encoding'), answer.header('etag')]).toEqual([
              200,
              coding,
              '"v1"',
            ]);
            expect(decoded(answer)).toBe(LONG);
          }
        }
      }
    });

    it('what is confirmed stays for those who can read it, where the 304 names something else in Vary', async () => {
      const host = await bench.start(combination, { ttl: 10 });
      placed(host, place);
      // As a layer for CORS does. Of a 304, which has no type, compression does not say that it goes by Accept-Encoding.
      host.use(
        new Layer(
          (_req, res, next) => {
            res.vary('Origin');
            next();
          },
          (ctx, next) => {
            ctx.vary('Origin');
            return next();
          },
        ),
      );
      let confirmed = 0;
      host.get('/x', ({ headers }) => {
        if (!String(headers['if-none-match']).includes('"v1"'))
          return { headers: { ...TEXT, ETag: '"v1"' }, body: LONG };
        confirmed++;
        return { status: 304, headers: { ETag: '"v1"' } };
      });
      await host.ask('/x', by('gzip'));
      host.clock.forward(10);
      for (const coding of ['gzip', ...CODINGS] as const) {
        const answer = await host.ask('/x', by(coding));
        expect([answer.status, answer.header('content-encoding')]).toEqual([200, coding]);
        expect(decoded(answer)).toBe(LONG);
        expect(answer.header('vary')?.toLowerCase()).toMatch(/accept-encoding.*origin|origin.*accept-encoding/);
      }
      expect(confirmed).toBe(1);
    });

    it('those who wait for another are given what they can read', async () => {
      const host = await bench.start(combination);
      const [traffic, gate] = [new Traffic(), new Gate()];
      host.use(traffic.layer);
      placed(host, place);
      host.get('/x', async () => {
        await gate.opened;
        return { headers: TEXT, body: LONG };
      });
      const codings = [...CODINGS, ...CODINGS];
      const all = Promise.all(codings.map((coding) => host.ask('/x', by(coding))));
      await traffic.begun(codings.length);
      gate.open();
      for (const [i, answer] of (await all).entries()) {
        expect(answer.header('content-encoding')).toBe(codings[i]);
        expect(decoded(answer)).toBe(LONG);
      }
    });
  });

  it('a tag that was made here is weak, and stays so on all sides of a compressing layer', async () => {
    for (const place of PLACES) {
      const host = await bench.start(combination);
      placed(host, place);
      host.get('/x', () => ({ headers: TEXT, body: Buffer.from(LONG) }));
      for (const coding of [...CODINGS, ...CODINGS]) {
        const tag = (await host.ask('/x', by(coding))).header('etag');
        if (tag !== undefined) expect(tag).toMatch(/^W\/"/);
      }
    }
  });

  it('a body too short to be compressed is plain for all', async () => {
    for (const place of PLACES) {
      const host = await bench.start(combination);
      placed(host, place);
      host.get('/x', () => ({ headers: TEXT, body: 'short' }));
      for (const coding of [...CODINGS, ...CODINGS]) {
        const answer = await host.ask('/x', by(coding));
        expect([answer.text, answer.header('content-encoding')]).toEqual(['short', undefined]);
      }
    }
  });
});
