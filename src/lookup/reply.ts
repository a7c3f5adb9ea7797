import type { ResponseEntry } from '../entry/entry.js';
import { type Forward, formatCacheStatus } from '../http/cache-status.js';
import { fieldText, type HeaderLine, linesOf, members } from '../http/headers.js';
import { withVary } from '../http/vary.js';
import type { Fields } from '../types.js';
import { type Conditions, isNotModified, isOfBody } from './conditional.js';

/** An answer from the cache, for an adapter to send. */
export interface Reply {
  readonly status: number;
  readonly message: string | undefined;
  readonly headers: readonly HeaderLine[];
  /** Fields that layers outside have set, and that the handler had taken away. */
  readonly removed: readonly string[];
  /** `undefined`: none is sent (304, 204). For HEAD the adapter leaves it out. */
  readonly body: Buffer | undefined;
}

export interface ReplyOptions {
  /** ms since 1970. */
  readonly now: number;
  readonly conditions: Conditions | undefined;
  /** Request fields to be named in `Vary` beside those of the response. */
  readonly vary: readonly string[];
  /** The fields that layers outside have set on this response so far. */
  readonly outside: Fields;
  /** Why there was nothing to be found, if the entry was made by another request's handler run meanwhile. */
  readonly collapsed?: Forward | undefined;
  /** The key for `Cache-Status`, if it is to be told. */
  readonly key: string | undefined;
}

/** Makes the answer to a request from an entry: as stored, or 304, with its age and with what this cache adds. */
export function replyFrom(
  entry: ResponseEntry,
  { now, conditions, vary, outside, key, collapsed }: ReplyOptions,
): Reply {
  const notModified =
    conditions !== undefined &&
    isNotModified(conditions, entry.status, lineOf(entry, 'etag'), lineOf(entry, 'last-modified'));
  const headers: HeaderLine[] = [];
  let varies = fieldText(outside, 'vary');
  let upstream = '';
  for (const line of entry.headers) {
    const name = line[0].toLowerCase();
    if (name === 'vary') varies = withVary(varies, members(String(line[1])));
    else if (name === 'cache-status') upstream = `${line[1]}, `;
    else if (!(notModified && isOfBody(name)))
      headers.push(entry.appended.length === 0 ? line : behind(outside, entry, line));
  }
  varies = withVary(varies, entry.keyed.length === 0 ? vary : [...vary, ...entry.keyed]);
  if (varies !== undefined) headers.push(['Vary', varies]);
  if (lineOf(entry, 'date') === undefined) headers.push(['Date', new Date(entry.storedAt).toUTCString()]);
  headers.push(['Age', String(entry.initialAge + Math.max(0, Math.floor((now - entry.storedAt) / 1000)))]);
  const status = collapsed === undefined ? { hit: true } : { forward: collapsed, collapsed: true };
  const ttl = entry.expiresAt === Number.POSITIVE_INFINITY ? {} : { ttl: (entry.expiresAt - now) / 1000 };
  const member = formatCacheStatus({ ...status, ...ttl, ...(key === undefined ? {} : { key }) });
  headers.push(['Cache-Status', upstream + member]);
  if (notModified) return { status: 304, message: undefined, headers, removed: entry.removed, body: undefined };
  const bodiless = entry.status === 204 || entry.status === 304;
  if (!bodiless) headers.push(['Content-Length', String(entry.body.length)]);
  const body = bodiless ? undefined : entry.body;
  return { status: entry.status, message: entry.message, headers, removed: entry.removed, body };
}

function lineOf(entry: ResponseEntry, lowerName: string): string | undefined {
  const line = entry.headers.find(([name]) => name.length === lowerName.length && name.toLowerCase() === lowerName);
  return line === undefined ? undefined : String(line[1]);
}

/** A line behind those that layers outside have begun on this response, or at the end of theirs. */
function behind(outside: Fields, entry: ResponseEntry, [name, value]: HeaderLine): HeaderLine {
  const lower = name.toLowerCase();
  const begun = linesOf(outside[lower]);
  if (entry.appended.includes(lower)) return [name, [...begun, ...linesOf(value)]];
  return entry.appended.includes(`${lower},`) ? [name, [...begun, String(value)].join(', ')] : [name, value];
}
