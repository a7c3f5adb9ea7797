// `withCache` around a plain listener of `node:http`.

import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createCache } from 'respcache';
import { type Listener, withCache, withInvalidation } from 'respcache/node';
import { describe, expect, it, vi } from 'vitest';
import { counting, STORES, useNode } from './node-host.js';
import { WRITES } from './ways.js';

const bench = useNode();

/** What the cache adds to an answer, and Node to one whose length it knows. */
const ADDED = /^(age|etag|cache-status|vary|content-length|transfer-encoding)$/i;

describe.each(STORES)('withCache on %s', (store) => {
  it('answers a hit without the listener, and says so', async () => {
    const listener = counting();
    const host = await bench.wrap(store, listener);
    expect((await host.ask('/a')).header('cache-status')).toMatch(/^respcache; fwd=uri-miss; stored/);
    const hit = await host.ask('/a');
    expect(hit).toMatchObject({ status: 200, text: 'run 1' });
    expect(hit.header('cache-status')).toMatch(/^respcache; hit; ttl=/);
    expect(await host.texts('/b', 1)).toEqual(['run 2']);
    expect(listener.runs).toBe(2);
  });

  it('answers HEAD, conditions and ranges from what is stored', async () => {
    const listener = counting((_req, res) => res.setHeader('Content-Type', 'text/plain').end('0123456789'));
    const host = await bench.wrap(store, listener);
    const etag = (await host.ask('/a')).header('etag')!;
    const head = await host.ask('/a', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.header('content-length')).toBe('10');
    expect(await host.ask('/a', { headers: { 'If-None-Match': etag } })).toMatchObject({ status: 304, text: '' });
    expect(await host.ask('/a', { headers: { Range: 'bytes=2-4' } })).toMatchObject({ status: 206, text: '234' });
    expect(await host.ask('/a', { headers: { Range: 'bytes=20-' } })).toMatchObject({ status: 416 });
    expect(listener.runs).toBe(1);
  });

  it('tells a layer outside that has a writeHead of its own of every field, one by one', async () => {
    const heads: unknown[] = [];
    const host = await bench.serve(store, (cache) => {
      const cached = withCache(counting(), { cache });
      return (req, res) => {
        const { writeHead } = res;
        // As layers do that add fields at the last moment; of a head that is a list they know nothing.
        res.writeHead = ((status: number) => {
          heads.push([res.getHeader('content-length'), String(res.getHeader('cache-status')).slice(0, 14)]);
          return writeHead.call(res, status);
        }) as typeof writeHead;
        return cached(req, res);
      };
    });
    for (let i = 0; i < 3; i++) expect(await host.ask('/a')).toMatchObject({ status: 200, text: 'run 1' });
    expect(heads.slice(1)).toEqual([
      ['5', 'respcache; hit'],
      ['5', 'respcache; hit'],
    ]);
  });

  it('tells a layer outside that has a setHeader of its own of every field', async () => {
    const told: string[][] = [];
    const host = await bench.serve(store, (cache) => {
      const cached = withCache(counting(), { cache });
      return (req, res) => {
        const { setHeader } = res;
        const names: string[] = [];
        told.push(names);
        res.setHeader = (name, value) => {
          names.push(name);
          return setHeader.call(res, name, value);
        };
        return cached(req, res);
      };
    });
    for (let i = 0; i < 3; i++) expect(await host.ask('/a')).toMatchObject({ status: 200, text: 'run 1' });
    for (const names of told) expect(names).toContain('Cache-Status');
  });

  it('is one cache where it stands twice, with another between', async () => {
    const between = createCache({ redis: false });
    const listener = counting();
    const host = await bench.serve(store, (cache) =>
      withCache(withCache(withCache(listener, { cache, ttl: 5 }), { cache: between, when: () => false }), { cache }),
    );
    expect(await host.texts('/a', 2)).toEqual(['run 1', 'run 1']);
    expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1, sets: 1, totalRequests: 2 });
    expect(between.getStats()).toMatchObject({ totalRequests: 1 });
    host.clock.forward(6);
    expect(await host.texts('/a', 1)).toEqual(['run 2']);
    await between.close();
  });

  it('keeps tenants, and what Vary tells apart, apart', async () => {
    const host = await bench.wrap(store, (req, res) => {
      res.setHeader('Vary', 'Accept-Language');
      res.end(`${req.headers['x-client-id']} ${req.headers['accept-language']}`);
    });
    for (const [tenant, language] of ['a de', 'b de', 'a en', 'a de'].map((each) => each.split(' '))) {
      const headers = { 'X-Client-Id': tenant, 'Accept-Language': language };
      expect(await host.texts('/', 2, { headers })).toEqual(Array(2).fill(`${tenant} ${language}`));
    }
    expect(host.cache.getStats()).toMatchObject({ hits: 5, misses: 3, totalRequests: 8 });
  });

  it('stores what a stream gave when it was whole, and passes its pieces at once', async () => {
    const body = new Readable({ read() {} });
    let runs = 0;
    const host = await bench.wrap(store, (_req, res) => {
      runs++;
      body.pipe(res);
    });
    body.push('first ');
    const arriving = await host.begin('/a');
    expect(String(await arriving.next())).toBe('first ');
    body.push('second');
    body.push(null);
    expect((await arriving.rest()).text).toBe('first second');
    expect(await host.texts('/a', 2)).toEqual(['first second', 'first second']);
    expect(runs).toBe(1);
  });

  it('stores nothing of an answer that broke off', async () => {
    let runs = 0;
    const host = await bench.wrap(store, (_req, res) => {
      if (++runs > 1) return res.end('whole');
      res.writeHead(200, { 'Content-Length': 100 });
      res.write('half');
      return setImmediate(() => res.destroy());
    });
    const broken = await host.ask('/a');
    expect(broken.complete).toBe(false);
    expect(await host.texts('/a', 2)).toEqual(['whole', 'whole']);
  });

  it('leaves a listener alone that changes protocols', async () => {
    const errors: unknown[] = [];
    const host = await bench.wrap(store, (_req, res) => {
      res.writeHead(101, { Connection: 'Upgrade', Upgrade: 'echo' });
      try {
        res.write('nothing of a body can be sent');
        res.end();
      } catch (error) {
        errors.push(error);
      }
    });
    const asked = request({ port: host.port, headers: { Connection: 'Upgrade', Upgrade: 'echo' } }).end();
    const [answer, socket] = (await once(asked, 'upgrade')) as [IncomingMessage, Socket];
    expect(answer).toMatchObject({ statusCode: 101, headers: { upgrade: 'echo' } });
    socket.destroy();
    expect(errors).toEqual([]);
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 1, sets: 0 });
  });

  it('has nobody wait for an answer that is given up before its listener returns', async () => {
    let runs = 0;
    const listener: Listener = (_req, res) => (++runs > 1 ? res.end('whole') : res.destroy());
    const host = await bench.wrap(store, listener);
    await expect(host.ask('/a')).rejects.toThrow();
    expect(host.cache.getStats().totalRequests).toBe(1);
    expect(await host.texts('/a', 2)).toEqual(['whole', 'whole']);
  });

  it('gives the listener res.cache', async () => {
    const statuses: string[] = [];
    const listener = counting((req, res) => {
      statuses.push(res.cache.status);
      if (req.url === '/never') res.cache.noStore();
      else res.cache.tag('users').ttl(5);
    });
    const host = await bench.wrap(store, listener);
    expect(await host.texts('/never', 2)).toEqual(['run 1', 'run 2']);
    expect(await host.texts('/a', 2)).toEqual(['run 3', 'run 3']);
    await host.cache.invalidateByTags(['users']);
    expect(await host.texts('/a', 2)).toEqual(['run 4', 'run 4']);
    host.clock.forward(6);
    expect(await host.texts('/a', 1)).toEqual(['run 5']);
    expect(new Set(statuses)).toEqual(new Set(['miss']));
  });

  it('takes the options of a mount, whose functions are asked of Node’s request', async () => {
    const sources = new Set<IncomingMessage>();
    const seen =
      <T>(answer: (req: IncomingMessage) => T) =>
      (req: IncomingMessage) => {
        sources.add(req);
        return answer(req);
      };
    const host = await bench.wrap(store, counting(), {
      key: 'users:list',
      ttl: seen(() => 60),
      tags: seen((req) => [String(req.url)]),
      tenant: seen((req) => String(req.headers['x-org'] ?? 'none')),
      when: seen((req) => !req.url?.startsWith('/live')),
    } as never);
    const [ada, bob] = ['ada', 'bob'].map((org) => ({ headers: { 'X-Org': org } }));
    expect(await host.texts('/live', 2, ada)).toEqual(['run 1', 'run 2']);
    expect(await host.texts('/a', 2, ada)).toEqual(['run 3', 'run 3']);
    expect(await host.texts('/a', 1, bob)).toEqual(['run 4']);
    await host.cache.invalidateByTags(['/a'], 'ada');
    expect([...(await host.texts('/a', 1, ada)), ...(await host.texts('/a', 1, bob))]).toEqual(['run 5', 'run 4']);
    await host.cache.delete('users:list', 'bob');
    expect(await host.texts('/a', 1, bob)).toEqual(['run 6']);
    for (const each of sources) expect(each.constructor.name).toBe('IncomingMessage');
  });

  it('invalidates the URL of an unsafe method that succeeds, before its answer leaves', async () => {
    const host = await bench.wrap(
      store,
      counting((req, res) => {
        res.statusCode = req.method === 'GET' ? 200 : Number(req.headers['x-status']);
      }),
    );
    expect(await host.texts('/a', 2)).toEqual(['run 1', 'run 1']);
    await host.ask('/a', { method: 'POST', headers: { 'X-Status': '400' } });
    expect(await host.texts('/a', 1)).toEqual(['run 1']);
    await host.ask('/a', { method: 'POST', headers: { 'X-Status': '201' } });
    expect(await host.texts('/a', 1)).toEqual(['run 4']);
  });

  it('runs the listener once for all who ask at the same time', async () => {
    let runs = 0;
    let release = () => {};
    const asked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const host = await bench.wrap(store, async (_req, res) => {
      runs++;
      await asked;
      res.end('slow');
    });
    const answers = Array.from({ length: 5 }, () => host.ask('/a'));
    await vi.waitFor(() => expect(runs).toBe(1));
    release();
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(Array(5).fill('slow'));
    expect(runs).toBe(1);
  });

  it('serves what is stale, and runs the listener beside it', async () => {
    const listener = counting();
    const host = await bench.wrap(store, listener, { ttl: 10, staleWhileRevalidate: 60 });
    expect(await host.texts('/a?b=1', 1)).toEqual(['run 1']);
    host.clock.forward(20);
    expect(await host.texts('/a?b=1', 1)).toEqual(['run 1']);
    await vi.waitFor(async () => expect(await host.texts('/a?b=1', 1)).toEqual(['run 2']));
    expect(listener.runs).toBe(2);
    expect(host.cache.getStats().refreshes).toBe(1);
  });

  it('makes an entry anew before it expires', async () => {
    let runs = 0;
    // It takes some time: that is what early refresh goes by.
    const slow: Listener = (_req, res) => void setTimeout(() => res.end(`run ${++runs}`), 5);
    const host = await bench.wrap(store, slow, { ttl: 10, earlyRefresh: 1e9 });
    expect(await host.texts('/a', 1)).toEqual(['run 1']);
    await vi.waitFor(async () => expect(await host.texts('/a', 1)).not.toEqual(['run 1']));
    expect(host.cache.getStats().refreshes).toBeGreaterThan(0);
  });

  it('is warmed by its server and by its listener', async () => {
    const { cache } = await bench.cache(store);
    const listener = counting();
    const app = withCache(listener, { cache });
    expect(await cache.warm({ app, urls: ['/a', '/b'] })).toMatchObject({ warmed: 2 });
    expect(await cache.warm({ app: createServer(app), urls: ['/a', '/c'] })).toMatchObject({ warmed: 1, fresh: 1 });
    expect(listener.runs).toBe(3);
  });

  it('reads a body that comes while nobody listens yet', async () => {
    const host = await bench.wrap(store, async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      res.end(Buffer.concat(chunks));
    });
    const sent = { method: 'GET', headers: { 'Content-Length': '4' }, body: 'body' };
    expect((await host.ask('/a', sent)).text).toBe('body');
    expect((await host.ask('/a', { method: 'POST', body: 'body' })).text).toBe('body');
  });
});

describe('withCache', () => {
  it.each(WRITES)('changes nothing of %s', async (_, write) => {
    const bare = await bench.serve('memory', () => (_req, res) => void write(res));
    const host = await bench.wrap('memory', (_req, res) => void write(res));
    const expected = await bare.ask('/a');
    for (const answer of [await host.ask('/a'), await host.ask('/a')]) {
      expect(answer).toMatchObject({ status: expected.status, reason: expected.reason, complete: true });
      expect(answer.body).toEqual(expected.body);
      for (const [name, value] of expected.lines) {
        if (!/^(date|transfer-encoding|connection|keep-alive|vary|content-length)$/i.test(name))
          expect(answer.all(name)).toContain(value);
      }
      for (const [name] of answer.lines) if (!ADDED.test(name)) expect(expected.all(name), name).not.toEqual([]);
    }
  });

  it.each([
    [{ ttl: 0 }, 'option ttl is 0'],
    [{ tll: 5 }, 'option tll'],
    [{ cache: {} }, 'option cache is {}'],
    [{ personal: 'x-api-key' }, 'option personal is "x-api-key"'],
  ])('refuses %j', (options, message) => {
    expect(() => withCache(() => {}, options as never)).toThrow(message);
  });

  it('refuses what is no listener', () => {
    for (const listener of [undefined, null, {}, 'app']) {
      expect(() => withCache(listener as never)).toThrow(/^listener is .*; it takes a function$/);
      expect(() => withInvalidation(listener as never, 'a')).toThrow(/^listener is .*; it takes a function$/);
    }
    expect(() => withCache(() => {}, null as never)).toThrow('the options of withCache() is null; it takes an object');
  });

  it.each<[string, Record<string, string>]>([
    ['nobody', {}],
    ['another key', { 'X-Api-Key': 'one' }],
  ])('keeps what %s brought from a request with a field of the option personal', async (_, headers) => {
    const options = { personal: ['X-Api-Key'] };
    const host = await bench.wrap('memory', (req, res) => res.end(`for ${req.headers['x-api-key']}`), options);
    await host.ask('/me', { headers });
    const answer = await host.ask('/me', { headers: { 'X-Api-Key': 'two' } });
    expect(answer.text).toBe('for two');
    expect(answer.header('cache-status')).toBe('respcache; fwd=bypass; detail=personal');
  });

  it('looks nobody up by credentials of whom the layers inside are to judge', async () => {
    const host = await bench.wrap('memory', (req, res) => {
      if (req.headers.authorization !== 'Bearer good') res.statusCode = 401;
      res.end(`hello ${req.headers.authorization}`);
    });
    for (const token of ['good', 'bad', 'good', 'bad']) {
      const answer = await host.ask('/me', { headers: { Authorization: `Bearer ${token}` } });
      expect(answer).toMatchObject({ status: token === 'good' ? 200 : 401, text: `hello Bearer ${token}` });
    }
  });
});

describe.each(STORES)('withInvalidation on %s', (store) => {
  it('invalidates when the listener has succeeded, before its answer leaves', async () => {
    const list = counting();
    const host = await bench.serve(store, (cache) => {
      const write = withInvalidation(
        (req, res) => {
          res.statusCode = req.url?.includes('bad') ? 500 : 204;
          res.end();
        },
        { cache, tags: (req) => [String(req.headers['x-tag'])] },
      );
      const read = withCache(list, { cache, tags: ['users'], key: 'users:list' });
      return (req, res) => (req.method === 'GET' ? read : write)(req, res);
    });
    const write = (path: string) => host.ask(path, { method: 'POST', headers: { 'X-Tag': 'users' } });
    expect(await host.texts('/users', 2)).toEqual(['run 1', 'run 1']);
    await write('/write?bad');
    expect(await host.texts('/users', 1)).toEqual(['run 1']);
    await write('/write');
    expect(await host.texts('/users', 1)).toEqual(['run 2']);
  });

  it("invalidates an unsafe request's own URL, too, whatever it is given", async () => {
    const list = counting();
    const host = await bench.serve(store, (cache) => {
      const write = withInvalidation((_req, res) => res.end(), 'something:else', { cache });
      const read = withCache(list, { cache });
      return (req, res) => (req.method === 'GET' ? read : write)(req, res);
    });
    expect(await host.texts('/users', 2)).toEqual(['run 1', 'run 1']);
    await host.ask('/users', { method: 'PUT' });
    expect(await host.texts('/users', 1)).toEqual(['run 2']);
  });

  it('is one exchange with the cache around it, and with the cache inside it', async () => {
    const list = counting();
    const host = await bench.serve(store, (cache) => {
      const inside = withCache(withInvalidation(list, 'users:list', { cache }), { cache });
      const outside = withInvalidation(withCache(list, { cache, key: 'users:list' }), { tags: 'x' }, { cache });
      return (req, res) => (req.url === '/users' ? outside : inside)(req, res);
    });
    expect(await host.texts('/users', 2)).toEqual(['run 1', 'run 1']);
    await host.ask('/else', { method: 'POST' });
    expect(await host.texts('/users', 2)).toEqual(['run 3', 'run 3']);
    expect(host.cache.getStats()).toMatchObject({ hits: 2, totalRequests: 5 });
  });

  it('refuses what cannot be meant', () => {
    expect(() => withInvalidation(() => {}, {})).toThrow('a key, a list of keys, or { keys, tags, patterns }');
    expect(() => withInvalidation(() => {}, 'a', { cach: 1 } as never)).toThrow('option cach');
  });
});
