import type { ServerResponse } from 'node:http';
import type { Cache } from '../../src/cache.js';
import type { Problem } from '../../src/limits/fields.js';
import type { Limit, LimitVisit } from '../../src/limits/limit.js';
import { isHit, isOwnRun, keepOutOfCaches, watch } from './exchanges.js';

/**
 * Counts a request and tells its client what is left. Gives what is to be answered in the handler's place, if anything
 * is. What the cache runs by itself is not counted. Never rejects.
 */
export async function admit(
  { limit, cache }: { readonly limit: Limit; readonly cache: Cache },
  visit: LimitVisit,
  res: ServerResponse,
): Promise<Problem | undefined> {
  if (isOwnRun(res.req)) return undefined;
  const { fields, refusal, onHit } = await limit.check(visit);
  // Somebody has answered meanwhile, a timeout say.
  if (res.headersSent) return refusal;
  for (const [name, value] of fields) res.setHeader(name, joined(res, name, value));
  if (onHit !== undefined) {
    watch(res);
    res.once('close', () => {
      if (isHit(cache.engine, res)) void onHit();
    });
  }
  if (refusal !== undefined) {
    // A field for these alone, which layers outside may have set, would outrank what is said to those further down.
    keepOutOfCaches(res);
    res.setHeader('Cache-Control', 'no-store');
  }
  return refusal;
}

/** Several limits may stand around a handler: each adds its member. */
function joined(res: ServerResponse, name: string, value: string): string {
  const there = res.getHeader(name);
  return there === undefined || name === 'Retry-After' ? value : `${String(there)}, ${value}`;
}
