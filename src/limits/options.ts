import { atOnce } from '../ask.js';
import type { Cache } from '../cache.js';
import { aFunction, knownOnly, oneOf, orFunction, wholeNumber } from '../check.js';
import { ConfigError } from '../errors.js';
import type { TenantRule } from '../request/tenant.js';
import { type Route, resolveRoute } from '../route.js';
import type { RouteOptions } from '../route-options.js';

/** What a rate limit takes. `S`: what functions are called with, Express' request or Koa's context. */
export interface RateLimitOptions<S = unknown> {
  /** How many points a client has for each `duration`. */
  points: number;
  /** How long a window is, in whole seconds. It begins with a client's first request. */
  duration: number;
  /**
   * Who is counted together: those of one tenant, of one address (an IPv6 network of 64 bits counts as one), or of what a
   * function returns; where that is no text, or nothing, the default holds. Default: tenant and address together.
   */
  by?: 'tenant' | 'ip' | ((source: S) => string | undefined);
  /** How the tenant is found. Default: as the cache finds it. */
  tenant?: RouteOptions<S>['tenant'];
  /** Points that a request costs, a whole number; 0: it is let through uncounted. Default 1. */
  cost?: number | ((source: S) => number);
  /**
   * What a request costs that the cache turns out to answer: the same (`'count'`), nothing (`'exempt'`), or this number
   * of points. What it was charged beyond that is given back as its answer has left. Default `'count'`.
   */
  hits?: 'count' | 'exempt' | number;
  /**
   * What happens while Redis does not answer: each process counts by itself (`'allow'`), or nobody is let through: 503
   * (`'deny'`). Default `'allow'`.
   */
  onUnavailable?: 'allow' | 'deny';
  /** What the limit is called in keys and in the fields `RateLimit`; limits of one name count together. Default `'default'`. */
  name?: string;
  /** Seconds for which a client that has exceeded the limit stays out; 0: until its window ends. Default 0. */
  block?: number;
  /** Which requests are let through uncounted. Default: none. */
  skip?: (source: S) => boolean;
  /** Whose Redis, or memory, counts. Default: `defaultCache()`, made from the environment. */
  cache?: Cache;
}

/** A rate limit's options, checked and complete. */
export interface LimitRule {
  readonly points: number;
  /** Seconds. */
  readonly duration: number;
  readonly by: 'both' | 'tenant' | 'ip' | ((source: unknown) => unknown);
  readonly tenant: TenantRule;
  readonly cost: (source: unknown) => number;
  readonly hitCost: number;
  readonly denies: boolean;
  readonly name: string;
  /** Seconds. */
  readonly block: number;
  readonly skip: ((source: unknown) => unknown) | undefined;
}

const KNOWN = ['points', 'duration', 'by', 'tenant', 'cost', 'hits', 'onUnavailable', 'name', 'block', 'skip', 'cache'];
/** What Redis counts in seconds, and a count of points, stay far from where numbers lose their ends. */
const MOST = 2 ** 31 - 1;

/** Checks the options of a rate limit. `route`: the cache's own. @throws {ConfigError} */
export function resolveLimit<S>(options: RateLimitOptions<S>, route: Route): LimitRule {
  knownOnly('', options, KNOWN);
  const {
    points,
    duration,
    by,
    tenant,
    cost = 1,
    onUnavailable = 'allow',
    name = 'default',
    block = 0,
    skip,
  } = options;
  if (by !== undefined && typeof by !== 'function' && by !== 'tenant' && by !== 'ip')
    throw new ConfigError('option by', by, `'tenant', 'ip', or a function`);
  if (skip !== undefined) aFunction('option skip', skip);
  // It stands in a header field, as a String of printable ASCII.
  if (typeof name !== 'string' || !/^[\x20-\x7e]{1,64}$/.test(name))
    throw new ConfigError('option name', name, 'a text of 1 to 64 printable ASCII characters');
  return Object.freeze({
    points: wholeNumber('option points', points, 1, MOST),
    duration: wholeNumber('option duration', duration, 1, MOST),
    by: (by as LimitRule['by'] | undefined) ?? 'both',
    tenant: resolveRoute<S>(tenant === undefined ? {} : { tenant }, route).tenant,
    cost: costOf(cost as LimitRule['cost'] | number),
    hitCost: hitCostOf(options.hits ?? 'count'),
    denies: oneOf('option onUnavailable', onUnavailable, ['allow', 'deny']) === 'deny',
    name,
    block: wholeNumber('option block', block, 0, MOST),
    skip: skip as LimitRule['skip'],
  });
}

function costOf(cost: LimitRule['cost'] | number): LimitRule['cost'] {
  if (typeof cost === 'function')
    return (source) => wholeNumber('what option cost returned', atOnce('option cost', cost(source)), 0, MOST);
  orFunction(cost, () => wholeNumber('option cost', cost, 0, MOST));
  return () => cost;
}

function hitCostOf(hits: 'count' | 'exempt' | number): number {
  if (hits === 'count') return Number.POSITIVE_INFINITY;
  if (hits === 'exempt') return 0;
  if (Number.isInteger(hits) && hits >= 0 && hits <= MOST) return hits;
  throw new ConfigError('option hits', hits, `'count', 'exempt', or a whole number, from 0 to ${MOST}`);
}
