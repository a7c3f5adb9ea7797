// What a request would be answered with, and why.

import { byId, element, fillPairs } from './dom.js';
import { bytes, isNumber, joined, span, timeOfDay } from './format.js';
import { onSubmit, textOf } from './forms.js';
import { get } from './server.js';

const VERDICTS = /** @type {Record<string, string>} */ ({
  hit: 'Hit',
  stale: 'Stale, served',
  revalidate: 'Asks the handler whether it still stands',
  miss: 'Miss',
  bypass: 'Bypass',
});

/** Makes the form work; `now` is the server's clock, in ms since 1970. */
export function setUpInspector(/** @type {() => number} */ now) {
  onSubmit('inspect', async (form) => {
    const tenant = textOf(form, 'tenant').trim();
    byId('explanation').replaceChildren();
    const found = await get('explain', { url: textOf(form, 'url').trim(), ...(tenant === '' ? {} : { tenant }) });
    byId('inspect-hint').hidden = true;
    byId('explanation').replaceChildren(...explain(found, now()));
  });
}

/** @param {any} found @param {number} now @returns {HTMLElement[]} */
function explain(found, now) {
  const pill = element('span', 'pill', VERDICTS[found.outcome] ?? String(found.outcome));
  pill.dataset.status = found.outcome;
  const verdict = element(
    'div',
    'verdict',
    pill,
    found.reason !== undefined && element('span', 'quiet', String(found.reason)),
    found.key !== undefined && element('code', '', String(found.key)),
  );
  const findings = element('div', 'findings', steps(found.steps ?? []), found.entry && entry(found.entry));
  return [verdict, ...(found.killedBy ? [killed(found.killedBy, now)] : []), findings];
}

/** @param {{ step: string, ok: boolean, text: string }[]} list */
function steps(list) {
  const items = list.map(({ step, ok, text }) => {
    const sign = element('span', 'sign', ok ? '✓' : '✗');
    sign.setAttribute('role', 'img');
    sign.setAttribute('aria-label', ok ? 'yes' : 'no');
    return element(
      'li',
      ok ? 'yes' : 'no',
      sign,
      element('span', 'step', String(step)),
      element('span', '', String(text)),
    );
  });
  return element('ol', 'steps', ...items);
}

/** @param {{ by: string, name?: string, sequence: number, at: number }} purge @param {number} now */
function killed({ by, name, sequence, at }, now) {
  const what = name === undefined ? by : `${by} ${name}`;
  const ago = span((now - at) / 1000);
  return element('p', 'killed', `Invalidated by ${what} at ${timeOfDay(at)}, ${ago} ago (sequence ${sequence}).`);
}

/** @param {any} stored */
function entry(stored) {
  const { tier, status, contentType, storedAt, age, freshFor, keptFor, tags = [], name, varies } = stored;
  const list = element('dl', 'pairs');
  fillPairs(list, [
    ['Response', [status, contentType].filter(Boolean).join(' ')],
    ['Size', joined(bytes(stored.bytes))],
    ['Found in', tier === 'redis' ? 'Redis' : 'memory'],
    ['Stored at', timeOfDay(storedAt)],
    ['Age', span(age)],
    ['Freshness', isNumber(freshFor) && freshFor < 0 ? `over since ${span(-freshFor)}` : `${span(freshFor)} left`],
    ['Kept for', span(keptFor)],
    ['Name', name === undefined ? undefined : String(name)],
    ['Varies by', listed(varies)],
    [
      'Tags',
      tags.length === 0
        ? 'none'
        : element('ul', 'tags', ...tags.map((/** @type {unknown} */ tag) => element('li', '', String(tag)))),
    ],
  ]);
  return element('div', 'entry', list, headers(stored.headers ?? {}));
}

/** @param {Record<string, unknown> | [string, unknown][]} fields */
function headers(fields) {
  const pairs = Array.isArray(fields) ? fields : Object.entries(fields);
  const list = element('dl', 'pairs');
  // A term for each field, and for each of its lines one.
  fillPairs(
    list,
    pairs.flatMap(([field, value]) =>
      (Array.isArray(value) ? value : [value]).map((each) => /** @type {[string, string]} */ ([field, String(each)])),
    ),
  );
  return element('details', 'headers', element('summary', '', `Header fields (${list.children.length / 2})`), list);
}

/** @param {unknown} varies @returns {string | undefined} */
function listed(varies) {
  if (Array.isArray(varies)) return varies.length === 0 ? undefined : varies.join(', ');
  if (typeof varies === 'boolean') return varies ? 'some fields' : undefined;
  return varies === undefined || varies === '' ? undefined : String(varies);
}
