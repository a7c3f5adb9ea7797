import type { Cache } from '../cache.js';
import { ConfigError, RespcacheError } from '../errors.js';
import { fieldText } from '../http/headers.js';
import { tellingFields } from '../request/telling.js';
import type { WarmOptions } from '../warm/options.js';
import { json, NOT_FOUND, type OperationsReply, type OperationsRequest } from './messages.js';

type Body = Readonly<Record<string, unknown>>;

interface Change {
  /** What its body may have. What else it says would be overlooked, and more be cleared than was meant. */
  readonly takes: readonly string[];
  make(cache: Cache, body: Body, request: OperationsRequest): Promise<OperationsReply>;
}

const CHANGES: Readonly<Record<string, Change>> = {
  '/clear': { takes: [], make: async (cache) => json(200, await cache.clear()) },
  '/invalidate': { takes: ['tenant', 'keys', 'tags', 'patterns'], make: invalidate },
  '/warm': { takes: ['urls', 'sitemap', 'popular', 'tenants'], make: warm },
};

/** Answers a POST; `undefined`, at once, where the path is not ours. Whoever is not authorised finds nothing there. */
export function change(cache: Cache, request: OperationsRequest): Promise<OperationsReply> | undefined {
  return Object.hasOwn(CHANGES, request.path) ? changed(cache, request, CHANGES[request.path]!) : undefined;
}

async function changed(cache: Cache, request: OperationsRequest, wanted: Change): Promise<OperationsReply> {
  if (!(await request.authorized())) return NOT_FOUND;
  if (isFromElsewhere(request)) return json(403, { error: 'a request of another site' });
  // A form of another site cannot send this type: no cross-site request gets further, in whichever browser.
  if (!/^application\/json\b/i.test(fieldText(request.headers, 'content-type') ?? ''))
    return json(415, { error: 'send application/json' });
  const body = await request.body();
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return json(400, { error: 'send a JSON object of at most 64 KiB' });
  const unknown = Object.keys(body).filter((name) => !wanted.takes.includes(name));
  if (unknown.length > 0) return json(400, { error: `unknown: ${unknown.join(', ')}` });
  return wanted.make(cache, body as Body, request);
}

/** Whether a page of another site has made a browser send it, with the cookies of whoever sits before it. */
function isFromElsewhere({ headers }: OperationsRequest): boolean {
  const site = fieldText(headers, 'sec-fetch-site');
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const origin = fieldText(headers, 'origin');
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const { protocol, host: page } = new URL(origin);
  // As a browser would write it: of several proxies the first was asked, and some add the port or keep capitals.
  const host = fieldText(headers, 'host') ?? fieldText(headers, ':authority') ?? '';
  const [asked = ''] = (fieldText(headers, 'x-forwarded-host') ?? host).split(',');
  const own = `${protocol}//${asked.trim()}`;
  return !URL.canParse(own) || new URL(own).host !== page;
}

/** Body: `{ "tenant": "client-123", "keys": […], "tags": […], "patterns": […] }`; tags alone may lack the tenant, of which `null` is none. */
async function invalidate(cache: Cache, body: Body): Promise<OperationsReply> {
  const { tenant, keys = [], tags = [], patterns = [] } = body;
  const lists = [keys, tags, patterns];
  const complete = tenant !== undefined || [keys, patterns].every((list) => Array.isArray(list) && list.length === 0);
  if (!lists.every(isList) || !complete || !isOwner(tenant)) {
    return json(400, {
      error:
        'send { tenant, keys, tags, patterns }: lists of texts; only tags go without tenant; null is that of no client',
    });
  }
  const client = tenant as string | null;
  const receipts = await Promise.all([
    ...((tags as string[]).length > 0 ? [cache.invalidateByTags(tags as string[], client)] : []),
    ...(keys as string[]).map((key) => cache.invalidateKey(key, client)),
    ...(patterns as string[]).map((pattern) => cache.invalidatePattern(pattern, client)),
  ]);
  if (receipts.length === 0) return json(400, { error: 'nothing to invalidate' });
  const sequence = Math.max(...receipts.map((receipt) => receipt.sequence));
  return json(200, { sequence, durable: receipts.every((receipt) => receipt.durable) });
}

/** Body: `{ "urls": […], "sitemap": "/sitemap.xml", "popular": 50, "tenants": […] }`, at least one of the first three. */
async function warm(cache: Cache, body: Body, request: OperationsRequest): Promise<OperationsReply> {
  if (request.app === undefined) return json(501, { error: 'the application cannot be run from here' });
  try {
    return json(200, await cache.warm({ ...body, ...asClient(request), app: request.app }));
  } catch (error) {
    if (error instanceof ConfigError) return json(400, { error: error.message });
    if (error instanceof RespcacheError) return json(502, { error: error.message });
    throw error;
  }
}

/** Whoever asks for it has come the way that clients come: by the same host, and through the same proxies. */
function asClient({ headers, secure }: OperationsRequest): Pick<WarmOptions, 'headers' | 'host' | 'secure'> {
  const { host = 'localhost', ...telling } = tellingFields(headers);
  return { host, secure, headers: telling };
}

/** A client's name, `null` for what belongs to none, or nothing. */
function isOwner(tenant: unknown): boolean {
  return tenant === undefined || tenant === null || (typeof tenant === 'string' && tenant !== '');
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && each !== '');
}
