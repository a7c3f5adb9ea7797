import { beforeEach, describe, expect, it } from 'vitest';
import type { SearchRule } from '../../../src/http/no-vary-search.js';
import { SearchRules } from '../../../src/lookup/search-rules.js';
import { type Address, responseAddress } from '../../../src/request/key.js';
import { SORTED } from '../../../src/request/query.js';
import { heapMegabytes } from '../../support/heap.js';
import { view } from '../made.js';

const RULE: SearchRule = { keyOrder: true, ignore: ['utm_x'], except: [] };

const address = (target: string, tenant = 'acme', host = 'h'): Address =>
  responseAddress('', tenant, view({ target, headers: { host } }), SORTED, []);

let rules: SearchRules;
beforeEach(() => {
  rules = new SearchRules();
});
const of = (target: string, tenant?: string, host?: string) => rules.of(target, address(target, tenant, host));

describe('SearchRules', () => {
  it('know nothing at first', () => {
    expect(of('/a?b')).toBeUndefined();
  });

  it('learn of a path from any of its responses', () => {
    rules.learn(address('/a?b=1'), RULE);
    expect(of('/a?c=2')).toBe(RULE);
  });

  it('have nothing to say of requests without a query', () => {
    rules.learn(address('/a?b=1'), RULE);
    expect(of('/a')).toBeUndefined();
  });

  it('learn from a response without a query as well', () => {
    rules.learn(address('/a'), RULE);
    expect(of('/a?b')).toBe(RULE);
  });

  it.each<[what: string, target: string, tenant: string, host: string]>([
    ['path', '/b?b=1', 'acme', 'h'],
    ['tenant', '/a?b=1', 'other', 'h'],
    ['origin', '/a?b=1', 'acme', 'other'],
  ])('are of one %s alone', (_, target, tenant, host) => {
    rules.learn(address('/a?b=1'), RULE);
    expect(of(target, tenant, host)).toBeUndefined();
  });

  it('go by the last that was said', () => {
    rules.learn(address('/a?b=1'), RULE);
    const other = { ...RULE, ignore: 'all' as const };
    rules.learn(address('/a?c=1'), other);
    expect(of('/a?b')).toBe(other);
  });

  it('forget when a response says nothing any more', () => {
    rules.learn(address('/a?b=1'), RULE);
    rules.learn(address('/a?b=1'), undefined);
    expect(of('/a?b')).toBeUndefined();
  });

  it('do not remember what says nothing', () => {
    rules.learn(address('/a?b=1'), undefined);
    expect(of('/a?b')).toBeUndefined();
  });

  it('are bounded: the path that was not heard of for longest goes', () => {
    rules.learn(address('/first?x'), RULE);
    rules.learn(address('/second?x'), RULE);
    for (let i = 0; i < 4998; i++) rules.learn(address(`/${i}?x`), RULE);
    rules.learn(address('/first?x'), RULE);
    rules.learn(address('/last?x'), RULE);
    expect(['/first?x', '/second?x', '/last?x'].map((target) => of(target))).toEqual([RULE, undefined, RULE]);
  });

  it('are bounded in what their paths weigh, which clients may make as long as they like', () => {
    const path = (i: number) => `/${i}/${'x'.repeat(15_000)}?y`;
    const before = heapMegabytes();
    for (let i = 0; i < 5000; i++) rules.learn(address(path(i)), RULE);
    // All of them are 75.
    expect(heapMegabytes() - before).toBeLessThan(20);
    expect([of(path(4999)), of(path(5000))]).toEqual([RULE, undefined]);
  });
});
