import { hash } from 'node:crypto';
import { ask, textAtOnce } from '../ask.js';
import { withDeadline } from '../deadline.js';
import type { Events } from '../events.js';
import { fieldText } from '../http/headers.js';
import type { MaybePromise } from '../types.js';
import type { RequestView } from './request.js';

/** How the tenant of a request is found. */
export interface TenantRule {
  /** The header that names it, in lower case; `undefined` where a function finds it, or where there is one tenant. */
  readonly header: string | undefined;
  /** Finds it; a tenant that is `undefined`, `null` or empty cannot be resolved. */
  readonly resolve: ((source: unknown) => MaybePromise<string | null | undefined>) | undefined;
  /** Whether requests without the header are passed by, instead of having a namespace of their own. */
  readonly required: boolean;
}

/** The tenant of requests that name none. No tenant has this name: names are never empty. */
export const NO_TENANT = '';

/**
 * The tenant's name as keys and tags hold it, or `undefined` if it cannot be resolved: then nothing is cached.
 *
 * @throws {TypeError} if the function gave something else than a text, or nothing
 */
export function resolveTenant(
  rule: TenantRule,
  request: Pick<RequestView, 'headers' | 'source'>,
): MaybePromise<string | undefined> {
  if (rule.resolve !== undefined) {
    const found = rule.resolve(request.source);
    return found instanceof Promise ? found.then(usable) : usable(found);
  }
  if (rule.header === undefined) return NO_TENANT;
  const value = fieldText(request.headers, rule.header);
  if (value === undefined) return rule.required ? undefined : NO_TENANT;
  return usable(value);
}

/**
 * The same within `patience` ms, for a request that is held until it is known; `undefined`, too, if the function fails, which
 * `events` is told of.
 */
export function tenantInTime(
  rule: TenantRule,
  request: Pick<RequestView, 'headers' | 'source'>,
  events: Events,
  patience: number,
): MaybePromise<string | undefined> {
  return ask<string | undefined>(events, 'tenant', undefined, () =>
    withDeadline(resolveTenant(rule, request), patience, 'the option tenant'),
  );
}

function usable(found: unknown): string | undefined {
  const name = textAtOnce('the option tenant', found);
  return name ? escapeTenant(name) : undefined;
}

/** The name that was escaped; `undefined` where only a hash is left of it. */
export function unescapeTenant(escaped: string): string | undefined {
  if (escaped.startsWith('%sha256.')) return undefined;
  return escaped.replace(/%([\dA-F]{4})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** The name as whoever gave it knows it, or the hash that is left of it. No two tenants are shown under one name. */
export function shownTenant(escaped: string): string {
  const name = unescapeTenant(escaped);
  return name === undefined || name.startsWith('%sha256.') ? escaped : name;
}

/** Longer names stand as their hash: keys are bounded. No escaped name looks like one. */
const LONGEST_NAME = 200;

function hashed(name: string): string {
  return `%sha256.${hash('sha256', Buffer.from(name, 'utf16le'), 'base64url')}`;
}

/** Makes a tenant's name safe as the middle part of keys and tags: no colon, `~` or glob sign is left in it. */
export function escapeTenant(name: string): string {
  if (/^[\w.@+-]*$/.test(name)) return name.length <= LONGEST_NAME ? name : hashed(name);
  // UTF-16 halves that do not belong together would all become the same replacement character.
  const escaped = name.replace(/[^\w.@+-]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
  return escaped.length <= LONGEST_NAME ? escaped : hashed(name);
}
