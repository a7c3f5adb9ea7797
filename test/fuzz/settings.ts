// The options of the cache and of its mounts, by chance, and what they mean for who may share an answer.

import type { IncomingHttpHeaders } from 'node:http';
import type { CacheOptions, RouteOptions } from 'respcache';
import type { Source } from '../adapters/hosts.js';
import { TAGS } from './plans.js';
import type { Random } from './random.js';

export type Mode = 'application' | 'rfc9111';

/** A mount's options, and the same as data. */
export interface Settings {
  readonly options: RouteOptions<Source>;
  readonly tenant: 'header' | 'required' | 'function' | 'none' | undefined;
  readonly identity: boolean | undefined;
  readonly personalKey: boolean | undefined;
  readonly name: string | undefined;
  readonly vary: readonly string[] | undefined;
  readonly query: { readonly only?: readonly string[]; readonly ignore?: readonly string[] } | undefined;
  readonly tags: readonly string[] | undefined;
  readonly mode: Mode | undefined;
}

type Headers = Source['headers'];

export const userOf = (headers: Headers): string | undefined => textOf(headers['x-user']);
const orgOf = (headers: Headers): string | undefined => textOf(headers['x-client-id']);

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ');
}

const TENANTS: Record<NonNullable<Settings['tenant']>, RouteOptions<Source>['tenant']> = {
  header: 'x-client-id',
  required: { required: true },
  function: ({ headers }) => orgOf(headers),
  none: false,
};

export function settingsOf(random: Random): Settings {
  const settings: Omit<Settings, 'options'> = {
    tenant: random.maybe(0.2, () => random.pick(['header', 'required', 'function', 'none'] as const)),
    identity: random.maybe(0.15, () => true),
    personalKey: random.maybe(0.1, () => true),
    name: random.maybe(0.2, () => random.pick(['named', 'users:list'])),
    vary: random.maybe(0.2, () => random.pick([['x-flavour'], ['Authorization', 'Cookie'], ['x-user']])),
    query: random.maybe(0.2, () => random.pick([{ ignore: ['utm_*'] }, { only: ['a'] }])),
    tags: random.maybe(0.3, () => [random.pick(TAGS)]),
    mode: random.maybe(0.1, () => random.pick(['application', 'rfc9111'] as const)),
  };
  return { ...settings, options: { ...optionsOf(settings, random), ...staleOptions(random), ...outwards(random) } };
}

function optionsOf(settings: Omit<Settings, 'options'>, random: Random): RouteOptions<Source> {
  const { tenant, identity, personalKey, name, vary, query, tags, mode } = settings;
  const options: RouteOptions<Source> = {};
  if (tenant !== undefined) options.tenant = TENANTS[tenant]!;
  if (identity) options.identity = ({ headers }) => userOf(headers);
  if (personalKey) options.key = ({ headers }) => `for ${userOf(headers)} ${headers.cookie} ${headers.authorization}`;
  else if (name !== undefined) options.key = name;
  if (vary !== undefined) options.vary = vary;
  if (query !== undefined) options.query = query;
  if (tags !== undefined) options.tags = random.chance(0.5) ? tags : () => tags;
  if (mode !== undefined) options.mode = mode;
  const ttl = random.maybe(0.3, () => random.pick([0.5, 5, 60]));
  if (ttl !== undefined) options.ttl = random.chance(0.5) ? ttl : () => ttl;
  if (random.chance(0.2)) options.maxBodyBytes = random.pick([1, 1000, 100_000]);
  if (random.chance(0.1)) options.collapse = false;
  if (random.chance(0.2)) options.earlyRefresh = random.pick([1, 1000]);
  if (random.chance(0.2)) options.requestDirectives = 'honor';
  if (random.chance(0.2)) options.exposeKey = true;
  if (random.chance(0.1)) options.negativeTtl = 0;
  if (random.chance(0.1)) options.when = ({ method, url }) => method === 'GET' && !url.includes('b=2');
  return options;
}

type StaleOptions = Pick<CacheOptions, 'staleWhileRevalidate' | 'staleIfError' | 'retain' | 'heuristic'>;

function staleOptions(random: Random): StaleOptions {
  return {
    ...random.maybe(0.3, () => ({ staleWhileRevalidate: random.pick([0, 1, 600]) })),
    ...random.maybe(0.3, () => ({ staleIfError: random.pick([0, 1, 600]) })),
    ...random.maybe(0.3, () => ({ retain: random.pick([0, 10, 3600]) })),
    ...random.maybe(0.1, () => ({ heuristic: 0.1 })),
  };
}

/** What is told to browsers and CDNs. */
function outwards(random: Random): RouteOptions<Source> {
  return {
    ...random.maybe(0.1, () => ({ browserTtl: random.pick([0, 60]) })),
    ...random.maybe(0.1, () => ({ cdnTtl: random.pick([0, 60]) })),
    ...random.maybe(0.1, () => ({ surrogateTags: 'Surrogate-Key' })),
  };
}

/** What holds for the whole cache. */
export function cacheOptionsOf(random: Random): CacheOptions & { prefix: string } {
  return {
    collapseTimeout: random.pick([1, 50, 1000]),
    maxItems: random.pick([2, 1000]),
    maxBytes: random.pick([2000, 67_108_864]),
    sweepInterval: random.pick([false, 0.05]),
    prefix: random.pick(['', 'p:', '*[]']),
    maxRefreshes: random.pick([1, 20]),
    refreshTimeout: random.pick([20, 30_000]),
    ...staleOptions(random),
  };
}

/** A mount's settings over those of the mount around it. */
export function over(inner: Settings, outer: Settings | undefined): Settings {
  if (outer === undefined) return inner;
  const set = Object.fromEntries(Object.entries(inner).filter(([, value]) => value !== undefined));
  const key = inner.personalKey === undefined && inner.name === undefined ? {} : nameOf(inner);
  return { ...outer, ...set, ...key } as Settings;
}

/** `key` is one option, whether it is a function or a name. */
function nameOf({ personalKey, name }: Settings): Pick<Settings, 'personalKey' | 'name'> {
  return { personalKey, name: personalKey ? undefined : name };
}

/** Whose an answer is: `undefined` if nobody can tell, and then nothing may come from the cache. */
export function tenantOf({ tenant }: Settings, headers: IncomingHttpHeaders): string | undefined {
  if (tenant === 'none') return 'everybody';
  const name = orgOf(headers);
  if (tenant === 'required' || tenant === 'function') return name === undefined || name === '' ? undefined : `=${name}`;
  return name === undefined ? 'nobody' : name === '' ? undefined : `=${name}`;
}
