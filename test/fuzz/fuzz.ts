// Rounds until the time is up. A failure says how to play it again, with as few actions as still make it fail.

import { FRAMEWORKS } from '../adapters/hosts.js';
import { Random, seedOf } from './random.js';
import { ACTIONS, playRound, type RoundOptions } from './round.js';

/** How long a test throws things, seconds. */
export const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4);

/** Where nobody asks for more, it begins with the same each time: a change makes the test fail, and not chance. */
const USUAL = process.env.FUZZ_SECONDS === undefined ? '20261124' : undefined;
const { FUZZ_SEED = USUAL } = process.env;
const SEED = FUZZ_SEED === undefined ? undefined : Number(FUZZ_SEED);
const ONLY = process.env.FUZZ_ONLY?.split(',').map(Number);

/** How many times a failing round is played again with fewer actions. */
const ATTEMPTS = 12;

export async function fuzz(seconds: number, more: Pick<RoundOptions, 'redis' | 'disturb'>): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let rounds = 0;
  for (let seed = SEED ?? Math.floor(Math.random() * 1e9); rounds === 0 || performance.now() < until; seed++) {
    const options = roundOf(seed, ONLY === undefined ? undefined : new Set(ONLY), more);
    const problems = await playRound(options);
    rounds++;
    if (problems.length > 0) throw new Error(await report(options, problems));
    if (ONLY !== undefined) break;
  }
  return rounds;
}

function roundOf(seed: number, only: ReadonlySet<number> | undefined, more: Pick<RoundOptions, 'redis' | 'disturb'>) {
  const random = new Random(seedOf(seed, 0));
  const framework = random.pick(FRAMEWORKS);
  const mode = random.pick(['application', 'application', 'rfc9111'] as const);
  return { seed, framework, mode, only, ...more };
}

async function report(options: RoundOptions, problems: readonly string[]): Promise<string> {
  const { seed, framework, mode } = options;
  const smallest = await shrunk(options);
  const only = smallest.only === undefined ? '' : `FUZZ_ONLY=${[...smallest.only].join()} `;
  return [
    `${framework}, mode ${mode}; again: FUZZ_SEED=${seed} ${only}npx vitest run test/fuzz`,
    ...problems,
    ...(smallest.problems.length === 0 ? [] : ['With fewer actions:', ...smallest.problems]),
  ].join('\n');
}

/** Leaves out halves, then quarters, and so on, of the actions, as long as the round still fails. */
async function shrunk(options: RoundOptions): Promise<{ only: ReadonlySet<number> | undefined; problems: string[] }> {
  let kept = [...(options.only ?? Array.from({ length: ACTIONS }, (_, i) => i))];
  let found: { only: ReadonlySet<number> | undefined; problems: string[] } = { only: options.only, problems: [] };
  let attempts = 0;
  for (let size = Math.ceil(kept.length / 2); size >= 1 && attempts < ATTEMPTS; size = Math.floor(size / 2)) {
    for (let at = 0; at < kept.length && attempts < ATTEMPTS; ) {
      const only = new Set([...kept.slice(0, at), ...kept.slice(at + size)]);
      attempts++;
      const problems = only.size === 0 ? [] : await playRound({ ...options, only });
      if (problems.length === 0) at += size;
      else {
        kept = [...only];
        found = { only, problems };
      }
    }
  }
  return found;
}
