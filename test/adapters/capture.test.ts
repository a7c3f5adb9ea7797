// P4: whichever way a handler sends its answer, a client is given the same with and without the cache.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { Context } from 'koa';
import type { RouteOptions } from 'respcache';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMBINATIONS, compare, Gate, numbered, OF_EXPRESS, OF_KOA, type Pair, pair, useBench } from './bench.js';
import type { Ask } from './client.js';
import { type Handler, Layer, notHere, raw, type Source } from './hosts.js';
import { ALL_BYTES, BY_EXPRESS, BY_KOA, HERE, UMLAUTS, WRITES } from './ways.js';

const bench = useBench();

/** The rows of a table, each at a path of its own. */
function paths<R extends readonly [string, ...unknown[]]>(rows: readonly R[]): [name: string, path: string, row: R][] {
  return rows.map((row, i) => [row[0], `/${i}`, row]);
}

/** What is said of an answer by an error handler that does not look whether it has left. */
const fail = (res: ServerResponse) => Object.assign(res, { statusCode: 500, statusMessage: 'Failed' });

describe.each(OF_KOA)('capture: $label', (combination) => {
  it('stores what an object has said as JSON, which is what was sent, and asks it once', async () => {
    const host = await bench.start(combination);
    host.use({});
    let asked = 0;
    host.get('/x', () => ({ body: { umlauts: UMLAUTS, toJSON: () => ({ asked: ++asked, umlauts: UMLAUTS }) } }));
    const [first, again] = [await host.ask('/x'), await host.ask('/x')];
    expect(again.header('cache-status')).toMatch(/; hit/);
    expect([first.text, again.text]).toEqual([first.text, first.text]);
    expect(JSON.parse(first.text)).toEqual({ asked: 1, umlauts: UMLAUTS });
    for (const name of ['content-type', 'content-length', 'etag'])
      expect(again.header(name), name).toBe(first.header(name));
  });

  it('keeps nothing for GETs of a POST whose handler has given no body: the text is Koa’s', async () => {
    const host = await bench.start(combination);
    host.use({ storePost: true });
    const said = { 'Cache-Control': 'max-age=60', 'Content-Location': '/x' };
    host.use(
      new Layer(notHere, (ctx) => {
        ctx.set(said);
        ctx.status = 200;
      }),
    );
    const posted = await host.ask('/x', { method: 'POST' });
    expect([posted.text, posted.header('cache-status')]).toEqual(['OK', 'respcache; fwd=method; detail=no-body']);
    expect((await host.ask('/x')).text).toBe('OK');
    expect(host.cache.getStats()).toMatchObject({ hits: 0, totalRequests: 2 });
  });
});

describe.each(COMBINATIONS)('capture: $label', (combination) => {
  it.each([200, 201])(
    'keeps what a POST is answered with %i for GETs where that is what they would be given',
    async (status) => {
      const host = await bench.start(combination);
      const said = { 'Cache-Control': 'max-age=60', 'Content-Location': '/x' };
      host.use({ storePost: true });
      host.use(numbered(({ method }) => ({ status: method === 'POST' ? status : 200, headers: said })));
      await host.ask('/x', { method: 'POST' });
      expect(await host.ask('/x')).toMatchObject({ status: 200, text: status === 200 ? 'run 1' : 'run 2' });
    },
  );

  describe('what a POST is answered at a mount inside another', () => {
    const said = { 'Cache-Control': 'max-age=60', 'Content-Location': '/x' };
    /** An application in which GETs and POSTs have the same mount inside another, which keeps what POSTs are answered. */
    const inside = async (options: RouteOptions<Source>) => {
      const host = await bench.start(combination);
      host.use({ storePost: true });
      const handler = numbered(({ headers }) => ({ headers: said, body: `for ${headers['x-org']}` }));
      host.post('/x', options, handler);
      host.get('/x', options, handler);
      return host;
    };
    const orgOf = (source: Source) => String(source.headers['x-org']);
    const of = (org: string, method = 'GET') => ({ method, headers: { 'X-Client-Id': 'acme', 'X-Org': org } });

    it.each<[what: string, options: RouteOptions<Source>]>([
      ['tenant', { tenant: { header: 'x-org' } }],
      ['identity', { identity: orgOf }],
      ['key', { key: orgOf }],
    ])('is for whom that mount says, by its %s', async (_, options) => {
      const host = await inside({ ...options, storePost: true });
      await host.ask('/x', of('a', 'POST'));
      expect((await host.ask('/x', of('b'))).text).toBe('for b');
      expect(await host.ask('/x', of('a'))).toMatchObject({ text: 'for a' });
      expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1 });
    });

    it.each<[what: string, options: RouteOptions<Source>]>([
      ['storePost', { storePost: false }],
      ['when', { storePost: true, when: () => false }],
    ])('is not kept where that mount says so, by its %s', async (_, options) => {
      const host = await inside(options);
      await host.ask('/x', of('a', 'POST'));
      expect((await host.ask('/x', of('b'))).text).toBe('for b');
    });

    it('is invalidated by the name that this mount gives it', async () => {
      const host = await inside({ storePost: true, key: 'things' });
      await host.ask('/x', of('a', 'POST'));
      expect((await host.ask('/x', of('b'))).text).toBe('for a');
      await host.cache.delete('things', 'acme');
      expect((await host.ask('/x', of('b'))).text).toBe('for b');
    });
  });

  it('keeps nothing for GETs of a POST whose client says no-store, where that is heard', async () => {
    const host = await bench.start(combination, { requestDirectives: 'honor' });
    host.use({ storePost: true });
    host.use(numbered({ headers: { 'Cache-Control': 'max-age=60', 'Content-Location': '/x' } }));
    await host.ask('/x', { method: 'POST', headers: { 'Cache-Control': 'no-store' } });
    expect((await host.ask('/x')).text).toBe('run 2');
  });

  describe('what is written into the response itself', () => {
    let hosts: Pair;

    // One application for the whole table: one for each row would take a minute.
    beforeAll(async () => {
      hosts = await pair(bench.shared, combination, (host) => {
        for (const [, path, [, write]] of paths(WRITES)) {
          host.get(path, {}, raw(write));
          host.post(path, {}, host.invalidating('key'), raw(write));
        }
      });
    });

    it.each(paths(WRITES))('passes: %s', async (_, path) => {
      const { stored } = await compare(hosts, path);
      // Who writes past Koa cannot be told from one who has not finished: nothing of it is stored.
      expect(stored).toBe(combination.framework.startsWith('express'));
    });

    it.each(paths(WRITES))('passes, held back until something is invalidated: %s', async (_, path) => {
      await compare(hosts, path, { method: 'POST' });
    });
  });

  it.each<[string, ((res: ServerResponse) => unknown)[]]>([
    ['begins, writes and ends', [(res) => res.writeHead(203), (res) => res.write('a'), (res) => res.end('b')]],
    ['ends at once', [(res) => res.end('a')]],
    ['flushes and ends', [(res) => res.flushHeaders(), (res) => res.end('a')]],
    ['ends, and then fails', [(res) => res.end('a'), fail, (res) => res.setHeader('X-A', '1')]],
    ['writes, and then fails', [(res) => res.write('a'), fail, (res) => res.end('b')]],
    [
      'writes what is none, and hears of it',
      [
        (res) => res.write('a'),
        (res) => res.write(5 as never),
        (res) => res.write(null as never),
        (res) => res.write(undefined as never),
        (res) => res.end(new Uint16Array(2)),
        (res) => res.end('c'),
      ],
    ],
  ])('tells a handler that %s the same of its answer as without the cache, held back or not', async (_, steps) => {
    const rounds: unknown[][] = [];
    const ends: Promise<void>[] = [];
    const handler = raw((res) => {
      const told: unknown[] = [];
      ends.push(once(res, 'finish').then(() => void told.push(`finished: ${res.statusCode}`)));
      const tell = () => told.push([res.headersSent, res.writableEnded, res.statusCode]);
      tell();
      for (const step of steps) {
        try {
          step(res);
        } catch (error) {
          told.push((error as NodeJS.ErrnoException).code);
        }
        tell();
      }
      rounds.push(told);
    });
    const hosts = await pair(bench, combination, (host) => {
      host.get('/x', {}, handler);
      host.post('/x', {}, host.invalidating('key'), handler);
    });
    await compare(hosts, '/x');
    await compare(hosts, '/x', { method: 'POST' });
    await Promise.all(ends);
    expect(rounds.length).toBeGreaterThanOrEqual(5);
    for (const round of rounds) expect(round).toEqual(rounds[0]);
  });

  it.each<[string, Ask]>([
    ['as it comes', {}],
    ['held back until something is invalidated', { method: 'POST' }],
    ['as a 304', { headers: { 'If-None-Match': '"a"' } }],
  ])('calls back whoever waits for an answer that leaves %s', async (_, ask) => {
    const host = await bench.start(combination);
    const calls = [new Gate(), new Gate(), new Gate()] as const;
    const handler = raw((res) => {
      res.setHeader('ETag', '"a"');
      res.write('a', calls[0].open);
      res.write('62', 'hex', calls[1].open);
      res.end('c', calls[2].open);
    });
    host.all('/x', {}, host.invalidating('key'), handler);
    await host.ask('/x', ask);
    await Promise.all(calls.map(({ opened }) => opened));
  });

  it('keeps all byte values', async () => {
    const body = Buffer.concat([ALL_BYTES, ALL_BYTES]);
    const { second } = await compare(
      await pair(bench, combination, (host) => host.get('/x', {}, () => ({ body }))),
      '/x',
    );
    expect(second.body).toEqual(body);
  });

  it('passes on the head alone where that is asked for', async () => {
    const handler: Handler = () => ({ headers: { 'X-A': '1' }, body: UMLAUTS });
    const hosts = await pair(bench, combination, (host) => host.all('/x', {}, handler));
    expect((await compare(hosts, '/x', { method: 'HEAD' })).stored).toBe(false);
  });
});

describe.each(OF_EXPRESS)('capture: $label', (combination) => {
  it('breaks off what Node refuses when nobody can catch it any more, and goes on', async () => {
    const host = await bench.start(combination);
    const handler = raw((res) => {
      res.write('a');
      res.write('b', 'nope' as never);
      res.end('c');
    });
    host.post('/x', host.invalidating('key'), handler);
    host.get('/y', {}, () => ({ body: 'y' }));
    await expect(host.ask('/x', { method: 'POST' })).rejects.toThrow();
    expect((await host.ask('/y')).text).toBe('y');
  });

  let hosts: Pair;

  beforeAll(async () => {
    hosts = await pair(bench.shared, combination, (host) => {
      for (const [, path, [, handler]] of paths(BY_EXPRESS)) host.get(path, {}, new Layer(handler, notHere));
      const sending: RequestHandler = (_req, res) => res.sendFile('ways.ts', { root: HERE, maxAge: '1h' });
      host.get('/file', {}, new Layer(sending, notHere));
    });
  });

  it.each(paths(BY_EXPRESS))('passes on %s', async (_, path, [, , storable]) => {
    expect((await compare(hosts, path)).stored).toBe(storable);
  });

  it.each(['bytes=0-9', 'bytes=-5', 'bytes=9999999-'])('passes on a part of a file: %s', async (range) => {
    expect((await compare(hosts, '/file', { headers: { Range: range } })).stored).toBe(false);
  });

  it('stores the whole file where a part was asked for and the handler gave all', async () => {
    expect((await compare(hosts, '/file', { headers: { Range: 'bytes=0-1,4-5' } })).stored).toBe(true);
  });
});

describe.each(OF_KOA)('capture: $label', (combination) => {
  let hosts: Pair;

  beforeAll(async () => {
    hosts = await pair(bench.shared, combination, (host) => {
      for (const [, path, [, handler]] of paths(BY_KOA)) {
        host.all(path, {}, new Layer(notHere, (ctx) => handler(ctx as unknown as Context)));
      }
    });
  });

  // First of all: a HEAD would be answered from what a GET has left.
  it.each(paths(BY_KOA))('passes on the head alone of %s', async (_, path) => {
    await compare(hosts, path, { method: 'HEAD' });
  });

  it.each(paths(BY_KOA))('passes on %s', async (_, path, [, , storable]) => {
    expect((await compare(hosts, path)).stored).toBe(storable);
  });
});
