// All that is measured.

import cold from './cold.js';
import compression from './compression.js';
import fields from './fields.js';
import { MOST_IN_QUICK } from './groups.js';
import hits from './hits.js';
import invalidation from './invalidation.js';
import keys from './keys.js';
import latency from './latency.js';
import memory from './memory.js';
import misses from './misses.js';
import stampede from './stampede.js';

const ALL = [hits, misses, compression, latency, stampede, invalidation, memory, cold, fields, keys].flat();

/**
 * The scenes of a run, with those who take part: `--quick`, `--scene`, `--size` and `--only` choose, and the limits of
 * those chosen come along. Of several builds of the package each is a contender of its own, `#1`, `#2`, ….
 * @param {{ quick: boolean, scene: RegExp, size?: string, only: RegExp, dists: string[], everything?: boolean }} options
 */
export function chosenScenes(options) {
  const { quick, scene: named, size, only, dists, everything } = options;
  return ALL.filter(({ name }) => named.test(name) && (size === undefined || sizes(size).includes(name)))
    .filter((scene) => everything || (quick ? scene.quick : !scene.extra || asked(options)))
    .map((scene) => {
      const taking = scene.entries.filter((entry) => !quick || entry.quick || everything);
      const briefly = quick && { groups: scene.groupsInQuick ?? scene.groups, most: MOST_IN_QUICK };
      return {
        ...scene,
        ...briefly,
        entries: choose(
          scene,
          taking.flatMap((entry) => builds(entry, dists, scene.entries)),
          only,
          scene.entries,
        ),
      };
    })
    .filter(({ entries }) => entries.length > 0);
}

/** Whether scenes are named at all: then those that are left out without a word take part, too. */
const asked = ({ scene, size }) => size !== undefined || !scene.test('');

/** The names of the scenes of hits of these sizes. */
const sizes = (text) => text.split(',').map((each) => `hit-${each.toLowerCase()}`);

/** `all`: those of its scene. A limit that is ours is there for each build, too; who is no build is compared with the first. */
function builds(entry, dists, all) {
  const { name, what, limit } = entry;
  if (dists.length === 1) return [{ ...entry, dist: dists[0] }];
  const limitIsOurs = all.some((each) => each.ours && each.name === limit);
  const limitOf = (build) => (limitIsOurs ? `${limit} ${build}` : limit);
  if (!entry.ours) return [{ ...entry, dist: dists[0], limit: limitOf('#1') }];
  return dists.map((dist, i) => {
    const build = `#${i + 1}`;
    return { ...entry, dist, name: `${name} ${build}`, what: `${what} ${build}`, limit: limitOf(build) };
  });
}

function choose({ name: scene }, entries, only, all) {
  const chosen = entries.filter(({ name }) => only.test(`${scene} ${name}`));
  const limits = new Set(chosen.map(({ limit }) => limit));
  const present = new Set(entries.map(({ name }) => name));
  const missing = all.filter(({ name, ours }) => limits.has(name) && !ours && !present.has(name));
  return [...missing, ...entries.filter((each) => chosen.includes(each) || limits.has(each.name))].map((entry) => ({
    ...entry,
    scene,
    slug: `${scene}-${entry.name}`.replace(/[^\w-]+/g, '-'),
  }));
}

export const sceneOf = (name) => ALL.find((scene) => scene.name === name);

/** Where a scene stands among all. */
export const placeOf = (name) => ALL.findIndex((scene) => scene.name === name);
