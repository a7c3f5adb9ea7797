import { describe, expect, it } from 'vitest';
import type { Geometry } from '../../../src/invalidation/purge-table.js';
import { epochStart, parseHead, readSnapshot } from '../../../src/invalidation/redis-table.js';

const SMALL: Geometry = { rows: 2, bits: 3, patterns: 4 };
const head = { epoch: '2.3.4.abc.100', sequence: 120 };

/** A snapshot with these buckets written, as Redis holds it. */
function snapshot(buckets: readonly number[], { sequence = 120, patterns = 0 } = {}): Buffer {
  const bytes = Buffer.alloc(16 + buckets.length * 8);
  for (const [i, value] of [sequence, patterns, ...buckets].entries()) bytes.writeDoubleBE(value, i * 8);
  return bytes;
}

describe('readSnapshot', () => {
  it.each([
    ['some have', [101, 0, 103]],
    ['all have', Array.from({ length: 16 }, (_, i) => 100 + i)],
  ])('reads the table where %s: those behind are zero', (_, buckets) => {
    const table = readSnapshot(head, snapshot(buckets), []);
    expect([...table!.buckets!]).toEqual([...buckets, ...Array(16 - buckets.length).fill(0)]);
    expect(table).toMatchObject({ epoch: head.epoch, sequence: 120, geometry: SMALL });
  });

  it('reads the table where no bucket has been written', () => {
    const table = readSnapshot(head, snapshot([]), []);
    expect(table).toMatchObject({ epoch: head.epoch, sequence: 120, geometry: SMALL, buckets: undefined });
    expect(table!.lastPurge('a')).toBe(0);
  });

  it('reads patterns', () => {
    const table = readSnapshot(head, snapshot([], { patterns: 1 }), ['110 16,88 {"tenant":"a b","glob":"/x *"}']);
    expect(table!.patterns).toEqual([{ tenant: 'a b', glob: '/x *', sequence: 110 }]);
  });

  it.each([
    ['a part of the header is missing', snapshot([]).subarray(0, 8)],
    ['a bucket is cut off', snapshot([101]).subarray(0, 20)],
    ['it is longer than the table', snapshot(Array(17).fill(101))],
    ['it is of another moment', snapshot([], { sequence: 119 })],
    ['patterns are missing', snapshot([], { patterns: 1 })],
    ['it is something else', Buffer.from('somebody else’s text, 32 bytes!!')],
  ])('refuses it where %s', (_, bytes) => {
    expect(readSnapshot(head, bytes, [])).toBeUndefined();
  });

  it.each(['', '2.3', 'x.3.4.abc.100'])('refuses an epoch that is named %j', (epoch) => {
    expect(readSnapshot({ ...head, epoch }, snapshot([]), [])).toBeUndefined();
  });
});

describe('parseHead', () => {
  it('takes what stands before the last colon for the epoch', () => {
    expect(parseHead('4.16.256.ab:12')).toEqual({ epoch: '4.16.256.ab', sequence: 12 });
  });

  it.each(['', '12', ':12', 'a:x'])('refuses %j', (text) => {
    expect(parseHead(text)).toBeUndefined();
  });
});

it('an epoch says at which sequence it began', () => {
  expect(epochStart('4.16.256.abcdef.1700000000000000')).toBe(1_700_000_000_000_000);
});
