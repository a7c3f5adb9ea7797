// RFC 9111 §3: what may be stored, and what of it.
//
// Chosen where the standard leaves it open:
// - Of `private="a"` and `no-cache="a"` the response is stored without the field `a`.
// - A response that was stored for a request without credentials is not given to one with `Authorization`, unless it
//   says `public`, `s-maxage` or `must-revalidate`.
// - 226, 412 and 416 are not stored, whatever they say of their freshness.
// - A quote that stays open spoils its own directive only: what follows counts, `no-store` above all.

import type { Fields } from './fields.js';
import {
  cacheControl,
  check,
  type Draft,
  FRESH,
  forwarded,
  hit,
  miss,
  must,
  notReused,
  optimal,
  type Row,
  reused,
  section,
  validated,
} from './table.js';

const WITH_CREDENTIALS: Fields = [['Authorization', 'Basic YTpi']];

/** Asked for with credentials, then without. */
const afterCredentials = (directives: string, second = hit()) => [
  miss(cacheControl(directives), { fields: WITH_CREDENTIALS, seen: { has: WITH_CREDENTIALS }, wait: 3 }),
  second,
];

const STALE: Fields = [
  ['Expires', -5000],
  ['Last-Modified', -100_000],
];

const statusRows = (status: number, known = true): Draft[] => {
  const script = { status, reason: 'As Said', body: status === 204 ? '' : `a ${status}` };
  return [
    optimal(
      `a fresh ${status} is used again`,
      [miss(FRESH, { origin: { ...script, fields: FRESH }, wait: 3 }), hit()],
      known ? `status-${status}-fresh` : {},
    ),
    must(
      `a stale ${status} is not`,
      [miss(STALE, { origin: { ...script, fields: STALE }, wait: 3 }), forwarded()],
      known ? `status-${status}-stale` : {},
    ),
  ];
};

const statuses = (numbers: readonly number[], known: boolean) => numbers.flatMap((each) => statusRows(each, known));

const stored = (name: string, value: string, known = true) =>
  must(
    `${name} is stored`,
    [miss([...FRESH, [name, value]], { wait: 3 }), hit({ has: [[name, value]] })],
    known ? `headers-store-${name}` : {},
  );

const notStored = (name: string, value: string) =>
  must(
    `${name} is not stored`,
    [miss([...FRESH, [name, value]], { wait: 3 }), hit({ lacks: [name] })],
    `headers-store-${name}`,
  );

export const STORING: Row[] = [
  ...section(
    'RFC 9111 §3: methods',
    ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'M-SEARCH'].map((method) =>
      must(`what a ${method} is answered is not what a GET is`, [miss(FRESH, { method }), forwarded(), forwarded()]),
    ),
    must('nor what a HEAD is answered', [miss([...FRESH, ['Content-Length', '8']], { method: 'HEAD' }), forwarded()]),
    must('a stored GET answers no POST', [miss(FRESH), forwarded({ method: 'POST', sends: 'x' })]),
  ),
  ...section(
    'RFC 9111 §3: statuses',
    statuses([200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599], true),
    statuses([201, 202, 300, 401, 403, 405, 414, 418, 421, 451, 501], false),
    ...[226, 412, 416].map((status) =>
      check(`${status} is not stored`, [miss(FRESH, { origin: { status, fields: FRESH } }), forwarded()]),
    ),
    // RFC 6585 §3 to §6
    ...[428, 429, 431, 511].map((status) =>
      must(`${status} is not stored`, [miss(FRESH, { origin: { status, fields: FRESH } }), forwarded()]),
    ),
    must('a status that is not known, and must be understood', [
      miss(cacheControl('max-age=3600, must-understand'), {
        origin: { status: 599, fields: cacheControl('max-age=3600, must-understand') },
      }),
      forwarded(),
    ]),
    must(
      'the same with no-store',
      [
        miss([], { origin: { status: 599, fields: cacheControl('max-age=3600, no-store, must-understand') } }),
        forwarded(),
      ],
      'status-599-must-understand',
    ),
    optimal(
      'no-store does not count beside must-understand, where the status is understood',
      [miss(cacheControl('max-age=3600, no-store, must-understand')), hit()],
      'status-200-must-understand',
    ),
    optimal('must-understand alone, where it is', reused(cacheControl('max-age=3600, must-understand'))),
  ),
  ...section(
    'RFC 9111 §3: what a response says',
    check('nothing', notReused([]), 'freshness-none'),
    must('nothing, by a status that is not to be kept without a word', [
      miss([['Last-Modified', -1000]], { origin: { status: 403, fields: [['Last-Modified', -1000]] } }),
      forwarded({ seen: { lacks: ['If-Modified-Since'] } }),
    ]),
    optimal('only a validator: stored, and validated at each use', [
      miss([['ETag', '"a"']]),
      validated([['ETag', '"a"']], { seen: { has: [['If-None-Match', '"a"']] } }),
      validated([['ETag', '"a"']], { seen: { has: [['If-None-Match', '"a"']] } }),
    ]),
    must('no-store', notReused(cacheControl('no-store'), 0), 'cc-resp-no-store'),
    must('No-StOrE', notReused(cacheControl('No-StOrE'), 0), 'cc-resp-no-store-case-insensitive'),
    must(
      'no-store beside max-age and Expires',
      notReused([...cacheControl('max-age=10000, no-store'), ['Expires', 10_000]], 0),
      'cc-resp-no-store-fresh',
    ),
    must('no-store in a line of its own', notReused([...FRESH, ...cacheControl('no-store')])),
    must('no-store with an argument', notReused(cacheControl('max-age=3600, no-store=1'))),
    must('no-store beside public', notReused(cacheControl('public, max-age=3600, no-store'))),
    must('no-store with a validator is not there to be validated', [
      miss([...cacheControl('no-store'), ['ETag', '"a"']]),
      forwarded({ seen: { lacks: ['If-None-Match'] } }),
    ]),
    optimal('no-store within quotes is not said', reused(cacheControl('x="no-store", max-age=3600'))),
    check('a quote that stays open is a part of its member alone', reused(cacheControl('x="abc, max-age=3600'))),
    check('no-store behind it', notReused(cacheControl('max-age=3600, x="abc, no-store'))),
    check(
      'a fresh response goes on when a no-store comes past it',
      [
        miss([...FRESH, ['A', '1']], { wait: 3 }),
        hit({ origin: { fields: [...cacheControl('no-store'), ['A', '2']] }, wait: 3 }),
        hit({ has: [['A', '1']] }),
      ],
      'cc-resp-no-store-old-new',
    ),
    check(
      'the same with max-age=0',
      [
        miss([...FRESH, ['A', '1']], { wait: 3 }),
        hit({ origin: { fields: [...cacheControl('no-store, max-age=0'), ['A', '2']] }, wait: 3 }),
        hit({ has: [['A', '1']] }),
      ],
      'cc-resp-no-store-old-max-age',
    ),
    must('private', notReused(cacheControl('private, max-age=3600'), 0), 'cc-resp-private-shared'),
    must('PrIvAtE', notReused(cacheControl('PrIvAtE, max-age=3600'))),
    must('private beside public and s-maxage', notReused(cacheControl('public, private, s-maxage=3600'))),
    must('private for a field: that field is given to nobody else', [
      miss([...cacheControl('private="X-User", max-age=3600'), ['X-User', 'ada'], ['X-All', '1']]),
      { ...hit({ lacks: ['X-User'], has: [['X-All', '1']] }) },
    ]),
    must('private for fields, and plain', notReused(cacheControl('private="X-User", private, max-age=3600'))),
    optimal('Set-Cookie forbids nothing', reused([...FRESH, ['Set-Cookie', 'a=b']]), 'other-set-cookie'),
    optimal('nor does Cookie', [miss(FRESH), hit({ fields: [['Cookie', 'a=b']] })], 'other-cookie'),
    optimal('Cookie in the first request', [miss(FRESH, { fields: [['Cookie', 'a=b']] }), hit()]),
    check(
      'Content-Disposition forbids nothing',
      reused([...FRESH, ['Content-Disposition', 'attachment; filename=a.txt']]),
      'other-fresh-content-disposition-attachment',
    ),
    check(
      'nor without a lifetime',
      reused(
        [
          ['Last-Modified', -100_000],
          ['Content-Disposition', 'attachment; filename=a.txt'],
        ],
        0,
      ),
      'other-heuristic-content-disposition-attachment',
    ),
    must('Vary: *', notReused([...FRESH, ['Vary', '*']])),
  ),
  ...section(
    'RFC 9111 §3.1: fields',
    must(
      'those that Connection lists are not stored',
      [
        miss([...FRESH, ['Connection', 'a, b'], ['a', '1'], ['B', '2'], ['c', '3']], { wait: 3 }),
        hit({ has: [['c', '3']], lacks: ['a', 'b'] }),
      ],
      'headers-omit-headers-listed-in-Connection',
    ),
    stored('Test-Header', 'a test'),
    stored('X-Test-Header', 'a test'),
    stored('Content-Foo', 'a, b'),
    stored('X-Content-Foo', 'a; b=c'),
    must('Cache-Control is stored', [miss(FRESH, { wait: 3 }), hit({ has: FRESH })], 'headers-store-Cache-Control'),
    must(
      'Connection is not stored',
      [miss([...FRESH, ['Connection', 'x-nothing']], { wait: 3 }), hit({ has: [['Connection', 'close']] })],
      'headers-store-Connection',
    ),
    stored('Content-Encoding', 'made-up'),
    must(
      'Content-Length is stored',
      [miss([...FRESH, ['Content-Length', '8']]), hit({ has: [['Content-Length', '8']] })],
      'headers-store-Content-Length',
    ),
    stored('Content-Location', '/elsewhere'),
    stored('Content-MD5', 'rL0Y20zC+Fzt72VPzMSk2A=='),
    stored('Content-Range', 'made-up'),
    stored('Content-Security-Policy', "default-src 'self' cdn.example.com"),
    must(
      'Content-Type is stored',
      [
        miss([...FRESH, ['Content-Type', 'text/plain;charset=utf-8']]),
        hit({ has: [['Content-Type', 'text/plain;charset=utf-8']] }),
      ],
      'headers-store-Content-Type',
    ),
    stored('Clear-Site-Data', '"cookies"'),
    stored('ETag', '"ghijkl"'),
    stored('Expires', 'Mon, 11 Jan 2038 11:11:11 GMT'),
    notStored('Keep-Alive', 'timeout=5'),
    notStored('Proxy-Authenticate', 'Basic'),
    notStored('Proxy-Authentication-Info', 'a=1'),
    notStored('Proxy-Authorization', 'Basic YTpi'),
    notStored('Proxy-Connection', 'keep-alive'),
    stored('Public-Key-Pins', 'made-up'),
    stored('Set-Cookie', 'a=c'),
    stored('Set-Cookie2', 'a=c'),
    notStored('TE', 'trailers'),
    must(
      'Transfer-Encoding is not stored',
      [
        miss(FRESH, { origin: { fields: FRESH, framing: 'chunked', body: 'in chunks' } }),
        hit({ lacks: ['Transfer-Encoding'] }),
      ],
      'headers-store-Transfer-Encoding',
    ),
    notStored('Upgrade', 'made-up/1'),
    stored('X-Frame-Options', 'sameorigin'),
    stored('X-XSS-Protection', '1; mode=block'),
    stored('Strict-Transport-Security', 'max-age=31536000', false),
    stored('WWW-Authenticate', 'Basic realm="a"', false),
  ),
  ...section(
    'RFC 9111 §3.3: incomplete responses',
    must('cut off before its length', [
      miss(FRESH, { origin: { fields: FRESH, body: 'a whole body', cut: 5 }, broken: true }),
      forwarded(),
      forwarded(),
    ]),
    must('cut off before its first byte', [
      miss(FRESH, { origin: { fields: FRESH, body: 'a whole body', cut: 0 }, broken: true }),
      forwarded(),
    ]),
    must('cut off before the last chunk', [
      miss(FRESH, { origin: { fields: FRESH, framing: 'chunked', body: 'a whole body', cut: 17 }, broken: true }),
      forwarded(),
    ]),
    must('ended before its length', [
      miss([...FRESH, ['Content-Length', '100']], { broken: true }),
      forwarded({ origin: { fields: FRESH } }),
    ]),
    must('more than its length: what is beyond is not part of it', [
      miss([...FRESH, ['Content-Length', '4']], { status: 200, body: 'answ' }),
      hit({ status: 200, body: 'answ' }),
    ]),
    must('an incomplete answer leaves the stored one as it is', [
      miss([...cacheControl('max-age=2'), ['ETag', '"a"']], { wait: 3 }),
      miss(FRESH, { origin: { fields: [...FRESH, ['ETag', '"b"']], body: 'a whole body', cut: 5 }, broken: true }),
      validated([['ETag', '"a"']], { of: 1, seen: { has: [['If-None-Match', '"a"']] } }),
    ]),
  ),
  ...section(
    'RFC 9111 §3.4 and §3.5',
    must('Authorization', afterCredentials('max-age=3600', forwarded()), 'other-authorization'),
    must('Authorization, for the one who sent it', [
      miss(FRESH, { fields: WITH_CREDENTIALS }),
      forwarded({ fields: WITH_CREDENTIALS }),
    ]),
    must('proxy-revalidate opens nothing', afterCredentials('max-age=3600, proxy-revalidate', forwarded())),
    optimal('public', afterCredentials('max-age=3600, public'), 'other-authorization-public'),
    optimal(
      'must-revalidate',
      afterCredentials('max-age=3600, must-revalidate'),
      'other-authorization-must-revalidate',
    ),
    optimal('s-maxage', afterCredentials('s-maxage=3600'), 'other-authorization-smaxage'),
    must('private beats public', afterCredentials('max-age=3600, public, private', forwarded())),
    must('must-revalidate: when stale it is validated', [
      miss([...cacheControl('max-age=2, must-revalidate'), ['ETag', '"a"']], { fields: WITH_CREDENTIALS, wait: 3 }),
      validated([['ETag', '"a"']], { fields: WITH_CREDENTIALS }),
    ]),
    optimal('public, asked for with credentials', [
      miss(cacheControl('public, max-age=60')),
      hit({ fields: WITH_CREDENTIALS }),
    ]),
    check('not public, asked for with credentials', [miss(FRESH), forwarded({ fields: WITH_CREDENTIALS })]),
    ...(
      [
        ['-5', '-5', '01234', 'partial-store-partial-reuse-partial'],
        ['-5', '6-8', '123', 'partial-store-partial-reuse-partial-byterange'],
        ['-5', '6-', '1234', 'partial-store-partial-reuse-partial-absent'],
        ['-5', '-1', '4', 'partial-store-partial-reuse-partial-suffix'],
      ] as const
    ).map(([first, second, body, id]) =>
      optimal(
        `a stored part answers bytes=${second}`,
        [
          miss([], {
            fields: [['Range', `bytes=${first}`]],
            origin: { status: 206, body: '01234', fields: [...FRESH, ['Content-Range', 'bytes 5-9/10']] },
          }),
          hit({ fields: [['Range', `bytes=${second}`]], status: 206, body }),
        ],
        { id, declined: 'parts are not stored: complete responses answer ranges' },
      ),
    ),
    optimal(
      'a stored part is completed',
      [
        miss([], {
          fields: [['Range', 'bytes=-5']],
          origin: { status: 206, body: '01234', fields: [...FRESH, ['Content-Range', 'bytes 0-4/10']] },
        }),
        forwarded({ seen: { has: [['Range', 'bytes=5-']] } }),
      ],
      { id: 'partial-store-partial-complete', declined: 'parts are not stored' },
    ),
  ),
];
