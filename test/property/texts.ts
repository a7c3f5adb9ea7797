import fc from 'fast-check';

/** Signs that mean something in keys, queries, globs or JSON, and halves of characters. */
const SIGNS = [...'~%#:*?&=[]{}()\\/.+|,;"\'^- \t\n\0aAzé0', '\uD800', '\uDC00', '\uFFFD', '__proto__', '%7e', '%25'];

const unit = fc.oneof(
  fc.constantFrom(...SIGNS),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
);

/** Any sequence of UTF-16 code units, well-formed or not, rich in signs that mean something. */
export const anyText: fc.Arbitrary<string> = fc.string({ unit, maxLength: 12 });

/** The same, now and then longer than what keys hold as it is. */
export const longText: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: anyText },
  {
    weight: 1,
    arbitrary: fc.tuple(anyText, fc.integer({ min: 480, max: 600 })).map(([text, n]) => text + 'x'.repeat(n)),
  },
);

/** A text of ASCII signs and letters. */
export const asciiText: fc.Arbitrary<string> = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });

/** The items in another order. */
export function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
}
