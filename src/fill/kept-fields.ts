import type { ResponseEntry } from '../entry/entry.js';
import { fieldList } from '../http/cache-control.js';
import { asTexts, fieldFilter, type HeaderLine, linesOf } from '../http/headers.js';
import { OWN_FIELD } from '../http/own-field.js';
import type { Said } from '../lookup/freshness.js';
import type { Policy } from '../policy.js';
import type { Fields, HeaderBag } from '../types.js';

/** What of a response's head is kept with it. */
export type KeptFields = Pick<ResponseEntry, 'headers' | 'appended' | 'removed'>;

/**
 * What a response varies by, and which version it is, is part of what it is, whoever said so (of Nest's `@Header`, a layer outside):
 * else a 304 would forget the one, and the stored answer would be given another tag.
 */
const OF_THE_ANSWER: ReadonlySet<string> = new Set(['vary', 'etag', 'last-modified']);

/**
 * The field lines to keep: end-to-end (RFC 9111 §3.1), those that a qualified `private` or `no-cache` names left out
 * (§5.2.2.4, §5.2.2.7), nobody's own, and not what layers outside set on every response anyway. `fields`: those of the
 * bag.
 */
export function keptFields(bag: HeaderBag, fields: Fields, outside: Fields, said: Said, policy: Policy): KeptFields {
  const keep = fieldFilter(fields, { personal: policy.dropsPersonal, more: unkept(said) });
  const headers: HeaderLine[] = [];
  const appended: string[] = [];
  for (const rawName of bag.getRawHeaderNames?.() ?? Object.keys(fields)) {
    const name = rawName.toLowerCase();
    const given = fields[name];
    if (given === undefined || !keep(name)) continue;
    const value = asTexts(given);
    const before = OF_THE_ANSWER.has(name) ? undefined : outside[name];
    if (before !== undefined && String(value) === String(before)) continue;
    const added = before === undefined ? undefined : addedTo(before, value);
    if (added !== undefined) appended.push(typeof added === 'string' ? `${name},` : name);
    headers.push([rawName, added ?? value]);
  }
  // What is said to this cache alone is taken off each answer, whoever has said it.
  const removed = Object.keys(outside).filter((name) => fields[name] === undefined || name === OWN_FIELD);
  return { headers, appended, removed };
}

const NONE: readonly never[] = [];

/** The fields (lower case) that a response says are not to be kept with it. */
export function unkept({ directives }: Said): readonly string[] {
  if (directives.size === 0) return NONE;
  return [...(fieldList(directives, 'private') ?? []), ...(fieldList(directives, 'no-cache') ?? [])];
}

/** What was added behind a value that stood there before: to its line, or as lines; `undefined` if it was changed. */
function addedTo(
  before: NonNullable<Fields[string]>,
  now: NonNullable<Fields[string]>,
): string | readonly string[] | undefined {
  const [old, all] = [linesOf(before), linesOf(now)];
  const start = `${old[0]}, `;
  if (old.length === 1 && all.length === 1 && all[0]!.startsWith(start)) return all[0]!.slice(start.length);
  return old.length > 0 && old.every((line, i) => line === all[i]) ? all.slice(old.length) : undefined;
}
