import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deltaSeconds, fieldList, parseCacheControl } from '../../src/http/cache-control.js';
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

const QUALIFIABLE = ['private', 'no-cache'];
const isList = (text: string) => {
  const names = text.split(',').filter((part) => part.trim() !== '');
  return names.length > 0 && names.every((name) => [...name.trim()].every((sign) => TCHAR.includes(sign)));
};
/** What an argument says: where fields should be named and are not, no more than the plain directive. */
const said = (name: string, value: { meant: string } | undefined) =>
  value === undefined || (QUALIFIABLE.includes(name) && !isList(value.meant)) ? true : value.meant;

describe('parseCacheControl', () => {
  it('finds every directive of a valid field, in any case, white space and quoting, and nothing else', () => {
    fc.assert(
      fc.property(field, ({ directives, text }) => {
        const expected = new Map(directives.map(({ name, value }) => [name, said(name, value)]));
        expect(parseCacheControl(text)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('finds a directive given twice, and trusts it where it says the same', () => {
    fc.assert(
      fc.property(fc.oneof(known, token), argument, argument, (spelt, a, b) => {
        const written = [a, b].map((value) => (value === undefined ? spelt : `${spelt}=${value.written}`)).join(', ');
        const name = spelt.toLowerCase();
        const [one, other] = [said(name, a), said(name, b)];
        const both = one === true || other === true ? true : `${one}, ${other}`;
        const contradiction = QUALIFIABLE.includes(name) ? both : null;
        expect(parseCacheControl(written).get(name)).toBe(one === other ? one : contradiction);
      }),
      { numRuns: 500 },
    );
  });

  it('finds the name and no argument where there are blanks around the equals sign', () => {
    fc.assert(
      fc.property(token, blank, blank, fc.oneof(bare, quoted), (name, before, after, { written }) => {
        fc.pre(before + after !== '' && !QUALIFIABLE.includes(name.toLowerCase()));
        expect(parseCacheControl(`a, ${name}${before}=${after}${written},b`).get(name.toLowerCase())).toBeNull();
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

  it('never lets a response off that says private or no-cache, whatever else it says', () => {
    const narrowed = fc.oneof(
      argument,
      fc.constant({ written: '"a, b"' }),
      anyText.map((text) => ({ written: text })),
    );
    fc.assert(
      fc.property(fc.array(narrowed, { maxLength: 3 }), fc.nat(3), (parts, at) => {
        const texts = parts.map((part) =>
          part === undefined ? 'private' : `private=${part.written.replace(/["]/g, '')}`,
        );
        texts.splice(at, 0, 'private');
        const directives = parseCacheControl(texts.join(','));
        expect(directives.get('private')).toBe(true);
        expect(fieldList(directives, 'private')).toBeUndefined();
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
    ['blanks and equal signs', ' ='],
    ['qualified forms', 'private="x",'],
    ['qualified forms that differ', 'private="x",private="y",'],
    ['letters', 'a'],
    ['letters and blanks', 'a '],
  ])('reads a long run of %s once', { timeout: 2000 }, (_, piece) => {
    const long = piece.repeat(200_000 / piece.length);
    expect(parseCacheControl(`a=${long}`).size).toBeGreaterThan(0);
    expect(parseCacheControl(`${long},b`).size).toBeGreaterThanOrEqual(0);
  });
});
