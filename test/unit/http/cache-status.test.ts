import { describe, expect, it } from 'vitest';
import { type CacheStatus, formatCacheStatus } from '../../../src/http/cache-status.js';

describe('formatCacheStatus', () => {
  it.each<[said: CacheStatus & { ttl?: number }, text: string]>([
    [{}, 'respcache'],
    [{ hit: true, ttl: 299.9 }, 'respcache; hit; ttl=299'],
    [{ hit: true, ttl: -0.5 }, 'respcache; hit; ttl=-1'],
    [{ hit: true, ttl: 0 }, 'respcache; hit; ttl=0'],
    [{ forward: 'uri-miss', stored: true }, 'respcache; fwd=uri-miss; stored'],
    [{ forward: 'vary-miss', stored: false, collapsed: true }, 'respcache; fwd=vary-miss; collapsed'],
    [{ forward: 'bypass', detail: 'cookie' }, 'respcache; fwd=bypass; detail=cookie'],
    [{ forward: 'method' }, 'respcache; fwd=method'],
    [{ forward: 'stale', forwardStatus: 304, stored: true }, 'respcache; fwd=stale; fwd-status=304; stored'],
    // RFC 9211 §2.3: it is about a request that was forwarded.
    [{ hit: true, forwardStatus: 304 }, 'respcache; hit'],
    [
      {
        ...{ detail: 'd', key: 'k', ttl: 1, collapsed: true, stored: true },
        ...{ forwardStatus: 200, forward: 'miss', hit: false },
      },
      'respcache; fwd=miss; fwd-status=200; stored; collapsed; ttl=1; key="k"; detail=d',
    ],
    [{ hit: true, ttl: -0 }, 'respcache; hit; ttl=0'],
    [{ hit: true, ttl: Number.POSITIVE_INFINITY }, 'respcache; hit; ttl=999999999999999'],
    [{ forward: 'bypass', detail: 'Origin:x/*' }, 'respcache; fwd=bypass; detail=Origin:x/*'],
    [{ forward: 'bypass', detail: 'too "large"' }, 'respcache; fwd=bypass; detail="too \\"large\\""'],
    [{ forward: 'bypass', detail: '1st' }, 'respcache; fwd=bypass; detail="1st"'],
    [{ forward: 'bypass', detail: '' }, 'respcache; fwd=bypass; detail=""'],
    [{ hit: true, key: '' }, 'respcache; hit; key=""'],
    [{ hit: true, key: '\x7f\t~' }, 'respcache; hit; key="??~"'],
    // RFC 8941 §3.3.3: a string has ASCII alone, with its quotes and backslashes escaped.
    [{ hit: true, key: 'a"b\\c' }, 'respcache; hit; key="a\\"b\\\\c"'],
    [{ hit: true, key: 'x\u00e9\r\n\u{1F600}' }, 'respcache; hit; key="x?????"'],
  ])('%j', ({ ttl, ...status }, text) => {
    expect(formatCacheStatus(status, ttl)).toBe(text);
  });
});
