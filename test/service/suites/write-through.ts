import { type Cache, ConfigError } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { type Bench, deferred } from '../backends.js';

interface User {
  id: number;
  name: string;
}

export function writeThroughSuite(bench: Bench): void {
  describe('writeThrough', () => {
    it('persists, and has in the cache what was persisted', async () => {
      const [cache, other] = bench.pair();
      const order: string[] = [];
      const off = cache.on('set', () => order.push('cached'));
      const persist = async () => {
        order.push('persisted');
        return { id: 7, at: new Date(0) };
      };
      expect(await cache.writeThrough('users:7', persist, 'c', { ttl: 600 })).toEqual({ id: 7, at: new Date(0) });
      off();
      expect(order).toEqual(['persisted', 'cached']);
      for (const each of [cache, other]) expect(await each.get('users:7', 'c')).toEqual({ id: 7, at: new Date(0) });
    });

    it('takes the key from what was persisted', async () => {
      const cache = bench.cache();
      await cache.writeThrough(
        (user) => `users:${user.id}`,
        async (): Promise<User> => ({ id: 8, name: 'Ana' }),
        'c',
      );
      expect(await cache.get('users:8', 'c')).toEqual({ id: 8, name: 'Ana' });
    });

    it('takes the place of what was there, many times', async () => {
      const [cache, other] = bench.pair();
      for (let i = 0; i < 3; i++) {
        await cache.writeThrough('n', () => i, 'c', { tags: ['numbers'] });
        expect(await other.get('n', 'c')).toBe(i);
      }
      await other.invalidateByTags(['numbers'], 'c');
      expect(await cache.get('n', 'c')).toBeUndefined();
    });

    it('gives the caller a value of its own', async () => {
      const cache = bench.cache();
      const value = { list: [1] };
      const given = await cache.writeThrough('n', () => value, 'c');
      given.list.push(2);
      value.list.push(3);
      expect(await cache.get('n', 'c')).toEqual({ list: [1] });
    });

    it('invalidates what else the write makes out of date, and leaves other clients alone', async () => {
      const cache = bench.cache();
      for (const client of ['c', 'd']) {
        await cache.set('users:list', [], client);
        await cache.set('users:count', 0, client, { tags: ['figures'] });
        await cache.set('reports:users:7', '', client);
      }
      await cache.writeThrough('users:7', () => 'Ana', 'c', {
        invalidate: { keys: ['users:list'], tags: ['figures'], patterns: ['reports:*'] },
      });
      const keys = ['users:7', 'users:list', 'users:count', 'reports:users:7'];
      expect(await cache.mget(keys, 'c')).toEqual(['Ana', undefined, undefined, undefined]);
      expect(await cache.mget(keys, 'd')).toEqual([undefined, [], 0, '']);
    });

    it.each<[string, string | (() => string), unknown, string]>([
      ['is no value', 'users:7', { save() {} }, 'could not be cloned'],
      ['is no value, and names its key', () => 'users:7', { save() {} }, 'could not be cloned'],
      ['has no key', () => undefined as never, {}, 'key is undefined'],
    ])('invalidates where what was persisted %s', async (_, key, persisted, message) => {
      const cache = bench.cache();
      await cache.mset({ 'users:7': 'old', 'users:list': ['old'] }, 'c');
      const options = { invalidate: { keys: ['users:list'] } };
      await expect(cache.writeThrough(key, () => persisted, 'c', options)).rejects.toThrow(message);
      expect(await cache.get('users:list', 'c')).toBeUndefined();
      expect(await cache.has('users:7', 'c')).toBe(message === 'key is undefined');
    });

    it('keeps the value although its own tag is invalidated by it', async () => {
      const cache = bench.cache();
      await cache.writeThrough('users:7', () => 'Ana', 'c', { tags: ['users'], invalidate: { tags: ['users'] } });
      expect(await cache.get('users:7', 'c')).toBe('Ana');
    });

    it.each([
      ['a known key', 'users:7'],
      ['a key that is not known yet', () => 'users:7'],
    ])('that fails caches nothing, invalidates what may be out of date, and throws: %s', async (_name, key) => {
      const [cache, other] = bench.pair();
      await cache.set('users:7', 'old', 'c', { tags: ['users'] });
      await cache.set('users:list', ['old'], 'c');
      const failing = async (): Promise<string> => {
        throw new Error('the database is down');
      };
      const options = { invalidate: { keys: ['users:list'], tags: ['users'] } };
      await expect(cache.writeThrough(key, failing, 'c', options)).rejects.toThrow('the database is down');
      for (const each of [cache, other]) {
        expect(await each.get('users:7', 'c')).toBeUndefined();
        expect(await each.get('users:list', 'c')).toBeUndefined();
      }
    });

    it('leaves the old value to be read until it is persisted', async () => {
      const cache = bench.cache();
      await cache.set('n', 'old', 'c');
      const done = deferred<string>();
      const persist = vi.fn(() => done.promise);
      const writing = cache.writeThrough('n', persist, 'c');
      await vi.waitFor(() => expect(persist).toHaveBeenCalled());
      expect(await cache.get('n', 'c')).toBe('old');
      done.resolve('new');
      await writing;
      expect(await cache.get('n', 'c')).toBe('new');
    });

    it('a getOrSet that has read before is not kept', async () => {
      const [cache, other] = bench.pair();
      const read = deferred<string>();
      const factory = vi.fn(() => read.promise);
      const asked = other.getOrSet('n', factory, 'c');
      await vi.waitFor(() => expect(factory).toHaveBeenCalled());
      await cache.writeThrough('n', () => 'new', 'c');
      read.resolve('old');
      expect(await asked).toBe('old');
      for (const each of [cache, other]) expect([undefined, 'new']).toContain(await each.get('n', 'c'));
    });

    it.each([
      ['another write of the same key', (cache: Cache) => cache.writeThrough('n', () => 'other', 'c')],
      ['an invalidation', (cache: Cache) => cache.invalidateKey('n', 'c')],
      ['an invalidation of its tag', (cache: Cache) => cache.invalidateByTags(['numbers'], 'c')],
      ['a clear', (cache: Cache) => cache.clear()],
    ])('keeps nothing if there was %s meanwhile: who was last is not known', async (_name, meanwhile) => {
      const [cache, other] = bench.pair();
      const done = deferred<string>();
      const persist = vi.fn(() => done.promise);
      const writing = cache.writeThrough('n', persist, 'c', { tags: ['numbers'] });
      await vi.waitFor(() => expect(persist).toHaveBeenCalled());
      await meanwhile(other);
      done.resolve('mine');
      expect(await writing).toBe('mine');
      for (const each of [cache, other]) expect(await each.get('n', 'c')).not.toBe('mine');
    });

    it('never leaves in the cache what is not in the database, however writes of one key meet', async () => {
      const caches = bench.pair();
      let database = -1;
      const write = async (value: number) => {
        await caches[value % 2]!.writeThrough(
          'n',
          async () => {
            for (let turns = (value * 7) % 5; turns > 0; turns--) await new Promise(setImmediate);
            database = value;
            return value;
          },
          'c',
        );
      };
      for (let round = 0; round < 10; round++) {
        await Promise.all([0, 1, 2, 3, 4].map((i) => write(round * 5 + i)));
        for (const each of caches) expect([undefined, database]).toContain(await each.get('n', 'c'));
      }
    });

    it('stores neither of two writes whose purges go into the ledger as one: nobody knows which was last', async () => {
      const cache = bench.cache();
      const done = deferred<void>();
      const began = [deferred<void>(), deferred<void>()];
      const writing = began.map((each, i) => {
        const persist = async () => {
          each.resolve();
          await done.promise;
          return i;
        };
        return cache.writeThrough('n', persist, 'c');
      });
      await Promise.all(began.map(({ promise }) => promise));
      // While this one is on its way the next ones are gathered.
      const other = cache.invalidateKey('other', 'c');
      done.resolve();
      await Promise.all([other, ...writing]);
      expect(await cache.get('n', 'c')).toBeUndefined();
      // One that meets no other is kept again.
      await cache.writeThrough('n', () => 2, 'c');
      expect(await cache.get('n', 'c')).toBe(2);
    });

    it('refuses a key that is empty before it persists, and one that is found empty after', async () => {
      const cache = bench.cache();
      const persist = vi.fn(() => 1);
      await expect(cache.writeThrough('', persist, 'c')).rejects.toThrow('key is empty');
      await expect(cache.writeThrough('n', persist, '')).rejects.toThrow('clientId is empty');
      expect(persist).not.toHaveBeenCalled();
      await expect(cache.writeThrough(() => '', persist, 'c')).rejects.toThrow('key is empty');
    });

    it('refuses a promise of a key, whose own failure ends nothing', async () => {
      const key = () => Promise.reject(new Error('nobody waits')) as never;
      await expect(bench.open().writeThrough(key, () => 1, 'c')).rejects.toThrow('gave a promise');
    });

    it('refuses a persist that is no function, and leaves what is stored alone', async () => {
      const cache = bench.cache();
      await cache.set('n', 1, 'c');
      const writing = cache.writeThrough('n', { n: 2 } as unknown as () => number, 'c');
      await expect(writing).rejects.toThrow('persist is {"n":2}; it takes a function');
      expect(await cache.get('n', 'c')).toBe(1);
    });

    it.each([
      [{ invalidate: { key: ['a'] } }, 'option invalidate.key is'],
      [{ invalidate: { tags: 'a' } }, 'option invalidate.tags is "a"; it takes a list of texts'],
      [{ invalidate: 'a' }, 'option invalidate is "a"; it takes an object'],
      [{ ttl: 0 }, 'option ttl is 0'],
    ])('refuses %j before it persists', async (options, message) => {
      const persist = vi.fn(() => 1);
      const writing = bench.cache().writeThrough('n', persist, 'c', options as object);
      await expect(writing).rejects.toThrow(ConfigError);
      await expect(writing).rejects.toThrow(message);
      expect(persist).not.toHaveBeenCalled();
    });
  });
}
