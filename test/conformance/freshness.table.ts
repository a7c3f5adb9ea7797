// RFC 9111 §4.2: freshness, and the age it is measured by.
//
// Chosen where the standard leaves it open:
// - A directive given twice with different arguments makes a response stale; given twice with the same it counts once.
// - An argument that is no whole number (`3600.0`, `a3600`, none at all) or blanks around the `=` make it stale, also for
//   `s-maxage` beside a good `max-age`. An argument in quotes is understood.
// - An `Age` that is no whole number (with parameters, too) is not there.
// - The apparent age counts (§4.2.3): a `Date` long past makes a response old.
// - Heuristic freshness is a tenth of the time since `Last-Modified`, at most a day, with or without a query.
// - A miss gets no `Age`, however long it took.

import type { Fields } from './fields.js';
import {
  cacheControl,
  check,
  DAY,
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
} from './table.js';

const EXPIRES = 'Thu, 18 Aug 2050 02:01:18 GMT';

const expires = (value: string): Fields => [['Expires', value]];
const aged = (...ages: string[]): Fields => [...FRESH, ...ages.map((age) => ['Age', age] as const)];

const heuristic = (status: number, fate: 'cached' | 'not_cached', fields: Fields = [], known = true): Draft => {
  const script = {
    status,
    body: status === 204 ? '' : 'the same',
    fields: [['Last-Modified', -DAY], ...fields] as Fields,
  };
  const again = fate === 'cached' ? hit() : forwarded({ origin: script, seen: { lacks: ['If-Modified-Since'] } });
  const kind = fate === 'cached' ? optimal : must;
  return kind(
    `${status} ${fields.length > 0 ? 'that is public ' : ''}is ${fate}`,
    [miss([], { origin: script }), again],
    known ? `heuristic-${status}-${fate}` : {},
  );
};

/** Fresh up to one second, and not at that second. */
const freshFor = (seconds: number, fields: Fields): Step[] => [
  miss(fields, { wait: seconds - 1 }),
  hit({ wait: 1 }),
  forwarded(),
];

export const FRESHNESS: Row[] = [
  ...section(
    'RFC 9111 §4.2.1: max-age and s-maxage',
    optimal('max-age', reused(FRESH), 'freshness-max-age'),
    must('max-age, when it is over', notReused(cacheControl('max-age=2')), 'freshness-max-age-stale'),
    must('to the second', freshFor(60, cacheControl('max-age=60'))),
    must('max-age=0', notReused(cacheControl('max-age=0'), 0), 'freshness-max-age-0'),
    optimal('2147483647', reused(cacheControl('max-age=2147483647')), 'freshness-max-age-max-minus-1'),
    optimal('2147483648', reused(cacheControl('max-age=2147483648')), 'freshness-max-age-max'),
    optimal('2147483649', reused(cacheControl('max-age=2147483649')), 'freshness-max-age-max-plus-1'),
    optimal('99999999999', reused(cacheControl('max-age=99999999999')), 'freshness-max-age-max-plus'),
    optimal('of 400 digits', reused(cacheControl(`max-age=${'9'.repeat(400)}`))),
    optimal('beside a past Expires', reused([...FRESH, ['Expires', -7200]]), 'freshness-max-age-expires'),
    optimal('beside an invalid Expires', reused([...FRESH, ['Expires', '0']]), 'freshness-max-age-expires-invalid'),
    must(
      'max-age=0 beside a future Expires',
      notReused([...cacheControl('max-age=0'), ['Expires', 3600]]),
      'freshness-max-age-0-expires',
    ),
    optimal('beside what is not known', reused(cacheControl('foobar, max-age=3600')), 'freshness-max-age-extension'),
    optimal('MaX-aGe', reused(cacheControl('MaX-aGe=3600')), 'freshness-max-age-case-insenstive'),
    must('negative', notReused(cacheControl('max-age=-3600')), 'freshness-max-age-negative'),
    optimal('s-maxage', reused(cacheControl('s-maxage=3600')), 'freshness-s-maxage-shared'),
    must(
      'a short s-maxage behind max-age',
      notReused(cacheControl('max-age=3600, s-maxage=1')),
      'freshness-max-age-s-maxage-shared-longer',
    ),
    must(
      'before it',
      notReused(cacheControl('s-maxage=1, max-age=3600')),
      'freshness-max-age-s-maxage-shared-longer-reversed',
    ),
    must(
      'in another line',
      notReused([...FRESH, ...cacheControl('s-maxage=1')]),
      'freshness-max-age-s-maxage-shared-longer-multiple',
    ),
    optimal(
      'a long one',
      reused(cacheControl('max-age=1, s-maxage=3600')),
      'freshness-max-age-s-maxage-shared-shorter',
    ),
    optimal(
      'a long one beside max-age=0 and a past Expires',
      reused([['Expires', -10], ...cacheControl('max-age=0, s-maxage=3600')]),
      'freshness-max-age-s-maxage-shared-shorter-expires',
    ),
    must('s-maxage=0 beside a long max-age', notReused(cacheControl('max-age=3600, s-maxage=0'), 0)),
    must('s-maxage over Expires', notReused([...cacheControl('s-maxage=1'), ['Expires', 3600]])),
    check('immutable adds nothing to it', notReused(cacheControl('max-age=2, immutable'))),
  ),
  ...section(
    'RFC 9111 §4.2.1: syntax',
    check(
      'two values, the first fresh',
      notReused(cacheControl('max-age=1800, max-age=1')),
      'freshness-max-age-two-fresh-stale-sameline',
    ),
    check(
      'in two lines',
      notReused([...cacheControl('max-age=1800'), ...cacheControl('max-age=1')]),
      'freshness-max-age-two-fresh-stale-sepline',
    ),
    check(
      'two values, the second fresh',
      notReused(cacheControl('max-age=1, max-age=1800')),
      'freshness-max-age-two-stale-fresh-sameline',
    ),
    check(
      'in two lines, too',
      notReused([...cacheControl('max-age=1'), ...cacheControl('max-age=1800')]),
      'freshness-max-age-two-stale-fresh-sepline',
    ),
    check('two fresh values', notReused(cacheControl('max-age=1800, max-age=3600'))),
    check('the same value twice', reused(cacheControl('max-age=3600, max-age=3600'))),
    check('in quotes', reused(cacheControl('max-age="3600"')), 'freshness-max-age-quoted'),
    must(
      'within quotes, before the real one',
      notReused(cacheControl('extension="max-age=3600", max-age=1')),
      'freshness-max-age-ignore-quoted',
    ),
    must(
      'behind it',
      notReused(cacheControl('max-age=1, extension="max-age=3600"')),
      'freshness-max-age-ignore-quoted-rev',
    ),
    optimal('behind quotes with a comma', reused(cacheControl('x="a, max-age=0", max-age=3600'))),
    optimal('behind quotes with a quote', reused(cacheControl('x="a\\", max-age=0", max-age=3600'))),
    check('a blank before the =', notReused(cacheControl('max-age =3600')), 'freshness-max-age-space-before-equals'),
    check('a blank behind it', notReused(cacheControl('max-age= 3600')), 'freshness-max-age-space-after-equals'),
    must('leading zeros', reused(cacheControl('max-age=003600')), 'freshness-max-age-leading-zero'),
    must('in single quotes', notReused(cacheControl("max-age='3600'")), 'freshness-max-age-single-quoted'),
    check('3600.0', notReused(cacheControl('max-age=3600.0')), 'freshness-max-age-decimal-zero'),
    check('3600.5', notReused(cacheControl('max-age=3600.5')), 'freshness-max-age-decimal-five'),
    check('a3600', notReused(cacheControl('max-age=a3600')), 'freshness-max-age-a100'),
    check('3600a', notReused(cacheControl('max-age=3600a')), 'freshness-max-age-100a'),
    ...['+3600', '0x10', '1e3', '"3600', '3600"', '', '3 600'].map((value) =>
      check(`max-age=${value}`, notReused(cacheControl(`max-age=${value}`))),
    ),
    check('no argument', notReused(cacheControl('max-age'))),
    check('a bad s-maxage beside a good max-age', notReused(cacheControl('max-age=3600, s-maxage=abc'))),
    check('a bad max-age beside a good s-maxage', reused(cacheControl('max-age=abc, s-maxage=3600'))),
    optimal('empty members, tabs', reused(cacheControl(',, \t, max-age=3600\t,'))),
    optimal('an empty line before', reused([['Cache-Control', ''], ...FRESH])),
    must('a name that ends in max-age', notReused(cacheControl('x-max-age=3600'))),
    must('a name that begins with it', notReused(cacheControl('max-age-x=3600'))),
    must('invalid freshness is no reason to guess', [
      miss([...cacheControl('max-age=abc'), ['Last-Modified', -DAY]], { wait: 3 }),
      forwarded(),
    ]),
  ),
  ...section(
    'RFC 9111 §4.2.1: Expires',
    optimal('in the future', reused([['Expires', 30 * DAY]]), 'freshness-expires-future'),
    must('to the second', freshFor(60, [['Expires', 60]])),
    must('in the past', notReused([['Expires', -30 * DAY]]), 'freshness-expires-past'),
    must('now', notReused([['Expires', 0]], 0), 'freshness-expires-present'),
    must(
      'before a Date that is ahead',
      notReused([
        ['Expires', 300],
        ['Date', 400],
      ]),
      'freshness-expires-old-date',
    ),
    must('0', notReused([['Expires', '0']]), 'freshness-expires-invalid'),
    must('-1', notReused([['Expires', '-1']])),
    must('nothing at all', notReused([['Expires', '']])),
    must(
      '0, and Last-Modified: no reason to guess',
      notReused([
        ['Expires', '0'],
        ['Last-Modified', -DAY],
      ]),
    ),
    optimal(
      'beside an invalid Date',
      reused(
        [
          ['Date', 'foo'],
          ['Expires', 10],
        ],
        0,
      ),
      'freshness-expires-invalid-date',
    ),
    optimal('without a Date', [
      miss([], { origin: { dateless: true, fields: [['Expires', 60]] }, wait: 59 }),
      hit({ wait: 1 }),
      forwarded(),
    ]),
    must(
      'counted from a Date that is ahead',
      freshFor(10, [
        ['Date', 100],
        ['Expires', 110],
      ]),
    ),
    must(
      'less than Age, and a slow Date',
      notReused(
        [
          ['Date', -10],
          ['Expires', 10],
          ['Age', '25'],
        ],
        0,
      ),
      'freshness-expires-age-slow-date',
    ),
    must(
      'less than Age, and a fast Date',
      notReused(
        [
          ['Date', 10],
          ['Expires', 20],
          ['Age', '15'],
        ],
        0,
      ),
      'freshness-expires-age-fast-date',
    ),
    optimal('of 32 bits', reused(expires('Tue, 19 Jan 2038 14:14:08 GMT')), 'freshness-expires-32bit'),
    optimal('far in the future', reused(expires('Sun, 21 Nov 2286 04:46:39 GMT')), 'freshness-expires-far-future'),
    optimal('RFC 850', reused(expires('Thursday, 18-Aug-50 02:01:18 GMT')), 'freshness-expires-rfc850'),
    must('RFC 850, more than 50 years ahead is past', notReused(expires('Friday, 18-Aug-95 02:01:18 GMT'))),
    optimal('asctime()', reused(expires('Thu Aug  8 02:01:18 2050')), 'freshness-expires-ansi-c'),
    optimal('THU', reused(expires(EXPIRES.replace('Thu', 'THU'))), 'freshness-expires-wrong-case-weekday'),
    optimal('AUG', reused(expires(EXPIRES.replace('Aug', 'AUG'))), 'freshness-expires-wrong-case-month'),
    optimal('gMT', reused(expires(EXPIRES.replace('GMT', 'gMT'))), 'freshness-expires-wrong-case-tz'),
    must('UTC', notReused(expires(EXPIRES.replace('GMT', 'UTC'))), 'freshness-expires-invalid-utc'),
    must('another zone', notReused(expires(EXPIRES.replace('GMT', 'AEST'))), 'freshness-expires-invalid-aest'),
    must(
      'a year of two digits',
      notReused(expires(EXPIRES.replace('2050', '50'))),
      'freshness-expires-invalid-2-digit-year',
    ),
    must('no comma', notReused(expires(EXPIRES.replace(',', ''))), 'freshness-expires-invalid-no-comma'),
    must(
      'two blanks',
      notReused(expires(EXPIRES.replace(/ (Aug) /, '  $1  ')), 0),
      'freshness-expires-invalid-multiple-spaces',
    ),
    must('dashes', notReused(expires(EXPIRES.replace(' Aug ', '-Aug-')), 0), 'freshness-expires-invalid-date-dashes'),
    must(
      'periods in the time',
      notReused(expires(EXPIRES.replaceAll(':', '.')), 0),
      'freshness-expires-invalid-time-periods',
    ),
    must(
      'an hour of one digit',
      notReused(expires(EXPIRES.replace(' 02:', ' 2:')), 0),
      'freshness-expires-invalid-1-digit-hour',
    ),
    must(
      'two lines',
      notReused([...expires(EXPIRES), ...expires(EXPIRES.replace(':18', ':19'))], 0),
      'freshness-expires-invalid-multiple-lines',
    ),
    must('a day that there is not', notReused(expires('Thu, 31 Feb 2050 02:01:18 GMT'))),
    must('an hour that there is not', notReused(expires('Thu, 18 Aug 2050 25:01:18 GMT'))),
  ),
  ...section(
    'RFC 9111 §4.2.2: heuristic freshness',
    ...[200, 203, 204, 404, 405, 410, 414, 501].map((status) => heuristic(status, 'cached')),
    ...[300, 301, 308].map((status) => heuristic(status, 'cached', [], false)),
    ...[201, 202, 403, 502, 503, 504, 599].map((status) => heuristic(status, 'not_cached')),
    ...[302, 303, 307, 400, 429, 500].map((status) => heuristic(status, 'not_cached', [], false)),
    heuristic(599, 'cached', cacheControl('public')),
    heuristic(302, 'cached', cacheControl('public'), false),
    ...[5, 10, 30].map((delta) =>
      check(`Last-Modified ${delta} seconds ago`, notReused([['Last-Modified', -delta]]), `heuristic-delta-${delta}`),
    ),
    ...[60, 300, 600, 1200, 1800, 3600, 12 * 3600, DAY].map((delta) =>
      check(`Last-Modified ${delta} seconds ago`, reused([['Last-Modified', -delta]]), `heuristic-delta-${delta}`),
    ),
    check('a tenth of it', freshFor(100, [['Last-Modified', -1000]])),
    check(
      'a tenth of Date less Last-Modified',
      freshFor(100, [
        ['Date', 50],
        ['Last-Modified', -950],
      ]),
    ),
    check('at most a day', freshFor(DAY, [['Last-Modified', -1000 * DAY]])),
    check('with a query', [miss([['Last-Modified', -DAY]], { to: '?a=1', wait: 3 }), hit({ to: '?a=1' })]),
    must('a Last-Modified in the future', notReused([['Last-Modified', 1000]])),
    must('no-cache', notReused([...cacheControl('no-cache'), ['Last-Modified', -DAY]])),
    must('private', notReused([...cacheControl('private'), ['Last-Modified', -DAY]])),
    must('what is not known is no freshness', reused([...cacheControl('foobar'), ['Last-Modified', -DAY]])),
  ),
  ...section(
    'RFC 9111 §4.2.3 and §5.1: Age',
    must('there is one', [miss(FRESH, { wait: 3 }), hit({ age: 3 })], 'other-age-gen'),
    must('it grows', [miss(FRESH, { wait: 10 }), hit({ age: 10, wait: 90 }), hit({ age: 100 })]),
    must(
      'by what was there (Expires)',
      [
        miss(
          [
            ['Expires', 30 * DAY],
            ['Age', '30'],
          ],
          { wait: 3 },
        ),
        hit({ age: 33 }),
      ],
      'other-age-update-expires',
    ),
    must('by what was there (max-age)', [miss(aged('30'), { wait: 3 }), hit({ age: 33 })], 'other-age-update-max-age'),
    must('beyond max-age', notReused(aged('7200')), 'freshness-max-age-age'),
    must('the apparent age', [miss([...FRESH, ['Date', -100]], { wait: 3 }), hit({ age: 103 })]),
    must('the larger of both', [miss([...aged('30'), ['Date', -100]], { wait: 3 }), hit({ age: 103 })]),
    must('and the other way', [miss([...aged('100'), ['Date', -30]], { wait: 3 }), hit({ age: 103 })]),
    must('a Date that is ahead makes nothing younger', [miss([...FRESH, ['Date', 100]], { wait: 3 }), hit({ age: 3 })]),
    check('a Date beyond max-age', notReused([...FRESH, ['Date', -7200]]), 'freshness-max-age-date'),
    must('the time that the answer took', [
      miss(FRESH, { origin: { takes: 5, fields: FRESH }, wait: 3 }),
      hit({ age: 8 }),
    ]),
    must('added to Age', [miss([], { origin: { takes: 5, fields: aged('10') }, wait: 3 }), hit({ age: 18 })]),
    must('but not to the apparent age', [
      miss([], { origin: { takes: 5, fields: [...FRESH, ['Date', -5]] }, wait: 3 }),
      hit({ age: 8 }),
    ]),
    must('it counts against the lifetime', [
      miss([], { origin: { takes: 5, fields: cacheControl('max-age=6') }, wait: 2 }),
      forwarded(),
    ]),
    check(
      'a miss that took its time has none',
      [miss(FRESH, { origin: { takes: 5, fields: FRESH }, lacks: ['Age'] })],
      'other-age-delay',
    ),
    must('abc', reused(aged('abc')), 'age-parse-nonnumeric'),
    must('-7200', reused(aged('-7200')), 'age-parse-negative'),
    must('7200.0', reused(aged('7200.0')), 'age-parse-float'),
    must('2147483647', notReused(aged('2147483647')), 'age-parse-large-minus-one'),
    must('2147483648', notReused(aged('2147483648')), 'age-parse-large'),
    must('2147483649', notReused(aged('2147483649')), 'age-parse-larger'),
    must('of 400 digits', notReused(aged('9'.repeat(400)))),
    must('7200, 0', notReused(aged('7200, 0')), 'age-parse-suffix'),
    must('0, 7200', reused(aged('0, 7200')), 'age-parse-prefix'),
    must('7200 and 0', notReused(aged('7200', '0')), 'age-parse-suffix-twoline'),
    must('0 and 7200', reused(aged('0', '7200')), 'age-parse-prefix-twoline'),
    must('0, 0', reused(aged('0, 0')), 'age-parse-dup-0'),
    must('0 and 0', reused(aged('0', '0')), 'age-parse-dup-0-twoline'),
    must('60 and 60', [miss(aged('60', '60'), { wait: 3 }), hit({ age: 63 })], 'age-parse-dup-old'),
    check('with a parameter', reused(aged('7200;foo=bar')), 'age-parse-parameter'),
    check('with a parameter that is a number', reused(aged('7200;foo=111')), 'age-parse-numeric-parameter'),
    must('Date stays', [miss(FRESH, { wait: 3 }), hit({ has: [['Date', -3]] })], 'other-date-update'),
    must(
      'beside Expires, too',
      [miss([['Expires', 30 * DAY]], { wait: 3 }), hit({ has: [['Date', -3]] })],
      'other-date-update-expires',
    ),
    check(
      'Expires stays',
      [miss([['Expires', 30 * DAY]], { wait: 3 }), hit({ has: [['Expires', 30 * DAY - 3]] })],
      'other-date-update-expires-update',
    ),
  ),
];
