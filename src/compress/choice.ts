import type { Coding, ResponseEntry } from '../entry/entry.js';
import { matchesEtag, sameStrongTag } from '../http/etag.js';
import { lineOf } from '../http/headers.js';
import { encodingWeights } from '../http/preferences.js';
import type { Conditions } from '../lookup/conditional.js';
import type { PartAsked } from '../lookup/reply.js';
import { FIXING, isFixed } from './rule.js';
import { tagOf } from './tags.js';

/** What of a request the form of its answer depends on. */
export interface AskedForm {
  /** Its `Accept-Encoding`. */
  readonly accepted: string | undefined;
  /** Whether it asks for the content as it is, and that is heard (`no-transform`, RFC 9111 §5.2.1.6). */
  readonly fixed: boolean;
  readonly part: PartAsked | undefined;
  readonly conditions: Conditions | undefined;
}

/** In which form an answer leaves. */
export interface Choice {
  /** Absent: as its handler gave it. */
  readonly coding: Coding | undefined;
  /** The part that is taken of it, if one is. */
  readonly part: PartAsked | undefined;
  /** The client has it already: it is told so, and no bytes are needed. */
  readonly held: boolean;
}

type Weights = ReadonlyMap<string, number>;

const CODINGS: readonly Coding[] = ['gzip', 'br', 'zstd'];
const NO_WEIGHTS: Weights = new Map();

/**
 * The form of a response that a client is given (RFC 9110 §12.5.3): that of its forms which the client likes best, of those
 * liked equally well the smallest. A part is one of the body as its handler gave it. A client that has a form already which it can
 * read is told that this one still holds, whichever it would be given otherwise.
 */
export function choose(entry: ResponseEntry, { accepted, fixed, part, conditions }: AskedForm): Choice {
  if (!entry.negotiated && entry.forms === undefined) return { coding: undefined, part, held: false };
  const etag = lineOf(entry.headers, 'etag');
  if (part !== undefined && isOfPlain(part, etag)) return { coding: undefined, part, held: false };
  const asItIs = fixed || FIXING.some((name) => isFixed(lineOf(entry.headers, name)));
  const weights = asItIs ? NO_WEIGHTS : weightsOf(accepted);
  const coding = preferred(entry, weights);
  const held = entry.status === 200 ? heldForm(etag, conditions, weights, coding) : undefined;
  return { coding: held === undefined ? coding : held.coding, part: undefined, held: held !== undefined };
}

/** How much a client likes each coding; none, where it has not said so in a way that can be read. */
export function weightsOf(accepted: string | undefined): Weights {
  return (accepted === undefined ? undefined : encodingWeights(accepted)) ?? NO_WEIGHTS;
}

/** Whether a choice is of bytes that an entry holds only in other forms. */
export function isPacked(entry: ResponseEntry, { coding, held }: Choice): boolean {
  return entry.forms !== undefined && coding === undefined && !held;
}

/**
 * The first form that the client says it has and can read, by the tag of the plain body; what it would be given comes first.
 */
export function heldForm(
  etag: string | undefined,
  conditions: Conditions | undefined,
  weights: Weights,
  first: Coding | undefined,
): { readonly coding: Coding | undefined } | undefined {
  const asked = conditions?.ifNoneMatch;
  if (asked === undefined || etag === undefined) return undefined;
  for (const coding of [first, undefined, ...CODINGS]) {
    if (isRead(coding, weights) && matchesEtag(asked, coding === undefined ? etag : tagOf(etag, coding)))
      return { coding };
  }
  return undefined;
}

/** Which forms a client can read, by its `Accept-Encoding`. */
export function readBy(accepted: string | undefined): (coding: Coding) => boolean {
  return (coding) => isRead(coding, weightsOf(accepted));
}

function isRead(coding: Coding | undefined, weights: Weights): boolean {
  // What is not named can be read as it is (RFC 9110 §12.5.3).
  if (coding === undefined) return (weights.get('identity') ?? weights.get('*') ?? 1) > 0;
  return weightOf(coding, weights) > 0;
}

/**
 * Whether a part goes on what the client has of the plain body. By a date it cannot be told from a compressed one, which has
 * the same (RFC 9110 §13.1.5).
 */
function isOfPlain({ ifRange }: PartAsked, etag: string | undefined): boolean {
  return ifRange === undefined || sameStrongTag(ifRange, etag);
}

/** Of a response's forms the one that a client likes best, if it likes any as well as the plain body. */
export function preferred({ forms, body }: ResponseEntry, weights: Weights): Coding | undefined {
  let best: Coding | undefined;
  let most = weights.get('identity') ?? weights.get('*') ?? 0;
  let least = body.length + 1;
  for (const { coding, bytes } of forms?.list ?? []) {
    const weight = weightOf(coding, weights);
    if (weight === 0 || weight < most || (weight === most && bytes >= least)) continue;
    best = coding;
    most = weight;
    least = bytes;
  }
  return best;
}

/** `x-gzip` is another name of gzip (RFC 9110 §8.4.1.3). */
function weightOf(coding: Coding, weights: Weights): number {
  const own = weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined);
  return own ?? weights.get('*') ?? 0;
}
