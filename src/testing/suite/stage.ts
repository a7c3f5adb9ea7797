import type { Entry } from '../../entry/entry.js';
import type { Increment, Store } from '../../stores/store.js';
import { counterEntry, START } from './entries.js';

/** A store to be tested, and what the tests need around it. */
export interface Specimen {
  readonly store: Store;
  /** Another store over the same data, as another process would have it; of a store that is not shared, itself. */
  readonly peer: Store;
  /** Ends it all: the stores, and what was made for them. */
  dispose(): Promise<void>;
}

/** What a test has before it: each works below a prefix of its own, so that one server does for all of them. */
export class Stage {
  now: number = START;
  prefix: string = '';
  specimen!: Specimen;

  /** Begins a test below a prefix, at the time when all begin. */
  reset(prefix: string): void {
    this.now = START;
    this.prefix = prefix;
  }

  get store(): Store {
    return this.specimen.store;
  }

  get peer(): Store {
    return this.specimen.peer;
  }

  readonly at = (key: string): string => this.prefix + key;

  readonly put = async (key: string, entry: Entry): Promise<void> => {
    await this.store.set([{ key: this.at(key), entry }]);
  };

  readonly getOne = async (key: string, from: Store = this.store): Promise<Entry | undefined> =>
    (await from.get([this.at(key)]))[0];

  readonly add = async (
    key: string,
    by: number,
    from: Store = this.store,
    fresh: Entry = counterEntry(by),
  ): Promise<Increment> => from.increment(this.at(key), by, await this.getOne(key, from), fresh);
}

type Matcher = 'toEqual' | 'toBe' | 'toHaveLength' | 'toMatchObject' | 'toBeLessThan';

/** What the tests use of a runner. */
export interface Tools {
  describe(name: string, body: () => void): void;
  it: {
    (name: string, body: () => Promise<void>): void;
    each<T>(
      cases: readonly T[],
    ): (name: string, body: (...each: T extends readonly unknown[] ? T : [T]) => Promise<void>) => void;
  };
  expect(
    value: unknown,
  ): Record<Matcher, (expected: unknown) => void> & Record<'toBeUndefined' | 'toBeDefined', () => void>;
}
