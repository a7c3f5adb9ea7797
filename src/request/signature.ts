import type { Route } from '../route-options.js';
import { ORIGIN_FIELDS } from './key.js';
import type { RequestView } from './request.js';

/** How many fields that responses vary by are told apart on one route; where there are more, nothing is remembered. */
const MOST_VARYING = 16;
/** Signs: what is longer is not remembered, so that what clients send does not fill the memory. */
const LONGEST = 2048;

/**
 * All that a lookup on one route goes by, as one text. Requests with the same text look for the same: what one of them has
 * come to is what the next one comes to, as long as nothing else has changed. Nothing is normalised, so that one lookup
 * may have many; but two lookups never have one.
 */
export class Signature {
  /** Fields with which a request goes another way: nothing of it may be remembered. */
  readonly #barring: readonly string[];
  /** Fields whose values are a part of it. */
  readonly #telling: string[];
  readonly #usable: boolean;
  #varying = 0;

  constructor(route: Route) {
    const { tenant, personal, policy, requestDirectives, vary } = route;
    this.#barring = [
      ...['upgrade', 'if-match', 'if-unmodified-since', 'authorization'],
      ...(policy.guardsCookies ? ['cookie'] : []),
      ...(requestDirectives === 'honor' ? ['cache-control', 'pragma'] : []),
      ...personal,
    ];
    this.#telling = [...new Set([...ORIGIN_FIELDS, ...(tenant.header === undefined ? [] : [tenant.header]), ...vary])];
    this.#usable = !asksFunctions(route) && ![...this.#barring, ...this.#telling].some(isInherited);
  }

  /** `undefined`: the request is not one of those that are remembered. */
  of({ method, target, headers, secure, refreshing, warming }: RequestView): string | undefined {
    if (!this.#usable || (method !== 'GET' && method !== 'HEAD') || refreshing !== undefined || warming !== undefined)
      return undefined;
    for (const name of this.#barring) if (headers[name] !== undefined) return undefined;
    // Whatever a layer may have made of it: no other text can look like this one.
    if (!target.startsWith('/') || target.includes('\n')) return undefined;
    let text = secure ? `s${target}` : target;
    for (let i = 0; i < this.#telling.length; i++) {
      const value = headers[this.#telling[i]!];
      if (value === undefined) continue;
      // No field that came over a connection has several lines here, or a line's end in it; one that was put there may.
      if (typeof value !== 'string' || value.includes('\n')) return undefined;
      text += `\n${i} ${value}`;
    }
    return text.length > LONGEST ? undefined : text;
  }

  /** From now on these fields are a part of it, too. `false`: they cannot be. */
  add(fields: readonly string[]): boolean {
    for (const name of fields) {
      if (this.#telling.includes(name)) continue;
      if (this.#varying >= MOST_VARYING || isInherited(name)) return false;
      this.#varying++;
      this.#telling.push(name);
    }
    return true;
  }
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
