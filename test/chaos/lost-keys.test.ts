// One key of the ledger goes (evicted, deleted) before a process has read of the last invalidation.

import { type Cache, createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

describe.each(['head', 'table', 'log', 'patterns'])('without its %s the ledger', (part) => {
  let server: RedisServer;
  let writer: Cache;
  let reader: Cache;

  beforeEach(async () => {
    server = await startRedis();
    [writer, reader] = [0, 1].map(() => createCache({ redis: server.url, l1: false, timeout: 5000 })) as [Cache, Cache];
    await writer.mset({ a: 'old', b: 'old' }, 'c', { tags: ['t'] });
    expect(await reader.mget(['a', 'b'], 'c')).toEqual(['old', 'old']);
  });

  afterEach(async () => {
    await Promise.all([writer.close(), reader.close()]);
    await server.stop();
  });

  async function lose(): Promise<void> {
    expect(await server.command('DEL', `{respcache}:${part}`)).toBe(1);
  }

  /** What is made from now on is kept, and invalidated. */
  async function works(): Promise<void> {
    await writer.set('a', 'new', 'c', { tags: ['t'] });
    expect(await reader.get('a', 'c')).toBe('new');
    expect(await writer.invalidateByTags(['t'], 'c')).toMatchObject({ durable: true });
    expect(await reader.get('a', 'c')).toBeUndefined();
  }

  it('reaches whoever has not read of the last invalidation', async () => {
    expect(await writer.invalidatePattern('a*', 'c')).toMatchObject({ durable: true });
    await lose();
    expect(await reader.get('a', 'c')).toBeUndefined();
    await works();
  });

  it('takes the next one, and reaches by both whoever has read of none', async () => {
    expect(await writer.invalidatePattern('a*', 'c')).toMatchObject({ durable: true });
    await lose();
    expect(await writer.invalidateKey('b', 'c')).toMatchObject({ durable: true });
    expect(await reader.mget(['a', 'b'], 'c')).toEqual([undefined, undefined]);
    await works();
  });
});
