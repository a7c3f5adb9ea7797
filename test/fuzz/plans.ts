// What a handler says: status, fields and body, by chance.

import type { Random } from './random.js';
import { bytesOf, type Openness, type Run } from './world.js';

export interface Plan {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string | string[]])[];
  readonly body: Buffer;
  /** What it tells the cache by `res.cache`. */
  readonly tags: readonly string[];
  readonly ttl: number | undefined;
  readonly refuses: boolean;
}

const STATUSES = [...Array(25).fill(200), 203, 204, 301, 302, 404, 410, 403, 500, 502, 503, 299, 206, 429];
const SIZES = [0, 1, 40, 40, 40, 999, 1001, 5000, 70_000, 300_000];
const VARY = [
  'X-Flavour',
  'x-user',
  'X-FLAVOUR, X-User',
  'Accept-Encoding',
  'Cookie',
  'Authorization',
  '*',
  ' , X-Flavour ,',
];
export const TAGS: readonly string[] = ['red', 'green', 'a*b', 'ü:~'];

const CACHE_CONTROL: readonly (readonly [string, Partial<Openness>])[] = [
  ['max-age=60', {}],
  ['max-age=60', {}],
  ['Max-Age=1', {}],
  ['max-age=0', {}],
  ['public, max-age=60', { isPublic: true }],
  ['PUBLIC', { isPublic: true }],
  ['s-maxage=60', { isPublic: true }],
  ['must-revalidate, max-age=60', { mustRevalidate: true }],
  ['private', { isPrivate: true }],
  ['public, PRIVATE, max-age=60', { isPrivate: true }],
  ['foo="a, b", no-store', { noStore: true }],
  ['No-Store, s-maxage=60', { noStore: true }],
  ['no-cache', { noCache: true }],
  ['max-age=60, no-cache', { noCache: true }],
  ['max-age=60, stale-while-revalidate=60', {}],
  ['max-age=1, stale-while-revalidate=60, stale-if-error=600', {}],
  ['max-age=1, stale-if-error=600', {}],
  ['private="x-secret", max-age=60', {}],
  ['max-age=60, max-age=10', {}],
  ['max-age=x', {}],
  [',,;"', {}],
];

/** Chooses what a run says, and writes down what that means for other people. */
export function planOf(random: Random, run: Run): Plan {
  const status = random.pick(STATUSES);
  const fields: [string, string | string[]][] = [['X-Token', run.id]];
  const [cacheControl, openness] = random.chance(0.5) ? random.pick(CACHE_CONTROL) : ['', {}];
  if (cacheControl !== '') fields.push(['Cache-Control', random.chance(0.2) ? cacheControl.split(', ') : cacheControl]);
  run.openness = { ...run.openness, ...openness };
  const vary = random.maybe(0.25, () => random.pick(VARY));
  if (vary !== undefined) fields.push(['Vary', vary]);
  run.vary = (vary ?? '').split(',').flatMap((name) => name.trim().toLowerCase() || []);
  const etag = random.maybe(0.4, () => random.pick(['"a"', 'W/"a"', `"${run.id}"`, `W/"${run.id}"`]));
  if (etag !== undefined) fields.push(['ETag', etag]);
  run.tagged = etag !== undefined;
  if (random.chance(0.2)) fields.push(['Last-Modified', new Date(random.below(2) * 1e9).toUTCString()]);
  if (random.chance(0.1)) fields.push(['Set-Cookie', [`sid=${run.id}`, 'x=1']]);
  run.setsCookie = fields.at(-1)![0] === 'Set-Cookie';
  if (random.chance(0.1)) fields.push(['X-Latin', 'J\u00fcrgen'], ['X-Secret', run.id]);
  if (random.chance(0.05)) fields.push(['Connection', 'close, X-Secret']);
  if (random.chance(0.05)) fields.push(['Expires', random.pick(['0', new Date(Date.now() + 60_000).toUTCString()])]);
  if (random.chance(0.05)) fields.push(['Age', random.pick(['10', '-1', '9999999999'])]);
  if (random.chance(0.05))
    fields.push(['Content-Location', random.pick(['/r0', '/r1?a=1', 'http://b.example/r2', ':'])]);
  run.located = fields.some(([name]) => name === 'Content-Location');
  if (status === 301 || status === 302) fields.push(['Location', '/r0']);
  const length = status === 204 ? 0 : random.chance(0.01) ? 1_500_000 : random.pick(SIZES);
  const body = bytesOf(run.id, length);
  run.body = body;
  run.status = status;
  const tags = random.chance(0.3) ? [random.pick(TAGS)] : [];
  run.tags.push(...tags);
  return {
    status,
    fields: random.shuffled(fields),
    body,
    tags,
    ttl: random.maybe(0.1, () => random.pick([1, 60])),
    refuses: random.chance(0.03),
  };
}

/** The body in pieces, empty ones among them. */
export function piecesOf({ body }: Plan, random: Random): Buffer[] {
  const cuts = Array.from({ length: random.below(4) }, () => random.below(body.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => body.subarray(from, cuts[i] ?? body.length));
}
