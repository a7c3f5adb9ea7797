// The page: reports come in, figures go out. The other files beside this one are put before it, as one script.

import { createCharts } from './charts.js';
import { byId, setText } from './dom.js';
import { setUpForms } from './forms.js';
import { setUpInspector } from './inspector.js';
import { listen } from './live.js';
import { showFigures, showHealth, showStore } from './overview.js';
import { addressOf, authorization, setToken, token } from './server.js';
import { createRanking, showLatency, showReasons } from './tables.js';

const charts = createCharts();
const routes = createRanking('routes', 'Route');
const tenants = createRanking('tenants', 'Tenant');

let scope = 'process';
let paused = false;
/** The newest report, which is not shown yet while the page is paused. */
/** @type {any} */
let latest;

function show() {
  if (latest === undefined || paused) return;
  const report = latest;
  byId('main').removeAttribute('aria-busy');
  showHealth(report);
  showFigures(report);
  showStore(report);
  showLatency(report);
  showReasons(report);
  showAuthorized(report);
  charts.show(report);
}

/** @param {any} report */
function showAuthorized(report) {
  const authorized = report.authorized === true;
  document.body.toggleAttribute('data-authorized', authorized);
  for (const section of document.querySelectorAll('.for-authorized')) section.toggleAttribute('hidden', !authorized);
  routes.show(authorized ? report.routes : {}, authorized ? report.other?.routes : undefined);
  tenants.show(authorized ? report.tenants : {}, authorized ? report.other?.tenants : undefined);
}

const stream = listen({
  url: () => addressOf('events', { scope }),
  headers: authorization,
  onReport: (report) => {
    latest = report;
    show();
  },
  onState: (state, text) => {
    const connection = byId('connection');
    connection.dataset.state = state;
    document.body.dataset.connection = state;
    // What is shown is read out: nothing is, as long as it stays the same.
    setText(connection, text);
  },
});

for (const choice of document.querySelectorAll('input[name=scope]')) {
  choice.addEventListener('change', () => {
    scope = /** @type {HTMLInputElement} */ (choice).value;
    stream.restart();
  });
}

byId('pause').addEventListener('click', (/** @type {Event} */ event) => {
  paused = !paused;
  const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
  button.setAttribute('aria-pressed', String(paused));
  setText(button, paused ? 'Paused' : 'Pause');
  show();
});

/** The focus goes to what opens it: what is closed would take it along. */
function closeAccess() {
  byId('access').open = false;
  byId('access').querySelector('summary').focus();
}

/** @param {string} value */
function useToken(value) {
  setToken(value);
  byId('token').value = '';
  byId('access').classList.toggle('used', value !== '');
  closeAccess();
  stream.restart();
}

byId('access').classList.toggle('used', token() !== '');
byId('token-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  useToken(byId('token').value.trim());
});
byId('forget').addEventListener('click', () => useToken(''));
byId('access').addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
  if (event.key === 'Escape') closeAccess();
});

// By the server's clock: this machine's may be another.
setUpInspector(() => latest?.now ?? Date.now());
setUpForms();
