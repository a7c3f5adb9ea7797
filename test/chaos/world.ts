// What the applications under load serve, and what may be served of it at any time.

export const CLIENTS: readonly string[] = ['client-1', 'client-2'];
export const ITEMS: readonly string[] = ['1', '2', '3', '4'];

/** An item of a client: every client has all items, in versions of its own. */
export interface Item {
  readonly client: string;
  readonly id: string;
}

/** The database: what is true. */
export class World {
  readonly #versions = new Map<string, number>();

  version(item: Item): number {
    return this.#versions.get(nameOf(item)) ?? 0;
  }

  change(items: readonly Item[]): void {
    for (const item of items) this.#versions.set(nameOf(item), this.version(item) + 1);
  }
}

/** The oldest version of each item that one application may still serve: it rises with each invalidation that binds it. */
export class Floor {
  readonly #steps = new Map<string, { readonly version: number; readonly from: number }[]>();

  /** What a request that begins now may be given at the least. */
  of(item: Item): number {
    const now = performance.now();
    const steps = this.#steps.get(nameOf(item)) ?? [];
    return steps.reduce((least, { version, from }) => (from <= now ? Math.max(least, version) : least), 0);
  }

  /** `grace`: the milliseconds after which it binds. */
  raise(items: readonly Item[], versions: readonly number[], grace = 0): void {
    const from = performance.now() + grace;
    for (const [i, item] of items.entries()) {
      const steps = this.#steps.get(nameOf(item)) ?? [];
      this.#steps.set(nameOf(item), [...steps, { version: versions[i]!, from }]);
    }
  }
}

export const EVERYTHING: readonly Item[] = CLIENTS.flatMap((client) => ITEMS.map((id) => ({ client, id })));

export function ofClient(client: string): readonly Item[] {
  return EVERYTHING.filter((item) => item.client === client);
}

function nameOf({ client, id }: Item): string {
  return `${client}/${id}`;
}
