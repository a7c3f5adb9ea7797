import { type Cache, createCache } from 'respcache';
import { ManualClock } from 'respcache/testing';
import { describe, expect, it } from 'vitest';
import { type Part, reportOf, VERSION } from '../../../src/stats/report.js';

const NOW = Date.UTC(2026, 0, 1, 12);

/** What a process tells in which one value was asked for in each of so many steps, the last one of them at a time. */
async function partOf(steps: number, last: number): Promise<Part> {
  const clock = new ManualClock(last - (steps - 1) * 5000);
  const cache: Cache = createCache({ redis: false, clock });
  for (let step = 0; step < steps; step++) {
    if (step > 0) clock.forward(5);
    await cache.get('a', 'acme');
  }
  const { statistics } = cache;
  return { version: VERSION, facts: statistics.facts(), counted: statistics.counters.snapshot({ popular: 0 }) };
}

describe('the timeline of several processes', () => {
  const slotsOf = (...parts: [Part, ...Part[]]) =>
    reportOf(parts, { scope: 'fleet', now: NOW, authorized: false }).timeline.slots.map(({ at }) => at - NOW);

  it('is that of the last quarter of an hour, though the clock of one is an hour ahead', async () => {
    expect(slotsOf(await partOf(3, NOW), await partOf(180, NOW + 3_600_000))).toEqual([-10_000, -5000, 0]);
  });

  it('has none of what one has told long ago, which tells its figures but now and then', async () => {
    expect(slotsOf(await partOf(1, NOW), await partOf(3, NOW - 890_000))).toEqual([-895_000, -890_000, 0]);
  });

  it('has what one tells of now whose clock is a little ahead', async () => {
    expect(slotsOf(await partOf(1, NOW), await partOf(2, NOW + 5000))).toEqual([0, 5000]);
  });
});
