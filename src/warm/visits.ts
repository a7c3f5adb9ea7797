import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { headText, inject } from '../inject.js';
import { markOwnRun } from '../request/own-runs.js';
import type { Warming } from '../request/request.js';
import type { WarmPlan } from './options.js';

/** One request to be made. */
export interface Visit {
  readonly target: string;
  readonly tenant: string | undefined;
  readonly secure: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of one. `reason`: a word of `Reason`, or what went wrong. */
export type Visited =
  | { readonly outcome: 'warmed' | 'fresh' }
  | { readonly outcome: 'uncacheable' | 'failed'; readonly reason: string };

/** How long to wait before the first next attempt, ms; then twice as long each time. */
const FIRST_PAUSE = 100;
const LAST_PAUSE = 5000;

/** Makes a request, and again where it fails. Never rejects. */
export async function visit(plan: WarmPlan, what: Visit): Promise<Visited> {
  for (let attempt = 0; ; attempt++) {
    const visited = await visitOnce(plan, what);
    if (visited.outcome !== 'failed' || attempt >= plan.retries || plan.signal?.aborted) return visited;
    await pause(Math.min(FIRST_PAUSE * 2 ** attempt, LAST_PAUSE), undefined, { signal: plan.signal }).catch(() => {});
  }
}

async function visitOnce(plan: WarmPlan, what: Visit): Promise<Visited> {
  let told: Parameters<Warming['tell']>[0] | undefined;
  let response: ServerResponse | undefined;
  const warming: Warming = {
    minFresh: plan.minFresh,
    tell: (result) => {
      // The first reason is the reason; what was put into the store was put there all the same.
      if (told === undefined || (typeof result === 'object' && 'stored' in result)) told = result;
    },
  };
  const whole = await send(plan, what, (req, res) => {
    markOwnRun(req, { warming });
    response = res;
  });
  if (typeof whole === 'string') return { outcome: 'failed', reason: whole };
  const status = response?.statusCode ?? 0;
  if (!whole) return { outcome: 'failed', reason: response === undefined ? 'not taken for a request' : 'not answered' };
  if (told === 'fresh') return { outcome: 'fresh' };
  if (told !== undefined && 'stored' in told) {
    const written = await Promise.resolve(told.stored).then(
      () => true,
      () => false,
    );
    return written ? { outcome: 'warmed' } : { outcome: 'failed', reason: 'the store could not take it' };
  }
  // Redis was not there, or something was invalidated meanwhile: the next time it may do.
  const refused = told?.refused;
  if (refused === 'unavailable' || refused === 'invalidated') return { outcome: 'failed', reason: refused };
  if (status >= 500) return { outcome: 'failed', reason: `status ${status}` };
  return { outcome: 'uncacheable', reason: refused ?? 'no cacheMiddleware of this cache' };
}

/** Runs one through the application. A text says why it cannot be. */
export async function send(
  { server, timeout }: WarmPlan,
  { target, secure, headers }: Visit,
  prepare: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<boolean | string> {
  const facts = new Map<string, unknown>([
    ['remoteAddress', '127.0.0.1'],
    ['remoteFamily', 'IPv4'],
    ...(secure ? [['encrypted', true] as const] : []),
  ]);
  try {
    // Of HTTP/1.1 Node takes no request without a Host; those who named none have asked by HTTP/1.0.
    const version = headers.host === undefined ? '1.0' : '1.1';
    return await inject(server, headText('GET', target, version, Object.entries(headers)), facts, { prepare, timeout });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
