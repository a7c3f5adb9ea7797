import { describe, expect, it } from 'vitest';
import { type CacheStatus, formatCacheStatus } from '../../../src/http/cache-status.js';

describe('formatCacheStatus', () => {
  it.each<[status: CacheStatus, text: string]>([
    [{}, 'respcache'],
    [{ hit: true, ttl: 299.9 }, 'respcache; hit; ttl=299'],
    [{ hit: true, ttl: -0.5 }, 'respcache; hit; ttl=-1'],
    [{ hit: true, ttl: 0 }, 'respcache; hit; ttl=0'],
    [{ forward: 'uri-miss', stored: true }, 'respcache; fwd=uri-miss; stored'],
    [{ forward: 'vary-miss', stored: false, collapsed: true }, 'respcache; fwd=vary-miss; collapsed'],
    [{ forward: 'bypass', detail: 'cookie' }, 'respcache; fwd=bypass; detail=cookie'],
    [{ forward: 'method' }, 'respcache; fwd=method'],
    // RFC 8941 §3.3.3: a string has ASCII alone, with its quotes and backslashes escaped.
    [{ hit: true, key: 'a"b\\c' }, 'respcache; hit; key="a\\"b\\\\c"'],
    [{ hit: true, key: 'x\u00e9\r\n\u{1F600}' }, 'respcache; hit; key="x?????"'],
  ])('%j', (status, text) => {
    expect(formatCacheStatus(status)).toBe(text);
  });
});
