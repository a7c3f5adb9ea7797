// Compares what a cache did, request by request, with what the model allows.

import { type Choose, explore } from './choices.js';
import { isConditional, sameConditions, tagsOf, wrongValidation } from './conditions.js';
import { type Expected, wrongAnswer } from './expected.js';
import type { Exchange, Request, Response } from './messages.js';
import { textOf } from './messages.js';
import { type Asked, learn } from './model.js';
import { currentAge, type Stored } from './stored.js';
import { updatedFields } from './storing.js';
import { identifies } from './updating.js';
import type { Policy, Verdict } from './verdict.js';

/** RFC 5861 §4: "an error is any situation that would result in a 500, 502, 503, or 504 HTTP response status code". */
const FAILED = [500, 502, 503, 504];

/** A run of the handler: the request as the handler saw it, and what it said. */
export type Run = Exchange;

/** What was seen of one request. */
export interface Step {
  readonly request: Request;
  /** When it was sent, and when all was over, seconds since 1970. */
  readonly time: number;
  readonly endTime: number;
  readonly runs: readonly Run[];
  readonly answer: Response;
}

/** What a cache did that is not allowed, under one way of answering the open questions. */
export interface Disagreement {
  readonly step: number;
  readonly verdict: Verdict;
  readonly store: readonly Stored[];
  readonly problem: string;
  readonly answers: ReadonlyMap<string, number>;
}

/** Nothing, if the steps are allowed under any way of answering the open questions; else what is wrong with each. */
export function disagreements(policy: Policy, steps: readonly Step[]): Disagreement[] {
  const found: Disagreement[] = [];
  for (const { result, answers } of explore((choose) => firstDisagreement(policy, steps, choose))) {
    if (result === undefined) return [];
    found.push({ ...result, answers });
  }
  // The way that follows the cache furthest says best what went wrong.
  return found.sort((a, b) => b.step - a.step);
}

function firstDisagreement(policy: Policy, steps: readonly Step[], choose: Choose) {
  let store: readonly Stored[] = [];
  let lastRun: number | undefined;
  for (const [i, step] of steps.entries()) {
    const occasion = `request ${i}`;
    const verdict = policy.judge({ store, request: step.request, now: step.time, choose, occasion, lastRun });
    const problem = disagreement(policy, verdict, step, choose);
    if (problem !== undefined) return { step: i, verdict, store, problem };
    if (step.runs.length > 0) lastRun = step.endTime;
    for (const run of step.runs) {
      if (isHidden(verdict, run, choose)) continue;
      store = learn(policy, store, exchangeOf(step, run), choose, askedAbout(verdict, run));
    }
  }
  return undefined;
}

/** The stored response that a run speaks about, in the foreground or in the background. */
function askedAbout(verdict: Verdict, { response }: Run): Asked {
  if (verdict.kind === 'refuse') return 'nothing';
  if (verdict.kind === 'serve') return verdict.stored;
  return (response.status === 304 ? verdict.validate : verdict.chosen) ?? 'nothing';
}

/** Whether a run came to an error that the client was not told of. */
function isHidden(verdict: Verdict, { response }: Run, choose: Choose): boolean {
  if (!FAILED.includes(response.status)) return false;
  const hidden = verdict.kind === 'serve' || (verdict.kind === 'forward' && verdict.standIn !== undefined);
  return hidden && choose('RFC 5861 §4: an error that a stale response stands in for is not stored') === 0;
}

/** The exchange that a run was, with the client's fields: the cache's own conditions are no news to it. */
function exchangeOf({ request }: Step, run: Run): Exchange {
  return { ...run, request: { method: run.request.method, fields: request.fields } };
}

function disagreement(policy: Policy, verdict: Verdict, step: Step, choose: Choose): string | undefined {
  if (verdict.kind === 'refuse') return disagreementOfRefusal(step);
  if (verdict.kind === 'serve') return disagreementOfServed(verdict, step, choose);
  return disagreementOfForwarded(policy, verdict, step, choose);
}

function disagreementOfRefusal({ runs, answer }: Step): string | undefined {
  if (runs.length > 0) return 'the handler ran, though the client wants what is stored or nothing';
  return answer.status === 504 ? undefined : `answered ${answer.status}, not 504`;
}

type Served = Extract<Verdict, { kind: 'serve' }>;

function disagreementOfServed({ stored, refresh }: Served, step: Step, choose: Choose): string | undefined {
  const { runs, request, answer, time, endTime } = step;
  if (runs.length !== (refresh ? 1 : 0)) return `the handler ran ${runs.length} times; refresh: ${refresh}`;
  const [run] = runs;
  if (run !== undefined && isConditional(run.request)) {
    const wrong = wrongValidation(run.request, stored, { method: 'GET', fields: [] });
    if (wrong !== undefined) return `in the background ${wrong}`;
  }
  return wrongAnswer(answer, request, fromStore(stored, time, endTime), choose);
}

function fromStore(stored: Stored, time: number, endTime: number): Expected {
  const age = [currentAge(stored, time), currentAge(stored, endTime)] as const;
  return { base: stored, age, validated: false, byDate: true };
}

type Forwarded = Extract<Verdict, { kind: 'forward' }>;

function disagreementOfForwarded(
  policy: Policy,
  { validate, standIn }: Forwarded,
  step: Step,
  choose: Choose,
): string | undefined {
  const { runs, request, answer, time, endTime } = step;
  const [run] = runs;
  if (run === undefined) return 'the handler did not run';
  if (runs.length > 1) return `the handler ran ${runs.length} times`;
  if (run.request.method !== request.method) return `the handler saw ${run.request.method}`;
  const wrong = wrongConditions(run.request, validate, request);
  if (wrong !== undefined) return wrong;
  const { status } = run.response;
  if (standIn !== undefined && FAILED.includes(status)) {
    return wrongAnswer(answer, request, fromStore(standIn, time, endTime), choose);
  }
  const expected =
    validate !== undefined && status === 304 && !isClients(run, validate, request)
      ? afterValidation(validate, run)
      : { base: exchangeOf(step, run), age: undefined, validated: false, byDate: false };
  // The handler has seen what the client asked: nothing is left to be evaluated, or the same again.
  const passed = !expected.validated && sameConditions(run.request, request);
  const left =
    passed && isConditional(request) && choose(`${policy.name}: what answers conditions leaves as it is`) === 0;
  return wrongAnswer(answer, left ? { ...request, fields: [] } : request, expected, choose);
}

function wrongConditions(sent: Request, validate: Stored | undefined, client: Request): string | undefined {
  if (validate !== undefined) return wrongValidation(sent, validate, client);
  if (!isConditional(sent) || sameConditions(sent, client)) return undefined;
  return 'the handler saw conditions that are not the client’s, though nothing was to be validated';
}

/** §4.3.2: a 304 with an entity tag that only the client has asked for is the client's answer. */
function isClients(run: Run, validate: Stored, client: Request): boolean {
  const etag = textOf(run.response, 'ETag');
  if (etag === undefined || identifies(run, validate) === true) return false;
  return tagsOf(textOf(client, 'If-None-Match') ?? '').includes(etag);
}

/** §4.3.3: "the stored response can be updated and reused". */
function afterValidation(validate: Stored, run: Run): Expected {
  const { requestTime, responseTime, response } = run;
  const certain = identifies(run, validate) === true;
  const fields = updatedFields(validate.response.fields, response.fields);
  const base = { ...validate, requestTime, responseTime, response: { ...validate.response, fields } };
  const age = [currentAge(base, responseTime), currentAge(base, responseTime)] as const;
  return { base, age, validated: true, byDate: false, ...(certain ? {} : { or: validate.response }) };
}
