// What is played before two hosts, one of which may take the short way of hits and one of which may not: how they are
// built, and what they are asked.

import fc from 'fast-check';
import type { RouteOptions } from 'respcache';
import { FRAMEWORKS, type Source } from '../adapters/hosts.js';

const among = <T>(times: number, ...values: T[]): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: times, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...values) });
const maybe = <T>(...values: T[]) => among(2, ...values);
const seldom = <T>(...values: T[]) => among(6, ...values);
const rarely = <T>(...values: T[]) => among(25, ...values);

/** Of a request that a function of the options is called with. */
const field =
  (name: string) =>
  ({ headers }: Source): string | undefined =>
    headers[name] as string | undefined;

/** Options of a mount. With functions that are asked about each request there is no short way: at this mount alone. */
const route = fc.record({
  ttl: maybe<RouteOptions<Source>['ttl']>(9.7, 10, () => 10),
  negativeTtl: seldom(3),
  tags: seldom<RouteOptions<Source>['tags']>(['users', 'ü, 1'], ({ path }) => `at ${path}`),
  key: seldom<RouteOptions<Source>['key']>('named', 'named', 'named', field('x-api-key')),
  tenant: seldom<RouteOptions<Source>['tenant']>(false, false, 'accept', { required: true }, field('x-client-id')),
  vary: seldom(['accept'], ['X-Api-Key', 'accept-language'], ['authorization']),
  personal: seldom(['x-api-key'], ['accept']),
  when: rarely(({ headers }: Source) => headers.accept === undefined),
  identity: rarely(field('x-client-id')),
  query: maybe({ ignore: ['y'] }, { only: ['x'] }, { sort: false }),
  compress: maybe<RouteOptions['compress']>(true, { encodings: ['gzip'] }),
  requestDirectives: seldom('honor' as const),
  mode: seldom('rfc9111' as const),
  staleWhileRevalidate: seldom(30),
  staleIfError: seldom(30),
  retain: rarely(0),
  heuristic: seldom(1),
  targetedFields: seldom(['CDN-Cache-Control'], []),
  storePost: seldom(true),
  browserTtl: seldom(0, 60),
  cdnTtl: seldom(0, 60.5),
  surrogateTags: seldom('Cache-Tag', 'Surrogate-Key'),
  exposeKey: seldom(true),
  collapse: seldom(false),
});

/** How a host is built, but for where it stores. */
const site = fc.record({
  framework: fc.constantFrom(...FRAMEWORKS),
  /**
   * The cache in front of the application, behind a layer of it, or the first of its layers; or behind another cache that is in
   * front.
   */
  place: fc.constantFrom('front', 'layer', 'first', 'around'),
  route,
  /** A mount inside the other: around all, or below a path that it takes off. */
  inner: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.record({ path: maybe('/in'), route })),
  /** So few that the least recently used can be told exactly by whoever is told only now and then of their use. */
  maxItems: seldom(3, 6),
  /** Whether events are listened to: else those of the short way are not made. */
  isHeard: fc.boolean(),
});

const target = fc.constantFrom(
  ...[
    '/a',
    '/a?x=1',
    '/a?x=1&y=2',
    '/a?y=2&x=1',
    '/vary',
    '/vary/two',
    '/tagged',
    '/short',
    '/empty',
    '/big',
    '/fixed',
  ],
  ...['/outside', '/aged', '/gone', '/moved', '/stale', '/targeted', '/shared', '/in/a', '/in/big', '/in/vary'],
);

const client = fc.record({
  'x-client-id': maybe('one', 'two'),
  'accept-language': maybe<string | string[]>('de', 'en', 'DE', ['de', 'en']),
  'accept-encoding': maybe('gzip', 'br, gzip;q=0.5', 'identity;q=0, *'),
  accept: maybe('text/html'),
  'if-none-match': rarely('"tag"', '*', '"other"', 'W/"tag", "tag-gzip"'),
  'if-modified-since': rarely('Fri, 02 Jan 2026 00:00:00 GMT', 'Thu, 01 Jan 2015 00:00:00 GMT', 'never'),
  range: rarely('bytes=0-3', 'bytes=-2', 'bytes=900000-', 'bytes=0-1,3-4'),
  'if-range': rarely('"tag"', '"other"'),
  'if-match': rarely('*'),
  authorization: rarely('Bearer x'),
  cookie: rarely('a=b'),
  'x-api-key': rarely('k', 'l'),
  'x-forwarded-host': rarely('other.example'),
  'cache-control': rarely('no-cache', 'max-age=1', 'only-if-cached', 'no-transform', 'max-stale', 'no-store'),
  pragma: rarely('no-cache'),
  constructor: rarely('c'),
  'content-length': rarely('0'),
  /** What the layer outside does. */
  'x-outer': seldom(
    'vary',
    'lines',
    'star',
    'link',
    'own',
    'reads',
    'tenant',
    'language',
    'rewrites',
    'end',
    'control',
  ),
});

const request = fc.record({
  do: fc.constant('ask' as const),
  /** It is the third that is remembered. */
  times: fc.integer({ min: 1, max: 4 }),
  /** Which of the play's targets, and which of its clients. */
  target: fc.nat(3),
  client: fc.nat(3),
  method: fc.constantFrom(...new Array<string>(9).fill('GET'), 'HEAD', 'HEAD', 'POST'),
});
const purge = fc.record({
  do: fc.constant('purge' as const),
  by: fc.constantFrom('tag', 'tag of all', 'key', 'pattern', 'tenant', 'erase', 'all'),
  tenant: fc.constantFrom('one', 'two'),
});
const wait = fc.record({
  do: fc.constant('wait' as const),
  ms: fc.constantFrom(1, 400, 1000, 1001, 9000, 60_000, 900_000, -3_600_000),
});
/** What the handler says from now on. */
const turn = fc.record({
  do: fc.constant('turn' as const),
  says: fc.record(
    {
      refuses: fc.constantFrom(false, false, true),
      fails: fc.constantFrom(false, false, true),
      control: fc.constantFrom('max-age=8', 'public, max-age=8', 'max-age=8, no-transform', 'no-cache'),
      vary: fc.constantFrom(undefined, 'accept-language', 'accept', 'Accept-Encoding', 'cookie', '*'),
      search: fc.constantFrom(undefined, 'params=("y")', 'key-order', 'params, except=("x")'),
      tag: fc.constantFrom('"tag"', '"next"', 'W/"tag"', undefined),
    },
    { requiredKeys: [] },
  ),
});
/** Something else that is stored. */
const fill = fc.record({ do: fc.constant('fill' as const), key: fc.constantFrom('one', 'two', 'three') });

export type Step = Asking | Purge | Wait | Turn | Fill;
type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;
export type Asking = Of<typeof request>;
export type Client = Of<typeof client>;
export type Purge = Of<typeof purge>;
type Wait = Of<typeof wait>;
type Turn = Of<typeof turn>;
type Fill = Of<typeof fill>;
export type Says = Turn['says'];
export type Site = Of<typeof site>;

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: request, weight: 10 },
  purge,
  wait,
  { arbitrary: turn, weight: 2 },
  fill,
);

/** Few targets and clients, so that they meet again and again. */
export const play = fc.record({
  site,
  targets: fc.array(target, { minLength: 1, maxLength: 4 }),
  clients: fc.array(client, { minLength: 1, maxLength: 4 }),
  steps: fc.array(step, { minLength: 10, maxLength: 40 }),
});
export type Play = Of<typeof play>;
