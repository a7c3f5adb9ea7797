import type { Fields } from '../types.js';
import { fieldText } from './headers.js';

/**
 * A parsed `Cache-Control` field (RFC 9111 §5.2): directive names in lower case, each with its argument, unquoted;
 * `true` where it has none; `null` where it was given twice with different arguments, which means nothing good.
 */
export type Directives = ReadonlyMap<string, string | true | null>;

/** The largest delta-seconds that is told apart (RFC 9111 §1.2.2). */
export const MAX_DELTA_SECONDS: number = 2 ** 31;

const NONE: Directives = new Map();
// One list member: a token, then an argument in quotes (with escapes) or bare, up to the next comma.
const MEMBER: RegExp = /\s*([^=,;\s"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*)))?[^,]*(?:,|$)/y;

/** Parses the text of a `Cache-Control` field. Case does not matter, quotes are understood, rubbish is passed over. */
export function parseCacheControl(text: string | undefined): Directives {
  if (text === undefined || text.trim() === '') return NONE;
  const found = new Map<string, string | true | null>();
  MEMBER.lastIndex = 0;
  let at = 0;
  while (at < text.length) {
    MEMBER.lastIndex = at;
    const match = MEMBER.exec(text);
    if (match === null) {
      const comma = text.indexOf(',', at);
      if (comma < 0) break;
      at = comma + 1;
      continue;
    }
    at = MEMBER.lastIndex;
    const value = match[2] !== undefined ? match[2].replace(/\\(.)/g, '$1') : match[3]?.trim();
    put(found, match[1]!.toLowerCase(), value ?? true);
  }
  return found;
}

function put(found: Map<string, string | true | null>, name: string, value: string | true): void {
  const before = found.get(name);
  if (before === undefined || before === value) found.set(name, value);
  // A qualified `private="x"` beside a plain `private`: the plain one is the stricter, and stands.
  else if (name === 'private' || name === 'no-cache') found.set(name, true);
  else found.set(name, null);
}

/** The directives of a response, its `Pragma: no-cache` counted where it has no `Cache-Control` at all. */
export function responseDirectives(fields: Fields): Directives {
  const text = fieldText(fields, 'cache-control');
  if (text !== undefined) return parseCacheControl(text);
  return /\bno-cache\b/i.test(fieldText(fields, 'pragma') ?? '') ? parseCacheControl('no-cache') : NONE;
}

/**
 * A directive's delta-seconds: `undefined` where the directive is absent, 0 where its argument is missing, malformed
 * or contradictory (RFC 9111 §4.2.1: treat as stale), at most 2^31.
 */
export function deltaSeconds(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  if (value === true || value === null || !/^\d+$/.test(value)) return 0;
  return Math.min(Number(value), MAX_DELTA_SECONDS);
}
