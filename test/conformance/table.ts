// The form of the tables: what a row says, and short ways to say it.

import type { Fields, Value } from './fields.js';
import type { Script } from './origin.js';
import type { ModeOptions } from './rig.js';
import type { Stage } from './stage.js';

/**
 * `must`: the standard leaves no choice; `optimal`: a cache may do less, and ours does not; `check`: the standard leaves
 * it open, and the row says what we chose.
 */
export type Kind = 'must' | 'optimal' | 'check';

/**
 * Where an answer comes from. `origin`: the origin was asked and what it said came through; `cache`: it was not asked;
 * `validated`: it was asked whether what is stored is still good, and said yes; `fallback`: it was asked, failed, and
 * what is stored came all the same; `revalidating`: what is stored came, and the origin was asked behind it;
 * `self`: the cache made the answer up.
 */
export type From = 'origin' | 'cache' | 'validated' | 'fallback' | 'revalidating' | 'self';

export interface Seen {
  readonly method?: string;
  readonly has?: readonly (readonly [name: string, value: Value | RegExp])[];
  readonly lacks?: readonly string[];
}

/** A request, what the origin says if it is asked, and what is expected. */
export interface Step {
  readonly method?: string;
  /** Behind the path of the row. */
  readonly to?: string;
  /** Of the request. */
  readonly fields?: Fields;
  readonly sends?: string;
  /** Without it the origin's answer is 200 and says nothing about caching. Its body is `answer 2` for step 2. */
  readonly origin?: Script;
  /** Default for the first step: `origin`. */
  readonly from?: From;
  /** The step (1, 2, …) whose answer it is; default: the last that the origin answered in full. */
  readonly of?: number;
  /** Default: that of the answer it is. */
  readonly status?: number | readonly number[];
  readonly body?: string;
  /** Lines of the answer, the only ones of their name. */
  readonly has?: Seen['has'];
  readonly lacks?: readonly string[];
  readonly age?: number;
  /** Of our own member. */
  readonly cacheStatus?: RegExp;
  /** Of the request to the origin. */
  readonly seen?: Seen;
  /** Statuses of the informational answers. */
  readonly hints?: readonly number[];
  /** The connection breaks before the answer is whole. */
  readonly broken?: boolean;
  /** Seconds that pass afterwards. */
  readonly wait?: number;
}

export interface Row {
  readonly section: string;
  readonly kind: Kind;
  readonly name: string;
  /** The test of the public suite (http-tests/cache-tests) that looks at the same behaviour. */
  readonly id?: string;
  readonly options?: ModeOptions;
  /** Why we do not do it: the row then has to fail. */
  readonly declined?: string;
  readonly steps: readonly Step[];
  /** In place of steps, where they would not do. */
  readonly act?: (stage: Stage) => Promise<void>;
}

type About = string | Pick<Row, 'id' | 'options' | 'declined'>;
export type Draft = Omit<Row, 'section'>;

export function section(title: string, ...drafts: (Draft | Draft[])[]): Row[] {
  return drafts.flat().map((draft) => ({ section: title, ...draft }));
}

const draft =
  (kind: Kind) =>
  (name: string, steps: readonly Step[] | ((stage: Stage) => Promise<void>), about: About = {}): Draft => ({
    kind,
    name,
    ...(typeof steps === 'function' ? { steps: [], act: steps } : { steps }),
    ...(typeof about === 'string' ? { id: about } : about),
  });

export const must = draft('must');
export const optimal = draft('optimal');
export const check = draft('check');

/** A request to the origin, which answers with these fields. */
export function miss(fields: Fields = [], more: Step = {}): Step {
  return { from: 'origin', ...more, origin: { fields, ...more.origin } };
}

export function hit(more: Step = {}): Step {
  return { from: 'cache', ...more };
}

/** The origin is asked anew, and answers in full. */
export function forwarded(more: Step = {}): Step {
  return { from: 'origin', ...more };
}

/** The origin is asked with conditions and answers 304, with these fields. */
export function validated(fields: Fields = [], more: Step = {}): Step {
  return { from: 'validated', ...more, origin: { status: 304, fields, ...more.origin } };
}

/** The first answer has these fields; three seconds later it is used again. */
export function reused(fields: Fields, wait = 3): Step[] {
  return [miss(fields, { wait }), hit()];
}

/** The first answer has these fields; three seconds later the origin is asked again. */
export function notReused(fields: Fields, wait = 3): Step[] {
  return [miss(fields, { wait }), forwarded()];
}

export const DAY = 86_400;

/** Fresh for an hour. */
export const FRESH: Fields = [['Cache-Control', 'max-age=3600']];

export function cacheControl(value: string): Fields {
  return [['Cache-Control', value]];
}
