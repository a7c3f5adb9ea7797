/** Why a request went on to the handler (RFC 9211 §2.2). */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial';

/** What this cache did with a request, to be told in its `Cache-Status` member (RFC 9211 §2). */
export interface CacheStatus {
  /** Served from the cache. */
  hit?: boolean;
  forward?: Forward;
  stored?: boolean;
  collapsed?: boolean;
  /** Seconds that the answer stays fresh; below zero: stale. */
  ttl?: number;
  /** The cache key, only where the options ask for it. */
  key?: string;
  /** A token: the reason, where there is one. */
  detail?: string;
}

/** This cache's member of the `Cache-Status` list. */
export function formatCacheStatus(status: CacheStatus): string {
  let text = 'respcache';
  if (status.hit) text += '; hit';
  if (status.forward !== undefined) text += `; fwd=${status.forward}`;
  if (status.stored) text += '; stored';
  if (status.collapsed) text += '; collapsed';
  if (status.ttl !== undefined) text += `; ttl=${Math.floor(status.ttl)}`;
  if (status.key !== undefined) text += `; key="${status.key.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  if (status.detail !== undefined) text += `; detail=${status.detail}`;
  return text;
}
