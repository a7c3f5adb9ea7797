import { Client } from './client.js';

/**
 * @typedef {object} Row one step, done
 * @property {(typeof import('./steps.js').steps)[number]} step
 * @property {{ status: number, headers: import('node:http').IncomingHttpHeaders, text: string, ms: number }} answer
 * @property {string} cache what the cache said
 * @property {[before: number, after: number]} reads how often this run has read the database
 * @property {string[]} problems what is not as the step says
 */

/**
 * Sends the requests of all steps to an application, one after the other, and checks what comes back.
 *
 * @param {{ port: number, cache: import('respcache').Cache, database: { reads: number } }} application
 * @param {typeof import('./steps.js').steps} steps
 * @param {{ caching?: boolean }} [options] `caching: false`: there is no store, only the handlers' answers are checked
 * @returns {Promise<Row[]>}
 */
export async function runSteps({ port, cache, database }, steps, { caching = true } = {}) {
  const client = new Client(port);
  /** @type {{ durable: boolean }[]} */
  const purges = [];
  const off = cache.on('purge', (purge) => purges.push(purge));
  const seen = {};
  const rows = [];
  let total = 0;
  try {
    for (const step of steps) {
      purges.length = 0;
      const before = database.reads;
      const headers = { 'x-client-id': step.tenant, ...step.headers?.(seen) };
      const answer = await client.send(step.request, headers, step.json);
      const reads = [total, total + database.reads - before];
      total = reads[1];
      const row = { step, answer, cache: verdict(answer, purges), reads };
      rows.push({ ...row, problems: await problemsOf(row, seen, database, caching) });
      if (step.as) seen[step.as] = answer;
    }
    return rows;
  } finally {
    off();
    client.close();
  }
}

/** What the cache did with a request, by its `Cache-Status` and by what it told of invalidations meanwhile. */
export function verdict({ status, headers }, purges = []) {
  const said = headers['cache-status'];
  if (said === undefined) return 'not asked';
  const [, forward, stored, detail] =
    /^respcache(?:; fwd=([\w-]+))?(; stored)?.*?(?:; detail=([\w-]+))?$/.exec(said) ?? [];
  if (/^respcache; hit\b/.test(said)) return status === 304 ? 'HIT, 304' : 'HIT';
  if (forward === 'method') return invalidated(purges);
  if (forward === 'bypass') return `bypass: ${detail}`;
  return stored ? 'MISS' : `MISS: ${detail}`;
}

function invalidated(purges) {
  if (purges.length === 0) return 'untouched';
  return purges.every(({ durable }) => durable) ? 'invalidated' : 'invalidated here';
}

async function problemsOf({ step, answer, cache, reads }, seen, database, caching) {
  const problems = [];
  const expect = (what, expected, got) => {
    if (expected !== got) problems.push(`${what}: expected ${expected}, got ${got}`);
  };
  // Who has stored nothing may answer a conditional request in full.
  const full = !caching && step.status === 304 && answer.status === 200;
  if (!full) expect('status', step.status, answer.status);
  if (caching) {
    expect('cache', step.cache, cache);
    expect('database reads', step.reads ?? 0, reads[1] - reads[0]);
  }
  if (step.body && !full && problems.length === 0) {
    const [words, holds] = step.body;
    if (!(await holds(answer, seen, database)))
      problems.push(`body: expected ${words}, got ${answer.text.slice(0, 200)}`);
  }
  if (problems.length > 0) problems.push(`Cache-Status: ${answer.headers['cache-status'] ?? 'none'}`);
  return problems;
}
