import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCache, type PersistRequest, RespcacheError } from 'respcache';
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
    for (const key of ['a', 'b', 'a']) await cache.writeBehind(key, 1, 'c', { handler: 'save' });
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

  it('nor where another one still waits for room behind it', async () => {
    const cache = createCache({ redis: false, writeBehind: { maxQueue: 1, waitForRoom: 10_000 } });
    const seen: unknown[] = [];
    const failing = [deferred<void>(), deferred<void>()];
    cache.onWriteBehind<number>(
      'save',
      async ({ value, attempt }) => {
        if (attempt === 1 && value < 2) {
          await failing[value]!.promise;
          throw new Error('not now');
        }
        seen.push(value);
      },
      { coalesce: true, backoff: () => 20 },
    );
    const write = (value: number) => cache.writeBehind('a', value, 'c', { handler: 'save' });
    const writes = [0, 1, 2].map(write);
    for (const { resolve: fail } of failing) {
      const failed = new Promise((resolve) => cache.on('error', resolve));
      fail();
      await failed;
      await nextTurn();
    }
    await Promise.all([...writes, write(3)]);
    await cache.flush();
    expect(seen).toEqual([0, 1, 2, 3]);
    await cache.close();
  });

  it('nor by what a handler writes as there is room for several', async () => {
    const cache = createCache({ redis: false, writeBehind: { maxQueue: 2, waitForRoom: 10_000 } });
    const seen: [key: string, value: unknown][] = [];
    let [broken, written] = [true, Promise.resolve()];
    cache.onWriteBehind(
      'save',
      ({ key, value }) => {
        if (broken) throw new Error('never');
        seen.push([key, value]);
        if (key === 'a') written = cache.writeBehind('b', 2, 'c', { handler: 'save' });
      },
      { retries: 0 },
    );
    for (const key of ['d', 'e']) await cache.writeBehind(key, 1, 'c', { handler: 'save' });
    await cache.flush();
    broken = false;
    const writes = ['a', 'b'].map((key) => cache.writeBehind(key, 1, 'c', { handler: 'save' }));
    await cache.discardDeadLetters();
    await Promise.all([...writes, written]);
    await cache.flush();
    expect(seen).toEqual([
      ['a', 1],
      ['b', 1],
      ['b', 2],
    ]);
    await cache.close();
  });

  it('no more writers are let in than there is room for', async () => {
    const cache = createCache({ redis: false, writeBehind: { maxQueue: 1, waitForRoom: 10_000 } });
    const gates = new Map(['a', 'b', 'd'].map((key) => [key, deferred<void>()]));
    cache.onWriteBehind('save', ({ key }) => gates.get(key)!.promise);
    const entered: string[] = [];
    const writes = [...gates.keys()].map(async (key) => {
      await cache.writeBehind(key, 1, 'c', { handler: 'save' });
      entered.push(key);
    });
    await writes[0];
    gates.get('a')!.resolve();
    await writes[1];
    await nextTurn();
    expect(entered).toEqual(['a', 'b']);
    for (const gate of gates.values()) gate.resolve();
    await Promise.all(writes);
    await cache.close();
  });

  it.each([
    ['later', ['slow', 'quick']],
    ['sooner', ['quick', 'slow']],
  ])('what is to be tried again is not late for what failed before it, and is to be tried %s', async (_, names) => {
    const cache = createCache({ redis: false, writeBehind: { closeTimeout: 1 } });
    const fail = ({ attempt }: PersistRequest) => {
      if (attempt === 1) throw new Error('not now');
    };
    cache.onWriteBehind('slow', fail, { backoff: () => 60_000 });
    cache.onWriteBehind('quick', fail, { backoff: () => 20 });
    const persisted = new Promise((resolve) => cache.on('persist', resolve));
    for (const handler of names) {
      const failed = new Promise((resolve) => cache.on('error', resolve));
      await cache.writeBehind(handler, 1, 'c', { handler });
      await failed;
      await nextTurn();
    }
    expect(await persisted).toMatchObject({ handler: 'quick', attempt: 2 });
    await cache.close();
  });

  it('what is at its next attempt is not begun once more as another one’s pause is over', async () => {
    const cache = createCache({ redis: false });
    const gate = deferred<void>();
    const save = vi.fn(async ({ key, attempt }: PersistRequest) => {
      if (attempt === 1) throw new Error('not now');
      if (key === 'a') await gate.promise;
    });
    cache.onWriteBehind('save', save, { backoff: () => 1 });
    await cache.writeBehind('a', 1, 'c', { handler: 'save' });
    await vi.waitFor(() => expect(save).toHaveBeenCalledTimes(2));
    const persisted = new Promise((resolve) => cache.on('persist', resolve));
    await cache.writeBehind('b', 1, 'c', { handler: 'save' });
    await persisted;
    gate.resolve();
    await cache.flush();
    expect(save.mock.calls.map(([{ key, attempt }]) => [key, attempt])).toEqual([
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['b', 2],
    ]);
    await cache.close();
  });

  it('leaves no timer behind: neither of who waited for room, nor of what was to be tried again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const cache = createCache({ redis: false, writeBehind: { maxQueue: 2, closeTimeout: 1 } });
      const gate = deferred<void>();
      const fail = () => Promise.reject(new Error('not now'));
      cache.onWriteBehind('slow', fail, { backoff: () => 60_000 });
      cache.onWriteBehind('slower', fail, { backoff: () => 90_000 });
      cache.onWriteBehind('save', () => gate.promise);
      for (const key of ['a', 'b']) await cache.writeBehind(key, 1, 'c', { handler: 'save' });
      const before = vi.getTimerCount();
      for (const handler of ['slower', 'slow']) {
        const failed = new Promise((resolve) => cache.on('error', resolve));
        const writing = cache.writeBehind(handler, 1, 'c', { handler });
        gate.resolve();
        await writing;
        await failed;
        await nextTurn();
      }
      expect(vi.getTimerCount()).toBe(before + 1);
      const closed = cache.close();
      await vi.advanceTimersByTimeAsync(1);
      await closed;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('tries a write again after 100 ms, doubling, up to 30 s, unless it is told otherwise, and never later than after a day', () => {
    const work = vi.spyOn(MemoryQueue.prototype, 'work');
    const cache = createCache({ redis: false });
    cache.onWriteBehind('usual', () => {});
    cache.onWriteBehind('never', () => {}, { backoff: () => Number.POSITIVE_INFINITY });
    const [usual, never] = work.mock.calls.map(([handler]) => handler);
    work.mockRestore();
    expect(usual).toMatchObject({ coalesce: false, retries: 10, concurrency: 10 });
    expect([1, 2, 3, 9, 10, 2000].map((attempt) => usual!.backoff(attempt))).toEqual([
      100, 200, 400, 25_600, 30_000, 30_000,
    ]);
    expect(never!.backoff(1)).toBe(86_400_000);
  });

  it('cannot be durable without Redis', () => {
    expect(() => createCache({ redis: false, writeBehind: { durable: true } })).toThrow(
      'option writeBehind.durable is true',
    );
  });
});
