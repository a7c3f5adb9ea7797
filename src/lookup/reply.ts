import type { ResponseEntry } from '../entry/entry.js';
import { type CacheStatus, formatCacheStatus } from '../http/cache-status.js';
import {
  asTexts,
  CONTENT_DIGESTS,
  fieldText,
  type HeaderLine,
  lineOf as lineAmong,
  linesOf,
  members,
} from '../http/headers.js';
import { type ByteRange, ifRangeHolds, resolveRange } from '../http/range.js';
import { withVary } from '../http/vary.js';
import type { RequestView } from '../request/request.js';
import type { Route } from '../route.js';
import type { Fields } from '../types.js';
import { type Conditions, isNotModified, isOfBody } from './conditional.js';
import { type Downstream, downstreamLines, isOverruled } from './downstream.js';
import type { Validators } from './held-conditions.js';
import { ageOf, freshFor } from './usable.js';

/** An answer from the cache, for an adapter to send. */
export interface Reply {
  readonly status: number;
  readonly message: string | undefined;
  readonly headers: readonly HeaderLine[];
  /** The same, names and values by turns, where they have been written so already. */
  readonly lines?: readonly string[] | undefined;
  /** Fields to be taken away: layers outside have set them, or the handler whose response this one stands in for. */
  readonly removed: readonly string[];
  /** `undefined`: none is sent (304, 204). For HEAD the adapter leaves it out. */
  readonly body: Buffer | undefined;
  /** The same bytes as a text in latin1, where they are few: Node sends it together with the head. */
  readonly text?: string | undefined;
  /** The head of it, where other replies have the same. */
  readonly shared?: SharedHead | undefined;
}

/** A head that several replies have. */
export interface SharedHead {
  /** How many of them have been sent. */
  sent: number;
  /** What an adapter has made of it, and keeps for the next ones. */
  written: unknown;
}

/** The part of a response that a client asks for (RFC 9110 §14.2). */
export interface PartAsked {
  readonly range: string;
  readonly ifRange: string | undefined;
}

export interface ReplyOptions {
  /** ms since 1970. */
  readonly now: number;
  readonly conditions: Conditions | undefined;
  readonly part: PartAsked | undefined;
  /** Request fields to be named in `Vary` beside those of the response. */
  readonly vary: readonly string[];
  /** The fields that layers outside have set on this response so far. */
  readonly outside: Fields;
  readonly downstream: Downstream;
  /** What is told of it in `Cache-Status`; how long it stays fresh is added. */
  readonly status: CacheStatus;
}

/** Makes the answer to a request from an entry: whole, a part, or 304, with its age and with what this cache adds. */
export function replyFrom(entry: ResponseEntry, options: ReplyOptions): Reply {
  const { now, conditions, vary, outside, downstream, status } = options;
  const date = lineOf(entry, 'date') ?? new Date(entry.storedAt).toUTCString();
  const notModified =
    conditions !== undefined &&
    isNotModified(conditions, entry.status, lineOf(entry, 'etag'), lineOf(entry, 'last-modified') ?? date);
  const part = notModified ? undefined : partOf(entry, options, date);
  if (part === 'unsatisfiable') return unsatisfiable(entry, options);
  const age = ageOf(entry, now);
  const headers: HeaderLine[] = [];
  let varies = fieldText(outside, 'vary');
  let upstream = '';
  for (const line of entry.headers) {
    const name = line[0].toLowerCase();
    if (name === 'vary') varies = withVary(varies, members(String(line[1])));
    else if (name === 'cache-status') upstream = `${line[1]}, `;
    else if (!(notModified && isOfBody(name)) && !isOverruled(name, downstream, entry.tags.length > 0))
      headers.push(entry.appended.length === 0 ? line : behind(outside, entry, line));
  }
  varies = withVary(varies, entry.keyed.length === 0 ? vary : [...vary, ...entry.keyed]);
  if (varies !== undefined) headers.push(['Vary', varies]);
  if (lineOf(entry, 'date') === undefined) headers.push(['Date', date]);
  headers.push(...downstreamLines(downstream, age, entry.tags));
  // An age says that the handler has not been asked (RFC 9111 §4, §5.1).
  if (status.forwardStatus !== 304 || age > 0) headers.push(['Age', String(age)]);
  const ttl = entry.freshUntil === Number.POSITIVE_INFINITY ? undefined : freshFor(entry, now) / 1000;
  headers.push(['Cache-Status', upstream + formatCacheStatus(status, ttl)]);
  const { removed } = entry;
  if (notModified) return { status: 304, message: undefined, headers, removed, body: undefined };
  if (part !== undefined) return partial(entry, part, headers, outside);
  const bodiless = entry.status === 204 || entry.status === 304;
  if (!bodiless) headers.push(['Content-Length', String(entry.body.length)]);
  const body = bodiless ? undefined : entry.body;
  return { status: entry.status, message: entry.message, headers, removed, body };
}

/**
 * The range of a stored 200 that is asked for (RFC 9110 §14.2); `undefined`: all of it. A layer outside that has said already
 * whether there are parts sees to them itself: it would take its part of ours.
 */
function partOf(
  entry: ResponseEntry,
  { part: asked, outside }: ReplyOptions,
  date: string,
): ByteRange | 'unsatisfiable' | undefined {
  if (asked === undefined || entry.status !== 200) return undefined;
  if (lineOf(entry, 'accept-ranges') === 'none' || outside['accept-ranges'] !== undefined) return undefined;
  const validators = { etag: lineOf(entry, 'etag'), lastModified: lineOf(entry, 'last-modified'), date };
  return ifRangeHolds(asked.ifRange, validators) ? resolveRange(asked.range, entry.body.length) : undefined;
}

/** What a part does not have as the whole has it. */
const OF_THE_WHOLE: ReadonlySet<string> = new Set(['cache-control', 'content-range', ...CONTENT_DIGESTS]);

/**
 * RFC 9110 §15.3.7. A layer outside that compresses must leave a part as it is: the range counts these bytes. That is said behind
 * what the whole says, be it by a layer outside.
 */
function partial(
  entry: ResponseEntry,
  { first, last }: ByteRange,
  lines: readonly HeaderLine[],
  outside: Fields,
): Reply {
  const headers = lines.filter(([name]) => !OF_THE_WHOLE.has(name.toLowerCase()));
  const own = lines.filter(([name]) => name.toLowerCase() === 'cache-control').flatMap(([, value]) => value);
  const isTheirs = own.length === 0 && !entry.removed.includes('cache-control');
  const control = isTheirs ? linesOf(outside['cache-control']) : own;
  const joined = control.join(', ');
  headers.push(['Cache-Control', /\bno-transform\b/i.test(joined) ? joined : [...control, 'no-transform'].join(', ')]);
  headers.push(['Content-Range', `bytes ${first}-${last}/${entry.body.length}`]);
  headers.push(['Content-Length', String(last - first + 1)]);
  const body = entry.body.subarray(first, last + 1);
  return { status: 206, message: undefined, headers, removed: entry.removed, body };
}

/** RFC 9110 §15.5.17. */
function unsatisfiable(entry: ResponseEntry, { now, outside, vary, status }: ReplyOptions): Reply {
  const headers: HeaderLine[] = [
    ['Content-Range', `bytes */${entry.body.length}`],
    ['Content-Length', '0'],
    ['Age', String(ageOf(entry, now))],
    ['Cache-Status', formatCacheStatus(status)],
  ];
  const varies = withVary(fieldText(outside, 'vary'), vary);
  if (varies !== undefined) headers.push(['Vary', varies]);
  return { status: 416, message: undefined, headers, removed: entry.removed, body: Buffer.alloc(0) };
}

/** RFC 9111 §5.2.1.7: nothing is stored that would do. §5.2.2.2: nothing stale will do, and there is nothing else. */
export function gatewayTimeout(status: CacheStatus, outside: Fields, vary: readonly string[]): Reply {
  const headers: HeaderLine[] = [
    ['Content-Length', '0'],
    ['Cache-Control', 'no-store'],
    ['Cache-Status', formatCacheStatus(status)],
  ];
  const varies = withVary(fieldText(outside, 'vary'), vary);
  if (varies !== undefined) headers.push(['Vary', varies]);
  return { status: 504, message: undefined, headers, removed: [], body: Buffer.alloc(0) };
}

/**
 * The reply in place of a response whose handler has set fields already: these go, and what layers outside had set is
 * as they had set it.
 */
export function inPlaceOf(reply: Reply, now: Fields, outside: Fields): Reply {
  const own = new Set(reply.headers.map(([name]) => name.toLowerCase()));
  const removed = [...reply.removed, ...Object.keys(now).filter((name) => outside[name] === undefined)];
  const restored: HeaderLine[] = [];
  for (const [name, value] of Object.entries(outside)) {
    if (value === undefined || own.has(name) || reply.removed.includes(name) || now[name] === value) continue;
    restored.push([name, asTexts(value)]);
  }
  return { ...reply, removed, headers: restored.length === 0 ? reply.headers : [...restored, ...reply.headers] };
}

/** Fields as names and values by turns, those of several lines one by one. */
export function flat(headers: readonly HeaderLine[]): string[] {
  const lines: string[] = [];
  for (const [name, value] of headers) {
    if (typeof value === 'string') lines.push(name, value);
    else for (const each of value) lines.push(name, each);
  }
  return lines;
}

/** When the reply that is made of an entry now changes by itself, ms since 1970: its age or what is left of its life. */
export function changesAt({ storedAt, freshUntil }: ResponseEntry, now: number): number {
  const older = storedAt > now ? storedAt : storedAt + (Math.floor((now - storedAt) / 1000) + 1) * 1000;
  if (freshUntil === Number.POSITIVE_INFINITY) return older;
  const left = Math.floor((freshUntil - now) / 1000);
  return Math.min(older, freshUntil - left * 1000 + 1, freshUntil);
}

/** What is told of a hit. */
export const HIT: CacheStatus = { hit: true };

/** What is told, with the key where the options ask for it. */
export function withKey(status: CacheStatus, { exposeKey }: Route, key: string | undefined): CacheStatus {
  return exposeKey && key !== undefined ? { ...status, key } : status;
}

function lineOf(entry: ResponseEntry, lowerName: string): string | undefined {
  return lineAmong(entry.headers, lowerName);
}

/** The part that a request asks for; of GETs alone (RFC 9110 §14.2). */
export function partAskedBy({ method, headers }: RequestView): PartAsked | undefined {
  const range = method === 'GET' ? fieldText(headers, 'range') : undefined;
  return range === undefined ? undefined : { range, ifRange: fieldText(headers, 'if-range') };
}

/** What the handler is given to compare, where a request has it asked if a stored response is still the same. */
export function validationOf({ method }: RequestView, entry: ResponseEntry): Validators | undefined {
  if (method !== 'GET') return undefined;
  const validators = validatorsOf(entry);
  return validators.etag === undefined && validators.lastModified === undefined ? undefined : validators;
}

/** The validators that its handler gave a stored response, for it to compare. */
export function validatorsOf(entry: ResponseEntry): Validators {
  return { etag: entry.etagMade ? undefined : lineOf(entry, 'etag'), lastModified: lineOf(entry, 'last-modified') };
}

/** A line behind those that layers outside have begun on this response, or at the end of theirs. */
function behind(outside: Fields, entry: ResponseEntry, [name, value]: HeaderLine): HeaderLine {
  const lower = name.toLowerCase();
  const begun = linesOf(outside[lower]);
  if (entry.appended.includes(lower)) return [name, [...begun, ...linesOf(value)]];
  return entry.appended.includes(`${lower},`) ? [name, [...begun, String(value)].join(', ')] : [name, value];
}
