import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCache, RespcacheError } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
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

  it('cannot be durable without Redis', () => {
    expect(() => createCache({ redis: false, writeBehind: { durable: true } })).toThrow(
      'option writeBehind.durable is true',
    );
  });
});
