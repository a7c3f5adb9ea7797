import { type Cache, chosenCache } from '../../src/cache.js';
import { anObject, knownOnly } from '../../src/check.js';
import { ConfigError } from '../../src/errors.js';
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
  const { cache } = anObject('the options of invalidate()', options);
  knownOnly('', options, ['cache']);
  if (!isWhole(spec)) return { cache: chosenCache(cache), rule: ruleOf(spec) };
  const { cache: own = cache, ...rest } = spec;
  if (cache !== undefined && own !== cache)
    throw new ConfigError('option cache of invalidate()', own, 'the cache that is named beside it, or is left out');
  return { cache: chosenCache(own), rule: ruleOf(rest) };
}

/** Whether it is a whole specification, which may name a cache. */
function isWhole<S>(spec: Invalidated<S>): spec is InvalidateSpec<S> & CacheChoice {
  return typeof spec === 'object' && spec !== null && !Array.isArray(spec);
}

/** At which cache everything is invalidated. @throws {ConfigError} for an option that does not exist */
export function clearingOf(options: CacheChoice): Cache {
  knownOnly('', anObject('the options of clear()', options), ['cache']);
  return chosenCache(options.cache);
}
