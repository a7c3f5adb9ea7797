import type { BareItem, InnerList, Item } from 'structured-headers';
import { dictionaryOf } from './structured.js';

/** Which parameters of a query make no difference to a response. Names are decoded. */
export interface SearchRule {
  /** The order of differently named parameters makes no difference. */
  readonly keyOrder: boolean;
  /** The parameters that make none. */
  readonly ignore: readonly string[] | 'all';
  /** Those that do make one where `ignore` is `'all'`. */
  readonly except: readonly string[];
}

type Member = Item | InnerList | undefined;

/**
 * Reads a `No-Vary-Search` field (draft-ietf-httpbis-no-vary-search-10 §5.1). `undefined`: every parameter and their
 * order make a difference, because there is no field, it says so, or it is invalid; unknown keys are passed over.
 *
 * Beside `params=("a")` and `except=("a")` it takes the spelling of the drafts before -06, which browsers shipped and
 * authors learnt: `params` for all of them, alone or with an `except`. The last draft calls that invalid.
 */
export function parseNoVarySearch(text: string | undefined): SearchRule | undefined {
  const dictionary = dictionaryOf(text);
  if (dictionary === undefined) return undefined;
  const order = dictionary.get('key-order');
  const keyOrder = order === undefined ? false : order[0];
  const chosen = choiceOf(dictionary.get('params'), dictionary.get('except'));
  if (typeof keyOrder !== 'boolean' || chosen === undefined) return undefined;
  const { ignore, except } = chosen;
  return keyOrder || ignore.length > 0 ? { keyOrder, ignore, except } : undefined;
}

function choiceOf(params: Member, except: Member): Pick<SearchRule, 'ignore' | 'except'> | undefined {
  if (except === undefined && params?.[0] !== true) {
    const ignore = params === undefined ? [] : namesOf(params);
    return ignore && { ignore, except: [] };
  }
  // The two exclude each other, but for `params` without a list.
  if (params !== undefined && params[0] !== true) return undefined;
  const names = except === undefined ? [] : namesOf(except);
  return names && { ignore: 'all', except: names };
}

function namesOf([items]: Item | InnerList): readonly string[] | undefined {
  if (!Array.isArray(items)) return undefined;
  const names = items.map(([item]) => item);
  return names.every(isString) ? [...new Set(names.map(decodedName))] : undefined;
}

function isString(item: BareItem): item is string {
  return typeof item === 'string';
}

/**
 * A query (without `?`) reduced to what makes a difference by a rule (§6): the parameters that count, each as it was
 * sent, sorted by name where their order does not matter; those of one name always keep theirs. Names are compared
 * decoded. Values are not decoded, so that `a=%20` and `a=+` stay apart, though they need not.
 */
export function applySearchRule(query: string, rule: SearchRule): string {
  const kept: { name: string; text: string }[] = [];
  for (const text of query.split('&')) {
    if (text === '') continue;
    const equals = text.indexOf('=');
    const name = decodedName(equals < 0 ? text : text.slice(0, equals));
    if (counts(name, rule)) kept.push({ name, text });
  }
  if (rule.keyOrder) kept.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return kept.map(({ text }) => text).join('&');
}

function counts(name: string, { ignore, except }: SearchRule): boolean {
  return ignore === 'all' ? except.includes(name) : !ignore.includes(name);
}

/** A rule as text, by which rules are compared: the order of names, and names given twice, make no difference. */
export function searchRuleText({ keyOrder, ignore, except }: SearchRule): string {
  const names = [...new Set(ignore === 'all' ? except : ignore)].sort();
  return JSON.stringify([keyOrder, ignore === 'all' ? 'except' : 'params', ...names]);
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * A name as the draft (§5.3) and the parser of `application/x-www-form-urlencoded` decode it: plus is a space, escapes
 * that are none stay, and bytes that are no UTF-8 become U+FFFD. Signs up to U+00FF stand for bytes, as Node has them
 * in a request's target.
 */
function decodedName(name: string): string {
  if (!/[%+\u0080-\uffff]/.test(name)) return name;
  const bytes = /[\u0100-\uffff]/.test(name) ? Buffer.from(name).toString('latin1') : name;
  const unescaped = bytes
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return UTF8.decode(Buffer.from(unescaped, 'latin1'));
}
