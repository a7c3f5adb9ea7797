import type { Services } from '../backend.js';
import type { IndexEntry, Position, ResponseEntry } from '../entry/entry.js';
import type { Reason } from '../events.js';
import { makeEtag } from '../http/etag.js';
import { fieldFilter, fieldText, type HeaderLine, linesOf } from '../http/headers.js';
import { variantKey, variesBy } from '../http/vary.js';
import type { Lifetime } from '../lookup/freshness.js';
import type { Credentials } from '../request/eligibility.js';
import { type Address, responseSubject, variantAddress } from '../request/key.js';
import type { StoreItem } from '../stores/store.js';
import type { Fields, HeaderBag, MaybePromise } from '../types.js';
import { sharedWith } from './cacheability.js';
import { Capture } from './capture.js';

/** What a lookup has settled for the fill that may follow it. */
export interface Plan {
  readonly address: Address;
  /** Credentials that no option makes safe to share. */
  readonly credentials: Credentials | undefined;
  /** What the route's `key` option calls it. */
  readonly name: string | undefined;
}

/** What a fill takes from the head of the handler's response. */
export interface FillHead {
  readonly status: number;
  /** The reason phrase, if it is not the usual one. */
  readonly message: string | undefined;
  readonly bag: HeaderBag;
  /** The fields that layers outside had set before the handler ran. */
  readonly outside: Fields;
  readonly lifetime: Lifetime;
  readonly keyed: readonly string[];
  readonly maxBodyBytes: number;
  /** How long the handler took until now, ms. */
  readonly cost: number;
}

/** A response that was just made, for those who have waited for it. */
export interface Shared {
  readonly entry: ResponseEntry;
  /** The request fields by which it varies, and the request that it answered. */
  readonly varies: readonly string[];
  readonly request: Fields;
}

/** A response that is on its way into the store. */
export interface Filled {
  readonly shared: Shared;
  /** When the store has it; rejects if it could not take it. */
  readonly written: MaybePromise<void>;
}

/** How many sets of varying fields are kept for one URL. */
const MOST_VARIES = 4;

/** One response on its way into the store: its head, then its body as it streams, then all of it at once. */
export class Fill {
  readonly #services: Services;
  readonly #request: Fields;
  readonly #asOf: Position;
  readonly #index: IndexEntry | undefined;
  readonly #capture: Capture;
  readonly #head: Omit<ResponseEntry, 'kind' | 'asOf' | 'tags' | 'name' | 'body'>;
  readonly #varies: readonly string[];

  constructor(services: Services, request: Fields, asOf: Position, index: IndexEntry | undefined, head: FillHead) {
    const { bag, status, lifetime } = head;
    const fields = bag.getHeaders();
    const now = services.settings.clock.now();
    this.#services = services;
    this.#request = request;
    this.#asOf = asOf;
    this.#index = index;
    const declared = fieldText(fields, 'content-length');
    const bodiless = status === 204 || status === 205;
    this.#capture = new Capture(head.maxBodyBytes, declared === undefined || bodiless ? undefined : Number(declared));
    this.#varies = variesBy(fields, head.keyed) as readonly string[];
    this.#head = {
      storedAt: now,
      expiresAt: now + lifetime.seconds * 1000,
      status,
      message: head.message,
      ...linesToKeep(bag, fields, head.outside),
      removed: Object.keys(head.outside).filter((name) => fields[name] === undefined),
      initialAge: lifetime.age,
      keyed: head.keyed,
      cost: Math.round(head.cost),
      sharedWith: sharedWith(fields),
    };
  }

  add(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    this.#capture.add(chunk, encoding);
  }

  fail(reason: Reason): void {
    this.#capture.fail(reason);
  }

  /** Stores the response if it is whole, and says why not if it is not. The store has its command on return. */
  finish({ address, name }: Plan, tags: readonly string[]): Filled | Reason {
    const body = this.#capture.finish();
    if (body === undefined) return this.#capture.failure!;
    const { backend, events } = this.#services;
    // Dead before it is born: it would only take up room until it expires.
    if (!backend.ledger.stands(responseSubject(address, tags, name), this.#asOf)) return 'invalidated';
    const headers = withEtag(this.#head.headers, this.#head.status, body);
    const entry: ResponseEntry = { kind: 'response', ...this.#head, headers, asOf: this.#asOf, tags, name, body };
    const started = performance.now();
    const stored = () => {
      const ms = performance.now() - started;
      events.emit('set', { tenant: address.tenant, key: address.key, ms, bytes: body.length });
    };
    const written = backend.fill(this.#items(address.key, entry));
    // A write that fails has been told of by the guard; the response does not depend on it.
    if (written instanceof Promise) written.then(stored, () => {});
    else stored();
    return { shared: { entry, varies: this.#varies, request: this.#request }, written };
  }

  /** The response under its URL; if responses of this URL vary, an index there, and the response beside it. */
  #items(key: string, entry: ResponseEntry): StoreItem[] {
    const known = this.#index?.varies ?? [];
    if (this.#varies.length === 0 && known.length === 0) return [{ key, entry }];
    const others = known.filter((set) => set.join() !== this.#varies.join());
    const varies = [this.#varies, ...others].slice(0, MOST_VARIES);
    const { asOf, storedAt } = entry;
    const expiresAt = Math.max(entry.expiresAt, this.#index?.expiresAt ?? 0);
    const variant = variantAddress(key, variantKey(this.#varies, this.#request));
    return [
      { key, entry: { kind: 'index', asOf, storedAt, expiresAt, tags: [], varies } },
      { key: variant, entry },
    ];
  }
}

/** A streamed body could not be given its tag before it left; the hits have one. */
function withEtag(headers: readonly HeaderLine[], status: number, body: Buffer): readonly HeaderLine[] {
  if (status !== 200 || headers.some(([name]) => name.toLowerCase() === 'etag')) return headers;
  return [...headers, ['ETag', makeEtag(body)]];
}

/** The field lines to keep: end-to-end, nobody's own, and not what layers outside set on every response anyway. */
function linesToKeep(bag: HeaderBag, fields: Fields, outside: Fields): Pick<ResponseEntry, 'headers' | 'appended'> {
  const keep = fieldFilter(fields);
  const headers: HeaderLine[] = [];
  const appended: string[] = [];
  for (const rawName of bag.getRawHeaderNames()) {
    const name = rawName.toLowerCase();
    const value = fields[name];
    if (value === undefined || !keep(name) || String(value) === String(outside[name])) continue;
    const added = name === 'vary' ? undefined : addedTo(outside[name], value);
    if (added !== undefined) appended.push(typeof added === 'string' ? `${name},` : name);
    headers.push([rawName, added ?? (typeof value === 'number' ? String(value) : value)]);
  }
  return { headers, appended };
}

/** What was added behind a value that stood there before: to its line, or as lines; `undefined` if it was changed. */
function addedTo(before: Fields[string], now: Fields[string]): string | readonly string[] | undefined {
  const [old, all] = [linesOf(before), linesOf(now)];
  const start = `${old[0]}, `;
  if (old.length === 1 && all.length === 1 && all[0]!.startsWith(start)) return all[0]!.slice(start.length);
  return old.length > 0 && old.every((line, i) => line === all[i]) ? all.slice(old.length) : undefined;
}
