import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { type CacheOptions, resolveSettings } from '../../src/options.js';

const VARIABLES = [
  ...['REDIS_URL', 'REDIS_HOST', 'REDIS_PORT', 'REDIS_PASSWORD', 'REDIS_DB'],
  ...['CACHE_TTL', 'CACHE_MAX_ITEMS', 'CACHE_MAX_BYTES', 'CACHE_PREFIX'],
];

/** The settings in an environment that holds these variables and no others. */
function resolve(options: unknown, variables: Record<string, string> = {}) {
  for (const name of VARIABLES) vi.stubEnv(name, variables[name]);
  return resolveSettings(options as CacheOptions);
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('resolveSettings', () => {
  it('does not ask the environment for what is said already', () => {
    const kubernetes = { REDIS_PORT: 'tcp://10.0.0.11:6379' };
    expect(resolve({ redis: false }, kubernetes).redis).toBeUndefined();
    expect(resolve({ redis: 'redis://a' }, kubernetes).redis).toBe('redis://a');
    expect(resolve({ redis: new URL('redis://a') }, kubernetes).redis).toBe('redis://a');
    expect(resolve({}, { ...kubernetes, REDIS_URL: 'redis://b' }).redis).toBe('redis://b');
    expect(() => resolve({}, kubernetes)).toThrow(/REDIS_PORT is "tcp:/);
  });

  it('has the documented defaults', () => {
    const settings = resolve({});
    expect(settings).toMatchObject({
      redis: undefined,
      l1: true,
      consistency: 'pushed',
      maxDisconnected: 1000,
      collapseTimeout: 10_000,
      refreshTimeout: 30_000,
      maxRefreshes: 20,
      sweepInterval: 60,
      maxItems: 1000,
      maxBytes: 67_108_864,
      prefix: '',
      timeout: 50,
      breaker: { failures: 5, openFor: 1000 },
      health: { degradedErrors: 5, unhealthyErrors: 10 },
      errorWindow: 60,
      publishInterval: 5,
      logger: undefined,
      route: {
        ttl: 300,
        negativeTtl: 10,
        tags: [],
        tenant: { header: 'x-client-id', required: false },
        vary: [],
        query: { only: undefined, ignore: [], sort: true },
        maxBodyBytes: 1_048_576,
        requestDirectives: 'ignore',
        staleWhileRevalidate: 0,
        staleIfError: 0,
        retain: undefined,
        heuristic: 0,
        targetedFields: ['respcache-cache-control'],
        storePost: false,
        browserTtl: undefined,
        cdnTtl: undefined,
        surrogateTags: undefined,
        exposeKey: false,
        collapse: true,
        earlyRefresh: 0,
      },
    });
    expect(Math.abs(settings.clock.now() - Date.now())).toBeLessThan(1000);
  });

  it('takes what is left out from the environment', () => {
    const variables = {
      REDIS_HOST: 'h',
      CACHE_TTL: '7',
      CACHE_MAX_ITEMS: '8',
      CACHE_MAX_BYTES: '9',
      CACHE_PREFIX: 'p:',
    };
    expect(resolve({}, variables)).toMatchObject({
      redis: { host: 'h', port: 6379, db: 0 },
      maxItems: 8,
      maxBytes: 9,
      prefix: 'p:',
      route: { ttl: 7 },
    });
  });

  it('goes by its options before the environment', () => {
    const variables = {
      REDIS_HOST: 'h',
      CACHE_TTL: '7',
      CACHE_MAX_ITEMS: '8',
      CACHE_MAX_BYTES: '9',
      CACHE_PREFIX: 'p:',
    };
    const options = { redis: 'redis://other', ttl: 1, maxItems: 2, maxBytes: 3, prefix: 'q:' };
    const { redis, maxItems, maxBytes, prefix, route } = resolve(options, variables);
    expect({ redis, maxItems, maxBytes, prefix, ttl: route.ttl }).toEqual(options);
  });

  it('redis: false is the memory, whatever the environment says', () => {
    expect(resolve({ redis: false }, { REDIS_URL: 'redis://h' }).redis).toBeUndefined();
  });

  it('numbers of ioredis options may be texts, as it takes them', () => {
    for (const redis of [{ host: 'h', port: '6380', db: '3' }, { port: 6380, db: null }, { path: '/run/redis.sock' }])
      expect(resolve({ redis }).redis).toBe(redis);
  });

  it('sweepInterval: false is none', () => {
    expect(resolve({ sweepInterval: false }).sweepInterval).toBe(0);
  });

  it('an empty prefix is one', () => {
    expect(resolve({ prefix: '' }, { CACHE_PREFIX: 'p:' }).prefix).toBe('');
  });

  it('undefined never overrides', () => {
    const nothing = Object.fromEntries(
      ['redis', 'ttl', 'negativeTtl', 'maxItems', 'prefix', 'timeout', 'breaker', 'clock', 'tenant', 'query'].map(
        (name) => [name, undefined],
      ),
    );
    expect(resolve(nothing)).toEqual(resolve({}));
    // As documents write it, also under `exactOptionalPropertyTypes`.
    const variable: CacheOptions = { redis: process.env.NO_SUCH_REDIS };
    expect(resolve(variable)).toEqual(resolve({}));
    expect(resolve({ breaker: { failures: undefined, openFor: 7 } }).breaker).toEqual({ failures: 5, openFor: 7 });
  });

  it('is frozen, and leaves what it was given alone', () => {
    const options = Object.freeze({
      ttl: 5,
      breaker: Object.freeze({ failures: 1 }),
      tags: Object.freeze(['a']),
      tenant: Object.freeze({ header: 'X-Tenant' }),
    });
    const settings = resolve(options);
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.route)).toBe(true);
    expect(settings.route.tenant.header).toBe('x-tenant');
  });

  it.each<[options: unknown, setting: string, takes: string]>([
    [5, 'the options of createCache', 'an object'],
    [null, 'the options of createCache', 'an object'],
    [[], 'the options of createCache', 'an object'],
    [{ tll: 5 }, 'option tll', 'there is no such option'],
    [{ ttl: 0 }, 'option ttl', 'a number of seconds above 0, or a function that returns one'],
    [{ ttl: -1 }, 'option ttl', 'a number of seconds above 0, or a function that returns one'],
    [{ ttl: '300' }, 'option ttl', 'a number of seconds above 0, or a function that returns one'],
    [{ ttl: Number.NaN }, 'option ttl', 'a number of seconds above 0, or a function that returns one'],
    [{ maxItems: 0 }, 'option maxItems', 'a whole number, 1 or more'],
    [{ maxItems: 1.5 }, 'option maxItems', 'a whole number, 1 or more'],
    [{ maxItems: '5' }, 'option maxItems', 'a whole number, 1 or more'],
    [{ maxBytes: 0 }, 'option maxBytes', 'a whole number, 1 or more'],
    [{ maxBytes: '64mb' }, 'option maxBytes', 'a whole number, 1 or more'],
    [{ prefix: 5 }, 'option prefix', 'a text of at most 200 characters, without braces'],
    [{ prefix: '{a}' }, 'option prefix', 'without braces'],
    [{ prefix: 'x'.repeat(201) }, 'option prefix', 'at most 200 characters'],
    [{ prefix: '\uD800' }, 'option prefix', 'a text'],
    [{ timeout: 0 }, 'option timeout', 'a number of milliseconds above 0'],
    [{ timeout: '50' }, 'option timeout', 'a number of milliseconds above 0'],
    [{ l1: 'no' }, 'option l1', 'true or false'],
    [{ consistency: 'eventual' }, 'option consistency', "'pushed' or 'strong'"],
    [{ maxDisconnected: 0 }, 'option maxDisconnected', 'a number of milliseconds above 0'],
    [{ collapseTimeout: -1 }, 'option collapseTimeout', 'a whole number, from 1 to 86400000'],
    [{ refreshTimeout: 0 }, 'option refreshTimeout', 'a whole number, from 1 to 86400000'],
    // Beyond 24.8 days a timer takes its delay for 1 ms.
    [{ refreshTimeout: 2 ** 31 }, 'option refreshTimeout', 'a whole number, from 1 to 86400000'],
    [{ refreshTimeout: 0.5 }, 'option refreshTimeout', 'a whole number, from 1 to 86400000'],
    [{ maxRefreshes: 0 }, 'option maxRefreshes', 'a whole number, 1 or more'],
    [{ maxRefreshes: '20' }, 'option maxRefreshes', 'a whole number, 1 or more'],
    [{ mode: 'strict' }, 'option mode', "'application' or 'rfc9111'"],
    [{ sweepInterval: 0 }, 'option sweepInterval', 'a number of seconds above 0'],
    // Beyond 24.8 days a timer takes its delay for 1 ms; `false` is there for never.
    [{ sweepInterval: 2_147_484 }, 'option sweepInterval', 'a number of seconds above 0'],
    [{ sweepInterval: Number.POSITIVE_INFINITY }, 'option sweepInterval', 'a number of seconds above 0'],
    [{ sweepInterval: true }, 'option sweepInterval', 'a number of seconds above 0'],
    [{ publishInterval: 0 }, 'option publishInterval', 'a number of seconds above 0'],
    [{ degradedErrors: 0 }, 'option degradedErrors', 'a whole number, 1 or more'],
    [{ errorWindow: 0 }, 'option errorWindow', 'a number of seconds above 0'],
    [{ logger: () => {} }, 'option logger', 'an object with debug, info, warn and error, such as pino'],
    [{ breaker: 5 }, 'option breaker', 'an object'],
    [{ breaker: null }, 'option breaker', 'an object'],
    [{ breaker: { failure: 5 } }, 'option breaker.failure', 'there is no such option'],
    [{ breaker: { failures: 0 } }, 'option breaker.failures', 'a whole number, 1 or more'],
    [{ breaker: { openFor: -1 } }, 'option breaker.openFor', 'a number of milliseconds above 0'],
    [{ unhealthyErrors: 0 }, 'option unhealthyErrors', 'a whole number, 1 or more'],
    [{ redis: true }, 'option redis', 'a URL, ioredis options, { cluster: nodes }, an ioredis client, or false'],
    [{ redis: 6379 }, 'option redis', 'a URL'],
    [{ redis: ['redis://h'] }, 'option redis', 'a URL'],
    [{ redis: '' }, 'option redis', 'a URL'],
    [{ redis: 'localhost:6379' }, 'option redis', 'a URL such as redis://localhost:6379/0'],
    // Of a database that is no number ioredis rejects a promise that nobody has, which ends the process.
    [{ redis: { host: 'h', db: '' } }, 'option redis.db', 'a whole number, from 0 to 2147483648'],
    [{ redis: { host: 'h', db: Number.NaN } }, 'option redis.db', 'a whole number'],
    [{ redis: { host: 'h', db: 'sessions' } }, 'option redis.db', 'a whole number'],
    [{ redis: { port: 'six' } }, 'option redis.port', 'a whole number, from 0 to 65535'],
    [{ redis: { port: 70_000 } }, 'option redis.port', 'a whole number, from 0 to 65535'],
    [{ redis: { host: 'localhost:6379' } }, 'option redis.host', 'a port goes into port'],
    [{ redis: { host: 'redis://h' } }, 'option redis.host', 'a URL in place'],
    [{ redis: { url: 'redis://h' } }, 'option redis.url', 'a URL goes in place of the object'],
    [{ redis: { socket: { host: 'h' } } }, 'option redis.socket', 'host and port'],
    [{ redis: { get: () => {}, connect: () => {} } }, 'option redis', 'an ioredis client'],
    [{ redis: { cluster: 'localhost:7000' } }, 'option redis', 'cluster'],
    [{ redis: { cluster: [] } }, 'option redis', 'cluster'],
    [{ redis: { cluster: [null] } }, 'option redis.cluster[0]', 'a node such as { host, port }, a port, or a URL'],
    [{ redis: { cluster: [7000, ''] } }, 'option redis.cluster[1]', 'a node'],
    [{ redis: { cluster: [70_000] } }, 'option redis.cluster[0]', 'a whole number, from 1 to 65535'],
    [{ redis: { cluster: [{ host: 'h:1' }] } }, 'option redis.cluster[0].host', 'a port goes into port'],
    [{ redis: { cluster: [{ host: 'h', port: 'p' }] } }, 'option redis.cluster[0].port', 'a whole number'],
    [{ redis: { cluster: [{ port: 1 }], option: {} } }, 'option redis.option', 'there is no such option'],
    [{ redis: new URL('http://h') }, 'option redis', 'a URL'],
    [{ clock: 5 }, 'option clock', 'now'],
    [{ clock: {} }, 'option clock', 'now'],
    [{ tags: 'users' }, 'option tags', 'a list of texts that are not empty, or a function that returns one'],
  ])('refuses %j', (options, setting, takes) => {
    expect(() => resolve(options)).toThrow(ConfigError);
    expect(() => resolve(options)).toThrow(setting);
    expect(() => resolve(options)).toThrow(takes);
  });

  it.each([
    [{ redis: { cluster: [{ host: 'h' }], password: 's3cret' } }, 'option redis.password is "***"'],
    [{ redis: { cluster: { host: 'h', password: 's3cret' } } }, 'option redis.cluster is "an object"'],
    [{ redis: { cluster: 'redis://:s3cret@h' } }, 'option redis.cluster is "***@h"'],
    [{ redis: ['redis://:s3cret@h'] }, 'option redis is "a list"'],
    [{ redis: { url: 'redis://:s3cret@h' } }, 'option redis.url is "***@h"'],
    [{ redis: { get: () => {}, options: { password: 's3cret' } } }, 'option redis is "a client of another package"'],
    [{ redisUrl: 'redis://:s3cret@h' }, 'option redisUrl is "***"'],
    [{ password: 's3cret' }, 'option password is "***"'],
  ])('does not tell the password in %j', (options, message) => {
    const refused = () => resolve(options as never);
    expect(refused).toThrow(message);
    expect(refused).toThrow(expect.objectContaining({ held: expect.not.stringContaining('s3cret') }));
    expect(refused).not.toThrow(/s3cret/);
  });

  it.each([
    ...'l1 consistency maxDisconnected collapseTimeout refreshTimeout maxRefreshes sweepInterval store maxItems'.split(
      ' ',
    ),
    ...'maxBytes prefix timeout breaker degradedErrors unhealthyErrors errorWindow publishInterval logger'.split(' '),
    ...'writeBehind clock redis ttl collapse'.split(' '),
  ])('null is no value of %s', (name) => {
    expect(() => resolve({ [name]: null })).toThrow(`option ${name} is null; it takes `);
  });

  it.each([
    ['breaker', 'failures'],
    ['breaker', 'openFor'],
    ...['durable', 'maxQueue', 'waitForRoom', 'closeTimeout', 'lease'].map((name) => ['writeBehind', name]),
  ])('null is no value of %s.%s', (group, name) => {
    expect(() => resolve({ [group!]: { [name!]: null } })).toThrow(`option ${group}.${name} is null; it takes `);
  });

  it.each([
    ['CACHE_PREFIX', '{a}'],
    ['CACHE_TTL', 'x'],
    ['CACHE_MAX_ITEMS', 'x'],
    ['CACHE_MAX_BYTES', 'x'],
    ['REDIS_URL', 'x'],
  ])('names the variable where the environment is bad: %s=%s', (variable, text) => {
    expect(() => resolve({}, { [variable]: text })).toThrow(`environment variable ${variable} is `);
  });

  it('an option that is not used is checked all the same', () => {
    expect(() => resolve({ redis: false, breaker: { failures: 0 } })).toThrow(ConfigError);
  });

  it('is a RespcacheError with a code', () => {
    const refused = (() => {
      try {
        resolve({ ttl: -1 });
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({
      name: 'ConfigError',
      code: 'ERR_RESPCACHE_CONFIG',
      setting: 'option ttl',
      held: -1,
      message: 'option ttl is -1; it takes a number of seconds above 0, or a function that returns one',
    });
  });
});
