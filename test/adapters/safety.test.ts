// P5: what is never stored, what is never replayed, and what is a part of the key without anybody saying so.

import { describe, expect, it } from 'vitest';
import { all, fates, NEWEST, numbered, useBench } from './bench.js';

const bench = useBench();

const FORBIDDING: (string | string[])[] = [
  ...['private', 'no-store', 'no-cache', 'max-age=0', 'Private', 'NO-STORE', 'No-Cache', 'MAX-AGE=0'],
  ...['private, max-age=60', 'max-age=60,private', 'max-age=60\t, private'],
  ...['public, no-store', ' , no-store', 'max-age=60 ,no-store="x"', 'foo="a,b", private', 'foo="\\"", private'],
  ...[
    'max-age="0"',
    'max-age=60, max-age=0',
    'max-age=abc',
    'max-age=-1',
    'max-age',
    'max-age=',
    's-maxage=0, max-age=60',
  ],
  ['max-age=60', 'no-store'],
  ['public', 'Private'],
];
const ALLOWING: (string | string[])[] = [
  ...['max-age=60', 'MAX-AGE=60', 'max-age="60"', 'public', 'must-revalidate', 'x="private, no-store", max-age=60'],
  // Qualified, they keep the fields out that they name (RFC 9111 §5.2.2.4, §5.2.2.7).
  ...['private="x-user"', 'no-cache="set-cookie"'],
  ...['x-private', 'no-storey, max-age=60', 'max-age=99999999999999', 'max-age=0, s-maxage=60'],
  ['public', 'max-age=60'],
];

/** Each must be told from all others: by sign, by escape, by case, by order, by length. */
const TARGETS = [
  ...['/x', '/x/', '/X', '//x', '/./x', '/x/../x', '/x%2F', '/x~', '/x%7E', '/x%', '/x%25', '/x|', '/x*', '/x;a'],
  ...['/x?a', '/x?a=', '/x?a=%1E', '/x?a=%00', '/x?a=%0D%0A', '/x?a=~', '/x?a=%7E', '/x?a=%23', '/x?a=%26b=1'],
  ...['/x?a&b', '/x?a=1&a=2', '/x?a=2&a=1', '/x?a[]=1&a[]=2', '/x?a[]=2&a[]=1', '/x?a=b=c', '/x?a=b%3Dc', '/x??a'],
  ...[
    '/x?__proto__=1',
    '/x?constructor',
    '/x?a=%FF',
    '/x?a=%C3%BF',
    '/%E9',
    '/%C3%A9',
    '/x?a=+',
    '/x?a=%20',
    '/x?a=%2B',
  ],
  ...[`/x?${'a'.repeat(2000)}`, `/x?${'a'.repeat(2000)}b`, `/${'a'.repeat(2000)}`, `/${'a'.repeat(2000)}b`],
];

const PERSONAL = [
  ...['RateLimit', 'RateLimit-Limit', 'RateLimit-Policy', 'X-RateLimit-Remaining', 'X-Rate-Limit-Reset', 'Retry-After'],
  ...['X-Request-Id', 'X-Correlation-Id', 'Request-Id', 'Traceparent', 'Server-Timing', 'X-Response-Time'],
];

describe.each(NEWEST)('safety: $label', (combination) => {
  describe('Cache-Control', () => {
    it('keeps an answer out where it forbids to share it, however it is written', async () => {
      const host = await bench.start(combination);
      const found = await fates(host, FORBIDDING, (value) => ({ headers: { 'Cache-Control': value } }));
      expect(found).toEqual(all(FORBIDDING, 'not stored'));
    });

    it('lets an answer in where it only looks as if it forbade it', async () => {
      const host = await bench.start(combination);
      const found = await fates(host, ALLOWING, (value) => ({ headers: { 'Cache-Control': value } }));
      expect(found).toEqual(all(ALLOWING, 'stored'));
    });

    it('is told as the reason', async () => {
      const host = await bench.start(combination);
      const reasons = { 'no-store': 'no-store', private: 'private', 'no-cache': 'no-cache', 'max-age=0': 'not-fresh' };
      for (const value of Object.keys(reasons))
        host.get(`/${value}`, {}, () => ({ headers: { 'Cache-Control': value } }));
      for (const [value, reason] of Object.entries(reasons)) {
        const answer = await host.ask(`/${value}`);
        expect(answer.header('cache-status')).toBe(`respcache; fwd=uri-miss; detail=${reason}`);
      }
    });
  });

  it('an Expires in the past, or one that is no date, and Pragma keep an answer out', async () => {
    const host = await bench.start(combination);
    const fields: [string, string][] = [
      ['Expires', '0'],
      ['Expires', '-1'],
      ['Expires', 'Thu, 01 Jan 1970 00:00:00 GMT'],
      ['Expires', 'soon'],
      ['Pragma', 'no-cache'],
    ];
    const found = await fates(host, fields, ([name, value]) => ({ headers: { [name]: value } }));
    expect(found).toEqual(all(fields, 'not stored'));
  });

  describe('Vary', () => {
    it('with a star keeps an answer out, wherever the star stands', async () => {
      const host = await bench.start(combination);
      const values = ['*', ' * ', 'accept, *', '*,accept', 'accept ,\t*', ['accept', '*'], ['*', 'accept']];
      const found = await fates(host, values, (value) => ({ headers: { Vary: value } }));
      expect(found).toEqual(all(values, 'not stored'));
      const answer = await host.ask('/fate/0');
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=vary-star');
    });

    it.each<{ vary: string | string[] }>([
      { vary: 'X-Flavour' },
      { vary: ' ,x-FLAVOUR\t, accept' },
      { vary: ['Accept', 'X-Flavour'] },
      { vary: 'Accept-Encoding,X-Flavour,Accept-Encoding' },
    ])('$vary gives each value an answer of its own, and none differs from empty', async ({ vary }) => {
      const host = await bench.start(combination);
      const handler = numbered(({ headers }) => ({
        headers: { Vary: vary },
        body: JSON.stringify(headers['x-flavour'] ?? null),
      }));
      host.get('/x', {}, handler);
      for (let round = 0; round < 2; round++) {
        for (const flavour of ['sweet', 'sour', 'SOUR', '', undefined]) {
          const headers = flavour === undefined ? {} : { 'X-Flavour': flavour };
          expect((await host.ask('/x', { headers })).text).toBe(JSON.stringify(flavour ?? null));
        }
      }
      expect(handler.runs).toBe(5);
    });

    it('that differs from one answer of a URL to the next is obeyed for each', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, ({ headers }) =>
        headers['x-a'] === '1'
          ? { headers: { Vary: 'X-A, X-B' }, body: `a1 b${headers['x-b']}` }
          : { headers: { Vary: 'X-A' }, body: `a${headers['x-a']}` },
      );
      for (let round = 0; round < 2; round++) {
        for (const [a, b, text] of [
          ['0', '0', 'a0'],
          ['1', '0', 'a1 b0'],
          ['1', '1', 'a1 b1'],
          ['0', '1', 'a0'],
        ] as const) {
          expect((await host.ask('/x', { headers: { 'X-A': a, 'X-B': b } })).text).toBe(text);
        }
      }
    });

    it('of Accept goes by the text: handlers may look for a type as it came', async () => {
      const host = await bench.start(combination);
      host.get('/x', { vary: ['Accept'] }, ({ headers: { accept } }) => ({
        body: accept?.includes('text/html') ? 'page' : 'data',
      }));
      for (let round = 0; round < 2; round++) {
        expect(await host.texts('/x', 1, { headers: { Accept: 'TEXT/HTML,*/*;q=0.8' } })).toEqual(['data']);
        expect(await host.texts('/x', 1, { headers: { Accept: 'text/html,*/*;q=0.8' } })).toEqual(['page']);
      }
      expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
    });

    it('of the route is obeyed where the answer says nothing', async () => {
      const host = await bench.start(combination);
      host.get('/x', { vary: ['Accept-Language'] }, ({ headers }) => ({ body: headers['accept-language'] ?? 'none' }));
      for (const language of ['de', 'en', 'de', 'en']) {
        expect(await host.texts('/x', 1, { headers: { 'Accept-Language': language } })).toEqual([language]);
      }
    });
  });

  describe('the key', () => {
    it.each([
      ['Host', ['a.test', 'b.test', 'a.test:8080']],
      ['X-Forwarded-Host', ['a.test', 'evil.test', 'a.test|x-forwarded-port=1']],
      ['X-Forwarded-Proto', ['http', 'https']],
      ['Forwarded', ['host=a.test', 'host="evil.test";proto=https']],
    ])('holds %s', async (name, values) => {
      const host = await bench.start(combination);
      host.get('/x', {}, ({ headers }) => ({ body: String(headers[name.toLowerCase()]) }));
      for (const value of [...values, ...values]) {
        expect((await host.ask('/x', { headers: { [name]: value } })).text).toBe(value);
      }
    });

    it('tells hostile targets apart', async () => {
      const host = await bench.start(combination);
      host.use({}, ({ url }) => ({ body: url }));
      for (const status of [/fwd=uri-miss; stored$/, /; hit;/]) {
        for (const target of TARGETS) {
          const answer = await host.ask(target);
          expect(answer.text).toBe(target);
          expect(answer.header('cache-status'), target).toMatch(status);
        }
      }
    });
  });

  describe('a status', () => {
    const asking = { 'Cache-Control': 'public, max-age=60' };

    it('of failure, of a part, of a login or of a limit is not stored, whatever it says of itself', async () => {
      const host = await bench.start(combination);
      const values = [500, 501, 502, 503, 504, 511, 206, 226, 401, 403, 407, 412, 416, 425, 428, 429, 431];
      expect(await fates(host, values, (status) => ({ status, headers: asking }))).toEqual(all(values, 'not stored'));
      const answer = await host.ask('/fate/0');
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=status');
    });

    it('that is usually for one moment is stored only if it asks for it', async () => {
      const host = await bench.start(combination);
      const values = [201, 202, 302, 303, 307, 400, 405, 409, 414, 418, 422];
      expect(await fates(host, values, (status) => ({ status }))).toEqual(all(values, 'not stored'));
      const other = await bench.start(combination);
      expect(await fates(other, values, (status) => ({ status, headers: asking }))).toEqual(all(values, 'stored'));
    });

    it('that is usually lasting is stored unasked', async () => {
      const host = await bench.start(combination);
      const values = [200, 203, 300, 301, 308, 404, 410];
      expect(await fates(host, values, (status) => ({ status }))).toEqual(all(values, 'stored'));
    });

    it.each([404, 410])('%i is stored for negativeTtl', async (status) => {
      const host = await bench.start(combination, { negativeTtl: 5 });
      host.get('/x', {}, numbered({ status }));
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
      host.clock.forward(4);
      const hit = await host.ask('/x');
      expect(hit).toMatchObject({ status, text: 'run 1' });
      expect(hit.header('cache-status')).toBe('respcache; hit; ttl=1');
      host.clock.forward(1);
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it('404 is not stored where negativeTtl is 0', async () => {
      const host = await bench.start(combination);
      host.get('/x', { negativeTtl: 0 }, numbered({ status: 404 }));
      expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 2']);
    });

    it('404 that says its own lifetime is stored for that', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered({ status: 404, headers: { 'Cache-Control': 'max-age=60' } }));
      await host.ask('/x');
      host.clock.forward(59);
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
      host.clock.forward(1);
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });
  });

  it('an event stream is not stored', async () => {
    const host = await bench.start(combination);
    const values = ['text/event-stream', 'text/event-stream; charset=utf-8', 'Text/Event-Stream'];
    const body = Buffer.from('data: x\n\n');
    for (const [i, value] of values.entries())
      host.get(`/${i}`, {}, () => ({ headers: { 'Content-Type': value }, body }));
    for (const i of [0, 1, 2, 0, 1, 2]) {
      const answer = await host.ask(`/${i}`);
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=event-stream');
    }
  });

  it('fields for one request are not replayed to another', async () => {
    const host = await bench.start(combination);
    const headers = Object.fromEntries(PERSONAL.map((name) => [name, '41']));
    host.get('/x', {}, numbered({ headers: { ...headers, 'X-Kept': 'yes' } }));
    const namesOf = async () => (await host.ask('/x')).lines.map(([name]) => name);
    expect(await namesOf()).toEqual(expect.arrayContaining([...PERSONAL, 'X-Kept']));
    const replayed = await namesOf();
    expect(replayed).toContain('X-Kept');
    expect(replayed.filter((name) => PERSONAL.includes(name))).toEqual([]);
  });

  it('fields of the connection are not replayed', async () => {
    const host = await bench.start(combination);
    const headers = { Connection: 'close, X-Hop', 'X-Hop': '1', 'Proxy-Authenticate': 'Basic', 'X-Kept': 'yes' };
    host.get('/x', {}, numbered({ headers }));
    expect((await host.ask('/x')).header('X-Hop')).toBe('1');
    const hit = await host.ask('/x');
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    for (const name of ['X-Hop', 'Proxy-Authenticate']) expect(hit.header(name)).toBeUndefined();
    expect(hit.header('connection')).not.toContain('X-Hop');
    expect(hit.header('X-Kept')).toBe('yes');
  });

  it.each(['POST', 'DELETE', 'OPTIONS', 'PROPFIND'])('%s is neither looked up nor stored', async (method) => {
    const host = await bench.start(combination);
    host.use({}, numbered());
    await host.ask('/x');
    const answer = await host.ask('/x', { method });
    expect(answer.text).toBe('run 2');
    expect(answer.header('cache-status')).toBe('respcache; fwd=method; detail=method');
    expect((await host.ask('/x', { method })).text).toBe('run 3');
  });

  it.each([
    ['If-Match', '"a"', 'precondition'],
    ['If-Unmodified-Since', 'Thu, 01 Jan 2026 00:00:00 GMT', 'precondition'],
  ])('a request with %s is for the handler', async (name, value, reason) => {
    const host = await bench.start(combination);
    const handler = numbered();
    host.get('/x', {}, handler);
    await host.ask('/x');
    const answer = await host.ask('/x', { headers: { [name]: value } });
    expect(answer.header('cache-status')).toBe(`respcache; fwd=bypass; detail=${reason}`);
    expect(handler.runs).toBe(2);
    expect(await host.texts('/x', 1)).toEqual(['run 1']);
  });

  describe('a GET with a body', () => {
    const ask = { method: 'GET', headers: { 'Content-Length': 3 }, body: 'a=1' };

    it('is for the handler, and nobody else is given its answer', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      const answer = await host.ask('/x', ask);
      expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=body');
      expect(await host.texts('/x', 3)).toEqual(['run 2', 'run 2', 'run 2']);
      expect((await host.ask('/x', ask)).text).toBe('run 3');
    });

    it('is looked up where a function makes the key', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/x', { key: () => 'all that its body says' }, numbered());
      expect((await host.ask('/x', ask)).text).toBe('run 1');
      expect((await host.ask('/x', ask)).text).toBe('run 1');
    });

    it('is for the handler where that function has nothing to say of it', async () => {
      const host = await bench.start(combination);
      host.get('/x', { key: () => undefined }, numbered());
      expect((await host.ask('/x', ask)).header('cache-status')).toBe('respcache; fwd=bypass; detail=body');
      expect(await host.texts('/x', 2)).toEqual(['run 2', 'run 2']);
      expect((await host.ask('/x', ask)).text).toBe('run 3');
    });

    it('of no bytes is a GET like any other', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered());
      const empty = { method: 'GET', headers: { 'Content-Length': 0 } };
      expect((await host.ask('/x', empty)).text).toBe('run 1');
      expect((await host.ask('/x', empty)).text).toBe('run 1');
      expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 1']);
    });
  });
});
