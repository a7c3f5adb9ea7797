import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { checkUrl, readEnvironment } from '../../src/environment.js';
import { ConfigError } from '../../src/errors.js';

function errorOf(call: () => unknown): ConfigError {
  try {
    call();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('readEnvironment', () => {
  it('says nothing of what is not set, or empty', () => {
    const nothing = { redis: undefined, ttl: undefined, maxItems: undefined, maxBytes: undefined, prefix: undefined };
    expect(readEnvironment({})).toEqual(nothing);
    expect(
      readEnvironment({
        REDIS_URL: '',
        REDIS_HOST: ' ',
        REDIS_PORT: '',
        REDIS_PASSWORD: '',
        REDIS_DB: '',
        CACHE_TTL: '',
        CACHE_MAX_ITEMS: '  ',
        CACHE_MAX_BYTES: '',
        CACHE_PREFIX: '',
      }),
    ).toEqual(nothing);
  });

  it.each<[variables: Record<string, string>, redis: unknown]>([
    [{ REDIS_URL: 'redis://localhost:6379' }, 'redis://localhost:6379'],
    [{ REDIS_URL: ' rediss://u:p@host:1/2 ' }, 'rediss://u:p@host:1/2'],
    [{ REDIS_URL: 'REDIS://host' }, 'redis://host'],
    [{ REDIS_URL: '/run/redis.sock' }, '/run/redis.sock'],
    [{ REDIS_URL: 'redis://host/' }, 'redis://host/'],
    [{ REDIS_URL: 'redis://a', REDIS_HOST: 'b' }, 'redis://a'],
    [{ REDIS_HOST: 'redis' }, { host: 'redis', port: 6379, db: 0 }],
    [
      { REDIS_HOST: ' redis ', REDIS_PORT: '6380', REDIS_PASSWORD: ' p w ', REDIS_DB: '3' },
      { host: 'redis', port: 6380, db: 3, password: ' p w ' },
    ],
    [{ REDIS_HOST: '::1' }, { host: '::1', port: 6379, db: 0 }],
    [{ REDIS_PORT: '6380' }, { host: 'localhost', port: 6380, db: 0 }],
    [{ REDIS_PASSWORD: 'x' }, undefined],
  ])('Redis by %j', (variables, redis) => {
    expect(readEnvironment(variables).redis).toEqual(redis);
  });

  it.each([
    ['CACHE_TTL', 'ttl', '60', 60],
    ['CACHE_TTL', 'ttl', ' 0.5 ', 0.5],
    ['CACHE_TTL', 'ttl', '5000000', 5_000_000],
    ['CACHE_MAX_ITEMS', 'maxItems', '1', 1],
    ['CACHE_MAX_BYTES', 'maxBytes', '67108864', 67_108_864],
    ['CACHE_PREFIX', 'prefix', 'app:', 'app:'],
  ] as const)('%s as %s: %j', (variable, name, text, value) => {
    expect(readEnvironment({ [variable]: text })[name]).toBe(value);
  });

  it.each([
    ['CACHE_TTL', '0', 'seconds above 0'],
    ['CACHE_TTL', '-5', 'seconds above 0'],
    ['CACHE_TTL', '5m', 'seconds above 0'],
    ['CACHE_TTL', 'NaN', 'seconds above 0'],
    ['CACHE_TTL', 'Infinity', 'seconds above 0'],
    ['CACHE_TTL', '1e3', 'seconds above 0'],
    ['CACHE_TTL', '0x10', 'seconds above 0'],
    ['CACHE_TTL', '1_000', 'seconds above 0'],
    ['CACHE_MAX_ITEMS', '0', 'a whole number, 1 or more'],
    ['CACHE_MAX_ITEMS', '1.5', 'a whole number, 1 or more'],
    ['CACHE_MAX_ITEMS', 'many', 'a whole number, 1 or more'],
    ['CACHE_MAX_ITEMS', '99999999999999999999', 'a whole number, 1 or more'],
    ['CACHE_MAX_BYTES', '64MB', 'a whole number of bytes, 1 or more'],
    ['REDIS_PORT', '0', 'a port from 1 to 65535'],
    ['REDIS_PORT', '65536', 'a port from 1 to 65535'],
    ['REDIS_PORT', '6379/1', 'a port from 1 to 65535'],
    ['REDIS_DB', '-1', 'a whole number, 0 or more'],
    ['REDIS_DB', 'one', 'a whole number, 0 or more'],
    ['REDIS_URL', 'localhost:6379', 'a URL such as redis://localhost:6379/0'],
    ['REDIS_URL', 'http://localhost', 'a URL such as redis://localhost:6379/0'],
    ['REDIS_URL', 'redis://', 'a URL such as redis://localhost:6379/0'],
    ['REDIS_URL', 'redis://host:99999', 'a URL such as redis://localhost:6379/0'],
    ['REDIS_URL', 'redis://host:6379/cache', 'a URL such as redis://localhost:6379/0'],
    ['REDIS_URL', 'redis:///run/redis.sock', 'a URL such as redis://localhost:6379/0'],
    ['REDIS_HOST', 'localhost:6379', 'a port goes into REDIS_PORT'],
    ['REDIS_HOST', 'redis://localhost', 'a URL into REDIS_URL'],
    ['REDIS_HOST', '[::1]', 'a name or an address alone'],
  ])('%s=%s is an error that names all three', (variable, text, takes) => {
    const error = errorOf(() => readEnvironment({ REDIS_HOST: 'h', [variable]: text }));
    expect(error).toMatchObject({ setting: `environment variable ${variable}`, held: text });
    expect(error.message).toContain(`environment variable ${variable} is ${JSON.stringify(text)}; it takes `);
    expect(error.message).toContain(takes);
  });
});

describe('checkUrl', () => {
  it.each([
    ['redis://h', undefined],
    ['REDISS://me:Pw@h', true],
    ['Rediss://h', true],
    ['rediss://h', true],
  ])('has ioredis take %s for what it is: TLS or not', (url, tls) => {
    const client = new Redis(checkUrl('option redis', url), { lazyConnect: true });
    expect([client.options.tls, client.options.password ?? 'Pw']).toEqual([tls, 'Pw']);
    client.disconnect();
  });

  it.each([
    'http://user:s3cret@host',
    'redis//user:s3cret@host',
    'redis:/user:s3cret@host',
    'http://:s3cret@host',
    'http://user:s3:cret@host',
    'http://user:s3@cret@host',
    'http://user:s3/cret@host',
    'redis://user:s3cret@host:port',
    'redis://user:s3?cret@host/shop',
    'redis://host/shop?password=s3cret',
    'redis://host/shop?password=s3@cret',
  ])('never shows a password: %s', (url) => {
    const error = errorOf(() => checkUrl('option redis', url));
    expect(`${error.message} ${error.held}`).not.toMatch(/s3|cret/);
    if (!url.includes('s3?')) expect(error.message).toContain('host');
  });

  it.each([
    ['redis://default:s3cret', 'redis://default:***'],
    ['redis://:s3cret', 'redis://:***'],
    ['redis://host:port', 'redis://host:***'],
    ['default:s3cret', 'default:***'],
    ['localhost:6379', 'localhost:6379'],
    ['http://localhost:6379/0', 'http://localhost:6379/0'],
    ['redis://host/shop', 'redis://host/shop'],
  ])('nor what may be one where the host is missing: %s', (url, shown) => {
    const error = errorOf(() => checkUrl('option redis', url));
    expect([error.held, error.message]).toEqual([shown, expect.stringContaining(JSON.stringify(shown))]);
  });
});
