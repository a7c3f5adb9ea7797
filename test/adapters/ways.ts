// The ways to send an answer: what `capture.test.ts` goes through.

import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RequestHandler } from 'express';
import type { Context } from 'koa';

export const HERE = import.meta.dirname;
export const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
export const UMLAUTS = 'Grüße, 日本 👋';

/** Every way to send through Node's response. */
export const WRITES: [string, (res: ServerResponse) => unknown][] = [
  ['end() alone', (res) => res.end()],
  // Node passes over whatever is false.
  ['end(0)', (res) => res.end(0)],
  ['end(false, callback)', (res) => new Promise<void>((done) => void res.end(false, () => done()))],
  ['end(text)', (res) => res.end(UMLAUTS)],
  ['end(text, latin1)', (res) => res.end('Grüße', 'latin1')],
  ['end(text, base64)', (res) => res.end(ALL_BYTES.toString('base64'), 'base64')],
  ['end(text, hex)', (res) => res.end(ALL_BYTES.toString('hex'), 'hex')],
  ['end(text, utf16le)', (res) => res.end(UMLAUTS, 'utf16le')],
  ['end(Buffer)', (res) => res.end(ALL_BYTES)],
  [
    'end(Buffer with a text of its own)',
    (res) => res.end(Object.assign(Buffer.from(ALL_BYTES), { toString: () => UMLAUTS })),
  ],
  ['end(Uint8Array)', (res) => res.end(new Uint8Array(ALL_BYTES))],
  ['end of a part of a larger array', (res) => res.end(new Uint8Array(ALL_BYTES.buffer, ALL_BYTES.byteOffset + 10, 5))],
  ['end(callback)', (res) => new Promise<void>((done) => void res.end(() => done()))],
  ['end(text, callback)', (res) => new Promise<void>((done) => void res.end(UMLAUTS, () => done()))],
  ['end(text, encoding, callback)', (res) => new Promise<void>((done) => void res.end('ff00', 'hex', () => done()))],
  [
    'several writes',
    (res) => {
      for (const chunk of ['a', ALL_BYTES, '', 'b']) res.write(chunk);
      res.end('c');
    },
  ],
  [
    'writes in several encodings',
    (res) => {
      res.write('é', 'latin1');
      res.write('AAEC', 'base64');
      res.end('ff', 'hex');
    },
  ],
  [
    'writes, each after the callback of the one before',
    async (res) => {
      for (const chunk of ['a', 'b']) await new Promise<unknown>((done) => res.write(chunk, done));
      await new Promise<unknown>((done) => res.write('63', 'hex', done));
      res.end();
    },
  ],
  [
    'corked writes',
    (res) => {
      res.cork();
      res.write('a');
      res.write('b');
      res.uncork();
      res.end('c');
    },
  ],
  ['an implicit head', (res) => Object.assign(res, { statusCode: 203, statusMessage: 'Fine' }).end('x')],
  ['a status without a name', (res) => res.writeHead(299, { 'Cache-Control': 'max-age=60' }).end('x')],
  ['writeHead(status)', (res) => res.writeHead(203).end('x')],
  ['writeHead(status, reason)', (res) => res.writeHead(200, 'Just Fine').end('x')],
  ['writeHead(status, an empty reason)', (res) => res.writeHead(200, '').end('x')],
  ['an empty reason that Node makes its own of', (res) => Object.assign(res, { statusMessage: '' }).end('x')],
  ['writeHead(status, fields)', (res) => res.writeHead(203, { 'X-A': '1', 'x-list': ['1', '2'], 'X-N': 3 }).end('x')],
  ['writeHead(status, reason, fields)', (res) => res.writeHead(203, 'Fine', { 'X-A': '1' }).end('x')],
  ['writeHead with a flat list', (res) => res.writeHead(200, ['X-A', '1', 'X-A', '2', 'X-B', '3']).end('x')],
  [
    'writeHead with a list of pairs',
    (res) => {
      const fields = [
        ['X-A', '1'],
        ['X-A', '2'],
        ['X-B', '3'],
      ];
      return res.writeHead(200, fields as unknown as string[]).end('x');
    },
  ],
  [
    'writeHead over fields set before',
    (res) => {
      res.setHeader('X-A', '0');
      res.setHeader('X-Kept', 'yes');
      res.writeHead(200, { 'x-a': '1' }).end('x');
    },
  ],
  [
    'writeHead with a list over fields set before',
    (res) => {
      res.setHeader('X-A', '0');
      res.writeHead(200, ['x-a', '1', 'X-B', '2']).end('x');
    },
  ],
  ['writeHead with the length', (res) => res.writeHead(200, { 'Content-Length': 3 }).end('abc')],
  ['writeHead of an empty answer', (res) => res.writeHead(204).end()],
  [
    'fields as Headers, appended, and twice',
    (res) => {
      res.setHeaders(new Headers({ 'X-From': 'Headers' }));
      res.appendHeader('X-List', '1');
      res.appendHeader('x-list', ['2', '3']);
      res.setHeader('Link', ['</a>; rel=preload', '</b>; rel=preload']);
      res.end('x');
    },
  ],
  [
    'fields that are no texts',
    (res) => {
      const values = [true, null, new Date(0), 5n, { toString: () => 'made' }, [1, true, null]] as unknown as string[];
      for (const [i, value] of values.entries()) res.setHeader(`X-${i}`, value);
      res.writeHead(200, { 'X-Flag': true as unknown as string }).end('x');
    },
  ],
  ['fields with signs of Latin-1', (res) => res.setHeader('X-Name', 'Jürgen "J" \\ 1,2;3').end(Buffer.from('x'))],
  [
    'flushHeaders first',
    (res) => {
      res.setHeader('X-A', '1');
      res.flushHeaders();
      res.write('a');
      res.end('b');
    },
  ],
  ['pipe', (res) => Readable.from(['a', ALL_BYTES, 'b']).pipe(res)],
  ['pipeline', (res) => pipeline(Readable.from(['a', ALL_BYTES, 'b']), res)],
  ['a file', (res) => pipeline(createReadStream(join(HERE, 'ways.ts')), res)],
  [
    'a second writeHead, refused',
    (res) => {
      res.writeHead(203, { 'X-A': '1' });
      const refused = attempt(() => res.writeHead(200));
      res.end(refused);
    },
  ],
  [
    'fields after the head, refused',
    (res) => {
      res.write('a');
      const refused = [
        attempt(() => res.setHeader('X-Late', '1')),
        attempt(() => res.removeHeader('X-Late')),
        attempt(() => res.appendHeader('X-Late', '1')),
        attempt(() => res.setHeaders(new Headers())),
        res.headersSent,
        res.writableEnded,
      ];
      res.end(refused.join());
    },
  ],
  [
    'arguments that Node refuses',
    (res) => {
      const refused = [
        attempt(() => res.write(7 as unknown as string)),
        attempt(() => res.write(null as unknown as string)),
        attempt(() => res.writeHead(99)),
        attempt(() => res.writeHead(200, ['X-A'])),
        attempt(() => res.writeHead(200, ['X-A', undefined as unknown as string])),
        attempt(() => res.writeHead(200, { 'X A': '1' })),
        attempt(() => res.end({} as unknown as string)),
        res.headersSent,
      ];
      res.end(refused.join());
    },
  ],
  [
    'a head that Node refuses for its last field',
    (res) => {
      const refused = attempt(() => res.writeHead(404, { 'Content-Language': 'de', 'X-A': '日本' }));
      res.end(refused);
    },
  ],
  [
    'a reason that Node refuses, and then another',
    (res) => {
      const refused = attempt(() => res.writeHead(203, 'of two\nlines'));
      res.statusMessage = 'Fine';
      res.end(refused);
    },
  ],
];

/** The code of what is thrown. */
function attempt(what: () => unknown): string {
  try {
    what();
    return 'nothing thrown';
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

/** An error whose stack, which Express shows, does not tell by which way it came. */
function failure(message: string): Error {
  return Object.assign(new Error(message), { stack: message });
}

/** Express' own ways, and whether each is stored. */
export const BY_EXPRESS: [string, RequestHandler, boolean][] = [
  ['send(text)', (_req, res) => void res.send(UMLAUTS), true],
  ['send(Buffer)', (_req, res) => void res.send(ALL_BYTES), true],
  ['send(object)', (_req, res) => void res.send({ a: UMLAUTS }), true],
  ['send() of nothing', (_req, res) => void res.send(), true],
  ['send with its ETag', (_req, res) => void res.set('ETag', '"mine"').send('x'), true],
  ['json', (_req, res) => void res.json({ a: [1, null, UMLAUTS] }), true],
  ['json(null)', (_req, res) => void res.json(null), true],
  ['jsonp', (_req, res) => void res.jsonp({ a: 1 }), true],
  ['sendStatus', (_req, res) => void res.sendStatus(203), true],
  ['status(204).end', (_req, res) => void res.status(204).end(), true],
  ['status(204).send(text)', (_req, res) => void res.status(204).send('left out'), true],
  ['redirect', (_req, res) => void res.redirect(301, '/elsewhere'), true],
  ['redirect for now', (_req, res) => void res.redirect('/elsewhere'), false],
  ['format', (_req, res) => void res.format({ html: () => res.send('<p>'), json: () => res.json({}) }), true],
  [
    'type and append',
    (_req, res) => void res.type('svg').append('Link', '<a>').append('Link', '<b>').send('<svg/>'),
    true,
  ],
  ['attachment', (_req, res) => void res.attachment('x y.txt').send('x'), true],
  ['sendFile', (_req, res) => res.sendFile('ways.ts', { root: HERE, maxAge: '1h' }), true],
  ['sendFile without an age', (_req, res) => res.sendFile('ways.ts', { root: HERE }), false],
  ['download', (_req, res) => res.download(join(HERE, 'ways.ts'), 'x.ts', { maxAge: 60_000 }), true],
  [
    'an error',
    () => {
      throw failure('as it is');
    },
    false,
  ],
  ['an error that says its status', (_req, _res, next) => next(Object.assign(failure('no'), { status: 410 })), true],
  ['nobody', (_req, _res, next) => next(), true],
];

/** Koa's own ways. Koa 2 knows nothing of web bodies and sends `{}`, which is as good as any other body. */
export const BY_KOA: [string, (ctx: Context) => void, boolean][] = [
  ['a text', (ctx) => set(ctx, UMLAUTS), true],
  ['HTML', (ctx) => set(ctx, '<p>ü'), true],
  ['an empty text', (ctx) => set(ctx, ''), true],
  ['a Buffer', (ctx) => set(ctx, ALL_BYTES), true],
  ['an object', (ctx) => set(ctx, { a: [1, null, UMLAUTS] }), true],
  ['a list', (ctx) => set(ctx, [1, 2]), true],
  ['a number', (ctx) => set(ctx, 7), true],
  ['a boolean', (ctx) => set(ctx, false), true],
  ['null', (ctx) => set(ctx, null), true],
  ['null with a type', (ctx) => set(ctx, null, { status: 200, type: 'html' }), true],
  ['an object that has a pipe, and is no stream', (ctx) => set(ctx, { a: 1, pipe: () => ctx }), true],
  ['a stream', (ctx) => set(ctx, Readable.from([ALL_BYTES, 'x'])), true],
  ['a file', (ctx) => set(ctx, createReadStream(join(HERE, 'ways.ts')), { type: 'text/plain' }), true],
  ['a stream of known length', (ctx) => set(ctx, Readable.from([ALL_BYTES]), { length: 256 }), true],
  [
    'a stream with the length set first',
    (ctx) => set(Object.assign(ctx, { length: 256 }), Readable.from([ALL_BYTES])),
    true,
  ],
  ['a stream without a type', (ctx) => set(ctx, Readable.from(['x']), { type: '' }), true],
  ['an empty stream', (ctx) => set(ctx, Readable.from([])), true],
  ['a Blob', (ctx) => set(ctx, new Blob([ALL_BYTES])), true],
  ['a Blob with a type', (ctx) => set(ctx, new Blob(['<svg/>'], { type: 'image/svg+xml' })), true],
  ['a web stream', (ctx) => set(ctx, new Blob(['a', ALL_BYTES]).stream()), true],
  ['a Response', (ctx) => set(ctx, new Response(ALL_BYTES, { status: 203, headers: { 'X-A': '1' } })), true],
  [
    'a Response with a type',
    (ctx) => set(ctx, new Response('<p>', { headers: { 'Content-Type': 'text/html' } })),
    true,
  ],
  ['a Response without a body', (ctx) => set(ctx, new Response(null)), true],
  ['a text, then another', (ctx) => set(set(ctx, 'first') && ctx, 'second, longer'), true],
  ['a stream, then a text', (ctx) => set(set(ctx, Readable.from(['x'])) && ctx, 'text'), true],
  ['a type before', (ctx) => set(Object.assign(ctx, { type: 'svg' }), '<svg/>'), true],
  ['a type after', (ctx) => set(ctx, '<svg/>', { type: 'svg' }), true],
  [
    'status, reason and lines',
    (ctx) => set(ctx, 'x', { status: 203, message: 'Fine' }).append('Link', ['<a>', '<b>']),
    true,
  ],
  ['a 204', (ctx) => void Object.assign(ctx, { status: 204 }), true],
  ['a 204 with a text that is left out', (ctx) => set(Object.assign(ctx, { status: 204 }), 'left out'), true],
  ['a text, then a 204', (ctx) => set(ctx, 'left out', { status: 204 }), true],
  ['a status alone', (ctx) => void Object.assign(ctx, { status: 200 }), false],
  ['a redirect', (ctx) => Object.assign(ctx, { status: 301 }).redirect('/elsewhere'), true],
  ['a redirect for now', (ctx) => ctx.redirect('/elsewhere'), false],
  ['an attachment', (ctx) => set(ctx, 'x').attachment('x y.txt'), true],
  ['an error', (ctx) => ctx.throw(503, 'as it is'), false],
  ['an error that may be shown', (ctx) => ctx.throw(404, 'not here', { headers: { 'X-A': '1' } }), false],
  ['nobody', () => {}, false],
];

function set(ctx: Context, body: unknown, more: Record<string, unknown> = {}): Context {
  ctx.body = body;
  return Object.assign(ctx, more);
}
