import {
  type Directives,
  deltaSeconds,
  fieldList,
  MAX_DELTA_SECONDS,
  responseDirectives,
} from '../http/cache-control.js';
import { parseHttpDate } from '../http/date.js';
import { fieldText } from '../http/headers.js';
import { targetedDirectives } from '../http/targeted.js';
import type { Fields } from '../types.js';

/** What a response's fields tell this cache to do. */
export interface Said {
  readonly directives: Directives;
  /** They stand in a field for caches like this one (RFC 9213): Cache-Control and Expires are for others then. */
  readonly targeted: boolean;
}

/** Reads what a response says: the first of the targeted fields that can be read, else `Cache-Control`. */
export function saidBy(fields: Fields, targets: readonly string[]): Said {
  const targeted = targets.some((name) => fields[name] !== undefined) ? targetedDirectives(fields, targets) : undefined;
  return { directives: targeted ?? responseDirectives(fields), targeted: targeted !== undefined };
}

/** How long a response stays fresh, who said so, and what it is good for afterwards. */
export interface Lifetime {
  /** Seconds from now on; 0 or less: it is stale as it leaves. */
  readonly seconds: number;
  /** Who said it: the handler to this cache, the fields, a guess from Last-Modified, the options, or nobody. */
  readonly source: 'told' | 'declared' | 'heuristic' | 'configured' | 'none';
  /** The age that the response came with, seconds. */
  readonly age: number;
  readonly mustRevalidate: boolean;
  /** Seconds after it is stale. */
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
}

/** What a lifetime depends on beside the fields. Times are ms since 1970, durations seconds. */
export interface Circumstances {
  readonly status: number;
  /** What the handler told this cache (`res.cache.ttl`). */
  readonly told: number | undefined;
  /** What the options say where the response does not; `undefined`: nothing. */
  readonly fallback: number | undefined;
  /** The fraction of the time since Last-Modified that a response without a lifetime is taken for fresh; 0: none. */
  readonly heuristic: number;
  /** The windows of the options, where the response names none. */
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly requestedAt: number;
  readonly now: number;
}

/** Statuses that may be given a lifetime by guess (RFC 9110 §15.1), partial ones left out. */
const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** A guess is no more than a day, seconds. */
const MOST_GUESSED = 86_400;

/**
 * A response's freshness lifetime, by precedence: what the handler told this cache, s-maxage, max-age, Expires
 * (RFC 9111 §4.2.1), a guess where that is wanted (§4.2.2), and last what the options say. What the fields say counts
 * from the response's birth, so that its age is taken off; what this cache was told, or configured, counts from now.
 */
export function lifetime(fields: Fields, said: Said, at: Circumstances): Lifetime {
  const { directives } = said;
  const age = initialAge(fields, at);
  const noCache = directives.has('no-cache') && fieldList(directives, 'no-cache') === undefined;
  const mustRevalidate = noCache || REVALIDATING.some((name) => directives.has(name));
  const window = (name: 'stale-while-revalidate' | 'stale-if-error', configured: number) =>
    mustRevalidate ? 0 : (deltaSeconds(directives, name) ?? configured);
  const [seconds, source] = secondsOf(fields, said, at, age, noCache);
  return {
    // For ever is as long as delta-seconds can say (RFC 9111 §1.2.2): of what is kept for ever nobody can say since when it is stale.
    seconds: Math.min(seconds, MAX_DELTA_SECONDS),
    source,
    age: Math.floor(age),
    mustRevalidate,
    staleWhileRevalidate: window('stale-while-revalidate', at.staleWhileRevalidate),
    staleIfError: window('stale-if-error', at.staleIfError),
  };
}

function secondsOf(
  fields: Fields,
  said: Said,
  at: Circumstances,
  age: number,
  noCache: boolean,
): readonly [seconds: number, source: Lifetime['source']] {
  if (at.told !== undefined) return [noCache ? 0 : at.told, 'told'];
  const declared = declaredSeconds(fields, said, at.now);
  if (declared !== undefined) return [noCache ? 0 : declared - age, 'declared'];
  if (noCache) return [0, 'none'];
  const guessed = at.heuristic > 0 ? guessedSeconds(fields, said.directives, at) : undefined;
  if (guessed !== undefined) return [guessed - age, 'heuristic'];
  return at.fallback === undefined ? [0, 'none'] : [at.fallback, 'configured'];
}

/** Directives that forbid whatever is stale (RFC 9111 §4.2.4); s-maxage brings proxy-revalidate with it (§5.2.2.10). */
const REVALIDATING = ['must-revalidate', 'proxy-revalidate', 's-maxage'] as const;

/** Whether a response of this status may be kept without an explicit lifetime (RFC 9111 §3). */
export function isHeuristicallyCacheable(status: number, directives: Directives): boolean {
  return HEURISTIC.has(status) || directives.get('public') === true;
}

function declaredSeconds(fields: Fields, { directives, targeted }: Said, now: number): number | undefined {
  const seconds = deltaSeconds(directives, 's-maxage') ?? deltaSeconds(directives, 'max-age');
  if (seconds !== undefined || targeted) return seconds;
  const expires = fieldText(fields, 'expires');
  if (expires === undefined) return undefined;
  const at = parseHttpDate(expires, now);
  const born = parseHttpDate(fieldText(fields, 'date'), now) ?? now;
  // A date that cannot be read, above all "0", is in the past (RFC 9111 §5.3).
  return at === undefined ? 0 : Math.floor((at - born) / 1000);
}

function guessedSeconds(fields: Fields, directives: Directives, at: Circumstances): number | undefined {
  const modified = parseHttpDate(fieldText(fields, 'last-modified'), at.now);
  if (modified === undefined || !isHeuristicallyCacheable(at.status, directives)) return undefined;
  const born = parseHttpDate(fieldText(fields, 'date'), at.now) ?? at.now;
  return Math.min(Math.max(0, ((born - modified) / 1000) * at.heuristic), MOST_GUESSED);
}

/** The corrected initial age, seconds (RFC 9111 §4.2.3): it counts from the beginning of the request. */
function initialAge(fields: Fields, { requestedAt, now }: Circumstances): number {
  return Math.max(apparentAge(fields, now), givenAge(fields) + Math.max(0, now - requestedAt) / 1000);
}

/** How old whoever receives a response takes it to be, seconds: by its `Age` and its `Date`. */
export function ageTold(fields: Fields, now: number): number {
  return Math.max(apparentAge(fields, now), givenAge(fields));
}

function apparentAge(fields: Fields, now: number): number {
  const date = parseHttpDate(fieldText(fields, 'date'), now);
  return date === undefined ? 0 : Math.max(0, Math.floor(now / 1000) - Math.floor(date / 1000));
}

/** The `Age` field: the first of several (RFC 9111 §5.1); what is not a number of seconds is not there. */
function givenAge(fields: Fields): number {
  const first = fieldText(fields, 'age')?.split(',')[0]?.trim() ?? '';
  return /^\d+$/.test(first) ? Math.min(Number(first), MAX_DELTA_SECONDS) : 0;
}
