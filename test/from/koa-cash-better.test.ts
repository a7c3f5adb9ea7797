// "What behaves better" in docs/from/koa-cash.md: one application on both, and the difference.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { ask, begin } from '../adapters/client.js';
import { startRedis } from '../support/redis.js';
import { asked, both, count, type Handler, koaCash, mapStore } from './koa-cash.js';
import { as, Stage, texts } from './stage.js';

const stage = new Stage();
afterEach(() => stage.close());

describe('what behaves better', () => {
  it.each(['authorization', 'x-client-id'])('two clients told apart by %s are each given their own', async (field) => {
    const ports = await both(stage, (ctx) => {
      ctx.body = ctx.get(field);
    });
    expect(await asked(ports, as('/me', { [field]: 'ada' }), as('/me', { [field]: 'bob' }))).toEqual({
      old: ['ada', 'ada'],
      now: ['ada', 'bob'],
    });
  });

  it('the fields of the handler are there on a hit', async () => {
    const fields = { link: '</2>; rel="next"', 'content-language': 'de', 'x-total-count': '3' };
    const ports = await both(stage, (ctx, run) => {
      ctx.set(fields);
      ctx.body = String(run);
    });
    const onHit = async (port: number) => {
      await ask(port, '/');
      const hit = await ask(port, '/');
      expect(hit.text).toBe('1');
      return Object.keys(fields).map((name) => hit.header(name));
    };
    expect(await onHit(ports.old)).toEqual([undefined, undefined, undefined]);
    expect(await onHit(ports.now)).toEqual(Object.values(fields));
  });

  it('no-store is obeyed', async () => {
    const ports = await both(stage, (ctx, run) => {
      ctx.set('Cache-Control', 'no-store');
      ctx.body = String(run);
    });
    expect(await asked(ports, '/', '/')).toEqual({ old: ['1', '1'], now: ['1', '2'] });
  });

  it('each language has its entry', async () => {
    const ports = await both(stage, (ctx) => {
      ctx.vary('Accept-Language');
      ctx.body = ctx.get('accept-language');
    });
    const [de, pt] = [as('/', { 'accept-language': 'de' }), as('/', { 'accept-language': 'pt' })];
    expect(await asked(ports, de, pt, de)).toEqual({ old: ['de', 'de', 'de'], now: ['de', 'pt', 'de'] });
  });

  it("no application's options are another's", async () => {
    const before = await both(stage, count);
    const post = ['/', { method: 'POST' }] as const;
    expect((await asked(before, post, post)).old).toEqual(['1', '2']);
    // Back to what it was, for whoever comes next.
    stage.onClose(() => koaCash({ ...mapStore(), methods: { POST: false } }));
    koaCash({ ...mapStore(), methods: { POST: true } });
    expect(await asked(await both(stage, count), post, post)).toEqual({ old: ['1', '1'], now: ['1', '2'] });
  });

  it('a store that fails does no harm', async () => {
    const redis = await startRedis();
    stage.onClose(() => redis.stop());
    const failing = () => Promise.reject(new Error('the store is away'));
    const cache = stage.cache({ redis: redis.url });
    await cache.health();
    await redis.kill();
    const ports = await both(stage, count, { old: { get: failing, set: failing }, cache });
    expect([(await ask(ports.old, '/')).status, (await ask(ports.now, '/')).status]).toEqual([500, 200]);
  });

  it('ten requests at once run the handler once', async () => {
    for (const [name, runs] of [
      ['old', 10],
      ['now', 1],
    ] as const) {
      let [arrived, open] = [0, () => {}];
      const opened = new Promise<void>((done) => {
        open = done;
      });
      const handler: Handler = async (ctx, run) => {
        await opened;
        ctx.body = String(run);
      };
      const ports = await both(stage, handler, { arrives: () => ++arrived === 10 && setImmediate(open) });
      await Promise.all(Array.from({ length: 10 }, () => ask(ports[name], '/')));
      expect(ports.runs[name], name).toBe(runs);
    }
  });

  it('an invalidation outranks a handler that was running', async () => {
    const cache = stage.cache();
    const store = mapStore();
    let during = async (): Promise<unknown> => undefined;
    const ports = await both(
      stage,
      async (ctx, run) => {
        const invalidating = during;
        during = async () => undefined;
        await invalidating();
        ctx.body = String(run);
      },
      { old: store, cache },
    );
    during = () => store.set('/', false);
    expect(await texts(ports.old, '/', '/')).toEqual(['1', '1']);
    during = () => cache.clear();
    expect(await texts(ports.now, '/', '/')).toEqual(['1', '2']);
  });

  it('an empty body is an answer, too', async () => {
    const ports = await both(stage, (ctx) => {
      ctx.body = '';
    });
    await asked(ports, '/', '/');
    expect(ports.runs).toEqual({ old: 2, now: 1 });
  });

  it('a stream passes through as it comes', async () => {
    const sources: Readable[] = [];
    const ports = await both(stage, (ctx) => {
      const source = new Readable({ read() {} });
      source.push('first,');
      sources.push(source);
      ctx.type = 'text';
      ctx.body = source;
    });
    const now = await begin(ports.now, '/');
    expect(sources).toHaveLength(1);
    let headOfOld = false;
    const old = begin(ports.old, '/').then((arriving) => {
      headOfOld = true;
      return arriving;
    });
    while (sources.length < 2) await new Promise(setImmediate);
    // A whole exchange with another server later there is still nothing.
    await texts((await both(stage, count)).old, '/');
    expect(headOfOld).toBe(false);
    const ended = once(sources[1]!, 'end');
    for (const source of sources) {
      source.push('last');
      source.push(null);
    }
    await ended;
    expect((await (await old).rest()).text).toBe('first,last');
    expect((await now.rest()).text).toBe('first,last');
    expect(await texts(ports.now, '/')).toEqual(['first,last']);
    expect(ports.runs.now).toBe(1);
  });
});
