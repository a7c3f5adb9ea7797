// A request waits for Redis once: what it did not get by its deadline it asks for in no other way.

import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cache, createCache } from 'respcache';
import { withCache } from 'respcache/node';
import { ManualClock } from 'respcache/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Gate } from '../adapters/bench.js';
import { ask } from '../adapters/client.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { reached } from './rig.js';

let server: RedisServer;

beforeEach(async () => {
  server = await startRedis();
});

afterEach(() => server.stop());

/** A handler behind a cache. `close` ends both, and has Redis go on. */
async function served(cache: Cache, handler: RequestListener) {
  const listener = createServer(withCache(handler, { cache })).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const close = async () => {
    server.resume();
    listener.close();
    listener.closeAllConnections();
    await cache.close();
  };
  return { port: (listener.address() as AddressInfo).port, close };
}

it('getOrSet while Redis hangs: its value is there as soon as the factory has made it', async () => {
  const cache = createCache({ redis: server.url, maxDisconnected: 60_000 });
  const failed: string[] = [];
  cache.on('error', ({ operation }) => failed.push(operation));
  try {
    await reached(cache);
    server.pause();
    expect(await cache.getOrSet('x', () => 'made', 'c')).toBe('made');
    expect(failed).toEqual(['read']);
  } finally {
    server.resume();
    await cache.close();
  }
});

it('getOrSet while Redis hangs, for all who ask at the same time, so long as what this process knows of it is trusted', async () => {
  const cache = createCache({ redis: server.url, maxDisconnected: 60_000 });
  try {
    await reached(cache);
    server.pause();
    const factory = vi.fn(async () => 'made');
    const asked = [1, 2, 3].map(() => cache.getOrSet('x', factory, 'c'));
    expect(await Promise.all(asked)).toEqual(['made', 'made', 'made']);
    expect(factory).toHaveBeenCalledTimes(1);
  } finally {
    server.resume();
    await cache.close();
  }
});

it('getOrSet while Redis begins to hang as the factory runs: it waits for no write', async () => {
  const cache = createCache({ redis: server.url, maxDisconnected: 60_000, timeout: 1000 });
  const failed: string[] = [];
  cache.on('error', ({ operation }) => failed.push(operation));
  try {
    await reached(cache);
    const factory = () => {
      server.pause();
      return 'made';
    };
    expect(await cache.getOrSet('x', factory, 'c')).toBe('made');
    expect(failed).toEqual([]);
  } finally {
    server.resume();
    await cache.close();
  }
});

it('a miss while Redis hangs, though this process still trusts what it knows of it', async () => {
  const cache = createCache({ redis: server.url, maxDisconnected: 60_000 });
  const failed: string[] = [];
  cache.on('error', ({ operation }) => failed.push(operation));
  const { port, close } = await served(cache, (_req, res) => res.end('made'));
  try {
    await reached(cache);
    server.pause();
    expect((await ask(port, '/x')).text).toBe('made');
    expect(failed).toEqual(['read']);
  } finally {
    await close();
  }
});

it('a miss while Redis hangs, where what this process knows of it is not trusted: nobody waits for a run that a purge may have reached', async () => {
  const cache = createCache({ redis: server.url, l1: false, collapseTimeout: 60_000 });
  let runs = 0;
  const go = new Gate();
  const { port, close } = await served(cache, async (_req, res) => {
    const run = ++runs;
    await go.opened;
    res.end(`run ${run}`);
  });
  try {
    await reached(cache);
    server.pause();
    const asked = [ask(port, '/x'), ask(port, '/x')];
    await vi.waitFor(() => expect(runs).toBe(2), 10_000);
    go.open();
    expect((await Promise.all(asked)).map(({ text }) => text).sort()).toEqual(['run 1', 'run 2']);
  } finally {
    await close();
  }
});

it.each<[what: string, cacheControl: string, headers: Record<string, string>, text: string]>([
  ['a copy that its handler is asked about', 'max-age=1', {}, 'run 2'],
  [
    'a stale copy, where nothing can run beside the request',
    'max-age=1, stale-while-revalidate=60',
    { Connection: 'close, X-Mine', 'X-Mine': '1' },
    'run 1',
  ],
])('%s, while Redis hangs', async (_, cacheControl, headers, text) => {
  const clock = new ManualClock();
  const cache = createCache({ redis: server.url, maxDisconnected: 60_000, clock });
  const failed: string[] = [];
  cache.on('error', ({ operation }) => failed.push(operation));
  let runs = 0;
  const handler: RequestListener = (_req, res) => {
    res.setHeader('Cache-Control', cacheControl);
    res.setHeader('ETag', `"${++runs}"`);
    res.end(`run ${runs}`);
  };
  const { port, close } = await served(cache, handler);
  try {
    await reached(cache);
    const stored = new Promise((resolve) => cache.on('set', resolve));
    await ask(port, '/x');
    await stored;
    await cache.get('x', 'c');
    clock.forward(2);
    server.pause();
    expect((await ask(port, '/x', { headers })).text).toBe(text);
    expect(failed).toEqual(['read']);
  } finally {
    await close();
  }
});
