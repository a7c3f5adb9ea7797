import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { SearchRule } from '../http/no-vary-search.js';
import { remember } from '../remember.js';
import type { Address } from '../request/key.js';

/** How many paths are remembered. */
const MOST = 5000;

/**
 * Which paths have answered that not all of their query matters (`No-Vary-Search`), and which part does. A process
 * learns it from a path's responses, and looks under the shorter query from then on.
 */
export class SearchRules {
  readonly #rules = new Map<string, SearchRule>();

  /** The rule that a request's path goes by, if there is one; `address`: the request's, with a rule or without. */
  of(target: string, address: Address): SearchRule | undefined {
    return this.#rules.size === 0 || !target.includes('?') ? undefined : this.#rules.get(keyOf(address));
  }

  /** Remembers what a response of the address has said. */
  learn(address: Address, rule: SearchRule | undefined): void {
    if (rule === undefined && this.#rules.size === 0) return;
    const key = keyOf(address);
    if (rule === undefined) {
      this.#rules.delete(key);
      return;
    }
    // What is said once more stays the same object: whoever has gone by it need not look again.
    const before = this.#rules.get(key);
    remember(this.#rules, key, before !== undefined && isDeepStrictEqual(before, rule) ? before : rule, MOST);
  }
}

/** Clients say how long paths are. */
const LONGEST = 512;

function keyOf({ tenant, pathUri }: Address): string {
  const key = `${tenant} ${pathUri}`;
  return key.length <= LONGEST ? key : hash('sha256', Buffer.from(key, 'utf16le'), 'base64url');
}
