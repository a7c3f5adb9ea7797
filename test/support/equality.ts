// Vitest compares what can be iterated over item by item, and what is only a part of something twice: a body of some
// thousand bytes takes it longer than the request that brought it. Node compares bytes in one go.

import { expect } from 'vitest';

const KNOWN = Symbol.for('respcache.test.equality');
const holder = globalThis as { [KNOWN]?: true };

// Files that share a process share Vitest's list of testers, too: once is enough.
if (holder[KNOWN] === undefined) {
  holder[KNOWN] = true;
  expect.addEqualityTesters([(a, b) => (Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : undefined)]);
}
