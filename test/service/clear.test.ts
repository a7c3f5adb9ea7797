import { Redis } from 'ioredis';
import { createCache } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { type Backend, byUrl, cluster, useBackend } from './backends.js';

function clearSuite(backend: Backend): void {
  const bench = useBackend(backend);
  const own = async () => (await bench.keys()).filter((key) => !key.includes('{respcache}'));

  it('removes its own entries in the end, and leaves every other key alone', async () => {
    const cache = bench.open({ prefix: 'shop:' });
    const other = bench.open({ prefix: 'shop2:' });
    const bare = bench.open();
    for (const key of [
      'foreign',
      'client',
      'shop',
      'shop:',
      'shop:client',
      'shop:clients:a:b',
      'session:shop:client:c:a',
    ]) {
      await bench.onOwner('SET', key, 'not yours');
    }
    for (const each of [cache, other, bare]) await each.mset({ a: 1, 'b:c': 2 }, 'c');
    const before = await own();
    expect(before).toContain('shop:client:c:a');

    expect(await cache.clear()).toMatchObject({ durable: true });
    const left = before.filter((key) => !key.startsWith('shop:client:'));
    await vi.waitFor(async () => expect(await own()).toEqual(left), { timeout: 10_000 });
    expect(await cache.mget(['a', 'b:c'], 'c')).toEqual([undefined, undefined]);
    expect(await other.mget(['a', 'b:c'], 'c')).toEqual([1, 2]);
    expect(await bare.mget(['a', 'b:c'], 'c')).toEqual([1, 2]);
  });

  it('removes many entries of all clients', async () => {
    const cache = bench.open();
    await Promise.all(
      Array.from({ length: 40 }, (_, client) =>
        cache.mset(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key:${i}`, i])), `client-${client}`),
      ),
    );
    expect((await own()).length).toBe(2000);
    await cache.clear();
    await vi.waitFor(async () => expect(await own()).toEqual([]), { timeout: 10_000 });
  });

  it('leaves what is stored after it', async () => {
    const cache = bench.open();
    await cache.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`old:${i}`, i])), 'c');
    await cache.clear();
    await cache.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`new:${i}`, i])), 'c');
    await vi.waitFor(async () => expect((await own()).filter((key) => key.includes(':old:'))).toEqual([]), {
      timeout: 10_000,
    });
    expect((await own()).length).toBe(500);
    expect(await cache.get('new:499', 'c')).toBe(499);
  });

  it('takes the signs of a prefix for themselves', async () => {
    const cache = bench.open({ prefix: 'app[12]*?:' });
    const alike = bench.open({ prefix: 'app1xyz:' });
    await cache.set('a', 1, 'c');
    await alike.set('a', 1, 'c');
    await cache.clear();
    await vi.waitFor(async () => expect(await own()).toEqual(['app1xyz:client:c:a']), { timeout: 10_000 });
    expect(await alike.get('a', 'c')).toBe(1);
  });

  it('never uses commands that block or empty the server', async () => {
    await bench.command('CONFIG', 'RESETSTAT');
    const cache = bench.open();
    await cache.mset({ a: 1, b: 2 }, 'c');
    await cache.clear();
    await cache.invalidatePattern('*', 'c');
    await cache.invalidateTenant('c');
    // The entries are gone: the sweep has been here. (This test's own look at the keys comes after the figures.)
    await vi.waitFor(async () => expect(await bench.onOwner('EXISTS', 'client:c:a')).toBe(0), { timeout: 10_000 });
    const stats = (await bench.command('INFO', 'commandstats')).join('\n');
    expect(stats).toMatch(/cmdstat_scan:/);
    expect(stats).not.toMatch(/cmdstat_(keys|flushall|flushdb):/);
  });
}

describe('clear on Redis', () => {
  clearSuite(byUrl);
});

describe('clear on a Cluster', () => {
  clearSuite(cluster());
});

describe('clear over a client with a keyPrefix', () => {
  const bench = useBackend(byUrl);

  it('removes what the client put under its prefix, and nothing else', async () => {
    const client = new Redis(bench.servers[0]!.url, { keyPrefix: 'mine:' });
    bench.atEnd(() => client.disconnect());
    const cache = createCache({ redis: client, timeout: 5000 });
    bench.atEnd(() => cache.close());
    const bare = bench.open();
    await cache.set('a', 1, 'c');
    await bare.set('a', 2, 'c');
    expect(await bench.keys()).toEqual(expect.arrayContaining(['client:c:a', 'mine:client:c:a']));
    await cache.clear();
    await vi.waitFor(async () => expect(await bench.keys()).not.toContain('mine:client:c:a'), { timeout: 10_000 });
    expect(await cache.get('a', 'c')).toBeUndefined();
    expect(await bare.get('a', 'c')).toBe(2);
  });
});
