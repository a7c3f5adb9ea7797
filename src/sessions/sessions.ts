import { type Cache, chosenCache } from '../cache.js';
import { aboveZero, anObject, flag, knownOnly } from '../check.js';
import { ConfigError } from '../errors.js';
import { escapeTenant, unescapeTenant } from '../request/tenant.js';
import { type KeptSessions, keptSessions, MemorySpace } from './memory-space.js';
import { RedisSpace } from './redis-space.js';
import type { SessionSpace } from './space.js';

/*
 * The format of keys: <prefix>session:<store>:<id>, both parts escaped as tenants are, and hashed where they are longer
 * than 200 characters. Nothing that sweeps, erases or backs up responses looks outside <prefix>client:.
 */

/** What a session store takes. */
export interface SessionStoreOptions {
  /** Whose Redis, or memory, the sessions are kept in. Default: `defaultCache()`, made from the environment. */
  cache?: Cache;
  /** A name that keeps the sessions of several stores apart. Default `'default'`. */
  prefix?: string;
  /** Seconds that a session lives whose cookie has no expiry of its own. Default 86,400, a day. */
  ttl?: number;
}

/** What a session is, to those who keep it. */
export type SessionRecord = Readonly<Record<string, unknown>>;

/** The longest life of a session, ms: 68 years, so that Redis can add it to any date. */
const LONGEST_LIFE = 2 ** 31 * 1000;
const DAY = 86_400;
/** How often a session is renewed again that others change meanwhile: each of them has given it a new life. */
const MOST_ATTEMPTS = 5;

const memories = new WeakMap<Cache, KeptSessions>();

/** What the session stores of both frameworks have in common: JSON under bounded keys, each with a life of its own. */
export class Sessions {
  /** ms that a session lives where nothing else is said. */
  readonly life: number;
  readonly #space: SessionSpace;
  readonly #now: () => number;

  /** `more`: names of options that the framework's store takes beside these. */
  constructor(options: SessionStoreOptions, more: readonly string[] = []) {
    const { cache: given, prefix = 'default', ttl = DAY, ...rest } = anObject('the options of sessionStore()', options);
    knownOnly('', rest, ['cache', 'prefix', 'ttl', ...more]);
    if (typeof prefix !== 'string' || prefix === '')
      throw new ConfigError('option prefix', prefix, 'a text that is not empty');
    this.life = aboveZero('option ttl', ttl, 'seconds') * 1000;
    const cache = chosenCache(given);
    this.#space = spaceOf(cache, escapeTenant(prefix));
    this.#now = () => cache.settings.clock.now();
  }

  /** The session of an id; `undefined` if there is none. Rejects if that cannot be told. */
  async get(id: string): Promise<SessionRecord | undefined> {
    const text = await this.#space.get(escapeTenant(id));
    return text === undefined ? undefined : (JSON.parse(text) as SessionRecord);
  }

  /** Keeps a session for `life`, ms; not at all, if its time is over. `existing`: only if it is still there. */
  async set(id: string, session: object, life: number, existing = false): Promise<void> {
    if (!(life > 0)) return this.destroy(id);
    await this.#space.set(escapeTenant(id), JSON.stringify(session), bounded(life), existing);
  }

  /** Lays some of its fields over a session that is still there, and lets it live for `life`, ms. What else it holds by now stays. */
  async renew(id: string, fields: object, life: number): Promise<void> {
    if (!(life > 0)) return this.destroy(id);
    const name = escapeTenant(id);
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const text = await this.#space.get(name);
      if (text === undefined) return;
      const renewed = JSON.stringify({ ...(JSON.parse(text) as SessionRecord), ...fields });
      // Another request may have written meanwhile.
      if (await this.#space.replace(name, text, renewed, bounded(life))) return;
    }
  }

  /** Lets a session that is still there live for `life` from now on, ms. */
  async touch(id: string, life: number): Promise<void> {
    if (!(life > 0)) return this.destroy(id);
    await this.#space.touch(escapeTenant(id), bounded(life));
  }

  async destroy(id: string): Promise<void> {
    await this.#space.destroy(escapeTenant(id));
  }

  /** All sessions with their ids, as far as those can be told: of a very long one only its hash is kept. */
  async all(): Promise<{ readonly id: string | undefined; readonly session: SessionRecord }[]> {
    const found = new Map<string, SessionRecord>();
    for await (const names of this.#space.names()) {
      const kept = await this.#space.read(names.filter((name) => !found.has(name)));
      for (const { name, text } of kept) found.set(name, JSON.parse(text) as SessionRecord);
    }
    return [...found].map(([name, session]) => ({ id: unescapeTenant(name), session }));
  }

  async count(): Promise<number> {
    const found = new Set<string>();
    for await (const names of this.#space.names()) for (const name of names) found.add(name);
    return found.size;
  }

  async clear(): Promise<void> {
    for await (const names of this.#space.names()) await this.#space.drop(names);
  }

  /** ms from now until a date, which may be one in JSON; `undefined` where there is none. */
  until(date: unknown): number | undefined {
    if (date === undefined || date === null || date === false) return undefined;
    const time = new Date(date as Date | string | number).getTime();
    return Number.isNaN(time) ? undefined : time - this.#now();
  }
}

/** An option that only some stores take, checked. */
export function touchDisabled(value: unknown): boolean {
  return value === undefined ? false : flag('option disableTouch', value);
}

function bounded(life: number): number {
  return Math.ceil(Math.min(life, LONGEST_LIFE));
}

function spaceOf(cache: Cache, store: string): SessionSpace {
  const { backend, events, settings } = cache.services;
  const prefix = `${settings.prefix}session:${store}:`;
  if (backend.link !== undefined) return new RedisSpace(backend.link, prefix, events);
  let kept = memories.get(cache);
  if (kept === undefined) {
    kept = keptSessions();
    memories.set(cache, kept);
  }
  return new MemorySpace(kept, prefix, settings.clock);
}
