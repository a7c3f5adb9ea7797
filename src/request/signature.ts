import type { Route } from '../route.js';
import { ORIGIN_FIELDS } from './key.js';
import type { RequestView } from './request.js';

/** How many fields that responses vary by are told apart on one route; where there are more, nothing is remembered. */
const MOST_VARYING = 16;
/** Of how many lines a request is read line by line. */
const MOST_LINES = 200;
/** Fields that may make an answer less than the whole. */
const REDUCING = ['if-none-match', 'if-modified-since', 'range'];
/** What a field is here that is none of the telling ones. */
const NEUTRAL = -1;
const BARRING = -2;
/** Signs: what is longer is not remembered, so that what clients send does not fill the memory. */
const LONGEST = 2048;

/** How many places there are for names: 32 lengths, and 32 letters to begin with. */
const PLACES = 1024;

/** A field that matters: its place among the telling ones, or what else it is. */
interface Role {
  readonly name: string;
  readonly role: number;
  /** As the last client that has sent it spelt it. */
  spelt: string;
}

/**
 * All that a lookup on one route goes by beside the target, as one text. Requests with the same text and target look for the
 * same: what one of them has come to is what the next one comes to, as long as nothing else has changed. Nothing is
 * normalised, so that one lookup may have many; but two lookups never have one.
 */
export class Signature {
  /** Fields with which a request goes another way: nothing of it may be remembered. */
  readonly #barring: readonly string[];
  /** Fields whose values are a part of it. */
  readonly #telling: string[];
  readonly #usable: boolean;
  /** The fields that matter, by where their names stand: most names of a request stand where none of these does. */
  readonly #roles: Role[][] = Array.from({ length: PLACES }, () => []);
  readonly #values: (string | undefined)[] = [];
  /** The last text, and what it was made of: many requests in a row say the same. */
  #last: string | undefined;
  #lastSecure = false;
  readonly #lastValues: (string | undefined)[] = [];
  readonly #mark: string;
  #varying = 0;

  /** `mark`: what each text begins with. */
  constructor(route: Route, mark: string) {
    this.#mark = mark;
    const { tenant, personal, policy, requestDirectives, vary } = route;
    this.#barring = [
      // Whether the connection stays open after a client that expects something hangs on what it was told.
      ...['upgrade', 'expect', 'content-length', 'transfer-encoding'],
      ...['if-match', 'if-unmodified-since', 'authorization'],
      ...(policy.guardsCookies ? ['cookie'] : []),
      ...(requestDirectives === 'honor' ? ['cache-control', 'pragma'] : []),
      ...personal,
    ];
    this.#telling = [...new Set([...ORIGIN_FIELDS, ...(tenant.header === undefined ? [] : [tenant.header]), ...vary])];
    for (const name of [...this.#barring, ...REDUCING]) this.#give(name, BARRING);
    for (const [i, name] of this.#telling.entries()) this.#give(name, i);
    this.#usable = !asksFunctions(route) && ![...this.#barring, ...this.#telling].some(isInherited);
  }

  /** `undefined`: the request is not one of those that are remembered. */
  of(request: RequestView): string | undefined {
    if (!this.#admits(request) || request.isFollowed === true) return undefined;
    const { headers } = request;
    for (const name of this.#barring) if (headers[name] !== undefined) return undefined;
    for (let i = 0; i < this.#telling.length; i++) {
      const value = headers[this.#telling[i]!];
      // No field that came over a connection has several lines here; one that was put there may.
      if (value !== undefined && typeof value !== 'string') return undefined;
      this.#values[i] = value;
    }
    return this.#text(request);
  }

  /**
   * The same by the lines of a request as they came, for one that asks for the whole answer: having Node make `headers` of
   * them takes longer than all the rest. `undefined`: it is one of those that are not remembered, or is to be looked at by
   * `of`.
   */
  ofLines(request: RequestView, lines: readonly string[]): string | undefined {
    if (lines.length > 2 * MOST_LINES || !this.#admits(request)) return undefined;
    this.#values.fill(undefined);
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const role = this.#roleOf(lines[i]!);
      if (role === NEUTRAL) continue;
      // What Node makes of several lines of a name is different from name to name.
      if (role === BARRING || this.#values[role] !== undefined) return undefined;
      this.#values[role] = lines[i + 1];
    }
    return this.#text(request);
  }

  #admits({ method, target, rewritten, refreshing, warming }: RequestView): boolean {
    if (!this.#usable || (method !== 'GET' && method !== 'HEAD')) return false;
    if (rewritten !== undefined) return false;
    return refreshing === undefined && warming === undefined && target.startsWith('/') && target.length <= LONGEST;
  }

  #text({ secure }: RequestView): string | undefined {
    if (this.#last !== undefined && this.#lastSecure === secure && this.#isSaidAgain()) return this.#last;
    let text = secure ? `${this.#mark}s` : this.#mark;
    for (let i = 0; i < this.#telling.length; i++) {
      const value = this.#values[i];
      if (value === undefined) continue;
      // None that came over a connection has a line's end in it; one that a layer has made may.
      if (value.includes('\n')) return undefined;
      text += `\n${i} ${value}`;
    }
    if (text.length > LONGEST) return undefined;
    this.#last = text;
    this.#lastSecure = secure;
    for (let i = 0; i < this.#telling.length; i++) this.#lastValues[i] = this.#values[i];
    return text;
  }

  #isSaidAgain(): boolean {
    for (let i = 0; i < this.#telling.length; i++) if (this.#lastValues[i] !== this.#values[i]) return false;
    return true;
  }

  /** A name that is several things is what it was given first. */
  #give(name: string, role: number): void {
    const roles = this.#roles[placeOf(name)]!;
    if (!roles.some((each) => each.name === name)) roles.push({ name, role, spelt: name });
  }

  #roleOf(name: string): number {
    const roles = this.#roles[placeOf(name)]!;
    for (let i = 0; i < roles.length; i++) if (roles[i]!.spelt === name) return roles[i]!.role;
    return roles.length === 0 ? NEUTRAL : spellingOf(name, roles);
  }

  /** From now on these fields are a part of it, too. `false`: they cannot be. */
  add(fields: readonly string[]): boolean {
    for (const name of fields) {
      if (this.#telling.includes(name)) continue;
      if (this.#varying >= MOST_VARYING || isInherited(name)) return false;
      this.#varying++;
      this.#give(name, this.#telling.push(name) - 1);
    }
    return true;
  }
}

/** Where a name stands, in capitals or not: told without a look at more than one of its signs. */
function placeOf(name: string): number {
  return ((name.length & 31) << 5) | (name.charCodeAt(0) & 31);
}

/** The role of a name that may be spelt in another way than before. */
function spellingOf(name: string, roles: readonly Role[]): number {
  const lower = name.toLowerCase();
  const found = roles.find((each) => each.name === lower);
  if (found === undefined) return NEUTRAL;
  found.spelt = name;
  return found.role;
}

/** Whether something is asked about each request anew. */
function asksFunctions({ when, identity, key, tenant, shadow, earlyRefresh }: Route): boolean {
  if (when !== undefined || identity !== undefined || tenant.resolve !== undefined) return true;
  return typeof key === 'function' || shadow > 0 || earlyRefresh > 0;
}

/** A name that every object has: whether a request has such a field is not told by its having a value. */
function isInherited(name: string): boolean {
  return name in Object.prototype;
}
