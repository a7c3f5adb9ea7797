// What the statistics cost a hit: the same application with them and without, by turns in one process, in CPU time and
// throughput; and one hit's event by itself. `--quick` takes fewer rounds. bench/README.md says how to read it.

import { availableParallelism } from 'node:os';
import { FLAG, readArguments, regexp, TEXT } from './lib/arguments.js';
import { Contender, killAll } from './lib/contender.js';
import { applyLoad } from './lib/load.js';
import { machine } from './lib/machine.js';
import { startRedis } from './lib/redis.js';
import { describeMachine } from './lib/report.js';
import { spread } from './lib/spread.js';
import { payload, URLS } from './lib/traffic.js';

const USAGE = `npm run bench:statistics -- [options]

  --quick          fewer rounds of each: for a first look
  --only <regexp>  scenes whose names match: "Express 5, memory", "Koa 3, memory", "Express 5, Redis", "Koa 3, Redis"
`;

const { quick, only } = readArguments(
  process.argv.slice(2),
  { usage: USAGE, options: { quick: FLAG, only: { ...TEXT, default: '' } } },
  (values) => ({ ...values, only: regexp('only', values.only) }),
);
const ROUNDS = quick ? 31 : 201;
/** Short ones: the nearer two turns are, the more they have the same weather. */
const SECONDS = 0.1;
const WARMING = { seconds: 10, most: quick ? 10_000 : 40_000 };
const CONNECTIONS = 32;
const SIZE = 1024;
const EVENTS = quick ? 20_000 : 200_000;
const VARIANTS = ['with', 'without', 'control'];
/** Of the fine measure: V8 makes other code of the same source in each process, so that one is not enough. */
const PROCESSES = quick ? 1 : 5;
const TURNS = quick ? 200 : 400;

const dist = new URL('../build', import.meta.url).href;
const body = payload(SIZE);
const SCENES = [
  { name: 'Express 5, memory', framework: 'express', store: 'memory' },
  { name: 'Koa 3, memory', framework: 'koa', store: 'memory' },
  { name: 'Express 5, Redis', framework: 'express', store: 'redis' },
  { name: 'Koa 3, Redis', framework: 'koa', store: 'redis' },
];

process.on('exit', killAll);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => process.exit(code));
}

const redis = await startRedis();
try {
  process.stdout.write(
    `${describeMachine(await machine(redis))}Node ${process.version}, ${SIZE} bytes, ${ROUNDS} rounds of ${SECONDS} s each\n\n`,
  );
  const found = [];
  for (const scene of SCENES.filter(({ name }) => only.test(name))) found.push(await measure(scene));
  for (const each of SCENES.filter(({ name, store }) => store === 'memory' && only.test(name))) await fine(each);
  const alone = await perHit();
  console.table(found.map((scene) => row(scene, alone)));
  const ns = ({ median, low, high }) => `${Math.round(median)} (${Math.round(low)}–${Math.round(high)})`;
  for (const [what, spread] of Object.entries(alone)) console.log(`A hit that is ${what}: ${ns(spread)} ns`);
} finally {
  await redis.stop();
}

/** What it costs a hit from memory, in several processes that each alternate every some hundred requests. */
async function fine({ name, framework }) {
  const found = [];
  const config = { framework, dist, size: SIZE, rounds: TURNS };
  for (let i = 0; i < PROCESSES; i++) {
    process.stderr.write(`${name}, by short turns, process ${i + 1}\n`);
    const contender = await Contender.start({ name, file: 'statistics-turns.js', config }, {});
    found.push(contender.began);
    await contender.stop();
  }
  const parts = found.map(({ without, more }) => (more / without) * 100);
  const mean = parts.reduce((a, b) => a + b) / parts.length;
  const deviation = Math.sqrt(parts.reduce((sum, part) => sum + (part - mean) ** 2, 0) / Math.max(1, parts.length - 1));
  const each = found.map(({ without, more }) => `${more.toFixed(2)} of ${without.toFixed(1)} µs`).join(', ');
  const error = parts.length > 1 ? ` ± ${(deviation / Math.sqrt(parts.length)).toFixed(2)}` : '';
  console.log(`${name}, by short turns: ${mean.toFixed(2)}${error} % (${each})`);
}

async function measure({ name, framework, store }) {
  process.stderr.write(`${name}\n`);
  const config = { framework, store, dist, slug: `${framework}-${store}`, size: SIZE, redis: redis.port };
  const contender = await Contender.start({ name, file: 'statistics.js', config }, {});
  for (const variant of VARIANTS) await turn(contender, variant, WARMING, '');
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Each begins as often as the others, and follows each of them as often.
    const turned = VARIANTS.map((_, i) => VARIANTS[(i + round) % VARIANTS.length]);
    const order = round % 2 === 0 ? turned : turned.reverse();
    const found = {};
    for (const each of order) found[each] = await turn(contender, each, { seconds: SECONDS, most: Infinity }, 'hit');
    rounds.push(found);
  }
  await contender.stop();
  return { name, rounds };
}

function row({ name, rounds }, alone) {
  const cpu = spread(rounds.map((round) => round.without.cpu)).median;
  const over = (which, what) => text(spread(rounds.map((round) => round[which][what] / round.without[what])));
  // What the event takes by itself, as a part of all: exact where the ratio of two noisy figures is not.
  const part = (alone.counted.median - alone['told to nobody'].median) / 10 / cpu;
  return {
    '': name,
    'CPU µs without': cpu.toFixed(1),
    'CPU, ratio': over('with', 'cpu'),
    'of the control': over('control', 'cpu'),
    'throughput, ratio': over('with', 'rate'),
    'its control': over('control', 'rate'),
    'counting, %': part.toFixed(2),
    'and telling, %': (alone.counted.median / 10 / cpu).toFixed(2),
  };
}

function text({ median, low, high }) {
  return `${median.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
}

/** One turn: how many requests it answers a second, and how much CPU time each one takes it (µs). */
async function turn(contender, variant, duration, mark) {
  await contender.ask(variant);
  const before = await contender.ask('cpu');
  const awake = availableParallelism() >= (contender.entry.config.store === 'redis' ? 3 : 2);
  const load = await applyLoad(contender.port, {
    ...{ ...duration, connections: CONNECTIONS, awake, request: contender.request },
    expected: { body, mark: mark && `respcache; ${mark}` },
  });
  const after = await contender.ask('cpu');
  if (load.unmarked > load.answers * 0.01) throw new Error(`${contender.entry.name}: ${load.unmarked} were no hits`);
  return { rate: load.answers / load.seconds, cpu: (after.cpu - before.cpu) / load.answers };
}

/** What it takes to tell of a hit and to count it, as the engine does it: ns, by turns in one process. */
async function perHit() {
  const load = (path) => import(`${dist}/src/${path}`);
  const [{ Account }, { Events }, { Counters }] = await Promise.all(
    ['account.js', 'events.js', 'stats/counters.js'].map(load),
  );
  const counted = new Events();
  new Counters(counted, { now: Date.now });
  const variants = { 'told to nobody': new Events(), counted };
  const times = { 'told to nobody': [], counted: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, events] of Object.entries(variants)) times[name].push(nsPerHit(Account, events));
  }
  // The first ones are V8's.
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, spread(list.slice(3))]));
}

function nsPerHit(Account, events) {
  const seen = { method: 'GET', target: '/users?page=1', headers: { host: 'a.example' }, secure: false };
  const reply = { body };
  const [entry, route, how] = [{}, {}, { tier: 'memory' }];
  const plans = Array.from({ length: URLS }, (_, page) => ({
    address: { tenant: 'client-123', key: `client:client-123:GET:http:a.example:/users?page=${page}&sort=name` },
  }));
  const start = performance.now();
  for (let i = 0; i < EVENTS; i++) new Account(events, seen).hit(plans[i % URLS], entry, reply, route, how, start);
  return ((performance.now() - start) * 1e6) / EVENTS;
}
