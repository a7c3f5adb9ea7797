import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCache } from 'respcache';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { openRig, type Rig } from './rig.js';

const LEDGER = ['head', 'table', 'log', 'patterns'].map((part) => `{respcache}:${part}`);

describe('under load, when Redis loses', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server.stop());

  /** As a server begins: with nothing, and as much room as it likes. */
  beforeEach(async () => {
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await server.command('FLUSHALL');
  });

  /** Invalidates on both sides of the fault: what was durable before it must not come back. */
  async function survive(rig: Rig, strike: () => Promise<unknown>): Promise<void> {
    const [express, koa] = rig.apps;
    await rig.hit();
    expect(await rig.invalidate(koa)).toMatchObject({ durable: true });
    await strike();
    await rig.answered(12);
    expect(await rig.invalidate(express)).toMatchObject({ durable: true });
    await rig.hit();
    await strike();
    expect(await rig.invalidate(koa)).toMatchObject({ durable: true });
    await rig.hit();
    await rig.mended();
  }

  it('everything (FLUSHALL)', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await survive(rig, () => server.command('FLUSHALL'));
  });

  it.each([...LEDGER.map((key) => [key]), LEDGER])('keys of the ledger: %s', async (...keys) => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await survive(rig, () => server.command('DEL', ...keys));
  });

  it('the sense of the head of the ledger', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await survive(rig, () => server.command('SET', LEDGER[0]!, 'nonsense'));
  });

  it.each([
    ['no text', "'\\255\\254'"],
    ['no text before a place', "'\\255.5:5'"],
    ['without a place', "'4.16.256.some.5:'"],
    ['of no epoch that there is', "'some:5'"],
  ])('the sense of the head of the ledger: bytes that are %s', async (_what, bytes) => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await survive(rig, () => server.command('EVAL', `redis.call('SET', KEYS[1], ${bytes})`, '1', LEDGER[0]!));
  });

  it.each(LEDGER)('the sense of a key of the ledger: %s is of another type', async (key) => {
    const rig = await openRig({ redis: [server.url, server.url] });
    const spoil = "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], 'non', 'sense')";
    await survive(rig, () => server.command('EVAL', spoil, '1', key));
  });

  it('the entries, damaged one by one', async () => {
    const rig = await openRig({ redis: [server.url, server.url], writer: false, options: { l1: false } });
    await rig.hit(24);
    const damage = `
      for i, key in ipairs(redis.call('KEYS', 'client:*')) do
        if i % 3 == 0 then redis.call('SETRANGE', key, i, 'damaged') end
        if i % 3 == 1 then redis.call('SET', key, 'RC') end
        if i % 3 == 2 then redis.call('DEL', key); redis.call('RPUSH', key, 'a list') end
      end`;
    await server.command('EVAL', damage, '0');
    await rig.answered(24);
    await rig.hit(24);
    expect(rig.apps[0].failures.get('decode') ?? 0).toBeGreaterThan(0);
  });

  it('the room to write (maxmemory, noeviction)', async () => {
    // With patience: an answer that says no is an answer, and the breaker must not open for any other reason here. And
    // without copies in the processes, which would go on serving.
    const options = { timeout: 1500, l1: false };
    const rig = await openRig({ redis: [server.url, server.url], writer: false, options });
    const [express, koa] = rig.apps;
    await rig.hit(24);
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await server.command('CONFIG', 'SET', 'maxmemory', '1mb');
    await expect(server.command('SET', 'foreign', 'x')).rejects.toThrow(/OOM/);
    // What is there is served; an invalidation needs no room; what is made then is not kept.
    await rig.hit();
    for (const app of rig.apps) expect(await rig.invalidate(app)).toMatchObject({ durable: true });
    await rig.answered(24);
    await vi.waitFor(() => expect(express.failures.get('write')).toBeGreaterThan(0));
    const hits = rig.apps.map(({ load }) => load.hits);
    await rig.answered(24);
    expect(rig.apps.map(({ load }) => load.hits)).toEqual(hits);
    for (const { breaker } of rig.apps) expect(breaker).toEqual([]);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await rig.hit();
    expect(await rig.invalidate(koa)).toMatchObject({ durable: true });
    await rig.hit();
  });

  it('room again and again, and evicts (allkeys-random)', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await rig.hit();
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
    for (let round = 0; round < 4; round++) {
      await server.command('CONFIG', 'SET', 'maxmemory', '1mb');
      await rig.answered(6);
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      await rig.answered(12);
    }
    await rig.hit();
    await rig.durable(rig.apps[0]);
  });
});

describe('under load, when Redis comes back with an older state', () => {
  it('what was invalidated since then does not come back', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'respcache-rdb-'));
    const server = await startRedis({ dir });
    try {
      const rig = await openRig({ redis: [server.url, server.url], writer: false });
      const [express, koa] = rig.apps;
      await express.cache.mset({ a: 'old', b: 'old' }, 'client-1');
      await rig.hit(24);
      await server.command('SAVE');
      expect(await express.cache.invalidatePattern('a', 'client-1')).toMatchObject({ durable: true });
      expect(await rig.invalidate(express)).toMatchObject({ durable: true });
      // Both have learnt of it.
      await rig.hit();
      await server.kill();
      await server.restart();
      expect(await server.command('EXISTS', '{respcache}:head', 'client:client-1:a', 'client:client-1:b')).toBe(3);
      await rig.hit();
      // A process that starts now and has seen nothing of it learns it from those that have.
      const later = createCache({ redis: server.url, timeout: 2000 });
      expect(await later.mget(['a', 'b'], 'client-1')).toEqual([undefined, 'old']);
      await later.close();
      await rig.durable(koa);
      await rig.hit();
      await rig.close();
    } finally {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
