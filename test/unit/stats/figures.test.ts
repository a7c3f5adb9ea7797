import { describe, expect, it } from 'vitest';
import { addCounts, type Counts, noCounts } from '../../../src/stats/figures.js';

describe('addCounts', () => {
  it('adds each of them, reasons too', () => {
    const counts = (from: number): Counts => {
      const numbers = Object.keys(noCounts()).map((name, i) => [name, from * (i + 1)]);
      return { ...Object.fromEntries(numbers), reasons: { cookie: from } };
    };
    const sum = addCounts(counts(1), counts(10));
    expect(sum).toEqual(counts(11));
    expect(addCounts(sum, { ...noCounts(), reasons: { method: 2 } })).toEqual({
      ...counts(11),
      reasons: { cookie: 11, method: 2 },
    });
  });
});
