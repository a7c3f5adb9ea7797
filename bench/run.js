// Measures respcache against bare handlers. bench/README.md says how to read what it prints.

import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { catalogue, choose } from './catalogue.js';
import { Contender, killAll } from './lib/contender.js';
import { applyLoad } from './lib/load.js';
import { readOptions } from './lib/options.js';
import { describeProfile } from './lib/profile.js';
import { startRedis } from './lib/redis.js';
import { describeMachine, machine, summarize, table } from './lib/report.js';
import { payload, request, URLS } from './lib/traffic.js';

const options = readOptions(process.argv.slice(2));

/** The share of answers that may be others than those to be measured: on a busy machine a lookup can miss its deadline. */
const MOST_UNMARKED = 0.01;

/** V8 goes on making code faster for some ten thousand requests: until then it is V8 that is measured. */
const WARMING = options.quick ? { seconds: 1.5, most: 10_000 } : { seconds: 10, most: 40_000 };

process.on('exit', killAll);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => process.exit(code));
}

const entries = choose(catalogue(options.dists), options.only);
const body = payload(options.size);

if (options.list) process.stdout.write(`${entries.map(({ name }) => name).join('\n')}\n`);
else await bench().catch((error) => stop(error.message));

async function bench() {
  if (entries.length === 0) stop('no contender has such a name: see --list');
  for (const dist of options.dists) {
    const folder = fileURLToPath(dist);
    if (!existsSync(join(folder, 'src/index.js'))) stop(`nothing is built in ${folder}: npm run build`);
  }
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const { rounds, seconds } = options;
  const longest = entries.length * (WARMING.seconds + rounds * (seconds + 0.1) + 1);
  setTimeout(() => stop('it takes too long'), (longest * 2 + 60) * 1000).unref();
  say(`${entries.length} contenders, at most ${Math.ceil(longest / 60)} min`);

  const redis = entries.some(({ config }) => config.store === 'redis') ? await startRedis() : undefined;
  const about = machine(redis);
  const contenders = await Promise.all(entries.map((entry) => start(entry, redis)));
  for (const contender of contenders) await ask(contender, WARMING);
  if (options.profile !== undefined) await Promise.all(contenders.map((each) => each.ask('startProfile')));
  const turns = new Map(entries.map((entry) => [entry, []]));
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`);
    for (const contender of order(contenders, round)) {
      turns.get(contender.entry).push(await turn(contender, seconds));
    }
  }
  if (options.profile !== undefined) await Promise.all(contenders.map((each) => each.ask('writeProfile')));
  await Promise.all(contenders.map((each) => each.stop()));
  await redis?.stop();
  print(about, turns, contenders.flatMap(judge));
  if (options.profile !== undefined) printProfiles(contenders);
}

function start(entry, redis) {
  const { size } = options;
  return Contender.start(entry, { size, redis: redis?.port, slug: entry.slug, profile: profileFile(entry) });
}

/** One contender's turn: how many requests it answers a second, and how much CPU time each one takes it (µs). */
async function turn(contender, seconds) {
  const before = await contender.ask('cpu');
  const load = await ask(contender, { seconds, most: Number.POSITIVE_INFINITY });
  const after = await contender.ask('cpu');
  contender.answers += load.answers;
  contender.unmarked += load.unmarked;
  return { rate: load.answers / load.seconds, cpu: (after.cpu - before.cpu) / load.answers };
}

async function ask(contender, duration) {
  const { entry, port } = contender;
  const job = {
    ...duration,
    connections: options.connections,
    // A core for the contender, one for the load, one for Redis; where they are fewer, they have to share.
    awake: availableParallelism() >= (entry.config.store === 'redis' ? 3 : 2),
    request: () => request(contender.nextPage(URLS)),
    body,
    mark: entry.mark,
  };
  try {
    return await applyLoad(port, job);
  } catch (error) {
    throw new Error(`${entry.name}: ${error.message}`, { cause: error });
  }
}

/** Each round begins at another place, every other one goes backwards: nobody always follows the same one. */
function order(contenders, round) {
  const first = Math.floor((round * contenders.length) / options.rounds);
  const rotated = [...contenders.slice(first), ...contenders.slice(0, first)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

/** What has to be told of a contender whose answers were not all those to be measured. */
function judge({ entry, answers, unmarked }) {
  if (unmarked === 0) return [];
  const what = `${entry.name}: ${unmarked} of ${answers} answers were without "${entry.mark}"`;
  if (unmarked <= answers * MOST_UNMARKED) return [what];
  process.exitCode = 1;
  return [`${what}; its figures are of no use`];
}

function print(about, turns, notes) {
  const summary = summarize(turns);
  const { rounds, seconds, connections, size } = options;
  if (options.json) {
    const run = { rounds, seconds, connections, size };
    process.stdout.write(`${JSON.stringify({ machine: about, run, contenders: summary, notes }, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    `\n${describeMachine(about)}` +
      `${size.toLocaleString('en')} bytes, ${connections} connections, ${rounds} rounds of ${seconds} s\n\n` +
      `${table(summary)}\n${notes.map((note) => `Note: ${note}\n`).join('')}`,
  );
}

function printProfiles(contenders) {
  for (const { entry, answers } of contenders) {
    // Standard error: the result alone goes to the output, which may be JSON.
    say(`\n${entry.name}  (${profileFile(entry)})\n${describeProfile(profileFile(entry), answers)}`);
  }
}

function profileFile({ slug }) {
  return options.profile && join(options.profile, `${slug}.cpuprofile`);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function stop(reason) {
  say(`bench: ${reason}`);
  process.exit(1);
}
