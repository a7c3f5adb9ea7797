import {
  aboveZero,
  aFunction,
  anObject,
  fieldName,
  flag,
  knownOnly,
  notNegative,
  oneOf,
  orFunction,
  texts,
  wholeNumber,
  window,
} from './check.js';
import { type CompressRule, checkCompress } from './compress/rule.js';
import { ConfigError } from './errors.js';
import { OWN_FIELD } from './http/own-field.js';
import { MODES, type Mode, type Policy } from './policy.js';
import { type QueryRule, SORTED } from './request/query.js';
import type { TenantRule } from './request/tenant.js';
import type { RouteOptions } from './route-options.js';

/** Route options, checked and complete. */
export interface Route {
  readonly ttl: number | ((source: unknown) => number | undefined);
  /** Seconds, where a function says nothing: the number that was said further out. */
  readonly usualTtl: number;
  readonly negativeTtl: number;
  readonly tags: readonly string[] | ((source: unknown) => readonly string[]);
  readonly key: string | ((source: unknown) => string) | undefined;
  /** Which of several handlers behind one URL it is, where an adapter knows: a part of the key. No option says it. */
  readonly version: string | undefined;
  readonly tenant: TenantRule;
  readonly vary: readonly string[];
  /** In lower case. */
  readonly personal: readonly string[];
  readonly when: ((source: unknown) => boolean) | undefined;
  readonly identity: ((source: unknown) => string | undefined) | undefined;
  readonly query: QueryRule;
  readonly maxBodyBytes: number;
  readonly compress: CompressRule | undefined;
  readonly requestDirectives: 'ignore' | 'honor';
  /** What the option `mode` stands for. */
  readonly policy: Policy;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly retain: number | undefined;
  readonly heuristic: number;
  /** In lower case. */
  readonly targetedFields: readonly string[];
  readonly storePost: boolean;
  readonly browserTtl: number | undefined;
  readonly cdnTtl: number | undefined;
  readonly surrogateTags: string | undefined;
  readonly exposeKey: boolean;
  readonly collapse: boolean;
  readonly earlyRefresh: number;
  readonly shadow: number;
}

/** One object, so that saying the default is no change. */
const NOTHING: readonly string[] = [];

/** Seconds, where no option says. */
const USUAL_TTL = 300;

export const DEFAULT_ROUTE: Route = Object.freeze({
  ttl: USUAL_TTL,
  usualTtl: USUAL_TTL,
  negativeTtl: 10,
  tags: [],
  key: undefined,
  version: undefined,
  tenant: { header: 'x-client-id', resolve: undefined, required: false },
  vary: [],
  personal: NOTHING,
  when: undefined,
  identity: undefined,
  maxBodyBytes: 1_048_576,
  compress: undefined,
  ...modeDefaults('application', SORTED),
  staleWhileRevalidate: 0,
  staleIfError: 0,
  targetedFields: [OWN_FIELD],
  browserTtl: undefined,
  cdnTtl: undefined,
  surrogateTags: undefined,
  exposeKey: false,
  collapse: true,
  earlyRefresh: 0,
  shadow: 0,
});

/**
 * Which options have a say in what is looked up, who waits for it, and what becomes of a hit. A route that sets one of them
 * inside another mount looks up anew, in a place where the outer mount, which does not know it, never looks: else that would
 * serve its hits, by its own options.
 */
const DECISIVE: readonly (keyof Route)[] = [
  ...(['tenant', 'personal', 'when', 'identity', 'query', 'requestDirectives', 'policy'] as const),
  ...(['collapse', 'earlyRefresh', 'browserTtl', 'cdnTtl', 'surrogateTags'] as const),
];

/** Whether a route's own options change what is looked up, against the mount around it. */
export function looksUpElsewhere(inner: Route, outer: Route): boolean {
  return (
    DECISIVE.some((name) => inner[name] !== outer[name]) || (inner.key !== outer.key && typeof inner.key === 'function')
  );
}

/** Request fields that go into `Vary` for the sake of caches further out. */
export function namesInVary({ vary, tenant }: Route): readonly string[] {
  return tenant.header === undefined ? vary : [...vary, tenant.header];
}

/** Checks options and lays them over a base; `undefined` never overrides. @throws {ConfigError} */
export function resolveRoute<S>(options: RouteOptions<S>, base: Route): Route {
  const mode = options.mode === undefined ? undefined : oneOf('option mode', options.mode, ['application', 'rfc9111']);
  const changes = mode === undefined || MODES[mode].policy === base.policy ? {} : modeDefaults(mode, base.query);
  const route: Record<string, unknown> & { query: QueryRule } = { ...base, ...changes };
  for (const [name, value] of Object.entries(options)) {
    const check = CHECKS[name as keyof typeof CHECKS];
    if (value !== undefined && check !== undefined) route[name] = check(value, route.query);
  }
  if (typeof route.ttl === 'number') route.usualTtl = route.ttl;
  return Object.freeze(route) as unknown as Route;
}

/** What a mode makes of options that are not said; of the query only whether it is sorted. */
function modeDefaults(
  mode: Mode,
  query: QueryRule,
): Pick<Route, 'policy' | 'query' | (keyof (typeof MODES)[Mode] & keyof Route)> {
  const { sort, ...rest } = MODES[mode];
  return { ...rest, query: { ...query, sort } };
}

/** `query`: the rule so far. */
const CHECKS: {
  [K in Exclude<keyof Route, 'policy' | 'version' | 'usualTtl'>]: (value: unknown, query: QueryRule) => Route[K];
} = {
  ttl: (value) => orFunction(value, () => aboveZero('option ttl', value, 'seconds')),
  negativeTtl: (value) => notNegative('option negativeTtl', value, 'seconds'),
  tags: (value) => orFunction(value, () => texts('option tags', value)),
  key: (value) => {
    if (typeof value === 'function' || (typeof value === 'string' && value !== '')) return value as never;
    throw new ConfigError('option key', value, 'a text that is not empty, or a function that returns one');
  },
  tenant: checkTenant,
  vary: (value) => fieldNames('option vary', value),
  personal: (value) => (Array.isArray(value) && value.length === 0 ? NOTHING : fieldNames('option personal', value)),
  when: (value) => aFunction('option when', value) as never,
  identity: (value) => aFunction('option identity', value) as never,
  query: checkQuery,
  maxBodyBytes: (value) => wholeNumber('option maxBodyBytes', value, 1),
  compress: checkCompress,
  requestDirectives: (value) => oneOf('option requestDirectives', value, ['ignore', 'honor']),
  staleWhileRevalidate: (value) => window('option staleWhileRevalidate', value),
  staleIfError: (value) => window('option staleIfError', value),
  retain: (value) => window('option retain', value),
  heuristic: (value) => fraction('option heuristic', value),
  targetedFields: (value) =>
    (Array.isArray(value) && value.length === 0 ? [] : texts('option targetedFields', value)).map((name) =>
      fieldName('option targetedFields', name),
    ),
  storePost: (value) => flag('option storePost', value),
  browserTtl: (value) => notNegative('option browserTtl', value, 'seconds'),
  cdnTtl: (value) => notNegative('option cdnTtl', value, 'seconds'),
  surrogateTags: (value) => {
    fieldName('option surrogateTags', value);
    return value as string;
  },
  exposeKey: (value) => flag('option exposeKey', value),
  collapse: (value) => flag('option collapse', value),
  earlyRefresh: (value) => notNegative('option earlyRefresh', value, 'measures'),
  shadow: (value) => fraction('option shadow', value),
};

function fraction(setting: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new ConfigError(setting, value, 'a fraction from 0 to 1');
}

function fieldNames(setting: string, value: unknown): readonly string[] {
  return texts(setting, value).map((name) => {
    if (name === '*') throw new ConfigError(setting, name, 'the name of a header field, which * is not');
    return fieldName(setting, name);
  });
}

function checkTenant(value: unknown): TenantRule {
  if (value === false) return { header: undefined, resolve: undefined, required: false };
  if (typeof value === 'string')
    return { header: fieldName('option tenant', value), resolve: undefined, required: false };
  if (typeof value === 'function') return { header: undefined, resolve: value as never, required: true };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(
      'option tenant',
      value,
      "a header's name, a function, false, or { header, resolve, required }",
    );
  }
  knownOnly('tenant.', value, ['header', 'resolve', 'required']);
  const { header = 'x-client-id', resolve, required = false } = value as { [name: string]: unknown };
  if (resolve !== undefined) aFunction('option tenant.resolve', resolve);
  return {
    header: resolve === undefined ? fieldName('option tenant.header', header) : undefined,
    resolve: resolve as TenantRule['resolve'],
    required: flag('option tenant.required', required),
  };
}

function checkQuery(value: unknown, before: QueryRule): QueryRule {
  const { only, ignore, sort = before.sort, ...rest } = anObject('option query', value) as { [name: string]: unknown };
  knownOnly('query.', rest, ['only', 'ignore', 'sort']);
  if (only !== undefined && ignore !== undefined)
    throw new ConfigError('option query', value, 'only or ignore, not both');
  return {
    only: only === undefined ? undefined : texts('option query.only', only),
    ignore: ignore === undefined ? [] : texts('option query.ignore', ignore),
    sort: flag('option query.sort', sort),
  };
}
