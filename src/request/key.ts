import { hash } from 'node:crypto';
import type { Entry } from '../entry/entry.js';
import { fieldText } from '../http/headers.js';
import { applySearchRule, type SearchRule } from '../http/no-vary-search.js';
import { isGlob } from '../invalidation/pattern.js';
import type { Subject } from '../invalidation/tags.js';
import { isCutOff, normalizeQuery, type QueryRule, type QueryRules, SORTED } from './query.js';
import type { RequestView } from './request.js';

/*
 * The format of keys. <prefix> is the cache's own, <tenant> is escaped and has no colon or `~`.
 *
 *   <prefix>client:<tenant>:<key>                                         a programmatic value
 *   <prefix>client:<tenant>:~<origin>~<path>~<query>[~<scope>]…           a response, or the index of its variants
 *   …#<hash of the varying request fields>                                one variant
 *
 * In the parts of a response's key `%`, `~` and `#` are escaped, so that parts cannot run into each other. A
 * programmatic key that begins with `~` or `%` has that sign escaped, so that it cannot be a response's. What is
 * longer than KEY_LENGTH, or no well-formed text, stands as its SHA-256, behind `~sha256:`.
 */
const KEY_LENGTH = 512;

/** Where a response is kept, and what it can be invalidated by. */
export interface Address {
  readonly tenant: string;
  readonly key: string;
  /** The path, and the path with its query: what `keys` and `patterns` of an invalidation are matched with. */
  readonly names: readonly string[];
  /** What unsafe methods invalidate: written one way, however requests write it. */
  readonly uri: string;
  /** The same without its query. */
  readonly pathUri: string;
}

/** The key of a programmatic value. */
export function valueKey(prefix: string, tenant: string, key: string): string {
  const first = key.charCodeAt(0);
  const escaped = first === 0x7e || first === 0x25 ? `%${first.toString(16)}${key.slice(1)}` : key;
  return bounded(`${prefix}client:${tenant}:`, escaped);
}

/** The namespace of a tenant, or of all: the beginning of its keys. */
export function keySpace(prefix: string, tenant?: string): string {
  return tenant === undefined ? `${prefix}client:` : `${prefix}client:${tenant}:`;
}

/**
 * The address of the response to a request. `scope`: what options add to tell responses of one URL apart; `rule`: on
 * which part of the query the response says that it depends.
 */
export function responseAddress(
  prefix: string,
  tenant: string,
  request: RequestView,
  query: QueryRule,
  scope: readonly string[],
  rule?: SearchRule,
): Address {
  const [path, normalized] = placeOf(request.target, query, rule);
  const origin = originOf(request);
  let parts = `${escapePart(origin)}~${escapePart(path)}~${escapePart(normalized)}`;
  for (const part of scope) parts += `~${escapePart(part)}`;
  const named = query.sort && rule === undefined ? normalized : normalizeQuery(normalized, SORTED);
  return { tenant, key: bounded(`${prefix}client:${tenant}:`, `~${parts}`), ...knownAs(origin, path, named) };
}

/** The path of a target, and what of its query is in the key. `rule`: on which part of it the response says that it depends. */
export function placeOf(target: string, query: QueryRule, rule?: SearchRule): [path: string, query: string] {
  const [path, search] = split(target);
  const all = normalizeQuery(search, query);
  return [path, rule === undefined || all === '' || isCutOff(all) ? all : applySearchRule(all, rule)];
}

/**
 * The URIs under which a target of the same origin as a request may be kept, and the one without its query, as purge tags
 * and entries hold them.
 */
export function targetUris(
  request: Located,
  target: string,
  queries: QueryRules,
): { readonly uris: readonly string[]; readonly pathUri: string } {
  const [path, search] = split(target);
  const origin = originOf(request);
  const found = queries.formsOf(search).map((query) => knownAs(origin, path, query));
  return { uris: found.map(({ uri }) => uri), pathUri: found[0]!.pathUri };
}

/** A key's name as entries hold it: a path written as theirs are, and a query sorted, too. */
export function normalizeKeyName(name: string): string {
  const [start, search] = split(name);
  const query = normalizeQuery(search, SORTED);
  const written = start.startsWith('/') ? plain(start) : start;
  return query === '' ? written : `${written}?${plain(query)}`;
}

/**
 * The names under which the responses that a key means may be kept, its own first: mounts leave parameters out of their keys.
 * Where one leaves out all of them, it is the path with an empty query, which only responses without a query go by.
 */
export function keyNames(key: string, queries: QueryRules): readonly string[] {
  const name = normalizeKeyName(key);
  const [path, search] = split(name);
  const shortened = queries.formsOf(split(key)[1]).map((query) => `${path}?${plain(query)}`);
  return search === '' ? [name] : [...new Set([name, ...shortened])];
}

/** What a value is known as: as keys are invalidated and, for patterns, as those write paths, and as it was given. */
export function valueNames(key: string): readonly string[] {
  const name = normalizeKeyName(key);
  return name === key ? [name] : [...new Set([name, key.startsWith('/') ? plain(key) : key, key])];
}

/** A pattern over names: one of paths written as those are. What is escaped in it is no sign of a glob. */
export function normalizePattern(pattern: string): string {
  if (!pattern.startsWith('/')) return pattern;
  const written = plain(pattern, (sign) => (isGlob(sign) ? `\\${sign}` : sign));
  // A place in the hierarchy goes on reaching what lies below it.
  return isGlob(pattern) || !isGlob(written) ? written : `${written}*`;
}

/** The key of one variant of a response. */
export function variantAddress(key: string, variant: string): string {
  return `${key}#${variant}`;
}

/** What reaches a response beside its address; nothing of it is known as its making begins, but for the name. */
export interface Reached {
  readonly tags: readonly string[];
  /** What the route's `key` option called it. */
  readonly name: string | undefined;
  /** It answers other queries than its own, too, so that what changes any URL of its path reaches it. */
  readonly search?: string | undefined;
}

/** What the ledger judges a response by. */
export function responseSubject({ tenant, names, uri, pathUri }: Address, { tags, name, search }: Reached): Subject {
  const all = name === undefined ? names : withName(normalizeKeyName(name), names);
  return { tenant, names: all, uri, tags, ...(search === undefined ? {} : { pathUri }) };
}

/** The (escaped) tenant that a storage key belongs to, and whether its names can be read from it: a hash hides them. */
export function ownerOfKey(prefix: string, key: string): { readonly tenant: string; readonly hashed: boolean } {
  const rest = key.slice(prefix.length + 'client:'.length);
  const colon = rest.indexOf(':');
  return { tenant: rest.slice(0, colon), hashed: rest.startsWith('~sha256:', colon + 1) };
}

/** The subject of an entry, as far as its storage key tells it: of one whose key is a hash, not the names. */
export function subjectOfKey(prefix: string, key: string, entry: Entry): Subject {
  const { tenant, hashed } = ownerOfKey(prefix, key);
  const own = key.slice(keySpace(prefix, tenant).length);
  const name = entry.kind === 'response' ? entry.name : undefined;
  if (hashed) return { tenant, names: name === undefined ? [] : [normalizeKeyName(name)], tags: entry.tags };
  if (!own.startsWith('~')) {
    const original = own.replace(/^%(7e|25)/, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
    return { tenant, names: valueNames(original), tags: entry.tags };
  }
  const [, origin = '', path = '', query = ''] = own.replace(/#.*$/s, '').split('~').map(unescapePart);
  const address = { tenant, key, ...knownAs(origin, path, normalizeQuery(query, SORTED)) };
  return responseSubject(address, entry.kind === 'response' ? entry : { tags: entry.tags, name });
}

/** A route's name and, where there is a query, the name with that, before the names by path. */
function withName(name: string, names: readonly string[]): readonly string[] {
  const [path, queried] = names;
  return queried === undefined ? [name, ...names] : [name, ...names, name + queried.slice(path!.length)];
}

function split(target: string): [path: string, search: string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/**
 * What an invalidation may call the response to a URI with a sorted query, in one form for all that RFC 9110 §4.2.3 takes
 * for the same, whichever version of HTTP it came by: its host in small letters and without the scheme's own port, and with no
 * octet escaped that need not be; and for all that routers and parsers take for one. Two resources that a handler tells apart by
 * such a difference are invalidated together, but have keys of their own.
 */
function knownAs(origin: string, path: string, query: string): Pick<Address, 'names' | 'uri' | 'pathUri'> {
  const name = plain(path);
  const pathUri = knownOrigin(origin) + routed(name);
  if (query === '') return { names: [name], uri: pathUri, pathUri };
  const search = `?${plain(query)}`;
  return { names: [name, name + search], uri: pathUri + search, pathUri };
}

/** As the routers of Express and Koa take a path, where they are not told otherwise: in any case, and with a slash at its end or without. */
function routed(path: string): string {
  return (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase();
}

/**
 * With no octet escaped that need not be, be it one that clients may escape or not (`@`, `|`), and with those escaped that no
 * request has: handlers know paths without escapes. `written`: how a sign stands that was escaped.
 */
function plain(text: string, written = (sign: string) => sign): string {
  if (!/[^\x21-\x24\x26-\x7e]/.test(text)) return text;
  const shorter = text.replace(/%[\da-f]{2}/gi, (code) => {
    const sign = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return TELLING.test(sign) ? code.toUpperCase() : written(sign);
  });
  return asSent(shorter);
}

/** A path as requests have it: with those signs escaped that none can have. */
export function asSent(path: string): string {
  return path.replace(/[^\x21-\x7e]+/g, (signs) => encodeURIComponent(signs.toWellFormed()));
}

/** Octets that mean something else to routers than the same escaped, or are none of a request: they stay escaped. */
const TELLING: RegExp = /[^\x21-\x7e]|[#%/?]/;

const AUTHORITY = '|:authority=';

/** The origin as requests of HTTP/1 have it: without a scheme, and what HTTP/2 calls it in the place of Host (RFC 9113 §8.3.1). */
function overHttp1(origin: string): string {
  const bar = origin.indexOf('|');
  if (bar < 0) return origin;
  const unsaid = origin.replace(/\|:scheme=[^|]*/, '');
  if (!unsaid.startsWith(AUTHORITY, bar)) return unsaid;
  return unsaid.slice(0, unsaid.indexOf('//') + 2) + unsaid.slice(bar + AUTHORITY.length);
}

/** Most requests are of the same origin as the last one. */
let last = { origin: '', known: '' };

/** The same in one form for all that name one host: in small letters, and without the scheme's own port. */
function knownOrigin(origin: string): string {
  if (last.origin !== origin) last = { origin, known: knownForm(origin) };
  return last.known;
}

function knownForm(origin: string): string {
  const written = overHttp1(origin);
  const bar = written.indexOf('|');
  const end = bar < 0 ? written.length : bar;
  // What `escapeBar` has written stays.
  const named = written.slice(0, end).replace(/%7C|[A-Z]+/g, (text) => (text === '%7C' ? text : text.toLowerCase()));
  const port = written.startsWith('https') ? ':443' : ':80';
  return (named.endsWith(port) ? named.slice(0, -port.length) : named) + written.slice(end);
}

/**
 * Fields by which proxies tell the application of another origin than the connection's: handlers use them. Requests of HTTP/2
 * say in the first what those of HTTP/1 say in Host (RFC 9113 §8.3.1).
 */
const FORWARDED: readonly string[] = [
  ':authority',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-original-url',
  'x-rewrite-url',
];

/** What requests of HTTP/2 say of the scheme (RFC 9113 §8.3.1): it need not be that of the connection. */
const SCHEME = ':scheme';

/** All fields that the origin is read from. */
export const ORIGIN_FIELDS: readonly string[] = ['host', ...FORWARDED, SCHEME, 'forwarded'];

/** What the origin of a request is read from. */
export type Located = Pick<RequestView, 'headers' | 'secure'>;

/** What the handler may take for its own origin: the scheme, the Host, and what proxies say instead of them. */
function originOf({ headers, secure }: Located): string {
  const connection = secure ? 'https' : 'http';
  let origin = `${connection}://${escapeBar(fieldText(headers, 'host') ?? '')}`;
  for (const name of FORWARDED) {
    if (headers[name] === undefined) continue;
    origin += `|${name}=${escapeBar(fieldText(headers, name)!)}`;
  }
  const scheme = fieldText(headers, SCHEME) ?? connection;
  if (scheme !== connection) origin += `|${SCHEME}=${escapeBar(scheme)}`;
  if (headers.forwarded === undefined) return origin;
  const named = (fieldText(headers, 'forwarded') ?? '').match(/(?:host|proto)\s*=\s*(?:"[^"]*"|[^;,\s]*)/gi);
  return named === null ? origin : `${origin}|forwarded=${escapeBar(named.join(';'))}`;
}

/** A field's value can hold anything, the sign between the fields too. */
function escapeBar(value: string): string {
  return !/[%|]/.test(value) ? value : value.replace(/[%|]/g, (c) => (c === '%' ? '%25' : '%7C'));
}

function escapePart(part: string): string {
  return !/[%~#]/.test(part) ? part : part.replace(/[%~#]/g, (c) => (c === '%' ? '%25' : c === '~' ? '%7E' : '%23'));
}

function unescapePart(part: string): string {
  return part.replace(/%(25|7E|23)/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function bounded(start: string, rest: string): string {
  if (rest.length <= KEY_LENGTH && rest.isWellFormed()) return start + rest;
  return `${start}~sha256:${hash('sha256', Buffer.from(rest, 'utf16le'), 'base64url')}`;
}
