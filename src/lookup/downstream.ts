import { type Directives, fieldList, MAX_DELTA_SECONDS } from '../http/cache-control.js';
import type { HeaderLine } from '../http/headers.js';
import { OWN_FIELD } from '../http/own-field.js';

/** What caches further down, browsers and CDNs, are told of a response that this cache shares. */
export interface Downstream {
  /** Seconds that browsers may keep it; 0: they ask each time; `undefined`: what the handler says. */
  readonly browserTtl: number | undefined;
  /** The same for CDNs, by `CDN-Cache-Control` (RFC 9213). */
  readonly cdnTtl: number | undefined;
  /** The field in which a CDN finds the tags to purge by. */
  readonly surrogateTags: string | undefined;
  /** Whether it is for one client alone. */
  readonly isPrivate?: boolean;
}

/** What is told of a response that others may not have: a browser's cache is its client's own, a CDN's is not. */
export function forOne({ browserTtl }: Downstream): Downstream {
  return { browserTtl, cdnTtl: undefined, surrogateTags: undefined, isPrivate: true };
}

/**
 * The fields that say it, each in place of what the handler may have said. Lifetimes count from now: the age that the
 * response has here is added, because whoever receives it takes that off again. `said`: what the handler has said, where
 * fields are still there that it keeps from others (`private="…"`, `no-cache="…"`).
 */
export function downstreamLines(
  { browserTtl, cdnTtl, surrogateTags, isPrivate }: Downstream,
  age: number,
  tags: readonly string[],
  said?: Directives,
): readonly HeaderLine[] {
  const lines: HeaderLine[] = [];
  const more = said === undefined ? '' : narrowed(said);
  const whose = isPrivate ? 'private, ' : '';
  if (browserTtl !== undefined) lines.push(['Cache-Control', whose + freshFor(browserTtl, age) + more]);
  if (cdnTtl !== undefined) lines.push(['CDN-Cache-Control', freshFor(cdnTtl, age) + more]);
  if (surrogateTags !== undefined && tags.length > 0) {
    // Fastly separates keys by spaces; the others take a list.
    const separator = surrogateTags.toLowerCase() === 'surrogate-key' ? ' ' : ',';
    lines.push([surrogateTags, tags.map((tag) => encodeTag(tag)).join(separator)]);
  }
  return lines;
}

/** Whether the options leave it to the handler. */
export function saysNothing({ browserTtl, cdnTtl, surrogateTags }: Downstream): boolean {
  return browserTtl === undefined && cdnTtl === undefined && surrogateTags === undefined;
}

/** Fields that would speak against them. `tagged`: whether there are tags to say; else the handler's own stay. */
export function isOverruled(
  lowerName: string,
  { browserTtl, cdnTtl, surrogateTags }: Downstream,
  tagged: boolean,
): boolean {
  if (lowerName === OWN_FIELD) return true;
  if (browserTtl !== undefined && (lowerName === 'cache-control' || lowerName === 'expires' || lowerName === 'pragma'))
    return true;
  if (cdnTtl !== undefined && lowerName === 'cdn-cache-control') return true;
  return tagged && surrogateTags !== undefined && lowerName === surrogateTags.toLowerCase();
}

function freshFor(ttl: number, age: number): string {
  return ttl === 0 ? 'no-cache' : `max-age=${Math.floor(Math.min(ttl + age, MAX_DELTA_SECONDS))}`;
}

/** The directives that keep fields from others, as more members of a list. */
function narrowed(said: Directives): string {
  return NARROWING.map((name) => {
    const names = fieldList(said, name);
    return names === undefined ? '' : `, ${name}="${names.join(', ')}"`;
  }).join('');
}

const NARROWING = ['private', 'no-cache'] as const;

/** A tag as one word of a field: whatever could end it or the line is escaped. */
function encodeTag(tag: string): string {
  return tag.toWellFormed().replace(/[^\x21-\x2b\x2d-\x7e]/gu, (sign) => encodeURIComponent(sign));
}
