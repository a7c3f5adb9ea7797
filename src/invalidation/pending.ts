import { withDeadline } from '../deadline.js';
import { Generations } from '../generations.js';
import { type Cause, causeIn } from './cause.js';
import { GEOMETRY, type PatternPurge, type Purge, patternReaches, weightOfName } from './purge-table.js';
import { EVERYTHING, purgeTags, type Subject, tenantTag } from './tags.js';

/** Purges that go to the ledger in one record. */
export interface Batch {
  readonly tags: Set<string>;
  readonly patterns: PatternPurge[];
  /** How many purges it is made of. */
  purges: number;
  /** What its tags weigh together. */
  weight: number;
  /** Resolves with the sequence once the ledger has it, however long that takes. */
  readonly done: Promise<number>;
  resolve(sequence: number): void;
  /** Whether an attempt has failed. */
  failed: boolean;
  /** Those who wait for word of it. */
  readonly waiting: Set<(sequence: number | undefined) => void>;
}

/** The most tags and patterns of a batch, and their most characters; beyond that it becomes a purge of everything: bounded, and never stale. */
const MOST = 10_000;
const HEAVIEST = 16_777_216;
/** How many places in the ledger are remembered where several purges went as one: two generations of this many. */
const JOINT = 2048;

/**
 * Purges that this process knows of and the ledger does not yet. Everything they reach is dead for this process,
 * whatever it is stamped with. What comes while a batch is on its way to Redis waits in the next one, so there are at
 * most two, and a burst of invalidations is two records and not a thousand.
 */
export class PendingPurges {
  #sending: Batch | undefined;
  #waiting: Batch | undefined;
  readonly #joint = new Generations<true>(JOINT);

  get empty(): boolean {
    return this.#sending === undefined && this.#waiting === undefined;
  }

  /** Adds a purge and returns the batch that it goes with. */
  add(purge: Purge): Batch {
    this.#waiting ??= newBatch();
    const batch = this.#waiting;
    const { tags, patterns } = batch;
    batch.purges++;
    for (const tag of purge.tags) addTag(batch, tag);
    for (const pattern of purge.patterns) addPattern(batch, pattern);
    if (tags.size + patterns.length > MOST || batch.weight > HEAVIEST) becomeEverything(batch);
    return batch;
  }

  /**
   * The sequence once the ledger has a batch; `undefined` as soon as an attempt has failed. Rejects after `ms`. Nothing is
   * kept of callers that have been told: while Redis is away a batch stays, whoever comes.
   */
  async told(batch: Batch, ms: number): Promise<number | undefined> {
    if (batch.failed) return undefined;
    let tell!: (sequence: number | undefined) => void;
    const word = new Promise<number | undefined>((resolve) => {
      tell = resolve;
    });
    batch.waiting.add(tell);
    try {
      return await withDeadline(word, ms, 'purge');
    } finally {
      batch.waiting.delete(tell);
    }
  }

  /** The batch to send next: the one that failed before, or the one that waits. `undefined` if there is none. */
  take(): Batch | undefined {
    this.#sending ??= this.#waiting;
    if (this.#sending === this.#waiting) this.#waiting = undefined;
    return this.#sending;
  }

  /** The batch taken is in the ledger. */
  sent(sequence: number): void {
    if (this.#sending !== undefined && this.#sending.purges > 1) this.#joint.set(String(sequence), true);
    this.#sending?.resolve(sequence);
    tellAll(this.#sending, sequence);
    this.#sending = undefined;
  }

  /** When all that is pending now is in the ledger, however long that takes. */
  get sentAll(): Promise<unknown> {
    return Promise.all([this.#sending?.done, this.#waiting?.done]);
  }

  /** Whether several purges of this process went into the ledger at that place, be they the same or not. */
  isJoint(sequence: number): boolean {
    return this.#joint.get(String(sequence)) !== undefined;
  }

  /** The batch taken could not be sent; it is taken again, and what waits behind it learns of the failure too. */
  failed(): void {
    for (const batch of [this.#sending, this.#waiting]) {
      if (batch !== undefined) batch.failed = true;
      tellAll(batch, undefined);
    }
  }

  reaches(subject: Subject): boolean {
    if (this.empty) return false;
    const tags = purgeTags(subject);
    return [this.#sending, this.#waiting].some(
      (batch) =>
        batch !== undefined &&
        (tags.some((tag) => batch.tags.has(tag)) || batch.patterns.some((pattern) => patternReaches(pattern, subject))),
    );
  }

  /** What of it reaches a subject, if anything does. `sequence`: the last place that is known, for want of its own. */
  causeOf(subject: Subject, sequence: number): Cause | undefined {
    for (const batch of [this.#sending, this.#waiting]) {
      const cause = batch && causeIn({ tags: [...batch.tags], patterns: batch.patterns }, subject, sequence);
      if (cause !== undefined) return { ...cause, pending: true };
    }
    return undefined;
  }
}

function addTag(batch: Batch, tag: string): void {
  if (batch.tags.has(tag)) return;
  batch.tags.add(tag);
  batch.weight += weightOfName(tag);
}

/** Beyond what the table keeps, the oldest falls into a purge of its tenant: of one batch, the table would do the same. */
function addPattern(batch: Batch, pattern: PatternPurge): void {
  const { patterns } = batch;
  if (patterns.some(({ tenant, glob }) => tenant === pattern.tenant && glob === pattern.glob)) return;
  patterns.push(pattern);
  if (patterns.length > GEOMETRY.patterns) addTag(batch, tenantTag(patterns.shift()!.tenant));
}

function becomeEverything(batch: Batch): void {
  batch.tags.clear();
  batch.patterns.length = 0;
  batch.tags.add(EVERYTHING);
  batch.weight = 0;
}

function tellAll(batch: Batch | undefined, sequence: number | undefined): void {
  for (const tell of batch?.waiting ?? []) tell(sequence);
}

function newBatch(): Batch {
  let resolve!: (sequence: number) => void;
  const done = new Promise<number>((settle) => {
    resolve = settle;
  });
  return { tags: new Set(), patterns: [], purges: 0, weight: 0, done, resolve, failed: false, waiting: new Set() };
}
