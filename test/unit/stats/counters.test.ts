import { beforeEach, describe, expect, it } from 'vitest';
import { Events } from '../../../src/events.js';
import { Counters } from '../../../src/stats/counters.js';

let events: Events;
let counters: Counters;
let now: number;

beforeEach(() => {
  events = new Events();
  now = 1_795_420_800_000;
  counters = new Counters(events, { now: () => now });
});

const HIT = { source: 'http', key: 'k', ms: 1, bytes: 10 } as const;
const request = (target: string, headers = {}) => ({
  target,
  headers: { host: 'a.example', ...headers },
  secure: false,
});

const hit = (tenant: string, ms = 1) => events.emit('hit', { ...HIT, tenant, ms, tier: 'memory' });
const miss = (tenant: string) => events.emit('miss', { source: 'http', tenant, key: 'k', ms: 1 });
const all = () => counters.snapshot({ popular: 100 });

describe('Counters', () => {
  it('are all zero at first', () => {
    const zeros = {
      ...{ hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, totalRequests: 0, bypassed: 0, collapsed: 0 },
      ...{ stale: 0, revalidated: 0, refreshes: 0, shadow: { compared: 0, different: 0 } },
      ...{ hitRate: 0, averageHitTime: 0, averageMissTime: 0, averageSetTime: 0, reasons: {} },
      outcomes: { fresh: 0, stale: 0, collapsed: 0, revalidated: 0, miss: 0, bypass: 0 },
      ...{ tiers: { memory: 0, redis: 0 }, bytes: { served: 0, stored: 0 } },
    };
    expect(counters.read()).toEqual(zeros);
    expect(counters.read('nobody')).toEqual(zeros);
    expect(all()).toMatchObject({ tenants: {}, routes: {}, slots: [], popular: [] });
  });

  it('count each request once', () => {
    hit('a');
    hit('a');
    miss('a');
    events.emit('bypass', { tenant: 'a', reason: 'cookie' });
    events.emit('bypass', { tenant: undefined, reason: 'tenant' });
    expect(counters.read()).toMatchObject({ hits: 2, misses: 1, bypassed: 2, totalRequests: 5 });
  });

  it.each([
    [1, 2, 33.33],
    [2, 1, 66.67],
    [1, 0, 100],
    [0, 1, 0],
    [1, 7, 12.5],
  ])('%i hits and %i misses are a rate of %d percent', (hits, misses, rate) => {
    for (let i = 0; i < hits; i++) hit('a');
    for (let i = 0; i < misses; i++) miss('a');
    events.emit('bypass', { tenant: 'a', reason: 'method' });
    expect(counters.read().hitRate).toBe(rate);
  });

  it('give mean times in ms', () => {
    hit('a', 1);
    hit('a', 2.5);
    events.emit('set', { tenant: 'a', key: 'k', ms: 0.25, bytes: 1 });
    expect(counters.read()).toMatchObject({ averageHitTime: 1.75, averageSetTime: 0.25, sets: 1 });
  });

  it('count hits that another request was run for', () => {
    hit('a');
    events.emit('hit', { ...HIT, tenant: 'a', collapsed: true });
    expect(counters.read('a')).toMatchObject({ hits: 2, collapsed: 1, totalRequests: 2 });
  });

  it('count hits that were no longer fresh', () => {
    hit('a');
    events.emit('hit', { ...HIT, tenant: 'a', stale: true });
    expect(counters.read('a')).toMatchObject({ hits: 2, stale: 1, totalRequests: 2 });
  });

  it('count misses whose handler said that what is stored is still the same', () => {
    miss('a');
    events.emit('miss', { source: 'http', tenant: 'a', key: 'k', ms: 1, revalidated: true });
    expect(counters.read('a')).toMatchObject({ misses: 2, revalidated: 1, totalRequests: 2 });
  });

  it('count sets, purges and errors', () => {
    events.emit('set', { tenant: 'a', key: 'k', ms: 1, bytes: 1 });
    events.emit('purge', { tags: 3, patterns: 2, tenant: 'a', durable: false });
    events.emit('purge', { tags: 1, patterns: 0, tenant: undefined, durable: true });
    events.emit('error', { operation: 'read', error: new Error('x') });
    expect(counters.read()).toMatchObject({ sets: 1, deletes: 2, errors: 1, totalRequests: 0 });
    expect(counters.read('a')).toMatchObject({ sets: 1, deletes: 1 });
  });

  it('count the reasons of misses, bypasses and what was captured in vain', () => {
    events.emit('miss', { source: 'http', tenant: 'a', key: 'k', ms: 1, reason: 'private' });
    events.emit('bypass', { tenant: 'a', reason: 'cookie' });
    events.emit('skip', { tenant: 'b', key: 'k', reason: 'aborted' });
    events.emit('skip', { tenant: 'a', key: 'k', reason: 'aborted' });
    miss('a');
    expect(counters.read().reasons).toEqual({ private: 1, cookie: 1, aborted: 2 });
    expect(counters.read('b').reasons).toEqual({ aborted: 1 });
  });

  it('keep tenants apart, the nameless one too', () => {
    hit('a');
    hit('');
    miss('');
    expect(counters.read('a')).toMatchObject({ hits: 1, misses: 0 });
    expect(counters.read('')).toMatchObject({ hits: 1, misses: 1 });
    expect(counters.read()).toMatchObject({ hits: 2, misses: 1 });
    expect(Object.keys(all().tenants).sort()).toEqual(['', 'a']);
  });

  it.each(['__proto__', 'constructor'])('take a tenant named %s for one like any', (tenant) => {
    hit(tenant);
    const { tenants } = all();
    expect(Object.keys(tenants)).toEqual([tenant]);
    expect(Object.getOwnPropertyDescriptor(tenants, tenant)?.value).toMatchObject({ fresh: 1 });
  });

  it('count tenants beyond a number together, and keep those that are in use', () => {
    const busy = Array.from({ length: 20 }, (_, i) => `busy${i}`);
    for (const tenant of busy) for (let i = 0; i < 10; i++) hit(tenant);
    for (let i = 0; i < 5000; i++) hit(`once${i}`);
    const { tenants, other } = all();
    expect(Object.keys(tenants)).toHaveLength(1000);
    for (const tenant of busy) expect(tenants[tenant], tenant).toMatchObject({ fresh: 10 });
    expect(Object.values(tenants).reduce((sum, { fresh }) => sum + fresh, other.tenants.fresh)).toBe(5200);
    expect(counters.read().hits).toBe(5200);
  });

  it('give as many tenants as are wanted, the most asked, and the rest together', () => {
    for (const [tenant, times] of [
      ['a', 1],
      ['b', 3],
      ['c', 2],
    ] as const)
      for (let i = 0; i < times; i++) hit(tenant);
    const { tenants, other } = counters.snapshot({ popular: 0, tenants: 2 });
    expect(Object.keys(tenants)).toEqual(['b', 'c']);
    expect(other.tenants.fresh).toBe(1);
  });

  it('count requests by route, those with numbers and the like in their paths together', () => {
    events.emit('hit', { ...HIT, tenant: 'a', route: '/users/17' });
    events.emit('miss', { source: 'http', tenant: 'b', key: 'k', ms: 1, route: '/users/4711', reason: 'private' });
    events.emit('bypass', { tenant: undefined, reason: 'method', route: 'users:list' });
    events.emit('skip', { tenant: 'a', key: 'k', reason: 'aborted', route: '/users/3' });
    const { routes } = all();
    expect(routes).toMatchObject({
      '/users/*': { fresh: 1, miss: 1, reasons: { private: 1, aborted: 1 } },
      'users:list': { bypass: 1, reasons: { method: 1 } },
    });
  });

  it('count where hits came from, and bytes', () => {
    events.emit('hit', { ...HIT, tenant: 'a', tier: 'memory' });
    events.emit('hit', { ...HIT, tenant: 'a', tier: 'redis' });
    events.emit('hit', { ...HIT, tenant: 'a', collapsed: true });
    events.emit('set', { tenant: 'a', key: 'k', ms: 1, bytes: 7 });
    expect(counters.read()).toMatchObject({ tiers: { memory: 1, redis: 1 }, bytes: { served: 30, stored: 7 } });
  });

  it('count comparisons of shadow mode, and runs in the background', () => {
    const shadow = { tenant: 'a', key: 'k', age: 1 };
    events.emit('shadow', { ...shadow, differences: [] });
    events.emit('shadow', { ...shadow, differences: [{ what: 'body', stored: 'x', fresh: 'y' }], suspect: 'stale' });
    events.emit('refresh', { tenant: 'a', key: 'k' });
    expect(counters.read('a')).toMatchObject({ shadow: { compared: 2, different: 1 }, refreshes: 1, totalRequests: 0 });
  });

  it('spread durations', () => {
    for (let i = 1; i <= 100; i++) hit('a', i);
    expect(counters.latency.hit.percentiles()).toMatchObject({ max: 100 });
    expect(counters.latency.miss.count).toBe(0);
  });

  it('keep the last quarter of an hour, step by step', () => {
    hit('a', 2);
    miss('a');
    now += 10_000;
    events.emit('bypass', { tenant: 'a', reason: 'method' });
    expect(all().slots).toMatchObject([
      { step: 359_084_160, fresh: 1, miss: 1, bypass: 0, hitTime: 2, missTime: 1 },
      { step: 359_084_162, fresh: 0, bypass: 1 },
    ]);
    now += 899_000;
    expect(all().slots).toHaveLength(1);
    now += 10_000;
    expect(all().slots).toEqual([]);
  });

  it('keep no step of a time that a clock which was put back has not come to yet', () => {
    hit('a');
    now -= 3_000_000;
    miss('a');
    expect(all().slots).toMatchObject([{ step: 359_083_560, fresh: 0, miss: 1 }]);
  });

  it('remember what was most asked for in the last hour, but not what cannot be stored', () => {
    const ask = (target: string, times: number) => {
      for (let i = 0; i < times; i++)
        events.emit('hit', { ...HIT, key: target, tenant: 'a', request: request(target) });
    };
    ask('/rare', 1);
    ask('/often', 5);
    events.emit('miss', {
      source: 'http',
      tenant: 'a',
      key: 'p',
      ms: 1,
      reason: 'private',
      request: request('/private'),
    });
    events.emit('bypass', { tenant: 'a', reason: 'cookie', request: request('/cookie') });
    expect(counters.popular(10)).toEqual([
      { target: '/often', tenant: 'a', secure: false, headers: { host: 'a.example' }, count: 5 },
      expect.objectContaining({ target: '/rare', count: 1 }),
    ]);
    now += 3_000_000;
    ask('/rare', 3);
    expect(counters.popular(1)).toMatchObject([{ target: '/often' }]);
    now += 1_000_000;
    expect(counters.popular(10)).toMatchObject([{ target: '/rare', count: 3 }]);
  });

  it('give figures that nobody can change', () => {
    events.emit('bypass', { tenant: 'a', reason: 'cookie' });
    const first = counters.read();
    first.reasons.cookie = 100;
    first.bypassed = 100;
    expect(counters.read()).toMatchObject({ bypassed: 1, reasons: { cookie: 1 } });
  });
});
