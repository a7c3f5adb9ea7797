// P1: nothing stored for one tenant is ever served to another.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { NEWEST, numbered, useBench } from './bench.js';
import { type Handler, Layer, type Source } from './hosts.js';

const bench = useBench();

/** Names that a careless key, pattern or tag would take for another's, or for more than one. */
const NAMES = [
  ...['a', 'A', 'b', 'a:b', 'a:b:c', ':', 'a:', 'a::b', 'client:a', '*', 'a*', '?', '[ab]', '\\a', '~', 'a~', 'a~b'],
  ...['%', 'a%', '%3A', 'a%3Ab', 'a%003Ab', '%25', '#', 'a#b', '{a}', 'a b', 'a,b', '..', '/', '|', '"a"', "'"],
  ...['__proto__', 'constructor', 'undefined', 'null', 'é', '日本', 'ａ', '👩‍🚀', 'a\u0301', 'á', 'x'.repeat(600)],
  `${'x'.repeat(600)}y`,
];

/** A header's value goes over the wire as bytes. */
const named = (name: string) => ({ headers: { 'X-Client-Id': Buffer.from(name).toString('latin1') } });

const echo: Handler = ({ headers }) => ({ body: { tenant: headers['x-client-id'] ?? null } });
const tenantIn = (text: string) => (JSON.parse(text) as { tenant: string | null }).tenant;

/** A layer that changes each request. */
const changing = (change: (req: IncomingMessage) => void) =>
  new Layer(
    (req, _res, next) => {
      change(req);
      next();
    },
    (ctx, next) => {
      change(ctx.req);
      return next();
    },
  );

describe.each(NEWEST)('tenants: $label', (combination) => {
  it('each have answers of their own, whatever is in their names', async () => {
    const host = await bench.start(combination);
    host.get('/who', {}, echo);
    for (const status of [/fwd=uri-miss; stored$/, /; hit;/]) {
      for (const name of NAMES) {
        const answer = await host.ask('/who', named(name));
        expect(answer.header('cache-status'), name).toMatch(status);
        expect(Buffer.from(tenantIn(answer.text) ?? '', 'latin1').toString()).toBe(name);
      }
    }
  });

  it('are not one another because of where their path begins', async () => {
    const host = await bench.start(combination);
    host.use({}, ({ headers, url }) => ({ body: `${headers['x-client-id']} ${url}` }));
    for (const [name, path] of [
      ['a', '/b:/c'],
      ['a:', '/b:/c'],
      ['a:~http', '/b'],
      ['a', '/~b'],
      ['a~', '/b'],
    ] as const) {
      expect((await host.ask(path, named(name))).text).toBe(`${name} ${path}`);
    }
  });

  it.each([
    ['changes the field', (req: IncomingMessage, name: string) => Object.assign(req.headers, { 'x-client-id': name })],
    [
      'puts other fields in their place',
      (req: IncomingMessage, name: string) => {
        req.headers = { ...req.headers, 'x-client-id': name };
      },
    ],
  ])('that a layer inside names, which %s, are given nothing of one another', async (_, rename) => {
    const host = await bench.start(combination);
    const name = (req: IncomingMessage) => rename(req, String(req.headers['x-api-key']));
    host.use({}, changing(name));
    host.get('/who', {}, echo);
    for (const key of ['one', 'two']) {
      const answer = await host.ask('/who', { headers: { 'X-Api-Key': key } });
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=vary-changed');
      expect(tenantIn(answer.text)).toBe(key);
    }
  });

  it.each([
    ['changes one that the answer varies by', 'X-First', 'vary-changed'],
    ['changes one that it does not vary by', 'X-Third', undefined],
    ['writes one in another way', 'Accept', undefined, 'text/html,text/plain'],
    ['writes one in a way that handlers may tell apart', 'Accept', 'vary-changed', 'TEXT/HTML, text/plain'],
  ])('are not the only fields: a layer inside %s', async (_, field, detail, value = 'another') => {
    const host = await bench.start(combination);
    const change = ({ headers }: IncomingMessage) => {
      headers[field.toLowerCase()] = value;
    };
    host.use({}, changing(change));
    host.get('/x', {}, () => ({ body: 'x', headers: { Vary: 'X-First, X-Second, Accept' } }));
    const answer = await host.ask('/x', {
      headers: { 'X-First': '1', 'X-Second': '2', Accept: 'text/html, text/plain' },
    });
    const status =
      detail === undefined ? 'respcache; fwd=uri-miss; stored' : `respcache; fwd=uri-miss; detail=${detail}`;
    expect(answer.header('cache-status')).toBe(status);
  });

  it('are those that a layer outside has named, in place of what the client said', async () => {
    const host = await bench.start(combination);
    const name = (headers: IncomingHttpHeaders) => {
      const whose = String(headers.authority);
      if (whose !== 'nobody') headers['x-client-id'] = whose;
      else delete headers['x-client-id'];
    };
    host.use(changing(({ headers }) => name(headers)));
    host.get('/who', {}, echo);
    for (const status of [/fwd=uri-miss; stored$/, /; hit;/, /; hit;/]) {
      for (const whose of ['a', 'b', 'nobody']) {
        const answer = await host.ask('/who', { headers: { authority: whose, 'X-Client-Id': 'a' } });
        expect(answer.header('cache-status'), whose).toMatch(status);
        expect(tenantIn(answer.text)).toBe(whose === 'nobody' ? null : whose);
      }
    }
  });

  it('that are named twice are neither of the two', async () => {
    const host = await bench.start(combination);
    host.get('/who', {}, echo);
    await host.ask('/who', named('a'));
    await host.ask('/who', named('b'));
    const answer = await host.ask('/who', { headers: { 'X-Client-Id': ['a', 'b'] } });
    expect(tenantIn(answer.text)).toBe('a, b');
  });

  it('without a name have a place of their own', async () => {
    const host = await bench.start(combination);
    host.get('/who', {}, echo);
    const names = ['a', 'undefined', 'null', 'anonymous'];
    for (const name of names) await host.ask('/who', named(name));
    expect(tenantIn((await host.ask('/who')).text)).toBeNull();
    const again = await host.ask('/who');
    expect(again.header('cache-status')).toMatch(/; hit;/);
    expect(tenantIn(again.text)).toBeNull();
    for (const name of names) expect(tenantIn((await host.ask('/who', named(name))).text)).toBe(name);
  });

  it('with an empty name are passed by', async () => {
    const host = await bench.start(combination);
    const handler = numbered();
    host.get('/who', {}, handler);
    expect(await host.texts('/who', 2, { headers: { 'X-Client-Id': '' } })).toEqual(['run 1', 'run 2']);
    expect(await host.texts('/who', 1)).toEqual(['run 3']);
  });

  it('are passed by without a name where one is required', async () => {
    const host = await bench.start(combination);
    host.get('/who', { tenant: { required: true } }, numbered());
    const answer = await host.ask('/who');
    expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=tenant');
    expect(await host.texts('/who', 1)).toEqual(['run 2']);
    expect(await host.texts('/who', 2, named('a'))).toEqual(['run 3', 'run 3']);
  });

  it('can be named by another header', async () => {
    const host = await bench.start(combination);
    host.get('/who', { tenant: 'X-Org' }, ({ headers }) => ({ body: String(headers['x-org']) }));
    for (const org of ['a', 'b', 'a', 'b'])
      expect((await host.ask('/who', { headers: { 'X-Org': org } })).text).toBe(org);
    expect((await host.ask('/who', { headers: { 'X-Org': 'a' } })).header('vary')).toBe('x-org');
  });

  it.each<[string, (source: Source) => string | Promise<string>]>([
    ['a function', ({ query }) => String(query.t)],
    ['a function that promises', async ({ query }) => String(query.t)],
  ])('can be named by %s', async (_, tenant) => {
    const host = await bench.start(combination);
    // The parameter is not in the key by itself here: only the tenant tells the two apart.
    host.get('/who', { tenant, query: { ignore: ['t'] } }, ({ query }) => ({ body: String(query.t) }));
    for (const name of ['a', 'b', 'a', 'b']) expect((await host.ask(`/who?t=${name}`)).text).toBe(name);
    const hit = await host.ask('/who?t=a');
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    expect(hit.header('vary')).toBeUndefined();
  });

  it.each<[string, () => string | null | undefined | Promise<string | undefined>]>([
    [
      'throws',
      () => {
        throw new Error('no tenant');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no tenant'))],
    ['gives an empty text', () => ''],
    ['gives undefined', () => undefined],
    ['gives null', () => null],
    ['gives a number', () => 7 as unknown as string],
    ['promises an empty text', async () => ''],
    ['promises undefined', async () => undefined],
  ])('whose function %s are passed by', async (_, tenant) => {
    const host = await bench.start(combination);
    host.get('/who', { tenant }, numbered());
    const answer = await host.ask('/who');
    expect(answer).toMatchObject({ status: 200, text: 'run 1' });
    expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=tenant');
    expect(await host.texts('/who', 2)).toEqual(['run 2', 'run 3']);
    expect(host.cache.getStats()).toMatchObject({ hits: 0, sets: 0, bypassed: 3 });
  });

  it('whose function never answers are passed by, and what they change is not held', async () => {
    const host = await bench.start(combination, { collapseTimeout: 20 });
    const errors: string[] = [];
    host.cache.on('error', ({ operation, error }) => errors.push(`${operation}: ${String(error)}`));
    host.use({ tenant: () => new Promise<never>(() => {}) }, numbered());
    const answer = await host.ask('/who');
    expect(answer).toMatchObject({ status: 200, text: 'run 1' });
    expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=tenant');
    expect(await host.ask('/who', { method: 'POST' })).toMatchObject({ status: 200, text: 'run 2' });
    const late = 'tenant: UnavailableError: the option tenant took longer than 20 ms';
    expect(errors).toEqual([late, late]);
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 2, bypassed: 2, sets: 0 });
  });

  it('whose function fails are not served what others have left', async () => {
    const host = await bench.start(combination);
    const tenant = ({ headers }: Source) => {
      if (headers['x-client-id'] === undefined) throw new Error('no tenant');
      return headers['x-client-id'] as string;
    };
    host.get('/who', { tenant }, echo);
    for (const name of ['', 'a', 'undefined']) await host.ask('/who', named(name));
    expect(tenantIn((await host.ask('/who')).text)).toBeNull();
  });

  it('are one where the options say so', async () => {
    const host = await bench.start(combination);
    host.get('/who', { tenant: false }, echo);
    await host.ask('/who', named('a'));
    const answer = await host.ask('/who', named('b'));
    expect(tenantIn(answer.text)).toBe('a');
    expect(answer.header('vary')).toBeUndefined();
  });
});
