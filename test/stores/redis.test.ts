import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/errors.js';
import { RedisStore } from '../../src/stores/redis.js';
import type { RedisClient } from '../../src/stores/redis-client.js';
import { RedisLink } from '../../src/stores/redis-link.js';
import { START, valueEntry } from '../../src/testing/suite/entries.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { redisSuite } from './redis-suite.js';

let server: RedisServer;
const at = <O extends object>(more: O) => ({ host: '127.0.0.1', port: server.port, ...more });

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await server.stop();
});

redisSuite('RedisStore over ioredis 6', () => new Redis(at({})));
redisSuite('RedisStore over ioredis 5', () => new Redis5(at({})) as unknown as RedisClient);
redisSuite('RedisStore over ioredis 6 with a keyPrefix', () => new Redis(at({ keyPrefix: 'app*[6]:', db: 1 })));
redisSuite(
  'RedisStore over ioredis 5 with a keyPrefix and pipelines',
  () => new Redis5(at({ keyPrefix: 'app5:', enableAutoPipelining: true, db: 2 })) as unknown as RedisClient,
);

describe('RedisStore', () => {
  const fail = (error: unknown) => {
    throw error;
  };
  const made = (link: RedisLink) => new RedisStore(link, { now: () => START, onDamage: fail });

  it('keeps to the keyPrefix of the client: nothing outside of it is written, read or swept', async () => {
    const [inside, outside] = [new Redis(at({ keyPrefix: 'in:', db: 3 })), new Redis(at({ db: 3 }))];
    const [ours, others] = [made(new RedisLink(inside, fail)), made(new RedisLink(outside, fail))];
    await ours.set([{ key: 'k', entry: valueEntry() }]);
    await others.set([{ key: 'k', entry: valueEntry({ tags: ['other'] }) }]);
    expect((await outside.keys('*')).sort()).toEqual(['in:k', 'k']);
    expect(await ours.get(['k'])).toEqual([valueEntry()]);
    expect(await ours.sweep('', () => true)).toBe(1);
    expect(await outside.keys('*')).toEqual(['k']);
    for (const client of [inside, outside]) client.disconnect();
  });

  it('takes no more on its way than a slow server can be given: 32 MiB', async () => {
    const slow = await startRedis();
    const link = new RedisLink(slow.url, () => {});
    const store = made(link);
    await store.ping();
    await slow.pause();
    const entry = valueEntry({ body: Buffer.alloc(1_048_576) });
    const sent = Array.from({ length: 31 }, (_, i) => store.set([{ key: `k${i}`, entry }]));
    await expect(store.set([{ key: 'more', entry: valueEntry({ body: Buffer.alloc(2_097_152) }) }])).rejects.toThrow(
      UnavailableError,
    );
    await slow.resume();
    await Promise.all(sent);
    await store.set([{ key: 'more', entry }]);
    expect(await slow.command('DBSIZE')).toBe(32);
    await store.close();
    await slow.stop();
  });

  it('fails at once without a connection, in all it does', async () => {
    const mortal = await startRedis();
    const link = new RedisLink(mortal.url, () => {});
    const store = made(link);
    await store.ping();
    const closed = new Promise((resolve) => link.client.once('close', resolve));
    await mortal.stop();
    await closed;
    for (const work of [
      () => store.get(['k']),
      () => store.set([{ key: 'k', entry: valueEntry() }]),
      () => store.delete(['k']),
      () => store.increment('k', 1, undefined, valueEntry()),
      () => store.ping(),
    ]) {
      await expect(work()).rejects.toThrow(UnavailableError);
    }
    // What has failed is not on its way any more.
    expect(store.isWriting).toBe(false);
    await expect(store.sweep('', () => true)).rejects.toThrow();
    const scan = store.scan('')[Symbol.asyncIterator]();
    await expect(scan.next()).rejects.toThrow(UnavailableError);
    await store.close();
  });
});
