import { deltaSeconds, responseDirectives } from '../http/cache-control.js';
import { parseHttpDate } from '../http/date.js';
import { fieldText } from '../http/headers.js';
import type { Fields } from '../types.js';

/** How long a response stays fresh, and who said so. */
export interface Lifetime {
  /** Seconds from now on; 0 or less: it is stale as it leaves. */
  readonly seconds: number;
  /** Whether the handler said it, and not the configuration. */
  readonly explicit: boolean;
  /** The age that the response came with, seconds. */
  readonly age: number;
}

/**
 * A response's freshness lifetime, by precedence: what the handler told this cache (`res.cache.ttl`), s-maxage,
 * max-age, Expires (RFC 9111 §4.2.1), and last the configured `fallback`. What the headers say counts from the
 * response's birth, so that its `Age` is taken off; what was said to this cache counts from now.
 */
export function lifetime(fields: Fields, told: number | undefined, fallback: number, now: number): Lifetime {
  const age = ageOf(fields);
  if (told !== undefined) return { seconds: told, explicit: true, age };
  const declared = declaredSeconds(fields, now);
  if (declared !== undefined) return { seconds: declared - age, explicit: true, age };
  return { seconds: fallback, explicit: false, age };
}

function declaredSeconds(fields: Fields, now: number): number | undefined {
  const directives = responseDirectives(fields);
  const seconds = deltaSeconds(directives, 's-maxage') ?? deltaSeconds(directives, 'max-age');
  if (seconds !== undefined) return seconds;
  const expires = fieldText(fields, 'expires');
  if (expires === undefined) return undefined;
  const at = parseHttpDate(expires, now);
  const born = parseHttpDate(fieldText(fields, 'date'), now) ?? now;
  // A date that cannot be read, above all "0", is in the past (RFC 9111 §5.3).
  return at === undefined ? 0 : Math.floor((at - born) / 1000);
}

/** The `Age` field: the first of several (RFC 9111 §5.1); what is not a number of seconds is not there. */
function ageOf(fields: Fields): number {
  const first = fieldText(fields, 'age')?.split(',')[0]?.trim() ?? '';
  return /^\d+$/.test(first) ? Math.min(Number(first), 2 ** 31) : 0;
}
