import { namesAtOnce } from '../ask.js';
import { flag, knownOnly, listOf } from '../check.js';
import { ConfigError } from '../errors.js';
import { parseGroups } from '../http/cache-groups.js';
import { fieldText } from '../http/headers.js';
import { keyNames, normalizePattern, targetUris } from '../request/key.js';
import type { QueryRules } from '../request/query.js';
import { pathsMeant, targetsOf } from '../request/reference.js';
import type { RequestView } from '../request/request.js';
import type { Fields } from '../types.js';
import type { Purge } from './purge-table.js';
import { EVERYTHING, globalTag, keyTags, ownTag, pathTag, uriTag } from './tags.js';

/** One name or several, or a function of the request that returns them. */
export type Names<S> = string | readonly string[] | ((source: S) => string | readonly string[]);

/** What is to be invalidated, for the tenant of the request. */
export interface InvalidateSpec<S = unknown> {
  /** Names given by the option `key`, keys of the programmatic API, or paths, with or without a query. */
  keys?: Names<S>;
  tags?: Names<S>;
  /** Globs (`users:*`), or places in the hierarchy of keys and paths (`users:list` reaches all below it). */
  patterns?: Names<S>;
  /** The tags count for every tenant, not for the request's alone; keys and patterns stay those of one. Default `false`. */
  allTenants?: boolean;
}

/** What a rule may look at: the request's tenant (escaped), and the head of the handler's answer. */
export interface RuleContext {
  /** `undefined` if it cannot be found: then only what counts for all tenants is invalidated. */
  readonly tenant: string | undefined;
  readonly request: RequestView;
  /** Which parameters are part of the keys, at whichever mount of the cache. */
  readonly queries: QueryRules;
  readonly fields: Fields;
}

/**
 * Says what a successful request invalidates. `failed`: told of a function that cannot say it, where the rest of the rule is to hold all
 * the same; without it that is thrown.
 */
export type PurgeRule = (context: RuleContext, failed?: (error: unknown) => void) => Purge;

const NAMES = ['keys', 'tags', 'patterns', 'allTenants'];

type Checked<S> = { readonly [K in keyof InvalidateSpec<S>]-?: InvalidateSpec<S>[K] | undefined };

/** The rule of an `invalidate(…)`: a key, several, or a whole specification. @throws {ConfigError} */
export function ruleOf<S>(spec: string | readonly string[] | InvalidateSpec<S>): PurgeRule {
  const { keys, tags, patterns, allTenants = false } = checked<S>(isNames(spec) ? { keys: spec } : spec);
  return ({ tenant, request, queries }, failed) => {
    const list = (name: string, names: Names<S> | undefined) => {
      try {
        return namesOf(name, names, request.source as S);
      } catch (error) {
        if (failed === undefined) throw error;
        failed(error);
        return [];
      }
    };
    const tagged = list('tags', tags);
    const ofAll = allTenants ? tagged.map(globalTag) : [];
    if (tenant === undefined) return { tags: ofAll, patterns: [] };
    const own = allTenants ? ofAll : tagged.map((tag) => ownTag(tenant, tag));
    return {
      tags: [...list('keys', keys).flatMap((key) => tagsOfKey(tenant, key, queries)), ...own],
      patterns: list('patterns', patterns).map((glob) => ({ tenant, glob: normalizePattern(glob) })),
    };
  };
}

/** What the purge of a key reaches, however mounts have shortened its query. */
export function tagsOfKey(tenant: string, key: string, queries: QueryRules): string[] {
  return [...new Set(keyNames(key, queries).flatMap((name) => keyTags(tenant, name)))];
}

/** The rule of `clear()`. */
export const everything: PurgeRule = () => ({ tags: [EVERYTHING], patterns: [] });

/**
 * An unsafe method that succeeded has changed what its URL answers, and the URLs of its `Location` and
 * `Content-Location` if they are of the same origin (RFC 9111 §4.4); and the groups that it names (RFC 9875 §3).
 */
export const changedUrls: PurgeRule = ({ tenant, request, fields, queries }) => {
  if (tenant === undefined) return { tags: [], patterns: [] };
  const targets = targetsOf(request);
  for (const name of ['location', 'content-location'])
    for (const target of pathsMeant(request, fieldText(fields, name))) targets.push({ at: request, target });
  const tags = targets.flatMap(({ at, target }) => {
    const { uris, pathUri } = targetUris(at, target, queries);
    return [...uris.map((uri) => uriTag(tenant, uri)), pathTag(tenant, pathUri)];
  });
  for (const group of parseGroups(fieldText(fields, 'cache-group-invalidation'))) tags.push(ownTag(tenant, group));
  return { tags, patterns: [] };
};

function checked<S>(spec: InvalidateSpec<S>): Checked<S> {
  const takes = 'a key, a list of keys, or { keys, tags, patterns }';
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec))
    throw new ConfigError('what invalidate() is given', spec, takes);
  const { keys, tags, patterns, allTenants, ...rest } = spec;
  knownOnly('of invalidate: ', rest, NAMES);
  if (keys === undefined && tags === undefined && patterns === undefined) {
    throw new ConfigError('what invalidate() is given', spec, takes);
  }
  // Without tags it would have no effect, and the other tenants' keys would stay, which was not what it was said for.
  if (allTenants !== undefined && flag('option allTenants of invalidate', allTenants) && tags === undefined)
    throw new ConfigError(
      'option allTenants of invalidate',
      true,
      'tags beside it: keys and patterns are of one tenant',
    );
  const kept = (names: Names<S> | undefined): Names<S> | undefined => {
    if (names === undefined || typeof names === 'function') return names;
    // Whoever gave a list may go on with it.
    if (isNames(names)) return typeof names === 'string' ? names : [...names];
    throw new ConfigError('what invalidate() is given', spec, 'texts, lists of texts, or functions that return them');
  };
  return { keys: kept(keys), tags: kept(tags), patterns: kept(patterns), allTenants };
}

function isNames(value: unknown): value is string | readonly string[] {
  if (typeof value === 'string') return value !== '';
  const list = listOf(value);
  return list !== undefined && list.length > 0 && list.every((each) => typeof each === 'string' && each !== '');
}

/** A function that gives nothing has nothing to invalidate. */
function namesOf<S>(name: string, names: Names<S> | undefined, source: S): readonly string[] {
  const found = typeof names === 'function' ? names(source) : names;
  return namesAtOnce(`the function ${name} of invalidate()`, found ?? []);
}
