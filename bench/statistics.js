// What the statistics cost a hit: the same application with them and without, by turns in one process, in CPU time and
// throughput; and one hit's event by itself. `--quick` takes fewer rounds. bench/README.md says how to read it.

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Contender, killAll } from './lib/contender.js';
import { applyLoad } from './lib/load.js';
import { startRedis } from './lib/redis.js';
import { describeMachine, machine, spread } from './lib/report.js';
import { payload, request, URLS } from './lib/traffic.js';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 15 : 61;
/** Short ones: the nearer two turns are, the more they have the same weather. */
const SECONDS = 0.25;
const WARMING = { seconds: 10, most: quick ? 10_000 : 40_000 };
const CONNECTIONS = 32;
const SIZE = 1024;
const EVENTS = 200_000;

const dist = new URL('../dist', import.meta.url).href;
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
  process.stdout.write(`${describeMachine(machine(redis))}${SIZE} bytes, ${ROUNDS} rounds of ${SECONDS} s each\n\n`);
  const rows = [];
  for (const scene of SCENES) rows.push(await measure(scene));
  console.table(rows);
  console.table(await perEvent());
} finally {
  await redis.stop();
}

async function measure({ name, framework, store }) {
  process.stderr.write(`${name}\n`);
  const config = { framework, store, dist, slug: `${framework}-${store}`, size: SIZE, redis: redis.port };
  const contender = await Contender.start({ name, file: 'statistics.js', config }, {});
  for (const variant of ['with', 'without']) await turn(contender, variant, WARMING, '');
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? ['with', 'without'] : ['without', 'with'];
    const found = {};
    for (const each of order) found[each] = await turn(contender, each, { seconds: SECONDS, most: Infinity }, 'hit');
    rounds.push(found);
  }
  await contender.stop();
  const cpu = spread(rounds.map((round) => round.with.cpu / round.without.cpu));
  const rate = spread(rounds.map((round) => round.with.rate / round.without.rate));
  const over = spread(rounds.map((round) => round.with.cpu - round.without.cpu));
  return {
    '': name,
    'CPU µs a hit, with': spread(rounds.map((round) => round.with.cpu)).median.toFixed(1),
    'more than without': `${over.median.toFixed(2)} (${over.low.toFixed(2)} to ${over.high.toFixed(2)})`,
    'CPU, ratio': text(cpu),
    'throughput, ratio': text(rate),
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
  const next = () => request(contender.nextPage(URLS));
  const load = await applyLoad(contender.port, {
    ...{ ...duration, connections: CONNECTIONS, awake, body },
    ...{ request: next, mark: mark && `respcache; ${mark}` },
  });
  const after = await contender.ask('cpu');
  if (load.unmarked > load.answers * 0.01) throw new Error(`${contender.entry.name}: ${load.unmarked} were no hits`);
  return { rate: load.answers / load.seconds, cpu: (after.cpu - before.cpu) / load.answers };
}

/** What it takes to tell of a hit, and to count it: ns, by turns. */
async function perEvent() {
  const load = (path) => import(fileURLToPath(new URL(`../dist/src/${path}`, import.meta.url)));
  const [{ Events }, { Counters }] = await Promise.all([load('events.js'), load('stats/counters.js')]);
  const counted = new Events();
  new Counters(counted, { now: Date.now });
  const variants = { 'told to nobody': new Events(), counted };
  const times = { 'told to nobody': [], counted: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, events] of Object.entries(variants)) times[name].push(nsPerHit(events));
  }
  return Object.entries(times).map(([name, list]) => {
    const { median, low, high } = spread(list.slice(3));
    return { 'a hit': name, ns: Math.round(median), quartiles: `${Math.round(low)}–${Math.round(high)}` };
  });
}

function nsPerHit(events) {
  const seen = { target: '/users', headers: { host: 'a.example' }, secure: false };
  const keys = Array.from({ length: URLS }, (_, page) => `client:client-123:GET:http://a.example/users?page=${page}`);
  const start = performance.now();
  for (let i = 0; i < EVENTS; i++) {
    const event = { source: 'http', tenant: 'client-123', key: keys[i % URLS], ms: 0.1 + (i % 7) / 10, bytes: 1024 };
    events.emit('hit', { ...event, tier: 'memory', route: '/users', request: seen });
  }
  return ((performance.now() - start) * 1e6) / EVENTS;
}
