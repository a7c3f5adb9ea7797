// Random requests at random handlers behind a random cache, in memory: no crash, no hang, no answer for somebody else.
//
//   FUZZ_SECONDS=60 npx vitest run test/fuzz      longer
//   FUZZ_SEED=… [FUZZ_ONLY=…]                     a failure again (it is printed with it)

import { expect, it } from 'vitest';
import { fuzz, SECONDS } from './fuzz.js';

it('stands whatever is thrown at it', { timeout: SECONDS * 1000 + 120_000 }, async () => {
  expect(await fuzz(SECONDS, { redis: false })).toBeGreaterThan(0);
});
