import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Cache,
  type CacheOptions,
  ConfigError,
  createCache,
  type PersistRequest,
  QueueFullError,
  type RedisTarget,
  type WriteBehindOptions,
} from 'respcache';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred } from '../service/backends.js';

interface Kind {
  readonly durable: boolean;
  target(): RedisTarget | false;
}

/** What write-behind does, wherever its writes wait. */
export function writeBehindSuite({ durable, target }: Kind): void {
  const open: Cache[] = [];
  const make = (options: CacheOptions['writeBehind'] = {}, prefix = `${randomUUID()}:`) => {
    const cache = createCache({ redis: target(), prefix, timeout: 5000, writeBehind: { durable, ...options } });
    open.push(cache);
    return cache;
  };
  afterEach(async () => {
    for (const cache of open.splice(0)) await cache.close();
  });
  const once = () => ({ handler: 'save' });
  const quick = { backoff: () => 1 };

  it('has the value in the cache at once, and persists it later', async () => {
    const cache = make();
    const persisting = deferred<void>();
    const save = vi.fn((_write: PersistRequest) => persisting.promise);
    cache.onWriteBehind('save', save);
    const at = new Date(0);
    await cache.writeBehind('users:7', { name: 'Ada', at }, 'c', { ...once(), ttl: 60, tags: ['users'] });
    expect(await cache.get('users:7', 'c')).toEqual({ name: 'Ada', at });
    await vi.waitFor(() => expect(save).toHaveBeenCalled());
    expect(save.mock.calls[0]![0]).toEqual({
      ...{ id: expect.any(String), key: 'users:7', clientId: 'c', value: { name: 'Ada', at }, attempt: 1 },
    });
    persisting.resolve();
    await cache.flush();
    expect(await cache.get('users:7', 'c')).toEqual({ name: 'Ada', at });
    await cache.invalidateByTags(['users'], 'c');
    expect(await cache.get('users:7', 'c')).toBeUndefined();
  });

  it('keeps the order of a key’s writes, whatever fails, one at a time', async () => {
    const cache = make();
    const seen: unknown[] = [];
    let active = 0;
    cache.onWriteBehind(
      'save',
      async ({ value, attempt }) => {
        expect(++active).toBe(1);
        await new Promise(setImmediate);
        active--;
        if ((value as number) % 3 === attempt % 3 && attempt < 3) throw new Error('not now');
        seen.push(value);
      },
      quick,
    );
    await Promise.all(Array.from({ length: 12 }, (_, i) => cache.writeBehind('n', i, 'c', once())));
    expect(await cache.get('n', 'c')).toBe(11);
    await cache.flush();
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(await cache.get('n', 'c')).toBe(11);
  });

  it('persists different keys and clients side by side, up to its concurrency', async () => {
    const cache = make();
    const gate = deferred<void>();
    const clients: string[] = [];
    cache.onWriteBehind(
      'save',
      ({ clientId }) => {
        clients.push(clientId);
        return gate.promise;
      },
      { concurrency: 2 },
    );
    for (const client of ['a', 'b', 'd']) await cache.writeBehind('n', client, client, once());
    await vi.waitFor(() => expect(clients).toHaveLength(2));
    for (const client of ['a', 'b', 'd']) expect(await cache.get('n', client)).toBe(client);
    gate.resolve();
    await cache.flush();
    expect([...clients].sort()).toEqual(['a', 'b', 'd']);
  });

  it('coalesce: several writes that wait become the newest; without it each is persisted', async () => {
    const cache = make();
    const gates = [deferred<void>(), deferred<void>()];
    const seen: { [name: string]: unknown[] } = { one: [], each: [] };
    const handler = (name: 'one' | 'each', gate: Promise<void>) => (write: PersistRequest) => {
      seen[name]!.push(write.value);
      return gate;
    };
    cache.onWriteBehind('one', handler('one', gates[0]!.promise), { coalesce: true });
    cache.onWriteBehind('each', handler('each', gates[1]!.promise));
    for (const name of ['one', 'each']) {
      await cache.writeBehind(name, 0, 'c', { handler: name });
      await vi.waitFor(() => expect(seen[name]).toEqual([0]));
      for (let i = 1; i < 5; i++) await cache.writeBehind(name, i, 'c', { handler: name });
      expect(await cache.get(name, 'c')).toBe(4);
    }
    for (const gate of gates) gate.resolve();
    await cache.flush();
    expect(seen).toEqual({ one: [0, 4], each: [0, 1, 2, 3, 4] });
  });

  it('what is persisted may outdate more, which is invalidated then', async () => {
    const cache = make();
    await cache.set('users:list', ['old'], 'c');
    await cache.set('count', 0, 'c', { tags: ['users'] });
    const gate = deferred<void>();
    cache.onWriteBehind('save', () => gate.promise);
    await cache.writeBehind('users:7', 1, 'c', { ...once(), invalidate: { keys: ['users:list'], tags: ['users'] } });
    expect(await cache.get('users:list', 'c')).toEqual(['old']);
    gate.resolve();
    await cache.flush();
    expect(await cache.mget(['users:list', 'count', 'users:7'], 'c')).toEqual([undefined, undefined, 1]);
  });

  it('coalesce: what takes the place of others outdates what they would have, too', async () => {
    const cache = make();
    const gate = deferred<void>();
    const save = vi.fn(() => gate.promise);
    cache.onWriteBehind('save', save, { coalesce: true });
    await cache.mset({ names: 1, count: 2, '/users/page': 3, kept: 4 }, 'c');
    await cache.set('ages', 5, 'c', { tags: ['ages'] });
    await cache.writeBehind('users:7', 0, 'c', once());
    await vi.waitFor(() => expect(save).toHaveBeenCalled());
    for (const invalidate of [{ keys: ['names'] }, { keys: ['count'] }, {}, { tags: ['ages'], patterns: ['/users/*'] }])
      await cache.writeBehind('users:7', 1, 'c', { ...once(), invalidate });
    await cache.writeBehind('users:7', 2, 'c', { ...once(), invalidate: { keys: ['count'] } });
    gate.resolve();
    await cache.flush();
    expect(save).toHaveBeenCalledTimes(2);
    const names = ['users:7', 'names', 'count', '/users/page', 'ages', 'kept'];
    expect(await cache.mget(names, 'c')).toEqual([2, undefined, undefined, undefined, undefined, 4]);
  });

  it('coalesce: what would outdate too much for one write waits by itself', async () => {
    const cache = make();
    const gate = deferred<void>();
    const seen: unknown[] = [];
    cache.onWriteBehind(
      'save',
      ({ value }) => {
        seen.push(value);
        return gate.promise;
      },
      { coalesce: true },
    );
    const keys = (of: number) => Array.from({ length: 600 }, (_, i) => `${of}:${i}`);
    await cache.mset({ '1:599': 1, '2:599': 1 }, 'c');
    await cache.writeBehind('n', 0, 'c', once());
    await vi.waitFor(() => expect(seen).toEqual([0]));
    for (const value of [1, 2, 3])
      await cache.writeBehind('n', value, 'c', { ...once(), invalidate: { keys: keys(Math.min(value, 2)) } });
    gate.resolve();
    await cache.flush();
    expect(seen).toEqual([0, 1, 3]);
    expect(await cache.mget(['1:599', '2:599', 'n'], 'c')).toEqual([undefined, undefined, 3]);
  });

  it('coalesce: no write takes the place of one of another client or key, however like theirs are put together', async () => {
    const cache = make();
    const [began, gate, seen] = [deferred<void>(), deferred<void>(), [] as unknown[]];
    cache.onWriteBehind(
      'save',
      async ({ key, clientId, value }) => {
        began.resolve();
        await gate.promise;
        seen.push([clientId, key, value]);
      },
      { coalesce: true, concurrency: 1 },
    );
    await cache.writeBehind('n', 0, 'c', once());
    await began.promise;
    await cache.writeBehind('b:n', 1, 'a', once());
    await cache.writeBehind('n', 2, 'a:b', once());
    gate.resolve();
    await cache.flush();
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(
      expect.arrayContaining([
        ['a', 'b:n', 1],
        ['a:b', 'n', 2],
      ]),
    );
  });

  it('what it outdates is what it was given, whatever becomes of the lists', async () => {
    const cache = make();
    const persisting = deferred<void>();
    cache.onWriteBehind('save', () => persisting.promise);
    await cache.mset({ list: 1, kept: 2 }, 'c');
    const keys = ['list'];
    const writing = cache.writeBehind('users:7', 1, 'c', { ...once(), invalidate: { keys } });
    keys[0] = 'kept';
    await writing;
    persisting.resolve();
    await cache.flush();
    expect(await cache.mget(['list', 'kept'], 'c')).toEqual([undefined, 2]);
  });

  it('what a reader has brought back meanwhile goes when the write is persisted', async () => {
    const cache = make();
    let database = 'old';
    const gate = deferred<void>();
    cache.onWriteBehind<string>('save', async ({ value }) => {
      await gate.promise;
      database = value;
    });
    await cache.writeBehind('n', 'new', 'c', { ...once(), tags: ['n'] });
    await cache.invalidateByTags(['n'], 'c');
    expect(await cache.getOrSet('n', () => database, 'c')).toBe('old');
    gate.resolve();
    await cache.flush();
    expect(await cache.getOrSet('n', () => database, 'c')).toBe('new');
  });

  it('what a reader is about to bring back as the write is persisted does not come', async () => {
    const cache = make();
    let database = 'old';
    const [gate, begun, read] = [deferred<void>(), deferred<void>(), deferred<void>()];
    cache.onWriteBehind<string>('save', async ({ value }) => {
      await gate.promise;
      database = value;
    });
    await cache.writeBehind('n', 'new', 'c', { ...once(), tags: ['n'] });
    await cache.invalidateByTags(['n'], 'c');
    const factory = async () => {
      const found = database;
      begun.resolve();
      await read.promise;
      return found;
    };
    const reading = cache.getOrSet('n', factory, 'c');
    await begun.promise;
    gate.resolve();
    await cache.flush();
    read.resolve();
    expect(await reading).toBe('old');
    expect(await cache.get('n', 'c')).toBeUndefined();
  });

  it('a factory that had begun before does not bring the old value back', async () => {
    const cache = make();
    const read = deferred<string>();
    const factory = vi.fn(() => read.promise);
    const asked = cache.getOrSet('n', factory, 'c');
    await vi.waitFor(() => expect(factory).toHaveBeenCalled());
    cache.onWriteBehind('save', () => {});
    await cache.writeBehind('n', 'new', 'c', once());
    read.resolve('old');
    await asked;
    await cache.flush();
    expect(await cache.get('n', 'c')).toBe('new');
  });

  it('nor does one that begins while the new value is on its way into the cache', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = make({}, prefix);
    const reader = target() === false ? cache : make({}, prefix);
    const [persisting, storing] = [deferred<void>(), deferred<void>()];
    cache.onWriteBehind('save', () => persisting.promise);
    const database = deferred<string>();
    // Once Redis has been asked, and with the lease again, a factory would run.
    const looks = vi.spyOn(reader.services.backend, 'read');
    const most = target() === false ? 1 : 2;
    const { backend } = cache.services;
    const write = backend.write.bind(backend);
    const stored = vi.spyOn(backend, 'write').mockImplementationOnce(async (items) => {
      await storing.promise;
      return write(items);
    });
    const writing = cache.writeBehind('n', 'new', 'c', once());
    await vi.waitFor(() => expect(stored).toHaveBeenCalled());
    const asked = reader.getOrSet('n', () => database.promise, 'c');
    await vi.waitFor(() => expect(looks.mock.calls.length).toBeGreaterThanOrEqual(most));
    await looks.mock.results[most - 1]!.value;
    storing.resolve();
    await writing;
    database.resolve('old');
    await asked;
    expect(await reader.get('n', 'c')).toBe('new');
    persisting.resolve();
    await cache.flush();
    expect(await reader.get('n', 'c')).toBe('new');
  });

  it('nor does one that begins after the new value has arrived, by a look from before', async () => {
    const prefix = `${randomUUID()}:`;
    const cache = make({}, prefix);
    const reader = target() === false ? cache : make({}, prefix);
    const persisting = deferred<void>();
    cache.onWriteBehind('save', () => persisting.promise);
    const { backend } = reader.services;
    const read = backend.read.bind(backend);
    const looks = vi.spyOn(backend, 'read').mockImplementation(async (keys) => {
      const found = await read(keys);
      if (looks.mock.calls.length === (target() === false ? 1 : 2)) {
        await cache.writeBehind('n', 'new', 'c', once());
        await backend.sync();
      }
      return found;
    });
    await reader.getOrSet('n', () => 'old', 'c');
    expect(await reader.get('n', 'c')).toBe('new');
    persisting.resolve();
    await cache.flush();
  });

  it('nor does one in the background', async () => {
    // Nobody comes between where no lease is asked for.
    if (target() === false) return;
    const cache = make();
    const persisting = deferred<void>();
    cache.onWriteBehind('save', () => persisting.promise);
    const stale = { ttl: 0.001, staleWhileRevalidate: 60 };
    await cache.getOrSet('n', () => 'old', 'c', stale);
    await vi.waitFor(async () => expect(await cache.has('n', 'c')).toBe(false));
    const leases = cache.services.backend.leases!;
    const take = leases.take.bind(leases);
    vi.spyOn(leases, 'take').mockImplementationOnce(async (...asked) => {
      await cache.writeBehind('n', 'new', 'c', once());
      return take(...asked);
    });
    const released = vi.spyOn(leases, 'release');
    const refreshed = vi.fn(() => 'old');
    expect(await cache.getOrSet('n', refreshed, 'c', stale)).toBe('old');
    await vi.waitFor(() => expect(refreshed).toHaveBeenCalled());
    // The writer's, and that of the refresh once its value would be stored.
    await vi.waitFor(() => expect(released).toHaveBeenCalledTimes(2));
    expect(await cache.get('n', 'c')).toBe('new');
    persisting.resolve();
    await cache.flush();
  });

  it('a write that comes while the one before it is settled stays readable', async () => {
    const cache = make();
    const gate = deferred<void>();
    const save = vi.fn(async ({ value }: PersistRequest<number>) => {
      if (value === 1) return gate.promise;
      // Once the queue knows that this one is persisted, and before the cache has been looked at for it.
      setImmediate(() => void cache.writeBehind('n', 1, 'c', once()));
      return undefined;
    });
    cache.onWriteBehind<number>('save', save);
    await cache.writeBehind('n', 0, 'c', { ...once(), invalidate: { tags: ['lists'] } });
    await vi.waitFor(() => expect(save).toHaveBeenCalledTimes(2));
    await vi.waitFor(async () => expect(await cache.get('n', 'c')).toBe(1));
    gate.resolve();
    await cache.flush();
  });

  it('a write that is given up does not take the value of a newer one with it', async () => {
    const cache = make();
    const gates = [deferred<void>(), deferred<void>()];
    const save = vi.fn(async ({ value }: PersistRequest<number>) => {
      await gates[value]!.promise;
      if (value === 0) throw new Error('never');
    });
    cache.onWriteBehind<number>('save', save, { retries: 0 });
    for (const value of [0, 1]) await cache.writeBehind('n', value, 'c', once());
    gates[0]!.resolve();
    await vi.waitFor(() => expect(save).toHaveBeenCalledTimes(2));
    expect(await cache.get('n', 'c')).toBe(1);
    gates[1]!.resolve();
    await cache.flush();
    expect(await cache.get('n', 'c')).toBe(1);
  });

  describe('a write that fails each time', () => {
    const withDead = async () => {
      const cache = make();
      const told = vi.fn();
      cache.on('persist', told);
      let broken = true;
      const save = vi.fn(async () => {
        if (broken) throw new Error('the row is gone');
      });
      cache.onWriteBehind('save', save, { ...quick, retries: 2 });
      await cache.writeBehind('n', 'lost', 'c', once());
      await cache.flush();
      const repair = () => {
        broken = false;
      };
      return { cache, told, save, repair };
    };

    it('is tried as often as asked, is a dead letter then, and is no longer read', async () => {
      const { cache, told, save } = await withDead();
      expect(save).toHaveBeenCalledTimes(3);
      // Nobody waits in the queue once it is among the dead; its key is purged behind that.
      await vi.waitFor(async () => expect(await cache.get('n', 'c')).toBeUndefined());
      expect(told).toHaveBeenCalledWith(expect.objectContaining({ handler: 'save', dead: 'the row is gone' }));
      expect(await cache.deadLetters()).toEqual([
        {
          ...{ id: expect.any(String), handler: 'save', key: 'n', clientId: 'c', value: 'lost' },
          ...{ writtenAt: expect.any(Number), failedAt: expect.any(Number), error: 'the row is gone' },
        },
      ]);
    });

    it.each<[thrown: unknown, words: string]>([
      [undefined, 'undefined'],
      [Object.create(null), '{}'],
      [Object.assign(new Error(), { message: { code: 5 } }), '{"code":5}'],
      [{ toString: () => expect.unreachable(), toJSON: () => expect.unreachable() }, 'an object'],
    ])('is a dead letter whatever is thrown: %#', async (thrown, words) => {
      const cache = make();
      const save = vi.fn(async () => {
        throw thrown;
      });
      cache.onWriteBehind('save', save, { ...quick, retries: 1 });
      await cache.writeBehind('n', 'lost', 'c', once());
      await cache.flush();
      expect(await cache.deadLetters()).toMatchObject([{ value: 'lost', error: words }]);
      expect(save).toHaveBeenCalledTimes(2);
    });

    it('may be in the database all the same: what it would have outdated is invalidated', async () => {
      const cache = make();
      const database: unknown[] = [];
      const save = ({ value }: PersistRequest) => {
        database.push(value);
        throw new Error('the answer was lost');
      };
      cache.onWriteBehind('save', save, { ...quick, retries: 1 });
      const list = () => cache.getOrSet('users:list', () => database.length, 'c');
      expect(await list()).toBe(0);
      await cache.writeBehind('users:7', 1, 'c', { ...once(), invalidate: { keys: ['users:list'] } });
      await cache.flush();
      expect(await list()).toBe(2);
    });

    it('does not hold up what is written later', async () => {
      const { cache, repair } = await withDead();
      repair();
      await cache.writeBehind('n', 'next', 'c', once());
      await cache.flush();
      expect(await cache.get('n', 'c')).toBe('next');
    });

    it('can be replayed', async () => {
      const { cache, save, repair } = await withDead();
      repair();
      const [letter] = await cache.deadLetters();
      expect(await cache.replayDeadLetters('another')).toBe(0);
      expect(await cache.replayDeadLetters(letter!.id)).toBe(1);
      await cache.flush();
      expect(save).toHaveBeenCalledTimes(4);
      expect(save.mock.lastCall).toEqual([expect.objectContaining({ id: letter!.id, value: 'lost', attempt: 1 })]);
      expect(await cache.deadLetters()).toEqual([]);
    });

    it('can be discarded', async () => {
      const { cache } = await withDead();
      expect(await cache.discardDeadLetters()).toBe(1);
      expect(await cache.deadLetters()).toEqual([]);
    });
  });

  it('pushes back when too many wait, and caches nothing of what it refuses', async () => {
    const cache = make({ maxQueue: 2, waitForRoom: 0 });
    const gate = deferred<void>();
    cache.onWriteBehind('save', () => gate.promise);
    await cache.writeBehind('a', 1, 'c', once());
    await cache.writeBehind('b', 1, 'c', once());
    await expect(cache.writeBehind('d', 1, 'c', once())).rejects.toThrow(QueueFullError);
    expect(await cache.get('d', 'c')).toBeUndefined();
    gate.resolve();
    await cache.flush();
    await cache.writeBehind('d', 1, 'c', once());
    expect(await cache.get('d', 'c')).toBe(1);
    await cache.flush();
  });

  it('a dead letter takes a place until it is discarded', async () => {
    const cache = make({ maxQueue: 1, waitForRoom: 0 });
    const save = vi.fn().mockRejectedValueOnce(new Error('never'));
    cache.onWriteBehind('save', save, { retries: 0 });
    await cache.writeBehind('a', 1, 'c', once());
    await cache.flush();
    await expect(cache.writeBehind('b', 1, 'c', once())).rejects.toThrow(QueueFullError);
    expect(await cache.discardDeadLetters()).toBe(1);
    await cache.writeBehind('b', 1, 'c', once());
    await cache.flush();
    expect(save).toHaveBeenCalledTimes(2);
  });

  it('a writer waits for room', async () => {
    const cache = make({ maxQueue: 1, waitForRoom: 10_000 });
    const gate = deferred<void>();
    cache.onWriteBehind('save', () => gate.promise);
    await cache.writeBehind('a', 1, 'c', once());
    const waiting = cache.writeBehind('a', 2, 'c', once());
    gate.resolve();
    await waiting;
    await cache.flush();
    expect(await cache.get('a', 'c')).toBe(2);
  });

  it('a write that waits for room is not overtaken by later ones of its key', async () => {
    const cache = make({ maxQueue: 1, waitForRoom: 10_000 });
    const [gate, seen] = [deferred<void>(), [] as unknown[]];
    cache.onWriteBehind('save', async ({ value }) => {
      seen.push(value);
      await gate.promise;
    });
    const values = Array.from({ length: 20 }, (_, i) => i);
    const writes: Promise<void>[] = [];
    for (const value of values) {
      writes.push(cache.writeBehind('a', value, 'c', once()));
      if (value === 1) gate.resolve();
      await pause(2);
    }
    await Promise.all(writes);
    await cache.flush();
    expect(seen).toEqual(values);
    expect(await cache.get('a', 'c')).toBe(19);
  });

  it.each([
    ['less than nothing', () => -1],
    // Its failure would be nobody's, and end the process.
    ['a promise', () => Promise.reject(new Error('nobody waits')) as never],
  ])('a backoff that gives %s is told of, and the usual one taken', async (_what, backoff) => {
    const cache = make();
    const errors = vi.fn();
    cache.on('error', errors);
    let failures = 1;
    const save = () => {
      if (failures-- > 0) throw new Error('not now');
    };
    cache.onWriteBehind('save', save, { backoff });
    await cache.writeBehind('a', 1, 'c', once());
    await cache.flush();
    expect(errors).toHaveBeenCalledWith(expect.objectContaining({ operation: 'backoff' }));
    expect(await cache.deadLetters()).toEqual([]);
  });

  it('a handler that is taken away finishes what it is at; the next one goes on', async () => {
    const cache = make();
    const gate = deferred<void>();
    const [first, second] = [vi.fn(() => gate.promise), vi.fn()];
    const end = cache.onWriteBehind('save', first, { retries: 0 });
    await cache.writeBehind('a', 1, 'c', once());
    await vi.waitFor(() => expect(first).toHaveBeenCalled());
    await cache.writeBehind('a', 2, 'c', once());
    const ended = end();
    gate.resolve();
    await ended;
    expect(first).toHaveBeenCalledTimes(1);
    cache.onWriteBehind('save', second);
    await cache.flush();
    expect(second.mock.calls).toEqual([[expect.objectContaining({ value: 2, attempt: 1 })]]);
    expect(await cache.get('a', 'c')).toBe(2);
    expect(await cache.deadLetters()).toEqual([]);
  });

  it('one that is taken away leaves the other keys to the next one, and takes that away no more', async () => {
    const cache = make();
    const [began, gate] = [deferred<void>(), deferred<void>()];
    const first = vi.fn((_write: PersistRequest) => {
      began.resolve();
      return gate.promise;
    });
    const end = cache.onWriteBehind('save', first, { concurrency: 1 });
    for (const key of ['a', 'b']) await cache.writeBehind(key, 1, 'c', once());
    await began.promise;
    const ended = end();
    const second = vi.fn((_write: PersistRequest) => {});
    cache.onWriteBehind('save', second);
    gate.resolve();
    await ended;
    await end();
    await cache.writeBehind('d', 1, 'c', once());
    await cache.flush();
    expect(first).toHaveBeenCalledTimes(1);
    const keys = [...first.mock.calls, ...second.mock.calls].map(([{ key }]) => key);
    expect(keys.sort()).toEqual(['a', 'b', 'd']);
  });

  it('one that is registered while the one before it still finishes a write waits for that', async () => {
    const cache = make();
    const [began, gate] = [deferred<void>(), deferred<void>()];
    const end = cache.onWriteBehind('save', () => {
      began.resolve();
      return gate.promise;
    });
    await cache.writeBehind('n', 1, 'c', once());
    await began.promise;
    const ended = end();
    const next = vi.fn();
    cache.onWriteBehind('save', next);
    const other = new Promise((resolve) => cache.on('persist', resolve));
    await cache.writeBehind('n', 2, 'c', once());
    await cache.writeBehind('m', 1, 'c', once());
    expect(await other).toMatchObject({ key: expect.stringContaining('m') });
    expect(next.mock.calls.map(([{ key }]) => key)).toEqual(['m']);
    gate.resolve();
    await ended;
    await cache.flush();
    expect(next.mock.calls.map(([{ key, value }]) => [key, value])).toEqual([
      ['m', 1],
      ['n', 2],
    ]);
  });

  it('whoever waits for room as the cache is closed is told', async () => {
    const cache = make({ maxQueue: 1, waitForRoom: 10_000 });
    const gate = deferred<void>();
    const save = vi.fn((_write: PersistRequest) => gate.promise);
    cache.onWriteBehind('save', save);
    await cache.writeBehind('a', 1, 'c', once());
    await vi.waitFor(() => expect(save).toHaveBeenCalled());
    const waiting = cache.writeBehind('b', 1, 'c', once());
    const closing = cache.close();
    await expect(waiting).rejects.toThrow('the cache is closed');
    gate.resolve();
    await closing;
    expect(save).toHaveBeenCalledTimes(1);
  });

  it('closing the cache waits for what is at work', async () => {
    const cache = make();
    const gate = deferred<void>();
    const done = vi.fn();
    const save = vi.fn(async () => {
      await gate.promise;
      done();
    });
    cache.onWriteBehind('save', save);
    await cache.writeBehind('a', 1, 'c', once());
    await vi.waitFor(() => expect(save).toHaveBeenCalled());
    const closing = cache.close();
    gate.resolve();
    await closing;
    expect(done).toHaveBeenCalledTimes(1);
    await expect(cache.writeBehind('a', 1, 'c', once())).rejects.toThrow('the cache is closed');
  });

  it.each([
    [{ handler: '' }, 'option handler is empty'],
    [{ handler: 'save', ttl: 0 }, 'option ttl is 0'],
    [{ handler: 'save', invalidate: { key: 'a' } }, 'option invalidate.key is'],
    [{ handler: 'save', retries: 3 }, 'option of writeBehind: retries is 3'],
  ])('refuses %j', async (options, message) => {
    const cache = make();
    cache.onWriteBehind('save', () => {});
    await expect(cache.writeBehind('n', 1, 'c', options as WriteBehindOptions)).rejects.toThrow(message);
    expect(await cache.get('n', 'c')).toBeUndefined();
  });

  it('refuses handlers that cannot be', () => {
    const cache = make();
    cache.onWriteBehind('save', () => {});
    expect(() => cache.onWriteBehind('save', () => {})).toThrow(ConfigError);
    expect(() => cache.onWriteBehind('a', 'b' as never)).toThrow('the handler is "b"; it takes a function');
    expect(() => cache.onWriteBehind('a', () => {}, { retries: -1 })).toThrow('option retries is -1');
    expect(() => cache.onWriteBehind('a', () => {}, null as never)).toThrow('the options of onWriteBehind() is null');
    expect(() => cache.onWriteBehind('a', () => {}, { retry: 1 } as never)).toThrow('option of onWriteBehind: retry');
  });
}
