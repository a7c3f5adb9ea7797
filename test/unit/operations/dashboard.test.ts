import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytes, count, duration, joined, percent, rate, span } from '../../../src/operations/dashboard/format.js';
import { parseEvent } from '../../../src/operations/dashboard/live.js';
import { REASONS } from '../../../src/operations/dashboard/tables.js';
import { columnsOf, OUTCOMES, recent } from '../../../src/operations/dashboard/timeline.js';

describe('the figures of the dashboard', () => {
  it.each([
    [count(12_345.4), '12,345'],
    [count(12_345_678), '12.35M'],
    [count(undefined), '–'],
    [count('7'), '–'],
    [rate(0), '0'],
    [rate(2.345), '2.35'],
    [rate(23.45), '23.4'],
    [rate(2345.6), '2,346'],
    [percent(96.54321), '96.5'],
    [percent(Number.NaN), '–'],
    [joined(duration(0)), '0 ms'],
    [joined(duration(0.2134)), '0.21 ms'],
    [joined(duration(1500)), '1.50 s'],
    [joined(duration(null)), '–'],
    [joined(bytes(999)), '999 B'],
    [joined(bytes(1000)), '0.98 KiB'],
    [joined(bytes(67_108_864)), '64.0 MiB'],
    [joined(bytes(2 ** 60)), '1,048,576 TiB'],
    [span(0.4), '0 s'],
    [span(59.6), '1 min'],
    [span(3725), '1 h 2 min'],
    [span(90_061), '1 d 1 h'],
    [span(-3), '0 s'],
  ])('%s', (shown, expected) => expect(shown).toBe(expected));
});

it('the dashboard has words for each reason that there is', () => {
  const source = readFileSync(new URL('../../../src/events.ts', import.meta.url), 'utf8');
  const [, list = ''] = /export type Reason =(.*?)\n\n/s.exec(source) ?? [];
  const reasons = [...list.matchAll(/^ +\| '([\w-]+)'/gm)].map(([, reason]) => reason);
  expect(reasons).toContain('unavailable');
  expect(Object.keys(REASONS).sort()).toEqual(reasons.sort());
});

describe('the timeline of the dashboard', () => {
  const now = 1_700_000_002_000;
  const at = 1_700_000_000_000;
  const slot = (before: number, outcomes: Record<string, number>) => ({
    at: at - before * 5_000,
    outcomes,
    hitTime: 0.2,
    missTime: 0,
  });

  it('has a place for every slot of the window, empty where nothing is known', () => {
    const slots = [slot(500, { fresh: 1 }), slot(2, { fresh: 50 }), slot(0, { fresh: 10, miss: 4 })];
    const { times, rates, hit, miss } = columnsOf({ now, timeline: { step: 5, slots } });
    expect(times).toHaveLength(180);
    expect(times.at(-1)).toBe(at / 1000);
    // The last slot is two seconds old.
    expect(rates[OUTCOMES.indexOf('fresh')]?.slice(-3)).toEqual([10, null, 5]);
    expect(rates[OUTCOMES.indexOf('miss')]?.slice(-3)).toEqual([0, null, 2]);
    expect(hit.slice(-3)).toEqual([0.2, null, 0.2]);
    // A mean of nothing is none.
    expect(miss.slice(-3)).toEqual([null, null, null]);
    expect(rates[0]?.filter((each) => each !== null)).toHaveLength(2);
  });

  it('sums up the last seconds; what is revalidated is no hit', () => {
    const slots = [
      slot(40, { fresh: 900 }),
      slot(1, { fresh: 6, stale: 1, collapsed: 1 }),
      slot(0, { revalidated: 1, miss: 1, bypass: 2 }),
    ];
    const minute = recent({ now, timeline: { step: 5, slots } }, 7);
    expect(minute).toEqual({ total: 12, perSecond: 12 / 7, hitRate: 80 });
  });

  it('is empty, and has no rate, without slots', () => {
    expect(recent({ now }, 60)).toMatchObject({ total: 0, perSecond: 0, hitRate: undefined });
    expect(columnsOf({ now }).hit.every((each) => each === null)).toBe(true);
  });
});

describe('an event of the stream', () => {
  it.each([
    ['event: stats\ndata: {"a":1}', { event: 'stats', data: '{"a":1}' }],
    ['data:one\r\ndata: two', { event: 'message', data: 'one\ntwo' }],
    [': a comment\nid: 7\ndata', { event: 'message', data: '' }],
    ['data: a: b', { event: 'message', data: 'a: b' }],
    // JSON leaves these as they are, and a tenant may have them in its name.
    ['event: stats\ndata: "a\u2028b\u2029c"', { event: 'stats', data: '"a\u2028b\u2029c"' }],
  ])('%j', (block, expected) => expect(parseEvent(block)).toEqual(expected));
});
