// RFC 9110 §14 and §13.1.5: parts.
//
// Chosen where the standard leaves it open:
// - Several ranges are answered with the whole.
// - A range of what is stale goes to the origin as a validation of the whole.
// - A range of what is not stored goes to the origin as it is; only a 200 to it is stored, and not if it has a
//   Content-Range: some applications send parts of a list so.

import { type Fields, fixed } from './fields.js';
import {
  cacheControl,
  check,
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

const BODY = '0123456789A';
const TAG: Fields = [['ETag', '"a"']];
const LAST: Fields = [['Last-Modified', fixed(-5000)]];

const range = (value: string): Fields => [['Range', value]];

const stored = (fields: Fields = []): Step => miss([], { origin: { fields: [...FRESH, ...fields], body: BODY } });

/** A part of the stored body. */
const part = (value: string, body: string, bytes: string, more: Fields = []): Step =>
  hit({
    fields: [...range(value), ...more],
    status: 206,
    body,
    has: [
      ['Content-Range', `bytes ${bytes}/${BODY.length}`],
      ['Content-Length', String(body.length)],
    ],
  });

const whole = (value: string, more: Fields = []): Step =>
  hit({ fields: [...range(value), ...more], body: BODY, lacks: ['Content-Range'] });

const none = (value: string): Step =>
  hit({ fields: range(value), status: 416, has: [['Content-Range', `bytes */${BODY.length}`]] });

const ifRange = (fields: Fields, value: Fields[number][1], answer: (more: Fields) => Step) => [
  stored(fields),
  answer([['If-Range', value]]),
];
const first = (more: Fields) => part('bytes=0-1', '01', '0-1', more);
const all = (more: Fields) => whole('bytes=0-1', more);

export const RANGE: Row[] = [
  ...section(
    'RFC 9110 §14: parts of a stored response',
    optimal('from, to', [stored(), part('bytes=0-1', '01', '0-1')], 'partial-store-complete-reuse-partial'),
    optimal(
      'from',
      [stored(), part('bytes=1-', BODY.slice(1), '1-10')],
      'partial-store-complete-reuse-partial-no-last',
    ),
    optimal('the last', [stored(), part('bytes=-1', 'A', '10-10')], 'partial-store-complete-reuse-partial-suffix'),
    optimal('one byte', [stored(), part('bytes=3-3', '3', '3-3')]),
    must('beyond the end', [stored(), part('bytes=9-100', '9A', '9-10')]),
    must('more than there is of the last', [stored(), part('bytes=-100', BODY, '0-10')]),
    optimal('all of it', [stored(), part('bytes=0-', BODY, '0-10')]),
    must('a unit in another case', [stored(), part('BYTES=0-1', '01', '0-1')]),
    must(
      'fields of the stored response',
      [stored([['A', '1']]), { ...part('bytes=0-1', '01', '0-1'), has: [['A', '1']] }],
      'partial-use-stored-headers',
    ),
    must(
      'the origin is not asked for others',
      [stored([['A', '1']]), { ...part('bytes=0-1', '01', '0-1'), origin: { fields: [['A', '2']] } }],
      'partial-use-headers',
    ),
    must('no digest of the whole content is (RFC 9530)', [
      stored([
        ['Content-Digest', 'sha-256=:AA==:'],
        ['Repr-Digest', 'sha-256=:AA==:'],
      ]),
      {
        ...part('bytes=0-1', '01', '0-1'),
        has: [['Repr-Digest', 'sha-256=:AA==:']],
        lacks: ['Content-Digest'],
      },
    ]),
    must('only its own Content-Range is', [
      stored([['Content-Range', 'items 0-9/20']]),
      part('bytes=0-1', '01', '0-1'),
    ]),
    must('ETag and Date are in it', [
      stored(TAG),
      {
        ...part('bytes=0-1', '01', '0-1'),
        has: [
          ['ETag', '"a"'],
          ['Date', fixed(0)],
        ],
      },
    ]),
    must('nothing of it: 416', [stored(), none('bytes=11-'), none('bytes=20-30')]),
    must('the last none: 416', [stored(), none('bytes=-0')]),
    must('of nothing: 416', [
      miss([], { origin: { fields: FRESH, body: '' } }),
      hit({ fields: range('bytes=0-'), status: 416, has: [['Content-Range', 'bytes */0']] }),
    ]),
    must('the last bytes of nothing: the whole of it', [
      miss([], { origin: { fields: FRESH, body: '' } }),
      hit({ fields: range('bytes=-5'), status: 200, lacks: ['Content-Range'] }),
    ]),
    check('several', [stored(), whole('bytes=0-1,3-4')]),
    must('the end before the beginning', [stored(), whole('bytes=5-2')]),
    must('no numbers', [
      stored(),
      whole('bytes=a-b'),
      whole('bytes='),
      whole('bytes'),
      whole('bytes=-'),
      whole('bytes=1'),
    ]),
    must('another unit', [stored(), whole('items=0-1')]),
    check('two lines', [stored(), hit({ fields: [...range('bytes=0-1'), ...range('bytes=2-3')] })]),
    must('of a HEAD: all of it', [
      stored(),
      hit({ method: 'HEAD', fields: range('bytes=0-1'), has: [['Content-Length', '11']] }),
    ]),
    must('of a 404: all of it', [
      miss([], { origin: { status: 404, fields: FRESH, body: BODY } }),
      hit({ fields: range('bytes=0-1') }),
    ]),
    must('a condition comes before it', [
      stored(TAG),
      hit({ fields: [...range('bytes=0-1'), ['If-None-Match', '"a"']], status: 304 }),
      part('bytes=0-1', '01', '0-1', [['If-None-Match', '"b"']]),
    ]),
    must('the whole is there afterwards', [stored(), part('bytes=0-1', '01', '0-1'), hit({ body: BODY })]),
    optimal('of what is stale: validated', [
      miss([], { origin: { fields: [...cacheControl('max-age=2'), ...TAG], body: BODY }, wait: 3 }),
      validated(TAG, { fields: range('bytes=0-1'), status: 206, body: '01', seen: { lacks: ['Range'] } }),
    ]),
    optimal('of what is stale and has changed', [
      miss([], { origin: { fields: [...cacheControl('max-age=2'), ...TAG], body: BODY }, wait: 3 }),
      forwarded({
        fields: range('bytes=0-1'),
        origin: { fields: FRESH, body: 'changed' },
        status: [200, 206],
        seen: { lacks: ['Range'] },
      }),
      hit({ of: 2 }),
    ]),
  ),
  ...section(
    'RFC 9110 §13.1.5: If-Range',
    must('the tag', ifRange(TAG, '"a"', first)),
    must('another tag', ifRange(TAG, '"b"', all)),
    must('a weak tag', ifRange([['ETag', 'W/"a"']], 'W/"a"', all)),
    must('a weak tag for a strong one', ifRange(TAG, 'W/"a"', all)),
    must('a tag where there is none', ifRange([], '"a"', all)),
    must('the date', ifRange(LAST, fixed(-5000), first)),
    must('a later date', ifRange(LAST, fixed(-4000), all)),
    must('an earlier date', ifRange(LAST, fixed(-6000), all)),
    must('a date that is no strong validator', ifRange([['Last-Modified', fixed(0)]], fixed(0), all)),
    must('no date', ifRange(LAST, 'yesterday', all)),
    must('alone it says nothing', [stored(TAG), hit({ fields: [['If-Range', '"b"']], body: BODY })]),
  ),
  ...section(
    'RFC 9110 §14: parts from the origin',
    must('a part passes', [
      forwarded({
        fields: range('bytes=0-1'),
        origin: { status: 206, body: '01', fields: [...FRESH, ['Content-Range', 'bytes 0-1/11']] },
        seen: { has: range('bytes=0-1') },
      }),
    ]),
    must('and is not the whole', [
      forwarded({
        fields: range('bytes=0-1'),
        origin: { status: 206, body: '01', fields: [...FRESH, ['Content-Range', 'bytes 0-1/11']] },
      }),
      forwarded(),
    ]),
    must('nor is one that nobody asked for', [
      miss([], { origin: { status: 206, body: '01', fields: [...FRESH, ['Content-Range', 'bytes 0-1/11']] } }),
      forwarded(),
    ]),
    check('nor is a 200 that says to be one', [
      forwarded({
        fields: range('items=0-1'),
        origin: { body: '[0,1]', fields: [...FRESH, ['Content-Range', 'items 0-1/11']] },
      }),
      forwarded(),
    ]),
    must('nor a 416', [
      forwarded({
        fields: range('bytes=20-'),
        origin: { status: 416, fields: [...FRESH, ['Content-Range', 'bytes */11']] },
      }),
      forwarded(),
    ]),
    must('If-Range goes with it', [
      forwarded({
        fields: [...range('bytes=0-1'), ['If-Range', '"a"']],
        seen: { has: [...range('bytes=0-1'), ['If-Range', '"a"']] },
        origin: { status: 206, body: '01', fields: [['Content-Range', 'bytes 0-1/11']] },
      }),
    ]),
    optimal('the whole that came instead is stored', [
      forwarded({ fields: range('bytes=0-1'), origin: { fields: FRESH, body: BODY } }),
      hit({ of: 1 }),
      part('bytes=0-1', '01', '0-1'),
    ]),
  ),
];
