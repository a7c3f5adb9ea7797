import { unescape as unescapeWhatCan } from 'node:querystring';
import { remember } from '../remember.js';

/** Which query parameters are part of the key: all but some, or only some. Names may end in `*`. */
export interface QueryRule {
  readonly only: readonly string[] | undefined;
  readonly ignore: readonly string[];
  /** Whether parameters are put in order, so that `?a&b` and `?b&a` are one. */
  readonly sort: boolean;
}

/** All parameters, in order. */
export const SORTED: QueryRule = { only: undefined, ignore: [], sort: true };

/**
 * The query in the form that keys have: parameters sorted by name (where the rule does not leave them as they came),
 * those of one name (or one array, `a[]`, `a[0]`, `a.b`, `[a]`, `.a`) in the order they came, because that order can matter to a
 * handler. Values stay as they were sent. One of which handlers read only a part is left as it came.
 */
export function normalizeQuery(query: string, rule: QueryRule): string {
  if (query === '' || isCutOff(query)) return query;
  const all = rule.only === undefined && rule.ignore.length === 0;
  if (all && (!query.includes('&') || isInOrder(query, rule))) return query;
  const isPlain = !SPECIAL.test(query);
  const kept: Parameter[] = [];
  for (const text of query.split('&')) {
    if (text === '') continue;
    const name = isPlain ? nameIn(text) : decoded(nameIn(text));
    if (all || isKept(name, rule)) kept.push({ base: isPlain ? name : baseOf(name), text });
  }
  if (rule.sort) sortByBase(kept);
  let normal = '';
  for (const { text } of kept) normal += normal === '' ? text : `&${text}`;
  return normal;
}

/** So many parameters of a query parsers read (`querystring`, `qs`), empty ones among them. */
const MOST_READ = 1000;

/**
 * Whether a query has more parameters than handlers are given. Those behind are left out for the sake of those before, so that
 * none of these may be taken for nothing: whoever sends a thousand that say nothing would have the answer to the rest without
 * them stored under the rest.
 */
export function isCutOff(query: string): boolean {
  if (query.length < MOST_READ) return false;
  let count = 1;
  for (let at = query.indexOf('&'); at >= 0; at = query.indexOf('&', at + 1)) if (++count > MOST_READ) return true;
  return false;
}

interface Parameter {
  /** Its name, without what makes it one of an array. */
  readonly base: string;
  /** As it came. */
  readonly text: string;
}

/** Those of one name stay as they are. Calling a function for each pair would take longer than all the rest. */
function sortByBase(kept: Parameter[]): void {
  if (kept.length > FEW) {
    kept.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
    return;
  }
  for (let i = 1; i < kept.length; i++) {
    const each = kept[i]!;
    let at = i;
    for (; at > 0 && kept[at - 1]!.base > each.base; at--) kept[at] = kept[at - 1]!;
    kept[at] = each;
  }
}

/** Up to how many are sorted by insertion: beyond that its time grows by their square. */
const FEW = 16;

/** Whether a query has its normal form as it came, by what is seen at once; no name is then one of an array, or escaped. */
function isInOrder(query: string, { sort }: QueryRule): boolean {
  const isPlain = !SPECIAL.test(query);
  let before = '';
  for (let at = 0; at <= query.length; ) {
    const mark = query.indexOf('&', at);
    const end = mark < 0 ? query.length : mark;
    const sign = query.indexOf('=', at);
    const name = query.slice(at, sign < 0 || sign > end ? end : sign);
    if (end === at || (!isPlain && SPECIAL.test(name)) || (sort && name < before)) return false;
    before = name;
    at = end + 1;
  }
  return true;
}

/** Signs in a name that is escaped, or one of an array. */
const SPECIAL: RegExp = /[%+[.]/;

/** The name of a parameter, as it came. */
function nameIn(text: string): string {
  const end = text.indexOf('=');
  return end < 0 ? text : text.slice(0, end);
}

/** How many rules one cache knows, the newest: mounts that are made for each request must not pile up. */
const MOST_RULES = 100;

/**
 * The rules of all mounts of a cache. What a request changes is told by its URL, and the responses of that URL may be
 * kept under shorter queries, by the rule of a mount that the request itself does not pass.
 */
export class QueryRules {
  readonly #rules = new Map<string, QueryRule>();

  add({ only, ignore }: QueryRule): void {
    const key = JSON.stringify([only, ignore]);
    remember(this.#rules, key, { only, ignore, sort: true }, MOST_RULES);
  }

  /** The forms that a query takes by these rules, in order whatever they say of it; each once. */
  formsOf(query: string): readonly string[] {
    const forms = new Set([normalizeQuery(query, SORTED)]);
    for (const rule of query === '' ? [] : this.#rules.values()) forms.add(normalizeQuery(query, rule));
    return [...forms];
  }
}

/** What only some parsers take for a parameter of the rule's counts in doubt. */
function isKept(name: string, { only, ignore }: QueryRule): boolean {
  const base = only === undefined ? arrayOf(name) : baseOf(name);
  const named = (pattern: string) => matchesName(pattern, name) || matchesName(pattern, base);
  // One of an array is what all that is said of the array makes it.
  return only === undefined ? !ignore.some(named) : only.some((each) => named(each) || baseOf(each) === base);
}

function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** The name of the array that a name is one of: `qs`, by which Express 4 reads queries, takes `[a]` for `a`, and can be told to take `.a` so. */
function baseOf(name: string): string {
  return LED.exec(name)?.[1] ?? arrayOf(name);
}

const LED: RegExp = /^(?:\[(?=[^[\]]+\])\.?|\.)([^.[\]]*)/;

function arrayOf(name: string): string {
  const end = name.search(/[[.]/);
  return end > 0 ? name.slice(0, end) : name;
}

/** As `querystring` does it, which decodes what it can; `qs` does so with brackets at least. */
function decoded(name: string): string {
  return /[%+]/.test(name) ? unescapeWhatCan(name.replaceAll('+', ' ')) : name;
}
