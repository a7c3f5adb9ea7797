import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStrongTag, makeEtag, matchesEtag, sameStrongTag } from '../../src/http/etag.js';
import { anyText } from './texts.js';

/** RFC 9110 §8.8.3: any visible sign but the quote, and what is beyond ASCII. */
const opaque = fc.string({
  unit: fc
    .oneof(
      fc.constantFrom(0x21, 0x2a, 0x2c, 0x5c, 0x57, 0x2f),
      fc.integer({ min: 0x23, max: 0x7e }),
      fc.integer({ min: 0x80, max: 0xff }),
    )
    .map((code) => String.fromCharCode(code)),
  maxLength: 6,
});
const tag = fc.record({ weak: fc.boolean(), opaque }).map(({ weak, opaque: text }) => ({
  opaque: text,
  text: `${weak ? 'W/' : ''}"${text}"`,
}));
const separator = fc.constantFrom(',', ', ', ' , ', ',, ', '\t,');
const list = fc.array(fc.tuple(tag, separator), { minLength: 1, maxLength: 5 }).map((parts) => ({
  tags: parts.map(([each]) => each.opaque),
  text: parts.map(([each, after], i) => each.text + (i < parts.length - 1 ? after : '')).join(''),
}));

describe('matchesEtag', () => {
  it('finds a tag in a list exactly where it is in it, weak or not', () => {
    fc.assert(
      fc.property(list, tag, ({ tags, text }, { opaque: wanted, text: current }) => {
        expect(matchesEtag(text, current)).toBe(tags.includes(wanted));
      }),
      { numRuns: 500 },
    );
  });

  it('finds each member of a list', () => {
    fc.assert(
      fc.property(list, ({ tags, text }) => {
        for (const each of tags) expect(matchesEtag(text, `W/"${each}"`)).toBe(true);
      }),
    );
  });

  it('never throws, and takes no rubbish for a match', () => {
    fc.assert(
      fc.property(anyText, anyText, (rubbish, other) => {
        expect(matchesEtag(rubbish, undefined)).toBe(rubbish.trim() === '*');
        const unquoted = rubbish.replaceAll('"', '');
        expect(matchesEtag(unquoted, `"${other}"`)).toBe(unquoted.trim() === '*');
      }),
    );
  });

  it('matches the tag made for the same bytes, and for no others', () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(matchesEtag(makeEtag(a), makeEtag(b))).toBe(Buffer.from(a).equals(b));
      }),
    );
  });

  it('reads a list up to what is no entity tag, and no further', () => {
    const broken = fc.constantFrom('a', '"a', '"a b"', 'w/"a"', '"a"b', '*');
    fc.assert(
      fc.property(list, broken, list, tag, (before, rubbish, behind, { opaque: wanted, text: current }) => {
        const found = matchesEtag(`${before.text}, ${rubbish}, ${behind.text}`, current);
        expect(found).toBe(before.tags.includes(wanted));
      }),
    );
  });

  it.each([
    ['blanks', ' '],
    ['commas', ','],
    ['blanks and commas', ' ,'],
    ['tags', '"a",'],
    ['quotes', '"'],
    ['open quotes', '"a'],
    ['quotes and blanks', '"a '],
    ['letters', 'a'],
    ['marks', 'W/'],
  ])('reads a long run of %s once', { timeout: 2000 }, (_, piece) => {
    expect(matchesEtag(piece.repeat(200_000 / piece.length), '"wanted"')).toBe(false);
  });
});

describe('sameStrongTag', () => {
  it('is the same opaque text, without a mark on either side', () => {
    fc.assert(
      fc.property(tag, tag, fc.boolean(), (a, b, same) => {
        const other = same ? a : b;
        const strong = !a.text.startsWith('W/') && !other.text.startsWith('W/');
        expect(isStrongTag(a.text)).toBe(!a.text.startsWith('W/'));
        expect(sameStrongTag(a.text, other.text)).toBe(strong && a.opaque === other.opaque);
      }),
    );
  });

  it('never throws, and finds none in rubbish', () => {
    fc.assert(
      fc.property(anyText, (rubbish) => {
        expect(sameStrongTag(rubbish.replaceAll('"', ''), rubbish.replaceAll('"', ''))).toBe(false);
        expect(sameStrongTag(`${rubbish}"`, rubbish)).toBe(false);
      }),
    );
  });
});
