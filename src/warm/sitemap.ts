import { gunzipSync } from 'node:zlib';
import { RespcacheError } from '../errors.js';
import { asSent } from '../request/key.js';
import { markOwnRun } from '../request/own-runs.js';
import type { WarmPlan } from './options.js';
import { send } from './visits.js';

/** As sitemaps.org bounds one: how many URLs or sitemaps it may have, and how many bytes. And how many URLs all of them together. */
const MOST_LOCATIONS = 50_000;
const MOST_BYTES = 52_428_800;
const MOST_URLS = 500_000;
/** How deep indexes may lead to others; by sitemaps.org they lead to none. */
const DEEPEST = 10;

/** The URLs of a sitemap, and of those that it is an index of. @throws {RespcacheError} if one cannot be read */
export async function sitemapUrls(plan: WarmPlan, sitemap: string): Promise<string[]> {
  const urls: string[] = [];
  const open = [{ next: sitemap, depth: 0 }];
  const seen = new Set<string>();
  for (let step = open.shift(); step !== undefined; step = open.shift()) {
    const { next, depth } = step;
    if (seen.has(next)) continue;
    if (depth > DEEPEST)
      throw new RespcacheError(`the sitemap ${next} is ${depth} indexes deep: they may go on for ever`);
    seen.add(next);
    const written = next.trimStart().startsWith('<');
    const xml = written ? next : await fetched(plan, next);
    const { isIndex, found } = locations(xml);
    if (found.length > MOST_LOCATIONS)
      throw new RespcacheError(`the sitemap ${written ? '' : next} has more than ${MOST_LOCATIONS} locations`);
    if (isIndex) open.push(...found.map((each) => ({ next: each, depth: depth + 1 })));
    else urls.push(...found);
    if (Math.max(urls.length, open.length) > MOST_URLS)
      throw new RespcacheError(`the sitemaps have more than ${MOST_URLS} URLs`);
  }
  return urls;
}

/**
 * What stands in the `loc` elements, and of which kind they are. Of XML nothing else is needed: they hold text, and no others.
 * Those with another prefix than the root has (`image:loc`) belong to a page, and are none.
 */
function locations(xml: string): { isIndex: boolean; found: string[] } {
  const plain = xml.replace(/<!--[\s\S]*?-->/g, '');
  const [, prefix, root = ''] = /<([\w.-]+:)?(urlset|sitemapindex)[\s>]/i.exec(plain) ?? [];
  const all = [...plain.matchAll(/<([\w.-]+:)?loc\s*>([\s\S]*?)<\/(?:[\w.-]+:)?loc\s*>/gi)];
  const texts = all.filter(([, own]) => own === prefix).map(([, , text]) => text!);
  const found = texts.map((text) => unescaped(text.replace(/^\s*<!\[CDATA\[([\s\S]*?)\]\]>\s*$/, '$1').trim()));
  return { isIndex: root.toLowerCase() === 'sitemapindex', found };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(amp|lt|gt|quot|apos));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()]!;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

async function fetched(plan: WarmPlan, url: string): Promise<string> {
  const { target, host, secure } = placeOf(url, plan);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  const headers = { host, ...plan.headers(undefined), 'accept-encoding': 'identity' };
  const whole = await send(plan, { target, tenant: undefined, secure, headers }, (req, res) => {
    // It is no client's, and counts for none.
    markOwnRun(req, { warming: { minFresh: 0, tell: () => {} } });
    const take = (chunk: unknown, encoding: unknown) => {
      if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
      bytes += chunk.length;
      const coded = typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
      if (bytes <= MOST_BYTES) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, coded) : Buffer.from(chunk));
    };
    const { write, end } = res;
    res.write = ((...args: Parameters<typeof write>) => {
      take(args[0], args[1]);
      return write.apply(res, args);
    }) as typeof write;
    res.end = ((...args: Parameters<typeof end>) => {
      take(args[0], args[1]);
      status = res.statusCode;
      return end.apply(res, args);
    }) as typeof end;
  });
  if (whole !== true || status !== 200 || bytes > MOST_BYTES)
    throw new RespcacheError(
      `the sitemap ${url} cannot be read: ${typeof whole === 'string' ? whole : `status ${status}, ${bytes} bytes`}`,
    );
  return unzipped(url, Buffer.concat(chunks)).toString();
}

/** A sitemap may be a file of gzip. @throws {RespcacheError} if that is damaged, or too large */
function unzipped(url: string, body: Buffer): Buffer {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body;
  try {
    return gunzipSync(body, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    throw new RespcacheError(`the sitemap ${url} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** A path of this application's, or what an absolute URL says of host and scheme; one that says neither is asked for as it is. */
export function placeOf(
  url: string,
  { host, secure }: Pick<WarmPlan, 'host' | 'secure'>,
): { target: string; host: string; secure: boolean } {
  if (!/^https?:/i.test(url)) return { target: asSent(url.startsWith('/') ? url : `/${url}`), host, secure };
  if (!URL.canParse(url)) return { target: url, host, secure };
  const { pathname, search, host: named, protocol } = new URL(url);
  return { target: pathname + search, host: named, secure: protocol === 'https:' };
}
