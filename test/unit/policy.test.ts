import { describe, expect, it } from 'vitest';
import { MODES, type Policy } from '../../src/policy.js';
import { DEFAULT_ROUTE, type Route, resolveRoute } from '../../src/route.js';
import type { RouteOptions } from '../../src/route-options.js';

const resolve = (options: RouteOptions, base: Route = DEFAULT_ROUTE) => resolveRoute(options, base);

/** What a mode makes the default of options that can also be set on their own. */
const defaultsOf = ({ requestDirectives, heuristic, storePost, retain, query }: Route) => ({
  requestDirectives,
  heuristic,
  storePost,
  retain,
  query,
});
const APPLICATION = {
  requestDirectives: 'ignore',
  heuristic: 0,
  storePost: false,
  retain: undefined,
  query: { only: undefined, ignore: [], sort: true },
};
const RFC9111 = {
  requestDirectives: 'honor',
  heuristic: 0.1,
  storePost: true,
  retain: 86_400,
  query: { only: undefined, ignore: [], sort: false },
};

describe('a mode', () => {
  it('is that of an application, unless it is said', () => {
    expect(resolve({}).policy).toBe(MODES.application.policy);
    expect(defaultsOf(resolve({}))).toEqual(APPLICATION);
  });

  it('is that of an application, if that is said', () => {
    expect(resolve({ mode: 'application' })).toEqual(resolve({}));
  });

  it('has the policy of its name', () => {
    expect(resolve({ mode: 'rfc9111' }).policy).toBe(MODES.rfc9111.policy);
  });

  it('is the default of other options', () => {
    expect(defaultsOf(resolve({ mode: 'rfc9111' }))).toEqual(RFC9111);
  });

  it('changes no option beside these', () => {
    const { policy: _, ...rest } = resolve({ mode: 'rfc9111' });
    expect(rest).toEqual({ ...resolve({}), ...RFC9111, policy: undefined });
  });

  it.each<[options: RouteOptions]>([
    [{ requestDirectives: 'ignore' }],
    [{ heuristic: 0 }],
    [{ storePost: false }],
    [{ retain: 0 }],
  ])('is overruled by what is said beside it, in whichever order: %j', (options) => {
    expect(resolve({ mode: 'rfc9111', ...options })).toMatchObject(options);
    expect(resolve({ ...options, mode: 'rfc9111' })).toMatchObject(options);
  });

  it('is overruled by the order of the query that is said beside it', () => {
    expect(resolve({ query: { sort: true }, mode: 'rfc9111' }).query.sort).toBe(true);
    expect(resolve({ query: { sort: false } }).query.sort).toBe(false);
  });

  it('says whether a query is sorted also where it is told which parameters count', () => {
    expect(resolve({ mode: 'rfc9111', query: { ignore: ['utm_*'] } }).query).toEqual({
      only: undefined,
      ignore: ['utm_*'],
      sort: false,
    });
    expect(resolve({ query: { ignore: ['utm_*'] } }, resolve({ mode: 'rfc9111' })).query.sort).toBe(false);
  });

  it('is what the mount outside says, where nothing is said', () => {
    const outer = resolve({ mode: 'rfc9111' });
    expect(resolve({ ttl: 5 }, outer)).toEqual({ ...outer, ttl: 5, usualTtl: 5 });
  });

  it.each<[inner: 'application' | 'rfc9111', outer: 'application' | 'rfc9111', defaults: object]>([
    ['rfc9111', 'application', RFC9111],
    ['application', 'rfc9111', APPLICATION],
  ])('of a route wins over that of the mount outside: %s in %s', (inner, outer, defaults) => {
    const route = resolve({ mode: inner }, resolve({ mode: outer }));
    expect(route.policy).toBe(MODES[inner].policy);
    expect(defaultsOf(route)).toEqual(defaults);
  });

  it('changes nothing that was said outside, where it is said again', () => {
    const outer = resolve({ mode: 'rfc9111', requestDirectives: 'ignore', retain: 5, query: { ignore: ['utm_*'] } });
    expect(resolve({ mode: 'rfc9111' }, outer)).toEqual(outer);
  });

  it('of a route leaves which parameters count as the mount outside has said it', () => {
    const { query } = resolve({ mode: 'rfc9111' }, resolve({ query: { ignore: ['utm_*'] } }));
    expect(query).toEqual({ only: undefined, ignore: ['utm_*'], sort: false });
  });

  it('of a mount outside is overruled by the options of a route', () => {
    const route = resolve({ requestDirectives: 'ignore', retain: 5 }, resolve({ mode: 'rfc9111' }));
    expect(route).toMatchObject({ requestDirectives: 'ignore', retain: 5, heuristic: 0.1 });
    expect(route.policy).toBe(MODES.rfc9111.policy);
  });
});

describe('the policies', () => {
  it('differ in each of their values', () => {
    const names = Object.keys(MODES.application.policy) as (keyof Policy)[];
    expect(names.filter((name) => MODES.application.policy[name] === MODES.rfc9111.policy[name])).toEqual([]);
    expect(Object.keys(MODES.rfc9111.policy)).toEqual(names);
  });

  it.each(['application', 'rfc9111'] as const)('are frozen: %s', (mode) => {
    expect(Object.isFrozen(MODES) && Object.isFrozen(MODES[mode].policy)).toBe(true);
  });
});
