import { type Cache, createCache } from 'respcache';
import { sessionStore } from 'respcache/express';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { asked, expressApp, expressStore, visitor } from './stage.js';

let server: RedisServer;
let cache: Cache;
let now: number;
const clock = { now: () => now };

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => cache.close());

describe.each(['memory', 'redis'] as const)('express-session over %s', (kind) => {
  beforeEach(async () => {
    now = Date.now();
    if (kind === 'redis') await server.command('FLUSHALL');
    cache = createCache({ redis: kind === 'redis' ? server.url : false, clock });
  });

  describe.each(['express4', 'express'] as const)('under %s', (version) => {
    it('keeps a login until the logout', async () => {
      const agent = visitor(expressApp(version, expressStore(cache)));
      expect((await agent.get('/me')).text).toBe('nobody');
      await agent.get('/login').expect(200, 'in');
      await agent.get('/me').expect(200, 'ada');
      await agent.get('/logout').expect(200, 'out');
      await agent.get('/me').expect(200, 'nobody');
    });

    it('keeps no session that nobody has put anything into', async () => {
      const store = expressStore(cache);
      const answer = await visitor(expressApp(version, store)).get('/me');
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(await asked((done) => store.length(done))).toBe(0);
    });

    it('gives a session a new id, and forgets the old one', async () => {
      const store = expressStore(cache);
      const agent = visitor(expressApp(version, store));
      await agent.get('/login');
      const before = (await agent.get('/id')).text;
      const { text: next } = await agent.get('/again');
      expect(next).not.toBe(before);
      expect(await asked((done) => store.get(before, done))).toBeUndefined();
    });

    it('sends the cookie anew with each answer where it is rolling', async () => {
      const options = { rolling: true, cookie: { maxAge: 60_000 } };
      const agent = visitor(expressApp(version, expressStore(cache), options));
      await agent.get('/login');
      expect((await agent.get('/me')).headers['set-cookie']).toHaveLength(1);
    });
  });

  it('does not bring back by a touch, nor by the end of a request, what was destroyed meanwhile', async () => {
    const store = expressStore(cache);
    const app = expressApp('express', store);
    let during: Promise<unknown> = Promise.resolve();
    app.get('/slow', (req, res) => {
      during = asked((done) => store.destroy(req.sessionID, done));
      during.then(() => res.send('done'));
    });
    const agent = visitor(app);
    await agent.get('/login');
    await agent.get('/slow').expect(200, 'done');
    await during;
    expect(await asked((done) => store.length(done))).toBe(0);
    await agent.get('/me').expect(200, 'nobody');
  });

  it('keeps a session that is saved by hand when others have only touched it for longer than its cookie was to last', async () => {
    const app = expressApp('express', expressStore(cache), { rolling: true, cookie: { maxAge: 60_000 } });
    app.get('/save', (req, res, next) => {
      Object.assign(req.session, { user: 'grace' });
      req.session.save((error) => (error ? next(error) : res.send('saved')));
    });
    vi.useFakeTimers({ now, toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const agent = visitor(app);
    await agent.get('/login');
    for (let times = 0; times < 3; times++) {
      now += 40_000;
      vi.setSystemTime(now);
      await agent.get('/me').expect(200, 'ada');
    }
    await agent.get('/save').expect(200, 'saved');
    await agent.get('/me').expect(200, 'grace');
  });

  it('ends a session whose cookie is made to expire', async () => {
    const app = expressApp('express', expressStore(cache), { cookie: { maxAge: 60_000 } });
    app.get('/end', (req, res, next) => {
      req.session.cookie.maxAge = -1;
      req.session.save((error) => (error ? next(error) : res.send('ended')));
    });
    vi.useFakeTimers({ now, toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const agent = visitor(app);
    await agent.get('/login');
    await agent.get('/end').expect(200, 'ended');
    await agent.get('/me').expect(200, 'nobody');
  });

  it('has ids of any kind, each for itself', async () => {
    const store = expressStore(cache);
    const ids = ['a', 'a:b', 'a*', 'A', '%0041', 'é', '\ud800', 'x'.repeat(5000), `${'x'.repeat(5000)}y`, '*'];
    for (const id of ids) await asked((done) => store.set(id, { cookie: {}, id: `of ${id}` }, done));
    for (const id of ids)
      expect(await asked((done) => store.get(id, done))).toEqual(
        JSON.parse(JSON.stringify({ cookie: {}, id: `of ${id}` })),
      );
    await asked((done) => store.destroy('*', done));
    expect(await asked((done) => store.length(done))).toBe(ids.length - 1);
  });

  it('lists, counts and clears its own sessions alone, however many', async () => {
    const [store, other] = [expressStore(cache), expressStore(cache, { prefix: 'defaul' })];
    await cache.set('a', 1, 'client');
    await asked((done) => other.set('other', { cookie: {} }, done));
    const ids = Array.from({ length: 600 }, (_each, i) => `session ${i}`);
    await Promise.all(ids.map((id) => asked((done) => store.set(id, { cookie: {}, user: id }, done))));
    const all = await asked<{ id: string; user: string }[]>((done) => store.all(done));
    expect(all?.map(({ id, user }) => (id === user ? id : '')).sort()).toEqual(ids.sort());
    expect(await asked((done) => store.length(done))).toBe(600);
    await asked((done) => store.clear(done));
    expect(await asked((done) => store.length(done))).toBe(0);
    expect(await asked((done) => other.length(done))).toBe(1);
    expect(await cache.get('a', 'client')).toBe(1);
  });

  it('is reached by nothing that clears, erases or sweeps the cache', async () => {
    const store = expressStore(cache);
    await asked((done) => store.set('id', { cookie: {}, user: 'ada' }, done));
    await cache.clear();
    await cache.invalidateTenant('default', { erase: true });
    await cache.invalidateTenant('id', { erase: true });
    await cache.invalidatePattern('*', 'default');
    await cache.services.backend.sweep();
    expect(await asked((done) => store.get('id', done))).toMatchObject({ user: 'ada' });
  });

  it('forgets at once what has expired already', async () => {
    const store = expressStore(cache);
    const cookie = { expires: new Date(now - 1) };
    await asked((done) => store.set('id', { cookie: {} }, done));
    await asked((done) => store.touch('id', { cookie }, done));
    expect(await asked((done) => store.get('id', done))).toBeUndefined();
    await asked((done) => store.set('id', { cookie: {} }, done));
    await asked((done) => store.set('id', { cookie }, done));
    expect(await asked((done) => store.get('id', done))).toBeUndefined();
  });

  it.each([false, null, 'no date'])('lives for ttl where its cookie expires at %o', async (expires) => {
    const store = expressStore(cache);
    await asked((done) => store.set('id', { cookie: { expires } }, done));
    expect(await asked((done) => store.get('id', done))).toEqual({ cookie: { expires } });
  });

  it.each([60.0005, Number.MAX_VALUE])('takes a ttl of %d s', async (ttl) => {
    const store = expressStore(cache, { ttl });
    await asked((done) => store.set('id', { cookie: {} }, done));
    await asked((done) => store.touch('id', { cookie: {} }, done));
    expect(await asked((done) => store.get('id', done))).toEqual({ cookie: {} });
  });

  it('lets what a callback throws be that of its caller', async () => {
    const store = expressStore(cache);
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
    const others = process.listeners('uncaughtException').slice(0, -1);
    for (const other of others) process.off('uncaughtException', other);
    store.get('id', () => {
      throw new RangeError('mine');
    });
    expect(await thrown).toBeInstanceOf(RangeError);
    for (const other of others) process.on('uncaughtException', other);
  });
});

describe('sessions in memory', () => {
  beforeEach(() => {
    now = Date.now();
    cache = createCache({ redis: false, clock, maxItems: 1 });
  });

  it('live as long as their cookie, from their last touch on', async () => {
    const store = expressStore(cache, { ttl: 10 });
    const session = (seconds: number) => ({ cookie: { expires: new Date(now + seconds * 1000) } });
    await asked((done) => store.set('cookie', session(20), done));
    await asked((done) => store.set('none', { cookie: { expires: null } }, done));
    now += 9_999;
    expect(await asked((done) => store.get('none', done))).toBeDefined();
    await asked((done) => store.touch('cookie', session(20), done));
    now += 1;
    expect(await asked((done) => store.get('none', done))).toBeUndefined();
    now += 19_998;
    expect(await asked((done) => store.get('cookie', done))).toBeDefined();
    now += 1;
    expect(await asked((done) => store.get('cookie', done))).toBeUndefined();
    expect(await asked((done) => store.length(done))).toBe(0);
  });

  it('are not counted any more when their time is over', async () => {
    const store = expressStore(cache, { ttl: 10 });
    await asked((done) => store.set('id', { cookie: {} }, done));
    now += 10_000;
    expect(await asked((done) => store.length(done))).toBe(0);
  });

  it('stay where they are read, though they are not written, when there is no more room', async () => {
    const store = expressStore(cache);
    const session = { cookie: {}, data: 'x'.repeat(8_000_000) };
    for (const id of ['a', 'b', 'c', 'd']) await asked((done) => store.set(id, session, done));
    await asked((done) => store.get('a', done));
    await asked((done) => store.set('e', session, done));
    const kept = await asked<{ id: string }[]>((done) => store.all(done));
    expect(kept?.map(({ id }) => id).sort()).toEqual(['a', 'c', 'd', 'e']);
  });

  it.each(['length', 'all'] as const)(
    'leave in the order of their use where there is no more room, also after %s()',
    async (list) => {
      const store = expressStore(cache);
      // Room for four.
      const session = { cookie: {}, data: 'x'.repeat(8_000_000) };
      for (const id of ['a', 'b', 'c', 'd']) await asked((done) => store.set(id, session, done));
      await asked((done) => store[list](done));
      await asked((done) => store.set('e', session, done));
      const kept = await asked<{ id: string }[]>((done) => store.all(done));
      expect(kept?.map(({ id }) => id).sort()).toEqual(['b', 'c', 'd', 'e']);
    },
  );

  it('are not pushed out by responses, and shared by the stores of one cache', async () => {
    await asked((done) => expressStore(cache).set('id', { cookie: {} }, done));
    for (const key of ['a', 'b', 'c']) await cache.set(key, 1, 'client');
    expect(await asked((done) => expressStore(cache).get('id', done))).toBeDefined();
    expect(await asked((done) => expressStore(createCache({ redis: false })).get('id', done))).toBeUndefined();
  });
});

it.each([
  [{ ttl: 0 }, 'option ttl is 0; it takes a number of seconds above 0'],
  [{ prefix: '' }, 'option prefix is ""; it takes a text that is not empty'],
  [{ disableTouch: 1 }, 'option disableTouch is 1; it takes true or false'],
  [{ maxAge: 1 }, 'option maxAge is 1; it takes no value: there is no such option (cache, prefix, ttl, disableTouch)'],
])('refuses %o', (options, message) => {
  expect(() => sessionStore({ cache: createCache({ redis: false }), ...options } as never)).toThrow(message);
});
