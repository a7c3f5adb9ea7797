// What every test expects with.

import { expect, vi } from 'vitest';

const KNOWN = Symbol.for('respcache.test.expectations');
const holder = globalThis as { [KNOWN]?: true };

/** How long what is waited for may take, ms: a busy machine has given a process nothing for more than the usual second. */
const PATIENCE = 10_000;

// Files that share a process share Vitest's list of testers and its functions, too: once is enough.
if (holder[KNOWN] === undefined) {
  holder[KNOWN] = true;
  // Vitest compares what can be iterated over item by item, and what is only a part of something twice: a body of some
  // thousand bytes takes it longer than the request that brought it. Node compares bytes in one go.
  expect.addEqualityTesters([(a, b) => (Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : undefined)]);
  const { waitFor } = vi;
  vi.waitFor = (callback, options) =>
    waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE, ...options });
}
