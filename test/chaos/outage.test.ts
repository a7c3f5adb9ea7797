import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { openRig, put } from './rig.js';
import { survive } from './survive.js';

describe('under load, with Redis', () => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await startRedis();
  });

  afterEach(() => server.stop());

  it('refusing connections from the start, and there later', async () => {
    await server.kill();
    const rig = await openRig({ redis: [server.url, server.url] });
    await rig.broken();
    expect(await rig.invalidate(rig.apps[0])).toMatchObject({ durable: false });
    expect(await put(rig, rig.apps[1], 'client-1', '1')).toBe(200);
    await rig.answered(30);
    expect(rig.apps.map(({ load }) => load.hits)).toEqual([0, 0]);
    await server.restart();
    await rig.hit();
    await rig.durable(rig.apps[0]);
    await rig.hit();
  });

  it('killed, and restarted on its port without its data', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await survive(rig, { strike: () => server.kill(), mend: () => server.restart() });
  });

  it('paused, and resumed', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    await survive(rig, { strike: () => server.pause(), mend: () => server.resume() });
  });

  it('restarted at once, without its data, again and again', async () => {
    const rig = await openRig({ redis: [server.url, server.url] });
    for (let round = 0; round < 3; round++) {
      await rig.hit(3);
      await server.kill();
      await server.restart();
    }
    await rig.hit();
    await rig.durable(rig.apps[0]);
  });
});
