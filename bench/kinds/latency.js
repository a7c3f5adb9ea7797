// Latency under an open load, with its limit in the same round.

import { Unavailable } from '../lib/contender.js';
import { Crew, order } from '../lib/crew.js';
import { applyRate } from '../lib/open-loop.js';
import { spread } from '../lib/spread.js';
import { answersOf, judge } from '../lib/unmarked.js';
import { fixed, range, toLimit, whole } from '../lib/words.js';
import { groupsOf } from '../scenes/groups.js';

/** Of what the limit does in a closed loop. */
const SHARE = 0.5;

export const columns = [
  { title: 'rate/s', of: ({ rate }) => whole(rate.median) },
  { title: 'p50 ms', of: ({ p50 }) => p50.median.toFixed(3) },
  { title: 'p99 ms', of: ({ p99 }) => p99.median.toFixed(3) },
  { title: 'p50 of its limit', of: ({ ratio50, limit }) => toLimit(ratio50?.median, limit, fixed) },
  { title: 'p99 of its limit', of: ({ ratio99 }) => (ratio99 ? fixed(ratio99.median) : '') },
  { title: '(quartiles)', of: ({ ratio99 }) => (ratio99 ? range(ratio99, fixed) : '') },
];

export async function measure(scene, context) {
  const rows = new Map();
  const notes = [];
  for (const entries of groupsOf(scene)) {
    const group = await measureGroup(scene, entries, context);
    for (const each of group.rows) rows.set(each.name, rows.get(each.name) ?? each);
    notes.push(...group.notes);
  }
  return { rows: scene.entries.map(({ name }) => rows.get(name)), notes };
}

async function measureGroup(scene, entries, context) {
  const turns = new Map(entries.map((entry) => [entry.name, []]));
  const failures = new Map();
  const crews = [];
  for (let start = 0; start < context.options.starts; start++) {
    const crew = new Crew(context, scene.size);
    crews.push(crew);
    await oneStart(crew, entries, turns, context.options);
    for (const [entry, reason] of crew.failures) failures.set(entry, reason);
  }
  const notes = entries.flatMap((entry) => judge(entry, answersOf(entry, crews)));
  return { rows: entries.map((entry) => row(entry, turns, failures)), notes };
}

async function oneStart(crew, entries, turns, options) {
  try {
    await crew.start(entries);
    for (const contender of crew.contenders) {
      await crew.attempt(contender.entry, () => crew.warm(contender));
    }
    for (let round = 0; round < options.rounds; round++) await oneRound(crew, turns, round, options);
  } finally {
    await crew.stop();
  }
}

/** First what the limits can do, then everybody at half of what their limit can. */
async function oneRound(crew, turns, round, { rounds, seconds, leadIn }) {
  const rates = new Map();
  for (const contender of crew.contenders.filter(({ entry }) => entry.limit === undefined)) {
    const load = await crew.attempt(contender.entry, () => crew.load(contender, { seconds, leadIn }));
    if (load !== undefined) rates.set(contender.entry.name, (load.answers / load.seconds) * SHARE);
  }
  for (const contender of order(crew.contenders, round, rounds)) {
    const { entry, port } = contender;
    const rate = rates.get(entry.limit ?? entry.name);
    const took = await crew.attempt(entry, () => {
      if (rate === undefined) throw new Unavailable('its limit has failed');
      // Percentiles want more answers than a mean does.
      return applyRate(port, { ...crew.job(contender), awake: true, seconds: seconds * 2, leadIn, rate });
    });
    if (took === undefined) continue;
    turns.get(entry.name).push({ ...took, rate });
    contender.answers += took.answers;
    contender.unmarked += took.unmarked;
  }
}

function row(entry, turns, failures) {
  const { name, group, what, ours, peer, limit } = entry;
  const about = { name, group, what, ours, peer };
  const list = turns.get(name);
  if (failures.has(entry) || list.length === 0) return { ...about, failed: failures.get(entry) ?? 'no turn' };
  const limits = limit && turns.get(limit);
  const ratio = (key) =>
    limits?.length === list.length ? spread(list.map((each, i) => each[key] / limits[i][key])) : undefined;
  return {
    ...about,
    limit,
    rate: spread(list.map(({ rate }) => rate)),
    p50: spread(list.map(({ p50 }) => p50)),
    p99: spread(list.map(({ p99 }) => p99)),
    ratio50: ratio('p50'),
    ratio99: ratio('p99'),
  };
}
