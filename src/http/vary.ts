import { hash } from 'node:crypto';
import type { Fields } from '../types.js';
import { fieldText, tokens } from './headers.js';

/** The request fields that a response varies by, in lower case, sorted, each once; `'*'` where any may matter. */
export type Varies = readonly string[] | '*';

/** Reads a response's `Vary` field (RFC 9110 §12.5.5); more names can be added to it. */
export function variesBy(fields: Fields, more: readonly string[] = []): Varies {
  const names = new Set([...tokens(fieldText(fields, 'vary')), ...more]);
  return names.has('*') ? '*' : [...names].sort();
}

/**
 * The part of a key that tells one variant from another: for each field that the response varies by, its value in
 * this request. White space between list members does not matter (RFC 9111 §4.1); an absent field is not an empty one.
 */
export function variantKey(varies: readonly string[], request: Fields): string {
  const parts = varies.map((name) => {
    const value = fieldText(request, name);
    return value === undefined ? [name] : [name, normalized(value)];
  });
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 32);
}

/** A list without the white space around its members. Quoted text is left alone: blanks mean something in it. */
function normalized(value: string): string {
  if (value.includes('"') || !/\s/.test(value)) return value.trim();
  const members = value.split(',').map((member) => member.split(/\s/).filter(Boolean).join(' '));
  return members.join(',');
}

/** A `Vary` value with names added to it where they are missing; `*` says all already. */
export function withVary(current: string | undefined, names: readonly string[]): string | undefined {
  const present = tokens(current);
  if (present.includes('*')) return current;
  const lower = names.map((name) => name.toLowerCase());
  const missing = names.filter((_name, i) => !present.includes(lower[i]!) && lower.indexOf(lower[i]!) === i);
  if (missing.length === 0) return current;
  return current === undefined || current.trim() === '' ? missing.join(', ') : `${current}, ${missing.join(', ')}`;
}
