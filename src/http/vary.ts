import { hash } from 'node:crypto';
import type { Fields } from '../types.js';
import { fieldText, isToken, tokens } from './headers.js';
import { normalizedAccept, normalizedCharsets, normalizedEncodings, normalizedLanguages } from './preferences.js';

/** The request fields that a response varies by, in lower case, sorted, each once; `'*'` where any may matter. */
export type Varies = readonly string[] | '*';

const NONE: readonly string[] = Object.freeze([]);

/**
 * Reads a response's `Vary` field (RFC 9110 §12.5.5); more names can be added to it. A member that is no name, as where another
 * sign than a comma divides them, may be meant for any.
 */
export function variesBy(fields: Fields, more: readonly string[] = []): Varies {
  if (fields.vary === undefined && more.length === 0) return NONE;
  const names = new Set([...tokens(fieldText(fields, 'vary')), ...more]);
  return names.has('*') || ![...names].every(isToken) ? '*' : [...names].sort();
}

/** How far the values of request fields are brought to one form before they are compared. */
export interface VariantOptions {
  /**
   * Whether the order of languages that a client likes equally well says something: RFC 9110 §12.5.4 leaves it to the
   * server. Default: true; `false` is for handlers that go by the weights alone, and makes fewer variants.
   */
  readonly languageOrder?: boolean;
  /**
   * Whether `Accept` counts as it came, but for blanks around its members. RFC 9110 §12.5.1 and `negotiator` look through case and weights
   * of 1; many handlers look for `text/html` in the text. Default: false.
   */
  readonly acceptAsWritten?: boolean;
}

/**
 * The part of a key that tells one variant from another: for each field that the response varies by, its value in
 * this request, in its normal form; an absent field is not an empty one.
 */
export function variantKey(varies: readonly string[], request: Fields, options: VariantOptions = {}): string {
  const parts = varies.map((name) => {
    const value = fieldText(request, name);
    return value === undefined ? [name] : [name, normalizedField(name, value, options)];
  });
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 32);
}

/**
 * A request field's value in the form that it is compared in (RFC 9111 §4.1): what is written in another way, but means
 * the same by the field's own definition, has the same form. The fields of content negotiation are read as they are
 * defined; of others, and of those that do not parse, only the white space around list members goes.
 */
export function normalizedField(lowerName: string, value: string, options: VariantOptions): string {
  const { languageOrder = true, acceptAsWritten = false } = options;
  const normalize = acceptAsWritten && lowerName === 'accept' ? undefined : NEGOTIATED.get(lowerName);
  if (normalize === undefined) return withoutBlanks(value);
  if (value.length > LONGEST_REMEMBERED) return normalize(value, languageOrder) ?? withoutBlanks(value);
  const key = `${lowerName} ${languageOrder} ${value}`;
  let form = remembered.get(key);
  if (form === undefined) {
    form = normalize(value, languageOrder) ?? withoutBlanks(value);
    if (remembered.size === MOST_REMEMBERED) remembered.clear();
    remembered.set(key, form);
  }
  return form;
}

const NEGOTIATED: ReadonlyMap<string, (value: string, languageOrder: boolean) => string | undefined> = new Map([
  ['accept', normalizedAccept],
  ['accept-charset', normalizedCharsets],
  ['accept-encoding', normalizedEncodings],
  ['accept-language', normalizedLanguages],
]);

/** Forms found lately: a few values come again and again, and looking one up takes a fraction of reading it. */
const remembered = new Map<string, string>();
const MOST_REMEMBERED = 512;
/** Signs: what clients send is shorter, and what attackers send must not fill the memory. */
const LONGEST_REMEMBERED = 256;

/**
 * A list without the white space around its members: what it means within one is not known. Quoted text is left alone. Blanks are
 * spaces and tabs and nothing else: what Unicode takes for a blank may be half of a letter here, where a sign is a byte.
 */
function withoutBlanks(value: string): string {
  if (!/[ \t]/.test(value)) return value;
  if (value.includes('"')) return trimmed(value);
  return value.split(',').map(trimmed).join(',');
}

function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start]!)) start++;
  while (end > start && isBlank(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function isBlank(sign: string): boolean {
  return sign === ' ' || sign === '\t';
}

/** A `Vary` value with names added to it where they are missing; `*` says all already. */
export function withVary(current: string | undefined, names: readonly string[]): string | undefined {
  if (names.length === 0) return current;
  if (current === undefined && names.length === 1) return names[0];
  const present = tokens(current);
  if (present.includes('*')) return current;
  const lower = names.map((name) => name.toLowerCase());
  const missing = names.filter((_name, i) => !present.includes(lower[i]!) && lower.indexOf(lower[i]!) === i);
  if (missing.length === 0) return current;
  return current === undefined || current.trim() === '' ? missing.join(', ') : `${current}, ${missing.join(', ')}`;
}
