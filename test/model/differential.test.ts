// Random scripts, played through the real middleware and through the model: what the one does, the other must allow.
//
//   MODEL_RUNS=100000 npx vitest run test/model            longer
//   MODEL_SEED=… MODEL_PATH=… npx vitest run test/model    a failure again (both are printed with it)

import fc from 'fast-check';
import { afterAll, describe, it } from 'vitest';
import type { Framework } from '../adapters/hosts.js';
import { APPLICATION } from './application.js';
import { disagreements } from './compare.js';
import { described } from './described.js';
import { RFC9111 } from './rfc9111.js';
import { script } from './scripts.js';
import { Stage } from './stage.js';
import type { Policy } from './verdict.js';

const RUNS = Number(process.env.MODEL_RUNS ?? 150);
/** Where nobody asks for more, the scripts are the same each time: a change makes the test fail, and not chance. */
const USUAL = process.env.MODEL_RUNS === undefined ? '20261124' : undefined;
const { MODEL_SEED = USUAL } = process.env;
const SEED = MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) };
const PATH = process.env.MODEL_PATH === undefined ? {} : { path: process.env.MODEL_PATH };
/** A stage for so many scripts: time only goes forward, and its years have four digits. */
const SCRIPTS = 200;

/** What is stored stays, however long it is stale: a script waits for days. */
const OPTIONS: Record<Policy['name'], object> = {
  application: { mode: 'application' },
  rfc9111: { mode: 'rfc9111', retain: 1e9 },
};

class Stages {
  #stage: Stage | undefined;
  #played = 0;

  constructor(
    readonly framework: Framework,
    readonly options: object,
  ) {}

  async current(): Promise<Stage> {
    if (this.#played++ % SCRIPTS === 0) {
      await this.close();
      this.#stage = new Stage(this.framework, this.options);
    }
    return this.#stage!;
  }

  async close(): Promise<void> {
    await this.#stage?.close();
    this.#stage = undefined;
  }
}

describe.each([RFC9111, APPLICATION])('the policy of mode $name', (policy) => {
  describe.each<Framework>(['express 5', 'koa 3'])('on %s', (framework) => {
    const stages = new Stages(framework, OPTIONS[policy.name]);
    afterAll(() => stages.close());

    it('is that of the model', { timeout: 60_000 + RUNS * 100 }, async () => {
      const property = fc.asyncProperty(script, async (scenes) => {
        const steps = await (await stages.current()).play(scenes);
        const found = disagreements(policy, steps);
        if (found.length > 0) throw new Error(described(steps, found));
      });
      await fc.assert(property, { numRuns: RUNS, ...SEED, ...PATH });
    });
  });
});
