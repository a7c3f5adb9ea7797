import type { Reason } from '../events.js';
import type { Cause } from '../invalidation/cause.js';
import type { Visit } from '../lookup/plan.js';
import type { Mount } from '../mounts.js';
import type { Asked } from '../request/directives.js';
import type { Credentials } from '../request/eligibility.js';
import { shownTenant, type TenantRule } from '../request/tenant.js';
import type { Route } from '../route.js';

/** A span of time, of seconds, in the unit that says it best. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'ever';
  const whole = Math.floor(Math.abs(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  return whole < 172_800 ? `${Math.floor(whole / 3600)} h` : `${Math.floor(whole / 86_400)} days`;
}

/** A list as a sentence has it. */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Whose options a request is explained by. */
export type MountSource = 'options' | 'mount' | 'cache';

/** By which options it is, and what of them has a say in what is looked up. */
export function mountText({ route, depth }: Mount, from: MountSource): string {
  const by = {
    options: 'By the options given',
    mount: 'By a mount of this cache',
    cache: "By the cache's own options",
  };
  const { key, version, query, personal, policy, requestDirectives } = route;
  const says = [...(typeof key === 'string' ? [`as the route named ${key}`] : []), tenantText(route.tenant)];
  if (version !== undefined) says.push(`of version ${version}`);
  for (const name of ['when', 'key', 'identity'] as const) {
    if (typeof route[name] === 'function') says.push(`${name} by a function`);
  }
  if (query.only !== undefined) says.push(`of the query only ${listed(query.only)}`);
  if (query.ignore.length > 0) says.push(`the query without ${listed(query.ignore)}`);
  if (personal.length > 0) says.push(`${listed(personal)} for credentials`);
  if (!policy.implicitTtl) says.push("mode 'rfc9111'");
  if (requestDirectives === 'honor') says.push('clients are heard');
  return `${by[from]}${depth > 0 ? ', inside another one that looks elsewhere' : ''}: ${says.join(', ')}.`;
}

function tenantText({ header, resolve, required }: TenantRule): string {
  if (resolve !== undefined) return 'tenant by a function';
  if (header === undefined) return 'one tenant';
  return `tenant by the header ${header}${required ? ', which is required' : ''}`;
}

/** Why a request is not looked up by its own form. */
export function formText(reason: Reason, { request, route }: Visit, unsafe: boolean): string {
  const { method, target } = request;
  if (reason === 'target') return `${target} is not a path and a query.`;
  if (reason === 'upgrade') return 'The connection is to be upgraded.';
  if (reason === 'precondition') return 'If-Match and If-Unmodified-Since are for the handler.';
  const effect = unsafe ? ' If its handler succeeds, its URL is invalidated.' : '';
  const stored = method === 'POST' && route.storePost ? ' What it answers may be stored for GETs (storePost).' : '';
  return `Only GET and HEAD are looked up, not ${method}.${effect}${stored}`;
}

/** Whose request it is. `tenant`: escaped. */
export function whoseText({ tenant }: Route, name: string): string {
  if (name !== '') return `It is the tenant ${shownTenant(name)}.`;
  return tenant.header === undefined
    ? 'There is one tenant.'
    : `There is no header ${tenant.header}: such requests have a namespace of their own.`;
}

/** Which credentials a request has, and what that means. `keyed`: fields that the option `vary` makes a part of the key. */
export function credentialsText(credentials: Credentials | undefined, keyed: readonly string[]): string {
  const names = credentialNames(credentials);
  if (names.length === 0) return 'It has no credentials, or an option says what keeps people apart.';
  const open = names.filter((name) => !keyed.includes(name.toLowerCase()));
  return open.length === 0
    ? `It has ${listed(names)}, which the option vary makes a part of the key.`
    : `It has ${listed(names)}: it is given only what says that others may have it.`;
}

export function credentialNames(credentials: Credentials | undefined): string[] {
  if (credentials === undefined) return [];
  const { authorization, cookie, named = [] } = credentials;
  const usual = [...(authorization ? ['Authorization'] : []), ...(cookie ? ['Cookie'] : [])];
  return [...usual, ...named.filter((name) => !usual.some((each) => each.toLowerCase() === name))];
}

/** What the client has asked for in its `Cache-Control`. */
export function askedText({ noCache, noStore, maxAge, minFresh, maxStale, onlyIfCached }: Asked): string {
  const says = [...(noCache ? ['no-cache'] : []), ...(noStore ? ['no-store'] : [])];
  for (const [name, value] of Object.entries({ 'max-age': maxAge, 'min-fresh': minFresh, 'max-stale': maxStale })) {
    if (value !== undefined) says.push(Number.isFinite(value) ? `${name}=${value}` : name);
  }
  return [...says, ...(onlyIfCached ? ['only-if-cached'] : [])].join(', ') || 'nothing that this cache knows';
}

/** What was invalidated: `the tag users`, `everything`. */
function targetText({ by, name }: Cause): string {
  if (by === 'everything') return by;
  if (by === 'tag of all tenants') return `the tag ${name}, of all tenants,`;
  return `the ${by === 'url' ? 'URL' : by} ${name}`;
}

/** What a purge of a stored response was, and how long ago. `now`: ms since 1970. */
export function causeText(cause: Cause, now: number): string {
  if (cause.pending) return `${targetText(cause)} is invalidated in this process, and Redis is yet to be told`;
  const other = cause.certain ? '' : ', or one that shares its place,';
  return `${targetText(cause)}${other} was invalidated ${span((now * 1000 - cause.sequence) / 1_000_000)} ago`;
}

/** Why the handler's response will not be stored. */
export function unstorableText(reason: Reason, credentials: Credentials | undefined): string {
  if (reason === 'head') return 'A HEAD has no body to keep.';
  if (reason === 'unavailable') return 'The ledger has not been reached yet: there is no position to stamp.';
  return `What its handler answers is not stored (${listed(credentialNames(credentials))}), unless it says public or s-maxage.`;
}

/** An error as a sentence has it. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'something that has no text';
  }
}
