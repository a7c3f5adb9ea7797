import { randomBytes } from 'node:crypto';
import type { Cache } from '../cache.js';
import { fieldText } from '../http/headers.js';
import { tellingFields } from '../request/telling.js';
import { showsNames } from '../stats/prometheus.js';
import type { Scope } from '../stats/statistics.js';
import { change } from './changes.js';
import { dashboardPage, dashboardPolicy } from './dashboard/dashboard.js';
import { eventsOf } from './event-stream.js';
import { json, NOT_FOUND, type OperationsReply, type OperationsRequest, UNKEPT } from './messages.js';
import type { Metrics } from './metrics.js';

/** What the router is made with. */
export interface Operations {
  readonly cache: Cache;
  readonly metrics: Metrics;
}

type Page = (operations: Operations, request: OperationsRequest) => Promise<OperationsReply>;

const PAGES: Readonly<Record<string, Page>> = {
  '/': async ({ cache }, request) =>
    json(200, await cache.statistics.report(scopeOf(request.query), await request.authorized())),
  '/health': ({ cache }) => health(cache),
  '/metrics': ({ metrics }, request) => exposition(metrics, request),
  '/events': async ({ cache }, request) => eventsOf(cache, scopeOf(request.query), await request.authorized(), request),
  '/dashboard': async () => dashboard(),
  '/explain': async ({ cache }, request) => ((await request.authorized()) ? explain(cache, request) : NOT_FOUND),
};

/**
 * Answers a request to the statistics; `undefined`, at once, where the path is not theirs. Without authorisation there is
 * nothing to see of tenants, and nothing that changes anything: such paths do not exist then.
 */
export function operate(operations: Operations, request: OperationsRequest): Promise<OperationsReply> | undefined {
  const { method, path } = request;
  if (method === 'POST') return change(operations.cache, request);
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  return Object.hasOwn(PAGES, path) ? PAGES[path]!(operations, request) : undefined;
}

function scopeOf(query: URLSearchParams): Scope {
  return query.get('scope') === 'fleet' ? 'fleet' : 'process';
}

/** The page itself tells nothing: it asks for what it shows, as whoever looks at it. */
function dashboard(): OperationsReply {
  const nonce = randomBytes(16).toString('base64');
  const headers = {
    ...UNKEPT,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': dashboardPolicy(nonce),
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
  };
  return { status: 200, headers, body: dashboardPage(nonce) };
}

async function health(cache: Cache): Promise<OperationsReply> {
  const found = await cache.health();
  return json(found.status === 'unhealthy' ? 503 : 200, found);
}

/** Of a registry that shows tenants or routes, be they of another cache, nothing is shown to whom may not see them. */
async function exposition(metrics: Metrics, request: OperationsRequest): Promise<OperationsReply> {
  const registry = await metrics.registry();
  if (registry === undefined)
    return json(501, { error: 'metrics need the package prom-client: npm install prom-client' });
  if (showsNames(registry) && !(await request.authorized())) return NOT_FOUND;
  return { status: 200, headers: { ...UNKEPT, 'Content-Type': registry.contentType }, body: await registry.metrics() };
}

/** `?url=/users&tenant=client-123`: what would happen to such a request, if it came the way that this one came; and why. */
async function explain(cache: Cache, { query, headers, secure }: OperationsRequest): Promise<OperationsReply> {
  const url = query.get('url');
  if (url === null || !(url.startsWith('/') || (/^https?:\/\//i.test(url) && URL.canParse(url))))
    return json(400, { error: 'send ?url= with a path or an http URL, and &tenant= where there is one' });
  const tenant = query.get('tenant');
  const whose = tenant ? Object.fromEntries(cache.tenantHeaders.map((header) => [header, tenant])) : {};
  const authority = fieldText(headers, ':authority');
  const { host = 'localhost', ...telling } = tellingFields(headers);
  const asked = url.startsWith('/') ? `${secure ? 'https' : 'http'}://${authority ?? host}${url}` : url;
  // Clients may call the host anything.
  if (!URL.canParse(asked)) return json(400, { error: 'its Host is none: send ?url= with an http URL' });
  // Over HTTP/2 as it came itself, if it did.
  const named = authority === undefined ? {} : { ':authority': new URL(asked).host };
  return json(200, await cache.explain({ url: asked, headers: { ...telling, ...whose, ...named } }));
}
