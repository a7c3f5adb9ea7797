import { countingSuite } from './suite/counting.js';
import { keepingSuite } from './suite/keeping.js';
import { type Specimen, Stage, type Tools } from './suite/stage.js';
import { walkingSuite } from './suite/walking.js';

/** A test runner that speaks as Vitest and Jest do: `import * as vitest from 'vitest'` is one. */
export interface TestRunner {
  /** Gathers tests under a name. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** One test; `it.each` makes one of each case. */
  readonly it: ((name: string, body: () => Promise<void>) => unknown) & { readonly each: unknown };
  /** Matchers: `toBe`, `toEqual`, `toMatchObject`, `toHaveLength`, `toBeLessThan`, `toBeDefined`, `toBeUndefined`. */
  readonly expect: unknown;
  /** Runs before the first test. */
  readonly beforeAll: (run: () => Promise<void>) => unknown;
  /** Runs before each. */
  readonly beforeEach: (run: () => void) => unknown;
  /** Runs after the last. */
  readonly afterAll: (run: () => Promise<void>) => unknown;
}

/** Makes the store to be tested. `now`: what it is to take the time from, ms since 1970. */
export type MakeSpecimen = (now: () => number) => Promise<Specimen> | Specimen;

/** Suites may share a server; each has a place of its own there. */
let suites = 0;

/**
 * The tests of what every store does, as {@link Store} promises it. Whoever has a store of their own calls it in a test file,
 * with their runner.
 *
 * @example
 * ```ts
 * import * as vitest from 'vitest';
 *
 * storeSuite(vitest, 'MyStore', (now) => {
 *   const store = new MyStore({ now });
 *   return { store, peer: store, dispose: async () => store.close() };
 * });
 * ```
 */
export function storeSuite(runner: TestRunner, name: string, make: MakeSpecimen): void {
  const suite = ++suites;
  const tools = runner as unknown as Tools;
  const { describe, it, expect } = tools;
  describe(name, () => {
    const stage = new Stage();
    let tests = 0;

    runner.beforeAll(async () => {
      stage.specimen = await make(() => stage.now);
    });

    runner.afterAll(async () => {
      await stage.specimen.dispose();
    });

    runner.beforeEach(() => {
      stage.reset(`suite:${suite}:${++tests}:`);
    });

    keepingSuite(stage, tools);
    countingSuite(stage, tools);
    walkingSuite(stage, tools);

    it('answers a ping', async () => {
      expect(await stage.store.ping()).toBeUndefined();
    });
  });
}
