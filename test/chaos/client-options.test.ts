// What a caller's client may have been told.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createCache, type RedisClient } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limitOf } from '../../src/limits/limit.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy } from '../support/tcp-proxy.js';

describe.each<[string, (url: string, options: object) => RedisClient]>([
  ['ioredis 6', (url, options) => new Redis(url, options)],
  ['ioredis 5', (url, options) => new Redis5(url, options) as unknown as RedisClient],
])("a caller's client of %s", (_name, make) => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await startRedis();
  });

  afterEach(() => server.stop());

  it.each([{ commandTimeout: 250 }, { socketTimeout: 250 }])('may be impatient: %o', async (options) => {
    const client = make(server.url, options);
    client.on('error', () => {});
    const making = vi.spyOn(client, 'duplicate');
    const cache = createCache({ redis: client, timeout: 2000 });
    // The log is read for a third of `maxDisconnected` at a time, mostly without news.
    const reading = vi.spyOn(making.mock.results[0]?.value as RedisClient, 'xread');
    const errors: string[] = [];
    cache.on('error', ({ operation, error }) => errors.push(`${operation}: ${error}`));
    await vi.waitFor(() => expect(reading.mock.calls.length).toBeGreaterThan(3), { timeout: 5000 });
    expect(errors).toEqual([]);
    expect(cache.services.backend.ledger.isCurrent()).toBe(true);
    await cache.close();
    client.disconnect();
  });

  it('may have its numbers as texts', async () => {
    const client = make(server.url, { stringNumbers: true });
    const cache = createCache({ redis: client, timeout: 2000, writeBehind: { durable: true } });
    const errors: string[] = [];
    cache.on('error', ({ operation, error }) => errors.push(`${operation}: ${error}`));
    await cache.set('n', 5, 'c');
    expect([await cache.increment('n', 1, 'c'), await cache.increment('n', 1, 'c')]).toEqual([6, 7]);
    const file = join(tmpdir(), `${randomUUID()}.backup`);
    await cache.backup(file);
    await client.flushall();
    expect(await cache.restore(file, { foreign: 'adopt' })).toMatchObject({ restored: 1, kept: 0 });
    await rm(file);
    const seen: unknown[] = [];
    cache.onWriteBehind(
      'save',
      ({ value, attempt }) => {
        seen.push([value, attempt]);
        if (value === 'never') throw new Error('never');
      },
      { retries: 1, backoff: () => 1 },
    );
    for (const value of ['a', 'never', 'b']) await cache.writeBehind('w', value, 'c', { handler: 'save' });
    await cache.flush();
    expect(seen).toEqual([
      ['a', 1],
      ['never', 1],
      ['never', 2],
      ['b', 1],
    ]);
    expect(await cache.discardDeadLetters()).toBe(1);
    const { limit } = limitOf({ cache, points: 2, duration: 60 });
    const check = () => limit.check({ headers: {}, ip: '192.0.2.1', source: undefined });
    const verdicts = [await check(), await check(), await check()];
    expect(verdicts.map(({ refusal }) => refusal?.status)).toEqual([undefined, undefined, 429]);
    expect(verdicts[1]!.fields).toContainEqual(['RateLimit', expect.stringMatching(/r=0;t=\d+$/)]);
    expect(errors).toEqual(['write-behind: Error: never', 'write-behind: Error: never']);
    await cache.close();
    client.disconnect();
  });

  it('may have any number of listeners', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const client = make(server.url, {});
    client.setMaxListeners(0);
    for (let i = 0; i < 20; i++) client.on('error', () => {});
    const cache = createCache({ redis: client, timeout: 2000 });
    await cache.has('k', 'c');
    await nextTurn();
    expect(client.getMaxListeners()).toBe(0);
    await cache.close();
    process.off('warning', warned);
    client.disconnect();
    await once(client, 'end');
    expect(warnings).toEqual([]);
  });
});

describe.each([{ maxRetriesPerRequest: 3 }, { maxRetriesPerRequest: null }])('options that have %o', (options) => {
  it('keep nobody waiting for ever for what was under way as a connection was lost', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const cache = createCache({ redis: { port: proxy.port, ...options }, l1: false });
    const other = createCache({ redis: server.url });
    try {
      await other.set('k', 'v', 'c');
      await vi.waitFor(async () => expect(await cache.get('k', 'c')).toBe('v'));
      const client = cache.services.backend.link!.client;
      const xrange = client.xrange.bind(client) as (...args: unknown[]) => Promise<never>;
      // The connection is lost while this process reads what it has not heard of yet.
      const reading = vi.spyOn(client, 'xrange').mockImplementationOnce(((...args: unknown[]) => {
        proxy.blackhole();
        setImmediate(() => proxy.cut());
        return xrange(...args);
      }) as never);
      expect(await other.invalidateByTags(['something'])).toMatchObject({ durable: true });
      expect(await cache.get('k', 'c')).toBeUndefined();
      expect(reading).toHaveBeenCalledTimes(1);
      proxy.restore();
      await vi.waitFor(async () => expect(await cache.get('k', 'c')).toBe('v'), { timeout: 5000, interval: 20 });
    } finally {
      await Promise.all([cache.close(), other.close()]);
      await proxy.close();
      await server.stop();
    }
  });
});
