import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deltaSeconds, parseCacheControl } from '../../src/http/cache-control.js';
import { anyText, asciiText } from './texts.js';

const TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const token = fc.string({ unit: fc.constantFrom(...TCHAR), minLength: 1, maxLength: 8 });
const known = fc.constantFrom(
  ...['no-store', 'no-cache', 'private', 'public', 'max-age', 's-maxage', 'must-revalidate', 'stale-while-revalidate'],
);

/** RFC 9110 §5.6.4: what may stand between quotes, as it is meant and as it is written. */
const quoted = fc
  .array(fc.tuple(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }), fc.boolean()), { maxLength: 8 })
  .map((signs) => ({
    meant: signs.map(([sign]) => sign).join(''),
    written: `"${signs.map(([sign, escaped]) => (escaped || /["\\]/.test(sign) ? `\\${sign}` : sign)).join('')}"`,
  }));
const bare = token.map((text) => ({ meant: text, written: text }));
const argument = fc.option(fc.oneof(bare, quoted), { nil: undefined });

/** Upper and lower case by turns of chance. */
const anyCase = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) => [...text].map((c, i) => (upper[i] ? c.toUpperCase() : c.toLowerCase())).join(''));
const blank = fc.constantFrom('', ' ', '\t', '  \t ');

const directive = fc
  .tuple(fc.oneof(known, token), argument)
  .chain(([name, value]) =>
    fc.record({ name: fc.constant(name.toLowerCase()), spelt: anyCase(name), value: fc.constant(value) }),
  );

/** A field that the grammar allows (RFC 9111 §5.2, RFC 9110 §5.6.1: empty members too), and what it says. */
const field = fc
  .uniqueArray(directive, { selector: ({ name }) => name, maxLength: 6 })
  .chain((directives) =>
    fc.tuple(
      fc.constant(directives),
      fc.array(fc.tuple(blank, blank, fc.boolean()), { minLength: directives.length, maxLength: directives.length }),
    ),
  )
  .map(([directives, around]) => ({
    directives,
    text: directives
      .map(({ spelt, value }, i) => {
        const [before, after, empty] = around[i]!;
        return `${empty ? ', ,' : ''}${before}${spelt}${value === undefined ? '' : `=${value.written}`}${after}`;
      })
      .join(','),
  }));

describe('parseCacheControl', () => {
  it('finds every directive of a valid field, in any case, white space and quoting, and nothing else', () => {
    fc.assert(
      fc.property(field, ({ directives, text }) => {
        const expected = new Map(directives.map(({ name, value }) => [name, value === undefined ? true : value.meant]));
        expect(parseCacheControl(text)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('finds a directive given twice, and trusts it where it says the same', () => {
    fc.assert(
      fc.property(token, argument, argument, (name, a, b) => {
        const written = [a, b].map((value) => (value === undefined ? name : `${name}=${value.written}`)).join(', ');
        const found = parseCacheControl(written).get(name.toLowerCase());
        if (a?.meant === b?.meant) expect(found).toBe(a?.meant ?? true);
        else expect(found).toBe(['private', 'no-cache'].includes(name.toLowerCase()) ? true : null);
      }),
    );
  });

  it('never throws, and finds a last plain directive behind a comma, whatever stands before it', () => {
    const unquoted = fc.oneof(anyText, asciiText).map((text) => text.replaceAll('"', ''));
    fc.assert(
      fc.property(unquoted, (rubbish) => {
        expect(parseCacheControl(`${rubbish},No-Store`).has('no-store')).toBe(true);
      }),
    );
  });

  it('never throws, nor says a number that is not one', () => {
    fc.assert(
      fc.property(anyText, asciiText, (a, b) => {
        const directives = parseCacheControl(`${a},max-age=${b}`);
        for (const name of directives.keys()) {
          const seconds = deltaSeconds(directives, name)!;
          expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 2 ** 31).toBe(true);
        }
      }),
    );
  });

  // Seconds of work if any part of a field were read again for each of its signs.
  it.each([
    ['blanks', ' '],
    ['commas', ','],
    ['commas and blanks', ', '],
    ['quotes', '"'],
    ['backslashes', '\\'],
    ['open quotes', 'a="'],
    ['open quotes in members', 'a="x,'],
    ['escaped quotes', 'a="\\",'],
    ['equal signs', '='],
    ['letters', 'a'],
    ['letters and blanks', 'a '],
  ])('reads a long run of %s once', { timeout: 2000 }, (_, piece) => {
    const long = piece.repeat(200_000 / piece.length);
    expect(parseCacheControl(`a=${long}`).size).toBeGreaterThan(0);
    expect(parseCacheControl(`${long},b`).size).toBeGreaterThanOrEqual(0);
  });
});
