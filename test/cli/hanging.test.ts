// The command line on a Redis that has answered so far and hangs from some command on: it comes to an end, and Ctrl-C ends it.

import { type Cache, createCache } from 'respcache';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DeafProxy, startDeafProxy } from '../support/deaf-proxy.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { cli } from './streams.js';

// Time goes on as ever, and can be moved on beside that.
const TIMERS = { toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true } satisfies Parameters<
  typeof vi.useFakeTimers
>[0];

let redis: RedisServer;
let cache: Cache;
let proxy: DeafProxy;

beforeAll(async () => {
  redis = await startRedis();
  cache = createCache({ redis: redis.url, sweepInterval: false, timeout: 10_000 });
  await cache.set('a', 1, 'acme');
});

afterEach(async () => {
  vi.useRealTimers();
  await proxy?.close();
});

afterAll(async () => {
  await cache?.close();
  await redis?.stop();
});

describe('doctor', () => {
  it('says what is not answered, and asks nothing more', async () => {
    proxy = await startDeafProxy(redis.port, /PING/i);
    vi.useFakeTimers(TIMERS);
    const examined = cli(['--redis', proxy.url, 'doctor', '--json']);
    await proxy.deaf;
    await vi.advanceTimersByTimeAsync(10_000);
    const { code, json } = await examined;
    const { findings } = json<{ findings: { check: string; state: string; text: string }[] }>();
    expect([code, findings.map(({ check }) => check)]).toEqual([1, ['version', 'memory', 'latency']]);
    expect(findings.at(-1)).toMatchObject({
      ...{ state: 'problem', text: 'It could not be looked at: the answer of Redis took longer than 10000 ms' },
    });
  });

  it('ends with Ctrl-C', async () => {
    proxy = await startDeafProxy(redis.port, /PING/i);
    const interrupted = new AbortController();
    const examined = cli(['--redis', proxy.url, 'doctor'], { signal: interrupted.signal });
    await proxy.deaf;
    interrupted.abort();
    expect(await examined).toMatchObject({ code: 130, out: '', err: '' });
  });
});

describe('clear', () => {
  it('ends with Ctrl-C while Redis is swept, and says that it is done', async () => {
    proxy = await startDeafProxy(redis.port, /SCAN/i);
    const interrupted = new AbortController();
    const cleared = cli(['--redis', proxy.url, 'clear', '--yes'], { signal: interrupted.signal });
    await proxy.deaf;
    interrupted.abort();
    expect(await cleared).toMatchObject({ code: 130, out: expect.stringMatching(/^Done\. /), err: '' });
    expect(await cache.get('a', 'acme')).toBeUndefined();
  });
});

describe('a sweep', () => {
  it('that is not told whose turn it is ends', async () => {
    proxy = await startDeafProxy(redis.port, /:sweeper/);
    vi.useFakeTimers(TIMERS);
    const cleared = cli(['--redis', proxy.url, 'clear', '--yes']);
    await proxy.deaf;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await cleared).toMatchObject({ code: 0, out: expect.stringMatching(/^Done\. /), err: '' });
  });
});
