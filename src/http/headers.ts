import type { Fields } from '../types.js';

/** One field line: the name as the handler wrote it, and its value or values (several lines of the same name). */
export type HeaderLine = readonly [name: string, value: string | readonly string[]];

/**
 * Fields of one connection or one proxy, not of the response: never stored (RFC 9111 §3.1, RFC 9110 §7.6.1; `Trailer`
 * announces fields that are sent behind one body only).
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Fields that speak to one client about one request: never replayed to another. */
const PERSONAL: ReadonlySet<string> = new Set([
  'retry-after',
  'authentication-info',
  'request-id',
  'x-request-id',
  'x-correlation-id',
  'x-trace-id',
  'x-amzn-trace-id',
  'x-amzn-requestid',
  'traceparent',
  'tracestate',
  'server-timing',
  'x-response-time',
  'x-runtime',
  'cf-ray',
]);
const PERSONAL_PREFIX: RegExp = /^(?:x-)?ratelimit(?:-|$)|^x-rate-limit(?:-|$)/;

/** Digests of the very content of a message (RFC 9530 §2; RFC 2616 §14.15 before it): a part has another, and a head none. */
export const CONTENT_DIGESTS: ReadonlySet<string> = new Set(['content-digest', 'content-md5']);

/** Fields that say how the bytes of a representation are to be read and checked: what is said with no bytes says nothing of these. */
export const OF_THE_BYTES: ReadonlySet<string> = new Set([
  'content-encoding',
  'repr-digest',
  'digest',
  ...CONTENT_DIGESTS,
]);

/** Fields that are worked out anew for every reply. */
const RECOMPUTED: ReadonlySet<string> = new Set(['age', 'content-length']);

/** A sign that Node refuses in a reason (RFC 9112 §4), and in a field (RFC 9110 §5.5). */
export const NO_REASON: RegExp = /[^\t\x20-\x7e\x80-\xff]/;

/** Whether Node sends such lines: it throws what it refuses, signs that end a line above all. */
export function areSent(lines: readonly HeaderLine[]): boolean {
  return lines.every(([name, value]) => isToken(name) && !linesOf(value).some((each) => NO_REASON.test(each)));
}

/** What a token is made of (RFC 9110 §5.6.2). */
const TOKEN: RegExp = /^[!#$%&'*+.^_`|~\w-]+$/;

/** Whether a text is a token, as names of fields, directives and codings are. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** A field's value as one string, several lines joined by commas (RFC 9110 §5.3); `undefined` where it is absent. */
export function fieldText(fields: Fields, name: string): string | undefined {
  // A client may name a field that every object has: `constructor`, `__proto__`.
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** The value of the first line of a name (lower case). */
export function lineOf(lines: readonly HeaderLine[], lowerName: string): string | undefined {
  const line = lines.find(([name]) => name.length === lowerName.length && name.toLowerCase() === lowerName);
  return line === undefined ? undefined : String(line[1]);
}

/** A field's lines, as many as it has. */
export function linesOf(value: Fields[string]): readonly string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [String(value)];
}

/**
 * A field's value as texts, in a list of their own where they are several. Applications give Node whatever it takes, `true`,
 * `null` and dates among it, and it writes them as texts.
 */
export function asTexts(value: Exclude<Fields[string], undefined>): string | readonly string[] {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(String) : String(value);
}

/**
 * A field's value, its lines in a list of their own: `appendHeader` of Node's puts a line into the very list that a field was set
 * with, and so what a layer says of one answer would be in all that share the list.
 */
export function withOwnLines<T extends Fields[string]>(value: T): T {
  return Array.isArray(value) ? ([...value] as unknown as T) : value;
}

/** The members of a comma-separated list, trimmed, empty ones left out. */
export function members(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((part) => part.trim() || []);
}

/** The members of a comma-separated list of tokens, trimmed and in lower case, empty ones left out. */
export function tokens(text: string | undefined): string[] {
  if (text === undefined) return [];
  const found: string[] = [];
  for (const part of text.split(',')) {
    const token = part.trim().toLowerCase();
    if (token !== '') found.push(token);
  }
  return found;
}

/** What is left out of the stored fields beside those that no cache may store. */
export interface FieldRule {
  /** Leave out what speaks to one client about one request; a strict cache of the RFC replays that too. Default: true. */
  readonly personal?: boolean;
  /** More names in lower case: those of a qualified `private` or `no-cache` (RFC 9111 §5.2.2.4, §5.2.2.7). */
  readonly more?: readonly string[];
}

const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * Says of a response's field whether it is kept with the entry: not of the connection, nor named by `Connection`
 * (RFC 9111 §3.1: whatever it names, be it `ETag`), not personal, not worked out anew. `close` and `keep-alive`,
 * which `Connection` holds too, are options and no fields of a response, so that they need no exception.
 */
export function fieldFilter(
  fields: Fields,
  { personal = true, more = [] }: FieldRule = {},
): (lowerName: string) => boolean {
  const named = tokens(fieldText(fields, 'connection'));
  const dropped = named.length + more.length === 0 ? NO_NAMES : new Set([...named, ...more]);
  return (name) =>
    !(HOP_BY_HOP.has(name) || RECOMPUTED.has(name) || dropped.has(name)) && !(personal && isPersonalField(name));
}

function isPersonalField(name: string): boolean {
  return PERSONAL.has(name) || PERSONAL_PREFIX.test(name);
}
