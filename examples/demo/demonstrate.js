import { setTimeout as sleep } from 'node:timers/promises';
import { startAll, stopAll } from './applications.js';
import { Client } from './client.js';
import { describe, silence } from './redis.js';
import { runSteps } from './run.js';
import { steps } from './steps.js';
import { painter, table } from './table.js';

/** How long each call of the database takes, ms. */
const LATENCY = 50;

/** The figures that every cache keeps, with their units. */
const FIGURES = {
  hits: '',
  misses: '',
  sets: '',
  deletes: '',
  errors: '',
  totalRequests: '',
  hitRate: '%',
  averageHitTime: 'ms',
  averageSetTime: 'ms',
};

const COLUMNS = [
  { title: '#', right: true },
  { title: 'step' },
  { title: 'tenant' },
  { title: 'request' },
  { title: 'code' },
  { title: 'cache' },
  { title: 'handler', right: true },
  { title: 'hit', right: true },
  { title: 'reads' },
];

/** Runs all steps on both applications and prints what happened. Returns the exit code. */
export async function demonstrate({ url, prefix, store }) {
  const paint = painter();
  // The applications come first: they check the environment, and a bad value is reported by its name.
  const applications = await startAll({ url, prefix, latency: LATENCY });
  let caching = true;
  try {
    console.log(paint('bold', `respcache: two applications, two tenants, a database that takes ${LATENCY} ms a call`));
    console.log(`Store: ${store}`);
    const reason = url === undefined ? undefined : await silence(url);
    if (reason === undefined) await Promise.all(applications.map(({ cache }) => ready(cache)));
    caching = reason === undefined;
    const results = [];
    for (const application of applications) {
      const rows = await runSteps(application, steps, { caching });
      console.log(`\n${paint('bold', application.name)}, http://127.0.0.1:${application.port}\n`);
      console.log(stepTable(rows, paint));
      console.log(`\n${comparison(rows)}`);
      results.push({ name: application.name, rows, stats: await statistics(application, caching ? rows : []) });
    }
    console.log(`\n${paint('bold', 'Statistics')} (GET /cache)\n\n${statisticsTable(results, paint)}\n`);
    return conclude(results, { caching, url, reason, paint });
  } finally {
    await stopAll(applications, { url: caching ? url : undefined, prefix });
  }
}

/** Waits for a cache's first connection, and for its ledger of invalidations: nothing is stored before. */
async function ready(cache) {
  for (let attempt = 0; attempt < 50 && !(await cache.health()).reachable; attempt++) await sleep(100);
  await cache.has('anything', 'anybody');
}

/** Says how it went, and returns the exit code. */
async function conclude(results, { caching, url, reason, paint }) {
  const failures = results.flatMap(({ name, rows, stats }) => [
    ...rows.flatMap(({ step, problems }, index) =>
      problems.length === 0 ? [] : [`${name}, step ${index + 1}, ${step.request}: ${problems.join('; ')}`],
    ),
    ...(caching ? miscounts(rows, stats).map((problem) => `${name}, statistics: ${problem}`) : []),
  ]);
  for (const failure of failures) console.error(`${paint('red', 'FAILED')} ${failure}`);
  // It may also have gone away in the middle.
  const silent = reason ?? (failures.length > 0 && url !== undefined ? await silence(url) : undefined);
  if (silent !== undefined) {
    console.error(`Redis at ${describe(url)} does not answer (${silent}), so that nothing could be cached.`);
    if (failures.length === 0) console.error('Every request was answered all the same, by its handler.');
    return 1;
  }
  if (failures.length > 0) return 1;
  const count = results.reduce((sum, { rows }) => sum + rows.length, 0);
  console.log(paint('green', `All ${count} answers, and the statistics, are as they should be.`));
  return 0;
}

function stepTable(rows, paint) {
  const cells = rows.map(({ step, answer, cache, reads: [before, after], problems }, index) => {
    const { says, tenant, request } = step;
    const number = `${problems.length > 0 ? '✗' : '✓'} ${String(index + 1).padStart(2)}`;
    const ms = `${answer.ms.toFixed(1)} ms`;
    const times = cache.startsWith('HIT') ? ['', ms] : [ms, ''];
    const reads = after > before ? `${before} → ${after}` : `${after}`;
    return [number, says, tenant, request, `${answer.status}`, cache, ...times, reads];
  });
  const colourOf = (row, column) => {
    if (rows[row].problems.length > 0) return 'red';
    return column === 5 ? colourOfVerdict(rows[row].cache) : undefined;
  };
  return table(COLUMNS, cells, colourOf, paint);
}

function colourOfVerdict(cache) {
  if (cache.startsWith('HIT')) return 'green';
  if (cache.startsWith('MISS')) return 'yellow';
  return cache.startsWith('invalidated') ? 'magenta' : 'dim';
}

/** The middle times of answers with and without the cache, side by side. */
function comparison(rows) {
  const times = (select) => rows.filter(select).map(({ answer }) => answer.ms);
  const handler = median(times(({ reads: [before, after] }) => after > before));
  const hit = median(times(({ cache }) => cache.startsWith('HIT')));
  if (hit === undefined) return `Median: ${handler.toFixed(1)} ms from the handler, no hit.`;
  const factor = Math.round(handler / hit);
  return `Median: ${handler.toFixed(1)} ms from the handler, ${hit.toFixed(1)} ms from the cache: ${factor} times as fast.`;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

async function statistics({ port }, rows) {
  const client = new Client(port);
  try {
    // Nobody waits until Redis has stored something: the last `set` is counted a moment after its answer has left.
    for (let attempt = 0; ; attempt++) {
      const stats = JSON.parse((await client.send('GET /cache', {})).text);
      if (attempt === 20 || rows.length === 0 || miscounts(rows, stats).length === 0) return stats;
      await sleep(25);
    }
  } finally {
    client.close();
  }
}

function statisticsTable(results, paint) {
  const columns = [{ title: 'figure' }, ...results.map(({ name }) => ({ title: name, right: true })), { title: '' }];
  const rows = Object.entries(FIGURES).map(([name, unit]) => [
    name,
    ...results.map(({ stats }) => `${stats[name]}`),
    unit,
  ]);
  return table(columns, rows, () => undefined, paint);
}

/** Each request counts once, as what it was. */
function miscounts(rows, stats) {
  const count = (start) => rows.filter(({ cache }) => cache.startsWith(start)).length;
  const expected = {
    hits: count('HIT'),
    misses: count('MISS'),
    sets: rows.filter(({ cache }) => cache === 'MISS').length,
    errors: 0,
    totalRequests: rows.length - count('not asked'),
  };
  return Object.entries(expected)
    .filter(([name, number]) => stats[name] !== number)
    .map(([name, number]) => `${name}: expected ${number}, got ${stats[name]}`);
}
