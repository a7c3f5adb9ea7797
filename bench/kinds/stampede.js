// A crowd at one cold key: how often does the handler run, and how long does it take until all have their answer?

import { Crew } from '../lib/crew.js';
import { applyLoad } from '../lib/load.js';
import { quantile } from '../lib/spread.js';
import { request } from '../lib/traffic.js';

const CROWD = 200;
/** Keys asked for one after the other; the first page is for warming. */
const PAGES = [1, 2, 3];

export const columns = [
  { title: 'processes', of: ({ processes }) => String(processes) },
  { title: 'runs', of: ({ runs }) => String(runs) },
  { title: 'until all have it, ms', of: ({ took }) => took.toFixed(0) },
];

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const rows = await crew.oneByOne(scene.entries, (entry) => measureOne(entry, crew));
  return { rows, notes: [] };
}

async function measureOne(entry, crew) {
  const { processes } = entry.config;
  const contenders = [];
  try {
    for (let i = 0; i < processes; i++) contenders.push(await crew.startOne(entry, { prefix: entry.slug }));
    await Promise.all(contenders.map((each) => crowd(each, crew, 0, 8)));
    const tries = [];
    for (const page of PAGES) {
      const before = await countRuns(contenders);
      const start = performance.now();
      await Promise.all(contenders.map((each) => crowd(each, crew, page, CROWD / processes)));
      const took = performance.now() - start;
      tries.push({ runs: (await countRuns(contenders)) - before, took });
    }
    const median = (key) =>
      quantile(
        tries.map((each) => each[key]).sort((a, b) => a - b),
        0.5,
      );
    return { processes, runs: median('runs'), took: median('took') };
  } finally {
    await Promise.all(contenders.map((each) => each.stop()));
  }
}

/** Each connection asks once. */
function crowd(contender, crew, page, connections) {
  const job = { ...crew.job(contender), connections, awake: false, request: () => request(page) };
  return applyLoad(contender.port, { ...job, seconds: 30, most: 1 });
}

async function countRuns(contenders) {
  const counts = await Promise.all(contenders.map((each) => each.ask('runs')));
  return counts.reduce((sum, { runs }) => sum + runs, 0);
}
