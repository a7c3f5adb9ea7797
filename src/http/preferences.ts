import { isToken, members } from './headers.js';

/*
 * The fields by which a client says what it prefers (RFC 9110 §12.5), in normal forms: two values have the same form
 * only where they mean the same, to the RFC and to `negotiator`, by which Express and Koa read them. `undefined`: the
 * value does not parse, or is read by the two in two ways, and nothing is known of its meaning.
 */

/** What these fields are made of: visible ASCII, spaces and tabs. Quotes are not read: they may hold commas. */
const READABLE: RegExp = /^[\t \x21\x23-\x7e]*$/;
/** A quality value (RFC 9110 §12.4.2). */
const WEIGHT: RegExp = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
/** A member with its weight; white space stands around the semicolon alone. A weight in capitals is none to `negotiator`. */
const WEIGHTED: RegExp = /^([^\s;]+)(?:[ \t]*;[ \t]*q=([\d.]+))?$/;
/** The same of a language, where a blank before the weight makes it none. */
const WEIGHTED_LANGUAGE: RegExp = /^([^\s;]+)(?:[ \t]*;q=([\d.]+))?$/;
const LANGUAGE_RANGE: RegExp = /^(?:\*|[a-z]{1,8}(?:-[a-z\d]{1,8})*)$/i;

/** `Accept-Encoding` (§12.5.3): codings in lower case, sorted, because only their weights say anything. */
export function normalizedEncodings(value: string): string | undefined {
  const found = preferencesOf(value, isToken);
  return found && written([...found].sort(byName));
}

/** The same as weights from 0 to 1; `undefined` where it does not parse. */
export function encodingWeights(value: string): ReadonlyMap<string, number> | undefined {
  return preferencesOf(value, isToken);
}

/**
 * `Accept-Language` (§12.5.4): tags in lower case, the best liked first. Those liked equally well keep their order if
 * `ordered`, else they are sorted too.
 */
export function normalizedLanguages(value: string, ordered: boolean): string | undefined {
  const found = inOrder(value, (text) => LANGUAGE_RANGE.test(text), WEIGHTED_LANGUAGE);
  return found && written([...found].sort((a, b) => b[1] - a[1] || (ordered ? 0 : byName(a, b))));
}

/** `Accept-Charset` (§12.5.2): names in lower case, in their order. */
export function normalizedCharsets(value: string): string | undefined {
  const found = inOrder(value, isToken);
  return found && written([...found]);
}

/** `Accept` (§12.5.1): types and the names of parameters in lower case, all in their order; values as they are. */
export function normalizedAccept(value: string): string | undefined {
  if (!READABLE.test(value)) return undefined;
  const ranges = members(value).map(mediaRange);
  return ranges.includes(undefined) ? undefined : ranges.join(',');
}

function mediaRange(member: string): string | undefined {
  const [type, ...parameters] = member.split(';').map((part) => part.trim());
  const [main, sub, ...rest] = type!.toLowerCase().split('/');
  if (!isToken(main!) || sub === undefined || !isToken(sub) || rest.length > 0) return undefined;
  const parts = [`${main}/${sub}`];
  // `;;` is an empty parameter, and allowed (RFC 9110 §5.6.6): it makes a type the more particular to `negotiator`.
  for (const parameter of parameters) {
    const written = mediaParameter(parameter);
    if (written === undefined || (written.startsWith('q=') && parts.some((part) => part.startsWith('q='))))
      return undefined;
    parts.push(written);
  }
  // A weight of 1 is none, unless something stands behind it, that RFC 7231 §5.3.2 took for no parameter of the type.
  if (parts.at(-1) === 'q=1') parts.pop();
  return parts.join(';');
}

function mediaParameter(text: string): string | undefined {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).toLowerCase();
  const value = text.slice(equals + 1);
  if (!isToken(name) || !isToken(value)) return undefined;
  if (name !== 'q') return `${name}=${value}`;
  return WEIGHT.test(value) ? `q=${Number(value)}` : undefined;
}

/**
 * Names in lower case with their weights, in the order they came, each once; `undefined` where one is malformed, or
 * has two different weights: which of them holds depends on who reads it.
 */
function preferencesOf(
  value: string,
  isName: (text: string) => boolean,
  weighted = WEIGHTED,
): Map<string, number> | undefined {
  if (!READABLE.test(value)) return undefined;
  const found = new Map<string, number>();
  for (const member of members(value)) {
    const match = weighted.exec(member);
    if (match === null || !isName(match[1]!) || !WEIGHT.test(match[2] ?? '1')) return undefined;
    const name = match[1]!.toLowerCase();
    const weight = Number(match[2] ?? '1');
    if ((found.get(name) ?? weight) !== weight) return undefined;
    found.set(name, weight);
  }
  return found;
}

/** The same where the order says something: a name that comes twice has two places in it. */
function inOrder(...[value, isName, weighted]: Parameters<typeof preferencesOf>): Map<string, number> | undefined {
  const found = preferencesOf(value, isName, weighted);
  return found?.size === members(value).length ? found : undefined;
}

function written(preferences: readonly (readonly [name: string, weight: number])[]): string {
  return preferences.map(([name, weight]) => (weight === 1 ? name : `${name};q=${weight}`)).join(',');
}

function byName([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
