// What a process knows of the ledger without having read each purge by itself, when a failover takes that back.

import { Redis } from 'ioredis';
import { type Cache, type CacheOptions, createCache, type RedisClient } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tenantTag } from '../../src/invalidation/tags.js';
import { type RedisPair, startPair } from '../support/failover.js';
import type { RedisServer } from '../support/redis.js';
import { purgesIn } from './places.js';

/** Puts the ledger of one prefix in the place of another's, in one step, and gives the head that it has then. */
function copyLedger(server: RedisServer, from: string, to: string): Promise<unknown> {
  const keys = [from, to].flatMap((prefix) => ['head', 'table', 'log'].map((part) => `${prefix}{respcache}:${part}`));
  const lua = "for i = 1, 3 do redis.call('RESTORE', KEYS[i + 3], 0, redis.call('DUMP', KEYS[i]), 'REPLACE') end";
  return server.command('EVAL', `${lua} return redis.call('GET', KEYS[4])`, '6', ...keys);
}

describe('what was invalidated does not come back with a replica that lacks it', () => {
  let pair: RedisPair;
  const caches: Cache[] = [];

  beforeEach(async () => {
    pair = await startPair();
  });

  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
    await pair.stop();
  });

  function open(redis: string | RedisClient, options: CacheOptions = { l1: false }): Cache {
    const cache = createCache({ redis, timeout: 2000, ...options });
    caches.push(cache);
    return cache;
  }

  async function reachable(cache: Cache): Promise<void> {
    await vi.waitFor(async () => expect(await cache.health()).toMatchObject({ reachable: true }), {
      timeout: 5000,
      interval: 5,
    });
  }

  /** A value that the replica has, and its invalidation, which it lacks. */
  async function invalidated(by: Cache): Promise<void> {
    await by.set('k', 'old', 'c', { tags: ['t'] });
    await pair.inStep();
    pair.part();
    expect(await by.invalidateByTags(['t'])).toMatchObject({ durable: true });
  }

  /** The replica takes over. */
  async function takeOver(): Promise<void> {
    await pair.fail();
    await pair.promote();
    pair.lead();
  }

  /** The replica takes over; somebody who knows nothing goes on from what it has before the others are back. */
  async function goOn(): Promise<void> {
    await pair.fail();
    await pair.promote();
    expect(await open(pair.replica.url).invalidateTenant('somebody')).toMatchObject({ durable: true });
    pair.lead();
  }

  it('where it is known from the loaded table alone, and somebody has gone on', async () => {
    const writer = open(pair.url);
    await invalidated(writer);
    const late = open(pair.url);
    expect(await late.get('k', 'c')).toBeUndefined();
    await writer.close();
    await goOn();
    await reachable(late);
    expect(await late.get('k', 'c')).toBeUndefined();
    expect(await late.get('k', 'c')).toBeUndefined();
  });

  it('where more was lost than is remembered, and somebody has gone on', async () => {
    const writer = open(pair.url);
    await invalidated(writer);
    for (let i = 0; i < 2100; i++) await writer.invalidateKey(`none:${i}`, 'c');
    await goOn();
    await reachable(writer);
    expect(await writer.get('k', 'c')).toBeUndefined();
  });

  it('where it came with the table of a new epoch', async () => {
    const [writer, reader] = [open(pair.url), open(pair.url)];
    await reader.get('k', 'c');
    await pair.master.command('FLUSHALL');
    await invalidated(writer);
    expect(await reader.get('k', 'c')).toBeUndefined();
    await writer.close();
    await takeOver();
    await reachable(reader);
    expect(await reader.get('k', 'c')).toBeUndefined();
    expect(await reader.get('k', 'c')).toBeUndefined();
  });

  it.each([
    ['came after it', takeOver],
    ['came after it, and somebody has gone on in the one before', goOn],
  ])('where it was known only by the new epoch that %s', async (_, takingOver) => {
    const [writer, reader] = [open(pair.url), open(pair.url)];
    await writer.set('k', 'old', 'c', { tags: ['t'] });
    expect(await reader.get('k', 'c')).toBe('old');
    await invalidated(writer);
    await pair.master.command('DEL', '{respcache}:head');
    expect(await reader.get('k', 'c')).toBeUndefined();
    await writer.close();
    await takingOver();
    await reachable(reader);
    expect(await reader.get('k', 'c')).toBeUndefined();
    expect(await reader.get('k', 'c')).toBeUndefined();
  });

  it('nor is what was invalidated before the ledger was lost invalidated once more', async () => {
    const cache = open(pair.url);
    expect(await cache.clear()).toMatchObject({ durable: true });
    await pair.master.command('FLUSHALL');
    await cache.get('k', 'c');
    await cache.set('k', 'new', 'c');
    await pair.inStep();
    pair.part();
    expect(await cache.invalidateTenant('somebody')).toMatchObject({ durable: true });
    await takeOver();
    await reachable(cache);
    await vi.waitFor(async () => expect(await purgesIn(pair.replica)).toContain(tenantTag('somebody')));
    expect(await cache.get('k', 'c')).toBe('new');
  });

  it.each<[who: string, options: CacheOptions]>([
    ['keeps no copies', { l1: false }],
    ['asks for the head each time', { consistency: 'strong' }],
    ['follows the log', {}],
  ])('where connections stand (in a Cluster, say), and who entered it is idle and %s', async (_, options) => {
    const [writer, reader] = [open(pair.url, options), open(pair.master.url)];
    await reader.set('k', 'old', 'c', { tags: ['t'] });
    expect(await writer.get('k', 'c')).toBe('old');
    const head = await copyLedger(pair.master, '', 'saved:');
    expect(await writer.invalidateByTags(['t'])).toMatchObject({ durable: true });
    expect(await copyLedger(pair.master, 'saved:', '')).toBe(head);
    await vi.waitFor(async () => expect(await purgesIn(pair.master)).toContain('G:t'), { timeout: 5000, interval: 20 });
    expect(await reader.get('k', 'c')).toBeUndefined();
  });

  it('with a write that began before it, where two were masters for a while, and this process was told more by the other', async () => {
    const writer = open(pair.url);
    await writer.get('k', 'c');
    await pair.inStep();
    pair.part();
    await pair.promote();
    let done!: (value: string) => void;
    const persisted = new Promise<string>((resolve) => {
      done = resolve;
    });
    const persist = vi.fn(() => persisted);
    const writing = writer.writeThrough('k', persist, 'c', { tags: ['t'] });
    await vi.waitFor(() => expect(persist).toHaveBeenCalled());
    const other = open(pair.replica.url);
    expect(await other.invalidateByTags(['t'])).toMatchObject({ durable: true });
    expect(await writer.invalidateTenant('somebody')).toMatchObject({ durable: true });
    await pair.fail();
    pair.lead();
    await reachable(writer);
    await vi.waitFor(async () => expect(await purgesIn(pair.replica)).toContain(tenantTag('somebody')));
    done('old');
    expect(await writing).toBe('old');
    expect(await writer.get('k', 'c')).toBeUndefined();
  });

  it("where the caller's client asks the new master for what the old one had not answered", async () => {
    const client = new Redis(pair.url);
    client.on('error', () => {});
    const [cache, other] = [open(client), open(pair.master.url)];
    await cache.set('k', 'old', 'c', { tags: ['t'] });
    await pair.inStep();
    pair.part();
    // This process is behind now, so that it has to read the log after its own purge.
    expect(await other.invalidateTenant('somebody')).toMatchObject({ durable: true });
    const reading = vi.spyOn(client, 'xrange');
    pair.latency = 100;
    const purging = cache.invalidateByTags(['t']);
    await vi.waitFor(() => expect(reading).toHaveBeenCalled(), { timeout: 5000, interval: 1 });
    await pair.fail();
    pair.latency = 0;
    await pair.promote();
    pair.lead();
    await purging;
    await reachable(cache);
    expect(await cache.get('k', 'c')).toBeUndefined();
    await vi.waitFor(async () => expect(await purgesIn(pair.replica)).toContain('G:t'));
    client.disconnect();
  });
});
