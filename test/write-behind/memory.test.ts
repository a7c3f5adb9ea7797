import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCache, RespcacheError } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.js';
import { MemoryQueue } from '../../src/write-behind/memory-queue.js';
import type { Newer, Write } from '../../src/write-behind/write.js';
import { deferred } from '../service/backends.js';
import { writeBehindSuite } from './suite.js';

describe('write-behind in this process', () => {
  writeBehindSuite({ durable: false, target: () => false });

  it('refuses a write whose handler is not here, and caches nothing', async () => {
    const cache = createCache({ redis: false });
    await expect(cache.writeBehind('n', 1, 'c', { handler: 'nobody' })).rejects.toThrow(RespcacheError);
    await expect(cache.writeBehind('n', 1, 'c', { handler: 'nobody' })).rejects.toThrow('there is no handler nobody');
    expect(await cache.get('n', 'c')).toBeUndefined();
    await cache.close();
  });

  it('gives up, aloud, what is not persisted by the time that closing waits', async () => {
    const cache = createCache({ redis: false, writeBehind: { closeTimeout: 1 } });
    const told = vi.fn();
    cache.on('persist', told);
    cache.onWriteBehind('save', () => new Promise(() => {}));
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.close();
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ dead: expect.stringContaining('closed before') }));
  });

  it('keeps dead letters where they are once it is closed: nobody would persist them', async () => {
    const cache = createCache({ redis: false });
    cache.onWriteBehind('save', () => Promise.reject(new Error('never')), { retries: 0 });
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    await cache.flush();
    await cache.close();
    await expect(cache.replayDeadLetters()).rejects.toThrow('the cache is closed');
    expect(await cache.deadLetters()).toMatchObject([{ key: 'n', value: 1 }]);
    await cache.flush();
  });

  it('calls no handler any more for what it has given up', async () => {
    const cache = createCache({ redis: false, writeBehind: { closeTimeout: 1 } });
    const gate = deferred<void>();
    const save = vi.fn(() => gate.promise);
    cache.onWriteBehind('save', save, { concurrency: 1 });
    for (const key of ['a', 'b']) await cache.writeBehind(key, 1, 'c', { handler: 'save' });
    await cache.close();
    const persisted = new Promise((resolve) => cache.on('persist', resolve));
    gate.resolve();
    await persisted;
    await nextTurn();
    expect(save).toHaveBeenCalledTimes(1);
  });

  it('nor one that is registered once it is closed', async () => {
    const cache = createCache({ redis: false, writeBehind: { closeTimeout: 1 } });
    const end = cache.onWriteBehind('save', () => new Promise(() => {}), { concurrency: 1 });
    for (const key of ['a', 'b']) await cache.writeBehind(key, 1, 'c', { handler: 'save' });
    void end();
    await cache.close();
    const save = vi.fn();
    await cache.onWriteBehind('save', save)();
    expect(save).not.toHaveBeenCalled();
  });

  it('gives up all at once as it is closed: each would wait a second for a Redis that hangs', async () => {
    const gate = deferred<void>();
    const given: [key: string, newer: boolean][] = [];
    const dead = vi.fn(async ({ key }: Write, _error: unknown, newer: Newer) => {
      given.push([key, await newer()]);
      await gate.promise;
    });
    const work = { persist: () => new Promise<void>(() => {}), persisted: vi.fn(), dead };
    const queue = new MemoryQueue({ clock: systemClock, most: 10, patience: 1, work });
    const handler = { name: 'save', coalesce: false, retries: 0, concurrency: 1, persist: vi.fn(), backoff: () => 1 };
    queue.work(handler);
    for (const [i, key] of ['a', 'a', 'b'].entries())
      await queue.add(
        { id: `${i}`, handler: 'save', key, clientId: 'c', body: Buffer.of(i), writtenAt: 0, invalidate: {} },
        handler,
      );
    const closed = queue.close(1);
    await vi.waitFor(() => expect(given).toHaveLength(3));
    // A key is invalidated once, however many of its writes there were.
    expect(given).toEqual([
      ['a', true],
      ['a', false],
      ['b', false],
    ]);
    gate.resolve();
    await closed;
  });

  it('a flush ends when closing has waited long enough', async () => {
    const cache = createCache({ redis: false, writeBehind: { closeTimeout: 1 } });
    cache.onWriteBehind('save', () => new Promise(() => {}));
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    const flushed = cache.flush();
    await cache.close();
    await flushed;
  });

  it('a write that waits for room is not overtaken by one that could take the place of another', async () => {
    const cache = createCache({ redis: false, writeBehind: { maxQueue: 1, waitForRoom: 10_000 } });
    const seen: unknown[] = [];
    const failing = deferred<void>();
    cache.onWriteBehind(
      'save',
      async ({ value, attempt }) => {
        if (value === 0 && attempt === 1) await failing.promise;
        seen.push(value);
      },
      { coalesce: true, backoff: () => 20 },
    );
    const failed = new Promise((resolve) => cache.on('error', resolve));
    const write = (value: number) => cache.writeBehind('a', value, 'c', { handler: 'save' });
    await write(0);
    const second = write(1);
    failing.reject(new Error('not now'));
    await failed;
    // By the next turn the first one waits for its second attempt.
    await nextTurn();
    await Promise.all([second, write(2)]);
    await cache.flush();
    expect(seen).toEqual([0, 1, 2]);
    expect(await cache.get('a', 'c')).toBe(2);
    await cache.close();
  });

  it.each([{ coalesce: false }, { coalesce: true }])(
    'a write that has waited for room does not come over a later one in the cache: %o',
    async (options) => {
      const cache = createCache({ redis: false, writeBehind: { maxQueue: 2, closeTimeout: 1 } });
      cache.onWriteBehind('fail', () => Promise.reject(new Error('never')), { retries: 0 });
      cache.onWriteBehind('save', () => new Promise(() => {}), options);
      for (const key of ['a', 'b']) await cache.writeBehind(key, 1, 'c', { handler: 'fail' });
      await cache.flush();
      const first = cache.writeBehind('n', 'first', 'c', { handler: 'save' });
      // It enters as there is room, and the second is called in the same turn of the event loop.
      void cache.discardDeadLetters();
      const second = cache.writeBehind('n', 'second', 'c', { handler: 'save' });
      await Promise.all([first, second]);
      expect(await cache.get('n', 'c')).toBe('second');
      await cache.close();
    },
  );

  it('cannot be durable without Redis', () => {
    expect(() => createCache({ redis: false, writeBehind: { durable: true } })).toThrow(
      'option writeBehind.durable is true',
    );
  });
});
