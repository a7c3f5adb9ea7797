// How hits and Redis' load grow with a site: formulas, a simulation, and a check of both against real processes.

import { fileURLToPath } from 'node:url';
import { GEOMETRY } from '../../build/src/invalidation/purge-table.js';
import { FLAG, readArguments, TEXT } from '../lib/arguments.js';
import { machine } from '../lib/machine.js';
import { describeMachine } from '../lib/report.js';
import { capacity } from './capacity.js';
import { collision } from './che.js';
import { measure } from './measure.js';
import { addLoads, loadsOfShards } from './operations.js';
import { predict, SETUP, sizesOf } from './paper.js';
import { CHECK, SCENARIOS } from './scenarios.js';
import { simulate } from './simulator.js';
import { Site } from './site.js';
import { falselyPurged } from './sketch.js';
import { checkTable, collisionTable, markdown, scenarioTable, shardTable, write } from './tables.js';
import { TRAFFIC, trace } from './trace.js';

const NAMES = [...SCENARIOS.map(({ name }) => name), 'shards', 'collisions', 'capacity', 'check'];
const USAGE = `npm run bench:scaling -- [options]

  --quick        less of each: under a minute
  --only <list>  some of the tables, several with commas: ${NAMES.join(', ')}
  --write        puts those that were made into docs/scaling.md
`;

const { quick, only, writes } = readArguments(
  process.argv.slice(2),
  { usage: USAGE, options: { quick: FLAG, write: FLAG, only: TEXT } },
  ({ quick, write, only }) => {
    if (quick && write) throw new Error('--write takes the figures of a whole run: leave --quick out');
    return { quick, writes: write, only: only === undefined ? NAMES : chosen(only.split(',')) };
  },
);

function chosen(names) {
  if (names.every((name) => NAMES.includes(name))) return names;
  throw new Error(`--only takes names of tables (${NAMES.join(', ')}), several with commas, not ${names}`);
}

const PAGE = fileURLToPath(new URL('../../docs/scaling.md', import.meta.url));
/** Of a quick run: every scenario's first and last row, with a shorter life and a shorter trace, too short for sweeps. */
const SHORT = { traffic: { seconds: 60 }, setup: { ttl: 20, sweeps: false } };

function settled({ traffic, setup }) {
  const short = quick ? SHORT : {};
  return {
    traffic: { ...TRAFFIC, ...short.traffic, ...traffic },
    setup: { ...SETUP, ...short.setup, ...setup },
  };
}

function compute(row) {
  const { traffic, setup } = settled(row);
  const site = new Site(row.body);
  const average = site.average(traffic, setup.kind);
  const paper = predict(row.same ? settled({}).traffic : traffic, setup, average);
  const simulated = row.paper ? undefined : simulate(trace(traffic), traffic, setup, site);
  return { label: row.label, paper, simulated };
}

async function check(row) {
  const { bytes } = CHECK;
  const traffic = { ...TRAFFIC, ...CHECK.traffic, ...(quick ? { seconds: 10 } : {}) };
  const setup = { ...SETUP, ...CHECK.setup, ...row.setup };
  const shards = row.shards ?? 1;
  const site = new Site({ bytes });
  const {
    sent,
    began: from,
    ...measured
  } = await measure(trace(traffic), traffic, setup, { bytes, from: CHECK.from, shards });
  if (measured.errors > 0) throw new Error(`${measured.errors} errors while measuring: the figures are worth nothing`);
  // As it was sent in the end, on a machine that may have been late.
  const seconds = sent.at(-1).at;
  const counted = sent.filter(({ at }) => at >= from);
  const real = { ...traffic, seconds, rate: counted.length / (seconds - from) };
  real.writes = counted.filter(({ write }) => write).length / counted.length;
  const average = site.average(real, setup.kind);
  const shared = (result) => {
    const loads = loadsOfShards(result.done, shards, sizesOf(setup, average));
    return { ...result, load: loads.reduce(addLoads), shards: loads };
  };
  // And as long as its handlers took.
  const filled = { ...setup, fill: measured.fill };
  const simulated = shared(simulate(sent, real, filled, site, from));
  return { label: row.label, paper: shared(predict(real, filled, average)), simulated, measured };
}

function sketch() {
  return [1000, 4000, 10_000, 30_000, 65_536, 131_072].map((tags) => ({
    tags,
    simple: Math.min(1, (tags / 2 ** GEOMETRY.bits) ** GEOMETRY.rows),
    paper: collision(tags, 1, GEOMETRY),
    real: falselyPurged(tags, quick ? 20_000 : 1_000_000, GEOMETRY),
    entry: collision(tags, 6, GEOMETRY),
  }));
}

async function costs() {
  const found = await capacity(quick ? { times: 500 } : {});
  const row = (what, µs) => [what, µs.toFixed(1), Math.round(1e6 / µs).toLocaleString('en')];
  return markdown(
    ['', 'µs of Redis’ CPU', 'so many a second keep its thread busy'],
    [
      row('a lookup, 32 in one write', found.together),
      row('a lookup that comes alone', found.alone),
      row('a purge of one tag', found.purge),
    ],
  );
}

async function checks() {
  const found = [];
  for (const row of quick ? CHECK.rows.slice(0, 1) : CHECK.rows) found.push(await check(row));
  return checkTable(found);
}

function onShards() {
  const { traffic, setup } = settled({});
  return shardTable(compute({ paper: true }), setup, new Site().average(traffic, setup.kind));
}

const tables = {};
async function tell(name, about, make) {
  if (!only.includes(name)) return;
  tables[name] = await make();
  process.stdout.write(`${name}: ${about}\n\n${tables[name]}\n\n`);
}

const place = `Node ${process.version}, ${describeMachine(await machine())}`;
process.stdout.write(`${place}\nsimulated (on paper)\n\n`);
if (quick) {
  const { traffic, setup } = SHORT;
  process.stdout.write(
    `quick: a ttl of ${setup.ttl} s, ${traffic.seconds} s of traffic, no sweeps, whatever a row's name says\n\n`,
  );
}
for (const { name, heading, about, rows } of SCENARIOS) {
  const chosen = quick ? [rows[0], rows.findLast(({ paper }) => !paper)] : rows;
  await tell(name, about, () => scenarioTable(heading, chosen.map(compute)));
}
await tell('shards', 'on paper', onShards);
await tell('collisions', '4 rows of 65,536 buckets', () => collisionTable(sketch()));
await tell('capacity', 'CPU time of Redis', costs);
await tell('check', 'real processes, a real Redis, the same trace', checks);
if (tables.capacity !== undefined) tables.machine = place.split('\n')[0];
if (writes) write(PAGE, tables);
