import { describe, expect, it } from 'vitest';
import type { ResponseEntry } from '../../../src/entry/entry.js';
import { ageOf, forwardFor, mayStandIn, type Use, useOf } from '../../../src/lookup/usable.js';
import type { Asked } from '../../../src/request/directives.js';
import { BORN, stored } from '../made.js';

const NOTHING: Asked = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
};

/** What is made of a response that was fresh for 300 seconds, so many seconds after it was stored. */
const use = (seconds: number, entry: Partial<ResponseEntry> = {}, asked?: Partial<Asked>): Use =>
  useOf(stored(entry), BORN + seconds * 1000, asked === undefined ? undefined : { ...NOTHING, ...asked });

describe('useOf, where the client asks nothing', () => {
  it.each<[seconds: number, use: Use]>([
    [0, 'fresh'],
    [299.999, 'fresh'],
    // RFC 9111 §4.2: it is fresh while its lifetime is greater than its age.
    [300, 'validate'],
    [300.001, 'validate'],
    [100_000, 'validate'],
  ])('after %d seconds: %s', (seconds, expected) => {
    expect(use(seconds)).toBe(expected);
  });

  it('is fresh for ever, where it is so', () => {
    expect(use(1e9, { freshUntil: Number.POSITIVE_INFINITY })).toBe('fresh');
  });

  it('is to be asked for where it was stale as it came', () => {
    expect(use(0, { freshUntil: BORN - 1000 })).toBe('validate');
  });

  it.each<[seconds: number, use: Use]>([
    [299, 'fresh'],
    [300, 'refresh'],
    [329.999, 'refresh'],
    [330, 'validate'],
  ])('after %d seconds, with 30 to be served while it is refreshed (RFC 5861 §3): %s', (seconds, expected) => {
    expect(use(seconds, { staleWhileRevalidate: 30 })).toBe(expected);
  });

  it.each<[seconds: number, use: Use, stale: Use]>([
    [-60, 'fresh', 'fresh'],
    [-60.001, 'validate', 'refresh'],
    [-1e7, 'validate', 'refresh'],
  ])('where the clock says %d seconds, as it was put back: %s, with a window %s', (seconds, expected, stale) => {
    expect(use(seconds)).toBe(expected);
    expect(use(seconds, { staleWhileRevalidate: 30 })).toBe(stale);
    expect(forwardFor(stored(), BORN + seconds * 1000)).toBe(expected === 'fresh' ? 'request' : 'stale');
  });

  it('is not refreshed in the background for the window of errors', () => {
    expect(use(310, { staleIfError: 30 })).toBe('validate');
  });

  it('is to be asked for once it is stale, where nothing stale may be used (RFC 9111 §4.2.4)', () => {
    const entry = { mustRevalidate: true, staleWhileRevalidate: 30 };
    expect(use(299, entry)).toBe('fresh');
    expect(use(301, entry)).toBe('validate');
  });
});

describe('useOf, by what the client asks (RFC 9111 §5.2.1)', () => {
  it('goes by what there is, where the client asks nothing of it', () => {
    expect(use(10, {}, {})).toBe('fresh');
    expect(use(310, { staleWhileRevalidate: 30 }, {})).toBe('refresh');
  });

  it('is to be asked for with no-cache (§5.2.1.4)', () => {
    expect(use(0, {}, { noCache: true })).toBe('validate');
  });

  it.each<[maxAge: number, use: Use]>([
    [20, 'fresh'],
    [10, 'fresh'],
    [9, 'validate'],
    [0, 'validate'],
  ])('of an age of 10 seconds, with max-age=%i (§5.2.1.1): %s', (maxAge, expected) => {
    expect(use(10, {}, { maxAge })).toBe(expected);
    expect(use(0, { initialAge: 10 }, { maxAge })).toBe(expected);
  });

  it('is never young enough for max-age=0', () => {
    expect(use(0, {}, { maxAge: 0 })).toBe('validate');
  });

  it.each<[minFresh: number, use: Use]>([
    [50, 'fresh'],
    [100, 'fresh'],
    [101, 'validate'],
  ])('fresh for 100 seconds more, with min-fresh=%i (§5.2.1.3): %s', (minFresh, expected) => {
    expect(use(200, {}, { minFresh })).toBe(expected);
  });

  it('is not fresh enough for any min-fresh once it is stale', () => {
    expect(use(310, { staleWhileRevalidate: 30 }, { minFresh: 0 })).toBe('validate');
  });

  it.each<[maxStale: number, use: Use]>([
    [2 ** 31, 'stale'],
    [11, 'stale'],
    [10, 'stale'],
    [9, 'validate'],
    [0, 'validate'],
  ])('stale for 10 seconds, with max-stale=%i (§5.2.1.2): %s', (maxStale, expected) => {
    expect(use(310, {}, { maxStale })).toBe(expected);
  });

  it('is the answer as it is where it is fresh, whatever max-stale says', () => {
    expect(use(10, {}, { maxStale: 0 })).toBe('fresh');
  });

  it('is refreshed, where the client would take no stale one, but the handler has said that it will do', () => {
    expect(use(310, { staleWhileRevalidate: 30 }, { maxStale: 5 })).toBe('refresh');
  });

  it('is never stale for max-stale where nothing stale may be used (§4.2.4)', () => {
    expect(use(310, { mustRevalidate: true }, { maxStale: 2 ** 31 })).toBe('validate');
  });

  it('has to meet all that is asked', () => {
    expect(use(310, { staleWhileRevalidate: 30 }, { maxAge: 400 })).toBe('validate');
    expect(use(310, {}, { maxStale: 60, maxAge: 400 })).toBe('stale');
    expect(use(310, {}, { maxStale: 60, maxAge: 300 })).toBe('validate');
    expect(use(310, {}, { maxStale: 60, noCache: true })).toBe('validate');
    expect(use(10, {}, { maxAge: 60, minFresh: 295 })).toBe('validate');
  });

  it('does not go by only-if-cached and no-store, which others see to', () => {
    expect(use(10, {}, { onlyIfCached: true, noStore: true })).toBe('fresh');
  });
});

describe('ageOf (RFC 9111 §4.2.3)', () => {
  it.each([
    [0, 0, 0],
    [0, 5.9, 5],
    [100, 5, 105],
    // A clock that went back makes nobody younger than he came.
    [100, -5, 100],
  ])('%i seconds as it came, %d seconds here: %i', (initialAge, seconds, age) => {
    expect(ageOf(stored({ initialAge }), BORN + seconds * 1000)).toBe(age);
  });
});

describe('mayStandIn (RFC 5861 §4)', () => {
  const standsIn = (seconds: number, entry: Partial<ResponseEntry>) => mayStandIn(stored(entry), BORN + seconds * 1000);

  it.each([
    [300, true],
    [329.999, true],
    [330, false],
    // It is fresh, but the client wanted the handler.
    [10, true],
  ])('after %d seconds, fresh for 300, with 30 for errors: %s', (seconds, may) => {
    expect(standsIn(seconds, { staleIfError: 30 })).toBe(may);
  });

  it('may not where nobody has said so', () => {
    expect(standsIn(300, {})).toBe(false);
    expect(standsIn(310, { staleWhileRevalidate: 30 })).toBe(false);
    // Nor what is fresh, where the client wanted the handler.
    expect(standsIn(10, {})).toBe(false);
  });

  it('may not where nothing stale may be used (RFC 9111 §4.2.4)', () => {
    expect(standsIn(310, { staleIfError: 30, mustRevalidate: true })).toBe(false);
  });
});
