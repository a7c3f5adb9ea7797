// The answer that a client should have, given the response that it is made of.

import type { Choose } from './choices.js';
import { isNotModified } from './conditions.js';
import { LONGEST, parseDelta, parseDirectives } from './directives.js';
import { listOf, type Request, type Response, textOf } from './messages.js';
import type { Stored } from './stored.js';

export interface Expected {
  readonly base: Stored;
  /** Between which ages, seconds; `undefined`: what the response itself says, untouched. */
  readonly age: readonly [number, number] | undefined;
  /** It comes from the store, and the origin has just confirmed it: then its age need not be told. */
  readonly validated: boolean;
  /** Whether its Date stands for a Last-Modified that it lacks (§4.3.2). */
  readonly byDate: boolean;
  /** Where it is not certain that a 304 updates the stored response: the response without it. */
  readonly or?: Response;
}

/** Fields that have to be there as they are. `X-Run` and `X-Fresh` say which runs of the handler an answer is made of. */
const TOLD = ['X-Run', 'X-Fresh', 'ETag', 'Last-Modified', 'Cache-Control', 'Expires', 'Date', 'Pragma'];
/** RFC 9110 §15.4.5: those of them that a 304 has too. */
const TOLD_BY_304 = ['ETag', 'Cache-Control', 'Expires', 'Date'];
/** Fields that directives can keep out of the store. */
const REMOVABLE = ['X-Secret', 'Set-Cookie'];

/** What is wrong with an answer. */
export function wrongAnswer(
  answer: Response,
  request: Request,
  expected: Expected,
  choose: Choose,
): string | undefined {
  const { base, byDate, validated } = expected;
  const notModified = isNotModified(request, base, byDate || (validated && datesCount(choose)), choose);
  const status = notModified ? 304 : base.response.status;
  if (answer.status !== status) return `answered ${answer.status}, not ${status}`;
  const bodiless = request.method === 'HEAD' || status === 304 || status === 204;
  const body = bodiless ? '' : base.response.body;
  if (answer.body !== body) return `the body is ${JSON.stringify(answer.body)}, not ${JSON.stringify(body)}`;
  const names = status === 304 ? TOLD_BY_304 : [...TOLD, ...(expected.validated ? [] : REMOVABLE)];
  return wrongField(names, answer, expected) ?? wrongVary(answer, base.response) ?? wrongAge(answer, expected);
}

/** It was stored before, and yet it is the origin's word. */
function datesCount(choose: Choose): boolean {
  return choose('§4.3.2: the Date of what was just validated counts, too') === 0;
}

function wrongField(names: readonly string[], answer: Response, { base, or }: Expected): string | undefined {
  for (const name of names) {
    const wanted = textOf(base.response, name);
    const got = textOf(answer, name);
    // A cache adds an ETag and a Date where there is none.
    if (wanted === undefined && (name === 'ETag' || name === 'Date')) continue;
    // A list of fields in Cache-Control may be heeded also where a targeted field governs.
    if (got === undefined && REMOVABLE.includes(name) && isListed(name, base.response)) continue;
    if (got !== wanted && (or === undefined || got !== textOf(or, name))) return `${name} is ${got}, not ${wanted}`;
  }
  return undefined;
}

function isListed(name: string, response: Response): boolean {
  return parseDirectives(textOf(response, 'Cache-Control') ?? '').some(
    (each) => ['private', 'no-cache'].includes(each.name) && listOf(each.argument).includes(name.toLowerCase()),
  );
}

/** Other caches have to know by what the answer varies; more may be added. */
function wrongVary(answer: Response, { fields }: Response): string | undefined {
  const got = listOf(textOf(answer, 'Vary'));
  const missing = listOf(textOf({ fields }, 'Vary')).find((name) => !got.includes(name));
  return missing === undefined || got.includes('*') ? undefined : `Vary lacks ${missing}`;
}

/** §4: "a cache MUST generate an Age header field, replacing any present in the response". */
function wrongAge(answer: Response, { base, age, validated }: Expected): string | undefined {
  const got = textOf(answer, 'Age');
  if (age === undefined) {
    const said = textOf(base.response, 'Age');
    return got === said ? undefined : `Age is ${got}; the handler said ${said}`;
  }
  // §5.1: "The presence of an Age header field implies that the response was not … validated by the origin server".
  if (got === undefined) return validated ? undefined : 'Age is missing';
  const seconds = parseDelta(got);
  const [least, most] = age.map((each) => Math.min(each, LONGEST)) as [number, number];
  if (seconds !== undefined && seconds >= Math.floor(least) - 1 && seconds <= Math.ceil(most) + 1) return undefined;
  // §1.2.2: a sum that overflows may stay as it is.
  if (seconds !== undefined && least === LONGEST && seconds >= LONGEST) return undefined;
  return `Age is ${got}, not ${least === most ? least : `${least} to ${most}`}`;
}
