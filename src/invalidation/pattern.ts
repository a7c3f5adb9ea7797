/** Whether a text has a character that means more than itself in a glob. */
export function isGlob(pattern: string): boolean {
  return /[*?[\]\\]/.test(pattern);
}

/**
 * Whether a pattern reaches a name. A glob has Redis' own signs: `*` any run, `?` any one character, `[a-c]` and
 * `[^x]` classes, `\` before a sign that means itself. A pattern without any of them is a place in the hierarchy of
 * keys: `users:list` reaches `users:list`, all below it (`users:list:page:2`), and its queries (`users:list?page=2`).
 *
 * Takes time in the product of both lengths at the most, whatever a client puts into a name.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  if (isGlob(pattern)) return matchesGlob(pattern, name);
  if (!name.startsWith(pattern)) return false;
  const next = name.charAt(pattern.length);
  return next === '' || next === ':' || next === '?';
}

function matchesGlob(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1; // where the last `*` was, and up to where it has eaten: the only place to come back to
  let eaten = 0;
  while (n < name.length) {
    if (glob[g] === '*') {
      star = g++;
      eaten = n;
      continue;
    }
    const next = g < glob.length ? matchOne(glob, g, name[n]!) : -1;
    if (next >= 0) {
      g = next;
      n++;
    } else if (star >= 0) {
      g = star + 1;
      n = ++eaten;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** Matches one character against the sign at `at`: the position after the sign, or -1. */
function matchOne(glob: string, at: number, character: string): number {
  const sign = glob[at];
  if (sign === '?') return at + 1;
  if (sign === '[') return matchClass(glob, at, character);
  if (sign === '\\' && at + 1 < glob.length) return glob[at + 1] === character ? at + 2 : -1;
  return sign === character ? at + 1 : -1;
}

function matchClass(glob: string, at: number, character: string): number {
  const end = glob.indexOf(']', at + 2);
  if (end < 0) return character === '[' ? at + 1 : -1;
  const negated = glob[at + 1] === '^';
  let inside = false;
  for (let i = at + (negated ? 2 : 1); i < end; i++) {
    if (glob[i + 1] === '-' && i + 2 < end) {
      inside ||= character >= glob[i]! && character <= glob[i + 2]!;
      i += 2;
    } else inside ||= glob[i] === character;
  }
  return inside !== negated ? end + 1 : -1;
}
