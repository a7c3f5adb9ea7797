import { Generations } from '../generations.js';
import type { HeaderLine } from '../http/headers.js';
import type { ResponseEntry } from './entry.js';

/** Fields that are others for each response: no two entries have the same line. */
const OWN: ReadonlySet<string> = new Set(['etag', 'date', 'last-modified', 'location', 'content-location']);
/** How many lines are known: two generations of so many, of so many signs at the most. */
const LINES = 500;
const LONGEST = 200;

const NONE: readonly never[] = Object.freeze([]);
const known = new Generations<HeaderLine>(LINES);
const SHARED_WITH = [false, true].flatMap((authorization) =>
  [false, true].map((cookie) => Object.freeze({ authorization, cookie })),
);

/**
 * The entry, with what it has in common with others held once for all of them: most responses of an application have the same
 * fields but for their tags, and most lists are empty.
 */
export function shared(entry: ResponseEntry): ResponseEntry {
  const { headers, tags, removed, appended, keyed, sharedWith } = entry;
  return {
    ...entry,
    headers: headers.map(sharedLine),
    tags: orNone(tags),
    removed: orNone(removed),
    appended: orNone(appended),
    keyed: orNone(keyed),
    sharedWith: commonOf(sharedWith),
  };
}

function orNone(list: readonly string[]): readonly string[] {
  return list.length === 0 ? NONE : list;
}

function commonOf({ authorization, cookie }: ResponseEntry['sharedWith']): ResponseEntry['sharedWith'] {
  return SHARED_WITH.find((each) => each.authorization === authorization && each.cookie === cookie)!;
}

function sharedLine(line: HeaderLine): HeaderLine {
  const [name, value] = line;
  if (typeof value !== 'string' || name.length + value.length > LONGEST || OWN.has(name.toLowerCase())) return line;
  const text = `${name}\n${value}`;
  const before = known.get(text);
  if (before === undefined) known.set(text, line);
  return before ?? line;
}
