// Who takes turns with whom. A contender whose next turn is seconds away has lost the processor's caches by then, and
// the weather has changed: so only a few run at a time, those who are compared with one another.

/** How many processes a group has at most, unless a scene names a larger one. */
const MOST = 6;

/**
 * The groups of a scene's contenders: those that the scene names, then all others by the limit that they share. Each group
 * has the limits of its members, so that a limit can be in several. A group that another one holds is left out.
 * @template {{ name: string, limit?: string }} Entry
 * @param {{ entries: Entry[], groups?: string[][] }} scene
 * @returns {Entry[][]}
 */
export function groupsOf({ entries, groups = [] }) {
  const named = groups.map((names) => entries.filter(({ name }) => names.includes(withoutBuild(name))));
  const placed = new Set(named.flat());
  const limits = new Set(entries.map(({ limit }) => limit));
  const others = entries.filter((entry) => !placed.has(entry) && !limits.has(entry.name));
  const all = [...named, ...byLimit(others)].map((group) => withLimits(group, entries));
  const isHeld = (group, i) =>
    all.some((other, j) => j !== i && holds(other, group) && (other.length > group.length || j < i));
  return all.filter((group, i) => group.length > 0 && !isHeld(group, i));
}

/** Of several builds each is a contender, `#1`, `#2`, …, in the group that the name has. */
const withoutBuild = (name) => name.replace(/ #\d+$/, '');

function byLimit(entries) {
  const lists = new Map();
  for (const entry of entries) lists.set(entry.limit, [...(lists.get(entry.limit) ?? []), entry]);
  return [...lists.values()].flatMap(inParts);
}

/** As few parts as there can be, of about the same size, each with a place left for the limit. */
function inParts(list) {
  const size = Math.ceil(list.length / Math.ceil(list.length / (MOST - 1)));
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

function withLimits(group, entries) {
  const limits = new Set(group.map(({ limit }) => limit));
  return entries.filter((entry) => group.includes(entry) || limits.has(entry.name));
}

const holds = (group, other) => other.every((each) => group.includes(each));
