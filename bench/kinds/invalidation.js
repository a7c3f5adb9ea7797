// Time of an invalidation, by the number of entries that it reaches.

import { Crew } from '../lib/crew.js';

const SIZES = { full: [1000, 100_000, 1_000_000], quick: [1000, 10_000] };
/** Others are asked for less where it takes too long to fill them. */
const label = (count) => (count >= 1_000_000 ? `${count / 1_000_000} M` : `${count / 1000}k`);

const cell =
  (count) =>
  ({ times }) => {
    const ms = times[count];
    if (ms === undefined) return '';
    return ms < 10 ? ms.toFixed(3) : ms.toFixed(0);
  };

/** The sizes of a run differ: only those that somebody was measured with have a column. */
export const columns = [1000, 10_000, 100_000, 1_000_000].map((count) => ({
  title: `${label(count)} entries`,
  of: cell(count),
}));

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const sizes = SIZES[context.options.quick ? 'quick' : 'full'];
  const rows = [];
  for (const entry of scene.entries) {
    const { name, group, what, ours, peer } = entry;
    const most = entry.config.most ?? Number.POSITIVE_INFINITY;
    const mine = most < sizes.at(-1) ? [...sizes.filter((each) => each < most), most] : sizes;
    const times = await crew.attempt(entry, async () => {
      const contender = await crew.startOne(entry, { sizes: mine });
      await contender.stop();
      return contender.began.times;
    });
    rows.push({ name, group, what, ours, peer, ...(times ? { times } : { failed: crew.failures.get(entry) }) });
  }
  return { rows, notes: [] };
}
