import { Redis } from 'ioredis';
import { type Cache, createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Count, Flexible } from '../../src/limits/flexible.js';
import { limitOf } from '../../src/limits/limit.js';
import { redisLimiter } from '../../src/limits/redis-limiter.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { type Layer, type Site, site } from './stage.js';

let server: RedisServer;
let caches: Cache[];
let sites: Site[];

beforeEach(async () => {
  server = await startRedis();
  caches = [];
  sites = [];
});
afterEach(async () => {
  for (const each of sites) await each.close();
  for (const cache of caches) await cache.close();
  await server.stop();
});

async function open(layers: Layer[], cache?: Cache): Promise<Site> {
  const used = cache ?? createCache({ redis: server.url, timeout: 10_000, breaker: { openFor: 60_000 } });
  caches.push(used);
  await used.health();
  const opened = await site('express', used, layers);
  sites.push(opened);
  return opened;
}

const KEY = 'limit:default:b::127.0.0.1';
const points = async () => Number(await server.command('GET', KEY));

describe('a rate limit over Redis', () => {
  it('counts for all processes together, and outlives them', async () => {
    const [first, second] = [await open([{}]), await open([{}])];
    expect((await first.get()).header('ratelimit')).toMatch(/^"default";r=1;t=(60|59)$/);
    expect((await second.get()).header('ratelimit')).toMatch(/^"default";r=0;/);
    for (const cache of caches.splice(0)) await cache.close();
    const third = await open([{}]);
    expect((await third.get()).status).toBe(429);
    expect(Number(await server.command('PTTL', KEY))).toBeGreaterThan(50_000);
  });

  it('lets exactly so many of many at once through', async () => {
    const all = [await open([{ points: 10 }]), await open([{ points: 10 }])];
    const answers = await Promise.all(Array.from({ length: 50 }, (_each, i) => all[i % 2]!.get()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(40);
  });

  it('counts outside what the cache clears', async () => {
    const { get } = await open([{ points: 1 }]);
    await get();
    await caches[0]?.clear();
    await caches[0]?.invalidateTenant('default', { erase: true });
    await caches[0]?.services.backend.sweep();
    expect((await get()).status).toBe(429);
  });

  it('has keys of a bounded length, whoever asks', async () => {
    const { get } = await open([{ by: ({ headers }: { headers: Record<string, string> }) => headers['x-user'] }]);
    await get('/', { 'x-user': 'u'.repeat(4000), 'x-client-id': 't*'.repeat(2000) });
    await get('/', { 'x-client-id': 't*'.repeat(2000) });
    const keys = (await server.command('KEYS', 'limit:*')) as string[];
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(key).toMatch(/^limit:default:[fb]:[\w.%:-]{1,300}$/);
  });

  it('blocks for as long as it says, once', async () => {
    const { get } = await open([{ points: 1, block: 600 }]);
    await get();
    expect(Number((await get()).header('retry-after'))).toBeGreaterThan(590);
    await server.command('PEXPIRE', KEY, '100000');
    expect(Number((await get()).header('retry-after'))).toBeLessThanOrEqual(100);
  });

  it('gives back what a hit does not cost, and no more than there is', async () => {
    const { get } = await open([{ points: 10, cost: 3, hits: 'exempt' }, 'cache']);
    await get('/a');
    expect(await points()).toBe(3);
    await get('/a');
    await expect.poll(points).toBe(3);
    await get('/b');
    expect(await points()).toBe(6);
  });

  it('gives nothing back to who is blocked: hits that were under way would end the block', async () => {
    await open([]);
    const { limit } = limitOf({ points: 2, duration: 60, hits: 'exempt', block: 600, cache: caches[0]! });
    const visit = { headers: {}, ip: '127.0.0.1', source: undefined };
    const [first, second] = [await limit.check(visit), await limit.check(visit)];
    expect((await limit.check(visit)).refusal?.status).toBe(429);
    await first.onHit?.();
    await second.onHit?.();
    expect(await points()).toBe(3);
    expect((await limit.check(visit)).refusal?.status).toBe(429);
  });

  it.each([
    { block: 600, given: 2, left: [1, 0] },
    { block: 0, given: 3, left: [2, 1] },
  ])('gives back to who is not blocked, be there nothing left: %o', async ({ block, given, left }) => {
    await open([]);
    const { limit } = limitOf({ points: 2, duration: 60, hits: 'exempt', block, cache: caches[0]! });
    const visit = { headers: {}, ip: '127.0.0.1', source: undefined };
    const hits: (() => Promise<void>)[] = [];
    for (let i = 0; i < 2; i++) hits.push((await limit.check(visit)).onHit!);
    for (let i = 2; i < given; i++) expect((await limit.check(visit)).refusal?.status).toBe(429);
    for (const [i, onHit] of hits.entries()) {
      await onHit();
      expect(await points()).toBe(left[i]);
    }
    expect((await limit.check(visit)).refusal).toBeUndefined();
  });

  it('never gives back more than there is, nor into another window', async () => {
    await open([]);
    const { limit } = limitOf({ points: 9, duration: 60, cost: 5, hits: 'exempt', cache: caches[0]! });
    const { onHit } = await limit.check({ headers: {}, ip: '127.0.0.1', source: undefined });
    expect(await points()).toBe(5);
    await server.command('SET', KEY, '2', 'KEEPTTL');
    await onHit?.();
    expect(await points()).toBe(0);
    expect(Number(await server.command('PTTL', KEY))).toBeGreaterThan(50_000);
    await server.command('DEL', KEY);
    await onHit?.();
    expect(await server.command('EXISTS', KEY)).toBe(0);
  });

  it('counts in each process while Redis is dead, and in Redis after that', async () => {
    const cache = createCache({ redis: server.url });
    const { get } = await open([{ block: 600 }], cache);
    expect((await get()).header('ratelimit')).toMatch(/;r=1;/);
    await server.kill();
    const answers = [await get(), await get(), await get()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[2]?.header('retry-after')).toBe('600');
    await server.restart();
    await expect.poll(async () => (await get()).status && (await points())).toBeGreaterThan(0);
  });

  it('lets nobody through while Redis is dead, if it is told so', async () => {
    const cache = createCache({ redis: server.url, timeout: 10_000, breaker: { openFor: 59_001 } });
    const opened = await open([{ onUnavailable: 'deny' }], cache);
    expect((await opened.get()).status).toBe(200);
    const { limit } = limitOf({ points: 2, duration: 60, hits: 'exempt', onUnavailable: 'deny', name: 'hits', cache });
    const { onHit } = await limit.check({ headers: {}, ip: '127.0.0.1', source: undefined });
    await server.kill();
    // Nobody waits for what is given back to a hit: its failure would end the process.
    await onHit?.();
    const refused = await opened.get();
    expect([refused.status, refused.header('retry-after'), refused.header('cache-control')]).toEqual([
      503,
      '60',
      'no-store',
    ]);
    expect(JSON.parse(refused.text)).toMatchObject({ status: 503 });
    expect(opened.runs).toBe(1);
  });

  it('does not wait for a Redis that hangs', async () => {
    const { get } = await open([{}], createCache({ redis: server.url, timeout: 50 }));
    await server.pause();
    expect((await get()).header('ratelimit')).toMatch(/;r=1;/);
    await server.resume();
  });

  it('counts in Redis with the first version of the package that it takes', async () => {
    interface Client {
      multi(): unknown;
      rlflxIncr(args: string[]): Promise<unknown>;
    }
    /** What rate-limiter-flexible 5 asks of a client; what fails there goes to the insurance unsaid. */
    class OfVersion5 {
      blockDuration = 0;
      readonly #client: Client;
      constructor({ storeClient }: { storeClient: Client }) {
        this.#client = storeClient;
      }
      async consume(key: string, points: number): Promise<Count> {
        this.#client.multi();
        const [consumedPoints, msBeforeNext] = (await this.#client.rlflxIncr([key, `${points}`, '60'])) as number[];
        return { consumedPoints: consumedPoints!, msBeforeNext: msBeforeNext!, remainingPoints: 0 };
      }
    }
    await open([]);
    const { backend } = caches[0]!.services;
    const flexible = { RateLimiterRedis: OfVersion5 } as unknown as Flexible;
    const options = { points: 1, block: 600, insurance: undefined };
    const limiter = redisLimiter(flexible, { backend, link: backend.link! }, options);
    expect((await limiter.consume('k', 1)).msBeforeNext).toBeLessThanOrEqual(60_000);
    const { consumedPoints, msBeforeNext } = await limiter.consume('k', 1);
    expect(consumedPoints).toBe(2);
    // Redis says what is left of the block: some of it may have passed.
    expect(msBeforeNext).toBeGreaterThan(60_000);
    expect(msBeforeNext).toBeLessThanOrEqual(600_000);
  });

  it('leaves a client of the caller as it is', async () => {
    const client = new Redis(server.url);
    const before = Object.keys(client);
    const cache = createCache({ redis: client });
    const { get } = await open([{ points: 1, block: 5 }], cache);
    await get();
    expect((await get()).status).toBe(429);
    expect(Object.keys(client).filter((name) => !before.includes(name) && name.includes('rlflx'))).toEqual([]);
    expect('rlflxIncr' in client).toBe(false);
    await cache.close();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });
});
