// "What behaves better" in docs/from/apicache.md: one application on both, and the difference.

import { EventEmitter, once } from 'node:events';
import express, { type Request, type RequestHandler } from 'express';
import { Redis } from 'ioredis';
import type { Cache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { afterEach, describe, expect, it } from 'vitest';
import { type Ask, ask } from '../adapters/client.js';
import { startRedis } from '../support/redis.js';
import { type Apicache, apicache, type Grouped } from './apicache.js';
import { as, Stage, texts } from './stage.js';

const stage = new Stage();
afterEach(() => stage.close());

type Handler = (req: Request, res: express.Response, run: number) => unknown;

/** Serves one handler for all methods and paths behind each of the two. */
async function both(handler: Handler, world: { old?: Apicache; cache?: Cache; arrives?: () => unknown } = {}) {
  const { old = apicache.newInstance(), cache = stage.cache(), arrives } = world;
  const serve = (layer: RequestHandler) => {
    let runs = 0;
    const app = express();
    app.use((_req, _res, next) => {
      next();
      arrives?.();
    });
    app.use(layer, (req, res) => handler(req, res, ++runs));
    return stage.serve(app);
  };
  stage.onClose(() => old.clear());
  return { old: await serve(old.middleware('5 minutes')), now: await serve(cacheMiddleware({ cache })) };
}

const plain: Handler = (_req, res, run) => res.send(String(run));

/** In the group, or under the tag, `users`. */
const grouped: Handler = (req, res, run) => {
  (req as Grouped).apicacheGroup = 'users';
  res.cache?.tag('users');
  res.send(String(run));
};

async function asked(ports: { old: number; now: number }, ...requests: (string | readonly [string, Ask])[]) {
  return { old: await texts(ports.old, ...requests), now: await texts(ports.now, ...requests) };
}

describe('two clients', () => {
  const greeting: Handler = (req, res) => res.send(req.get('authorization') ?? req.get('x-client-id'));

  it.each(['authorization', 'x-client-id'])('told apart by %s are each given their own', async (field) => {
    const ports = await both(greeting);
    expect(await asked(ports, as('/me', { [field]: 'ada' }), as('/me', { [field]: 'bob' }))).toEqual({
      old: ['ada', 'ada'],
      now: ['ada', 'bob'],
    });
  });

  it('are not given the same session', async () => {
    const ports = await both((_req, res, run) => res.cookie('sid', `session-${run}`).send('hello'));
    const cookies = async (port: number) =>
      [await ask(port, '/'), await ask(port, '/')].map((answer) => answer.header('set-cookie'));
    expect(await cookies(ports.old)).toEqual(['sid=session-1; Path=/', 'sid=session-1; Path=/']);
    expect(await cookies(ports.now)).toEqual(['sid=session-1; Path=/', 'sid=session-2; Path=/']);
  });

  it('of two languages are each answered in theirs', async () => {
    const ports = await both((req, res) => res.vary('Accept-Language').send(req.get('accept-language')));
    const [de, pt] = [as('/', { 'accept-language': 'de' }), as('/', { 'accept-language': 'pt' })];
    expect(await asked(ports, de, pt, de)).toEqual({ old: ['de', 'de', 'de'], now: ['de', 'pt', 'de'] });
  });
});

describe('what is stored', () => {
  it('is no failure', async () => {
    const ports = await both((_req, res, run) => res.status(run === 1 ? 500 : 200).send(String(run)));
    expect(await asked(ports, '/', '/')).toEqual({ old: ['1', '1'], now: ['1', '2'] });
  });

  it.each(['private', 'no-store'])('is nothing %s', async (directive) => {
    const ports = await both((_req, res, run) => res.set('Cache-Control', directive).send(String(run)));
    expect(await asked(ports, '/', '/')).toEqual({ old: ['1', '1'], now: ['1', '2'] });
    expect((await ask(ports.old, '/')).header('cache-control')).toMatch(/^max-age=/);
    expect((await ask(ports.now, '/')).header('cache-control')).toBe(directive);
  });

  it('is no answer to another method', async () => {
    const ports = await both((req, res, run) => res.send(`${req.method} ${run}`));
    expect(await asked(ports, '/', ['/', { method: 'POST' }], '/')).toEqual({
      old: ['GET 1', 'GET 1', 'GET 1'],
      now: ['GET 1', 'POST 2', 'GET 3'],
    });
  });

  it('is found whatever the order of its parameters', async () => {
    const ports = await both(plain);
    expect(await asked(ports, '/?a=1&b=2', '/?b=2&a=1')).toEqual({ old: ['1', '2'], now: ['1', '1'] });
  });

  it('answers conditions with a list and with a weak tag', async () => {
    const ports = await both((_req, res) => res.set('ETag', '"v1"').send('hello'));
    const statuses = async (port: number) => {
      await ask(port, '/');
      const conditions = ['"v0", "v1"', 'W/"v1"'].map((tag) => ask(port, '/', { headers: { 'if-none-match': tag } }));
      return (await Promise.all(conditions)).map(({ status }) => status);
    };
    expect([await statuses(ports.old), await statuses(ports.now)]).toEqual([
      [200, 200],
      [304, 304],
    ]);
  });
});

describe('at the same time', () => {
  /** A handler that waits until it is let go on. */
  const gated = () => {
    const gate = new EventEmitter();
    gate.setMaxListeners(0);
    const handler: Handler = async (req, res, run) => {
      (req as Grouped).apicacheGroup = 'users';
      res.cache?.tag('users');
      gate.emit('run');
      await once(gate, 'go');
      res.send(String(run));
    };
    return { gate, handler };
  };

  it('ten requests run the handler once', async () => {
    for (const [name, runs] of [
      ['old', 10],
      ['now', 1],
    ] as const) {
      const { gate, handler } = gated();
      let [arrived, ran] = [0, 0];
      gate.on('run', () => ran++);
      // The handler is let go on when all are there.
      const ports = await both(handler, { arrives: () => ++arrived === 10 && setImmediate(() => gate.emit('go')) });
      await Promise.all(Array.from({ length: 10 }, () => ask(ports[name], '/')));
      expect(ran, name).toBe(runs);
    }
  });

  it('an invalidation outranks a handler that was running', async () => {
    const { gate, handler } = gated();
    const old = apicache.newInstance();
    const cache = stage.cache();
    const ports = await both(handler, { old, cache });
    const outcome = async (port: number, invalidate: () => unknown) => {
      const running = once(gate, 'run');
      const first = ask(port, '/');
      await running;
      await invalidate();
      gate.emit('go');
      await first;
      // What is stored is answered at once; a run has to be let go on.
      gate.once('run', () => setImmediate(() => gate.emit('go')));
      const second = await ask(port, '/');
      gate.removeAllListeners('run');
      return second.text;
    };
    expect(await outcome(ports.old, () => old.clear('users'))).toBe('1');
    expect(await outcome(ports.now, () => cache.invalidateByTags(['users']))).toBe('2');
  });
});

describe('an invalidation', () => {
  it('goes through no list', async () => {
    const old = apicache.newInstance();
    const cache = stage.cache();
    const ports = await both(grouped, { old, cache });
    const targets = Array.from({ length: 40 }, (_, index) => `/${index}`);
    await asked(ports, ...targets);
    const index = old.getIndex();
    let [visited, all] = [0, index.all];
    // It is read to be filtered, and replaced by what is left.
    Object.defineProperty(index, 'all', {
      get: () => {
        visited += all.length;
        return all;
      },
      set: (left: string[]) => {
        all = left;
      },
    });
    old.clear('users');
    expect(visited).toBe((40 * 41) / 2);
    const purges: object[] = [];
    cache.on('purge', (purge) => purges.push(purge));
    await cache.invalidateByTags(['users']);
    expect(purges).toEqual([expect.objectContaining({ tags: 1, patterns: 0 })]);
    expect((await texts(ports.now, ...targets)).map(Number)).toEqual(targets.map((_, index) => 41 + index));
  });

  it('reaches the other processes', async () => {
    const redis = await startRedis();
    stage.onClose(() => redis.stop());
    // In the shape that apicache expects of a client: it asks for this before each use.
    const client = () => {
      const made = Object.assign(new Redis(redis.url), { connected: true });
      stage.onClose(() => made.disconnect());
      return made;
    };
    const one = apicache.newInstance({ redisClient: client() });
    const two = apicache.newInstance({ redisClient: client() });
    const [here, there] = [stage.cache({ redis: redis.url }), stage.cache({ redis: redis.url })];
    await Promise.all([here.health(), there.health()]);
    const ports = await both(grouped, { old: one, cache: here });
    expect(await asked(ports, '/', '/')).toEqual({ old: ['1', '1'], now: ['1', '1'] });
    two.clear('users');
    await there.invalidateByTags(['users']);
    // The other process is told within milliseconds; `consistency: 'strong'` would be at once.
    await expect.poll(async () => (await ask(ports.now, '/')).text).not.toBe('1');
    expect(await texts(ports.old, '/')).toEqual(['1']);
  });
});
