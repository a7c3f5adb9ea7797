import { looksUpElsewhere, type Route } from './route-options.js';

/** The options of a mount, and where it looks. */
export interface Mount {
  readonly route: Route;
  /** It looks up in a place of its own, where the mount around it never looks. */
  readonly nested: boolean;
}

/** How many mounts one cache knows, the newest: those that are made for each request must not pile up. */
const MOST_MOUNTS = 100;

/** The mounts of a cache that look up in different places, in their order. What explains a request asks at each. */
export class Mounts {
  readonly #list: Mount[] = [];

  /** `outer`: the mount around it, where it is known; a mount that looks where that one does is no other place. */
  add(route: Route, outer?: Route): void {
    const nested = outer !== undefined && looksUpElsewhere(route, outer);
    const isKnown = (each: Mount) => each.nested === nested && isSamePlace(each.route, route);
    if ((outer !== undefined && !nested) || this.#list.some(isKnown)) return;
    this.#list.push({ route, nested });
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
  return !looksUpElsewhere(a, b) && !looksUpElsewhere(b, a);
}
