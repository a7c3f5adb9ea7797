import { NEGOTIATED_BY } from '../compress/rule.js';
import { plainBytes, type ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { parseHttpDate } from '../http/date.js';
import { sameStrongTag } from '../http/etag.js';
import { fieldText, type HeaderLine, OF_THE_BYTES } from '../http/headers.js';
import { parseNoVarySearch, type SearchRule, searchRuleText } from '../http/no-vary-search.js';
import { isStrongDate } from '../http/range.js';
import { variesBy, withVary } from '../http/vary.js';
import { saidBy } from '../lookup/freshness.js';
import { validatorsOf } from '../lookup/reply.js';
import type { Policy } from '../policy.js';
import type { Fields, HeaderBag } from '../types.js';
import { assess, type Context, tagsOf, termsOf } from './assess.js';
import { keyedOf } from './cacheability.js';
import { type KeptFields, keptFields, unkept } from './kept-fields.js';

/**
 * Whether a 304 speaks of a stored response (RFC 9111 §4.3.4): a strong tag selects only what has the same; a weak one,
 * or else a date, what matches it; one without validators, what the handler was asked about. Of what has no tag the date
 * says it alone, beside a strong tag only if it is as strong.
 */
export function speaksOf(fields: Fields, entry: ResponseEntry): boolean {
  const { etag, lastModified } = validatorsOf(entry);
  const said = fieldText(fields, 'etag');
  const modified = fieldText(fields, 'last-modified');
  if (said !== undefined && (etag !== undefined || modified === undefined || lastModified === undefined))
    return said.startsWith('W/') ? opaque(said) === opaque(etag) : sameStrongTag(said, etag) || said === etag;
  if (said !== undefined && !said.startsWith('W/') && !isStrong(lastModified!, entry)) return false;
  return modified === undefined || lastModified === undefined || modified === lastModified;
}

function isStrong(lastModified: string, { headers, storedAt }: ResponseEntry): boolean {
  const modified = parseHttpDate(lastModified);
  const date = headers.find(([name]) => name.toLowerCase() === 'date')?.[1];
  return (
    modified !== undefined &&
    isStrongDate(modified, date === undefined ? new Date(storedAt).toUTCString() : String(date))
  );
}

/**
 * Whether the 200 to a HEAD is that of a stored GET (RFC 9111 §4.3.5): every validator that it has is the same, and its
 * Content-Length is. `needsProof`: one of these has to be there.
 */
export function headSpeaksOf(fields: Fields, entry: ResponseEntry, needsProof: boolean): boolean {
  if (entry.status !== 200) return false;
  // Without a validator it may be that of another variant, even of one with as long a body.
  const known = fields.etag !== undefined || fields['last-modified'] !== undefined || !variesMore(fields, entry);
  if (!known) return false;
  const stored = validatorsOf(entry);
  const pairs = [
    [fieldText(fields, 'etag'), stored.etag],
    [fieldText(fields, 'last-modified'), stored.lastModified],
    [fieldText(fields, 'content-length'), String(plainBytes(entry))],
  ].filter(([said]) => said !== undefined);
  return pairs.every(([said, own]) => said === own) && !(needsProof && pairs.length === 0);
}

/** What an exchange adds to a response that it has confirmed. */
export interface Stamp {
  /** ms since 1970. */
  readonly now: number;
  readonly name: string | undefined;
  readonly tags: readonly string[];
  readonly cost: number;
  /** The fields that layers outside had set before the handler ran. */
  readonly outside: Fields;
}

/** A stored response with a newer head, and whether it may be stored like that. */
export interface Freshened {
  readonly entry: ResponseEntry;
  readonly reason: Reason | undefined;
  readonly varies: readonly string[];
  /** Which part of the query it depends on. */
  readonly rule: SearchRule | undefined;
}

/**
 * The stored response with the fields of a newer head, and the lifetime that they give it. It keeps its `asOf`: its body
 * was made before what the handler knows now.
 */
export function freshened(context: Context, stale: ResponseEntry, bag: HeaderBag, stamp: Stamp): Freshened {
  const { status } = stale;
  const newer = bag.getHeaders();
  const asGet = { ...context, ranged: false, method: 'GET' };
  const { policy, targetedFields } = context.route;
  const news = keptFields(bag, newer, stamp.outside, saidBy(newer, targetedFields), policy);
  const kept = updatedFields(stale, news, newer, targetedFields);
  const etagMade = stale.etagMade && newer.etag === undefined;
  // A tag that was made here is no validator.
  const made = etagMade ? { etag: undefined } : {};
  const merged: Fields = { ...fieldsOf(kept.headers), ...counting(newer, targetedFields), age: newer.age, ...made };
  const assessment = assess(asGet, status, merged);
  const varies = variesBy(merged, keyedOf(policy, stale.keyed, merged));
  const tags = new Set([...stale.tags, ...(tagsOf(asGet, merged) ?? []), ...stamp.tags]);
  const terms = termsOf(asGet, assessment, merged, stamp.now);
  const name = stamp.name ?? stale.name;
  const rule = parseNoVarySearch(fieldText(merged, 'no-vary-search'));
  const search = rule && searchRuleText(rule);
  return {
    rule,
    entry: { ...stale, ...kept, ...terms, etagMade, search, tags: [...tags], name, cost: stamp.cost },
    reason: assessment.reason,
    varies: varies === '*' ? [] : varies,
  };
}

/** What says for how long, for whom and for which queries a response is. */
const TERMS = ['cache-control', 'pragma', 'expires', 'no-vary-search', 'cache-groups'] as const;

/** Such fields of a newer head: what a layer outside says in them is not kept, and counts all the same, as it did when it was stored. */
function counting(newer: Fields, targets: readonly string[]): Fields {
  return Object.fromEntries(
    [...TERMS, ...targets].flatMap((name) => (newer[name] === undefined ? [] : [[name, newer[name]]])),
  );
}

/** Fields of the stored bytes: they stay as they are with them (RFC 9111 §3.2). */
const STAYING: ReadonlySet<string> = new Set(['content-length', 'content-range', ...OF_THE_BYTES]);

/** The stored fields, those that a newer head has in place of their own (RFC 9111 §3.2). */
function updatedFields(entry: ResponseEntry, newer: KeptFields, all: Fields, targets: readonly string[]): KeptFields {
  const negotiated = variesAsSaid(entry).includes('accept-encoding');
  const news = newer.headers
    .filter(([name]) => !STAYING.has(name.toLowerCase()))
    .map((line) => (negotiated ? withCoding(line) : line));
  const replaced = new Set(news.map(([name]) => name.toLowerCase()));
  // A head without a date is dated by its arrival, not by the one before it.
  if (all.date === undefined) replaced.add('date');
  const kept: HeaderLine[] = entry.headers.filter(([name]) => !replaced.has(name.toLowerCase()));
  // What they say together is not to be kept goes, whoever of them has it.
  const together = [...kept, ...news];
  const out = new Set(unkept(saidBy(fieldsOf(together), targets)));
  const isKept = (name: string) => !replaced.has(name.replace(/,$/, ''));
  return {
    headers: together.filter(([name]) => !out.has(name.toLowerCase())),
    appended: [...entry.appended.filter(isKept), ...newer.appended.filter((name) => !isKept(name))],
    removed: entry.removed,
  };
}

/**
 * The coding of the stored bytes stays with them, and so does what it was chosen by: layers that compress do not say that of a 304,
 * which has nothing to compress.
 */
function withCoding(line: HeaderLine): HeaderLine {
  const [name, value] = line;
  if (name.toLowerCase() !== 'vary') return line;
  return [name, withVary(fieldText({ vary: value }, 'vary'), NEGOTIATED_BY) ?? value];
}

/** Fields by their names in lower case. */
function fieldsOf(headers: readonly HeaderLine[]): Fields {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

function opaque(tag: string | undefined): string | undefined {
  return tag?.replace(/^W\//, '');
}

/** The request fields by which a stored response varies. */
export function variesOf({ headers, keyed }: ResponseEntry, policy: Policy): readonly string[] {
  const fields = fieldsOf(headers);
  const varies = variesBy(fields, keyedOf(policy, keyed, fields));
  return varies === '*' ? [] : varies;
}

/** Those of them that its clients are told. */
function variesAsSaid({ headers, keyed }: ResponseEntry): readonly string[] {
  const varies = variesBy(fieldsOf(headers), keyed);
  return varies === '*' ? [] : varies;
}

/** Whether a newer head varies by fields that a stored response does not. */
function variesMore(newer: Fields, stored: ResponseEntry): boolean {
  const varies = variesBy(newer);
  const known = variesAsSaid(stored);
  return varies === '*' || varies.some((name) => !known.includes(name));
}

/**
 * What is kept to be confirmed again where a newer head rules out what is stored: with the newer fields (RFC 9111 §4.3.4), if all
 * that speaks against it is that it is not fresh. Other heads are not to be kept, or not for all; nor is one that no store would take,
 * because its time is over: what is there would stay as it was.
 */
export function keepable({ entry, reason }: Freshened, stale: ResponseEntry): ResponseEntry {
  return reason === 'not-fresh' && entry.expiresAt > entry.storedAt ? entry : stale;
}

/** A response that is not to be served any more without asking. */
export function outdated(entry: ResponseEntry, now: number): ResponseEntry {
  const freshUntil = Math.min(entry.freshUntil, now);
  return { ...entry, freshUntil, mustRevalidate: true, staleWhileRevalidate: 0, staleIfError: 0 };
}
