// A client of the caller's own asks again, over its next connection, what was under way as one was lost: it may have been done.

import { Redis } from 'ioredis';
import { type Cache, createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Script } from '../../src/stores/script.js';
import { ADD, DEAD, REPLAY, TAKE } from '../../src/write-behind/lane-scripts.js';
import { type LosingProxy, startLosingProxy } from '../support/losing-proxy.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let server: RedisServer;
let proxy: LosingProxy;
let redis: Redis;
let cache: Cache;

beforeEach(async () => {
  server = await startRedis();
  proxy = await startLosingProxy(server.port);
  redis = new Redis(proxy.port);
  redis.on('error', () => {});
  cache = createCache({ redis, timeout: 5000, writeBehind: { durable: true } });
});

afterEach(async () => {
  await cache.close();
  redis.disconnect();
  await proxy.close();
  await server.stop();
});

/** By its digest, as it is sent from the second time on. */
const loseAnswerTo = ({ sha }: Script) => proxy.lose(sha);

describe('durable write-behind over a client that asks twice', () => {
  let isUp: boolean;
  const save = vi.fn();
  const write = (key: string) => cache.writeBehind(key, 'new', 'c', { handler: 'save' });

  beforeEach(async () => {
    save.mockReset().mockImplementation(() => {
      if (!isUp) throw new Error('the database is down');
    });
    cache.onWriteBehind('save', save, { retries: 0 });
    // Each script has been sent whole then.
    isUp = false;
    await write('before');
    await cache.flush();
    isUp = true;
    expect(await cache.replayDeadLetters()).toBe(1);
    await cache.flush();
    save.mockClear();
  });

  afterEach(() => expect(proxy.lost).toBe(1));

  it('has a write that is given up out of the cache, and tells of it', async () => {
    const told = vi.fn();
    cache.on('persist', told);
    isUp = false;
    loseAnswerTo(DEAD);
    await write('n');
    await vi.waitFor(() => expect(told).toHaveBeenCalledWith(expect.objectContaining({ dead: expect.anything() })));
    await vi.waitFor(async () => expect(await cache.get('n', 'c')).toBeUndefined());
    expect(await cache.deadLetters()).toHaveLength(1);
  });

  it('persists a dead letter that is replayed, and counts it', async () => {
    isUp = false;
    await write('n');
    await cache.flush();
    isUp = true;
    loseAnswerTo(REPLAY);
    expect(await cache.replayDeadLetters()).toBe(1);
    await cache.flush();
    expect(save).toHaveBeenLastCalledWith(expect.objectContaining({ key: 'n', value: 'new', attempt: 1 }));
  });

  it('persists a write once', async () => {
    loseAnswerTo(ADD);
    await write('n');
    await cache.flush();
    expect(save).toHaveBeenCalledTimes(1);
    expect(await cache.get('n', 'c')).toBe('new');
  });

  it('does not wait for itself', async () => {
    loseAnswerTo(TAKE);
    await write('n');
    await cache.flush();
    expect(save).toHaveBeenLastCalledWith(expect.objectContaining({ key: 'n', attempt: 1 }));
  });
});
