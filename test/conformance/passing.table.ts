// What passes through, to the origin and back, with nothing changed in it. That all of an answer arrives, and nothing
// more, is looked at for every answer of the origin in every table; here are those that are out of the ordinary.

import assert from 'node:assert/strict';
import type { Fields } from './fields.js';
import type { Script } from './origin.js';
import { cacheControl, check, FRESH, forwarded, hit, miss, must, optimal, type Row, section } from './table.js';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const LONG = 'x'.repeat(6000);

/** Passes, and passes again. */
const passes = (script: Script, method = 'GET') => {
  const body = { body: 'the same', ...script };
  return [miss(script.fields, { method, origin: body }), forwarded({ method, origin: body })];
};

/** Passes, is stored, and comes back. */
const keeps = (fields: Fields, script: Script = {}) => [
  miss([...FRESH, ...fields], { origin: { ...script, fields: [...FRESH, ...fields] } }),
  hit(),
];

const HINT = {
  status: 103,
  fields: [
    ['Link', '</style.css>; rel=preload; as=style'],
    ['X-Hint', 'early'],
  ],
} as const;

export const PASSING: Row[] = [
  ...section(
    'Passing through: fields',
    must(
      'several lines of one name',
      keeps([
        ['X-A', '1'],
        ['X-B', '2'],
        ['X-A', '3'],
        ['x-a', '1'],
      ]),
    ),
    must(
      'several cookies',
      keeps([
        ['Set-Cookie', 'a=1; Path=/'],
        ['Set-Cookie', 'b=2'],
        ['Set-Cookie', 'a=1; Path=/'],
      ]),
    ),
    must(
      'several challenges',
      passes({
        status: 401,
        fields: [
          ['WWW-Authenticate', 'Basic realm="a, b"'],
          ['WWW-Authenticate', 'Bearer'],
        ],
      }),
    ),
    must(
      'names in any case',
      keeps([
        ['x-lOwEr', '1'],
        ['X_UNDERSCORE', '2'],
        ["X-!#$%&'*+.^`|~", '3'],
      ]),
    ),
    must(
      'bytes beyond ASCII',
      keeps([
        ['X-Latin', 'gr\xfc\xdfe'],
        ['X-Bytes', '\x80\xff'],
      ]),
    ),
    must(
      'empty values, tabs, quotes and commas',
      keeps([
        ['X-Empty', ''],
        ['X-Tab', 'a\tb'],
        ['X-Odd', '"a, \\"b\\"" ;, ,'],
      ]),
    ),
    must('long values', keeps([['X-Long', LONG]])),
    must(
      'fields that only look like ours',
      keeps([
        ['X-Age', '5'],
        ['X-Cache', 'HIT'],
        ['Cache-Stat', 'a; hit'],
      ]),
    ),
    must(
      'Date and Expires as they are',
      passes({
        fields: [
          ['Date', 'foo'],
          ['Expires', '0'],
        ],
      }),
    ),
    must('a Date that is elsewhere', keeps([['Date', -5]])),
    must('Age on the way through', passes({ fields: [['Age', '30'], ...cacheControl('no-store')] })),
    must(
      'what speaks to one client',
      keeps([
        ['Retry-After', '5'],
        ['RateLimit-Limit', '10'],
        ['X-Request-Id', 'abc'],
        ['Server-Timing', 'a;dur=1'],
      ]),
    ),
    must('no entity tag is made up', [miss(FRESH, { lacks: ['ETag'] }), hit({ lacks: ['ETag'] })]),
    must('no Age on a miss that took its time', [miss(FRESH, { origin: { takes: 5, fields: FRESH }, lacks: ['Age'] })]),
  ),
  ...section(
    'Passing through: statuses',
    must('a reason of its own', keeps([], { reason: 'Just Fine' })),
    must('200 without any word on caching', passes({})),
    ...[201, 203, 204, 226, 299, 300, 302, 307, 400, 404, 418, 429, 451, 499, 500, 503, 511, 599].map((status) =>
      must(
        `${status}`,
        passes({
          status,
          reason: 'As Said',
          fields: cacheControl('no-store'),
        }),
      ),
    ),
    must('304 to a condition that only the origin can judge', [
      forwarded({
        fields: [
          ['If-Match', '"a"'],
          ['If-None-Match', '"b"'],
        ],
        origin: { status: 304, fields: [['ETag', '"b"']] },
        status: 304,
      }),
    ]),
  ),
  ...section(
    'Passing through: bodies',
    must('all bytes', keeps([], { body: ALL_BYTES })),
    must('none', keeps([], { body: '' })),
    must('in chunks', keeps([], { framing: 'chunked', body: 'chunked' })),
    must('up to the end of the connection', keeps([], { framing: 'close', body: 'until the end' })),
    must('a large one', keeps([], { body: Buffer.alloc(300_000, ALL_BYTES) })),
    must('one that is too large to be kept', [
      miss(FRESH, { origin: { fields: FRESH, body: Buffer.alloc(1_500_000, 'a') } }),
      forwarded(),
    ]),
    must('one with a coding', keeps([['Content-Encoding', 'gzip']], { body: ALL_BYTES })),
    must('of a HEAD', [miss([...FRESH, ['Content-Length', '77']], { method: 'HEAD' }), forwarded({ method: 'HEAD' })]),
    must('trailers', async (stage) => {
      stage.answers({
        fields: [...FRESH, ['Trailer', 'X-Sum']],
        framing: 'chunked',
        body: 'a',
        trailers: [['X-Sum', '1']],
      });
      const { trailers } = await stage.ask();
      assert.deepEqual(
        trailers.map(([name, value]) => [name.toLowerCase(), value]),
        [['x-sum', '1']],
      );
    }),
    check('an answer with trailers is not stored', async (stage) => {
      stage.answers({
        fields: [...FRESH, ['Trailer', 'X-Sum']],
        framing: 'chunked',
        body: 'a',
        trailers: [['X-Sum', '1']],
      });
      await stage.ask();
      await stage.ask();
      assert.equal(stage.asked.length, 2);
    }),
  ),
  ...section(
    'Passing through: requests',
    must('fields of the request', [
      forwarded({
        fields: [
          ['X-A', '1'],
          ['x-b', ''],
          ['Accept', 'text/*;q=0.5, */*'],
          ['Cookie', 'a=b; c=d'],
          ['X-Latin', 'gr\xfc\xdfe'],
        ],
        seen: {
          has: [
            ['X-A', '1'],
            ['x-b', ''],
            ['Accept', 'text/*;q=0.5, */*'],
            ['Cookie', 'a=b; c=d'],
            ['X-Latin', 'gr\xfc\xdfe'],
            ['Host', '{host}'],
          ],
        },
      }),
    ]),
    must('its directives', [
      forwarded({
        fields: cacheControl('no-cache, made-up=1'),
        seen: { has: [['Cache-Control', 'no-cache, made-up=1']] },
      }),
    ]),
    must('its own conditions, where the method is not ours', [
      forwarded({
        method: 'PUT',
        sends: 'x',
        fields: [
          ['If-Match', '"a"'],
          ['If-None-Match', '*'],
        ],
        seen: {
          has: [
            ['If-Match', '"a"'],
            ['If-None-Match', '*'],
          ],
        },
      }),
    ]),
    must('its body', async (stage) => {
      stage.answers({});
      await stage.ask({ method: 'POST', sends: 'Grüße' });
      assert.deepEqual(
        stage.asked.map(({ method, body }) => [method, body]),
        [['POST', 'Grüße']],
      );
    }),
    ...['OPTIONS', 'PUT', 'PATCH', 'DELETE', 'M-SEARCH', 'PROPFIND'].map((method) =>
      must(`${method}`, passes({ fields: FRESH }, method)),
    ),
    must('conditions are kept from the origin where nothing is stored: it is to answer the whole', [
      miss([...FRESH, ['ETag', '"a"']], {
        fields: [
          ['If-None-Match', '"b"'],
          ['If-Modified-Since', -100],
        ],
        seen: { lacks: ['If-None-Match', 'If-Modified-Since'] },
      }),
      hit(),
    ]),
    check(
      'so no condition is forwarded, or put right',
      [forwarded({ fields: [['If-None-Match', '"abcdef"']], seen: { lacks: ['If-None-Match'] } })],
      'conditional-etag-forward',
    ),
    check(
      'nor is one without quotes',
      [forwarded({ fields: [['If-None-Match', 'abcdef']], seen: { lacks: ['If-None-Match'] } })],
      'conditional-etag-forward-unquoted',
    ),
    must('a client whose condition holds after a miss has its 304', [
      forwarded({
        fields: [['If-None-Match', '"a"']],
        origin: { fields: [...FRESH, ['ETag', '"a"']] },
        status: 304,
        has: [['ETag', '"a"']],
      }),
    ]),
    optimal('and the whole is stored', [
      forwarded({ fields: [['If-None-Match', '"a"']], origin: { fields: [...FRESH, ['ETag', '"a"']] }, status: 304 }),
      hit(),
    ]),
  ),
  ...section(
    'Passing through: informational answers',
    optimal(
      '102 passes, and the final answer is stored',
      [miss(FRESH, { origin: { fields: FRESH, hints: [{ status: 102 }] }, hints: [102] }), hit({ hints: [] })],
      'interim-102',
    ),
    optimal(
      '103 passes, and the final answer is stored',
      [miss(FRESH, { origin: { fields: FRESH, hints: [HINT] }, hints: [103] }), hit()],
      'interim-103',
    ),
    must(
      '103 is not stored',
      [miss(FRESH, { origin: { fields: FRESH, hints: [HINT] }, hints: [103] }), hit({ hints: [] })],
      'interim-not-cached',
    ),
    optimal(
      'its fields are not those of the final answer',
      [
        miss(FRESH, { origin: { fields: FRESH, hints: [HINT] }, lacks: ['X-Hint', 'Link'] }),
        hit({ lacks: ['X-Hint', 'Link'] }),
      ],
      'interim-no-header-reuse',
    ),
    must('several', [
      miss(FRESH, { origin: { fields: FRESH, hints: [{ status: 102 }, HINT, HINT] }, hints: [102, 103, 103] }),
      hit({ hints: [] }),
    ]),
    must('fields of a 103', async (stage) => {
      stage.answers({ hints: [HINT] });
      const [hint] = (await stage.ask()).hints;
      const lines = hint?.lines.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
      assert.deepEqual(lines, ['link: </style.css>; rel=preload; as=style', 'x-hint: early']);
    }),
  ),
];
