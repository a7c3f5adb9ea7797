import { type BareItem, type Dictionary, Token } from 'structured-headers';
import type { Fields } from '../types.js';
import { type Directives, takesFieldNames, typedArgument } from './cache-control.js';
import { fieldText } from './headers.js';
import { dictionaryOf } from './structured.js';

/**
 * The directives of the first of some targeted fields that says anything (RFC 9213 §2.2): `targets` are the names of
 * the fields in lower case, the most specific first. `undefined` where there is none, and Cache-Control and Expires
 * count; a field that is empty or does not parse, for one upper-case letter even, is not there (§2.1).
 *
 * A number comes as its text, a String or Token as what it says, true as `true`; a false directive is absent; whatever
 * no directive has, a decimal or an inner list, is `null`: malformed. So is a String of digits, which is no Integer
 * (§2.1: "SHOULD NOT consume"), though it reads like one.
 */
export function targetedDirectives(fields: Fields, targets: readonly string[]): Directives | undefined {
  for (const name of targets) {
    const dictionary = exactDictionaryOf(fieldText(fields, name));
    if (dictionary !== undefined && dictionary.size > 0) return directivesOf(dictionary);
  }
  return undefined;
}

function directivesOf(dictionary: Dictionary): Directives {
  const directives = new Map<string, string | true | null>();
  for (const [name, [value]] of dictionary) {
    if (value === false) continue;
    // Field names are a String, or a Token as in Cache-Control, but no number.
    const wrong = Array.isArray(value) || (typeof value === 'number' && takesFieldNames(name));
    directives.set(name, typedArgument(name, wrong ? null : argumentOf(value)));
  }
  return directives;
}

function argumentOf(value: BareItem): string | true | null {
  if (value === true) return true;
  if (value instanceof Token) return value.toString();
  // No Decimal is among them by now.
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && !/^\d+$/.test(value) ? value : null;
}

/** Strings, which are passed over, and Decimals outside of them: elsewhere no equals sign has digits and a dot behind. */
const STRING_OR_DECIMAL: RegExp = /%"[^"]*"|"(?:[^"\\]|\\.)*"|=-?\d+\.\d+/g;

/**
 * A Dictionary whose Decimals are Byte Sequences: the parser gives 10.0 and 10 as the same number, and only the second
 * is a number of seconds. They are replaced in a text that is known to parse, so that what is no Decimal stays an error.
 */
function exactDictionaryOf(text: string | undefined): Dictionary | undefined {
  const dictionary = dictionaryOf(text);
  if (dictionary === undefined || !text!.includes('.')) return dictionary;
  return dictionaryOf(text!.replace(STRING_OR_DECIMAL, (found) => (found.startsWith('=') ? '=::' : found)));
}
