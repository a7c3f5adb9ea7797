// Compressed forms in both tiers, and in several processes: what is kept where, and that it is kept once.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync } from 'node:zlib';
import { type Cache, type CacheOptions, createCache } from 'respcache';
import { withCache } from 'respcache/node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask } from '../adapters/client.js';
import { nextEvent, soon } from '../adapters/traffic.js';
import { oneServer } from './sites.js';

const site = oneServer();
beforeAll(() => site.start());
afterAll(() => site.stop());

const LONG = JSON.stringify(Array.from({ length: 2000 }, (_, i) => ({ id: i, name: `n${(i * 7919) % 997}` })));
const HOST = { Host: 'site.example' };
const opened: (() => Promise<unknown>)[] = [];
let tests = 0;
afterEach(async () => {
  vi.restoreAllMocks();
  site.restore();
  for (const close of opened.splice(0).reverse()) await close();
});

describe.each([5, 6] as const)('compress over ioredis %i', (version) => {
  async function open(options: CacheOptions, far = false) {
    const client = site.connect(version, far);
    client.on('error', () => {});
    const cache = createCache({ redis: client, prefix: `compress${tests}:`, timeout: 5000, ...options });
    let runs = 0;
    const listener = withCache(
      (_req, res) => {
        runs++;
        res.cache.tag('all');
        res.setHeader('Content-Type', 'application/json');
        res.end(LONG);
      },
      { cache },
    );
    const server = createServer(listener).listen(0, '127.0.0.1');
    opened.push(
      async () => client.disconnect(),
      () => cache.close(),
      () => new Promise((done) => server.close(done)),
    );
    await soon(async () => {
      await cache.has('x', 'x');
      const { ledger } = cache.services.backend;
      expect(ledger.position()).toBeDefined();
      expect(ledger.isCurrent()).toBe(options.l1 !== false);
    });
    const get = (accepted?: string) =>
      ask((server.address() as AddressInfo).port, '/', {
        headers: { ...HOST, ...(accepted === undefined ? {} : { 'Accept-Encoding': accepted }) },
      });
    return { cache, get, runs: () => runs };
  }

  /** How many bytes are stored in Redis under this test's prefix for responses. */
  async function stored(): Promise<number> {
    const [server] = site.servers;
    const keys = (await server!.command('KEYS', `compress${tests}:client:*`)) as string[];
    expect(keys).toHaveLength(1);
    return Number(await server!.command('STRLEN', keys[0]!));
  }

  it('both tiers hold the forms in the place of the body', async () => {
    tests++;
    const { cache, get, runs } = await open({ compress: true });
    const done = nextEvent(cache, 'compress');
    await get('br');
    const { bytes, plainBytes } = await done;
    expect(plainBytes).toBe(LONG.length);
    expect(await stored()).toBeLessThan(bytes + 500);
    await soon(() => expect(cache.services.backend.kept().bytes).toBeLessThan(bytes + 1500));
    const hit = nextEvent(cache, 'hit');
    const answer = await get('br');
    expect((await hit).tier).toBe('memory');
    expect(answer.header('content-encoding')).toBe('br');
    expect(brotliDecompressSync(answer.body).toString()).toBe(LONG);
    for (let i = 0; i < 3; i++) expect((await get()).text).toBe(LONG);
    expect(runs()).toBe(1);
  });

  it('another process is given them, and an invalidation reaches them everywhere', async () => {
    tests++;
    const [one, two] = [await open({ compress: true }), await open({ compress: true })];
    const compressed: Cache[] = [];
    for (const { cache } of [one, two]) cache.on('compress', () => compressed.push(cache));
    await one.get();
    await soon(() => expect(compressed).toHaveLength(1));
    for (const accepted of ['br', undefined, 'br'])
      expect((await two.get(accepted)).header('content-encoding')).toBe(accepted);
    expect([one.runs(), two.runs(), compressed]).toEqual([1, 0, [one.cache]]);
    await two.cache.invalidateByTags(['all']);
    await two.get('br');
    expect(two.runs()).toBe(1);
    await soon(() => expect(compressed).toEqual([one.cache, two.cache]));
  });

  it('what is invalidated between being filled and being compressed does not come back', async () => {
    tests++;
    const { cache, get, runs } = await open({ compress: true });
    const { backend } = cache.services;
    const replace = backend.replace.bind(backend);
    let over: Promise<unknown> | undefined;
    vi.spyOn(backend, 'replace').mockImplementationOnce((...asked) => {
      const done = cache.invalidateByTags(['all']).then(() => replace(...asked));
      over = done;
      return done;
    });
    await get();
    await soon(() => expect(over).toBeDefined());
    expect(await over).toBe(true);
    await get('br');
    expect(runs()).toBe(2);
  });

  it('what another process has stored meanwhile stays', async () => {
    tests++;
    const [one, two] = [await open({ compress: true, l1: false }), await open({ l1: false })];
    const { backend } = one.cache.services;
    const replace = backend.replace.bind(backend);
    let over: Promise<unknown> | undefined;
    vi.spyOn(backend, 'replace').mockImplementationOnce((...asked) => {
      over = two.cache
        .invalidateByTags(['all'])
        .then(() => two.get())
        .then(() => nextStored)
        .then(() => replace(...asked));
      return over as Promise<boolean>;
    });
    const nextStored = nextEvent(two.cache, 'set');
    await one.get();
    await soon(() => expect(over).toBeDefined());
    expect(await over).toBe(false);
    const answer = await one.get('br');
    expect([answer.header('content-encoding'), answer.text]).toEqual([undefined, LONG]);
    expect([one.runs(), two.runs()]).toEqual([1, 1]);
  });

  it('a network that is cut while a form is written fails no request, and loses nothing', async () => {
    tests++;
    const { cache, get } = await open({ compress: true, l1: false, timeout: 200 }, true);
    const { backend } = cache.services;
    const replace = backend.replace.bind(backend);
    let over: Promise<unknown> | undefined;
    vi.spyOn(backend, 'replace').mockImplementationOnce((...asked) => {
      site.cut();
      over = Promise.resolve(replace(...asked));
      return over as Promise<boolean>;
    });
    expect((await get()).text).toBe(LONG);
    await soon(() => expect(over).toBeDefined());
    await expect(over).rejects.toThrow();
    expect((await get('br')).text).toBe(LONG);
    site.restore();
    // The client may send the form once more when it is back: the body is there either way, as it is or in that form.
    await soon(async () => expect((await get()).header('cache-status')).toMatch(/; hit/));
    expect((await get()).text).toBe(LONG);
  });
});
