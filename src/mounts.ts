import { looksUpElsewhere, type Route } from './route.js';

/** The options of a mount, and where it looks. */
export interface Mount {
  readonly route: Route;
  /** The number of mounts around it that look in other places than it does: 0 for the outermost. */
  readonly depth: number;
}

/** How many mounts one cache knows, the newest: those that are made for each request must not pile up. */
const MOST_MOUNTS = 100;

/** The mounts of a cache that look up in different places, in their order. What explains a request asks at each. */
export class Mounts {
  readonly #list: Mount[] = [];
  readonly #depths = new WeakMap<Route, number>();

  /** `outer`: the mount around it, where it is known; a mount that looks where that one does is no other place. */
  add(route: Route, outer?: Route): void {
    const elsewhere = outer === undefined || looksUpElsewhere(route, outer);
    const depth = outer === undefined ? 0 : (this.#depths.get(outer) ?? 0) + (elsewhere ? 1 : 0);
    this.#depths.set(route, depth);
    const isKnown = (each: Mount) => each.depth === depth && isSamePlace(each.route, route);
    if (!elsewhere || this.#list.some(isKnown)) return;
    this.#list.push({ route, depth });
    if (this.#list.length > MOST_MOUNTS) this.#list.shift();
  }

  /** The header fields that name the tenant, by the cache's own rule or any mount's. */
  tenantHeaders(own: Route): readonly string[] {
    const rules = [own, ...this.#list.map(({ route }) => route)].map(({ tenant }) => tenant.header);
    return [...new Set(rules.filter((header) => header !== undefined))];
  }

  get all(): readonly Mount[] {
    return [...this.#list];
  }
}

function isSamePlace(a: Route, b: Route): boolean {
  return a.version === b.version && !looksUpElsewhere(a, b) && !looksUpElsewhere(b, a);
}
