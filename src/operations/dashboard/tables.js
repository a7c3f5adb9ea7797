// The tables: latency, routes, tenants; and the reasons why something was not cached.

import { byId, element, fillList, setText } from './dom.js';
import { count, millis, percent } from './format.js';

/** As many rows are shown until all are asked for. */
const FEW = 8;

const LATENCIES = /** @type {[kind: string, name: string, mean: string][]} */ ([
  ['hit', 'Hit', 'averageHitTime'],
  ['miss', 'Miss', 'averageMissTime'],
  ['set', 'Store', 'averageSetTime'],
]);

/** @type {[field: string, title: string, show: (value: unknown) => string][]} */
const COLUMNS = [
  ['totalRequests', 'Requests', count],
  ['hitRate', 'Hits, %', percent],
  ['averageHitTime', 'Hit, ms', millis],
  ['averageMissTime', 'Miss, ms', millis],
];

/** In a word or two; the README has more. */
export const REASONS = /** @type {Record<string, string>} */ ({
  method: 'neither GET nor HEAD',
  target: 'the target is not a path',
  tenant: 'no tenant could be told',
  when: 'the option when said no',
  upgrade: 'the connection is upgraded',
  precondition: 'If-Match is for the handler',
  body: 'a GET or HEAD with a body',
  key: 'the option key or identity threw',
  request: 'the client said no-store',
  'only-if-cached': 'nothing stored, and no handler wanted',
  authorization: 'a personal request',
  cookie: 'a personal request',
  personal: 'a personal request',
  range: 'only a part was made',
  head: 'a HEAD has no body',
  status: 'not a status to keep',
  handler: 'the handler said noStore()',
  'no-store': 'the response says so',
  private: 'the response says so',
  'no-cache': 'the response says so',
  'set-cookie': 'sets a cookie',
  'vary-star': 'the response varies by anything',
  begun: 'a layer outside had begun the answer',
  shadow: 'shadow mode asked the handler',
  'vary-changed': 'a varying field was changed inside',
  'not-fresh': 'its lifetime was over',
  loop: 'a redirect to its own key',
  'event-stream': 'a stream of events',
  'no-body': 'no answer was given',
  trailers: 'fields came after the body',
  'too-large': 'over the bound',
  'length-mismatch': 'the body is not as long as said',
  aborted: 'the response did not end',
  tags: 'the option tags threw',
  invalidated: 'purged meanwhile',
  unavailable: 'Redis has not been reached yet',
});

/** @param {any} report */
export function showLatency(report) {
  fillList(byId('latency-rows'), LATENCIES, row(5), (child, [kind, name, mean]) => {
    const { p50, p90, p99, max } = report.latency?.[kind] ?? {};
    setText(child.children[0], name);
    [report[mean], p50, p90, p99, max].forEach((value, index) => {
      setText(child.children[index + 1], millis(value));
    });
  });
}

/** @param {any} report */
export function showReasons(report) {
  const entries = /** @type {[string, number][]} */ (Object.entries(report.reasons ?? {})).sort((a, b) => b[1] - a[1]);
  const most = entries[0]?.[1] ?? 0;
  byId('no-reasons').hidden = entries.length > 0;
  setText(byId('reasons-count'), entries.length === 0 ? '' : count(entries.reduce((sum, [, value]) => sum + value, 0)));
  const make = () =>
    element(
      'li',
      '',
      element('div', 'why', element('b'), element('span')),
      element('div'),
      element('div', 'bar', element('i')),
    );
  fillList(byId('reasons'), entries.slice(0, 12), make, (child, [reason, value]) => {
    const [why, figure, bar] = child.children;
    setText(why.children[0], reason);
    setText(why.children[1], REASONS[reason] ?? '');
    why.title = why.children[1].textContent;
    setText(figure, count(value));
    bar.firstChild.style.width = `${(value / most) * 100}%`;
  });
}

/**
 * A table of figures by name, sorted by the column that was asked for, the busiest first until then.
 * @param {string} id
 * @param {string} heading of the column of names
 */
export function createRanking(id, heading) {
  let field = 'totalRequests';
  let descending = true;
  let all = false;
  /** @type {{ figures: Record<string, any>, other: any }} */
  let last = { figures: {}, other: undefined };

  const head = element('tr', '', columnHead(heading));
  const body = element('tbody');
  byId(id).append(element('thead', '', head), body);
  for (const [name, title] of COLUMNS) {
    const button = element('button', '', title);
    button.setAttribute('type', 'button');
    button.addEventListener('click', () => {
      descending = field === name ? !descending : true;
      field = name;
      draw();
    });
    head.append(columnHead(button));
  }
  const toggle = byId(`${id}-all`);
  toggle.addEventListener('click', () => {
    all = !all;
    draw();
  });

  function draw() {
    const rows = Object.entries(last.figures).sort(([a, x], [b, y]) => {
      const order = (x[field] ?? 0) - (y[field] ?? 0) || (a < b ? 1 : -1);
      return descending ? -order : order;
    });
    COLUMNS.forEach(([name], index) => {
      const cell = head.children[index + 1];
      if (name === field) cell?.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      else cell?.removeAttribute('aria-sort');
    });
    const rest = last.other?.totalRequests > 0 ? [['', last.other, true]] : [];
    const shown = [...rows.slice(0, all ? rows.length : FEW), ...rest];
    setText(byId(`${id}-count`), rows.length === 0 ? '' : count(rows.length));
    toggle.hidden = rows.length <= FEW;
    toggle.setAttribute('aria-expanded', String(all));
    setText(toggle, all ? `Show the first ${FEW}` : `Show all ${count(rows.length)}`);
    fillList(body, shown, row(COLUMNS.length), fillRow);
  }

  return {
    /** @param {Record<string, any>} figures @param {any} other what is past the bound on names */
    show(figures = {}, other = undefined) {
      last = { figures, other };
      draw();
    },
  };
}

/** @param {HTMLElement} child @param {any[]} item */
function fillRow(child, [name, figures, isRest = false]) {
  const [head, ...cells] = /** @type {HTMLElement[]} */ ([...child.children]);
  child.className = isRest ? 'rest' : '';
  if (head === undefined) return;
  const title = isRest ? 'All others' : name === '' ? '(none)' : name;
  head.title = title;
  head.className = name === '' ? 'none' : '';
  setText(head, title);
  COLUMNS.forEach(([field, , show], index) => {
    const cell = cells[index];
    if (cell === undefined) return;
    if (field === 'hitRate') fillShare(cell, figures.hitRate);
    else setText(cell, show(figures[field]));
  });
}

/** A percentage, with a bar of that length. @param {HTMLElement} cell @param {number} value */
function fillShare(cell, value) {
  if (cell.firstElementChild === null) cell.append(element('span', 'share', element('i')), element('span'));
  const [bar, text] = /** @type {any} */ (cell.children);
  bar.firstChild.style.width = `${Math.min(100, Math.max(0, value ?? 0))}%`;
  setText(text, percent(value));
}

/** A maker of rows: a heading and its cells. */
function row(/** @type {number} */ cells) {
  return () => {
    const head = element('th');
    head.setAttribute('scope', 'row');
    return element('tr', '', head, ...Array.from({ length: cells }, () => element('td')));
  };
}

function columnHead(/** @type {import('./dom.js').Child} */ content) {
  const head = element('th', '', content);
  head.setAttribute('scope', 'col');
  return head;
}
