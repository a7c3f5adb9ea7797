import { ConfigError, createCache, defaultCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { byUrl, manualClock, useBackend } from './backends.js';

const VARIABLES = [
  'REDIS_URL',
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_PASSWORD',
  'REDIS_DB',
  'CACHE_TTL',
  'CACHE_MAX_ITEMS',
  'CACHE_MAX_BYTES',
  'CACHE_PREFIX',
];

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('a bad environment variable is an error at start', () => {
  it.each([
    ['REDIS_URL', 'localhost:6379'],
    ['REDIS_URL', 'http://localhost:6379'],
    ['REDIS_URL', 'redis://'],
    ['REDIS_PORT', 'abc'],
    ['REDIS_PORT', '0'],
    ['REDIS_PORT', '65536'],
    ['REDIS_PORT', '63.79'],
    ['REDIS_DB', '-1'],
    ['REDIS_DB', 'first'],
    ['CACHE_TTL', '0'],
    ['CACHE_TTL', '-5'],
    ['CACHE_TTL', '5m'],
    ['CACHE_TTL', 'NaN'],
    ['CACHE_TTL', '1e3s'],
    ['CACHE_MAX_ITEMS', '0'],
    ['CACHE_MAX_ITEMS', '1.5'],
    ['CACHE_MAX_ITEMS', 'many'],
    ['CACHE_MAX_BYTES', '0'],
    ['CACHE_MAX_BYTES', '64MB'],
    ['CACHE_PREFIX', 'with {braces}'],
    ['CACHE_PREFIX', '}'],
  ])('that names the variable, what it held and what it takes: %s=%s', (name, value) => {
    vi.stubEnv(name, value);
    const error = thrownBy(() => createCache());
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(`environment variable ${name} is ${JSON.stringify(value)}; it takes `);
  });

  it.each([
    'redis://:secret@',
    'redis//user:secret@host:6379',
    'redis://:sec/secret@host:6379',
    'http://u:secret@host',
  ])('that does not tell the password: %s', (url) => {
    vi.stubEnv('REDIS_URL', url);
    const error = thrownBy(() => createCache());
    expect(error.message).toContain('environment variable REDIS_URL');
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('secret');
  });

  it('is no error where the value is good: options still win over it', () => {
    vi.stubEnv('CACHE_TTL', '60');
    expect(createCache({ ttl: 5 }).settings.route.ttl).toBe(5);
  });

  it('CACHE_TTL counts where a function of the options says nothing, and for values', async () => {
    vi.stubEnv('CACHE_TTL', '60');
    const clock = manualClock();
    const cache = createCache({ redis: false, clock, ttl: () => undefined });
    expect(cache.settings.route.usualTtl).toBe(60);
    await cache.set('a', 1, 'c');
    clock.advance(59.999);
    expect(await cache.has('a', 'c')).toBe(true);
    clock.advance(0.001);
    expect(await cache.has('a', 'c')).toBe(false);
  });
});

describe('defaultCache', () => {
  it('is one, and another once that has been closed', async () => {
    const first = defaultCache();
    expect(defaultCache()).toBe(first);
    await first.close();
    const second = defaultCache();
    expect(second).not.toBe(first);
    await second.set('a', 1, 'c');
    expect(await defaultCache().get('a', 'c')).toBe(1);
    await second.close();
  });
});

describe('without variables', () => {
  it('there is the store in memory, with the defaults', async () => {
    const cache = createCache();
    expect(await cache.health()).toMatchObject({ store: 'memory' });
    expect(cache.settings).toMatchObject({ maxItems: 1000, maxBytes: 67_108_864, prefix: '', route: { ttl: 300 } });
  });

  it('empty ones and blank ones count as not set', async () => {
    for (const name of VARIABLES) vi.stubEnv(name, name === 'CACHE_PREFIX' ? '' : ' ');
    const cache = createCache();
    expect(await cache.health()).toMatchObject({ store: 'memory' });
    expect(cache.settings.route.ttl).toBe(300);
  });
});

describe('with variables', () => {
  const bench = useBackend(byUrl);

  function open(options: Parameters<typeof createCache>[0] = {}) {
    const cache = createCache({ timeout: 5000, ...options });
    bench.atEnd(() => cache.close());
    return cache;
  }

  it('REDIS_URL leads to Redis', async () => {
    vi.stubEnv('REDIS_URL', `${bench.servers[0]!.url}/2`);
    const cache = open();
    await cache.set('a', 1, 'c');
    expect(await cache.health()).toMatchObject({ store: 'redis', reachable: true });
    expect(String(await bench.onOwner('INFO', 'keyspace'))).toContain('db2:');
  });

  it('REDIS_HOST, REDIS_PORT and REDIS_DB lead to Redis', async () => {
    vi.stubEnv('REDIS_HOST', '127.0.0.1');
    vi.stubEnv('REDIS_PORT', String(bench.servers[0]!.port));
    vi.stubEnv('REDIS_DB', '4');
    const cache = open();
    await cache.set('a', 1, 'c');
    expect(await cache.get('a', 'c')).toBe(1);
    expect(String(await bench.onOwner('INFO', 'keyspace'))).toContain('db4:');
  });

  it('REDIS_PASSWORD signs in', async () => {
    await bench.command('CONFIG', 'SET', 'requirepass', 'p@ss');
    try {
      vi.stubEnv('REDIS_HOST', '127.0.0.1');
      vi.stubEnv('REDIS_PORT', String(bench.servers[0]!.port));
      vi.stubEnv('REDIS_PASSWORD', 'p@ss');
      const cache = createCache({ timeout: 5000 });
      await cache.set('a', 1, 'c');
      expect(await cache.get('a', 'c')).toBe(1);
      await cache.close();
    } finally {
      const { Redis } = await import('ioredis');
      const admin = new Redis(bench.servers[0]!.url, { password: 'p@ss' });
      await admin.config('SET', 'requirepass', '');
      await admin.quit();
    }
  });

  it('redis: false is the store in memory all the same', async () => {
    vi.stubEnv('REDIS_URL', bench.servers[0]!.url);
    expect(await open({ redis: false }).health()).toMatchObject({ store: 'memory' });
  });

  it('CACHE_TTL is the lifetime, and may be a fraction', async () => {
    vi.stubEnv('CACHE_TTL', '1.5');
    const clock = manualClock();
    const cache = open({ clock });
    await cache.set('a', 1, 'c');
    clock.advance(1.499);
    expect(await cache.get('a', 'c')).toBe(1);
    clock.advance(0.001);
    expect(await cache.get('a', 'c')).toBeUndefined();
  });

  it('CACHE_MAX_ITEMS bounds the store in memory', async () => {
    vi.stubEnv('CACHE_MAX_ITEMS', '2');
    const cache = open();
    for (const key of ['a', 'b', 'd']) await cache.set(key, key, 'c');
    expect(await cache.mget(['a', 'b', 'd'], 'c')).toEqual([undefined, 'b', 'd']);
  });

  it('CACHE_MAX_BYTES bounds the store in memory', async () => {
    vi.stubEnv('CACHE_MAX_BYTES', '10000');
    const cache = open();
    await cache.set('small', 'x', 'c');
    await cache.set('large', 'x'.repeat(20_000), 'c');
    expect([await cache.get('small', 'c'), await cache.get('large', 'c')]).toEqual(['x', undefined]);
  });

  it('CACHE_PREFIX is put before every key', async () => {
    vi.stubEnv('REDIS_URL', bench.servers[0]!.url);
    vi.stubEnv('CACHE_PREFIX', 'shop:');
    await open().set('a', 1, 'c');
    expect((await bench.keys()).filter((key) => key.includes('client:'))).toEqual(['shop:client:c:a']);
  });

  it('options win over them', async () => {
    vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1');
    vi.stubEnv('CACHE_PREFIX', 'env:');
    const cache = open({ redis: bench.servers[0]!.url, prefix: 'option:' });
    await cache.set('a', 1, 'c');
    expect(await bench.keys()).toContain('option:client:c:a');
  });
});

describe('defaultCache', () => {
  const bench = useBackend(byUrl);

  /** The package as a new process has it: its default cache is made but once in each. */
  async function freshly() {
    vi.resetModules();
    return import('respcache');
  }

  it('is made from the environment when it is first asked for, and then is the same', async () => {
    const { defaultCache } = await freshly();
    vi.stubEnv('REDIS_URL', bench.servers[0]!.url);
    const cache = defaultCache();
    bench.atEnd(() => cache.close());
    vi.stubEnv('REDIS_URL', undefined);
    expect(defaultCache()).toBe(cache);
    expect((await cache.health()).store).toBe('redis');
  });

  it('is in memory where the environment says nothing', async () => {
    const { defaultCache } = await freshly();
    expect((await defaultCache().health()).store).toBe('memory');
  });

  it('is asked for, and fails clearly, when a middleware is made without a cache', async () => {
    vi.stubEnv('CACHE_TTL', 'soon');
    await freshly();
    const { cacheMiddleware } = await import('respcache/express');
    expect(() => cacheMiddleware()).toThrow(/environment variable CACHE_TTL is "soon"; it takes a number of seconds/);
  });
});
