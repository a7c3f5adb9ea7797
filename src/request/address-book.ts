import { Generations } from '../generations.js';
import { type Address, FORWARDED, responseAddress } from './key.js';
import type { QueryRule } from './query.js';
import type { RequestView } from './request.js';

/** How many addresses are remembered for one rule of queries: two generations of so many. */
const MOST = 512;
/** Signs: what clients ask for is shorter, and what attackers send must not fill the memory. */
const LONGEST = 512;

/** The addresses of the last requests, by what they are made of: normalising and escaping take longer than looking them up. */
export class AddressBook {
  readonly #prefix: string;
  readonly #pages = new WeakMap<QueryRule, Generations<Address>>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** `responseAddress`, for a tenant by its escaped name. */
  of(tenant: string, request: RequestView, query: QueryRule, scope: readonly string[]): Address {
    const make = () => responseAddress(this.#prefix, tenant, request, query, scope);
    const text = scope.length === 0 ? textOf(tenant, request) : undefined;
    if (text === undefined) return make();
    let page = this.#pages.get(query);
    if (page === undefined) {
      page = new Generations(MOST);
      this.#pages.set(query, page);
    }
    let address = page.get(text);
    if (address === undefined) {
      address = make();
      page.set(text, address);
    }
    return address;
  }
}

/** What an address is made of, as one text; `undefined` where it is too long, or is made of more. */
function textOf(tenant: string, { target, headers, secure }: RequestView): string | undefined {
  const { host, forwarded } = headers;
  if (typeof host !== 'string' || host.includes(' ') || forwarded !== undefined) return undefined;
  for (const name of FORWARDED) if (headers[name] !== undefined) return undefined;
  // A tenant has no blank in it, nor has a host here.
  return target.length + host.length > LONGEST ? undefined : `${tenant} ${secure ? 's' : ''} ${host} ${target}`;
}
