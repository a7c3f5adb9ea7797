// Health, the key figures, and what is known of the store and the ledger.

import { byId, fillPairs, setQuantity, setText } from './dom.js';
import { bytes, count, DASH, dayAndTime, duration, isNumber, joined, percent, rate, span } from './format.js';
import { recent } from './timeline.js';

const HEALTH = /** @type {Record<string, string>} */ ({
  healthy: 'Healthy',
  degraded: 'Degraded',
  unhealthy: 'Unhealthy',
});

/** @param {any} report */
export function showHealth(report) {
  const health = byId('health');
  health.dataset.status = report.status;
  setText(health, HEALTH[report.status] ?? String(report.status));
  const { processes = 1, since, now } = report;
  const who = processes === 1 ? '1 process' : `${count(processes)} processes`;
  setText(byId('extent'), `${who}, since ${dayAndTime(since)} (${span((now - since) / 1000)})`);
}

/** @param {any} report */
export function showFigures(report) {
  const { latency = {}, store = {} } = report;
  const minute = recent(report, 60);
  setQuantity(byId('figure-rate'), [percent(report.hitRate, 2), '%']);
  const lately = minute.hitRate === undefined ? 'no lookups' : `${percent(minute.hitRate)} %`;
  setText(byId('note-rate'), `Last minute: ${lately}`);
  setQuantity(byId('figure-requests'), [count(report.totalRequests), '']);
  setText(byId('note-requests'), `${rate(recent(report, 10).perSecond)} a second now`);
  for (const kind of ['hit', 'miss']) {
    const { p50, p99 } = latency[kind] ?? {};
    setQuantity(byId(`figure-${kind}`), duration(p50));
    setText(byId(`note-${kind}`), `Median; p99 ${joined(duration(p99))}`);
  }
  setQuantity(byId('figure-memory'), bytes(store.bytes));
  setText(byId('note-memory'), `${count(store.items)} entries`);
  const errors = byId('figure-errors');
  setQuantity(errors, [count(report.errors), '']);
  errors.classList.toggle('bad', report.recentErrors > 0);
  setText(byId('note-errors'), `${count(report.recentErrors)} recently`);
}

/** @param {any} report */
export function showStore(report) {
  const { store = {}, tiers = {}, ledger = {}, shadow = {} } = report;
  setText(byId('store-title'), store.kind === 'redis' ? 'Redis, memory and ledger' : 'Memory and ledger');
  gauge('bytes', store.bytes, store.maxBytes, (value) => joined(bytes(value)));
  gauge('items', store.items, store.maxItems, count);
  const volume = report.bytes ?? {};
  fillPairs(byId('answers'), [
    ['From memory', count(tiers.memory)],
    ['From Redis', store.kind === 'redis' || tiers.redis > 0 ? count(tiers.redis) : undefined],
    ['Shared a handler run', count(report.collapsed)],
    ['Bytes served', joined(bytes(volume.served))],
  ]);
  fillPairs(byId('writes'), [
    ['Stored', count(report.sets)],
    ['Bytes stored', joined(bytes(volume.stored))],
    ['Refreshed beside requests', count(report.refreshes)],
    ['Invalidations', count(report.deletes)],
    shadow.compared > 0
      ? [
          'Shadow, different',
          `${count(shadow.different)} of ${count(shadow.compared)}`,
          shadow.different > 0 ? 'flag-warn' : '',
        ]
      : ['Shadow, different', undefined],
  ]);
  const open = store.breaker === 'open';
  fillPairs(byId('ledger'), [
    ['State', ledger.current ? 'Current' : 'Behind', ledger.current ? '' : 'flag-bad'],
    [
      'Knows all up to',
      isNumber(ledger.lag)
        ? `${ledger.lag < 1000 ? `${Math.round(ledger.lag)} ms` : span(ledger.lag / 1000)} ago`
        : DASH,
    ],
    ['Sequence', count(ledger.sequence) === DASH ? DASH : String(ledger.sequence)],
    ['Epoch', ledger.epoch === undefined ? undefined : String(ledger.epoch), 'mono'],
    [
      'Breaker',
      store.breaker === undefined ? undefined : open ? 'Open: Redis is left out' : 'Closed',
      open ? 'flag-bad' : '',
    ],
  ]);
}

/**
 * A meter with its figures; without a bound the figure alone.
 * @param {string} id
 * @param {number | undefined} value
 * @param {number | undefined} most
 * @param {(value: number) => string} show
 */
function gauge(id, value, most, show) {
  const meter = byId(`${id}-meter`);
  const bounded = isNumber(most) && most > 0 && isNumber(value);
  meter.hidden = !bounded;
  const text = isNumber(value) ? show(value) : DASH;
  setText(byId(`${id}-text`), bounded ? `${text} of ${show(most)}` : text);
  if (!bounded) return;
  // A full cache is as it should be; what evicts is worth a colour.
  Object.assign(meter, { max: most, high: most * 0.95, optimum: 0, value });
}
