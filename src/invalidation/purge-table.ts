import { hash64 } from './hash.js';
import { matchesBeginning, matchesPattern } from './pattern.js';
import { purgeTags, type Subject, tenantTag } from './tags.js';

/** A pattern that was purged: it reaches the names of one (escaped) tenant. */
export interface PatternPurge {
  readonly tenant: string;
  readonly glob: string;
}

/** What one invalidation kills: everything that has one of the tags, or a name that one of the patterns matches. */
export interface Purge {
  readonly tags: readonly string[];
  readonly patterns: readonly PatternPurge[];
}

/** What a name takes in memory, about, in bytes. */
export function weightOfName(name: string): number {
  return 40 + name.length;
}

/** What a purge takes in memory: its names come from clients, and may be long and many. */
export function weightOf({ tags, patterns }: Purge): number {
  let weight = 0;
  for (const tag of tags) weight += weightOfName(tag);
  for (const { tenant, glob } of patterns) weight += weightOfName(tenant) + weightOfName(glob);
  return weight;
}

/** Whether a purge reaches a subject. */
export function reaches({ tags, patterns }: Purge, subject: Subject): boolean {
  const own = new Set(tags);
  return purgeTags(subject).some((tag) => own.has(tag)) || patterns.some((each) => patternReaches(each, subject));
}

export function patternReaches({ tenant, glob }: PatternPurge, subject: Subject): boolean {
  if (tenant !== subject.tenant) return false;
  const { names, pathUri } = subject;
  if (names.some((name) => matchesPattern(glob, name))) return true;
  // It answers other queries, too: which of them is not known.
  return pathUri !== undefined && names.some((name) => matchesBeginning(glob, `${name.replace(/\?.*/s, '')}?`));
}

/** The size of a purge table. It belongs to a ledger's epoch, so that all processes count alike. */
export interface Geometry {
  readonly rows: number;
  /** Each row has 2^bits buckets. */
  readonly bits: number;
  /** How many patterns are kept before the oldest is folded into a purge of its tenant. */
  readonly patterns: number;
}

export const GEOMETRY: Geometry = { rows: 4, bits: 16, patterns: 256 };

/** A purge tag or a glob that reaches a subject, and when it was last purged. */
export interface Reaching {
  readonly kind: 'tag' | 'pattern';
  readonly name: string;
  readonly sequence: number;
}

interface KeptPattern extends PatternPurge {
  readonly sequence: number;
}

/**
 * When each tag was last purged, in bounded memory: a count-min sketch for maxima. A purge raises its tag's bucket in
 * every row; the last purge of a tag is at most the smallest of its buckets. What shares all buckets with a purged
 * tag is missed for nothing; what was purged is never taken for valid. Patterns cannot be hashed: they stand in a
 * short list, and the oldest falls, when the list is full, into a purge of its tenant *as of then*, which kills more
 * than it must and never less.
 *
 * The table is a function of the purges applied, in order, and of nothing else: two processes that have read the same
 * ledger hold the same table.
 */
export class PurgeTable {
  /** The sequence of the newest purge in it. */
  sequence: number;
  /** None before a purge: they are 2 MB, and take a millisecond. All that are not written are 0. */
  buckets: Float64Array | undefined;
  patterns: KeptPattern[];

  constructor(
    readonly epoch: string,
    sequence: number,
    readonly geometry: Geometry = GEOMETRY,
    buckets?: Float64Array,
    patterns: KeptPattern[] = [],
  ) {
    this.sequence = sequence;
    this.buckets = buckets;
    this.patterns = patterns;
  }

  /** Enters a purge under its sequence, which is above all before it. */
  apply(purge: Purge, sequence: number): void {
    for (const tag of purge.tags) this.#raise(tag, sequence);
    for (const { tenant, glob } of purge.patterns) {
      // One that is purged again and again takes one place.
      const before = this.patterns.findIndex((each) => each.tenant === tenant && each.glob === glob);
      if (before >= 0) this.patterns.splice(before, 1);
      this.patterns.push({ tenant, glob, sequence });
    }
    while (this.patterns.length > this.geometry.patterns) {
      const oldest = this.patterns.shift()!;
      this.#raise(tenantTag(oldest.tenant), oldest.sequence);
    }
    this.sequence = sequence;
  }

  /** Whether nothing that reaches the subject was purged after `sequence`. */
  stands(subject: Subject, sequence: number): boolean {
    if (sequence >= this.sequence) return true;
    for (const tag of purgeTags(subject)) if (this.lastPurge(tag) > sequence) return false;
    for (let i = this.patterns.length - 1; i >= 0; i--) {
      const pattern = this.patterns[i]!;
      if (pattern.sequence <= sequence) break;
      if (patternReaches(pattern, subject)) return false;
    }
    return true;
  }

  /**
   * All that reaches the subject and was purged after `sequence`, each at its last purge; of tags an upper bound. It
   * is empty where the subject stands. For explanations: `stands` answers without making a list.
   */
  reaching(subject: Subject, sequence: number): Reaching[] {
    const found: Reaching[] = [];
    for (const tag of purgeTags(subject)) {
      const last = this.lastPurge(tag);
      if (last > sequence) found.push({ kind: 'tag', name: tag, sequence: last });
    }
    for (const pattern of this.patterns) {
      if (pattern.sequence > sequence && patternReaches(pattern, subject))
        found.push({ kind: 'pattern', name: pattern.glob, sequence: pattern.sequence });
    }
    return found;
  }

  /** Whether a purge that was entered at `sequence` is in here. */
  holds(purge: Purge, sequence: number): boolean {
    const isKept = ({ tenant, glob }: PatternPurge) =>
      this.lastPurge(tenantTag(tenant)) >= sequence ||
      this.patterns.some((each) => each.tenant === tenant && each.glob === glob && each.sequence >= sequence);
    return purge.tags.every((tag) => this.lastPurge(tag) >= sequence) && purge.patterns.every(isKept);
  }

  /** Whether all that another table of this epoch kills is dead by this one too, once `again` has been entered. */
  covers(other: PurgeTable, again: readonly Purge[]): boolean {
    const raised = new Set(again.flatMap(({ tags }) => tags.flatMap((tag) => bucketsOf(tag, this.geometry))));
    const [ours, others] = [this.buckets, other.buckets ?? []];
    for (let i = 0; i < others.length; i++) {
      if ((ours?.[i] ?? 0) < others[i]! && !raised.has(i)) return false;
    }
    const kept = again.flatMap(({ patterns }) => patterns);
    return other.patterns.every(
      (pattern) =>
        this.holds({ tags: [], patterns: [pattern] }, pattern.sequence) ||
        kept.some(({ tenant, glob }) => tenant === pattern.tenant && glob === pattern.glob),
    );
  }

  /** An upper bound of the sequence at which a tag was last purged; 0 for never. */
  lastPurge(tag: string): number {
    const buckets = this.buckets;
    if (buckets === undefined) return 0;
    let smallest = Number.POSITIVE_INFINITY;
    for (const index of bucketsOf(tag, this.geometry)) smallest = Math.min(smallest, buckets[index]!);
    return smallest;
  }

  #raise(tag: string, sequence: number): void {
    const { rows, bits } = this.geometry;
    this.buckets ??= new Float64Array(rows << bits);
    for (const index of bucketsOf(tag, this.geometry)) {
      if (this.buckets[index]! < sequence) this.buckets[index] = sequence;
    }
  }
}

/** A tag's bucket in each row, as indexes into the whole table. */
export function bucketsOf(tag: string, { rows, bits }: Geometry): number[] {
  const [high, low] = hash64(tag);
  const mask = (1 << bits) - 1;
  const step = low | 1;
  const found: number[] = [];
  for (let row = 0; row < rows; row++) found.push((row << bits) + ((high + Math.imul(row, step)) & mask));
  return found;
}
