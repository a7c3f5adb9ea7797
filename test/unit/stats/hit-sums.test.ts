import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CacheEvents, Events, HitPlace } from '../../../src/events.js';
import { Counters } from '../../../src/stats/counters.js';

const START = 1_795_420_800_000;

interface Hit {
  readonly place: number;
  readonly bytes: number;
  readonly ms: number;
  /** How much later than the one before; a clock may be set back. */
  readonly later: number;
  /** Whether somebody reads the figures then. */
  readonly read: boolean;
  /** It is a miss, which is counted at once. */
  readonly missed?: boolean;
}

/** Counts hits by their events or in sums. Gives all figures. */
function figuresOf(hits: readonly Hit[], inSums: boolean) {
  let now = START;
  const events = new Events();
  const counters = new Counters(events, { now: () => now });
  const places = Array.from(
    { length: 1200 },
    (_, i) => new HitPlace(`t${i % 3}`, `key ${i}`, `/r${i % 5}/x`, i % 2 ? 'redis' : 'memory'),
  );
  for (const { place: i, bytes, ms, later, read, missed } of hits) {
    now += later;
    const place = places[i]!;
    const { tenant, key, route, tier } = place;
    if (missed) events.emit('miss', { source: 'http', tenant, key, route, ms, request: REQUEST });
    else if (inSums) events.hitAt(place, REQUEST, bytes, ms, now);
    else events.emit('hit', { source: 'http', tenant, key, route, tier, bytes, ms, request: REQUEST });
    if (read) counters.read();
  }
  const { popular: _, ...figures } = counters.snapshot({ popular: 0 });
  return { figures, stats: counters.read('t1'), percentiles: counters.latency.hit.percentiles() };
}

/** Of an hour: a step of the timeline then stands in the place of one before, ms. */
const QUARTERS = [900_000, -3_600_000];

const REQUEST = { target: '/', headers: {}, secure: false };

describe('hits that are counted in sums', () => {
  it('are counted as each of them would be', () => {
    const hit = fc.record({
      place: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(1199)),
      bytes: fc.nat(5000),
      // Halves: sums of others hang on their order.
      ms: fc.constantFrom(0, 0.5, 1.5, 40),
      later: fc.oneof(
        { weight: 8, arbitrary: fc.nat(900) },
        fc.integer({ min: -30_000, max: 30_000 }),
        fc.constantFrom(...QUARTERS),
      ),
      read: fc.boolean(),
      missed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(hit, { maxLength: 60 }), (hits) => {
        expect(figuresOf(hits, true)).toEqual(figuresOf(hits, false));
      }),
    );
  });

  it.each(QUARTERS)('leave alone what is counted of a step in the same place of the timeline, %d ms later', (later) => {
    const hit = { place: 0, bytes: 10, ms: 0.5, later: 0, read: false };
    const found = figuresOf([hit, { ...hit, later, missed: true }, hit], true);
    expect(found).toEqual(figuresOf([hit, { ...hit, later, missed: true }, hit], false));
    expect(found.figures.slots).toMatchObject([{ fresh: 1, miss: 1 }]);
  });

  it('are counted where they come from more places than are summed up at a time', () => {
    const hits = Array.from({ length: 2500 }, (_, i) => ({
      ...{ place: i % 1200, bytes: 10, ms: 0.5, later: 0, read: false },
    }));
    const found = figuresOf(hits, true);
    expect(found).toEqual(figuresOf(hits, false));
    expect(found.figures.all.fresh).toBe(2500);
  });

  it('are each told to whoever listens, with all that an event says', () => {
    const events = new Events();
    const heard: CacheEvents['hit'][] = [];
    const place = new HitPlace('t', 'k', '/r', 'memory');
    const stop = events.on('hit', (event) => heard.push(event));
    events.hitAt(place, REQUEST, 10, 1, START);
    events.hitAt(place, REQUEST, 20, 2, START);
    stop();
    events.hitAt(place, REQUEST, 30, 3, START);
    const about = { source: 'http', tenant: 't', key: 'k', route: '/r', tier: 'memory', request: REQUEST };
    expect(heard).toEqual([
      { ...about, bytes: 10, ms: 1 },
      { ...about, bytes: 20, ms: 2 },
    ]);
  });
});
