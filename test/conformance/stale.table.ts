// RFC 5861 and RFC 9111 §4.2.4: what is served though it is stale.
//
// Chosen where the standards leave it open:
// - Without `stale-if-error` nothing stale is served in place of an error.
// - `s-maxage` forbids it as `proxy-revalidate` does, in place of an error and while it is revalidated.
// - A refresh that fails leaves what is stored; within its window it is served on, and asked for again after a while.
// - HEAD is answered from what is stale, too, and begins a refresh that is a GET.

import assert from 'node:assert/strict';
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

const TAG: Fields = [['ETag', '"abc"']];
const WHILE = cacheControl('max-age=1, stale-while-revalidate=60');
const IF_ERROR = cacheControl('max-age=2, stale-if-error=60');

const FORBIDDING = ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=1'];

const revalidating = (fields: Fields, more: Step = {}): Step => ({
  from: 'revalidating',
  ...more,
  origin: { fields, ...more.origin },
});

const fallback = (more: Step): Step => ({ from: 'fallback', of: 1, ...more });

/** The connection to the origin breaks, and nothing stale stands in for the answer. */
const breaking = (how: 'gateway' | 'throw'): Step => ({
  from: 'origin',
  origin: { breaks: how },
  status: how === 'gateway' ? [502, 504] : [500, 504],
});

export const STALE: Row[] = [
  ...section(
    'RFC 5861 §3: stale-while-revalidate',
    optimal(
      'within the window',
      [miss([...WHILE, ...TAG], { wait: 3 }), revalidating(FRESH)],
      'stale-while-revalidate',
    ),
    must(
      'beyond it',
      [
        miss([...cacheControl('max-age=1, stale-while-revalidate=4'), ...TAG], { wait: 3 }),
        revalidating([...cacheControl('no-cache'), ['ETag', '"def"']], { wait: 3 }),
        forwarded({ seen: { has: [['If-None-Match', '"def"']] } }),
      ],
      'stale-while-revalidate-window',
    ),
    must('beyond it, with no request within', [
      miss(cacheControl('max-age=1, stale-while-revalidate=4'), { wait: 6 }),
      forwarded(),
    ]),
    must('its last second, and the next', [
      miss(cacheControl('max-age=10, stale-while-revalidate=10'), { wait: 19 }),
      revalidating([], { origin: { status: 503 }, wait: 1 }),
      forwarded(),
    ]),
    optimal('what the refresh brought is served next', [
      miss(WHILE, { wait: 3 }),
      revalidating(FRESH, { age: 3, of: 1 }),
      hit({ of: 2, age: 0 }),
    ]),
    optimal('the refresh asks with conditions, and a 304 will do', [
      miss([...WHILE, ...TAG, ['X-A', '1']], { wait: 3 }),
      revalidating([], {
        of: 1,
        origin: { status: 304, fields: [...FRESH, ...TAG, ['X-A', '2']] },
        seen: { has: [['If-None-Match', '"abc"']] },
      }),
      hit({ of: 1, has: [['X-A', '2']], age: 0 }),
    ]),
    optimal('with Last-Modified', [
      miss([...WHILE, ['Last-Modified', fixed(-100)]], { wait: 3 }),
      revalidating([], {
        of: 1,
        origin: { status: 304, fields: [...FRESH, ['Last-Modified', fixed(-100)]] },
        seen: { has: [['If-Modified-Since', fixed(-100)]] },
      }),
      hit({ of: 1 }),
    ]),
    optimal('max-age=0', [
      miss(cacheControl('max-age=0, stale-while-revalidate=60')),
      revalidating(FRESH, { of: 1 }),
      hit({ of: 2 }),
    ]),
    must('a refresh has the fields that Vary names', [
      miss([], { fields: [['Foo', '1']], origin: { fields: [...WHILE, ['Vary', 'Foo']] }, wait: 3 }),
      revalidating([], {
        fields: [['Foo', '1']],
        origin: { fields: [...FRESH, ['Vary', 'Foo']] },
        seen: { has: [['Foo', '1']] },
      }),
      hit({ fields: [['Foo', '1']], of: 2 }),
    ]),
    must("but not the client's conditions or range", [
      miss([...WHILE, ...TAG], { wait: 3 }),
      revalidating([], {
        of: 1,
        fields: [
          ['If-None-Match', '"abc", "x"'],
          ['Range', 'bytes=0-1'],
        ],
        status: 304,
        origin: { fields: FRESH },
        seen: { has: [['If-None-Match', '"abc"']], lacks: ['Range'] },
      }),
      hit({ of: 2 }),
    ]),
    check('a refresh for a HEAD is a GET', [
      miss(WHILE, { wait: 3 }),
      revalidating([], { of: 1, method: 'HEAD', origin: { fields: FRESH }, seen: { method: 'GET' } }),
      hit({ body: 'answer 2' }),
    ]),
    must('a refresh for its tenant', [
      miss(WHILE, { fields: [['X-Client-Id', 'a']], wait: 3 }),
      revalidating([], {
        fields: [['X-Client-Id', 'a']],
        origin: { fields: FRESH },
        seen: { has: [['X-Client-Id', 'a']] },
      }),
      hit({ fields: [['X-Client-Id', 'a']], of: 2 }),
      forwarded(),
    ]),
    check('a refresh that fails leaves what is stored', [
      miss(WHILE, { wait: 3 }),
      revalidating([], { of: 1, origin: { status: 503 } }),
      // For a moment nobody tries again.
      hit({ of: 1 }),
    ]),
    ...FORBIDDING.slice(0, 3).map((directive) =>
      must(`not where ${directive} forbids it`, [
        miss(cacheControl(`max-age=1, stale-while-revalidate=60, ${directive}`), { wait: 3 }),
        forwarded(),
      ]),
    ),
    check('nor where s-maxage does', [
      miss(cacheControl('s-maxage=1, stale-while-revalidate=60'), { wait: 3 }),
      forwarded(),
    ]),
    check('an argument that is no number', [
      miss(cacheControl('max-age=1, stale-while-revalidate=abc'), { wait: 3 }),
      forwarded(),
    ]),
    must('one refresh for many requests', async (stage) => {
      stage.answers({ fields: WHILE, body: 'old' });
      await stage.ask();
      stage.rig.clock.forward(3);
      let release = () => {};
      const after = new Promise<void>((resolve) => {
        release = resolve;
      });
      stage.answers({ fields: FRESH, body: 'new', after });
      const answers = await Promise.all(Array.from({ length: 8 }, () => stage.ask()));
      assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['old']));
      release();
      await stage.until('the new answer', async () => (await stage.ask()).text === 'new');
      assert.equal(stage.asked.length, 2);
    }),
    must('at once: nobody waits for the refresh', async (stage) => {
      stage.answers({ fields: WHILE, body: 'old' });
      await stage.ask();
      stage.rig.clock.forward(3);
      let release = () => {};
      const after = new Promise<void>((resolve) => {
        release = resolve;
      });
      stage.answers({ fields: FRESH, body: 'new', after });
      assert.equal((await stage.ask()).text, 'old');
      await stage.until('the refresh', () => stage.asked.length === 2);
      assert.equal((await stage.ask()).text, 'old');
      release();
      await stage.until('the new answer', async () => (await stage.ask()).text === 'new');
    }),
  ),
  ...section(
    'RFC 5861 §4: stale-if-error',
    ...[500, 502, 503, 504].map((status) =>
      check(
        `${status}`,
        [miss(IF_ERROR, { wait: 3 }), fallback({ origin: { status } })],
        status === 503 ? 'stale-sie-503' : {},
      ),
    ),
    ...[404, 410, 429, 501].map((status) =>
      must(`not for ${status}`, [miss(IF_ERROR, { wait: 3 }), forwarded({ origin: { status } })]),
    ),
    check(
      'a connection that breaks',
      [miss(IF_ERROR, { wait: 3 }), fallback({ origin: { breaks: 'gateway' } })],
      'stale-sie-close',
    ),
    optimal('that makes the application throw', [
      miss(IF_ERROR, { wait: 3 }),
      fallback({ origin: { breaks: 'throw' } }),
    ]),
    optimal('that it passes on', [miss(IF_ERROR, { wait: 3 }), fallback({ origin: { breaks: 'destroy' } })]),
    must('beyond the window', [
      miss(cacheControl('max-age=2, stale-if-error=5'), { wait: 8 }),
      forwarded({ origin: { status: 503 } }),
    ]),
    must('its last second, and the next', [
      miss(cacheControl('max-age=10, stale-if-error=10'), { wait: 19 }),
      fallback({ origin: { status: 503 }, wait: 1, age: 19 }),
      forwarded({ origin: { status: 503 } }),
    ]),
    optimal('with a validator', [
      miss([...IF_ERROR, ...TAG], { wait: 3 }),
      fallback({ origin: { status: 503 }, seen: { has: [['If-None-Match', '"abc"']] } }),
    ]),
    optimal('a client that has it', [
      miss([...IF_ERROR, ...TAG], { wait: 3 }),
      fallback({ fields: [['If-None-Match', '"abc"']], origin: { status: 503 }, status: 304 }),
    ]),
    must('each request asks again, until it is over', [
      miss(IF_ERROR, { wait: 3 }),
      fallback({ origin: { status: 503 } }),
      fallback({ origin: { status: 503 } }),
      forwarded({ origin: { fields: FRESH } }),
      hit({ of: 4 }),
    ]),
    must('an error with a lifetime does not take its place', [
      miss(IF_ERROR, { wait: 3 }),
      fallback({ origin: { status: 503, fields: cacheControl('max-age=1') }, wait: 2 }),
      fallback({ origin: { status: 503 } }),
    ]),
    ...FORBIDDING.map((directive) =>
      must(`not where ${directive} forbids it`, [
        miss(cacheControl(`max-age=1, stale-if-error=60, ${directive}`), { wait: 3 }),
        forwarded({ origin: { status: 503 } }),
      ]),
    ),
    optimal('both windows: an error in the second', [
      miss(cacheControl('max-age=1, stale-while-revalidate=2, stale-if-error=60'), { wait: 10 }),
      fallback({ origin: { status: 503 } }),
    ]),
    must('what was invalidated does not come back', [
      miss(IF_ERROR),
      forwarded({ method: 'POST', sends: 'x' }),
      forwarded({ origin: { status: 503 } }),
    ]),
    must('nor for another variant', [
      miss([], { fields: [['Foo', '1']], origin: { fields: [...IF_ERROR, ['Vary', 'Foo']] }, wait: 3 }),
      forwarded({ fields: [['Foo', '2']], origin: { status: 503 } }),
    ]),
  ),
  ...section(
    'RFC 9111 §4.2.4: nothing stale without leave',
    check('the connection breaks', [miss(cacheControl('max-age=2'), { wait: 3 }), breaking('gateway')], 'stale-close'),
    check('503', [miss(cacheControl('max-age=2'), { wait: 3 }), forwarded({ origin: { status: 503 } })], 'stale-503'),
    check(
      'no Warning, of what came stale',
      [
        miss([...cacheControl('max-age=0, stale-if-error=60')], { wait: 3 }),
        fallback({ origin: { breaks: 'gateway' }, lacks: ['Warning'] }),
      ],
      'stale-warning-stored',
    ),
    check(
      'nor of what became stale',
      [miss(IF_ERROR, { wait: 3 }), fallback({ origin: { breaks: 'gateway' }, lacks: ['Warning'] })],
      'stale-warning-become',
    ),
    ...(
      [
        ['must-revalidate', 'stale-close-must-revalidate'],
        ['proxy-revalidate', 'stale-close-proxy-revalidate'],
        ['no-cache', 'stale-close-no-cache'],
        ['s-maxage=2', 'stale-close-s-maxage=2'],
      ] as const
    ).map(([directive, id]) =>
      must(
        `${directive}, and the connection breaks`,
        [miss(cacheControl(`max-age=2, ${directive}`), { wait: 3 }), breaking('gateway')],
        id,
      ),
    ),
    must('an error, then the origin again', [
      miss([...cacheControl('max-age=2'), ...TAG], { wait: 3 }),
      breaking('throw'),
      validated([...FRESH, ...TAG], { of: 1 }),
      hit({ of: 1 }),
    ]),
  ),
];
