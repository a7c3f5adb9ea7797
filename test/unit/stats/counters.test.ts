import { beforeEach, describe, expect, it } from 'vitest';
import { Events } from '../../../src/events.js';
import { Counters } from '../../../src/stats/counters.js';

let events: Events;
let counters: Counters;

beforeEach(() => {
  events = new Events();
  counters = new Counters(events);
});

const hit = (tenant: string, ms = 1) => events.emit('hit', { source: 'http', tenant, key: 'k', ms });
const miss = (tenant: string) => events.emit('miss', { source: 'http', tenant, key: 'k', ms: 1 });

describe('Counters', () => {
  it('are all zero at first', () => {
    const zeros = {
      ...{ hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, totalRequests: 0, bypassed: 0, collapsed: 0 },
      ...{ stale: 0, revalidated: 0 },
      ...{ hitRate: 0, averageHitTime: 0, averageSetTime: 0, reasons: {} },
    };
    expect(counters.read()).toEqual(zeros);
    expect(counters.read('nobody')).toEqual(zeros);
    expect(counters.byTenant()).toEqual({ tenants: {}, others: zeros });
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
    events.emit('hit', { source: 'http', tenant: 'a', key: 'k', ms: 1, collapsed: true });
    expect(counters.read('a')).toMatchObject({ hits: 2, collapsed: 1, totalRequests: 2 });
  });

  it('count hits that were no longer fresh', () => {
    hit('a');
    events.emit('hit', { source: 'http', tenant: 'a', key: 'k', ms: 1, stale: true });
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
    expect(Object.keys(counters.byTenant().tenants).sort()).toEqual(['', 'a']);
  });

  it.each(['__proto__', 'constructor'])('take a tenant named %s for one like any', (tenant) => {
    hit(tenant);
    const { tenants } = counters.byTenant();
    expect(Object.keys(tenants)).toEqual([tenant]);
    expect(Object.getOwnPropertyDescriptor(tenants, tenant)?.value).toMatchObject({ hits: 1 });
  });

  it('count tenants beyond a number together', () => {
    for (let i = 0; i < 1500; i++) hit(`t${i}`);
    hit('t1499');
    hit('t0');
    const { tenants, others } = counters.byTenant();
    expect(Object.keys(tenants)).toHaveLength(1000);
    expect(others.hits).toBe(501);
    expect(counters.read('t0').hits).toBe(2);
    expect(counters.read().hits).toBe(1502);
  });

  it('give figures that nobody can change', () => {
    events.emit('bypass', { tenant: 'a', reason: 'cookie' });
    const first = counters.read();
    first.reasons.cookie = 100;
    first.bypassed = 100;
    expect(counters.read()).toMatchObject({ bypassed: 1, reasons: { cookie: 1 } });
  });
});
