// One process fills, others wait for it: but not for one that Redis has lost, or that Redis has heard of too late.

import { type Cache, createCache } from 'respcache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { reached } from './rig.js';

describe('a process does not wait for long', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let far: Cache;
  let near: Cache;

  beforeEach(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    far = createCache({ redis: `redis://127.0.0.1:${proxy.port}` });
    near = createCache({ redis: server.url });
    await Promise.all([reached(far), reached(near)]);
  });

  afterEach(async () => {
    proxy.restore();
    await Promise.all([far.close(), near.close()]);
    await proxy.close();
    await server.stop();
  });

  it('for one that is cut off while it makes a value', async () => {
    let began = false;
    let finish = () => {};
    const making = far.getOrSet(
      'users:list',
      () => {
        began = true;
        return new Promise((resolve) => {
          finish = () => resolve('made alone');
        });
      },
      'c',
    );
    await vi.waitFor(() => expect(began).toBe(true));
    proxy.cut();
    const started = performance.now();
    expect(await near.getOrSet('users:list', () => 'made here', 'c')).toBe('made here');
    expect(performance.now() - started).toBeLessThan(3000);
    finish();
    expect(await making).toBe('made alone');
  });

  it('for one whose turn came when it had given up asking', async () => {
    proxy.blackhole();
    const failing = far.getOrSet('users:list', () => Promise.reject(new Error('the database is down')), 'c');
    await expect(failing).rejects.toThrow('the database is down');
    // What it had asked for reaches Redis only now, and nobody wants it any more.
    proxy.restore();
    await vi.waitFor(async () => expect(await far.get('warm', 'nobody')).toBe(1), { timeout: 5000, interval: 2 });
    const started = performance.now();
    expect(await near.getOrSet('users:list', () => 'made here', 'c')).toBe('made here');
    expect(performance.now() - started).toBeLessThan(600);
  });

  it('for its own factory from before an invalidation that it has not heard of', async () => {
    proxy.blackhole();
    const old = vi.fn(() => new Promise(() => {}));
    void far.getOrSet('users:list', old, 'c');
    await vi.waitFor(() => expect(old).toHaveBeenCalled());
    expect(await near.invalidateKey('users:list', 'c')).toMatchObject({ durable: true });
    const { ledger } = far.services.backend;
    await vi.waitFor(() => expect(ledger.isCurrent()).toBe(false), { timeout: 5000 });
    const began = performance.now();
    expect(await far.getOrSet('users:list', () => 'new', 'c')).toBe('new');
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
