import type { Cache } from '../cache.js';
import type { MaybePromise } from '../types.js';

/** A request to the statistics, as its adapter sees it. */
export interface OperationsRequest {
  readonly method: string;
  /** The path below the mount: `/`, `/health`, … */
  readonly path: string;
  readonly contentType: string | undefined;
  /** Whether whoever asks may see tenants and change things. */
  authorized(): MaybePromise<boolean>;
  /** The body as parsed JSON, or `undefined` if it is none. */
  body(): Promise<unknown>;
}

/** An answer of the statistics: JSON. */
export interface OperationsReply {
  readonly status: number;
  readonly body: unknown;
}

const NOT_FOUND: OperationsReply = { status: 404, body: { error: 'not found' } };

/**
 * Answers a request to the statistics; `undefined` where the path is not theirs. Without authorisation there is
 * nothing to see of tenants, and nothing that changes anything: such paths do not exist then.
 */
export async function operate(cache: Cache, request: OperationsRequest): Promise<OperationsReply | undefined> {
  const { method, path } = request;
  if (method === 'GET' || method === 'HEAD') {
    if (path === '/') return statistics(cache, request);
    if (path === '/health') return health(cache);
    return undefined;
  }
  if (method !== 'POST' || (path !== '/clear' && path !== '/invalidate')) return undefined;
  if (!(await request.authorized())) return NOT_FOUND;
  // A form of another site cannot send this type: no cross-site request gets further.
  if (!/^application\/json\b/i.test(request.contentType ?? '')) {
    return { status: 415, body: { error: 'send application/json' } };
  }
  if (path === '/clear') return { status: 200, body: await cache.clear() };
  return invalidate(cache, await request.body());
}

async function statistics(cache: Cache, request: OperationsRequest): Promise<OperationsReply> {
  const stats = cache.getStats();
  return { status: 200, body: (await request.authorized()) ? { ...stats, ...cache.statsByTenant() } : stats };
}

async function health(cache: Cache): Promise<OperationsReply> {
  const found = await cache.health();
  return { status: found.status === 'unhealthy' ? 503 : 200, body: found };
}

/** Body: `{ "tenant": "client-123", "keys": […], "tags": […], "patterns": […] }`; tags alone may lack the tenant. */
async function invalidate(cache: Cache, body: unknown): Promise<OperationsReply> {
  const {
    tenant,
    keys = [],
    tags = [],
    patterns = [],
  } = (typeof body === 'object' && body !== null ? body : {}) as {
    [name: string]: unknown;
  };
  const lists = [keys, tags, patterns];
  const complete = tenant !== undefined || [keys, patterns].every((list) => Array.isArray(list) && list.length === 0);
  if (!lists.every(isList) || !complete || (tenant !== undefined && (typeof tenant !== 'string' || tenant === ''))) {
    return {
      status: 400,
      body: { error: 'send { tenant, keys, tags, patterns }: lists of texts; only tags go without tenant' },
    };
  }
  const client = tenant as string;
  const receipts = await Promise.all([
    ...((tags as string[]).length > 0 ? [cache.invalidateByTags(tags as string[], client)] : []),
    ...(keys as string[]).map((key) => cache.invalidateKey(key, client)),
    ...(patterns as string[]).map((pattern) => cache.invalidatePattern(pattern, client)),
  ]);
  if (receipts.length === 0) return { status: 400, body: { error: 'nothing to invalidate' } };
  const sequence = Math.max(...receipts.map((receipt) => receipt.sequence));
  return { status: 200, body: { sequence, durable: receipts.every((receipt) => receipt.durable) } };
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && each !== '');
}
