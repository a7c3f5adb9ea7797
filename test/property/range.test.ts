import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ifRangeHolds, resolveRange } from '../../src/http/range.js';
import { anyText, asciiText } from './texts.js';

const position = fc.oneof(fc.nat(30), fc.integer({ min: 0, max: 999_999_999_999_999 }));
const length = fc.oneof(fc.nat(30), fc.integer({ min: 0, max: 2 ** 40 }));
const digits = (value: number, zeros: number) => '0'.repeat(Math.min(zeros, 15 - `${value}`.length)) + value;
const blanks = fc.constantFrom('', ' ', '\t', ' \t ');

/** RFC 9110 §14.1.1, §5.6.1: a unit in any case, then a list that may have empty members around its only one. */
const around = fc.record({
  unit: fc.constantFrom('bytes', 'Bytes', 'BYTES'),
  before: fc.array(blanks, { maxLength: 3 }).map((all) => all.map((each) => `${each},`).join('')),
  behind: fc.array(blanks, { maxLength: 3 }).map((all) => all.map((each) => `${each},`).join('')),
  blank: blanks,
  zeros: fc.nat(3),
});
type Around = typeof around extends fc.Arbitrary<infer T> ? T : never;
const written = ({ unit, before, behind, blank }: Around, range: string) =>
  `${unit}=${before}${before === '' ? '' : blank}${range}${behind}`;

/** The bytes of a range that stand in a body, found one by one. */
const bytesOf = (size: number, first: number, last: number) =>
  Array.from({ length: size }, (_, i) => i).filter((i) => i >= first && i <= last);

describe('resolveRange', () => {
  it('finds the bytes that a range names, where the body has them', () => {
    fc.assert(
      fc.property(around, position, position, length, (form, a, b, size) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const range = `${digits(first, form.zeros)}-${digits(last, form.zeros)}`;
        const expected = first < size ? { first, last: Math.min(last, size - 1) } : 'unsatisfiable';
        expect(resolveRange(written(form, range), size)).toEqual(expected);
        expect(resolveRange(written(form, `${digits(first, form.zeros)}-`), size)).toEqual(
          first < size ? { first, last: size - 1 } : 'unsatisfiable',
        );
        if (a !== b) expect(resolveRange(written(form, `${last}-${first}`), size)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('finds the last bytes', () => {
    fc.assert(
      fc.property(around, position, fc.nat(40), (form, count, size) => {
        const found = resolveRange(written(form, `-${digits(count, form.zeros)}`), size);
        const wanted = Array.from({ length: size }, (_, i) => i).slice(-count || size);
        if (wanted.length === 0) expect(found).toBe(count === 0 ? 'unsatisfiable' : undefined);
        else expect(found).toEqual({ first: wanted[0], last: wanted.at(-1) });
      }),
    );
  });

  it('never finds several ranges, nor those of another unit', () => {
    fc.assert(
      fc.property(around, fc.array(fc.constantFrom('0-1', '5-', '-5', '0-'), { minLength: 2 }), (form, ranges) => {
        expect(resolveRange(written(form, ranges.join(', ')), 10)).toBeUndefined();
        expect(resolveRange(written({ ...form, unit: 'items' as 'bytes' }, ranges[0]!), 10)).toBeUndefined();
      }),
    );
  });

  it('never throws, and never leaves the body', () => {
    const rubbish = fc.oneof(anyText, asciiText, fc.stringMatching(/^[\d ,-]{0,12}$/));
    fc.assert(
      fc.property(rubbish, fc.boolean(), fc.nat(20), (text, prefixed, size) => {
        const found = resolveRange(prefixed ? `bytes=${text}` : text, size);
        if (typeof found !== 'object') return;
        expect(prefixed).toBe(true);
        expect(bytesOf(size, found.first, found.last)).toHaveLength(found.last - found.first + 1);
        expect(found.last).toBeGreaterThanOrEqual(found.first);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['blanks', ' '],
    ['commas', ','],
    ['commas and blanks', ', '],
    ['blanks and commas', '    ,'],
    ['digits', '1'],
    ['hyphens', '-'],
    ['ranges', '0-1,'],
    ['half ranges', '0-,'],
  ])('reads a long run of %s once', { timeout: 2000 }, (_, piece) => {
    const long = piece.repeat(200_000 / piece.length);
    for (const field of [`bytes=${long}`, `bytes=${long}x`, `bytes=,${long}0-1`, `bytes=0-1${long}x`, `${long}=`])
      expect(resolveRange(field, 10)).not.toBe('unsatisfiable');
  });
});

describe('ifRangeHolds', () => {
  const second = fc.integer({ min: 0, max: 4_000_000_000 });
  const dated = (seconds: number) => new Date(seconds * 1000).toUTCString();

  it('holds for a date exactly where it is the same, and the response a second younger', () => {
    fc.assert(
      fc.property(second, fc.integer({ min: -2, max: 2 }), fc.integer({ min: -2, max: 2 }), (modified, off, age) => {
        const fields = { etag: '"a"', lastModified: dated(modified), date: dated(modified + age) };
        expect(ifRangeHolds(dated(modified + off), fields)).toBe(off === 0 && age >= 1);
      }),
    );
  });

  it('never throws, and holds for no rubbish, not even the same', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const rubbish = a.replaceAll('"', '');
        expect(ifRangeHolds(rubbish, { etag: rubbish, lastModified: rubbish, date: b })).toBe(false);
        expect(ifRangeHolds(`W/"${a}"`, { etag: `W/"${a}"`, lastModified: b, date: b })).toBe(false);
      }),
    );
  });
});
