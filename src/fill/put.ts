import type { Services } from '../backend.js';
import type { IndexEntry, ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { type VariantOptions, variantKey } from '../http/vary.js';
import { type Address, responseSubject, variantAddress } from '../request/key.js';
import type { StoreItem } from '../stores/store.js';
import { after, type Fields, type MaybePromise } from '../types.js';

/** Under which of several responses of one URL an entry is put. */
export interface Variant extends VariantOptions {
  /** The request fields by which it varies, and the request that it answers. */
  readonly varies: readonly string[];
  readonly request: Fields;
  /** The rule by which the request's query was made shorter, if one was: others that wait for the same place may ask for another URL. */
  readonly search: string | undefined;
  /** Whether the order of languages that are liked equally counts. */
  readonly languageOrder: boolean;
  /** The index that was found under the URL. */
  readonly index: IndexEntry | undefined;
  /** The stored response that the request was meant for, and by which of its fields, where the handler was asked in spite of it. */
  readonly before?: Before | undefined;
}

/** A response that was found, and the request fields that it was found by. */
export interface Before {
  readonly entry: ResponseEntry;
  readonly varies: readonly string[];
}

/** A response that was just made, for those who have waited for it. */
export interface Shared extends Pick<Variant, 'varies' | 'request' | 'search'> {
  readonly entry: ResponseEntry;
}

/** A response that is on its way into the store. */
export interface Filled {
  readonly shared: Shared;
  /** The storage key that it is put under. */
  readonly key: string;
  /** When the store has it, or `false` if it has a newer one; rejects if it could not take it. */
  readonly written: MaybePromise<unknown>;
}

/** How many sets of varying fields are kept for one URL. */
const MOST_VARIES = 4;

/**
 * Puts a response into the store, unless it is dead already. The store has its command on return. `known`: the stored response
 * that it was made of; what is newer than that stays.
 */
export function put(
  services: Services,
  address: Address,
  entry: ResponseEntry,
  variant: Variant,
  known?: ResponseEntry,
): Filled | Reason {
  const { backend, events } = services;
  // Dead before it is born: it would only take up room until it expires.
  if (!backend.ledger.stands(responseSubject(address, entry), entry.asOf)) return 'invalidated';
  const started = performance.now();
  const stored = (done: unknown) => {
    if (done === false) return;
    const ms = performance.now() - started;
    events.emit('set', { tenant: address.tenant, key: address.key, ms, bytes: entry.body.length });
  };
  const items = itemsOf(address.key, entry, variant);
  const filled: MaybePromise<unknown> = known === undefined ? backend.fill(items) : backend.renew(items, known);
  const written = after(filled, (done) => (done === false ? false : supersede(services, address.key, entry, variant)));
  // A write that fails has been told of by the guard; the response does not depend on it.
  if (written instanceof Promise) written.then(stored, () => {});
  else stored(written);
  const { key } = items.at(-1)!;
  const { varies, request, search } = variant;
  return { shared: { entry, varies, request, search }, key, written };
}

/**
 * What varies by nothing takes the place of the variant that its request was meant for, too: that goes before it, and whoever says the
 * same would be given the old one, or have the handler asked, until it is forgotten.
 */
function supersede({ backend }: Services, key: string, entry: ResponseEntry, variant: Variant): MaybePromise<unknown> {
  const { varies, request, before } = variant;
  if (before === undefined || before.varies.length === 0 || varies.length > 0) return undefined;
  const old = variantAddress(key, variantKey(before.varies, request, variant));
  return after(backend.renew([{ key: old, entry }], before.entry), () => undefined);
}

/** The response under its URL; if responses of this URL vary, an index there, and the response beside it. */
function itemsOf(key: string, entry: ResponseEntry, variant: Variant): StoreItem[] {
  const { varies, request, index } = variant;
  const known = index?.varies ?? [];
  if (varies.length === 0 && known.length === 0) return [{ key, entry }];
  const others = known.filter((set) => set.join() !== varies.join());
  const all = [varies, ...others].slice(0, MOST_VARIES);
  const { asOf, storedAt } = entry;
  const expiresAt = Math.max(entry.expiresAt, index?.expiresAt ?? 0);
  return [
    { key, entry: { kind: 'index', asOf, storedAt, expiresAt, tags: [], varies: all } },
    { key: variantAddress(key, variantKey(varies, request, variant)), entry },
  ];
}
