// How long a process needs until it has answered.

import { Crew } from '../lib/crew.js';
import { spread } from '../lib/spread.js';
import { range, signed, toLimit } from '../lib/words.js';

const TIMES = { full: 9, quick: 3 };

export const columns = [
  { title: 'ms', of: ({ took }) => took.median.toFixed(0) },
  { title: '(quartiles)', of: ({ took }) => range(took, (value) => value.toFixed(0)) },
  { title: 'over the limit, ms', of: ({ over, limit }) => toLimit(over, limit, (ms) => signed(ms, 0)) },
];

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const took = new Map(scene.entries.map(({ name }) => [name, []]));
  for (let time = 0; time < TIMES[context.options.quick ? 'quick' : 'full']; time++) {
    for (const entry of scene.entries.filter((each) => !crew.failures.has(each))) {
      await crew.attempt(entry, async () => {
        const contender = await crew.startOne(entry, { prefix: `${entry.slug}-${time}` });
        took.get(entry.name).push(contender.began.took);
        await contender.stop();
      });
    }
  }
  const rows = scene.entries.map((entry) => {
    const { name, group, what, ours, peer, limit } = entry;
    const about = { name, group, what, ours, peer };
    if (crew.failures.has(entry)) return { ...about, failed: crew.failures.get(entry) };
    const mine = spread(took.get(name));
    const over = limit && took.get(limit)?.length ? mine.median - spread(took.get(limit)).median : undefined;
    return { ...about, limit, took: mine, over };
  });
  return { rows, notes: [] };
}
