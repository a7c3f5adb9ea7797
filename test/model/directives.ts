// Cache-Control by its grammar (RFC 9111 §5.2):
//
//   Cache-Control   = #cache-directive
//   cache-directive = token [ "=" ( token / quoted-string ) ]

export interface Directive {
  /** In lower case: "identified by a token, to be compared case-insensitively". */
  readonly name: string;
  /** Without its quotes; `undefined` where there is none. */
  readonly argument: string | undefined;
  readonly quoted: boolean;
  /** Whether it follows the grammar. What does not is read as far as its name can be. */
  readonly wellFormed: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/;
const QUOTED_STRING = /^"((?:[^"\\]|\\.)*)"$/s;

/** The directives of a field's value, in their order, duplicates too. */
export function parseDirectives(text: string): Directive[] {
  return elementsOf(text)
    .map((element) => parseElement(element.trim()))
    .filter((directive) => directive !== undefined);
}

/** RFC 9110 §5.6.1: elements stand between commas, those within a quoted string apart. Empty ones don't count. */
function elementsOf(text: string): string[] {
  const elements: string[] = [];
  let element = '';
  for (let i = 0; i < text.length; i++) {
    const quoted = /^"(?:[^"\\]|\\.)*"/s.exec(text.slice(i));
    if (quoted !== null) {
      element += quoted[0];
      i += quoted[0].length - 1;
    } else if (text[i] === ',') {
      elements.push(element);
      element = '';
      // A quote that nothing ends is a sign as any other: what comes behind the next comma is read, not swallowed.
    } else element += text[i];
  }
  return [...elements, element].filter((each) => each.trim() !== '');
}

function parseElement(element: string): Directive | undefined {
  const token = TOKEN.exec(element)?.[0];
  if (token === undefined) return undefined;
  const name = token.toLowerCase();
  const rest = element.slice(token.length);
  if (rest === '') return { name, argument: undefined, quoted: false, wellFormed: true };
  if (!rest.trimStart().startsWith('=')) return { name, argument: undefined, quoted: false, wellFormed: false };
  // The grammar has no white space around the sign.
  const spaced = !/^=\S/.test(rest);
  const value = rest.trimStart().slice(1).trim();
  const quoted = QUOTED_STRING.exec(value);
  if (quoted !== null) {
    return { name, argument: quoted[1]!.replace(/\\(.)/gs, '$1'), quoted: true, wellFormed: !spaced };
  }
  return { name, argument: value, quoted: false, wellFormed: !spaced && TOKEN.exec(value)?.[0] === value };
}

export function present(directives: readonly Directive[], name: string): boolean {
  return directives.some((directive) => directive.name === name);
}

/** §1.2.2: the largest number of seconds that a cache need tell apart. */
export const LONGEST = 2 ** 31;

/** §1.2.2 delta-seconds; `undefined`: it is none. */
export function parseDelta(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]+$/.test(text) ? Math.min(Number(text), LONGEST) : undefined;
}
