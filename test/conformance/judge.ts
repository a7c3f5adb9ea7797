// Whether an answer is what a step expects, told as a list of what is wrong with it.

import type { Answer, Line } from '../adapters/client.js';
import { membersOf, type Scene, textOf, valuesOf } from './fields.js';
import type { Asked, Script, Sent } from './origin.js';
import type { From, Step } from './table.js';

/** A step and what came of it. */
export interface Played {
  readonly step: Step;
  readonly from: From;
  readonly script: Script;
  /** `undefined`: the connection broke before there was a head. */
  readonly answer: Answer | undefined;
  readonly asked: readonly Asked[];
  readonly sent: readonly (Sent | undefined)[];
}

export interface Context {
  readonly scene: Scene;
  /** The stored answer that it is to be. */
  readonly stored: Sent | undefined;
  /** It has been updated since: its fields are another's. */
  readonly updated: boolean;
}

/** Fields of one connection (RFC 9110 §7.6.1), and of the proxy that a cache asks through (RFC 9111 §3.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'trailer'];
const OF_PROXIES = ['proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization'];
/** The targeted field (RFC 9213) that is for this cache alone: nobody behind it sees it. */
const OWN_FIELD = 'respcache-cache-control';
/** What Node puts into a head by itself. */
const FRAMING = ['connection', 'keep-alive', 'transfer-encoding'];
/** What a 304 has where the 200 would have it (RFC 9110 §15.4.5). */
const OF_304 = ['cache-control', 'content-location', 'date', 'etag', 'expires'];

export function judge(played: Played, context: Context): string[] {
  const { step, answer, asked } = played;
  const { scene } = context;
  const problems = countProblems(played);
  if (step.broken) {
    // A framework that learns of it before the head has left makes an error of it.
    if (answer?.complete && answer.status < 500) problems.push('the answer is whole');
    return problems;
  }
  if (answer === undefined) return [...problems, 'the connection broke'];
  if (!answer.complete) problems.push('the answer broke off');
  problems.push(...bySource(played, answer, context));
  problems.push(...fieldProblems('the answer', answer.lines, step, scene));
  if (step.seen !== undefined && asked[0] !== undefined) {
    problems.push(...fieldProblems('the request to the origin', asked[0].lines, step.seen, scene));
    if (step.seen.method !== undefined) equal(problems, 'the method at the origin', asked[0].method, step.seen.method);
  }
  const hints = answer.hints.map(({ status }) => status);
  if (step.hints !== undefined) equal(problems, 'informational answers', hints.join(), step.hints.join());
  problems.push(...cacheStatusProblems(played, answer));
  return problems;
}

function countProblems({ from, asked }: Played): string[] {
  const wanted = from === 'cache' || from === 'self' ? 0 : 1;
  return asked.length === wanted ? [] : [`the origin was asked ${asked.length} times, not ${wanted}`];
}

function bySource(played: Played, answer: Answer, context: Context): string[] {
  const { from, step, sent, script } = played;
  if (from === 'self') return expected(step, answer, undefined);
  if (from !== 'origin') return [...expected(step, answer, context.stored), ...replayProblems(played, answer, context)];
  const said = sent[0];
  if (said === undefined) return expected(step, answer, undefined);
  const problems = expected(step, answer, said);
  const asSaid = step.status === undefined && step.body === undefined;
  if (asSaid && script.status !== 304) problems.push(...passingProblems(said, answer));
  return problems;
}

/** Status and body: what the step says, or what the answer has that it is. */
function expected(step: Step, answer: Answer, model: Sent | undefined): string[] {
  const problems: string[] = [];
  const statuses = step.status === undefined ? (model === undefined ? [] : [model.status]) : [step.status].flat();
  if (statuses.length > 0 && !statuses.includes(answer.status)) {
    problems.push(`the status is ${answer.status}, not ${statuses.join(' or ')}`);
  }
  const bodiless = step.method === 'HEAD' || answer.status === 304;
  const body = bodiless ? '' : (step.body ?? (step.status === undefined ? model?.body.toString('latin1') : undefined));
  if (body !== undefined) equal(problems, 'the body', answer.body.toString('latin1'), body);
  return problems;
}

/** Everything of an answer on its way through, and nothing more. */
function passingProblems(sent: Sent, answer: Answer): string[] {
  const problems: string[] = [];
  equal(problems, 'the reason', answer.reason, sent.reason);
  const dropped = ['transfer-encoding', 'vary', 'cache-status', OWN_FIELD];
  problems.push(...missingLines(sent.lines, answer.lines, dropped));
  const dateless = valuesOf(sent.lines, 'date').length === 0;
  problems.push(
    ...addedLines(sent.lines, answer.lines, [...FRAMING, 'vary', 'cache-status', ...(dateless ? ['date'] : [])]),
  );
  problems.push(...varyProblems(sent.lines, answer.lines));
  return problems;
}

/** Everything of a stored answer that is to be stored, and beside it what a cache adds. */
function replayProblems({ from, script }: Played, answer: Answer, { stored, updated }: Context): string[] {
  if (stored === undefined) return [];
  const problems: string[] = [];
  const ages = valuesOf(answer.lines, 'age');
  // Age says that the origin has not been asked (RFC 9111 §5.1); then it is not to be missing.
  const ageless = (from === 'validated' || answer.status === 416) && ages.length === 0;
  if (!ageless && !/^\d+$/.test(ages.join(' | '))) problems.push(`Age: ${ages.join(' | ') || 'none'}`);
  if (updated || script.status === 304) return problems;
  if (answer.status === 304 && stored.status !== 304) {
    const others = stored.lines.map(([name]) => name.toLowerCase()).filter((name) => !OF_304.includes(name));
    problems.push(...missingLines(stored.lines, answer.lines, others), ...varyProblems(stored.lines, answer.lines));
  }
  if (answer.status !== stored.status) return problems;
  equal(problems, 'the reason', answer.reason, stored.reason);
  const unstored = [...HOP_BY_HOP, ...OF_PROXIES, ...named(stored.lines), OWN_FIELD];
  const recomputed = ['age', 'cache-status', 'vary', 'content-length'];
  problems.push(...missingLines(stored.lines, answer.lines, [...unstored, ...recomputed]));
  const dateless = valuesOf(stored.lines, 'date').length === 0;
  problems.push(
    ...addedLines(stored.lines, answer.lines, [...recomputed, ...FRAMING, ...(dateless ? ['date'] : [])]),
    ...varyProblems(stored.lines, answer.lines),
  );
  return problems;
}

/** Names that `Connection`, and qualified directives, take out of what is stored. */
function named(lines: readonly Line[]): string[] {
  const qualified = valuesOf(lines, 'cache-control').join(',').toLowerCase();
  const lists = [...qualified.matchAll(/(?:no-cache|private)="([^"]*)"/g)].map((match) => match[1] ?? '');
  return [...membersOf(lines, 'connection'), ...lists.flatMap((list) => list.split(',').map((name) => name.trim()))];
}

function missingLines(wanted: readonly Line[], found: readonly Line[], except: readonly string[]): string[] {
  const left = found.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  const problems: string[] = [];
  for (const [name, value] of wanted) {
    if (except.includes(name.toLowerCase())) continue;
    // What a proxy may take off: blanks around a value.
    const at = left.indexOf(`${name.toLowerCase()}: ${value.trim()}`);
    if (at < 0) problems.push(`missing: ${name}: ${value}`);
    else left.splice(at, 1);
  }
  return problems;
}

function addedLines(wanted: readonly Line[], found: readonly Line[], except: readonly string[]): string[] {
  return missingLines(found, wanted.map(trimmed), except).map((problem) => problem.replace('missing', 'added'));
}

function trimmed([name, value]: Line): Line {
  return [name, value.trim()];
}

/** The answer's own `Vary`, and the tenant's field, which joins it. */
function varyProblems(sent: readonly Line[], found: readonly Line[]): string[] {
  const own = [...new Set(membersOf(sent, 'vary'))].sort().join();
  const rest = [...new Set(membersOf(found, 'vary'))].filter((name) => name !== 'x-client-id');
  const problems: string[] = [];
  equal(problems, 'Vary', rest.sort().join(), own);
  if (own === '' && membersOf(found, 'vary').length === 0) problems.push('Vary has no x-client-id');
  return problems;
}

function cacheStatusProblems({ from, script, sent, step }: Played, answer: Answer): string[] {
  const text = valuesOf(answer.lines, 'cache-status').join(', ');
  const upstream = from === 'origin' ? valuesOf(sent[0]?.lines ?? [], 'cache-status').join(', ') : '';
  const own = /(?:^|, )(respcache(?:;[^,]*)?)$/.exec(text)?.[1];
  // What a handler throws is made into an answer by its framework: Koa does so outside of the cache.
  if (own === undefined) return script.breaks === 'throw' ? [] : [`Cache-Status: ${text || 'none'}`];
  const problems: string[] = [];
  if (!text.startsWith(upstream)) problems.push(`Cache-Status: ${text}, not behind ${upstream}`);
  const served = from === 'cache' || from === 'revalidating';
  if (served && !/; hit|; collapsed/.test(own)) problems.push(`Cache-Status of a hit: ${own}`);
  if (from === 'origin' && /; hit/.test(own)) problems.push(`Cache-Status of a miss: ${own}`);
  if (step.cacheStatus !== undefined && !step.cacheStatus.test(own)) {
    problems.push(`Cache-Status: ${own}, not ${step.cacheStatus}`);
  }
  return problems;
}

function fieldProblems(
  where: string,
  lines: readonly Line[],
  { has = [], lacks = [], ...rest }: Pick<Step, 'has' | 'lacks' | 'age'>,
  scene: Scene,
): string[] {
  const problems: string[] = [];
  const age = rest.age === undefined ? [] : ([['Age', String(rest.age)]] as const);
  for (const [name, value] of [...has, ...age]) {
    const found = valuesOf(lines, name);
    const text = found.join(' | ');
    const good = value instanceof RegExp ? value.test(text) : text === textOf(value, scene);
    if (!good || found.length !== 1) {
      const wanted = value instanceof RegExp ? String(value) : textOf(value, scene);
      problems.push(`${name} of ${where}: ${text || 'none'}, not ${wanted}`);
    }
  }
  for (const name of lacks) {
    const found = valuesOf(lines, name);
    if (found.length > 0) problems.push(`${name} of ${where}: ${found.join(' | ')}, not none`);
  }
  return problems;
}

function equal(problems: string[], what: string, found: string, wanted: string): void {
  if (found !== wanted) problems.push(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}
