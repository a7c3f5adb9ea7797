import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../src/stats/histogram.js';

const of = (...durations: number[]) => {
  const histogram = new Histogram();
  for (const ms of durations) histogram.add(ms);
  return histogram;
};

describe('Histogram', () => {
  it('says nothing of nothing', () => {
    expect(of().percentiles()).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
  });

  it('says where parts of all durations lie, at most an eighth too high', () => {
    const durations = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(durations, (list) => {
        const { p50, p90, p99, max } = of(...list).percentiles();
        const sorted = [...list].sort((a, b) => a - b);
        for (const [part, said] of [
          [0.5, p50],
          [0.9, p90],
          [0.99, p99],
        ] as const) {
          const exact = sorted[Math.ceil(sorted.length * part) - 1]!;
          expect(said).toBeGreaterThanOrEqual(exact - 0.0001);
          expect(said).toBeLessThanOrEqual(exact * 1.125 + 0.0011);
        }
        expect(max).toBeCloseTo(sorted.at(-1)!, 3);
      }),
    );
  });

  it('is the same for all as for those of several processes, added up', () => {
    const durations = fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }));
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        const merged = of(...a);
        merged.merge(JSON.parse(JSON.stringify(of(...b).data())));
        const all = of(...a, ...b);
        expect(merged.percentiles()).toEqual(all.percentiles());
        expect(merged.count).toBe(all.count);
        expect(merged.sum).toBeCloseTo(all.sum, 3);
      }),
    );
  });

  it.each([0.016, 0.032, 1.024, 32.768])('counts what took up to %d ms', (ms) => {
    expect(of(ms - 0.001, ms / 2, ms * 1.2).countUpTo(ms * 1000)).toBe(2);
  });

  it('takes what lasted longer than any timer', () => {
    expect(of(1e12, Number.POSITIVE_INFINITY).percentiles().p50).toBeGreaterThan(2_000_000);
  });
});
