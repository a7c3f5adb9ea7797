import { unescape as unescapeWhatCan } from 'node:querystring';

/** Whether a text has a character that means more than itself in a glob. */
export function isGlob(pattern: string): boolean {
  return /[*?[\]\\]/.test(pattern);
}

/**
 * Whether a pattern reaches a name. A glob has Redis' own signs: `*` any run, `?` any one character, `[a-c]` and
 * `[^x]` classes, `\` before a sign that means itself. A pattern without any of them is a place in the hierarchy of
 * keys: `users:list` reaches `users:list`, all below it (`users:list:page:2`), and its queries (`users:list?page=2`). In one
 * of paths a slash leads down, too: `/users` reaches `/users/1`. What is escaped in a name is to a glob what
 * it stands for, as well as the signs that it is written with: `/caf?` and `/caf[eé]` reach `/caf%C3%A9`.
 *
 * Takes time in the product of both lengths at the most, whatever a client puts into a name.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  if (isGlob(pattern)) {
    if (matchesSigns(parsed(pattern), name)) return true;
    return isEscaped(name) && matchesSigns(asRead(pattern), unescapeWhatCan(name));
  }
  if (!name.startsWith(pattern)) return false;
  const next = name.charAt(pattern.length);
  if (next === '' || next === ':' || next === '?') return true;
  return pattern.startsWith('/') && (next === '/' || pattern.endsWith('/'));
}

/** Whether a glob matches any text that has a beginning. */
export function matchesBeginning(glob: string, beginning: string): boolean {
  if (beginsSigns(parsed(glob), beginning)) return true;
  return isEscaped(beginning) && beginsSigns(asRead(glob), unescapeWhatCan(beginning));
}

function isEscaped(text: string): boolean {
  return text.includes('%');
}

/** The same glob over names as handlers have them, without escapes: what is escaped in it itself means itself. */
function asRead(glob: string): readonly Sign[] {
  const plain = (escapes: string) => unescapeWhatCan(escapes).replace(SIGNS, '\\$&');
  return parsed(isEscaped(glob) ? glob.replace(/(?:%[\da-f]{2})+/gi, plain) : glob);
}

function beginsSigns(signs: readonly Sign[], beginning: string): boolean {
  let at = 0;
  for (const sign of signs) {
    // What is to be seen matches: the run eats the rest, and what stands behind it may follow.
    if (sign === '*' || at >= beginning.length) return true;
    const rest = beginning.slice(at);
    if (typeof sign !== 'function' && sign.text.startsWith(rest)) return true;
    const taken = signLength(sign, beginning, at);
    if (taken === 0) return false;
    at += taken;
  }
  return at >= beginning.length;
}

/** A part of a glob: any run, a text that means itself, or a test of one character. */
type Sign = '*' | { readonly text: string } | ((character: string) => boolean);

/** Globs are matched again and again, with each entry older than they are: they are parsed once. */
const recent = new Map<string, readonly Sign[]>();
const MOST_RECENT = 512;
/** How long they may be together: what is put into them may come from clients. */
const MOST_SIGNS = 1_048_576;
let size = 0;

function parsed(glob: string): readonly Sign[] {
  let signs = recent.get(glob);
  if (signs === undefined) {
    signs = parseGlob(glob);
    recent.set(glob, signs);
    size += glob.length;
    while (recent.size > MOST_RECENT || size > MOST_SIGNS) forget(recent.keys().next().value!);
  }
  return signs;
}

function forget(glob: string): void {
  recent.delete(glob);
  size -= glob.length;
}

function matchesSigns(signs: readonly Sign[], name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1; // where the last `*` was, and up to where it has eaten: the only place to come back to
  let eaten = 0;
  while (n < name.length) {
    const sign = signs[g];
    if (sign === '*') {
      star = g++;
      eaten = n;
      continue;
    }
    const taken = sign === undefined ? 0 : signLength(sign, name, n);
    if (taken > 0) {
      g++;
      n += taken;
    } else if (star >= 0) {
      g = star + 1;
      n = ++eaten;
    } else return false;
  }
  while (signs[g] === '*') g++;
  return g === signs.length;
}

/** How much of a name a sign takes at a place; 0: it does not stand there. */
function signLength(sign: Exclude<Sign, '*'>, name: string, at: number): number {
  if (typeof sign === 'function') return sign(name[at]!) ? 1 : 0;
  return name.startsWith(sign.text, at) ? sign.text.length : 0;
}

const anyCharacter = () => true;

function parseGlob(glob: string): Sign[] {
  const signs: Sign[] = [];
  for (let at = 0; at < glob.length; at++) {
    const sign = glob[at]!;
    if (sign === '*') {
      // Several in a row are one.
      if (signs.at(-1) !== '*') signs.push('*');
    } else if (sign === '?') signs.push(anyCharacter);
    else if (sign === '[') at = parseClass(glob, at, signs);
    else {
      if (sign === '\\' && at + 1 < glob.length) at++;
      const end = plainUntil(glob, at + 1);
      signs.push({ text: glob.slice(at, end) });
      at = end - 1;
    }
  }
  return signs;
}

const SIGNS = /[*?[\]\\]/g;

/** Up to where a glob says nothing but itself. */
function plainUntil(glob: string, from: number): number {
  SIGNS.lastIndex = from;
  return SIGNS.exec(glob)?.index ?? glob.length;
}

/** Reads a class as Redis does: it ends at `]` or with the glob, and its ranges may stand the wrong way round. */
function parseClass(glob: string, start: number, signs: Sign[]): number {
  const negated = glob[start + 1] === '^';
  const ranges: [from: string, to: string][] = [];
  let at = start + (negated ? 2 : 1);
  for (; at < glob.length && glob[at] !== ']'; at++) {
    if (glob[at] === '\\' && at + 1 < glob.length) at++;
    else if (glob[at + 1] === '-' && at + 2 < glob.length) {
      const ends = [glob[at]!, glob[at + 2]!].sort();
      ranges.push([ends[0]!, ends[1]!]);
      at += 2;
      continue;
    }
    ranges.push([glob[at]!, glob[at]!]);
  }
  signs.push((character) => ranges.some(([from, to]) => character >= from && character <= to) !== negated);
  return at;
}
