import { type Cache, createCache } from 'respcache';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { koaApp, koaStore, visitor } from './stage.js';

let server: RedisServer;
let cache: Cache;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => cache.close());

describe.each(['memory', 'redis'] as const)('koa-session over %s', (kind) => {
  beforeEach(async () => {
    if (kind === 'redis') await server.command('FLUSHALL');
    cache = createCache({ redis: kind === 'redis' ? server.url : false });
  });

  describe.each(['koa2', 'koa'] as const)('under %s', (version) => {
    it('keeps a login until the logout, whatever becomes of the cache', async () => {
      const agent = visitor(koaApp(version, koaStore(cache)));
      await agent.get('/me').expect(200, 'nobody');
      await agent.get('/login').expect(200, 'in');
      await cache.clear();
      await agent.get('/me').expect(200, 'ada');
      await agent.get('/logout').expect(200, 'out');
      await agent.get('/me').expect(200, 'nobody');
    });

    it.each([{ rolling: true }, { renew: true }, { maxAge: 'session' }])('keeps it with %o', async (options) => {
      const agent = visitor(koaApp(version, koaStore(cache), options));
      await agent.get('/login');
      const answer = await agent.get('/me').expect(200, 'ada');
      expect(answer.headers['set-cookie'] !== undefined).toBe('rolling' in options);
    });
  });

  it('does not bring back by renewing what was destroyed meanwhile', async () => {
    const store = koaStore(cache);
    let key = '';
    let destroys = false;
    const app = koaApp(
      'koa',
      {
        ...store,
        get: async (id, ...rest) => {
          key = id;
          const found = await store.get(id, ...rest);
          if (destroys) await store.destroy(id);
          return found;
        },
      },
      { rolling: true },
    );
    const agent = visitor(app);
    await agent.get('/login');
    await agent.get('/me').expect(200, 'ada');
    expect(await store.get(key)).toBeDefined();
    destroys = true;
    await agent.get('/me').expect(200, 'ada');
    expect(await store.get(key)).toBeUndefined();
  });

  it.each([
    ['renewing', '/me', 'bob'],
    ['saving its own by force', '/login', 'ada'],
  ])('has of what was changed meanwhile, after %s', async (_, path, user) => {
    const store = koaStore(cache);
    let key = '';
    let changes = false;
    const get: typeof store.get = async (id, ...rest) => {
      key = id;
      const found = await store.get(id, ...rest);
      if (changes) await store.set(id, { ...found, user: 'bob' }, 60_000);
      return found;
    };
    const agent = visitor(koaApp('koa', { ...store, get }, { rolling: true }));
    await agent.get('/login');
    await agent.get('/me');
    const before = await store.get(key);
    changes = true;
    if (path === '/login') await store.set(key, { ...before, user: 'eve' }, 60_000);
    await agent.get(path);
    const after = await store.get(key);
    expect(after).toMatchObject({ user, _maxAge: before!._maxAge });
    expect(after!._expire).toBeGreaterThan(Number(before!._expire));
  });

  it('keeps a new session that is saved by force', async () => {
    const store = koaStore(cache);
    await store.set('key', { user: 'ada' }, 1000, { changed: false, ctx: {} });
    expect(await store.get('key')).toEqual({ user: 'ada' });
  });
});

it('asks Redis for the life that koa-session says, and else for its own', async () => {
  cache = createCache({ redis: server.url, prefix: 'app:' });
  const store = koaStore(cache, { ttl: 100, prefix: 'a:b' });
  await store.set('one', {}, 50_000);
  await store.set('two', {}, 'session');
  const life = async (id: string) => Number(await server.command('PTTL', `app:session:a%003Ab:${id}`));
  expect(Math.ceil((await life('one')) / 10_000)).toBe(5);
  expect(Math.ceil((await life('two')) / 10_000)).toBe(10);
});

it('changes nothing by renewing where another request writes between what it reads and what it writes', async () => {
  cache = createCache({ redis: server.url, prefix: 'between:' });
  const other = koaStore(cache);
  const users = ['bob', 'eve'];
  const { client } = cache.services.backend.link!;
  const get = client.get.bind(client);
  const agent = visitor(koaApp('koa', koaStore(cache), { rolling: true }));
  await agent.get('/login');
  const [name] = (await server.command('KEYS', 'between:session:*')) as [string];
  const before = JSON.parse(String(await server.command('GET', name)));
  let reads = 0;
  client.get = (async (key: string) => {
    const text = await get(key);
    // After the request's own.
    if (key === name && reads++ > 0 && users.length > 0)
      await other.set(name.slice('between:session:default:'.length), { ...before, user: users.shift() }, 60_000);
    return text;
  }) as never;
  await agent.get('/me').expect(200, 'ada');
  const after = JSON.parse(String(await server.command('GET', name)));
  expect(after.user).toBe('eve');
  expect(after._expire).toBeGreaterThan(before._expire);
});
