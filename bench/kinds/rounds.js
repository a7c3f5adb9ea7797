// Throughput: the contenders take turns, a short one each per round.

import { Crew, order } from '../lib/crew.js';
import { describeProfile } from '../lib/profile.js';
import { spread } from '../lib/spread.js';
import { fixed, range, signed, whole } from '../lib/words.js';

/** The share of answers that may be others than those to be measured: on a busy machine a lookup can miss its deadline. */
const MOST_UNMARKED = 0.01;

export const columns = [
  { title: 'requests/s', of: ({ rate }) => whole(rate.median) },
  { title: '(quartiles)', of: ({ rate }) => range(rate, whole) },
  { title: 'of its limit', of: ({ ratio }) => (ratio ? fixed(ratio.median) : 'a limit') },
  { title: '(quartiles)', of: ({ ratio }) => (ratio ? range(ratio, fixed) : '') },
  { title: 'CPU µs', of: ({ cpu }) => (cpu ? cpu.median.toFixed(1) : '') },
  { title: 'over the limit', of: ({ over }) => (over ? signed(over.median) : '') },
  { title: 'hits', of: ({ hits }) => (hits === undefined ? '' : `${(hits * 100).toFixed(1)} %`) },
];

/** Measures a scene. Resolves with its rows, and what has to be told of them. */
export async function measure(scene, context) {
  const { options } = context;
  const crew = new Crew(context, scene.size);
  try {
    await crew.start(scene.entries);
    for (const contender of crew.contenders) {
      await crew.attempt(contender.entry, () => crew.warm(contender));
    }
    if (options.profile !== undefined) await Promise.all(crew.contenders.map((each) => each.ask('startProfile')));
    const turns = new Map(scene.entries.map((entry) => [entry, []]));
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of order(crew.contenders, round, options.rounds)) {
        const took = await crew.attempt(contender.entry, () => turn(crew, contender, options.seconds));
        if (took !== undefined) turns.get(contender.entry).push(took);
      }
    }
    if (options.profile !== undefined) await profiles(crew, context);
    const notes = crew.contenders.flatMap((each) => (scene.entries[0].counts ? [] : judge(each)));
    return { rows: rows(scene, turns, crew), notes };
  } finally {
    await crew.stop();
  }
}

/** One contender's turn: how many requests it answers a second, and how much CPU time each one takes it (µs). */
async function turn(crew, contender, seconds) {
  const before = await contender.ask('cpu');
  const load = await crew.load(contender, { seconds });
  const after = await contender.ask('cpu');
  contender.answers += load.answers;
  contender.unmarked += load.unmarked;
  const cpu = before.cpu === undefined ? undefined : (after.cpu - before.cpu) / load.answers;
  return { rate: load.answers / load.seconds, cpu };
}

/** What is compared with a limit is compared within a round, where both had the same weather; then comes the median. */
function rows(scene, turns, crew) {
  const byName = new Map(scene.entries.map((entry) => [entry.name, turns.get(entry)]));
  const answered = new Map(crew.contenders.map((each) => [each.entry, each]));
  return scene.entries.map((entry) => {
    const { name, group, what, ours, peer, limit } = entry;
    const about = { name, group, what, ours, peer };
    const list = turns.get(entry);
    if (crew.failures.has(entry) || list.length === 0)
      return { ...about, failed: crew.failures.get(entry) ?? 'no turn' };
    const limits = limit && byName.get(limit);
    const comparable = limits?.length === list.length;
    const hasCpu = list[0].cpu !== undefined;
    const { answers, unmarked } = answered.get(entry);
    return {
      ...about,
      limit,
      rate: spread(list.map(({ rate }) => rate)),
      cpu: hasCpu ? spread(list.map(({ cpu }) => cpu)) : undefined,
      ratio: comparable ? spread(list.map(({ rate }, i) => rate / limits[i].rate)) : undefined,
      over: comparable && hasCpu ? spread(list.map(({ cpu }, i) => cpu - limits[i].cpu)) : undefined,
      hits: entry.counts && entry.mark !== undefined ? 1 - unmarked / answers : undefined,
    };
  });
}

/** What has to be told of a contender whose answers were not all those to be measured. */
function judge({ entry, answers, unmarked }) {
  if (unmarked === 0) return [];
  const useless = unmarked > answers * MOST_UNMARKED;
  const what = `${entry.scene} ${entry.name}: ${unmarked} of ${answers} answers were not what is measured (${entry.mark})`;
  return [{ text: useless ? `${what}; its figures are of no use` : what, useless, ours: entry.ours }];
}

async function profiles(crew, { say }) {
  await Promise.all(crew.contenders.map((each) => each.ask('writeProfile')));
  for (const { entry, answers } of crew.contenders) {
    // Standard error: the result alone goes to the output.
    const file = crew.profileFile(entry);
    say(`\n${entry.scene} ${entry.name}  (${file})\n${describeProfile(file, answers)}`);
  }
}
