import type { Backend } from '../backend.js';
import type { Entry, IndexEntry, ResponseEntry } from '../entry/entry.js';
import type { Forward } from '../http/cache-status.js';
import { variantKey } from '../http/vary.js';
import type { Credentials } from '../request/eligibility.js';
import { type Address, responseSubject, variantAddress } from '../request/key.js';
import type { Fields, MaybePromise } from '../types.js';
import { then } from '../types.js';

/** What a lookup came to: an entry that may be served, or why there is none. */
export type Found =
  | { readonly entry: ResponseEntry }
  | { readonly entry?: undefined; readonly forward: Forward; readonly index: IndexEntry | undefined };

/** How many URLs are remembered with the fields that their responses vary by. */
const HINTS = 5000;

/**
 * Finds the response for a request. A URL whose responses vary has an index under its key and the variants beside it:
 * two reads, but for what this process remembers: which fields it were the last time. Then it is one.
 */
export class Lookup {
  readonly #backend: Backend;
  readonly #hints = new Map<string, readonly (readonly string[])[]>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  find(address: Address, request: Fields, credentials: Credentials | undefined): MaybePromise<Found> {
    const guessed = this.#variants(address.key, this.#hints.get(address.key) ?? [], request);
    return then(this.#backend.read([address.key, ...guessed]), ([base, ...variants]) => {
      if (base === undefined) return { forward: 'uri-miss', index: undefined };
      if (base.kind !== 'index') return this.#choose([base], address, credentials, undefined);
      this.#remember(address.key, base.varies);
      const wanted = this.#variants(address.key, base.varies, request);
      if (wanted.join() === guessed.join()) return this.#choose(variants, address, credentials, base);
      return then(this.#backend.read(wanted), (found) => this.#choose(found, address, credentials, base));
    });
  }

  #variants(key: string, varies: readonly (readonly string[])[], request: Fields): string[] {
    return varies.map((fields) => variantAddress(key, variantKey(fields, request)));
  }

  /** The newest of the responses that are valid and that this request may be given (RFC 9111 §4.1). */
  #choose(
    entries: (Entry | undefined)[],
    address: Address,
    credentials: Credentials | undefined,
    index: IndexEntry | undefined,
  ): Found {
    let best: ResponseEntry | undefined;
    for (const entry of entries) {
      if (entry?.kind !== 'response' || !isShared(entry, credentials)) continue;
      if (best !== undefined && best.storedAt >= entry.storedAt) continue;
      const subject = responseSubject(address, entry.tags, entry.name);
      if (this.#backend.ledger.stands(subject, entry.asOf)) best = entry;
    }
    return best ? { entry: best } : { forward: index === undefined ? 'uri-miss' : 'vary-miss', index };
  }

  #remember(key: string, varies: readonly (readonly string[])[]): void {
    this.#hints.delete(key);
    this.#hints.set(key, varies);
    if (this.#hints.size > HINTS) this.#hints.delete(this.#hints.keys().next().value!);
  }
}

/** Whether a request with these credentials may be given a response that another request brought (RFC 9111 §3.5). */
function isShared({ sharedWith, keyed }: ResponseEntry, credentials: Credentials | undefined): boolean {
  if (credentials === undefined) return true;
  if (credentials.authorization && !sharedWith.authorization && !keyed.includes('authorization')) return false;
  return !credentials.cookie || sharedWith.cookie || keyed.includes('cookie');
}
