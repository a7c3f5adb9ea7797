// Random scripts: what clients ask and handlers say at one URL, out of small alphabets, so that things meet.

import fc from 'fast-check';
import type { Line } from './messages.js';

/** One request, and what the handler says if it is asked. */
export interface Scene {
  /** Seconds since the last one. */
  readonly wait: number;
  readonly method: string;
  /** `{now+60}` and `{start-100}` in values stand for dates; see `placeholders.ts`. */
  readonly fields: readonly Line[];
  readonly origin: Origin;
}

export interface Origin {
  readonly status: number;
  readonly fields: readonly Line[];
  /**
   * What the handler does with conditions: answers 304 with the validators that it was asked about (`same`), with none
   * (`bare`), or does not look at them (`no`).
   */
  readonly confirms: 'no' | 'same' | 'bare';
  /** Seconds that it takes. */
  readonly takes: number;
}

export type Script = readonly Scene[];

type Weighted<T> = readonly (readonly [weight: number, value: T])[];

function pick<T>(...options: Weighted<T>): fc.Arbitrary<T> {
  return fc.oneof(...options.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

/** A field that is there now and then. */
function sometimes(weight: number, line: fc.Arbitrary<readonly Line[]>): fc.Arbitrary<readonly Line[]> {
  return fc.oneof({ weight: 100 - weight, arbitrary: fc.constant([]) }, { weight, arbitrary: line });
}

function field(name: string, ...values: Weighted<string>): fc.Arbitrary<readonly Line[]> {
  return pick(...values).map((value) => [[name, value] as const]);
}

/** One `Cache-Control` member as it may be spelt. */
function spelt(member: string): fc.Arbitrary<string> {
  return pick(
    [6, member],
    [1, member.replace(/^[^=]+/, (name) => name.toUpperCase())],
    [1, member.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())],
    [1, member.replace(/=([^"]+)$/, '="$1"')],
    [0, member.replace('=', ' = ')],
  );
}

const SECONDS = ['0', '1', '10', '60', '300', '3600', '2147483648', '99999999999'];
const WRONG = ['abc', '-1', '1.5', '', '60s', '0x10', '" 60 "', "'60'"];

function seconds(name: string): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...SECONDS).map((value) => `${name}=${value}`) },
    { weight: 1, arbitrary: fc.constantFrom(...WRONG).map((value) => `${name}=${value}`) },
    { weight: 1, arbitrary: fc.constantFrom(name, `${name}=060`) },
  );
}

const bare = pick(
  [3, 'no-store'],
  [4, 'no-cache'],
  [3, 'private'],
  [5, 'public'],
  [4, 'must-revalidate'],
  [2, 'proxy-revalidate'],
  [2, 'must-understand'],
  [1, 'no-transform'],
  [1, 'immutable'],
);
const listing = pick(
  [2, 'private="x-secret"'],
  [2, 'no-cache="X-Secret, set-cookie"'],
  [1, 'private=x-secret'],
  [1, 'no-cache=""'],
);
const strange = pick(
  [2, 'foo'],
  [2, 'foo="a, no-store"'],
  [1, 'foo="\\", private"'],
  [1, 'foo=bar'],
  [1, '="x"'],
  [1, 'no-store-please'],
  [1, 'x-private'],
  [1, ';'],
);
const responseMember = fc
  .oneof(
    { weight: 10, arbitrary: seconds('max-age') },
    { weight: 3, arbitrary: seconds('s-maxage') },
    { weight: 2, arbitrary: seconds('stale-while-revalidate') },
    { weight: 2, arbitrary: seconds('stale-if-error') },
    { weight: 7, arbitrary: bare },
    { weight: 2, arbitrary: listing },
    { weight: 3, arbitrary: strange },
  )
  .chain(spelt);

/** A field with its members in one line or several. */
function list(name: string, member: fc.Arbitrary<string>, most: number): fc.Arbitrary<readonly Line[]> {
  const separator = pick([8, ', '], [2, ','], [1, ' ,\t'], [1, ', ,'], [3, '\n']);
  return fc.array(fc.tuple(member, separator), { minLength: 1, maxLength: most }).map((members) =>
    members
      .map(([text, between], i) => (i < members.length - 1 ? text + between : text))
      .join('')
      .split('\n')
      .map((value) => [name, value] as const),
  );
}

const ETAGS: Weighted<string> = [
  [4, '"a"'],
  [2, '"b"'],
  [2, 'W/"a"'],
  [1, '""'],
];

const responseFields = fc
  .tuple(
    sometimes(75, list('Cache-Control', responseMember, 4)),
    sometimes(45, field('ETag', ...ETAGS)),
    sometimes(
      35,
      field(
        'Last-Modified',
        [4, '{start-100}'],
        [2, '{start-1000}'],
        [1, '{start+500}'],
        [1, '{start-9999990}'],
        [1, 'never'],
      ),
    ),
    sometimes(
      25,
      fc.oneof(
        field('Expires', [4, '{now+60}'], [2, '{now+3600}'], [2, '{now-60}'], [1, '{now+0}'], [1, '0'], [1, '-1']),
        field('Expires', [1, '{now+60 rfc850}'], [1, '{now+60 asctime}'], [1, '{now+60 lower}'], [1, '{now+60 zone}']),
        fc.constant([
          ['Expires', '{now+60}'],
          ['Expires', '{now+600}'],
        ] as const),
      ),
    ),
    sometimes(25, field('Date', [6, '{now+0}'], [2, '{now-30}'], [1, '{now+30}'], [1, '{now-5000}'], [1, 'today'])),
    sometimes(
      20,
      field(
        'Age',
        [2, '0'],
        [3, '5'],
        [2, '59'],
        [2, '400'],
        [1, '5, 1000'],
        [1, '-5'],
        [1, '1.5'],
        [1, '99999999999'],
      ),
    ),
    sometimes(
      30,
      field('Vary', [4, 'X-Flavour'], [2, 'x-flavour, X-Size'], [1, 'X-SIZE'], [1, '*'], [1, 'X-Size, *'], [1, '']),
    ),
    sometimes(4, field('Pragma', [2, 'no-cache'], [1, 'x'])),
    sometimes(10, field('Set-Cookie', [1, 'a=1; Path=/'])),
    sometimes(25, field('X-Secret', [1, 'hush'])),
    sometimes(
      4,
      field(
        'Respcache-Cache-Control',
        [3, 'max-age=60'],
        [1, 'no-store'],
        [1, 'max-age=60, private="x-secret"'],
        [1, 'max-age=1.5'],
        [1, 'max-age=60, ,'],
        [1, ''],
        [1, 'none'],
      ),
    ),
    sometimes(2, field('CDN-Cache-Control', [1, 'max-age=60'], [1, 'no-store'])),
  )
  .map((groups) => groups.flat());

const STATUSES: Weighted<number> = [
  [30, 200],
  ...[203, 204, 301, 302, 404, 410, 500, 503].map((status) => [2, status] as const),
  ...[201, 300, 307, 308, 400, 403, 405, 414, 429, 501, 502, 504, 206, 412].map((status) => [1, status] as const),
  ...[299, 499, 599].map((status) => [1, status] as const),
];

const origin: fc.Arbitrary<Origin> = fc.record({
  status: pick(...STATUSES),
  fields: responseFields,
  confirms: pick<Origin['confirms']>([3, 'no'], [5, 'same'], [1, 'bare']),
  takes: pick([12, 0], [1, 2], [1, 40]),
});

const requestMember = fc.oneof(
  { weight: 3, arbitrary: pick([1, 'no-cache'], [1, 'no-store'], [2, 'only-if-cached'], [1, 'max-stale'], [1, 'foo']) },
  { weight: 2, arbitrary: seconds('max-age') },
  { weight: 2, arbitrary: seconds('min-fresh') },
  { weight: 2, arbitrary: seconds('max-stale') },
);

const requestFields = fc
  .tuple(
    sometimes(50, field('X-Flavour', [4, 'a'], [2, 'b'], [1, 'a, b'], [1, 'a,b'], [1, ''])),
    sometimes(25, field('X-Size', [2, 's'], [1, 'm'])),
    sometimes(20, list('Cache-Control', requestMember, 2)),
    sometimes(4, field('Pragma', [3, 'no-cache'], [1, 'x'])),
    sometimes(12, field('If-None-Match', [3, '"a"'], [1, 'W/"a"'], [1, '"b"'], [1, '"b", "a"'], [1, '*'])),
    sometimes(
      10,
      field('If-Modified-Since', [3, '{start-100}'], [1, '{start-5000}'], [1, '{start+2000}'], [1, 'soon']),
    ),
    sometimes(8, field('Cookie', [1, 'c=1'])),
    sometimes(8, field('Authorization', [1, 'Basic eDp5'])),
  )
  .map((groups) => groups.flat());

const scene: fc.Arbitrary<Scene> = fc.record({
  wait: pick(
    ...[0, 1, 5, 10, 30, 59, 60, 61].map((each) => [2, each] as const),
    ...[299, 300, 301, 3600, 86_400, 864_000].map((each) => [1, each] as const),
  ),
  method: pick([20, 'GET'], [2, 'HEAD'], [1, 'POST']),
  fields: requestFields,
  origin,
});

export const script: fc.Arbitrary<Script> = fc.array(scene, { minLength: 2, maxLength: 5 });
