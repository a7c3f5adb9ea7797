import { type CacheStatus, formatCacheStatus } from '../http/cache-status.js';
import { fieldText } from '../http/headers.js';
import { withVary } from '../http/vary.js';
import { type Conditions, isNotModified, isOfBody } from '../lookup/conditional.js';
import type { HeaderBag } from '../types.js';

/** Adds to a handler's response what this cache has to say: which request fields matter, and what it did. */
export function announce(bag: HeaderBag, vary: readonly string[], status: CacheStatus): void {
  const before = fieldText({ vary: bag.getHeader('vary') }, 'vary');
  const varies = withVary(before, vary);
  if (varies !== undefined && varies !== before) bag.setHeader('Vary', varies);
  const upstream = fieldText({ status: bag.getHeader('cache-status') }, 'status');
  const member = formatCacheStatus(status);
  // Caches nearer to the origin stand first (RFC 9211 §2).
  bag.setHeader('Cache-Status', upstream === undefined ? member : `${upstream}, ${member}`);
}

/**
 * Answers the conditions that were kept from the handler: `true` if its 200 is to leave as a 304. The fields of the
 * body are then gone from the head, and the body goes into the cache alone.
 */
export function reduceToNotModified(bag: HeaderBag, status: number, conditions: Conditions | undefined): boolean {
  if (conditions === undefined) return false;
  const fields = bag.getHeaders();
  if (!isNotModified(conditions, status, fieldText(fields, 'etag'), fieldText(fields, 'last-modified'))) return false;
  for (const name of Object.keys(fields)) if (isOfBody(name)) bag.removeHeader(name);
  return true;
}
