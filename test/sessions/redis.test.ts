import { type Cache, createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { asked, expressApp, expressStore, koaApp, koaStore, visitor } from './stage.js';

let server: RedisServer;
let caches: Cache[];

beforeEach(async () => {
  server = await startRedis();
  caches = [];
});
afterEach(async () => {
  for (const cache of caches) await cache.close();
  await server.stop();
});

function open(): Cache {
  const cache = createCache({ redis: server.url });
  caches.push(cache);
  return cache;
}

const life = async (id: string) => Number(await server.command('PTTL', `session:default:${id}`));

describe('sessions in Redis', () => {
  it('are JSON, in a namespace that no scan of the cache enters', async () => {
    await asked((done) => expressStore(open()).set('id', { cookie: {}, user: 'ada' }, done));
    expect(await server.command('KEYS', 'session:*')).toEqual(['session:default:id']);
    expect(await server.command('GET', 'session:default:id')).toBe('{"cookie":{},"user":"ada"}');
    for (const prefix of ['session:', 'limit:x', 'client:', 'lease:'])
      expect(() => createCache({ redis: false, prefix })).toThrow(/option prefix/);
  });

  it('are shared by processes, and outlive them', async () => {
    const first = visitor(expressApp('express', expressStore(open())));
    await first.get('/login');
    const { text: id } = await first.get('/id');
    await caches[0]?.close();
    expect(await asked((done) => expressStore(open()).get(id, done))).toMatchObject({ user: 'ada' });
  });

  it('live until their cookie expires, and for ttl without one; a touch changes nothing else', async () => {
    const store = expressStore(open(), { ttl: 100 });
    await asked((done) => store.set('id', { cookie: {} }, done));
    expect(Math.ceil((await life('id')) / 10_000)).toBe(10);
    const cookie = { expires: new Date(Date.now() + 50_000).toJSON() };
    await asked((done) => store.touch('id', { cookie, user: 'nobody' }, done));
    expect(Math.ceil((await life('id')) / 10_000)).toBe(5);
    expect(await server.command('GET', 'session:default:id')).toBe('{"cookie":{}}');
  });

  it('are touched by each request, but where that is turned off', async () => {
    const cookie = { maxAge: 100_000 };
    const agent = visitor(expressApp('express', expressStore(open()), { cookie }));
    const fixed = visitor(expressApp('express', expressStore(open(), { disableTouch: true }), { cookie }));
    for (const [each, touched] of [
      [agent, true],
      [fixed, false],
    ] as const) {
      await each.get('/login');
      const { text: id } = await each.get('/id');
      await server.command('PEXPIRE', `session:default:${id}`, '5000');
      await each.get('/me').expect(200, 'ada');
      expect((await life(id)) > 5000).toBe(touched);
    }
  });

  it('are an error, and not logged out, while Redis is dead; and are there again after it', async () => {
    const cache = open();
    const errors: string[] = [];
    cache.on('error', ({ operation }) => errors.push(operation));
    const store = expressStore(cache);
    const agent = visitor(expressApp('express', store));
    const koa = visitor(koaApp('koa', koaStore(cache, { prefix: 'koa' })));
    await agent.get('/login');
    await koa.get('/login');
    const { text: id } = await agent.get('/id');
    const kept = String(await server.command('GET', `session:default:${id}`));
    await server.kill();
    await agent.get('/me').expect(500, 'UnavailableError');
    expect((await koa.get('/me')).status).toBe(500);
    for (const call of ['all', 'length', 'clear'] as const)
      await expect(asked((done) => store[call](done as never))).rejects.toThrow();
    expect(errors).toContain('session');
    await server.restart();
    await server.command('SET', `session:default:${id}`, kept);
    await expect.poll(async () => (await agent.get('/me')).text).toBe('ada');
  });

  it('are an error in time while Redis hangs', async () => {
    const store = expressStore(open());
    await asked((done) => store.set('id', { cookie: {} }, done));
    await server.pause();
    const get = () => asked((done) => store.get('id', done));
    await Promise.all(Array.from({ length: 1000 }, () => expect(get()).rejects.toThrow('took longer than 2000 ms')));
    // What has no answer does not pile up: at once.
    await expect(get()).rejects.toThrow(/not connected|does not answer any more/);
    await server.resume();
    await expect.poll(async () => (await get().catch(() => undefined)) !== undefined).toBe(true);
  });

  it('are an error where what is kept cannot be read', async () => {
    await server.command('SET', 'session:default:id', '{"cookie":');
    await expect(asked((done) => expressStore(open()).get('id', done))).rejects.toThrow(SyntaxError);
  });
});
