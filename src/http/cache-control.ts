import type { Fields } from '../types.js';
import { fieldText, isToken, tokens } from './headers.js';

/**
 * A parsed `Cache-Control` field (RFC 9111 §5.2): directive names in lower case, each with its argument, unquoted;
 * `true` where it has none; `null` where the argument is malformed, or another one stands elsewhere in the field: it
 * means nothing good. `private` and `no-cache` have `true` or the names of fields, never `null`.
 */
export type Directives = ReadonlyMap<string, string | true | null>;

/** The largest delta-seconds that is told apart (RFC 9111 §1.2.2). */
export const MAX_DELTA_SECONDS: number = 2 ** 31;

const NONE: Directives = new Map();
// One list member: a token, then an argument in quotes (with escapes) or bare, and what stands wrongly behind the token or the
// quotes, up to the next comma. White space on either side of the equals sign is caught, because it must not be there.
const MEMBER: RegExp = /\s*([^=,;\s"]+)(\s*)(?:=(\s*)(?:"((?:[^"\\]|\\.)*)"|([^,"][^,]*|)))?([^,]*)(?:,|$)/sy;

/**
 * Parses the text of a `Cache-Control` field. Case does not matter, quotes are understood, rubbish is passed over; the
 * name of a directive counts even where its argument is malformed, because it may be one that forbids something.
 */
export function parseCacheControl(text: string | undefined): Directives {
  if (text === undefined || text.trim() === '') return NONE;
  const found = new Map<string, string | true | null>();
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
    const name = match[1]!.toLowerCase();
    put(found, name, typedArgument(name, argumentOf(match)));
  }
  return found;
}

function argumentOf(match: RegExpExecArray): string | true | null {
  const [, , before, after, quoted, bare, behind] = match;
  // `public; max-age=0` says nothing that anybody may go by.
  if (behind!.trim() !== '') return null;
  if (after === undefined) return true;
  if (before !== '' || after !== '') return null;
  return quoted === undefined ? bare!.trimEnd() : quoted.replace(/\\(.)/gs, '$1');
}

/** Whether a directive is one that can be narrowed to some fields of the response. */
export function takesFieldNames(name: string): boolean {
  return name === 'private' || name === 'no-cache';
}

/**
 * An argument as it counts for its directive. `private` and `no-cache` that name fields ask for less than the plain
 * ones, so that whatever is no list of field names is taken for the plain one (RFC 9111 §5.2.2.4, §5.2.2.7).
 */
export function typedArgument(name: string, argument: string | true | null): string | true | null {
  if (!takesFieldNames(name)) return argument;
  return typeof argument === 'string' && namesOf(argument) !== undefined ? argument : true;
}

/** The field names of an argument, in lower case; `undefined` where there are none, or what is none among them. */
function namesOf(argument: string): readonly string[] | undefined {
  const names = tokens(argument);
  return names.length > 0 && names.every(isToken) ? names : undefined;
}

function put(found: Map<string, string | true | null>, name: string, value: string | true | null): void {
  const before = found.get(name);
  if (before === undefined || before === value) found.set(name, value);
  else if (!takesFieldNames(name)) found.set(name, null);
  // A plain one beside one that names fields is the stricter, and stands; two that name fields mean all of these.
  else found.set(name, typeof before === 'string' && typeof value === 'string' ? `${before}, ${value}` : true);
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

/**
 * The fields that a qualified `private="…"` or `no-cache="…"` is about, in lower case (RFC 9111 §5.2.2.4, §5.2.2.7);
 * `undefined` where the directive is absent, and where it is about the whole response.
 */
export function fieldList(directives: Directives, name: 'private' | 'no-cache'): readonly string[] | undefined {
  const value = directives.get(name);
  return typeof value === 'string' ? namesOf(value) : undefined;
}
