// A disagreement as text: what was asked and done, what was seen, and what the model would have had.

import type { Disagreement, Step } from './compare.js';
import type { Line } from './messages.js';
import type { Verdict } from './verdict.js';

/** Ways of answering the open questions that are told of. */
const MOST = 4;

export function described(steps: readonly Step[], found: readonly Disagreement[]): string {
  const last = found[0]!.step;
  return [
    '',
    ...steps.slice(0, last + 1).map((step, i) => `${i}. ${stepText(step)}`),
    '',
    `What is wrong with request ${last}:`,
    ...found
      .filter(({ step }) => step === last)
      .slice(0, MOST)
      .map(disagreementText),
  ].join('\n');
}

function stepText({ request, time, runs, answer }: Step): string {
  const ran = runs.map(
    (run) =>
      `\n   handler at ${run.requestTime}: ${fieldsText(run.request.fields)} → ${run.response.status} ${fieldsText(run.response.fields)}`,
  );
  return `at ${time}: ${request.method} ${fieldsText(request.fields)}${ran.join('')}\n   answer: ${answer.status} ${fieldsText(answer.fields)} ${JSON.stringify(answer.body)}`;
}

function fieldsText(fields: readonly Line[]): string {
  return `{ ${fields.map(([name, value]) => `${name}: ${value}`).join(' | ')} }`;
}

function disagreementText({ verdict, store, problem, answers }: Disagreement): string {
  const given = [...answers].map(
    ([question, answer]) => `\n     ${answer === 0 ? 'yes' : `no (${answer})`}: ${question}`,
  );
  return ` - ${problem}\n     the model: ${verdictText(verdict)}; stored: ${store.length}${given.join('')}`;
}

function verdictText(verdict: Verdict): string {
  if (verdict.kind === 'refuse') return '504';
  if (verdict.kind === 'serve')
    return `${runOf(verdict.stored.response.fields)} from the store${verdict.refresh ? ', and refresh it' : ''}`;
  const { validate, standIn } = verdict;
  const how = validate === undefined ? 'forward' : `validate ${runOf(validate.response.fields)}`;
  return standIn === undefined ? how : `${how}; ${runOf(standIn.response.fields)} stands in for an error`;
}

function runOf(fields: readonly Line[]): string {
  return `run ${fields.find(([name]) => name === 'X-Run')?.[1] ?? '?'}`;
}
