// Throughput: the contenders of a group take turns, a short one each per round; then comes their next start, or the next group.

import { Crew, order } from '../lib/crew.js';
import { describeProfile } from '../lib/profile.js';
import { spread } from '../lib/spread.js';
import { answersOf, judge } from '../lib/unmarked.js';
import { fixed, range, signed, toLimit, whole } from '../lib/words.js';
import { groupsOf } from '../scenes/groups.js';

export const columns = [
  { title: 'requests/s', of: ({ rate }) => whole(rate.median) },
  { title: '(quartiles)', of: ({ rate }) => range(rate, whole) },
  { title: 'of its limit', of: ({ ratio, limit }) => toLimit(ratio?.median, limit, fixed) },
  { title: '(quartiles)', of: ({ ratio }) => (ratio ? range(ratio, fixed) : '') },
  { title: 'CPU µs', of: ({ cpu }) => (cpu ? cpu.median.toFixed(1) : '') },
  { title: 'over the limit', of: ({ over }) => (over ? signed(over.median) : '') },
  { title: 'per CPU, of its limit', of: ({ perCpu }) => (perCpu ? fixed(perCpu.median) : '') },
  { title: 'hits', of: ({ hits }) => (hits === undefined ? '' : `${(hits * 100).toFixed(1)} %`) },
];

/** Measures a scene, group by group. Resolves with its rows, and what has to be told of them. */
export async function measure(scene, context) {
  const groups = [];
  for (const entries of groupsOf(scene)) groups.push(await measureGroup(scene, entries, context));
  return { rows: scene.entries.map((entry) => row(entry, groups, scene)), notes: groups.flatMap(({ notes }) => notes) };
}

/** Measures those of one group, with as many starts as are wanted. */
async function measureGroup(scene, entries, context) {
  const turns = new Map(entries.map((entry) => [entry, []]));
  const crews = [];
  for (let start = 0; start < context.options.starts; start++) {
    const crew = new Crew(context, scene.size);
    crews.push(crew);
    await oneStart(crew, entries, turns, context);
  }
  const failures = new Map(crews.flatMap((crew) => [...crew.failures]));
  const answers = new Map(entries.map((entry) => [entry, answersOf(entry, crews)]));
  const notes = [...answers].flatMap(([entry, counted]) => (entry.counts ? [] : judge(entry, counted)));
  return { entries, turns, notes, failures, answers };
}

/** Starts those of a group, warms them, lets them take turns, and ends them. `turns`: is added to. */
async function oneStart(crew, entries, turns, context) {
  const { options, redis } = context;
  // What the same contender has left in an earlier group would be found.
  await redis.client.flushall();
  try {
    await crew.start(entries);
    for (const contender of crew.contenders) {
      await crew.attempt(contender.entry, () => crew.warm(contender));
    }
    if (options.profile !== undefined) await Promise.all(crew.contenders.map((each) => each.ask('startProfile')));
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of order(crew.contenders, round, options.rounds)) {
        const took = await crew.attempt(contender.entry, () => turn(crew, contender, options));
        if (took !== undefined) turns.get(contender.entry).push(took);
      }
    }
    if (options.profile !== undefined) await profiles(crew, context);
  } finally {
    await crew.stop();
  }
}

/** One contender's turn: how many requests it answers a second, and how much CPU time each one takes it (µs). */
async function turn(crew, contender, { seconds, leadIn }) {
  const load = await crew.load(contender, { seconds, leadIn });
  contender.answers += load.answers;
  contender.led += load.led;
  contender.unmarked += load.unmarked;
  return { rate: load.answers / load.seconds, cpu: load.cpu };
}

/**
 * What is compared with a limit is compared within a round of their group, where both had the same weather; then comes the median.
 * Who is in several groups has the figures of the first one; `turns` has those of all, for other comparisons.
 */
function row(entry, groups, { perCpu }) {
  const { name, group, what, ours, peer, limit } = entry;
  const about = { name, group, what, ours, peer };
  const own = groups.find(({ entries }) => entries.includes(entry));
  const list = own.turns.get(entry);
  if (own.failures.has(entry) || list.length === 0) return { ...about, failed: own.failures.get(entry) ?? 'no turn' };
  const limits = limit && own.turns.get(own.entries.find((each) => each.name === limit));
  const comparable = limits?.length === list.length;
  const hasCpu = list[0].cpu !== undefined;
  return {
    ...about,
    limit,
    rate: spread(list.map(({ rate }) => rate)),
    cpu: hasCpu ? spread(list.map(({ cpu }) => cpu)) : undefined,
    ratio: comparable ? spread(list.map(({ rate }, i) => rate / limits[i].rate)) : undefined,
    over: comparable && hasCpu ? spread(list.map(({ cpu }, i) => cpu - limits[i].cpu)) : undefined,
    perCpu: perCpu && comparable && hasCpu ? spread(list.map(({ cpu }, i) => limits[i].cpu / cpu)) : undefined,
    hits: entry.counts && entry.mark !== undefined ? hitRate(entry, own) : undefined,
    turns: turnsOf(entry, groups),
  };
}

function hitRate(entry, group) {
  const { answers, unmarked } = group.answers.get(entry);
  return 1 - unmarked / answers;
}

/** The speeds of an entry, round by round, in each group that it is in. */
function turnsOf(entry, groups) {
  const found = groups.map(({ turns }, i) => [i, turns.get(entry)?.map(({ rate }) => rate)]);
  return Object.fromEntries(found.filter(([, rates]) => rates !== undefined));
}

async function profiles(crew, { say }) {
  await Promise.all(crew.contenders.map((each) => each.ask('writeProfile')));
  for (const { entry, answers, led } of crew.contenders) {
    // Standard error: the result alone goes to the output.
    const file = crew.profileFile(entry);
    say(`\n${entry.scene} ${entry.name}  (${file})\n${describeProfile(file, answers + led)}`);
  }
}
