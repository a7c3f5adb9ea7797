// RFC 9111 §5.2 and §5.4: directives.
//
// Chosen where the standard leaves it open:
// - The directives of requests are honoured. `no-store` goes to the origin though a fresh response is stored, which stays.
// - `max-stale` is given what is stale, for a while also what was stale when it came.
// - A request's argument that is no number is not there.
// - Where the origin fails, a request with `no-cache` is not given what is stored, fresh as it may be.
// - `Pragma: no-cache` counts as `Cache-Control: no-cache` where there is no Cache-Control, in responses, too.

import type { Fields } from './fields.js';
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

const TAG: Fields = [['ETag', '"a"']];

/** A response, and a request with directives some seconds later. */
const asked = (response: string | Fields, request: string, then: Step, wait = 3): Step[] => [
  miss(typeof response === 'string' ? cacheControl(response) : response, { wait }),
  { ...then, fields: cacheControl(request) },
];

const SELF: Step = { from: 'self', status: 504 };

/** The origin cannot be reached, and that is what the client learns. */
const failing: Step = { origin: { breaks: 'gateway' }, from: 'origin', status: [502, 504] };

export const DIRECTIVES: Row[] = [
  ...section(
    'RFC 9111 §5.2.1: requests',
    check('max-age=0', asked(FRESH, 'max-age=0', forwarded()), 'ccreq-ma0'),
    check('max-age=1', asked(FRESH, 'max-age=1', forwarded()), 'ccreq-ma1'),
    check(
      'max-age, against Age',
      asked([...FRESH, ['Age', '1800']], 'max-age=600', forwarded(), 0),
      'ccreq-magreaterage',
    ),
    must('max-age that is enough', asked(FRESH, 'max-age=3', hit())),
    check('max-age=0, of what has a validator', asked([...FRESH, ...TAG], 'max-age=0', validated(TAG))),
    check('max-age that is no number', asked(FRESH, 'max-age=abc', hit())),
    check('max-age in quotes', asked(FRESH, 'max-age="0"', forwarded())),
    check('max-stale', asked('max-age=1', 'max-stale=1000', hit()), 'ccreq-max-stale'),
    check(
      'max-stale, against Age',
      asked([...cacheControl('max-age=1500'), ['Age', '2000']], 'max-stale=1000', hit(), 0),
      { id: 'ccreq-max-stale-age', declined: 'what came stale is good for nobody without a validator' },
    ),
    check('max-stale of any length', asked('max-age=1', 'max-stale', hit())),
    must('max-stale that is too short', asked('max-age=1', 'max-stale=1', forwarded(), 5)),
    ...['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=1'].map((directive) =>
      must(`max-stale, where ${directive} forbids it`, asked(`max-age=1, ${directive}`, 'max-stale=1000', forwarded())),
    ),
    must('what is stale is not given without it', asked('max-age=1', 'made-up', forwarded())),
    check('min-fresh', asked('max-age=1500', 'min-fresh=2000', forwarded(), 0), 'ccreq-min-fresh'),
    check(
      'min-fresh, against Age',
      asked([...cacheControl('max-age=1500'), ['Age', '1000']], 'min-fresh=1000', forwarded(), 0),
      'ccreq-min-fresh-age',
    ),
    must('min-fresh that is met', asked('max-age=1500', 'min-fresh=1000', hit())),
    check('no-cache', asked(FRESH, 'no-cache', forwarded(), 0), 'ccreq-no-cache'),
    check(
      'no-cache, of what has Last-Modified',
      asked(
        [...FRESH, ['Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT']],
        'no-cache',
        validated([['Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT']]),
        0,
      ),
      'ccreq-no-cache-lm',
    ),
    check(
      'no-cache, of what has a tag',
      asked([...FRESH, ...TAG], 'no-cache', validated(TAG), 0),
      'ccreq-no-cache-etag',
    ),
    must('what no-cache has brought is there for others', [
      miss(FRESH),
      miss([], { fields: cacheControl('no-cache'), origin: { fields: FRESH } }),
      hit({ of: 2 }),
    ]),
    check('no-cache, and an origin that fails', [
      miss(FRESH, { wait: 3 }),
      forwarded({ fields: cacheControl('no-cache'), origin: { status: 503 } }),
      hit({ of: 1 }),
    ]),
    check('no-store', asked(FRESH, 'no-store', forwarded(), 0), 'ccreq-no-store'),
    must('what is answered to no-store is not stored', [
      miss(FRESH, { fields: cacheControl('no-store') }),
      forwarded(),
    ]),
    check('and what is stored stays', [
      miss(FRESH),
      miss([], { fields: cacheControl('no-store'), origin: { fields: FRESH } }),
      hit({ of: 1 }),
    ]),
    check('only-if-cached, where nothing is', [{ ...SELF, fields: cacheControl('only-if-cached') }], 'ccreq-oic'),
    must('only-if-cached, where something is', asked(FRESH, 'only-if-cached', hit())),
    check('only-if-cached, where it is stale', asked('max-age=1', 'only-if-cached', SELF)),
    check(
      'only-if-cached, where it must be validated',
      asked([...cacheControl('no-cache'), ...TAG], 'only-if-cached', SELF),
    ),
    check('only-if-cached and max-stale', asked('max-age=1', 'only-if-cached, max-stale', hit())),
    check('only-if-cached for another variant', [
      miss([], { fields: [['Foo', '1']], origin: { fields: [...FRESH, ['Vary', 'Foo']] } }),
      { ...SELF, fields: [['Foo', '2'], ...cacheControl('only-if-cached')] },
    ]),
    must('no-transform', asked(FRESH, 'no-transform', hit())),
    must('what is not known', asked(FRESH, 'nothing-to-see-here', hit())),
    must('known names within quotes', asked(FRESH, 'x="no-cache, max-age=0"', hit())),
    must('in several lines, in any case', [
      miss(FRESH, { wait: 3 }),
      forwarded({ fields: [...cacheControl('made-up'), ...cacheControl('NO-CACHE')] }),
    ]),
    check(
      'stale-if-error of a request is not enough',
      asked('max-age=1', 'stale-if-error=60', forwarded({ origin: { status: 503 } })),
    ),
  ),
  ...section(
    'RFC 9111 §5.2.2: responses',
    optimal(
      'must-revalidate while it is fresh',
      [miss([...cacheControl('max-age=10000, must-revalidate'), ...TAG]), hit()],
      'cc-resp-must-revalidate-fresh',
    ),
    must(
      'must-revalidate when it is not',
      [miss([...cacheControl('max-age=2, must-revalidate'), ...TAG]), hit({ wait: 3 }), validated(TAG)],
      'cc-resp-must-revalidate-stale',
    ),
    must('must-revalidate, and no origin', [
      miss([...cacheControl('max-age=2, must-revalidate'), ...TAG], { wait: 3 }),
      failing,
    ]),
    must('must-revalidate, and an origin that throws', [
      miss([...cacheControl('max-age=2, must-revalidate'), ...TAG], { wait: 3 }),
      { ...failing, origin: { breaks: 'throw' }, status: [500, 504] },
    ]),
    must('proxy-revalidate when it is stale', [
      miss([...cacheControl('max-age=2, proxy-revalidate'), ...TAG], { wait: 3 }),
      validated(TAG),
    ]),
    must('s-maxage when it is stale', [miss([...cacheControl('s-maxage=2'), ...TAG], { wait: 3 }), validated(TAG)]),
    check(
      'no-cache for a field: the response is used without it',
      [
        miss([...cacheControl('no-cache="a"'), ['a', '1'], ['b', '2'], ...FRESH], { wait: 3 }),
        hit({ has: [['b', '2']], lacks: ['a'] }),
      ],
      'headers-omit-headers-listed-in-Cache-Control-no-cache-single',
    ),
    check(
      'no-cache for several',
      [
        miss([...cacheControl('no-cache="a, b"'), ['a', '1'], ['b', '2'], ['c', '3'], ...FRESH], { wait: 3 }),
        hit({ has: [['c', '3']], lacks: ['a', 'b'] }),
      ],
      'headers-omit-headers-listed-in-Cache-Control-no-cache',
    ),
    must('no-cache for a field, and plain', [
      miss(cacheControl('no-cache="a", no-cache, max-age=3600'), { wait: 3 }),
      forwarded(),
    ]),
    must('no-cache, and no validator', [miss(cacheControl('no-cache, max-age=3600')), forwarded(), forwarded()]),
    must('no-transform: nothing is', [miss(cacheControl('max-age=60, no-transform')), hit()]),
    must('public makes nothing fresh', [miss(cacheControl('public'), { wait: 3 }), forwarded()]),
    must('public, when it is stale', [miss(cacheControl('public, max-age=1'), { wait: 3 }), forwarded()]),
  ),
  ...section(
    'RFC 9111 §5.4: Pragma',
    check(
      'no-cache of a request that has Cache-Control',
      [miss(FRESH), hit({ fields: [['Pragma', 'no-cache'], ...cacheControl('nothing-to-see-here')] })],
      'pragma-request-no-cache',
    ),
    check('no-cache of a request that has none', [miss(FRESH), forwarded({ fields: [['Pragma', 'no-cache']] })]),
    check(
      'what is not known',
      [miss(FRESH), hit({ fields: [['Pragma', 'unrecognised-extension']] })],
      'pragma-request-extension',
    ),
    check(
      'no-cache of a response that has Cache-Control',
      [miss([...FRESH, ['Pragma', 'no-cache']]), hit()],
      'pragma-response-no-cache',
    ),
    check(
      'no-cache of a response that has none',
      [
        miss([
          ['Last-Modified', -10_000],
          ['Pragma', 'no-cache'],
        ]),
        forwarded(),
      ],
      'pragma-response-no-cache-heuristic',
    ),
    check(
      'what is not known, of a response',
      [miss([...FRESH, ['Pragma', 'unrecognised-extension']]), hit()],
      'pragma-response-extension',
    ),
  ),
];
