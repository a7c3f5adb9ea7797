import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../src/http/date.js';
import { anyText, asciiText } from './texts.js';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const NOW = Date.UTC(2026, 10, 20);

/** The three forms of a time (RFC 9110 §5.6.7), as ms since 1970. */
const forms = (time: number, day = DAYS[new Date(time).getUTCDay()]!) => {
  const date = new Date(time);
  const two = (value: number) => `${value}`.padStart(2, '0');
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  const [number, month] = [date.getUTCDate(), MONTHS[date.getUTCMonth()]!];
  const year = `${date.getUTCFullYear()}`.padStart(4, '0');
  return {
    imf: `${day.slice(0, 3)}, ${two(number)} ${month} ${year} ${clock} GMT`,
    rfc850: `${day}, ${two(number)}-${month}-${year.slice(-2)} ${clock} GMT`,
    asctime: `${day.slice(0, 3)} ${month} ${`${number}`.padStart(2, ' ')} ${clock} ${year}`,
  };
};

const seconds = (from: number, to: number) =>
  fc.integer({ min: Date.UTC(from, 0) / 1000, max: Date.UTC(to, 0) / 1000 - 1 }).map((value) => value * 1000);
const FIRST_TO_LAST = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }).map((value) => value * 1000);

describe('parseHttpDate', () => {
  it('reads any time in the forms with four digits of a year, in any case, on any day of the week', () => {
    fc.assert(
      fc.property(FIRST_TO_LAST, fc.constantFrom(...DAYS), (time, day) => {
        for (const text of [forms(time).imf, forms(time).asctime, forms(time, day).imf, forms(time, day).asctime])
          for (const spelt of [text, text.toLowerCase(), text.toUpperCase()])
            expect(parseHttpDate(spelt, NOW)).toBe(time);
      }),
      { numRuns: 500 },
    );
  });

  it('reads what JavaScript writes', () => {
    fc.assert(
      fc.property(seconds(1970, 9999), (time) => {
        expect(parseHttpDate(new Date(time).toUTCString(), NOW)).toBe(time);
      }),
    );
  });

  it('reads two digits of a year as one that is at most 50 years ahead, and less than 50 behind', () => {
    fc.assert(
      fc.property(seconds(1980, 2120), fc.integer({ min: -49 * 365, max: 49 * 365 }), (now, days) => {
        const time = now + days * 86_400_000;
        expect(parseHttpDate(forms(time).rfc850, now)).toBe(time);
      }),
      { numRuns: 500 },
    );
  });

  it('takes no date with anything before, behind or within', () => {
    const rubbish = fc.oneof(anyText, asciiText).filter((text) => text.trim() !== '');
    fc.assert(
      fc.property(FIRST_TO_LAST, rubbish, fc.nat(40), (time, text, at) => {
        for (const date of Object.values(forms(time))) {
          expect(parseHttpDate(`${text} ${date}`, NOW)).toBeUndefined();
          expect(parseHttpDate(`${date} ${text}`, NOW)).toBeUndefined();
          expect(parseHttpDate(`${date}, ${date}`, NOW)).toBeUndefined();
          const cut = Math.min(at, date.length - 1);
          const without = date.slice(0, cut) + date.slice(cut + 1);
          expect(parseHttpDate(without, NOW)).toBeUndefined();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never throws, and finds whole seconds', () => {
    const numbers = fc.stringMatching(/^\d{0,5}$/);
    const nearly = fc
      .tuple(numbers, fc.constantFrom(...MONTHS, 'Foo'), numbers, numbers, numbers, numbers)
      .map(([day, month, year, h, m, s]) => `Sun, ${day} ${month} ${year} ${h}:${m}:${s} GMT`);
    fc.assert(
      fc.property(fc.oneof(anyText, nearly), fc.oneof(seconds(1970, 2100), fc.constant(Number.NaN)), (text, now) => {
        const time = parseHttpDate(text, now);
        if (time !== undefined) expect(time % 1000).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['blanks', ' '],
    ['days', 'Sun, '],
    ['digits', '0'],
    ['dates', 'Sun, 06 Nov 1994 08:49:37 GMT '],
  ])('reads a long run of %s once', { timeout: 2000 }, (_, piece) => {
    const long = piece.repeat(200_000 / piece.length);
    expect(parseHttpDate(long)).toBeUndefined();
    expect(parseHttpDate(`x${long}x`)).toBeUndefined();
  });
});
