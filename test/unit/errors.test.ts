import { Redis } from 'ioredis';
import { createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { expect, it } from 'vitest';
import { ConfigError, show } from '../../src/errors.js';

it.each<[value: unknown, shown: string]>([
  ['a', '"a"'],
  ['x'.repeat(201), `"${'x'.repeat(200)}…"`],
  [5n, '5n'],
  [Symbol('s'), 'Symbol(s)'],
  [undefined, 'undefined'],
  [() => 1, 'a function'],
  [{ a: [1] }, '{"a":[1]}'],
  [Object.create(null), '{}'],
  [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  [new Map([['a', 1]]), 'an object of the class Map'],
  [new (class extends Array {})(), '[]'],
  [{ toJSON: () => expect.unreachable() }, 'an object'],
])('a value, %#, is shown', (value, shown) => {
  expect(show(value)).toBe(shown);
});

it('nothing of an object with a class of its own is shown: caches and clients hold passwords', async () => {
  const client = new Redis('redis://:secret@localhost:1', { lazyConnect: true });
  const cache = createCache({ redis: client });
  const ofAnotherCopy = Object.assign(Object.create({ constructor: { name: 'Cache' } }), cache);
  for (const held of [client, ofAnotherCopy])
    try {
      cacheMiddleware({ cache: held });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toMatch(
        /^option cache is an object of the class \w+; it takes a cache made by createCache\(\) of the same copy of respcache$/,
      );
    }
  await cache.close();
  client.disconnect();
});
