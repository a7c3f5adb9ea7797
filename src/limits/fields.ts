import { serializeItem, serializeList } from 'structured-headers';
import type { Count } from './flexible.js';
import type { LimitRule } from './options.js';

/** Response fields to set, names and values; of the two that are lists each value is to be added to what is there. */
export type LimitFields = readonly (readonly [name: string, value: string])[];

/** `RateLimit-Policy`: the same for all requests (draft-ietf-httpapi-ratelimit-headers-10 §3). */
export function policyField({ name, points, duration }: LimitRule): string {
  return serializeList([
    [
      name,
      new Map([
        ['q', points],
        ['w', duration],
      ]),
    ],
  ]);
}

/** `RateLimit`: what is left, and the seconds until there is more (§4). */
export function limitField({ name }: LimitRule, count: Count): string {
  return serializeItem([
    name,
    new Map([
      ['r', Math.max(0, count.remainingPoints)],
      ['t', seconds(count)],
    ]),
  ]);
}

/** Seconds until the window ends, at least 1: a client that comes back after them is not too early. */
export function seconds({ msBeforeNext }: Count): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000));
}

/** The body of a refusal, as `application/problem+json` (RFC 9457; the types are registered by the same draft, §5). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: 429 | 503;
  readonly 'violated-policies'?: readonly string[];
}

const TYPES = 'https://iana.org/assignments/http-problem-types#';

export function exceeded({ name }: LimitRule): Problem {
  const title = 'Request cannot be satisfied as assigned quota has been exceeded';
  return { type: `${TYPES}quota-exceeded`, title, status: 429, 'violated-policies': [name] };
}

export const UNAVAILABLE: Problem = {
  type: `${TYPES}temporary-reduced-capacity`,
  title: 'Request cannot be satisfied as requests cannot be counted at present',
  status: 503,
};
