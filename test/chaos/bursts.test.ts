// Many invalidations at once, and at the worst moment.

import { Redis } from 'ioredis';
import { createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

describe('invalidations', () => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await startRedis();
  });

  afterEach(() => server.stop());

  it('none is left behind, whenever it comes: so many steps after an answer of Redis', async () => {
    const client = new Redis(server.url);
    const cache = createCache({ redis: client, l1: false });
    await cache.invalidateKey('warm', 'c');
    for (let steps = 0; steps < 12; steps++) {
      // Both answers come in one piece: that to the purge, and another that the application has waited for.
      const first = cache.invalidateKey('first', 'c');
      for (let i = 0; i < 3; i++) await Promise.resolve();
      const second = client.echo('x').then(async () => {
        for (let i = 0; i < steps; i++) await Promise.resolve();
        return cache.invalidateKey('second', 'c');
      });
      expect(await first).toMatchObject({ durable: true });
      expect(await second, `${steps} steps after`).toMatchObject({ durable: true });
    }
    await cache.close();
    client.disconnect();
  });

  it('of thousands of patterns do not hold up Redis', { timeout: 40_000 }, async () => {
    const cache = createCache({ redis: server.url, l1: false });
    await cache.invalidateKey('warm', 'c');
    const patterns = Array.from({ length: 4000 }, (_, i) => `users:${i}:*`);
    await Promise.all(patterns.map((pattern) => cache.invalidatePattern(pattern, 'c')));
    // Behind all of them.
    await vi.waitFor(async () => expect(await cache.invalidateKey('k', 'c')).toMatchObject({ durable: true }), {
      timeout: 20_000,
    });
    const stats = String(await server.command('INFO', 'commandstats'));
    // Microseconds.
    expect(Number(/^cmdstat_evalsha:calls=\d+,usec=(\d+)/m.exec(stats)?.[1])).toBeLessThan(300_000);
    await cache.close();
  });

  it('of long tags do not pile up in Redis, and reach every process', async () => {
    const open = () => createCache({ redis: server.url });
    const [here, there] = [open(), open()];
    const tags = Array.from({ length: 10 }, (_, i) => `tag-${i}-${'x'.repeat(20_000)}`);
    await there.set('k', 'old', 'c', { tags: tags.slice(-1) });
    for (let i = 0; i < 60; i++) await here.invalidateByTags(tags, 'c');
    expect(await there.get('k', 'c')).toBeUndefined();
    // Megabytes: all of them are 12.
    expect(Number(await server.command('MEMORY', 'USAGE', '{respcache}:log', 'SAMPLES', '0')) / 1e6).toBeLessThan(10.5);
    expect(await there.invalidateByTags(['tag-1'], 'c')).toMatchObject({ durable: true });
    await Promise.all([here.close(), there.close()]);
  });
});
