import { knownOnly, listOf, texts, wholeNumber } from '../check.js';
import type { Coding, ResponseEntry } from '../entry/entry.js';
import { ConfigError } from '../errors.js';
import { parseCacheControl } from '../http/cache-control.js';
import { fieldText, tokens } from '../http/headers.js';
import { OWN_FIELD } from '../http/own-field.js';
import type { Fields } from '../types.js';
import { CODECS } from './codings.js';

/** What can be told of the compressing of stored responses. */
export interface CompressOptions {
  /** Bytes that a body must have to be compressed. Default 1024. */
  minBytes?: number;
  /** The media types that are compressed, in place of the usual ones: `['application/json', 'text/*']`. */
  types?: readonly string[];
  /**
   * The content codings that forms are made in, of those that this Node's zlib can do. Default `['gzip', 'br', 'zstd']`.
   */
  encodings?: readonly ('gzip' | 'br' | 'zstd')[];
}

/** The same, checked and complete. */
export interface CompressRule {
  readonly minBytes: number;
  readonly isCompressible: (mediaType: string) => boolean;
  readonly codings: readonly Coding[];
}

const ALL: readonly Coding[] = ['gzip', 'br', 'zstd'];
const LEAST = 1024;

/**
 * Types that are worth compressing, as mime-db has them: texts, what is written as JSON, XML or text, scripts, and the few
 * pictures and fonts that are not packed already.
 */
const COMPRESSIBLE: RegExp =
  /^text\/(?!event-stream$)|\+(?:json|xml|text|yaml)$|^application\/(?:json|json5|x-ndjson|ndjson|jsonl|javascript|x-javascript|ecmascript|xml|xml-dtd|yaml|x-yaml|toml|graphql|sql|rtf|wasm|tar|x-tar|postscript|x-www-form-urlencoded|vnd\.ms-fontobject|vnd\.api\+json)$|^image\/(?:bmp|x-icon|vnd\.microsoft\.icon)$|^font\/(?:ttf|otf)$/;

const USUAL: CompressRule = Object.freeze({
  minBytes: LEAST,
  isCompressible: (type: string) => COMPRESSIBLE.test(type),
  codings: ALL,
});

/** `true`: the usual rule; `false`: none. @throws {ConfigError} */
export function checkCompress(value: unknown): CompressRule | undefined {
  if (value === false) return undefined;
  if (value === true) return USUAL;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError('option compress', value, 'true, false, or { minBytes, types, encodings }');
  knownOnly('compress.', value, ['minBytes', 'types', 'encodings']);
  const { minBytes, types, encodings } = value as { [name: string]: unknown };
  return {
    minBytes: minBytes === undefined ? LEAST : wholeNumber('option compress.minBytes', minBytes, 0),
    isCompressible: types === undefined ? USUAL.isCompressible : matcherOf(texts('option compress.types', types)),
    codings: encodings === undefined ? ALL : checkEncodings(encodings),
  };
}

/** A star stands for all subtypes of a type, and for nothing else: in other places it would match nothing. */
const MEDIA_TYPE: RegExp = /^[!#$%&'+.^_`|~\w-]+\/(?:\*|[!#$%&'+.^_`|~\w-]+)$/;

function matcherOf(types: readonly string[]): (mediaType: string) => boolean {
  const wanted = types.map((type) => type.toLowerCase());
  if (!wanted.every((type) => MEDIA_TYPE.test(type)))
    throw new ConfigError('option compress.types', types, "media types such as 'application/json' or 'text/*'");
  const whole = new Set(wanted);
  const starts = wanted.filter((type) => type.endsWith('/*')).map((type) => type.slice(0, -1));
  return (type) => whole.has(type) || starts.some((start) => type.startsWith(start));
}

function checkEncodings(value: unknown): readonly Coding[] {
  const codings = listOf(value) as Coding[] | undefined;
  if (!codings?.length || !codings.every((each) => ALL.includes(each)))
    throw new ConfigError('option compress.encodings', value, "a list of 'gzip', 'br' and 'zstd'");
  // One that this Node has not may be there in the next; but a list that comes to nothing is a mistake.
  if (!CODECS.some(({ coding }) => codings.includes(coding)))
    throw new ConfigError('option compress.encodings', value, "'gzip' or 'br' too: this Node has no zstd");
  return codings;
}

/** Statuses whose responses have no body, or a part of one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 206, 304]);

/**
 * Whether a response may be given to clients in compressed forms: it is of a type that is worth it, has no coding of its
 * handler's, and may be changed on its way (RFC 9110 §7.7). A handler that chooses by `Accept-Encoding` itself is left to it;
 * a layer outside that has said so (`outside`) finds answers that are encoded already.
 */
export function mayNegotiate(rule: CompressRule | undefined, status: number, fields: Fields, outside: Fields): boolean {
  if (rule === undefined || BODILESS.has(status)) return false;
  const coding = fieldText(fields, 'content-encoding');
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') return false;
  if (!rule.isCompressible(mediaTypeOf(fields)) || (variesByEncoding(fields) && !variesByEncoding(outside)))
    return false;
  return !FIXING.some((name) => isFixed(fieldText(fields, name)));
}

function variesByEncoding(fields: Fields): boolean {
  return tokens(fieldText(fields, 'vary')).includes('accept-encoding');
}

function mediaTypeOf(fields: Fields): string {
  return (fieldText(fields, 'content-type') ?? '').split(';')[0]!.trim().toLowerCase();
}

/** Response fields in which that may be said to this cache. */
export const FIXING: readonly string[] = ['cache-control', OWN_FIELD];

/** Whether a `Cache-Control` says that nothing of the content may be changed (RFC 9111 §5.2.1.6, §5.2.2.6). */
export function isFixed(cacheControl: string | undefined): boolean {
  return cacheControl !== undefined && parseCacheControl(cacheControl).has('no-transform');
}

/** Whether a request asks for the content as it is, on a route that obeys what clients ask. */
export function asksForFixed(requestDirectives: 'ignore' | 'honor', request: Fields): boolean {
  return requestDirectives === 'honor' && isFixed(fieldText(request, 'cache-control'));
}

/** The names that an entry's answers vary by for the sake of its forms. */
export function varyOfForms(entry: ResponseEntry): readonly string[] {
  return entry.negotiated ? NEGOTIATED_BY : NONE;
}

/** What a content coding is chosen by (RFC 9110 §12.5.3), as `Vary` names it. */
export const NEGOTIATED_BY: readonly string[] = ['Accept-Encoding'];
const NONE: readonly string[] = [];
