// The newer members of the family: RFC 9211 (Cache-Status), RFC 9213 (targeted fields), No-Vary-Search; and requests that
// are answered together.
//
// Chosen where they leave it open:
// - `fwd-status` is told where a stored response stands for what the origin said (304, or an error).
// - Upstream members of Cache-Status are stored, and ours stands behind them in hits, too.
// - A targeted field with a directive of the wrong type is ignored as a whole, as one that cannot be read.
// - Our own targeted field is taken off, others are passed on. `CDN-Cache-Control` counts only where the option says so.

import assert from 'node:assert/strict';
import { parseList } from 'structured-headers';
import type { Fields } from './fields.js';
import type { ModeOptions } from './rig.js';
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
  type Step,
  section,
  validated,
} from './table.js';

const TAG: Fields = [['ETag', '"a"']];
const CDN: ModeOptions = { targetedFields: ['Respcache-Cache-Control', 'CDN-Cache-Control'] };

const cdn = (value: string): Fields => [['CDN-Cache-Control', value]];
const own = (value: string): Fields => [['Respcache-Cache-Control', value]];
const search = (value: string): Fields => [...FRESH, ['No-Vary-Search', value]];

/** For caches that are told to mind the field. */
const withCdn = (draft: Draft): Draft => ({ ...draft, options: CDN });

/** A response for one query, asked for with another. */
const queries = (field: string, first: string, second: string, then: Step = hit()): Step[] => [
  miss(search(field), { to: first }),
  { ...then, to: second },
];

export const FAMILY: Row[] = [
  ...section(
    'RFC 9211: Cache-Status',
    must('a miss that is stored', [miss(FRESH, { cacheStatus: /^respcache; fwd=uri-miss; stored(;|$)/ })]),
    must('a hit, and how long it is fresh', [
      miss(FRESH, { wait: 3 }),
      hit({ cacheStatus: /^respcache; hit; ttl=3597$/ }),
    ]),
    must('another variant', [
      miss([], { fields: [['Foo', '1']], origin: { fields: [...FRESH, ['Vary', 'Foo']] } }),
      forwarded({ fields: [['Foo', '2']], cacheStatus: /^respcache; fwd=vary-miss(;|$)/ }),
    ]),
    must('stale, and validated', [
      miss([...cacheControl('max-age=2'), ...TAG], { wait: 3 }),
      validated([...FRESH, ...TAG], { cacheStatus: /^respcache; fwd=stale; fwd-status=304(;|$)/ }),
    ]),
    must('stale, and another', [
      miss([...cacheControl('max-age=2'), ...TAG], { wait: 3 }),
      forwarded({ origin: { fields: FRESH }, cacheStatus: /^respcache; fwd=stale(; fwd-status=200)?; stored(;|$)/ }),
    ]),
    must('stale, without a validator', [
      miss(cacheControl('max-age=2'), { wait: 3 }),
      forwarded({ cacheStatus: /^respcache; fwd=(stale|uri-miss|miss)/ }),
    ]),
    must('asked for by the client', [
      miss([...FRESH, ...TAG]),
      validated(TAG, { fields: cacheControl('no-cache'), cacheStatus: /^respcache; fwd=request; fwd-status=304(;|$)/ }),
      forwarded({ fields: cacheControl('max-age=0'), cacheStatus: /^respcache; fwd=request/ }),
    ]),
    must('a method', [forwarded({ method: 'POST', sends: 'x', cacheStatus: /^respcache; fwd=method/ })]),
    must('Authorization', [
      miss(FRESH, {
        fields: [['Authorization', 'Basic YTpi']],
        cacheStatus: /^respcache; fwd=bypass; detail=authorization$/,
      }),
    ]),
    ...['no-store', 'private'].map((directive) =>
      must(`${directive}`, [
        miss(cacheControl(directive), { cacheStatus: new RegExp(`^respcache; fwd=uri-miss; detail=${directive}$`) }),
      ]),
    ),
    must('Vary: *', [miss([...FRESH, ['Vary', '*']], { cacheStatus: /^respcache; fwd=uri-miss; detail=vary-star$/ })]),
    must('nothing that makes it fresh', [miss([], { cacheStatus: /^respcache; fwd=uri-miss; detail=[a-z-]+$/ })]),
    must('only-if-cached', [
      { from: 'self', status: 504, fields: cacheControl('only-if-cached'), cacheStatus: /^respcache(;|$)/ },
    ]),
    must('while it is revalidated: below zero', [
      miss(cacheControl('max-age=1, stale-while-revalidate=60'), { wait: 3 }),
      { from: 'revalidating', origin: { fields: FRESH }, cacheStatus: /^respcache; hit; ttl=-2(;|$)/ },
    ]),
    must('in place of an error', [
      miss(cacheControl('max-age=1, stale-if-error=60'), { wait: 3 }),
      { from: 'fallback', origin: { status: 503 }, cacheStatus: /^respcache; fwd=stale; fwd-status=503(;|$)/ },
    ]),
    must('a 304 to a client', [
      miss([...FRESH, ...TAG]),
      hit({ fields: [['If-None-Match', '"a"']], status: 304, cacheStatus: /^respcache; hit; ttl=3600$/ }),
    ]),
    must('a part', [
      miss([], { origin: { fields: FRESH, body: '0123' } }),
      hit({ fields: [['Range', 'bytes=0-1']], status: 206, body: '01', cacheStatus: /^respcache; hit; ttl=3600$/ }),
    ]),
    must('behind what is there', [
      miss([...FRESH, ['Cache-Status', 'Origin; hit; ttl=10']], {
        has: [['Cache-Status', /^Origin; hit; ttl=10, respcache; fwd=uri-miss; stored/]],
      }),
    ]),
    must('behind several lines', [
      miss([...cacheControl('no-store'), ['Cache-Status', 'A; hit'], ['Cache-Status', '"B, b"; fwd=miss']], {
        has: [['Cache-Status', /^A; hit( \| |, )"B, b"; fwd=miss(, | \| )respcache; fwd=uri-miss/]],
      }),
    ]),
    check('behind what is stored', [
      miss([...FRESH, ['Cache-Status', 'Origin; fwd=miss']]),
      hit({ has: [['Cache-Status', /^Origin; fwd=miss, respcache; hit/]] }),
    ]),
    must('it can be read', async (stage) => {
      stage.answers({ fields: [...FRESH, ...TAG] });
      const asked: Step[] = [
        {},
        {},
        { fields: cacheControl('no-cache') },
        { method: 'POST', sends: 'x' },
        { fields: [['Authorization', 'x']] },
      ];
      for (const each of asked) {
        const [member] = parseList((await stage.ask(each)).header('cache-status') ?? '');
        assert.equal(String(member?.[0]), 'respcache');
      }
    }),
  ),
  ...section(
    'RFC 9213: our own field',
    optimal('max-age', reused(own('max-age=3600'))),
    must('a short one before a long Cache-Control', notReused([...FRESH, ...own('max-age=1')])),
    optimal('a long one before a short Cache-Control', reused([...cacheControl('max-age=1'), ...own('max-age=3600')])),
    optimal('before no-store', reused([...cacheControl('no-store'), ...own('max-age=3600')])),
    optimal('before private', reused([...cacheControl('private'), ...own('max-age=3600')])),
    must('no-store before max-age', notReused([...FRESH, ...own('no-store')])),
    must('private', notReused([...FRESH, ...own('private')])),
    must('no-cache', notReused([...FRESH, ...own('no-cache')], 0)),
    must('before Expires', notReused([['Expires', 3600], ...own('max-age=1')])),
    must('where it says nothing of it, neither does Expires', notReused([['Expires', 3600], ...own('foo')])),
    must('empty: it is not there', reused([...FRESH, ...own('')])),
    must('what cannot be read: it is not there', reused([...FRESH, ...own('max-age=1, &&&')])),
    must(
      'the same, of what is not to be stored',
      notReused([...cacheControl('no-store'), ...own('max-age=10000, &&&')]),
    ),
    must('stale-while-revalidate', [
      miss([...cacheControl('max-age=60'), ...own('max-age=1, stale-while-revalidate=60')], { wait: 3 }),
      { from: 'revalidating' },
    ]),
    must('must-revalidate', [
      miss(own('max-age=1, stale-if-error=60, must-revalidate'), { wait: 3 }),
      forwarded({ origin: { status: 503 } }),
    ]),
    must('two lines are one', notReused([...own('max-age=3600'), ...own('no-store')])),
    check('nobody behind it sees it', [
      miss(own('max-age=60'), { lacks: ['Respcache-Cache-Control'] }),
      hit({ lacks: ['Respcache-Cache-Control'] }),
    ]),
    must('it changes with a 304', [
      miss([...own('max-age=2'), ...TAG], { wait: 3 }),
      validated([...own('max-age=3600'), ...TAG], { wait: 3 }),
      hit(),
    ]),
    must('that of CDNs is not for us, unless we are told', notReused(cdn('max-age=3600'))),
    must('so that what it forbids is allowed', reused([...FRESH, ...cdn('no-store')])),
    must('Surrogate-Control is not for us', notReused([['Surrogate-Control', 'max-age=3600']])),
  ),
  ...section(
    'RFC 9213: CDN-Cache-Control, by option',
    ...[
      optimal('max-age', reused(cdn('max-age=3600')), 'cdn-max-age'),
      optimal('2147483648', reused(cdn('max-age=2147483648')), 'cdn-max-age-max'),
      optimal('99999999999', reused(cdn('max-age=99999999999')), 'cdn-max-age-max-plus'),
      must('Age beyond it', notReused([...cdn('max-age=3600'), ['Age', '7200']]), 'cdn-max-age-age'),
      check(
        'a blank before the =',
        notReused([...cacheControl('max-age=1'), ...cdn('max-age =100')]),
        'cdn-max-age-space-before-equals',
      ),
      check(
        'a blank behind it',
        notReused([...cacheControl('max-age=1'), ...cdn('max-age= 100')]),
        'cdn-max-age-space-after-equals',
      ),
      must('max-age=0', notReused(cdn('max-age=0')), 'cdn-max-age-0'),
      optimal('beside what is not known', reused(cdn('foobar, max-age=3600')), 'cdn-max-age-extension'),
      check('MaX-aGe cannot be read', notReused(cdn('MaX-aGe=3600')), 'cdn-max-age-case-insensitive'),
      optimal('beside a past Expires', reused([...cdn('max-age=3600'), ['Expires', -10_000]]), 'cdn-max-age-expires'),
      optimal(
        'beside an invalid Expires',
        reused([...cdn('max-age=3600'), ['Expires', '0']]),
        'cdn-max-age-cc-max-age-invalid-expires',
      ),
      must(
        'max-age=0 beside a future Expires',
        notReused([...cdn('max-age=0'), ['Expires', 10_000]]),
        'cdn-max-age-0-expires',
      ),
      optimal(
        'before a short Cache-Control',
        reused([...cacheControl('max-age=1'), ...cdn('max-age=3600')]),
        'cdn-max-age-short-cc-max-age',
      ),
      must('before a long Cache-Control', notReused([...FRESH, ...cdn('max-age=1')]), 'cdn-max-age-long-cc-max-age'),
      must('private', notReused([...cdn('private'), ...FRESH, ['Expires', 10_000]], 0), 'cdn-private'),
      must('no-cache', notReused([...cdn('no-cache'), ...FRESH, ['Expires', 10_000]], 0), 'cdn-no-cache'),
      must('no-store', notReused([...cdn('no-store'), ...FRESH, ['Expires', 10_000]]), 'cdn-no-store-cc-fresh'),
      must('before no-store', reused([...cacheControl('no-store'), ...cdn('max-age=10000')]), 'cdn-fresh-cc-nostore'),
      must(
        'what cannot be read',
        notReused([...cdn('max-age=10000, &&&&&'), ...cacheControl('no-store')]),
        'cdn-cc-invalid-sh-type-unknown',
      ),
      must(
        'a value of the wrong type',
        notReused([...cdn('max-age="10000"'), ...cacheControl('no-store')]),
        'cdn-cc-invalid-sh-type-wrong',
      ),
      check('a fraction', notReused([...cacheControl('max-age=1'), ...cdn('max-age=3600.0')])),
      check('it is passed on', [miss([...FRESH, ...cdn('foo')], { has: cdn('foo') })], 'cdn-remove-header'),
      check(
        'Age, beyond what Cache-Control says',
        [miss([...cacheControl('max-age=1'), ...cdn('max-age=10000')], { wait: 3 }), hit({ age: 3 })],
        'cdn-remove-age-exceed',
      ),
      check(
        'Date stays',
        [miss([...cacheControl('max-age=1'), ...cdn('max-age=10000')], { wait: 3 }), hit({ has: [['Date', -3]] })],
        'cdn-date-update-exceed',
      ),
      check(
        'Expires stays',
        [
          miss([...cacheControl('max-age=1'), ['Expires', 1], ...cdn('max-age=10000')], { wait: 3 }),
          hit({ has: [['Expires', -2]] }),
        ],
        'cdn-expires-update-exceed',
      ),
      must('the first of the list that is there', notReused([...own('max-age=1'), ...cdn('max-age=3600')])),
      must('whatever stands first in the response', reused([...cdn('max-age=1'), ...own('max-age=3600')])),
      must('the second where the first is empty', reused([...own(''), ...cdn('max-age=3600')])),
      must('the second where the first cannot be read', reused([...own('&'), ...cdn('max-age=3600')])),
      must('parameters are not there', reused(cdn('max-age=3600;a=1'))),
    ].map(withCdn),
  ),
  ...section(
    'No-Vary-Search',
    optimal('params', queries('params', '?a=1', '?b=2')),
    optimal('params, and no query', queries('params', '?a=1', '')),
    optimal('params, for the first without a query', queries('params', '', '?a=1')),
    optimal('params named', queries('params=("utm")', '?id=1&utm=a', '?id=1&utm=b')),
    optimal('params named, one missing', queries('params=("utm")', '?id=1&utm=a', '?id=1')),
    must('params that are not named', queries('params=("utm")', '?id=1&utm=a', '?id=2&utm=a', forwarded())),
    optimal('params, except', queries('params, except=("id")', '?id=1&a=1', '?b=2&id=1')),
    must('params, except those', queries('params, except=("id")', '?id=1&a=1', '?id=2&a=1', forwarded())),
    optimal('key-order', queries('key-order', '?a=1&b=2', '?b=2&a=1')),
    must('key-order, of the same name', queries('key-order', '?a=1&a=2', '?a=2&a=1', forwarded())),
    must('key-order, another value', queries('key-order', '?a=1&b=2', '?b=2&a=3', forwarded())),
    must('params named, in another order', queries('params=("utm")', '?a=1&b=2', '?b=2&a=1', forwarded())),
    optimal('both', queries('key-order, params=("utm")', '?a=1&b=2&utm=x', '?utm=y&b=2&a=1')),
    optimal(
      'names and values that are written otherwise',
      queries('params=("a b")', '?id=x&a+b=1', '?id=%78&a%20b=2'),
      {
        declined: 'values stay as they were sent: that costs a miss, and never mixes up what a handler tells apart',
      },
    ),
    optimal('a name beyond ASCII', queries('params=("%C3%A9+x")', '?id=1&%C3%A9%20x=1', '?id=1&%C3%A9+x=2')),
    must('another path', queries('params', '?a=1', '/other?a=1', forwarded())),
    must("another tenant's", [
      miss(search('params'), { to: '?a=1', fields: [['X-Client-Id', 'a']] }),
      forwarded({ to: '?a=2', fields: [['X-Client-Id', 'b']] }),
    ]),
    must('Vary counts all the same', [
      miss([...search('params'), ['Vary', 'Foo']], { to: '?a=1', fields: [['Foo', '1']] }),
      forwarded({ to: '?a=2', fields: [['Foo', '2']] }),
    ]),
    ...[
      'unknown-key',
      'params=?0',
      'params=()',
      'key-order=?0',
      'key-order="a"',
      'params="a"',
      'params=(a)',
      'except=("a")',
      'params=("a"), except=("b")',
      'params, except="a"',
      'params, except=(a)',
      'params, &',
      '',
    ].map((value) => must(`${value || 'nothing'} says nothing`, queries(value, '?a=1', '?a=2', forwarded()))),
    optimal('unknown keys beside known ones', queries('unknown-key, params', '?a=1', '?a=2')),
    must('not beyond its lifetime', [
      miss([...cacheControl('max-age=2'), ['No-Vary-Search', 'params']], { to: '?a=1', wait: 3 }),
      forwarded({ to: '?a=2' }),
    ]),
    must('a POST to its own URL ends it for the others', [
      miss(search('params'), { to: '?a=1' }),
      forwarded({ method: 'POST', sends: 'x', to: '?a=1' }),
      forwarded({ to: '?a=2' }),
    ]),
    optimal('the exact URL before it', [
      miss(FRESH, { to: '?a=1' }),
      miss(search('params=("b")'), { to: '?a=2&b=1' }),
      hit({ to: '?a=1', of: 1 }),
      hit({ to: '?a=2&b=2', of: 2 }),
    ]),
  ),
  ...section(
    'RFC 9111 §4: requests answered together',
    optimal(
      'by one answer of the origin',
      async (stage) => {
        stage.answers({ fields: FRESH, after: stage.later(100) });
        const answers = await Promise.all(Array.from({ length: 6 }, () => stage.ask()));
        assert.equal(stage.asked.length, 1);
        assert.ok(answers.every(({ status }) => status === 200));
        const collapsed = answers.filter((answer) => /; collapsed/.test(answer.header('cache-status') ?? ''));
        // One that comes late finds it stored.
        assert.ok(collapsed.length > 0);
      },
      'collapse-basic',
    ),
    must('not what must not be shared', async (stage) => {
      let count = 0;
      stage.answers(() => ({
        fields: cacheControl('private, max-age=60'),
        body: `${++count}`,
        after: stage.later(100),
      }));
      const answers = await Promise.all(Array.from({ length: 4 }, () => stage.ask()));
      assert.equal(new Set(answers.map(({ text }) => text)).size, 4);
    }),
    must('not of several tenants', async (stage) => {
      let count = 0;
      stage.answers(() => ({ fields: FRESH, body: `${++count}`, after: stage.later(100) }));
      const answers = await Promise.all(['a', 'b', 'c'].map((id) => stage.ask({ fields: [['X-Client-Id', id]] })));
      assert.equal(new Set(answers.map(({ text }) => text)).size, 3);
    }),
    must('not of several variants', async (stage) => {
      stage.answers(({ lines }) => ({
        fields: [...FRESH, ['Vary', 'Foo']],
        body: lines.find(([name]) => name === 'Foo')?.[1] ?? '',
        after: stage.later(100),
      }));
      const answers = await Promise.all(['a', 'b', 'a', 'b'].map((foo) => stage.ask({ fields: [['Foo', foo]] })));
      assert.deepEqual(
        answers.map(({ text }) => text),
        ['a', 'b', 'a', 'b'],
      );
    }),
    optimal('stale: one validation for all', async (stage) => {
      stage.answers({ fields: [...cacheControl('max-age=2'), ...TAG], body: 'stored' });
      await stage.ask();
      stage.rig.clock.forward(3);
      stage.answers({ status: 304, fields: [...FRESH, ...TAG], after: stage.later(100) });
      const answers = await Promise.all(Array.from({ length: 4 }, () => stage.ask()));
      assert.deepEqual(
        answers.map(({ status, text }) => `${status} ${text}`),
        Array(4).fill('200 stored'),
      );
      assert.equal(stage.asked.length, 2);
    }),
  ),
];
