// How hits and Redis' load grow with a site: formulas, a simulation, and a check of both against real processes.
// `--quick` takes less of each (under a minute), `--write` puts the tables into docs/scaling.md.

import { fileURLToPath } from 'node:url';
import { GEOMETRY } from '../../dist/src/invalidation/purge-table.js';
import { describeMachine, machine } from '../lib/report.js';
import { capacity } from './capacity.js';
import { collision } from './che.js';
import { measure } from './measure.js';
import { loadsOfShards } from './operations.js';
import { predict, SETUP, sizesOf } from './paper.js';
import { CHECK, SCENARIOS } from './scenarios.js';
import { simulate } from './simulator.js';
import { Site } from './site.js';
import { falselyPurged } from './sketch.js';
import { checkTable, collisionTable, markdown, scenarioTable, shardTable, write } from './tables.js';
import { TRAFFIC, trace } from './trace.js';

const quick = process.argv.includes('--quick');
const writes = process.argv.includes('--write');
if (quick && writes) throw new Error('--write takes the figures of a whole run: leave --quick out');

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
  const { sent, ...measured } = await measure(trace(traffic), traffic, setup, { bytes, from: CHECK.from, shards });
  if (measured.errors > 0) throw new Error(`${measured.errors} errors while measuring: the figures are worth nothing`);
  // As it was sent in the end, on a machine that may have been late.
  const seconds = sent.at(-1).at;
  const counted = sent.filter(({ at }) => at >= CHECK.from);
  const from = counted[0].at;
  const real = { ...traffic, seconds, rate: counted.length / (seconds - from) };
  real.writes = counted.filter(({ write }) => write).length / counted.length;
  const average = site.average(real, setup.kind);
  const shared = (result) => ({ ...result, shards: loadsOfShards(result.done, shards, sizesOf(setup, average)) });
  const simulated = shared(simulate(sent, real, setup, site, from));
  return { label: row.label, paper: shared(predict(real, setup, average)), simulated, measured };
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

const tables = {};
const tell = (name, about, table) => {
  tables[name] = table;
  process.stdout.write(`${name}: ${about}\n\n${table}\n\n`);
};

process.stdout.write(`${describeMachine(machine())}\nsimulated (on paper)\n\n`);
for (const { name, heading, about, rows } of SCENARIOS) {
  const chosen = quick ? [rows[0], rows.findLast(({ paper }) => !paper)] : rows;
  tell(name, about, scenarioTable(heading, chosen.map(compute)));
}
const { traffic, setup } = settled({});
tell('shards', 'on paper', shardTable(compute({ paper: true }), setup, new Site().average(traffic, setup.kind)));
tell('collisions', `4 rows of 65,536 buckets`, collisionTable(sketch()));
const cost = await capacity(quick ? { times: 500 } : {});
const [together, alone, purge] = [cost.together, cost.alone, cost.purge].map((µs) => µs.toFixed(1));
tell(
  'capacity',
  'CPU time of Redis',
  markdown(
    ['', 'µs of Redis’ CPU', 'so many a second keep its thread busy'],
    [
      ['a lookup, 32 in one write', together, Math.round(1e6 / cost.together).toLocaleString('en')],
      ['a lookup that comes alone', alone, Math.round(1e6 / cost.alone).toLocaleString('en')],
      ['a purge of one tag', purge, Math.round(1e6 / cost.purge).toLocaleString('en')],
    ],
  ),
);
const checked = [];
for (const row of quick ? CHECK.rows.slice(0, 1) : CHECK.rows) checked.push(await check(row));
tell('check', 'real processes, a real Redis, the same trace', checkTable(checked));
process.stdout.write(`An entry with a body of ${CHECK.bytes} bytes takes ${Math.round(cost.memory)} in Redis.\n`);
if (writes) write(PAGE, tables);
