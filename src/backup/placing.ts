import type { Services } from '../backend.js';
import type { Entry, Position } from '../entry/entry.js';
import { ownerOfKey, subjectOfKey } from '../request/key.js';
import type { Store, StoreItem } from '../stores/store.js';

/** What has become of a backup's entries. */
export interface PlacingCounts {
  /** They are in the store now. (One in memory keeps its bounds: it may have let others go for them.) */
  readonly restored: number;
  /** The store has newer ones, or the same; or others were changing them all the time. */
  readonly kept: number;
  /** They have expired: being in a backup gives nothing a longer life. */
  readonly expired: number;
  /** Something has invalidated them. */
  readonly invalidated: number;
  /** Adopted ones of which nobody can tell whether they stood when the backup was made: their names are hidden in hashes. */
  readonly unjudged: number;
  /** They belong to tenants that were not asked for. */
  readonly others: number;
}

/** By what a backup's entries are judged. */
export interface Terms {
  /** Escaped; `undefined`: all. */
  readonly tenants: ReadonlySet<string> | undefined;
  /** The epoch of the ledger that the backup belongs to. */
  readonly epoch: string;
  /** Where that ledger was at the backup's end, if the file tells. */
  readonly end: number | undefined;
  /** Whether another ledger counts here, so that its entries are to be adopted. */
  readonly foreign: boolean;
  /** Where the ledger here was before the first entry is stored. */
  readonly position: Position;
}

/** How many entries are placed at a time. */
const STEP = 64;
/** How often an entry is tried again that others change meanwhile. */
const MOST_ATTEMPTS = 5;

export const NOTHING_PLACED: PlacingCounts = {
  restored: 0,
  kept: 0,
  expired: 0,
  invalidated: 0,
  unjudged: 0,
  others: 0,
};

/** Puts the entries of a backup into the store of a cache, each where it still has a place. */
export class Placing {
  readonly #services: Services;
  readonly #terms: Terms;
  #counts = { ...NOTHING_PLACED };

  constructor(services: Services, terms: Terms) {
    this.#services = services;
    this.#terms = terms;
  }

  get counts(): PlacingCounts {
    return { ...this.#counts };
  }

  /** Places entries under keys without the cache's prefix. Rejects if the store or the ledger cannot be reached. */
  async place(items: readonly StoreItem[]): Promise<void> {
    for (let at = 0; at < items.length; at += STEP) {
      const step = items.slice(at, at + STEP);
      await this.#services.backend.maintain(async (store) => {
        const fates = await Promise.all(step.map((item) => this.#placeOne(store, item)));
        for (const fate of fates) this.#counts[fate]++;
      });
    }
  }

  /**
   * An entry keeps its `asOf`, so that every lookup judges it again, by all that reaches it: one whose key hides its names
   * is as dead as if it had never left the store. It never keeps one beyond what the ledger here has come to.
   */
  async #placeOne(store: Store, item: StoreItem): Promise<keyof PlacingCounts> {
    const { epoch, end, foreign, position, tenants } = this.#terms;
    const { clock, prefix } = this.#services.settings;
    const { asOf, expiresAt } = item.entry;
    const { tenant, hashed } = ownerOfKey('', item.key);
    if (tenants !== undefined && !tenants.has(tenant)) return 'others';
    if (expiresAt <= clock.now()) return 'expired';
    if (asOf.epoch !== epoch) return 'invalidated';
    // With a new stamp no lookup would know any more what had invalidated it before.
    if (foreign && hashed && !(end !== undefined && asOf.sequence >= end)) return 'unjudged';
    const sequence = foreign ? position.sequence : Math.min(asOf.sequence, position.sequence);
    const entry = { ...item.entry, asOf: { epoch: position.epoch, sequence } };
    const key = prefix + item.key;
    if (!this.#stands(key, entry)) return 'invalidated';
    return this.#put(store, key, entry);
  }

  async #put(store: Store, key: string, entry: Entry): Promise<'restored' | 'kept'> {
    let current: Entry | undefined;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      if (await store.swap(key, current, entry)) return 'restored';
      [current] = await store.get([key]);
      if (current !== undefined && current.storedAt >= entry.storedAt && this.#stands(key, current)) break;
    }
    return 'kept';
  }

  #stands(key: string, entry: Entry): boolean {
    const { settings, backend } = this.#services;
    return backend.ledger.stands(subjectOfKey(settings.prefix, key, entry), entry.asOf);
  }
}
