// Which fields of a response govern this cache: Cache-Control and Expires, or a targeted field (RFC 9213).

import type { Choose } from './choices.js';
import { type Directive, parseDelta, parseDirectives } from './directives.js';
import { listOf, type Request, type Response, textOf, valuesOf } from './messages.js';
import { directiveOf, parseDictionary } from './structured.js';

/** RFC 9213 §2.2, the target list of this cache. `CDN-Cache-Control` is not on it unless the options say so. */
const TARGETS = ['Respcache-Cache-Control'];

export interface Governing {
  readonly directives: readonly Directive[];
  /** The lines of Expires, where it has a say. */
  readonly expires: readonly string[];
}

/**
 * RFC 9213 §2.2: "the cache MUST select the first (in target-list order) field with a valid, non-empty value and use its
 * value to determine the caching policy for the response, and it MUST ignore the Cache-Control and Expires header fields".
 */
export function governing(response: Response, choose: Choose): Governing {
  for (const name of TARGETS) {
    const members = parseDictionary(textOf(response, name) ?? '');
    if (members !== undefined && members.length > 0) {
      const directives = members.map(directiveOf).filter((each) => each !== undefined);
      return { directives: directives.filter((each) => isConsumed(each, choose)), expires: [] };
    }
  }
  const text = textOf(response, 'Cache-Control');
  if (text === undefined && pragmaCounts(response, choose)) {
    return { directives: parseDirectives('no-cache'), expires: valuesOf(response, 'Expires') };
  }
  return { directives: parseDirectives(text ?? ''), expires: valuesOf(response, 'Expires') };
}

/** RFC 9213 §2.1: "a consuming implementation that coerces a max-age with a decimal value into an integer would behave differently". */
function isConsumed({ name, argument }: Directive, choose: Choose): boolean {
  if (name !== 'max-age' && name !== 's-maxage') return true;
  if (parseDelta(argument) !== undefined) return true;
  return choose('RFC 9213 §2.1: a targeted max-age of the wrong type makes it stale, it is not just ignored') === 0;
}

/** §5.4: "the meaning of "Pragma: no-cache" in responses was never specified". */
function pragmaCounts(response: Response, choose: Choose): boolean {
  if (!listOf(textOf(response, 'Pragma')).includes('no-cache')) return false;
  return choose('§5.4: Pragma in a response counts for nothing') === 1;
}

/** §5.2.1: the directives of a request. §5.4: Pragma counts where there is no Cache-Control. */
export function requestDirectives(request: Request): Directive[] {
  const text = textOf(request, 'Cache-Control');
  if (text !== undefined) return parseDirectives(text);
  return listOf(textOf(request, 'Pragma')).includes('no-cache') ? parseDirectives('no-cache') : [];
}

/**
 * The seconds that a directive says; `undefined` where it is absent. §4.2.1: values that differ, or are invalid, make
 * the response stale: that is what 0 does.
 */
export function secondsOf(directives: readonly Directive[], name: string, choose: Choose): number | undefined {
  const found = directives.filter((directive) => directive.name === name);
  if (found.length === 0) return undefined;
  const values = new Set(found.map((directive) => numberOf(directive, choose)));
  if (values.size > 1) return 0;
  const spellings = new Set(found.map(({ argument }) => argument));
  const isOne = spellings.size === 1 || choose('§4.2.1: the same number spelt in two ways is one value') === 0;
  return isOne ? [...values][0]! : 0;
}

function numberOf({ argument, wellFormed }: Directive, choose: Choose): number {
  const value = parseDelta(argument);
  if (value === undefined) return 0;
  if (wellFormed) return value;
  // `max-age =60`: not the grammar's, though it can be understood.
  return choose('§5.2: white space around the equal sign is passed over') === 0 ? value : 0;
}
