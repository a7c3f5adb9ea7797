// The model itself, by the rules and examples of the RFCs.

import { describe, expect, it } from 'vitest';
import { APPLICATION } from './application.js';
import type { Exchange, Line } from './messages.js';
import { verdictAfter } from './model.js';
import { RFC9111 } from './rfc9111.js';
import { explicitLifetime, heuristicLifetime, initialAge } from './stored.js';
import type { Policy } from './verdict.js';

const START = Date.UTC(2026, 0, 1) / 1000;
/** The first way of answering what the RFC leaves open. */
const choose = () => 0;

type Fields = Record<string, string | string[]>;
const lines = (fields: Fields): Line[] =>
  Object.entries(fields).flatMap(([name, value]) => [value].flat().map((each) => [name, each] as const));
const date = (seconds: number) => new Date((START + seconds) * 1000).toUTCString();

interface Past {
  readonly asked?: Fields;
  readonly method?: string;
  readonly status?: number;
  readonly at?: number;
  readonly delay?: number;
}

function past(fields: Fields, { asked = {}, method = 'GET', status = 200, at = 0, delay = 0 }: Past = {}): Exchange {
  return {
    request: { method, fields: lines(asked) },
    response: { status, fields: lines(fields), body: 'body' },
    requestTime: START + at,
    responseTime: START + at + delay,
  };
}

/** What becomes of a request so many seconds after the start, in one word or two. */
function fate(history: Exchange | Exchange[], at: number, asked: Fields = {}, policy: Policy = RFC9111): string {
  const request = { method: 'GET', fields: lines(asked) };
  const verdict = verdictAfter(policy, [history].flat(), request, START + at, choose);
  if (verdict.kind === 'refuse') return '504';
  if (verdict.kind === 'serve') return verdict.refresh ? 'serve, refresh' : 'serve';
  const how = verdict.validate === undefined ? 'forward' : 'validate';
  return verdict.standIn === undefined ? how : `${how}, or stale`;
}

describe('freshness lifetime (§4.2.1)', () => {
  const lifetime = (fields: Fields) => explicitLifetime(past(fields), choose);

  it.each<[Fields, number | undefined]>([
    [{ 'Cache-Control': 'max-age=10, s-maxage=5', Expires: date(60) }, 5],
    [{ 'Cache-Control': 'MAX-AGE="10"', Expires: date(60) }, 10],
    [{ Expires: date(60) }, 60],
    [{ Expires: date(60), Date: date(-10) }, 70],
    [{ Expires: date(60), Date: 'today' }, 60],
    [{ Expires: '0' }, 0],
    [{ 'Cache-Control': 'max-age=10, max-age=20' }, 0],
    [{ 'Cache-Control': ['max-age=10', 'max-age=10'] }, 10],
    [{ 'Cache-Control': 'max-age=1.5', Expires: date(60) }, 0],
    [{ 'Cache-Control': 's-maxage=x, max-age=10' }, 0],
    [{ 'Cache-Control': 'foo="max-age=10"' }, undefined],
    [{ 'Cache-Control': 'max-age=99999999999' }, 2 ** 31],
  ])('%j: %s', (fields, seconds) => expect(lifetime(fields)).toBe(seconds));

  it('is a tenth of the time since the last change, where nothing is said (§4.2.2)', () => {
    const heuristic = (fields: Fields, status = 200) => heuristicLifetime(past(fields, { status }), choose);
    expect(heuristic({ 'Last-Modified': date(-100) })).toBe(10);
    expect(heuristic({ 'Last-Modified': date(-100) }, 302)).toBe(0);
    expect(heuristic({ 'Last-Modified': date(-100), 'Cache-Control': 'public' }, 302)).toBe(10);
    expect(heuristic({ 'Last-Modified': date(-9e8) })).toBe(86_400);
    expect(heuristic({ 'Last-Modified': date(100) })).toBe(0);
  });

  it('is that of a targeted field that parses (RFC 9213 §2.2)', () => {
    const targeted = (value: string) =>
      lifetime({ 'Cache-Control': 'max-age=60, s-maxage=120', 'Respcache-Cache-Control': value });
    expect(targeted('max-age=600')).toBe(600);
    expect(targeted('Max-Age=600')).toBe(120);
    expect(targeted('none')).toBeUndefined();
    expect(targeted('')).toBe(120);
  });
});

it.each<[Fields, number, number]>([
  [{}, 0, 0],
  [{ Age: '5' }, 0, 5],
  [{ Age: '5' }, 3, 8],
  [{ Age: '5', Date: date(-30) }, 0, 30],
  [{ Age: '5', Date: date(30) }, 0, 5],
  [{ Age: ['5, 7', '9'] }, 0, 5],
  [{ Age: '-5' }, 0, 0],
])('the initial age of %j that took %i s is %i (§4.2.3)', (fields, delay, age) => {
  expect(initialAge(past(fields, { delay }))).toBe(age);
});

describe('storing (§3)', () => {
  const fresh = 'max-age=60';

  it.each<[string, Fields, Past, string]>([
    ['what is fresh', { 'Cache-Control': fresh }, {}, 'serve'],
    ['no-store', { 'Cache-Control': `${fresh}, No-Store` }, {}, 'forward'],
    ['no-store of a request', { 'Cache-Control': fresh }, { asked: { 'Cache-Control': 'no-store' } }, 'forward'],
    ['private', { 'Cache-Control': `${fresh}, private` }, {}, 'forward'],
    ['a list of private fields', { 'Cache-Control': `${fresh}, private="x"` }, {}, 'serve'],
    ['a private response beside a list', { 'Cache-Control': `${fresh}, private="x", private` }, {}, 'forward'],
    ['must-understand, understood', { 'Cache-Control': `${fresh}, must-understand, no-store` }, {}, 'serve'],
    ['must-understand, not', { 'Cache-Control': `${fresh}, must-understand` }, { status: 599 }, 'forward'],
    ['Authorization', { 'Cache-Control': fresh }, { asked: { Authorization: 'x' } }, 'forward'],
    [
      'what is public all the same',
      { 'Cache-Control': `${fresh}, public` },
      { asked: { Authorization: 'x' } },
      'serve',
    ],
    ['a part', { 'Cache-Control': fresh }, { status: 206 }, 'forward'],
    ['any final status', { 'Cache-Control': fresh }, { status: 599 }, 'serve'],
    ['a status that needs a lifetime', { ETag: '"a"' }, { status: 302 }, 'forward'],
    ['a cookie', { 'Cache-Control': fresh, 'Set-Cookie': 'a=1' }, { asked: { Cookie: 'b=1' } }, 'serve'],
    ['Vary: *', { 'Cache-Control': fresh, Vary: 'a, *' }, {}, 'forward'],
    ['what has only a validator', { ETag: '"a"' }, {}, 'validate'],
    ['no-cache', { 'Cache-Control': `${fresh}, no-cache`, ETag: '"a"' }, {}, 'validate'],
    ['what has nothing', {}, {}, 'forward'],
  ])('%s', (_, fields, how, expected) => expect(fate(past(fields, how), 30)).toBe(expected));
});

describe('reuse (§4)', () => {
  const response = past({ 'Cache-Control': 'max-age=60', ETag: '"a"' });

  it.each<[number, string, string]>([
    [59, '', 'serve'],
    [60, '', 'validate'],
    [59, 'no-cache', 'validate'],
    [30, 'max-age=30', 'serve'],
    [31, 'max-age=30', 'validate'],
    [30, 'min-fresh=30', 'serve'],
    [31, 'min-fresh=30', 'validate'],
    [70, 'max-stale=10', 'serve'],
    [71, 'max-stale=10', 'validate'],
    [9999, 'max-stale', 'serve'],
    [59, 'only-if-cached', 'serve'],
    [60, 'only-if-cached', '504'],
  ])('after %i s, asked for %j: %s', (at, asked, expected) => {
    expect(fate(response, at, asked === '' ? {} : { 'Cache-Control': asked })).toBe(expected);
  });

  it('heeds Pragma where there is no Cache-Control (§5.4)', () => {
    expect(fate(response, 1, { Pragma: 'no-cache' })).toBe('validate');
    expect(fate(response, 1, { Pragma: 'no-cache', 'Cache-Control': 'foo' })).toBe('serve');
  });

  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=60'])(
    'serves nothing stale under %s (§4.2.4)',
    (directive) => {
      const strict = past({ 'Cache-Control': `max-age=60, stale-while-revalidate=99, ${directive}` });
      expect(fate(strict, 70, { 'Cache-Control': 'max-stale' })).toBe('forward');
    },
  );

  it('serves what is stale as RFC 5861 §3.1 and §4.1 have it', () => {
    const whileRevalidating = past({ 'Cache-Control': 'max-age=600, stale-while-revalidate=30' });
    expect([599, 629, 631].map((at) => fate(whileRevalidating, at))).toEqual(['serve', 'serve, refresh', 'forward']);
    const ifError = past({ 'Cache-Control': 'max-age=600, stale-if-error=1200' });
    expect([599, 900, 1900].map((at) => fate(ifError, at))).toEqual(['serve', 'forward, or stale', 'forward']);
  });

  it('matches what the response varies by (§4.1)', () => {
    const varying = past({ 'Cache-Control': 'max-age=60', Vary: 'X' }, { asked: { x: 'a , b' } });
    expect(fate(varying, 1, { X: 'a,b' })).toBe('serve');
    expect(fate(varying, 1, { X: ['a', 'b'] })).toBe('serve');
    expect(fate(varying, 1, { X: 'b,a' })).toBe('forward');
    expect(fate(varying, 1)).toBe('forward');
  });

  it('forgets after an unsafe request that was no error (§4.4)', () => {
    expect(fate([response, past({}, { method: 'POST', status: 204, at: 1 })], 2)).toBe('forward');
    expect(fate([response, past({}, { method: 'POST', status: 500, at: 1 })], 2)).toBe('serve');
  });

  it('lives on after a 304 about the same (§4.3.4)', () => {
    const confirmed = (etag: string) => past({ ETag: etag }, { status: 304, at: 60 });
    expect(fate([response, confirmed('"a"')], 119)).toBe('serve');
    expect(fate([response, confirmed('"b"')], 119)).toBe('validate');
  });

  it('heeds what a HEAD tells (§4.3.5)', () => {
    const head = (fields: Fields) => past(fields, { method: 'HEAD', at: 59 });
    expect(fate([response, head({ ETag: '"a"' })], 110)).toBe('serve');
    expect(fate([response, head({ ETag: '"b"' })], 59)).toBe('validate');
  });
});

describe('mode application (DESIGN.md §5)', () => {
  const then = (fields: Fields, how: Past = {}, at = 9, asked: Fields = {}) =>
    fate(past(fields, how), at, asked, APPLICATION);

  it('gives a lifetime to what has none', () => {
    expect([299, 300].map((at) => then({}, {}, at))).toEqual(['serve', 'forward']);
    expect([9, 10].map((at) => then({}, { status: 404 }, at))).toEqual(['serve', 'forward']);
    expect(then({}, { status: 302 })).toBe('forward');
    expect(then({ 'Cache-Control': 'max-age=60' }, { status: 503 })).toBe('forward');
  });

  it.each<Fields>([
    { 'Cache-Control': 'private' },
    { 'Cache-Control': 'no-store' },
    { 'Cache-Control': 'no-cache' },
    { 'Cache-Control': 'max-age=0' },
    { 'Set-Cookie': 'a=1' },
    { Vary: '*' },
  ])('refuses %j', (fields) => expect(then(fields)).toBe('forward'));

  it('keeps people apart', () => {
    expect(then({}, { asked: { Cookie: 'a=1' } })).toBe('forward');
    expect(then({}, {}, 9, { Authorization: 'x' })).toBe('forward');
    expect(then({ 'Cache-Control': 'public' }, { asked: { Cookie: 'a=1' } }, 9, { Authorization: 'x' })).toBe('serve');
    expect(then({ 'Cache-Control': 'must-revalidate' }, {}, 9, { Authorization: 'x' })).toBe('serve');
    expect(then({ 'Cache-Control': 'must-revalidate' }, {}, 9, { Cookie: 'a=1' })).toBe('forward');
  });

  it('does not hear the client', () => {
    expect(then({}, {}, 9, { 'Cache-Control': 'no-cache, max-age=0' })).toBe('serve');
    expect(then({}, {}, 300, { 'Cache-Control': 'only-if-cached' })).toBe('forward');
  });
});
