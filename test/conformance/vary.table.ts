// RFC 9111 §2 and §4.1: which stored response a request may be given.
//
// Chosen where the standard leaves it open:
// - `Accept-Language` and `Accept-Encoding` compare without regard to the order of what is liked equally; other fields
//   without regard to blanks around members and to their division into lines.
// - A response without `Vary` does not stand before an older one with it that fits: §4.1 says SHOULD.
// - The tenant's field (`X-Client-Id`), `Host` and `X-Forwarded-*` are part of the key.

import type { Fields } from './fields.js';
import { cacheControl, check, FRESH, forwarded, hit, miss, must, optimal, type Row, section } from './table.js';

const varying = (...names: string[]): Fields => [
  ...FRESH,
  ['Last-Modified', -3000],
  ...names.map((name) => ['Vary', name] as const),
];

const FOO: Fields = [['Foo', '1']];
const FOO_BAR: Fields = [...FOO, ['Bar', 'abc']];
const ALL: Fields = [...FOO_BAR, ['Baz', '789']];
const TWO = varying('Foo, Bar');
const THREE = varying('Foo, Bar, Baz');

const never = (...values: string[]) => [
  miss([], { fields: ALL, origin: { fields: varying(...values) } }),
  forwarded({ fields: ALL }),
];

/** Two values of a field that mean the same. */
const same = (name: string, first: Fields, second: Fields) => [
  miss([], { fields: first, origin: { fields: varying(name) } }),
  hit({ fields: second }),
];

const languages = (first: string, second: string) =>
  same('Accept-Language', [['Accept-Language', first]], [['Accept-Language', second]]);

const different = (name: string, first: Fields, second: Fields) => [
  miss([], { fields: first, origin: { fields: varying(name) } }),
  forwarded({ fields: second }),
];

export const VARY: Row[] = [
  ...section(
    'RFC 9111 §2: the key',
    must('another path', [miss(FRESH), forwarded({ to: '/other' })]),
    must('another query', [miss(FRESH, { to: '?test=1' }), forwarded({ to: '?test=2' })], 'query-args-different'),
    optimal('the same query', [miss(FRESH, { to: '?test=1' }), hit({ to: '?test=1' })], 'query-args-same'),
    must('a query, and none', [miss(FRESH), forwarded({ to: '?a' })]),
    must('another order of the parameters', [miss(FRESH, { to: '?a=1&b=2' }), forwarded({ to: '?b=2&a=1' })]),
    must('another case', [miss(FRESH, { to: '/a' }), forwarded({ to: '/A' })]),
    must('another host', [miss(FRESH), forwarded({ fields: [['Host', 'other.example']] })]),
    check('another host as a proxy tells it', [
      miss(FRESH),
      forwarded({ fields: [['X-Forwarded-Host', 'other.example']] }),
    ]),
    check('another scheme as a proxy tells it', [miss(FRESH), forwarded({ fields: [['X-Forwarded-Proto', 'https']] })]),
    must('another tenant', [
      miss(FRESH, { fields: [['X-Client-Id', 'a']] }),
      forwarded({ fields: [['X-Client-Id', 'b']] }),
      forwarded(),
    ]),
    optimal('the same tenant', [
      miss(FRESH, { fields: [['X-Client-Id', 'a']] }),
      hit({ fields: [['X-Client-Id', 'a']] }),
    ]),
    must('the tenant stands in Vary', [
      miss(FRESH, { has: [['Vary', /^x-client-id$/i]] }),
      hit({ has: [['Vary', /^x-client-id$/i]] }),
    ]),
    must('beside what stands there', [
      miss(varying('Foo'), { has: [['Vary', /^Foo, x-client-id$/i]] }),
      hit({ has: [['Vary', /^Foo, x-client-id$/i]] }),
    ]),
    optimal(
      'fields that are not in Vary',
      [
        miss([], { fields: [...FOO, ['Other', '2']], origin: { fields: varying('Foo') } }),
        hit({ fields: [...FOO, ['Other', '3']] }),
      ],
      'vary-cache-key',
    ),
  ),
  ...section(
    'RFC 9111 §4.1: Vary',
    optimal('the same value', same('Foo', FOO, FOO), 'vary-match'),
    must('another value', different('Foo', FOO, [['Foo', '2']]), 'vary-no-match'),
    must('a value where there was none', different('Foo', [], FOO), 'vary-omit-stored'),
    must('none where there was one', different('Foo', FOO, []), 'vary-omit'),
    optimal('none twice', same('Foo', [], [])),
    optimal(
      'two variants',
      [
        miss([], { fields: FOO, origin: { fields: varying('Foo'), body: 'foo 1' } }),
        forwarded({ fields: [['Foo', '2']], origin: { fields: varying('Foo'), body: 'foo 2' } }),
        hit({ fields: FOO, of: 1 }),
        hit({ fields: [['Foo', '2']], of: 2 }),
      ],
      'vary-invalidate',
    ),
    optimal('ten variants', [
      ...Array.from({ length: 10 }, (_, i) =>
        miss([], { fields: [['Foo', `${i}`]], origin: { fields: varying('Foo') } }),
      ),
      ...Array.from({ length: 10 }, (_, i) => hit({ fields: [['Foo', `${i}`]], of: i + 1 })),
    ]),
    optimal('two fields', [miss(TWO, { fields: FOO_BAR }), hit({ fields: FOO_BAR })], 'vary-2-match'),
    must(
      'two fields, one another',
      [
        miss(TWO, { fields: FOO_BAR }),
        forwarded({
          fields: [
            ['Foo', '2'],
            ['Bar', 'abc'],
          ],
        }),
      ],
      'vary-2-no-match',
    ),
    must('two fields, none', [miss(TWO, { fields: FOO_BAR }), forwarded()], 'vary-2-match-omit'),
    must('two fields, one of them', [miss(TWO, { fields: FOO_BAR }), forwarded({ fields: FOO })]),
    must('two fields, values exchanged', [
      miss(TWO, { fields: FOO_BAR }),
      forwarded({
        fields: [
          ['Foo', 'abc'],
          ['Bar', '1'],
        ],
      }),
    ]),
    must('values that run together', [
      miss(TWO, {
        fields: [
          ['Foo', 'a'],
          ['Bar', 'b'],
        ],
      }),
      forwarded({ fields: [['Foo', 'a, b']] }),
    ]),
    optimal('in two lines', [miss(varying('Foo', 'Bar'), { fields: FOO_BAR }), hit({ fields: FOO_BAR })]),
    must('in two lines, the second another', [
      miss(varying('Foo', 'Bar'), { fields: FOO_BAR }),
      forwarded({ fields: [...FOO, ['Bar', 'x']] }),
    ]),
    optimal('three fields', [miss(THREE, { fields: ALL }), hit({ fields: ALL })], 'vary-3-match'),
    must(
      'three fields, one another',
      [
        miss(THREE, { fields: ALL }),
        forwarded({
          fields: [
            ['Foo', '2'],
            ['Bar', 'abc'],
            ['Baz', '789'],
          ],
        }),
      ],
      'vary-3-no-match',
    ),
    must(
      'whatever their order',
      [
        miss(THREE, { fields: ALL }),
        forwarded({
          fields: [
            ['Foo', '1'],
            ['Baz', '789'],
            ['Bar', 'abcde'],
          ],
        }),
      ],
      'vary-3-order',
    ),
    optimal('and the same in another order', [miss(THREE, { fields: ALL }), hit({ fields: [...ALL].reverse() })]),
    optimal(
      'three fields, one missing both times',
      [
        miss(THREE, {
          fields: [
            ['Foo', '1'],
            ['Baz', '789'],
          ],
        }),
        hit({
          fields: [
            ['Foo', '1'],
            ['Baz', '789'],
          ],
        }),
      ],
      'vary-3-omit',
    ),
    optimal('names in any case', [miss(varying('fOO'), { fields: FOO }), hit({ fields: [['FOO', '1']] })]),
    optimal('named twice', same('Foo, foo', FOO, FOO)),
    must('the case of a value', different('Foo', [['Foo', 'a']], [['Foo', 'A']])),
    must(
      'a name that every object has',
      different('constructor, __proto__', [['Constructor', '1']], [['Constructor', '2']]),
    ),
    must('*', never('*'), 'vary-star'),
    must('*, by itself', never('*'), 'vary-syntax-star'),
    must('*, *', never('*, *'), 'vary-syntax-star-star'),
    must('* and *', never('*', '*'), 'vary-syntax-star-star-lines'),
    must(', *', never(', *'), 'vary-syntax-empty-star'),
    must('nothing and *', never('', '*'), 'vary-syntax-empty-star-lines'),
    must('*, Foo', never('*, Foo'), 'vary-syntax-star-foo'),
    must('Foo, *', never('Foo, *'), 'vary-syntax-foo-star'),
    must('a stored response is not given where * is said of the next', [
      miss(varying('Foo'), { fields: FOO }),
      forwarded({ fields: [['Foo', '2']], origin: { fields: varying('*') } }),
      forwarded({ fields: [['Foo', '2']] }),
      hit({ fields: FOO, of: 1 }),
    ]),
  ),
  ...section(
    'RFC 9111 §4.1: which of several',
    must('the newest that fits', [
      miss(varying('Foo'), { fields: FOO_BAR, wait: 5 }),
      forwarded({ fields: [...FOO_BAR, ...cacheControl('no-cache')], origin: { fields: varying('Bar') }, wait: 5 }),
      hit({ fields: FOO_BAR, of: 2 }),
    ]),
    optimal('a variant that fits before a newer response without Vary', [
      miss(varying('Foo'), { fields: FOO, wait: 5 }),
      forwarded({ fields: [['Foo', '2']], origin: { fields: FRESH }, wait: 5 }),
      hit({ fields: FOO, of: 1 }),
    ]),
    optimal('a response without Vary, where no variant fits', [
      miss(varying('Foo'), { fields: FOO, wait: 5 }),
      forwarded({ fields: [['Foo', '2']], origin: { fields: FRESH }, wait: 5 }),
      hit({ fields: [['Foo', '3']], of: 2 }),
    ]),
    optimal('a new answer for the same takes the place of the old', [
      miss(varying('Foo'), { fields: FOO, wait: 5 }),
      forwarded({ fields: [...FOO, ...cacheControl('no-cache')], origin: { fields: varying('Foo') }, wait: 5 }),
      hit({ fields: FOO, of: 2 }),
    ]),
    must('a stale variant is not helped by a fresh one that does not fit', [
      miss([...cacheControl('max-age=2'), ['Vary', 'Foo']], { fields: FOO }),
      forwarded({ fields: [['Foo', '2']], origin: { fields: varying('Foo') }, wait: 3 }),
      forwarded({ fields: FOO }),
    ]),
    optimal('what came in place of a stale variant, and has no Vary', [
      miss([], {
        fields: FOO,
        origin: { fields: [...cacheControl('max-age=2'), ['ETag', '"a"'], ['Vary', 'Foo']] },
        wait: 3,
      }),
      forwarded({ fields: FOO, origin: { fields: FRESH } }),
      hit({ fields: FOO, of: 2 }),
    ]),
    optimal('the same of a fresh one, where the client has asked for another', [
      miss(varying('Foo'), { fields: FOO, wait: 3 }),
      forwarded({ fields: [...FOO, ...cacheControl('no-cache')], origin: { fields: FRESH } }),
      hit({ fields: FOO, of: 2 }),
    ]),
    optimal('the same of what is served while it is revalidated', [
      miss([], {
        fields: FOO,
        origin: { fields: [...cacheControl('max-age=2, stale-while-revalidate=600'), ['Vary', 'Foo']] },
        wait: 3,
      }),
      { fields: FOO, from: 'revalidating', origin: { fields: FRESH } },
      hit({ fields: FOO, of: 2 }),
    ]),
    must('and nobody else is given it for theirs', [
      miss([], { fields: FOO, origin: { fields: [...cacheControl('max-age=2'), ['ETag', '"a"'], ['Vary', 'Foo']] } }),
      miss([], { fields: [['Foo', '2']], origin: { fields: varying('Foo') }, wait: 3 }),
      forwarded({ fields: FOO, origin: { fields: FRESH } }),
      hit({ fields: [['Foo', '2']], of: 2 }),
    ]),
  ),
  ...section(
    'RFC 9111 §4.1: values that mean the same',
    optimal(
      'divided into lines',
      same(
        'Foo',
        [['Foo', '1, 2']],
        [
          ['Foo', '1'],
          ['Foo', '2'],
        ],
      ),
      'vary-normalise-combine',
    ),
    optimal('blanks around members', same('Foo', [['Foo', '1,2']], [['Foo', ' 1, 2 ']]), 'vary-normalise-space'),
    must('blanks within quotes', different('Foo', [['Foo', '"a b"']], [['Foo', '"a  b"']])),
    must('members in another order', different('Foo', [['Foo', '1, 2']], [['Foo', '2, 1']])),
    optimal('languages in another order', languages('en, de', 'de, en'), 'vary-normalise-lang-order'),
    optimal('languages in another case', languages('en, de', 'eN, De'), 'vary-normalise-lang-case'),
    optimal('blanks around languages', languages('en, de', ' en ,   de'), 'vary-normalise-lang-space'),
    optimal('blanks before weights', languages('en;q=0.5, de', 'de, en ;q=0.5')),
    must(
      'languages with other weights',
      different('Accept-Language', [['Accept-Language', 'en, de;q=0.5']], [['Accept-Language', 'de, en;q=0.5']]),
    ),
    must(
      'one language more',
      different('Accept-Language', [['Accept-Language', 'en']], [['Accept-Language', 'en, de']]),
    ),
    optimal(
      'codings in another order',
      same('Accept-Encoding', [['Accept-Encoding', 'gzip, br']], [['Accept-Encoding', 'br,gzip']]),
    ),
    must(
      'other codings',
      different('Accept-Encoding', [['Accept-Encoding', 'gzip, br']], [['Accept-Encoding', 'gzip']]),
    ),
    must(
      'a coding that is refused',
      different('Accept-Encoding', [['Accept-Encoding', 'gzip']], [['Accept-Encoding', 'gzip;q=0']]),
    ),
    optimal(
      'the language of the response, chosen by weight',
      [
        miss([], {
          fields: [['Accept-Language', 'en, de']],
          origin: { fields: [...varying('Accept-Language'), ['Content-Language', 'de']] },
        }),
        hit({ fields: [['Accept-Language', 'fr;q=0.5, de;q=1.0']] }),
      ],
      { id: 'vary-normalise-lang-select', declined: 'what the origin would choose is not known to a cache' },
    ),
  ),
];
