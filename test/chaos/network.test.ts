import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { startHalfDeadProxy } from './half-dead-proxy.js';
import { openRig } from './rig.js';
import { survive } from './survive.js';

describe('under load, behind a network', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let url: string;

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    url = `redis://127.0.0.1:${proxy.port}`;
  });

  afterEach(async () => {
    await proxy.close();
    await server.stop();
  });

  it('that swallows everything, and lets it through later', async () => {
    const rig = await openRig({ redis: [url, url] });
    await survive(rig, { strike: () => proxy.blackhole(), mend: () => proxy.restore() });
  });

  it('that cuts every connection', async () => {
    const rig = await openRig({ redis: [url, url] });
    await survive(rig, { strike: () => proxy.cut(), mend: () => proxy.restore() });
  });

  it('that is slower than the deadline', async () => {
    const rig = await openRig({ redis: [url, url] });
    await rig.hit();
    proxy.latency = 100;
    await rig.broken();
    // What is entered late is entered all the same: a caller of the programmatic API has more patience than a request.
    await rig.durable(rig.apps[0]);
    await rig.answered(30);
    proxy.latency = 0;
    await rig.hit();
    await rig.durable(rig.apps[1]);
  });

  it('that takes everything from the start without an answer', async () => {
    proxy.blackhole();
    const rig = await openRig({ redis: [url, url] });
    await rig.broken();
    await rig.answered(30);
    expect(rig.apps.map(({ load }) => load.hits)).toEqual([0, 0]);
    proxy.restore();
    await rig.hit();
    await rig.durable(rig.apps[0]);
  });

  it('that forgets connections without a word: new ones are made, and the hits come back', async () => {
    const halfDead = await startHalfDeadProxy(server.port);
    try {
      const forgetful = `redis://127.0.0.1:${halfDead.port}`;
      const rig = await openRig({ redis: [forgetful, forgetful], writer: false });
      await rig.hit();
      halfDead.forget();
      await rig.broken();
      await rig.hit();
      await rig.durable(rig.apps[0]);
      await rig.close();
    } finally {
      await halfDead.close();
    }
  });

  it('that parts one process from Redis: its invalidations hold in it at once, and reach the other later', async () => {
    const rig = await openRig({ redis: [url, server.url], writer: false });
    const [express, koa] = rig.apps;
    await rig.hit(24);
    proxy.cut();
    expect(await rig.invalidate(express)).toMatchObject({ durable: false });
    // The other one still has Redis, and what it has is right as far as it can know.
    await Promise.all([koa.load.hit(10), express.load.answered(20)]);
    proxy.restore();
    await rig.durable(express);
    // That was durable, and so was all before it: from here on the other one is held to it as well.
    await rig.hit();
  });

  it.each([
    ['silent', () => proxy.blackhole()],
    ['cut', () => proxy.cut()],
  ])('that is %s for one process: it does not serve its copies for longer than it may', async (_how, strike) => {
    const rig = await openRig({ redis: [url, server.url], writer: false });
    const [express, koa] = rig.apps;
    await rig.hit(24);
    strike();
    // It is bound by what it cannot hear of once its time without news is over: the rig sees to that.
    expect(await rig.invalidate(koa)).toMatchObject({ durable: true });
    await Promise.all([koa.load.hit(10), express.load.answered(60)]);
    proxy.restore();
    await rig.hit();
  });
});
