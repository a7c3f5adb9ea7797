import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.js';
import { bodyBytes, entryOf, type Held, holdingOf, inOnePiece, isHeld } from '../entry/compact.js';
import type { CounterEntry, Entry } from '../entry/entry.js';
import { UnavailableError } from '../errors.js';
import type { Dead, Found, Increment, Scanned, ScanOptions, Store, StoreItem, SweepProgress } from './store.js';

/** The bounds of an in-memory store. */
export interface MemoryStoreOptions {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** How many entries a scan or a sweep looks at before it lets others have their turn. */
const SCAN_STEP = 250;

/** The place of one entry in memory. It is empty from the moment on that the store has forgotten the entry. */
export interface Slot {
  readonly key: string;
  held: Held | undefined;
  /** How many entries had been stored when it was last taken for used. */
  used: number;
  /** As of which moment it is what there is, in the same measure. */
  readonly known: number;
}

/** Entries in this process, the least recently used leaving first. No timers: what is expired is seen at its read. */
export class MemoryStore implements Store {
  readonly capabilities: { readonly shared: boolean } = { shared: false };
  readonly #entries: LRUCache<string, Slot>;
  readonly #clock: Clock;
  readonly #maxItems: number;
  #stored = 0;
  #closed = false;

  constructor({ maxItems, maxBytes, clock }: MemoryStoreOptions) {
    this.#clock = clock;
    this.#maxItems = maxItems;
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      dispose: (slot) => {
        slot.held = undefined;
      },
    });
  }

  /** How many entries there are, expired ones that nobody has asked for included. */
  get items(): number {
    return this.#entries.size;
  }

  /** What they weigh, in bytes. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  /** A moment, as entries tell it: how many have been stored so far. */
  get moment(): number {
    return this.#stored;
  }

  get(keys: readonly string[]): (Entry | undefined)[] {
    return keys.map((key) => this.read(key));
  }

  /** The entry under one key: of a response another object each time. */
  read(key: string): Entry | undefined {
    const found = this.slot(key)?.held;
    return found && entryOf(found);
  }

  /** Its place, for callers that come back to it: as long as it is not empty, it holds what is under the key. */
  slot(key: string): Slot | undefined {
    const slot = this.#entries.get(key);
    if (slot === undefined) return undefined;
    if (slot.held!.expiresAt > this.#clock.now()) {
      slot.used = this.#stored;
      return slot;
    }
    this.#entries.delete(key);
    return undefined;
  }

  /**
   * Takes an entry for used that was found by its place. Looking it up each time would cost more than all the rest of a
   * hit; so its turn to go is off by an eighth of the entries at the most.
   */
  use(slot: Slot): void {
    if (this.#stored - slot.used > this.#entries.size >> 3) this.slot(slot.key);
  }

  /** `asked`: the moment at which these were asked for elsewhere. What has been stored here since is newer, and stays. */
  set(items: readonly StoreItem[], asked?: number): void {
    const now = this.#clock.now();
    for (const { key, entry } of items) {
      if (entry.expiresAt <= now) continue;
      if (asked !== undefined && (this.#entries.peek(key)?.known ?? 0) > asked) continue;
      const { held, bytes } = holdingOf(key, entry);
      const used = this.#stored++;
      const slot = { key: inOnePiece(key), held, used, known: asked ?? this.#stored };
      this.#entries.set(slot.key, slot, { size: bytes });
    }
    // The cache's own bound on items would have it reserve room for all of them at once.
    while (this.#entries.size > this.#maxItems) this.#entries.pop();
  }

  delete(keys: readonly string[]): number {
    let removed = 0;
    for (const key of keys) {
      const live = this.slot(key) !== undefined;
      this.#entries.delete(key);
      if (live) removed++;
    }
    return removed;
  }

  increment(key: string, by: number, expected: Entry | undefined, fresh: Entry): Increment {
    const current = this.slot(key)?.held;
    if (!isHeld(current, expected) && !isSameCounter(current, expected)) return 'changed';
    if (current === undefined) {
      this.set([{ key, entry: fresh }]);
      return { value: by };
    }
    if (!isCounter(current)) return 'not-a-number';
    const value = Number(current.body.toString('latin1')) + by;
    if (!Number.isSafeInteger(value)) return 'not-a-number';
    this.set([{ key, entry: { ...current, body: Buffer.from(String(value)) } }]);
    return { value };
  }

  swap(key: string, expected: Entry | undefined, next: Entry): boolean {
    if (!isHeld(this.slot(key)?.held, expected)) return false;
    this.set([{ key, entry: next }]);
    return true;
  }

  async sweep(prefix: string, dead: Dead, onProgress?: (progress: SweepProgress) => void): Promise<number> {
    const keys = this.#keysBelow(prefix);
    let scanned = 0;
    let removed = 0;
    for (let at = 0; ; at += SCAN_STEP) {
      for (const key of keys.slice(at, at + SCAN_STEP)) {
        const held = this.#entries.peek(key)?.held;
        // It has left meanwhile.
        if (held === undefined) continue;
        scanned++;
        if (dead(key, entryOf(held, true)) && this.#entries.delete(key)) removed++;
      }
      onProgress?.({ scanned, removed });
      if (at + SCAN_STEP >= keys.length) return removed;
      await nextTurn();
    }
  }

  async *scan(prefix: string, { heads = false, wanted }: ScanOptions = {}): AsyncGenerator<Scanned> {
    this.#refuseClosed();
    const keys = this.#keysBelow(prefix).filter((key) => wanted?.(key) ?? true);
    for (let at = 0; at < keys.length; at += SCAN_STEP) {
      this.#refuseClosed();
      const found = keys.slice(at, at + SCAN_STEP).flatMap((key) => this.#found(key, heads));
      const items = found.filter(({ entry }) => entry.expiresAt > this.#clock.now());
      yield { items, expired: found.length - items.length, unreadable: 0 };
      await nextTurn();
    }
  }

  #keysBelow(prefix: string): string[] {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  /** It is empty then: a backup would take that, or what it has read so far, for all that there is. */
  #refuseClosed(): void {
    if (this.#closed) throw new UnavailableError('the cache is closed');
  }

  ping(): void {}

  close(): void {
    this.#closed = true;
    this.#entries.clear();
  }

  /** What is under a key, without making it the most recently used. */
  #found(key: string, heads: boolean): Found[] {
    const held = this.#entries.peek(key)?.held;
    return held === undefined ? [] : [{ key, entry: entryOf(held, heads), bytes: bodyBytes(held) }];
  }
}

/** Whether a counter is still the one that was judged, but for a number that others have added to. */
function isSameCounter(a: Held | undefined, b: Entry | undefined): boolean {
  return isCounter(a) && b?.kind === 'counter' && a.asOf === b.asOf && a.storedAt === b.storedAt;
}

function isCounter(held: Held | undefined): held is CounterEntry {
  return held !== undefined && 'kind' in held && held.kind === 'counter';
}
