import fc from 'fast-check';

/** A value as Structured Fields write it (RFC 9651 §3.3), and what it is. */
export interface Written {
  readonly type: 'integer' | 'decimal' | 'string' | 'token' | 'bytes' | 'boolean' | 'list';
  readonly value: unknown;
  readonly text: string;
}

const made = (type: Written['type'], value: unknown, text: string): Written => ({ type, value, text });

export const sfString: fc.Arbitrary<Written> = fc
  .oneof(fc.string({ unit: 'grapheme-ascii', maxLength: 10 }), fc.constantFrom('60', '1.5', '=1.0', 'a, b', '%"\\'))
  .map((value) => made('string', value, `"${value.replace(/["\\]/g, '\\$&')}"`));

const sfToken: fc.Arbitrary<Written> = fc
  .stringMatching(/^[A-Za-z*][!#$%&'*+.^_`|~\w:/-]{0,8}$/)
  .map((value) => made('token', value, value));

const sfInteger: fc.Arbitrary<Written> = fc
  .oneof(
    fc.integer({ min: -100, max: 4000 }),
    fc.maxSafeInteger().map((n) => n % 1e15),
  )
  .map((value) => made('integer', value + 0, `${value + 0}`));

const sfDecimal = fc
  .tuple(fc.integer({ min: -999, max: 999_999_999_999 }), fc.stringMatching(/^\d{1,3}$/))
  .map(([whole, fraction]) => made('decimal', Number(`${whole}.${fraction}`), `${whole}.${fraction}`));

const sfBytes = fc
  .uint8Array({ maxLength: 6 })
  .map((bytes) => made('bytes', undefined, `:${Buffer.from(bytes).toString('base64')}:`));

const sfBoolean = fc.boolean().map((value) => made('boolean', value, value ? '?1' : '?0'));

export const sfItem: fc.Arbitrary<Written> = fc.oneof(sfString, sfToken, sfInteger, sfDecimal, sfBytes, sfBoolean);

export const sfInnerList: fc.Arbitrary<Written> = fc
  .array(sfItem, { maxLength: 3 })
  .map((items) => made('list', items, `(${items.map(({ text }) => text).join(' ')})`));

export const sfKey: fc.Arbitrary<string> = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,6}$/);

/** Parameters, which most fields pass over. */
export const sfParameters: fc.Arbitrary<string> = fc
  .array(fc.tuple(fc.constantFrom('', ' '), sfKey, fc.option(sfItem, { nil: undefined })), { maxLength: 2 })
  .map((all) => all.map(([blank, key, item]) => `;${blank}${key}${item ? `=${item.text}` : ''}`).join(''));

export const sfComma: fc.Arbitrary<string> = fc.constantFrom(',', ', ', ' ,', '\t, \t');

/** Texts that are close to Structured Fields, and mostly none. */
export const sfRubbish: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      sfItem.map(({ text }) => text),
      sfKey,
      fc.constantFrom(...'=,;()"\\?:@% \tA\u00e9'),
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(''));

/** Pieces whose long runs take time in a parser that reads something twice. */
export const LONG_RUNS: readonly (readonly [name: string, piece: string])[] = [
  ['blanks', ' '],
  ['commas', ','],
  ['quotes', '"'],
  ['backslashes', '\\'],
  ['empty strings', '"",'],
  ['letters', 'a'],
  ['members', 'a,'],
  ['members with a decimal', 'a=1.0,'],
  ['open strings', 'a=",'],
  ['open lists', '('],
  ['list items', '("a" '],
  ['parameters', ';a'],
  ['open bytes', ':'],
  ['percent signs', '%"'],
];
