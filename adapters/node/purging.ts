import { type Cache, chosenCache } from '../../src/cache.js';
import { knownOnly } from '../../src/check.js';
import { type InvalidateSpec, type PurgeRule, ruleOf } from '../../src/invalidation/purge-rule.js';

/** What every middleware takes. */
export interface CacheChoice {
  /** The cache to use. Default: `defaultCache()`, made from the environment. */
  cache?: Cache;
}

/** What an `invalidate(…)` takes: a key, several, or a whole specification. */
export type Invalidated<S> = string | readonly string[] | (InvalidateSpec<S> & CacheChoice);

/** What is invalidated, and at which cache. @throws {ConfigError} for what cannot be used */
export function purgingOf<S>(
  spec: Invalidated<S>,
  options: CacheChoice,
): { readonly cache: Cache; readonly rule: PurgeRule } {
  const plain = typeof spec === 'string' || Array.isArray(spec);
  const { cache: own, ...rest } = plain ? { cache: undefined } : ((spec ?? {}) as InvalidateSpec<S> & CacheChoice);
  knownOnly('', options, ['cache']);
  return {
    cache: chosenCache(own ?? options.cache),
    rule: ruleOf(plain ? (spec as string | readonly string[]) : rest),
  };
}

/** At which cache everything is invalidated. @throws {ConfigError} for an option that does not exist */
export function clearingOf(options: CacheChoice): Cache {
  knownOnly('', options, ['cache']);
  return chosenCache(options.cache);
}
