/** Why a request went on to the handler (RFC 9211 §2.2). */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial';

/** What this cache did with a request, to be told in its `Cache-Status` member (RFC 9211 §2). */
export interface CacheStatus {
  /** Served from the cache. */
  hit?: boolean;
  forward?: Forward;
  /** The status that the handler answered a forwarded request with, where the client is sent another one (§2.3). */
  forwardStatus?: number;
  stored?: boolean;
  collapsed?: boolean;
  /** The cache key, only where the options ask for it. */
  key?: string;
  /** The reason, where there is one. */
  detail?: string;
}

/** The largest Integer of Structured Fields (RFC 9651 §3.3.1). */
const MAX_INTEGER = 999_999_999_999_999;

/**
 * This cache's member of the `Cache-Status` list: its name and its parameters, in the order of RFC 9211 §2. `ttl`: seconds that
 * the answer stays fresh; below zero: stale.
 */
export function formatCacheStatus(status: CacheStatus, ttl?: number): string {
  let text = 'respcache';
  if (status.hit) text += '; hit';
  if (status.forward !== undefined) {
    text += `; fwd=${status.forward}`;
    // It says something of a forwarded request alone.
    if (status.forwardStatus !== undefined) text += `; fwd-status=${status.forwardStatus}`;
  }
  if (status.stored) text += '; stored';
  if (status.collapsed) text += '; collapsed';
  if (ttl !== undefined) text += `; ttl=${integer(ttl)}`;
  if (status.key !== undefined) text += `; key=${quoted(status.key)}`;
  if (status.detail !== undefined) text += `; detail=${tokenOrString(status.detail)}`;
  return text;
}

function integer(value: number): number {
  return Math.max(-MAX_INTEGER, Math.min(MAX_INTEGER, Math.floor(value)));
}

/** A String (RFC 9651 §3.3.3): printable ASCII alone, with its quotes and backslashes escaped. */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}

/** A Token begins with a letter or `*` (RFC 9651 §3.3.4); what is none can still be said as a String. */
function tokenOrString(text: string): string {
  return /^[a-z*][!#$%&'*+.^_`|~\w:/-]*$/i.test(text) ? text : quoted(text);
}
