// docs/from/cache-manager.md: its two programs, and each "what behaves better", on both.

import { once } from 'node:events';
import * as cacheManager from 'cache-manager';
import { Redis } from 'ioredis';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis.js';
import { MigrationPage, Stage } from './stage.js';

const page = new MigrationPage('cache-manager');
const stage = new Stage();
afterEach(() => stage.close());
afterAll(() => page.snippets.close());

const all = 'everybody';

type Keyv = cacheManager.Cache['stores'][number];
// Of the very package that cache-manager uses.
const MakeKeyv = cacheManager.createCache().stores[0]!.constructor as new (options?: object) => Keyv;

/** A factory that says when it runs, and waits until it is let go on. */
function gated() {
  let [started, go] = [() => {}, () => {}];
  const running = new Promise<void>((done) => {
    started = done;
  });
  const opened = new Promise<void>((done) => {
    go = done;
  });
  const factory = async () => {
    started();
    await opened;
    return 'old';
  };
  return { factory, running, go };
}

describe('docs/from/cache-manager.md', () => {
  it('has no code that is not run here', () => page.expectSnippets(['before', 'after']));

  it('says of every option and method what becomes of it', () => {
    const methods = Object.keys(cacheManager.createCache());
    const options = ['stores', 'ttl', 'refreshThreshold', 'refreshAllStores', 'nonBlocking', 'cacheId', 'raw'];
    page.expectRowsFor([...methods, ...options, 'KeyvAdapter']);
  });

  it('prints the same before and after', async () => {
    const printed = await Promise.all(
      ['before', 'after'].map(async (name) => {
        const started = page.snippets.start(name);
        const [code] = await once(started.child, 'close');
        expect(code, started.stderr).toBe(0);
        return started.stdout;
      }),
    );
    expect(printed[1]).toBe(printed[0]);
    expect(printed[0]).toBe(
      [1, 1, 2].map((run) => `{ run: ${run}, name: 'Ada' }\n`).join('') +
        '[ 1, 2, undefined ]\nundefined 3\nundefined\n',
    );
  });
});

describe('what cache-manager has, here', () => {
  it('events for what is read, stored and deleted', async () => {
    const cache = stage.cache();
    const heard: string[] = [];
    const ends = (['hit', 'miss', 'set', 'purge'] as const).map((kind) => cache.on(kind, () => heard.push(kind)));
    await cache.get('a', all);
    await cache.set('a', 1, all);
    await cache.get('a', all);
    expect(await cache.delete('a', all)).toBe(true);
    expect(heard).toEqual(['miss', 'set', 'hit', 'purge']);
    for (const end of ends) end();
    await cache.get('a', all);
    expect(heard).toHaveLength(4);
  });

  it('clear, in its own namespace alone, and disconnect, which leaves a client of yours open', async () => {
    const redis = await startRedis();
    stage.onClose(() => redis.stop());
    const client = new Redis(redis.url);
    stage.onClose(() => client.disconnect());
    await client.set('not-of-a-cache', 'kept');
    const [one, two] = ['one:', 'two:'].map((prefix) => stage.cache({ redis: client, prefix, timeout: 5000 }));
    await Promise.all([one!.set('key', 1, all), two!.set('key', 2, all)]);
    expect(await one!.clear()).toMatchObject({ durable: true });
    expect([await one!.get('key', all), await two!.get('key', all)]).toEqual([undefined, 2]);
    await Promise.all([one!.close(), two!.close()]);
    expect(await client.get('not-of-a-cache')).toBe('kept');
  });

  it('refreshThreshold: the stale value at once, and a new one made meanwhile', async () => {
    let now = Date.now();
    const cache = stage.cache({ clock: { now: () => now } });
    let runs = 0;
    const options = { ttl: 2, staleWhileRevalidate: 3 };
    const get = () => cache.getOrSet('key', () => ++runs, all, options);
    expect(await get()).toBe(1);
    now += 2500;
    expect(await get()).toBe(1);
    await expect.poll(get).toBe(2);
    expect(runs).toBe(2);
  });

  it('deleting many: by tag and by pattern', async () => {
    const cache = stage.cache();
    await cache.mset({ 'user:1': 1, 'user:2': 2 }, all, { tags: ['users'] });
    await cache.set('user:3', 3, all);
    await cache.invalidateByTags(['users'], all);
    expect(await cache.mget(['user:1', 'user:2', 'user:3'], all)).toEqual([undefined, undefined, 3]);
    await cache.invalidatePattern('user:*', all);
    expect(await cache.get('user:3', all)).toBeUndefined();
  });
});

describe('what behaves better', () => {
  it('a deletion outranks a factory that was running', async () => {
    const [old, cache] = [cacheManager.createCache(), stage.cache()];
    const before = gated();
    const wrapping = old.wrap('key', before.factory);
    await before.running;
    await old.del('key');
    before.go();
    await wrapping;
    expect(await old.get('key')).toBe('old');

    const now = gated();
    const getting = cache.getOrSet('key', now.factory, all);
    await now.running;
    await cache.delete('key', all);
    now.go();
    await getting;
    expect(await cache.get('key', all)).toBeUndefined();
  });

  it('two clients have a value each', async () => {
    const [old, cache] = [cacheManager.createCache(), stage.cache()];
    const wrapped = [await old.wrap('me', () => 'ada'), await old.wrap('me', () => 'bob')];
    expect(wrapped).toEqual(['ada', 'ada']);
    const got = [await cache.getOrSet('me', () => 'ada', 'a'), await cache.getOrSet('me', () => 'bob', 'b')];
    expect(got).toEqual(['ada', 'bob']);
  });

  it('two processes run one factory, and a deletion reaches both', async () => {
    const redis = await startRedis();
    stage.onClose(() => redis.stop());
    const runs = { old: 0, now: 0 };
    const load = (name: keyof typeof runs) => async () => {
      await new Promise(setImmediate);
      return ++runs[name];
    };
    const shared = new Map();
    const olds = [0, 1].map(() =>
      cacheManager.createCache({ stores: [new MakeKeyv(), new MakeKeyv({ store: shared })] }),
    );
    await Promise.all(olds.map((old) => old.wrap('key', load('old'))));
    await olds[0]!.del('key');

    const caches = [0, 1].map(() => stage.cache({ redis: redis.url, timeout: 5000 }));
    await Promise.all(caches.map((cache) => cache.health()));
    await Promise.all(caches.map((cache) => cache.getOrSet('key', load('now'), all)));
    await caches[0]!.delete('key', all);

    expect(runs).toEqual({ old: 2, now: 1 });
    expect(await olds[1]!.get('key')).toBeDefined();
    expect(await caches[1]!.get('key', all)).toBeUndefined();
  });

  it('types survive', async () => {
    const old = cacheManager.createCache({ stores: [new MakeKeyv()] });
    const value = { at: new Date(0), names: new Map([['a', 1]]) };
    await old.set('key', value);
    expect(await old.get('key')).toEqual({ at: '1970-01-01T00:00:00.000Z', names: {} });
    await expect(old.set('big', 1n)).rejects.toThrow(/BigInt/);
    const redis = await startRedis();
    stage.onClose(() => redis.stop());
    const cache = stage.cache({ redis: redis.url, timeout: 5000 });
    await cache.set('key', { ...value, big: 1n }, all);
    expect(await cache.get('key', all)).toEqual({ ...value, big: 1n });
  });

  it('what was read can be changed without changing what is stored', async () => {
    const [old, cache] = [cacheManager.createCache(), stage.cache()];
    await old.set('list', [1]);
    (await old.get<number[]>('list'))!.push(2);
    expect(await old.get('list')).toEqual([1, 2]);
    await cache.set('list', [1], all);
    (await cache.get<number[]>('list', all))!.push(2);
    expect(await cache.get('list', all)).toEqual([1]);
  });

  it('undefined is a value', async () => {
    const [old, cache] = [cacheManager.createCache(), stage.cache()];
    const runs = { old: 0, now: 0 };
    for (let i = 0; i < 2; i++) {
      await old.wrap('key', () => void runs.old++);
      await cache.getOrSet('key', () => void runs.now++, all);
    }
    expect(runs).toEqual({ old: 2, now: 1 });
  });

  it('a store that fails does not take the value away', async () => {
    const failing = new MakeKeyv({ throwOnErrors: true });
    failing.set = () => Promise.reject(new Error('the store is away'));
    await expect(cacheManager.createCache({ stores: [failing] }).wrap('key', () => 1)).rejects.toThrow('away');
    const redis = await startRedis();
    stage.onClose(() => redis.stop());
    const cache = stage.cache({ redis: redis.url });
    await cache.health();
    await redis.kill();
    expect(await cache.getOrSet('key', () => 1, all)).toBe(1);
  });

  it('no faster store that has nothing hides what a slower one has', async () => {
    const slow = new MakeKeyv();
    await slow.set('key', 1);
    const old = cacheManager.createCache({ stores: [new MakeKeyv(), slow], nonBlocking: true });
    const get = slow.get.bind(slow) as (key: string) => Promise<unknown>;
    slow.get = (async (key: string) => {
      await new Promise(setImmediate);
      return get(key);
    }) as typeof slow.get;
    expect(await old.get('key')).toBeUndefined();
    expect(await slow.get('key')).toBe(1);
  });

  it('memory is bounded', async () => {
    const [old, cache] = [cacheManager.createCache(), stage.cache({ maxItems: 1000 })];
    const keys = Array.from({ length: 10_000 }, (_, index) => `key-${index}`);
    await old.mset(keys.map((key) => ({ key, value: key })));
    await cache.mset(Object.fromEntries(keys.map((key) => [key, key])), all);
    const held = (values: unknown[]) => values.filter((value) => value !== undefined).length;
    expect(held(await old.mget(keys))).toBe(10_000);
    expect(held(await cache.mget(keys, all))).toBeLessThanOrEqual(1000);
  });
});
