// Who takes turns with whom. The more processes take turns, the dearer a request is to each of them, and the more so the more code it
// runs, above all in virtual machines: so as few run at a time as there can be, those who are compared with one another.

/** How many processes a group has at most, unless a scene names a larger one; and in a quick run, which has no time for more groups. */
const MOST = 3;
export const MOST_IN_QUICK = 6;

/**
 * The groups of a scene's contenders: those that the scene names, then all others by the limit that they share. Each group
 * has the limits of its members, so that a limit can be in several. One that another holds is left out, unless a scene names it for
 * somebody who is compared with a limit: with that one alone.
 * @template {{ name: string, limit?: string }} Entry
 * @param {{ entries: Entry[], groups?: string[][], most?: number }} scene `most`: processes in a group that is not named
 * @returns {Entry[][]}
 */
export function groupsOf({ entries, groups = [], most = MOST }) {
  const named = groups.map((names) => entries.filter(({ name }) => names.includes(withoutBuild(name))));
  const placed = new Set(named.flat());
  const limits = new Set(entries.map(({ limit }) => limit));
  const others = entries.filter((entry) => !placed.has(entry) && !limits.has(entry.name));
  const all = [...named, ...byLimit(others, most)].map((group) => withLimits(group, entries));
  const isSame = (group, i) => all.findIndex((other) => holds(other, group) && holds(group, other)) < i;
  const isHeld = (group) => all.some((other) => holds(other, group) && other.length > group.length);
  const isMeant = (group, i) => i < named.length && group.some(({ limit }) => limit !== undefined);
  return all.filter((group, i) => group.length > 0 && !isSame(group, i) && (isMeant(group, i) || !isHeld(group)));
}

/** Of several builds each is a contender, `#1`, `#2`, …, in the group that the name has. */
const withoutBuild = (name) => name.replace(/ #\d+$/, '');

function byLimit(entries, most) {
  const lists = new Map();
  for (const entry of entries) lists.set(entry.limit, [...(lists.get(entry.limit) ?? []), entry]);
  return [...lists.values()].flatMap((list) => inParts(list, most));
}

/** As few parts as there can be, of about the same size, each with a place left for the limit. */
function inParts(list, most) {
  const size = Math.ceil(list.length / Math.ceil(list.length / (most - 1)));
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

function withLimits(group, entries) {
  const limits = new Set(group.map(({ limit }) => limit));
  return entries.filter((entry) => group.includes(entry) || limits.has(entry.name));
}

const holds = (group, other) => other.every((each) => group.includes(each));
