import { setTimeout as pause } from 'node:timers/promises';
import { createCache } from 'respcache';
import { rateLimit } from 'respcache/koa';
import { describe, expect, it } from 'vitest';
import { networkOf } from '../../src/limits/client.js';
import { seconds } from '../../src/limits/fields.js';
import { limitOf } from '../../src/limits/limit.js';
import type { RateLimitOptions } from '../../src/limits/options.js';

const open = (options: Partial<RateLimitOptions>, clock = { now: () => Date.now() }) => {
  const cache = createCache({ redis: false, clock, collapseTimeout: 20 });
  const errors: string[] = [];
  cache.on('error', ({ operation }) => errors.push(operation));
  return { ...limitOf({ points: 1, duration: 60, cache, ...options }), errors };
};
const visit = (ip: string, tenant?: string) => ({
  headers: tenant === undefined ? {} : { 'x-client-id': tenant },
  ip,
  source: { ip },
});

describe('an address', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['::ffff:200.1.2.3', '200.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001:0DB8:0001:2::', '2001:db8:1:2::'],
    ['2001:db8:1:3::1', '2001:db8:1:3::'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1::'],
    ['fe80::1%eth0', 'fe80:0:0:0::'],
    ['::1', '0:0:0:0::'],
    ['64:ff9b::1.2.3.4', '64:ff9b:0:0::'],
    ['1.2.3.4:56789', '1.2.3.4'],
    ['[2001:db8:1:2::3]:56789', '2001:db8:1:2::'],
    ['[2001:db8:1:2::3]', '2001:db8:1:2::'],
    ['[::ffff:1.2.3.4]:80', '1.2.3.4'],
    ['[fe80::1%eth0]:80', 'fe80:0:0:0::'],
    ['', ''],
    ['unix:', 'unix:'],
    ['[unix]:1', '[unix]:1'],
    ['1.2.3:4', '1.2.3:4'],
  ])('%s is counted as %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network);
  });
});

it.each([
  [0, 1],
  [1, 1],
  [1000, 1],
  [1001, 2],
  [59_400, 60],
])('%i ms until the next window are told as %i s: who comes back then is not too early', (msBeforeNext, told) => {
  expect(seconds({ msBeforeNext, remainingPoints: 0, consumedPoints: 1 })).toBe(told);
});

describe('a rate limit', () => {
  it.each([
    [{ points: 0 }, 'option points is 0; it takes a whole number'],
    [{ duration: 0.5 }, 'option duration is 0.5; it takes a whole number'],
    [{ by: 'user' }, `option by is "user"; it takes 'tenant', 'ip', or a function`],
    [{ cost: -1 }, 'option cost is -1; it takes a whole number, from 0 to 2147483647, or a function that returns one'],
    [{ hits: 'free' }, `option hits is "free"; it takes 'count', 'exempt', or a whole number, from 0 to 2147483647`],
    [{ hits: -1 }, `option hits is -1; it takes 'count', 'exempt', or a whole number, from 0 to 2147483647`],
    [{ hits: 1.5 }, `option hits is 1.5; it takes 'count', 'exempt', or a whole number, from 0 to 2147483647`],
    [
      { hits: 2 ** 31 },
      `option hits is 2147483648; it takes 'count', 'exempt', or a whole number, from 0 to 2147483647`,
    ],
    [{ onUnavailable: 'open' }, `option onUnavailable is "open"; it takes 'allow' or 'deny'`],
    [{ name: '' }, 'option name is ""; it takes a text of 1 to 64 printable ASCII characters'],
    [{ name: 'ü' }, 'option name is "ü"; it takes a text of 1 to 64 printable ASCII characters'],
    [{ name: 'Gäste' }, 'option name is "Gäste"; it takes a text of 1 to 64 printable ASCII characters'],
    [{ block: -1 }, 'option block is -1; it takes a whole number'],
    [{ skip: true }, 'option skip is true; it takes a function'],
    [{ tenant: 'a b' }, 'option tenant is "a b"; it takes the name of a header field'],
    [{ window: 5 }, 'option window is 5; it takes no value: there is no such option'],
  ])('refuses %o', (options, message) => {
    expect(() => open(options as never)).toThrow(message);
    expect(() => rateLimit({ points: 1, duration: 1, ...options } as never)).toThrow(message);
  });

  it('refuses to be made of nothing', () => {
    expect(() => rateLimit(undefined as never)).toThrow(/options of rateLimit\(\) is undefined/);
  });

  it('finds the tenant as the cache does, or as its own option says', async () => {
    const resolve = async (source: unknown) => (source as { ip: string }).ip;
    const { limit } = open({ by: 'tenant', tenant: resolve });
    expect((await limit.check(visit('a', 'same'))).refusal).toBeUndefined();
    expect((await limit.check(visit('b', 'same'))).refusal).toBeUndefined();
    expect((await limit.check(visit('a', 'other'))).refusal?.status).toBe(429);
  });

  it('counts all together whose tenant cannot be told, and those for whom by says nothing as by default', async () => {
    const thrown = () => {
      throw new Error('no');
    };
    const { limit, errors } = open({ by: 'tenant', tenant: thrown });
    await limit.check(visit('a'));
    expect((await limit.check(visit('b'))).refusal?.status).toBe(429);
    expect(errors).toContain('tenant');
    const never = open({ by: 'tenant', tenant: () => new Promise(() => {}) });
    await never.limit.check(visit('a'));
    expect((await never.limit.check(visit('b'))).refusal?.status).toBe(429);
    const other = open({ by: thrown });
    await other.limit.check(visit('a', 't'));
    expect((await other.limit.check(visit('a', 't'))).refusal?.status).toBe(429);
    expect((await other.limit.check(visit('b', 't'))).refusal).toBeUndefined();
    expect(other.errors).toContain('limit.by');
  });

  it('counts as ever, and tells of it, where skip, cost or by would have to be waited for', async () => {
    const later = async () => {
      throw new Error('unheard, it would end the process');
    };
    const { limit, errors } = open({ points: 5, skip: later as never, cost: later as never, by: later as never });
    expect((await limit.check(visit('a'))).refusal).toBeUndefined();
    expect(new Set(errors)).toEqual(new Set(['limit.skip', 'limit.cost', 'limit.by']));
  });

  it('charges one point where cost fails, and skips nobody where skip does', async () => {
    const { limit, errors } = open({
      points: 2,
      cost: () => 0.5,
      skip: () => {
        throw new Error('no');
      },
    });
    const verdicts = [await limit.check(visit('a')), await limit.check(visit('a')), await limit.check(visit('a'))];
    expect(verdicts.map(({ refusal }) => refusal?.status)).toEqual([undefined, undefined, 429]);
    expect(new Set(errors)).toEqual(new Set(['limit.skip', 'limit.cost']));
    expect(await open({ skip: () => true }).limit.check(visit('a'))).toEqual({ fields: [] });
  });

  it('a block that is shorter than what is left of the window does not end it sooner', async () => {
    let now = 0;
    const { limit } = open({ duration: 60, block: 5 }, { now: () => now });
    await limit.check(visit('a'));
    expect((await limit.check(visit('a'))).fields).toContainEqual(['Retry-After', '60']);
    now = 5000;
    expect((await limit.check(visit('a'))).refusal).toMatchObject({ status: 429 });
  });

  it('blocks for as long as it says, from the first request beyond', async () => {
    let now = 0;
    const { limit } = open({ block: 600 }, { now: () => now });
    await limit.check(visit('a'));
    expect((await limit.check(visit('a'))).fields).toContainEqual(['Retry-After', '600']);
    now = 599_999;
    expect((await limit.check(visit('a'))).fields).toContainEqual(['Retry-After', '1']);
    now = 600_000;
    expect((await limit.check(visit('a'))).refusal).toBeUndefined();
  });

  it('keeps nobody out for as long as the clock was put back', async () => {
    const day = 86_400_000;
    let now = day;
    const { limit } = open({ duration: 60, block: 600 }, { now: () => now });
    await limit.check(visit('a'));
    await limit.check(visit('b'));
    await limit.check(visit('b'));
    now = 0;
    // From then on it is as if the window, or the block, had just begun.
    expect((await limit.check(visit('b'))).fields).toContainEqual(['Retry-After', '600']);
    expect((await limit.check(visit('a'))).fields).toContainEqual(['Retry-After', '600']);
    now = 600_000;
    for (const who of ['a', 'b']) expect((await limit.check(visit(who))).refusal).toBeUndefined();
  });

  it('gives nothing back to who is blocked: hits that were under way would end the block', async () => {
    const { limit } = open({ points: 2, hits: 'exempt', block: 600 });
    const [first, second] = [await limit.check(visit('a')), await limit.check(visit('a'))];
    expect((await limit.check(visit('a'))).refusal?.status).toBe(429);
    await first.onHit?.();
    await second.onHit?.();
    expect((await limit.check(visit('a'))).fields).toContainEqual(['Retry-After', '600']);
  });

  it('gives back at most what there is, and nothing into another window', async () => {
    let now = 0;
    const { limit } = open({ points: 5, cost: 5, hits: 'exempt' }, { now: () => now });
    const { onHit } = await limit.check(visit('a'));
    await onHit?.();
    await onHit?.();
    const left = (await limit.check(visit('a'))).fields.find(([name]) => name === 'RateLimit')?.[1];
    expect(left).toBe('"default";r=0;t=60');
    now = 60_000;
    await onHit?.();
    expect((await limit.check(visit('a'))).refusal).toBeUndefined();
    expect((await limit.check(visit('a'))).refusal?.status).toBe(429);
  });

  it('counts two limits of one name together, and of two names apart', async () => {
    const cache = createCache({ redis: false });
    const [first, same, other] = ['x', 'x', 'y'].map((name) => limitOf({ points: 1, duration: 60, name, cache }).limit);
    await first!.check(visit('a'));
    expect((await same!.check(visit('a'))).refusal?.status).toBe(429);
    expect((await other!.check(visit('a'))).refusal).toBeUndefined();
  });

  it('gives nothing of one window back into the next, which has begun', async () => {
    let now = 0;
    const { limit } = open({ points: 9, cost: 4, hits: 'exempt' }, { now: () => now });
    await limit.check(visit('a'));
    now = 59_999;
    const { onHit } = await limit.check(visit('a'));
    now = 60_000;
    await limit.check(visit('a'));
    // The window that the hit was charged in is over for its own clock, too.
    await pause(5);
    await onHit?.();
    expect((await limit.check(visit('a'))).fields).toContainEqual(['RateLimit', '"default";r=1;t=60']);
  });

  it('forgets clients rather than to grow without bound', async () => {
    const { limit } = open({ by: 'ip' });
    await limit.check(visit('first'));
    expect((await limit.check(visit('first'))).refusal).toBeDefined();
    for (let i = 0; i < 100_000; i++) await limit.check(visit(`n${i}`));
    expect((await limit.check(visit('first'))).refusal).toBeUndefined();
  });
});
