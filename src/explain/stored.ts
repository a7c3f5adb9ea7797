import type { ResponseEntry } from '../entry/entry.js';
import { MAX_DELTA_SECONDS } from '../http/cache-control.js';
import { type HeaderLine, linesOf } from '../http/headers.js';
import type { Cause } from '../invalidation/cause.js';
import type { Candidate, Sight } from '../lookup/lookup.js';
import { ageOf } from '../lookup/usable.js';
import type { KilledBy, StoredEntry } from './explanation.js';

/** What is told of a stored response. `now`: ms since 1970. */
export function storedEntry(
  entry: ResponseEntry,
  varies: readonly string[],
  tier: StoredEntry['tier'],
  now: number,
): StoredEntry {
  const headers = recordOf(entry.headers);
  const contentType = headers['content-type'];
  return {
    tier,
    status: entry.status,
    bytes: entry.body.length,
    ...(contentType === undefined ? {} : { contentType: String(contentType) }),
    storedAt: entry.storedAt,
    age: ageOf(entry, now),
    freshFor: secondsUntil(entry.freshUntil, now),
    keptFor: secondsUntil(entry.expiresAt, now),
    tags: [...entry.tags],
    ...(entry.name === undefined ? {} : { name: entry.name }),
    varies: [...varies],
    headers,
  };
}

/** Of the responses that may not be used the one that came nearest to it: what is dead would otherwise have done. */
export function nearest(sight: Sight | undefined): Candidate | undefined {
  const by = (barred: Candidate['barred']) => sight?.candidates.find((each) => each.barred === barred);
  return by('invalidated') ?? by('search') ?? by('credentials');
}

/** What is told of a purge. `now`: ms since 1970. */
export function killing({ by, name, sequence, pending }: Cause, now: number): KilledBy {
  return {
    by,
    ...(name === undefined ? {} : { name }),
    sequence,
    at: pending ? now : Math.floor(sequence / 1000),
    ...(pending ? { pending } : {}),
  };
}

/** JSON knows no number for ever. */
function secondsUntil(end: number, now: number): number {
  return end === Number.POSITIVE_INFINITY ? MAX_DELTA_SECONDS : (end - now) / 1000;
}

function recordOf(lines: readonly HeaderLine[]): Record<string, string | readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    found.set(lower, [...(found.get(lower) ?? []), ...linesOf(value)]);
  }
  return Object.fromEntries([...found].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]));
}
