import { createCache, RespcacheError } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
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

  it('a flush ends when closing has waited long enough', async () => {
    const cache = createCache({ redis: false, writeBehind: { closeTimeout: 1 } });
    cache.onWriteBehind('save', () => new Promise(() => {}));
    await cache.writeBehind('n', 1, 'c', { handler: 'save' });
    const flushed = cache.flush();
    await cache.close();
    await flushed;
  });

  it('cannot be durable without Redis', () => {
    expect(() => createCache({ redis: false, writeBehind: { durable: true } })).toThrow(
      'option writeBehind.durable is true',
    );
  });
});
