import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { type Cache, type CacheOptions, createCache, type Receipt } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import supertest from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY } from '../service/backends.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;
let folder: string;
const opened: Cache[] = [];
let tests = 0;

beforeAll(async () => {
  redis = await startRedis();
  folder = await mkdtemp(join(tmpdir(), 'respcache-test-'));
});

beforeEach(() => {
  tests++;
});

afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())));

afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

const path = () => join(folder, `${tests}.bak`);

/** A cache as another process would have it, before an application whose every answer is another. */
function open(options: CacheOptions = {}) {
  const cache = createCache({ redis: redis.url, prefix: `http${tests}:`, timeout: 5000, ttl: 600, ...options });
  opened.push(cache);
  const app = express();
  let runs = 0;
  app.use(cacheMiddleware({ cache }));
  app.get('/bytes', (_req, res) => {
    res.append('Link', '</a>').append('Link', '</b>');
    res.status(404).type('application/octet-stream').set('X-Odd', 'a, "b"');
    res.send(Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7 + runs) % 256)));
    runs++;
  });
  app.get('/varied', (req, res) => {
    res.vary('Accept-Language').send(`${req.get('accept-language')} ${runs++}`);
  });
  app.get('/named/:id', cacheMiddleware({ cache, key: 'named', tags: ['t'] }), (_req, res) => {
    res.send(String(runs++));
  });
  app.get('/:page', (_req, res) => {
    res.cache.tag('t');
    res.send(String(runs++));
  });
  const get = (target: string, client = 'acme', language = 'en') =>
    supertest(app).get(target).set({ Host: 'example.com', 'X-Client-Id': client, 'Accept-Language': language });
  return { cache, get };
}

const isHit = (answer: { headers: Record<string, string> }) => /; hit/.test(answer.headers['cache-status'] ?? '');
const lose = () => redis.command('EVAL', EMPTY, '0');

describe('responses', () => {
  it.each<[where: string, options: CacheOptions, foreign: 'refuse' | 'adopt']>([
    ['the same place', {}, 'refuse'],
    ['another prefix', { prefix: 'elsewhere:' }, 'adopt'],
    ['memory', { redis: false }, 'adopt'],
  ])(
    'come back into %s as they were: status, fields and bytes, each variant of them',
    async (_where, options, foreign) => {
      const before = open();
      const first = await before.get('/bytes');
      for (const language of ['en', 'fr']) await before.get('/varied', 'acme', language);
      expect(await before.cache.backup(path())).toMatchObject({ entries: 4 });
      await lose();

      const after = open(options);
      expect(await after.cache.restore(path(), { foreign })).toMatchObject({ entries: 4, restored: 4 });
      const again = await after.get('/bytes');
      expect([isHit(first), isHit(again), again.status]).toEqual([false, true, 404]);
      expect((again.body as Buffer).equals(first.body as Buffer)).toBe(true);
      const own = ({ headers }: typeof first) => ({ ...headers, age: '', 'cache-status': '', connection: '' });
      expect(own(again)).toEqual(own(first));
      for (const [language, text] of [
        ['en', 'en 1'],
        ['fr', 'fr 2'],
      ] as const) {
        const answer = await after.get('/varied', 'acme', language);
        expect([isHit(answer), answer.text]).toEqual([true, text]);
      }
      expect(isHit(await after.get('/bytes', 'another'))).toBe(false);
    },
  );

  it('of some clients come back alone', async () => {
    const before = open();
    for (const client of ['acme', 'b:c']) await before.get('/a', client);
    await before.cache.backup(path(), { tenants: ['b:c'] });
    await lose();
    const after = open();
    expect(await after.cache.restore(path())).toMatchObject({ entries: 1, restored: 1 });
    expect([isHit(await after.get('/a', 'b:c')), isHit(await after.get('/a', 'acme'))]).toEqual([true, false]);
  });

  const long = `/a?${'q'.repeat(800)}`;
  it.each<[how: string, invalidate: (cache: Cache) => Promise<Receipt>, dead: string[]]>([
    ['its path', (cache) => cache.invalidateKey('/a', 'acme'), ['/a', long]],
    ['its name', (cache) => cache.invalidateKey('named', 'acme'), ['/named/1']],
    ['a tag', (cache) => cache.invalidateByTags(['t'], 'acme'), ['/a', long, '/named/1']],
    ['a tag of all clients', (cache) => cache.invalidateByTags(['t']), ['/a', long, '/named/1']],
    ['a pattern', (cache) => cache.invalidatePattern('/a*', 'acme'), ['/a', long]],
    ['its client', (cache) => cache.invalidateTenant('acme'), ['/a', long, '/named/1', '/varied']],
    ['everything', (cache) => cache.clear(), ['/a', long, '/named/1', '/varied']],
  ])('that were invalidated since are not served: by %s', async (_how, invalidate, dead) => {
    const all = ['/a', long, '/named/1', '/varied'];
    const before = open();
    for (const target of all) await before.get(target);
    await before.cache.backup(path());
    expect(await invalidate(before.cache)).toMatchObject({ durable: true });
    await lose();
    const after = open();
    const report = await after.cache.restore(path());
    expect(report.restored + report.invalidated).toBe(report.entries);
    for (const target of all)
      expect([target, isHit(await after.get(target))]).toEqual([target, !dead.includes(target)]);
  });

  it('that are newer stay', async () => {
    const before = open();
    await before.get('/a');
    await before.cache.backup(path());
    await before.cache.invalidateKey('/a', 'acme');
    const { text } = await before.get('/a');
    await before.cache.restore(path());
    const after = open();
    const answer = await after.get('/a');
    expect([isHit(answer), answer.text]).toEqual([true, text]);
  });
});
