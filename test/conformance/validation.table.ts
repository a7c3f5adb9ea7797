// RFC 9111 §4.3 and §3.2: validation, what a client is answered, and what is updated.
//
// Chosen where the standard leaves it open:
// - Entity tags without quotes match nothing in a client's condition; the origin is given its own back as it is.
// - For a variant that is not stored the origin is asked without conditions, and without those of the client.
// - A 304 without any validator answers the condition that it was asked with, and updates.
// - A 304 with another strong validator updates nothing; the client has what is stored, and the next one asks again.
// - A 304 changes Content-Type, but not Content-Encoding, Content-Range, Content-Length or digests: they are of the stored bytes.
// - HEAD goes to the origin as HEAD where what is stored is stale; its client has the origin's fields alone, and only a 200
//   speaks for what is stored.

import { type Fields, fixed } from './fields.js';
import {
  cacheControl,
  check,
  type Draft,
  FRESH,
  forwarded,
  hit,
  miss,
  must,
  optimal,
  type Row,
  type Step,
  section,
  validated,
} from './table.js';

const TAG = '"abcdef"';
const SHORT = cacheControl('max-age=2');
const SHORT_TAGGED: Fields = [...SHORT, ['ETag', TAG]];
const LAST: Fields = [['Last-Modified', fixed(-5000)]];

const tagged = (tag: string): Fields => [...FRESH, ['ETag', tag]];
const asking = (...tags: string[]): Fields => tags.map((tag) => ['If-None-Match', tag] as const);

/** A fresh response with this tag, asked for with these. */
const matches = (tag: string, ...wanted: string[]) => [
  miss(tagged(tag)),
  hit({ fields: asking(...wanted), status: 304, has: [['ETag', tag]] }),
];
const matchesNot = (tag: string, ...wanted: string[]) => [miss(tagged(tag)), hit({ fields: asking(...wanted) })];

/** A fresh response with these fields, asked for with a date. */
const since = (fields: Fields, date: Fields[number][1], status: number) => [
  miss([...FRESH, ...fields], { wait: 3 }),
  hit({ fields: [['If-Modified-Since', date]], ...(status === 304 ? { status } : {}) }),
];

/** A stale response with this tag; what the origin is asked then. */
const generates = (tag: string) => [
  miss([...SHORT, ['ETag', tag]], { wait: 3 }),
  validated([['ETag', tag]], { seen: { has: [['If-None-Match', tag]], lacks: ['If-Modified-Since'] } }),
];

const updating = (kind: typeof must, name: string, before: string, after: string, result = after): Draft => {
  const lifetime = name === 'Cache-Control' ? [] : SHORT;
  const own: Fields = name === 'ETag' ? [] : [['ETag', TAG]];
  const origin = name === 'Content-Length' ? { body: 'x'.repeat(Number(before)) } : {};
  const first = miss([...own, ...lifetime, [name, before]], { wait: 3, origin });
  return kind(
    `${name} is ${result === before ? 'not ' : ''}updated`,
    [first, validated([...own, ...lifetime, [name, after]], { has: [[name, result]] }), hit({ has: [[name, result]] })],
    `304-etag-update-response-${name}`,
  );
};

/** A stale response, then a HEAD with this answer, then what a GET has. */
const afterHead = (stored: Fields, head: Fields, third: Step) => [
  miss([...SHORT, ['Template-A', '1'], ...stored], { wait: 3 }),
  miss([], { method: 'HEAD', origin: { fields: head }, seen: { method: 'HEAD' } }),
  third,
];

export const VALIDATION: Row[] = [
  ...section(
    'RFC 9111 §4.3.1: asking the origin',
    optimal('a strong tag', generates(TAG), 'conditional-etag-strong-generate'),
    optimal('a weak tag', generates('W/"abcdef"'), 'conditional-etag-weak-generate-weak'),
    check('a tag without quotes, as it is', generates('abcdef'), 'conditional-etag-strong-generate-unquoted'),
    must('a tag with bytes beyond ASCII', generates('"abc\xfc"')),
    optimal('Last-Modified', [
      miss([...SHORT, ...LAST], { wait: 3 }),
      validated(LAST, { seen: { has: [['If-Modified-Since', fixed(-5000)]], lacks: ['If-None-Match'] } }),
    ]),
    must('Last-Modified in another form, as it is', [
      miss([...SHORT, ['Last-Modified', fixed(-5000, 'rfc850')]], { wait: 3 }),
      validated([['Last-Modified', fixed(-5000, 'rfc850')]], {
        seen: { has: [['If-Modified-Since', fixed(-5000, 'rfc850')]] },
      }),
    ]),
    optimal('both', [
      miss([...SHORT_TAGGED, ...LAST], { wait: 3 }),
      validated([['ETag', TAG]], {
        seen: {
          has: [
            ['If-None-Match', TAG],
            ['If-Modified-Since', fixed(-5000)],
          ],
        },
      }),
    ]),
    must('nothing to ask with', [
      miss(SHORT, { wait: 3 }),
      forwarded({ seen: { lacks: ['If-None-Match', 'If-Modified-Since'] } }),
    ]),
    must(
      'with the fields that Vary names',
      [
        miss([], {
          fields: [['Abc', '123']],
          origin: {
            fields: [
              ['Expires', 1],
              ['ETag', TAG],
              ['Vary', 'Abc'],
            ],
          },
          wait: 3,
        }),
        validated([['ETag', TAG]], {
          fields: [['Abc', '123']],
          seen: {
            has: [
              ['Abc', '123'],
              ['If-None-Match', TAG],
            ],
          },
        }),
      ],
      'conditional-etag-vary-headers',
    ),
    check(
      'not for another variant',
      [
        miss([], { fields: [['Abc', '123']], origin: { fields: [...tagged(TAG), ['Vary', 'Abc']] }, wait: 3 }),
        forwarded({ fields: [['Abc', '456']], seen: { lacks: ['If-None-Match'] } }),
      ],
      'conditional-etag-vary-headers-mismatch',
    ),
    check("not with the client's conditions beside them", [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([['ETag', TAG]], {
        fields: [
          ['If-None-Match', '"x"'],
          ['If-Modified-Since', -10],
        ],
        seen: { has: [['If-None-Match', TAG]], lacks: ['If-Modified-Since'] },
      }),
    ]),
    must("the client's own fields go with it", [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([['ETag', TAG]], { fields: [['X-Client', '1']], seen: { has: [['X-Client', '1']] } }),
    ]),
    must(
      'what must not be used without it: no-cache',
      [miss([...cacheControl('max-age=10000, no-cache'), ['Expires', 10_000]]), forwarded()],
      'cc-resp-no-cache',
    ),
    must(
      'No-CaChE',
      [miss([...cacheControl('max-age=10000, No-CaChE'), ['Expires', 10_000]]), forwarded()],
      'cc-resp-no-cache-case-insensitive',
    ),
    optimal(
      'no-cache is stored, and validated',
      [
        miss([...cacheControl('no-cache'), ['ETag', TAG]]),
        validated([['ETag', TAG]], { seen: { has: [['If-None-Match', TAG]] } }),
      ],
      'cc-resp-no-cache-revalidate',
    ),
    optimal(
      'with max-age and Expires, too',
      [
        miss([...cacheControl('max-age=10000, no-cache'), ['Expires', 10_000], ['ETag', TAG]]),
        validated([...cacheControl('max-age=10000, no-cache'), ['ETag', TAG]]),
        validated([...cacheControl('max-age=10000, no-cache'), ['ETag', TAG]]),
      ],
      'cc-resp-no-cache-revalidate-fresh',
    ),
    optimal('max-age=0 and a validator', [
      miss([...cacheControl('max-age=0'), ['ETag', TAG]]),
      validated([['ETag', TAG]]),
    ]),
    optimal('long after it became stale', [miss(SHORT_TAGGED, { wait: 200 }), validated([['ETag', TAG]])]),
  ),
  ...section(
    'RFC 9111 §4.3.2: entity tags of clients',
    optimal('a strong one', matches(TAG, TAG), 'conditional-etag-strong-respond'),
    must('ETag is in the 304', matches(TAG, TAG), 'conditional-304-etag'),
    optimal('a weak one', matches('W/"abcdef"', 'W/"abcdef"'), 'conditional-etag-weak-respond'),
    optimal('a weak one for a strong', matches('"abcdef"', 'W/"abcdef"')),
    optimal('a strong one for a weak', matches('W/"abcdef"', '"abcdef"')),
    must('another', matchesNot(TAG, '"ABCDEF"')),
    must('a part of it', matchesNot(TAG, '"abc"')),
    optimal(
      'the first of several',
      matches(TAG, `${TAG}, "1234", "5678"`),
      'conditional-etag-strong-respond-multiple-first',
    ),
    optimal('one between', matches(TAG, `"1234", ${TAG}, "5678"`), 'conditional-etag-strong-respond-multiple-second'),
    optimal('the last', matches(TAG, `"1234", "5678", ${TAG}`), 'conditional-etag-strong-respond-multiple-last'),
    optimal('in several lines', matches(TAG, '"1234"', `W/"5678", ${TAG}`)),
    optimal('without blanks, with empty members', matches(TAG, `,"1234",,${TAG},`)),
    must('none of several', matchesNot(TAG, '"1234", W/"5678"')),
    must('commas within', matches('"a,b"', '"x", "a,b"')),
    must('a comma within is not between', matchesNot('"a"', '"x,a"')),
    optimal('*', [miss(FRESH), hit({ fields: asking('*'), status: 304 })]),
    must('* within quotes', matchesNot(TAG, '"*"')),
    must('where there is none', [miss(FRESH), hit({ fields: asking(TAG) })]),
    must('nothing', matchesNot(TAG, '')),
    must(
      'before a date that says otherwise',
      [
        miss([...tagged(TAG), ['Last-Modified', fixed(-5000)]]),
        hit({ fields: [...asking(TAG), ['If-Modified-Since', fixed(-6000)]], status: 304 }),
      ],
      'conditional-etag-precedence',
    ),
    must('before a date that would do', [
      miss([...tagged(TAG), ['Last-Modified', fixed(-5000)]]),
      hit({ fields: [...asking('"other"'), ['If-Modified-Since', fixed(-5000)]] }),
    ]),
    check('bytes beyond ASCII', matches('"abcdef\xfc"', '"abcdef\xfc"'), 'conditional-etag-strong-respond-obs-text'),
    check('one without quotes, for one with', matchesNot(TAG, 'abcdef'), 'conditional-etag-quoted-respond-unquoted'),
    check(
      'one without quotes, for the same',
      matchesNot('abcdef', 'abcdef'),
      'conditional-etag-unquoted-respond-unquoted',
    ),
    check('one with quotes, for one without', matchesNot('abcdef', TAG), 'conditional-etag-unquoted-respond-quoted'),
    check('w/', matchesNot('w/"abcdef"', 'w/"abcdef"'), 'conditional-etag-weak-respond-lowercase'),
    check('W\\', matchesNot('W\\"abcdef"', 'W\\"abcdef"'), 'conditional-etag-weak-respond-backslash'),
    check('W without a slash', matchesNot('W"abcdef"', 'W"abcdef"'), 'conditional-etag-weak-respond-omit-slash'),
    optimal('of a HEAD', [miss(tagged(TAG)), hit({ method: 'HEAD', fields: asking(TAG), status: 304 })]),
    must('the 304 has what a 200 would have, and no body', [
      miss([...tagged(TAG), ['Expires', 100], ['Content-Location', '/here'], ['Vary', 'Foo']]),
      hit({
        fields: asking(TAG),
        status: 304,
        has: [
          ['Content-Location', '/here'],
          ['Vary', /^Foo, x-client-id$/i],
        ],
        lacks: ['Content-Length', 'Transfer-Encoding'],
      }),
    ]),
    must('conditions are for what would succeed: a stored 404', [
      miss([], { origin: { status: 404, fields: tagged(TAG) } }),
      hit({ fields: asking(TAG) }),
    ]),
    must('and a stored 301', [
      miss([], { origin: { status: 301, fields: tagged(TAG) } }),
      hit({ fields: asking(TAG) }),
    ]),
    must('If-Match and If-Unmodified-Since are not for a cache', [
      miss(tagged(TAG)),
      forwarded({ fields: [['If-Match', TAG]], seen: { has: [['If-Match', TAG]] } }),
      forwarded({ fields: [['If-Unmodified-Since', 0]], seen: { has: [['If-Unmodified-Since', 0]] } }),
    ]),
  ),
  ...section(
    'RFC 9111 §4.3.2: dates of clients',
    optimal('the same', since(LAST, fixed(-5000), 304), 'conditional-lm-fresh'),
    optimal('a later one', since(LAST, fixed(-2000), 304), 'conditional-lm-fresh-earlier'),
    must('an earlier one', since(LAST, fixed(-5001), 200)),
    optimal('RFC 850', since(LAST, fixed(-5000, 'rfc850'), 304), 'conditional-lm-fresh-rfc850'),
    optimal('asctime()', since(LAST, fixed(-5000, 'asctime'), 304)),
    optimal('the stored one as RFC 850', since([['Last-Modified', fixed(-5000, 'rfc850')]], fixed(-5000), 304)),
    must('none at all', since(LAST, 'yesterday', 200)),
    must('two of them', [
      miss([...FRESH, ...LAST]),
      hit({ fields: [['If-Modified-Since', `${'Thu, 01 Jan 2026 00:00:00 GMT'}, Thu, 01 Jan 2026 00:00:00 GMT`]] }),
    ]),
    optimal('against Date, where there is no Last-Modified', since([], fixed(0), 304)),
    must('earlier than Date', since([], fixed(-1), 200)),
    optimal('earlier than Date, all the same', since([], fixed(-3000), 304), {
      id: 'conditional-lm-fresh-no-lm',
      declined: '§4.3.2 compares with Date, which is later: nothing says that it was not modified',
    }),
    optimal(
      'after validation',
      [
        miss([...SHORT, ...LAST], { wait: 3 }),
        validated(LAST, { fields: [['If-Modified-Since', fixed(-5000)]], status: 304 }),
      ],
      'conditional-lm-stale',
    ),
    must('for a stored 404', [
      miss([], { origin: { status: 404, fields: [...FRESH, ...LAST] } }),
      hit({ fields: [['If-Modified-Since', fixed(-5000)]] }),
    ]),
  ),
  ...section(
    'RFC 9111 §4.3.3: what the origin says',
    must('304: the stored one', [miss(SHORT_TAGGED, { wait: 3 }), validated([['ETag', TAG]])]),
    must('304: a client that has it, too', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([['ETag', TAG]], { fields: asking(TAG), status: 304 }),
    ]),
    must('304: a client that has another', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([['ETag', TAG]], { fields: asking('"other"') }),
    ]),
    optimal('a validated answer does not say Age', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...FRESH, ['ETag', TAG]], { lacks: ['Age'] }),
    ]),
    must('200: that, and the next have it', [
      miss(SHORT_TAGGED, { wait: 3 }),
      miss([], { seen: { has: [['If-None-Match', TAG]] }, origin: { fields: tagged('"new"') } }),
      hit({ of: 2 }),
    ]),
    must('200: a client that has the new one already', [
      miss(SHORT_TAGGED, { wait: 3 }),
      forwarded({
        fields: asking('"new"'),
        origin: { fields: tagged('"new"') },
        status: 304,
        has: [['ETag', '"new"']],
      }),
    ]),
    optimal('and the next have it', [
      miss(SHORT_TAGGED, { wait: 3 }),
      forwarded({ fields: asking('"new"'), origin: { fields: tagged('"new"') }, status: 304 }),
      hit({ of: 2 }),
    ]),
    must('200 with no-store: the old one is not used again', [
      miss(SHORT_TAGGED, { wait: 3 }),
      forwarded({ origin: { fields: [...cacheControl('no-store'), ['ETag', '"new"']] } }),
      forwarded(),
    ]),
    ...[500, 502, 503, 504].map((status) =>
      must(`${status}: that`, [miss(SHORT_TAGGED, { wait: 3 }), forwarded({ origin: { status } })]),
    ),
    optimal('503: what is stored is there for the next', [
      miss(SHORT_TAGGED, { wait: 3 }),
      forwarded({ origin: { status: 503 } }),
      validated([['ETag', TAG]], { of: 1, seen: { has: [['If-None-Match', TAG]] } }),
    ]),
    must('404: that', [miss(SHORT_TAGGED, { wait: 3 }), forwarded({ origin: { status: 404 } })]),
    must('304 with max-age: it is fresh again', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...FRESH, ['ETag', TAG]], { wait: 10 }),
      hit({ age: 10 }),
    ]),
    must('304 without one: as long as before', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([['ETag', TAG]], { wait: 1 }),
      hit({ age: 1, wait: 2 }),
      validated([['ETag', TAG]]),
    ]),
  ),
  ...section(
    'RFC 9111 §4.3.4 and §3.2: updating',
    must(
      'what a 304 does not say stays',
      [miss([...SHORT, ...LAST, ['Test-Header', 'a']], { wait: 3 }), validated(LAST, { has: [['Test-Header', 'a']] })],
      '304-lm-use-stored-Test-Header',
    ),
    updating(must, 'Test-Header', 'a', 'b'),
    updating(must, 'X-Test-Header', 'a', 'b'),
    updating(must, 'Content-Foo', 'a', 'b'),
    updating(must, 'X-Content-Foo', 'a', 'b'),
    updating(must, 'Cache-Control', 'max-age=1', 'max-age=3600'),
    updating(check, 'Content-Encoding', 'made-up-a', 'made-up-b', 'made-up-a'),
    updating(must, 'Content-Length', '5', '10', '5'),
    updating(check, 'Content-Location', '/foo', '/bar'),
    must('Content-Digest is not updated', [
      miss([...SHORT_TAGGED, ['Content-Digest', 'sha-256=:AA==:']], { wait: 3 }),
      validated([...FRESH, ['ETag', TAG], ['Content-Digest', 'sha-256=:BB==:']]),
      hit({ has: [['Content-Digest', 'sha-256=:AA==:']] }),
    ]),
    updating(check, 'Content-MD5', 'rL0Y20zC+Fzt72VPzMSk2A==', 'N7UdGUp1E+RbVvZSTy1R8g==', 'rL0Y20zC+Fzt72VPzMSk2A=='),
    updating(check, 'Content-Range', 'made-up-a', 'made-up-b', 'made-up-a'),
    updating(check, 'Content-Security-Policy', "default-src 'self'", "default-src 'self' cdn.example.com"),
    updating(check, 'Content-Type', 'text/plain', 'text/plain;charset=utf-8'),
    updating(check, 'Clear-Site-Data', 'cache', 'cookies'),
    check(
      'ETag is not updated: another strong validator updates nothing',
      [
        miss([...SHORT, ['ETag', '"a"'], ['X-A', '1']], { wait: 3 }),
        validated([...FRESH, ['ETag', '"b"'], ['X-A', '2']], {
          status: 200,
          body: 'answer 1',
          has: [
            ['ETag', '"a"'],
            ['X-A', '1'],
          ],
        }),
        forwarded(),
      ],
      '304-etag-update-response-ETag',
    ),
    updating(check, 'Expires', 'Fri, 01 Jan 2038 01:01:01 GMT', 'Mon, 11 Jan 2038 11:11:11 GMT'),
    updating(check, 'Public-Key-Pins', 'a', 'b'),
    updating(check, 'Set-Cookie', 'a=b', 'a=c'),
    updating(check, 'Set-Cookie2', 'a=b', 'a=c'),
    updating(check, 'X-Frame-Options', 'deny', 'sameorigin'),
    updating(check, 'X-XSS-Protection', '1', '1; mode=block'),
    must('a new field is added', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...SHORT_TAGGED, ['X-New', '1']], { has: [['X-New', '1']] }),
      hit({ has: [['X-New', '1']] }),
    ]),
    must('all lines of a name give way to the new ones', [
      miss([...SHORT_TAGGED, ['X-A', '1'], ['X-A', '2']], { wait: 3 }),
      validated([...SHORT_TAGGED, ['X-A', '3']], { has: [['X-A', '3']] }),
      hit({ has: [['X-A', '3']] }),
    ]),
    must('Date is that of the 304', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...SHORT_TAGGED, ['Date', fixed(3)]], { has: [['Date', fixed(3)]], wait: 1 }),
      hit({ has: [['Date', fixed(3)]], age: 1 }),
    ]),
    must('fields of a connection are not updated', [
      miss([...SHORT_TAGGED, ['X-Hop', '1'], ['X-All', '1']], { wait: 3 }),
      validated([
        ...SHORT_TAGGED,
        ['Connection', 'X-Hop'],
        ['X-Hop', '2'],
        ['X-All', '2'],
        ['Proxy-Authenticate', 'Basic'],
      ]),
      hit({
        has: [
          ['X-Hop', '1'],
          ['X-All', '2'],
        ],
        lacks: ['Proxy-Authenticate'],
      }),
    ]),
    must('a tag that is weaker updates', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...FRESH, ['ETag', `W/${TAG}`]]),
      hit({ of: 1 }),
    ]),
    must('another weak tag updates nothing', [
      miss([...SHORT, ['ETag', 'W/"a"']], { wait: 3 }),
      validated([...FRESH, ['ETag', 'W/"b"']], { status: 200, body: 'answer 1' }),
      forwarded(),
    ]),
    must('another Last-Modified updates nothing', [
      miss([...SHORT, ...LAST], { wait: 3 }),
      validated([...FRESH, ['Last-Modified', fixed(-4000)]], { status: 200, body: 'answer 1' }),
      forwarded(),
    ]),
    check('a tag that is new, and the same Last-Modified', [
      miss([...SHORT, ...LAST], { wait: 3 }),
      validated([...FRESH, ...LAST, ['ETag', TAG]]),
      hit({ of: 1, has: [['ETag', TAG]] }),
    ]),
    must('a tag that is new, and a Last-Modified of the same second as the answer: it may be another', [
      miss([...SHORT, ['Last-Modified', fixed(0)], ['Date', fixed(0)]], { wait: 3 }),
      validated([...FRESH, ['Last-Modified', fixed(0)], ['ETag', TAG]], { status: 200, body: 'answer 1' }),
      forwarded(),
    ]),
    check('no validator at all updates', [miss(SHORT_TAGGED, { wait: 3 }), validated(FRESH), hit({ of: 1 })]),
    must('a 304 can make it no-cache', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...cacheControl('max-age=3600, no-cache'), ['ETag', TAG]]),
      validated([['ETag', TAG]]),
    ]),
    must('a 304 that forbids storing: what is stored is asked about each time', [
      miss(SHORT_TAGGED, { wait: 3 }),
      validated([...cacheControl('no-store, max-age=3600'), ['ETag', TAG]]),
      validated([['ETag', TAG]], { of: 1 }),
    ]),
    must('the variant that was asked for is updated', [
      miss([], { fields: [['Foo', '1']], origin: { fields: [...SHORT, ['ETag', '"1"'], ['Vary', 'Foo']] } }),
      miss([], { fields: [['Foo', '2']], origin: { fields: [...SHORT, ['ETag', '"2"'], ['Vary', 'Foo']] }, wait: 3 }),
      validated([...FRESH, ['ETag', '"1"'], ['Vary', 'Foo']], {
        fields: [['Foo', '1']],
        of: 1,
        seen: { has: [['If-None-Match', '"1"']] },
      }),
      hit({ fields: [['Foo', '1']], of: 1 }),
      validated([['ETag', '"2"']], { fields: [['Foo', '2']], of: 2, seen: { has: [['If-None-Match', '"2"']] } }),
    ]),
  ),
  ...section(
    'RFC 9111 §4.3.5: HEAD',
    optimal('answered from a stored GET', [
      miss(FRESH, { wait: 3 }),
      hit({ method: 'HEAD', age: 3, has: [['Content-Length', '8']] }),
    ]),
    check(
      'goes through to the origin where it is stale',
      [miss([...SHORT, ['Template-A', '1']], { wait: 3 }), forwarded({ method: 'HEAD', seen: { method: 'HEAD' } })],
      'head-writethrough',
    ),
    check(
      'its client has what the origin said alone',
      [
        miss([...SHORT, ['Template-A', '1']], { wait: 3 }),
        forwarded({ method: 'HEAD', seen: { method: 'HEAD' }, lacks: ['Template-A'] }),
      ],
      'head-200-retain',
    ),
    check(
      'makes a stored response fresh',
      afterHead([], cacheControl('max-age=1000'), hit({ of: 1 })),
      'head-200-freshness-update',
    ),
    check(
      'updates its fields',
      afterHead([], [...cacheControl('max-age=1000'), ['Template-A', '2']], hit({ of: 1, has: [['Template-A', '2']] })),
      'head-200-update',
    ),
    check(
      'only as a 200',
      [
        miss([...SHORT, ['Template-A', '1']], { wait: 3 }),
        miss([], {
          method: 'HEAD',
          origin: { status: 410, fields: [...cacheControl('max-age=1000'), ['Template-A', '2']] },
        }),
        forwarded(),
      ],
      'head-410-update',
    ),
    optimal('with the same tag', afterHead([['ETag', TAG]], tagged(TAG), hit({ of: 1 }))),
    must(
      'with another tag: what is stored is not fresh again',
      afterHead([['ETag', TAG]], tagged('"other"'), forwarded()),
    ),
    must('with another length', afterHead([], [...FRESH, ['Content-Length', '9']], forwarded())),
    optimal('with the same length', afterHead([], [...FRESH, ['Content-Length', '8']], hit({ of: 1 }))),
    must(
      'that varies by more than what is stored, and has no validator',
      afterHead([], [...FRESH, ['Vary', 'Template-A'], ['Content-Length', '8']], forwarded()),
    ),
    must('with another Last-Modified', afterHead(LAST, [...FRESH, ['Last-Modified', fixed(-10)]], forwarded())),
    optimal('with another tag: what is fresh is stale from then on', [
      miss(tagged(TAG)),
      miss([], { method: 'HEAD', fields: cacheControl('no-cache'), origin: { fields: tagged('"other"') } }),
      forwarded(),
    ]),
    optimal('with another length, too', [
      miss(FRESH),
      miss([], {
        method: 'HEAD',
        fields: cacheControl('no-cache'),
        origin: { fields: [...FRESH, ['Content-Length', '9']] },
      }),
      forwarded(),
    ]),
    must('one that fails ends nothing', [
      miss(FRESH),
      miss([], {
        method: 'HEAD',
        fields: cacheControl('no-cache'),
        origin: { status: 503 },
        status: [200, 503],
      }),
      hit({ of: 1 }),
    ]),
    must('the length of what is stored stays', [
      miss([...SHORT, ['ETag', TAG]], { wait: 3 }),
      miss([], { method: 'HEAD', origin: { fields: tagged(TAG) } }),
      hit({ of: 1, has: [['Content-Length', '8']] }),
    ]),
  ),
];
