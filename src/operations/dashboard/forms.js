// Invalidate, warm and clear. What destroys asks first.

import { byId, element, fillList, setText } from './dom.js';
import { count } from './format.js';
import { post, Refused } from './server.js';

/** @typedef {'done' | 'warning' | 'failed' | ''} Kind */

/** Makes the forms work. */
export function setUpForms() {
  onSubmit('invalidate', invalidate);
  onSubmit('warm', warm);
  onSubmit('clear', clear);
}

/**
 * Runs one submission at a time, and says in the form's status what became of it.
 * @param {string} id
 * @param {(form: HTMLFormElement, say: (text: string, kind?: Kind) => void) => Promise<void>} run
 */
export function onSubmit(id, run) {
  const form = byId(`${id}-form`);
  const status = byId(`${id}-status`);
  const button = form.querySelector('button[type=submit]');
  const say = (/** @type {string} */ text, /** @type {Kind} */ kind = '') => {
    status.dataset.kind = kind;
    setText(status, text);
  };
  form.addEventListener('submit', async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    // Not `disabled`: that takes the focus away, and whoever has only keys begins at the top of the page again.
    if (button.ariaDisabled === 'true') return;
    button.ariaDisabled = 'true';
    say('');
    try {
      await run(form, say);
    } catch (error) {
      if (!(error instanceof Refused)) console.warn('respcache:', error);
      say(error instanceof Refused ? error.message : 'The answer could not be read.', 'failed');
    } finally {
      button.ariaDisabled = 'false';
    }
  });
}

/** @type {Parameters<typeof onSubmit>[1]} */
async function invalidate(form, say) {
  const named = textOf(form, 'tenant').trim();
  const nobody = new FormData(form).has('nobody');
  if (nobody && named !== '') return say('Name a tenant, or choose the requests that name none.', 'failed');
  const tenant = nobody ? null : named;
  const lists = { keys: linesOf(form, 'keys'), tags: linesOf(form, 'tags'), patterns: linesOf(form, 'patterns') };
  const filled = Object.entries(lists).filter(([, list]) => list.length > 0);
  if (filled.length === 0) return say('Name a key, a tag or a pattern.', 'failed');
  if (tenant === '' && lists.keys.length + lists.patterns.length > 0) {
    form.querySelector('input')?.focus();
    return say('Keys and patterns are those of a tenant: name it.', 'failed');
  }
  const one = nobody ? 'requests that name no tenant' : `the tenant ${named}`;
  const agreed = await confirmed({
    title: 'Invalidate?',
    text: `For ${tenant === '' ? 'all tenants' : one}:`,
    items: filled.map(([kind, list]) => `${kind}: ${list.join(', ')}`),
    yes: 'Invalidate',
  });
  if (!agreed) return;
  const receipt = await post('invalidate', { ...(tenant === '' ? {} : { tenant }), ...Object.fromEntries(filled) });
  sayReceipt('Invalidated', receipt, say);
}

/** @type {Parameters<typeof onSubmit>[1]} */
async function clear(_form, say) {
  const agreed = await confirmed({
    title: 'Clear the cache?',
    text: 'Everything is made anew by its handler, for every tenant and in every process.',
    items: [],
    yes: 'Clear the cache',
  });
  if (agreed) sayReceipt('Cleared', await post('clear', {}), say);
}

/** @type {Parameters<typeof onSubmit>[1]} */
async function warm(form, say) {
  const urls = linesOf(form, 'urls');
  const tenants = linesOf(form, 'tenants');
  const popular = Number(textOf(form, 'popular'));
  const problems = byId('warm-problems');
  problems.replaceChildren();
  if (urls.length === 0 && !(popular > 0)) return say('Name URLs, or how many of the most asked.', 'failed');
  say('Warming…');
  const report = await post('warm', {
    ...(urls.length > 0 ? { urls } : {}),
    ...(popular > 0 ? { popular } : {}),
    ...(tenants.length > 0 ? { tenants } : {}),
  });
  const { requested, warmed, fresh, uncacheable, failed } = report;
  const parts = [`${count(warmed)} warmed`, `${count(fresh)} fresh already`];
  if (uncacheable > 0) parts.push(`${count(uncacheable)} not cacheable`);
  if (failed > 0) parts.push(`${count(failed)} failed`);
  say(`Of ${count(requested)}: ${parts.join(', ')}.`, uncacheable + failed > 0 ? 'warning' : 'done');
  fillList(
    problems,
    (report.problems ?? []).slice(0, 20),
    () => element('li'),
    (item, { url, tenant, reason }) => {
      setText(item, `${url}${tenant ? ` (${tenant})` : ''}: ${reason}`);
    },
  );
}

/** @param {string} done @param {any} receipt @param {(text: string, kind?: Kind) => void} say */
function sayReceipt(done, { sequence, durable }, say) {
  if (durable) return say(`${done} in every process. Sequence ${sequence}.`, 'done');
  say(
    `${done} in this process; not durable yet: it is tried again until Redis has it. Sequence ${sequence}.`,
    'warning',
  );
}

/**
 * Asks, and waits for the answer; Escape is a no.
 * @param {{ title: string, text: string, items: string[], yes: string }} question
 * @returns {Promise<boolean>}
 */
function confirmed({ title, text, items, yes }) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  fillList(byId('confirm-list'), items, () => element('li'), setText);
  return new Promise((resolve) => {
    const answers = new AbortController();
    const { signal } = answers;
    const close = (/** @type {boolean} */ answer) => {
      answers.abort();
      dialog.close();
      resolve(answer);
    };
    byId('confirm-yes').addEventListener('click', () => close(true), { signal });
    byId('confirm-no').addEventListener('click', () => close(false), { signal });
    dialog.addEventListener('cancel', () => close(false), { signal });
    dialog.showModal();
    // The harmless answer has the focus.
    byId('confirm-no').focus();
  });
}

/** @param {HTMLFormElement} form @param {string} name @returns {string} */
export function textOf(form, name) {
  return String(new FormData(form).get(name) ?? '');
}

/** @param {HTMLFormElement} form @param {string} name @returns {string[]} */
function linesOf(form, name) {
  return textOf(form, name)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
