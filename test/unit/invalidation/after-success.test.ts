import { describe, expect, it, vi } from 'vitest';
import type { Services } from '../../../src/backend.js';
import type { CacheEvents } from '../../../src/events.js';
import { AfterSuccess } from '../../../src/invalidation/after-success.js';
import {
  changedUrls,
  everything,
  type PurgeRule,
  type RuleContext,
  ruleOf,
} from '../../../src/invalidation/purge-rule.js';
import { DEFAULT_ROUTE, resolveRoute } from '../../../src/route.js';
import type { RouteOptions } from '../../../src/route-options.js';
import type { Fields } from '../../../src/types.js';
import { BORN, servicesOf, view } from '../made.js';

const request = view({ method: 'POST', target: '/users', headers: { host: 'h', 'x-client-id': 'acme' } });

/** An exchange's invalidations, and what is told of them. */
function made(services: Services, ...rules: PurgeRule[]) {
  const afterSuccess = new AfterSuccess(services);
  for (const rule of rules) afterSuccess.add(rule);
  const purges: CacheEvents['purge'][] = [];
  const errors: CacheEvents['error'][] = [];
  services.events.on('purge', (event) => purges.push(event));
  services.events.on('error', (event) => errors.push(event));
  const invalidate = (options: RouteOptions = {}, fields: Fields = {}) =>
    afterSuccess.invalidate(request, resolveRoute(options, DEFAULT_ROUTE), fields);
  return { afterSuccess, purges, errors, invalidate };
}

const fails: PurgeRule = () => {
  throw new Error('no');
};

describe('AfterSuccess', () => {
  it('does nothing at all, and at once, where it is empty', () => {
    const { invalidate, purges } = made(servicesOf());
    expect(invalidate()).toBeUndefined();
    expect(purges).toEqual([]);
  });

  it('invalidates what all rules say as one purge, and gives it with its place in the ledger', async () => {
    const services = servicesOf();
    const { invalidate } = made(services, ruleOf('a'), ruleOf({ tags: ['b'], patterns: ['c*'] }));
    const entered = await invalidate();
    expect(entered).toEqual({
      purge: { tags: ['k:acme:a', 'g:acme:b'], patterns: [{ tenant: 'acme', glob: 'c*' }] },
      sequence: services.backend.ledger.position()!.sequence,
    });
    expect(entered!.sequence).toBeGreaterThan(BORN * 1000);
  });

  it('has the ledger know of it before it resolves', async () => {
    const services = servicesOf();
    const { ledger } = services.backend;
    const before = ledger.position()!;
    await made(services, ruleOf('a')).invalidate();
    expect(ledger.stands({ tenant: 'acme', names: ['a'], tags: [] }, before)).toBe(false);
    expect(ledger.stands({ tenant: 'other', names: ['a'], tags: [] }, before)).toBe(true);
  });

  it('tells of it once', async () => {
    const { invalidate, purges } = made(servicesOf(), ruleOf(['a', 'b']), ruleOf({ patterns: 'c*' }));
    await invalidate();
    expect(purges).toEqual([{ tags: 2, patterns: 1, tenant: 'acme', durable: true }]);
  });

  it('asks each rule with the tenant, the request, the answer, and the rules for queries', async () => {
    const asked: RuleContext[] = [];
    const services = servicesOf();
    const { invalidate } = made(services, (context) => {
      asked.push(context);
      return { tags: [], patterns: [] };
    });
    await invalidate({ query: { ignore: ['x'] } }, { location: '/y' });
    const { queries } = services;
    expect(queries.formsOf('a&x')).toEqual(['a&x', 'a']);
    expect(asked).toEqual([{ tenant: 'acme', request, fields: { location: '/y' }, queries }]);
  });

  it('gives nothing, and tells of nothing, where the rules have found nothing', async () => {
    const { invalidate, purges } = made(servicesOf(), ruleOf({ tags: () => [] }));
    expect(await invalidate()).toBeUndefined();
    expect(purges).toEqual([]);
  });

  it('does what the other rules say where one throws', async () => {
    const { invalidate, errors } = made(servicesOf(), ruleOf('a'), fails, ruleOf('b'));
    expect((await invalidate())?.purge.tags).toEqual(['k:acme:a', 'k:acme:b']);
    expect(errors).toEqual([{ operation: 'invalidate', error: new Error('no') }]);
  });

  it('does what the rest of a rule says where a function of it throws', async () => {
    const tags = () => {
      throw new Error('no');
    };
    const { invalidate, errors } = made(servicesOf(), ruleOf({ keys: 'a', tags, patterns: 'c*' }));
    const patterns = [{ tenant: 'acme', glob: 'c*' }];
    expect((await invalidate())?.purge).toEqual({ tags: ['k:acme:a'], patterns });
    expect(errors).toEqual([{ operation: 'invalidate', error: new Error('no') }]);
  });

  it('goes on where every rule throws', async () => {
    const { invalidate, purges } = made(servicesOf(), fails);
    expect(await invalidate()).toBeUndefined();
    expect(purges).toEqual([]);
  });

  it('waits for the tenant', async () => {
    const { invalidate } = made(servicesOf(), ruleOf('a'));
    expect((await invalidate({ tenant: async () => 'other' }))?.purge.tags).toEqual(['k:other:a']);
  });

  it.each<[what: string, tenant: RouteOptions['tenant'], told: number]>([
    ['is unknown', () => undefined, 0],
    ['is required and missing', { header: 'x-other', required: true }, 0],
    [
      'cannot be found',
      () => {
        throw new Error('no');
      },
      1,
    ],
    ['cannot be found in time', () => Promise.reject(new Error('no')), 1],
  ])('invalidates nothing of anybody where the tenant %s', async (_, tenant, told) => {
    const { invalidate, purges, errors } = made(servicesOf(), ruleOf('a'));
    expect(await invalidate({ tenant: tenant! })).toBeUndefined();
    expect(purges).toEqual([]);
    expect(errors.map(({ operation }) => operation)).toEqual(Array(told).fill('tenant'));
  });

  it('does without a tenant what needs none', async () => {
    const rules = [ruleOf({ keys: 'a', tags: 'b', patterns: 'c*', allTenants: true }), changedUrls, everything];
    const { invalidate, purges } = made(servicesOf(), ...rules);
    const entered = await invalidate({ tenant: () => undefined });
    expect(entered?.purge).toEqual({ tags: ['G:b', '*'], patterns: [] });
    expect(purges).toEqual([{ tags: 2, patterns: 0, tenant: undefined, durable: true }]);
  });

  it('gives no purge that is not in the ledger yet, and says so', async () => {
    const services = servicesOf();
    const { ledger } = services.backend;
    ledger.purge = async () => ({ sequence: 5, durable: false });
    const { invalidate, purges } = made(services, ruleOf('a'));
    expect(await invalidate()).toBeUndefined();
    expect(purges).toMatchObject([{ durable: false }]);
  });

  it('waits for the ledger no longer than for anything else', async () => {
    const services = servicesOf({ timeout: 1 });
    const { ledger } = services.backend;
    ledger.purge = () => new Promise(() => {});
    const purge = vi.spyOn(services.backend, 'purge');
    const { invalidate, purges } = made(services, ruleOf('a'));
    expect(await invalidate()).toBeUndefined();
    expect(purges).toMatchObject([{ durable: false }]);
    expect(purge).toHaveBeenCalledWith(expect.anything(), 1);
  });

  it('reaches the URL that was changed', async () => {
    const { invalidate } = made(servicesOf(), changedUrls);
    expect((await invalidate({}, { location: '/users/5' }))?.purge.tags).toEqual([
      'u:acme:http://h/users',
      'p:acme:http://h/users',
      'u:acme:http://h/users/5',
      'p:acme:http://h/users/5',
    ]);
  });
});
