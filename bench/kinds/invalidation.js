// Time of an invalidation, by the number of entries that it reaches.

import { Crew } from '../lib/crew.js';

const SIZES = { full: [1000, 100_000, 1_000_000], quick: [1000, 10_000] };
/** In a quick run those who are bounded at all are measured with so many. */
const QUICK_MOST = 1000;

const label = (count) => (count >= 1_000_000 ? `${count / 1_000_000} M` : `${count / 1000}k`);

const cell =
  (count) =>
  ({ times }) => {
    const { first, again } = times[count] ?? {};
    const parts = [first, again].filter((ms) => ms !== undefined);
    return parts.map((ms) => (ms < 10 ? ms.toFixed(2) : ms.toFixed(0))).join(' / ');
  };

/** The sizes of a run differ: only those that somebody was measured with have a column. */
export const columns = [1000, 5000, 10_000, 100_000, 1_000_000].map((count) => ({
  title: `${label(count)} entries: first / again`,
  of: cell(count),
}));

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const sizes = SIZES[context.options.quick ? 'quick' : 'full'];
  const rows = await crew.oneByOne(scene.entries, async (entry) => {
    const contender = await crew.startOne(entry, { sizes: bounded(sizes, entry.config.most, context.options.quick) });
    await contender.stop();
    return { times: contender.began.times };
  });
  return { rows, notes: [] };
}

/** The numbers of entries for one whose time grows so fast that the largest would take minutes: up to `most`. */
function bounded(sizes, most, quick) {
  if (most === undefined) return sizes;
  if (quick) return [QUICK_MOST];
  return [...sizes.filter((each) => each < most), most];
}
