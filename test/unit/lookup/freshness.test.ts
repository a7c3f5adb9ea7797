import { describe, expect, it } from 'vitest';
import { parseCacheControl } from '../../../src/http/cache-control.js';
import {
  type Circumstances,
  isHeuristicallyCacheable,
  type Lifetime,
  lifetime,
  saidBy,
} from '../../../src/lookup/freshness.js';
import type { Fields } from '../../../src/types.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const OWN = 'respcache-cache-control';
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString();

/** A response that came at once; the options give it 300 seconds where it says nothing. */
const of = (fields: Fields, changes: Partial<Circumstances> = {}, targets = [OWN]): Lifetime =>
  lifetime(fields, saidBy(fields, targets), {
    status: 200,
    told: undefined,
    fallback: 300,
    heuristic: 0,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    requestedAt: NOW,
    now: NOW,
    ...changes,
  });

describe('lifetime', () => {
  it.each<[fields: Fields]>([[{}], [{ 'cache-control': 'public' }]])(
    'is the configured one where the handler says nothing: %j',
    (fields) => {
      expect(of(fields)).toEqual({
        seconds: 300,
        source: 'configured',
        age: 0,
        mustRevalidate: false,
        staleWhileRevalidate: 0,
        staleIfError: 0,
      });
    },
  );

  it('is none where nobody says anything', () => {
    expect(of({}, { fallback: undefined })).toMatchObject({ seconds: 0, source: 'none' });
  });

  it.each<[fields: Fields, seconds: number]>([
    [{ 'cache-control': 'max-age=60' }, 60],
    [{ 'cache-control': 'max-age=0' }, 0],
    // RFC 9111 §4.2.1: s-maxage, then max-age, then Expires.
    [{ 'cache-control': 'max-age=60, s-maxage=120' }, 120],
    [{ 'cache-control': 's-maxage=0, max-age=60' }, 0],
    [{ 'cache-control': 'max-age=60', expires: at(5) }, 60],
    [{ 'cache-control': 's-maxage=60', expires: at(5) }, 60],
    [{ 'cache-control': 'public', expires: at(5) }, 5],
    [{ expires: at(60), date: at(0) }, 60],
    [{ expires: at(60) }, 60],
    // Both come from the origin's clock, whatever ours says.
    [{ expires: at(7260), date: at(7200) }, 60],
    [{ expires: at(-60), date: at(0) }, -60],
    // What cannot be read, or is given twice, means stale.
    [{ expires: '0' }, 0],
    [{ expires: '' }, 0],
    [{ expires: 'soon' }, 0],
    [{ expires: [at(60), at(60)] }, 0],
    [{ 'cache-control': 'max-age=soon' }, 0],
    [{ 'cache-control': 'max-age=60, max-age=61' }, 0],
    [{ 'cache-control': 's-maxage=x, max-age=60' }, 0],
    [{ 'cache-control': 'max-age=-1' }, 0],
    [{ 'cache-control': 'max-age=1.5' }, 0],
    [{ 'cache-control': 'max-age' }, 0],
    [{ 'cache-control': 'max-age=soon', expires: at(60) }, 0],
    // RFC 9111 §1.2.2
    [{ 'cache-control': 'max-age=99999999999' }, 2 ** 31],
  ])('of %j', (fields, seconds) => {
    expect(of(fields)).toMatchObject({ seconds, source: 'declared', age: 0 });
  });

  it('falls back to our own clock where Date is none', () => {
    expect(of({ expires: at(60), date: 'today' }).seconds).toBe(60);
  });

  it('is what the handler told this cache, before all', () => {
    const fields = { 'cache-control': 's-maxage=5, max-age=6', expires: at(7), [OWN]: 'max-age=8' };
    expect(of(fields, { told: 60 })).toMatchObject({ seconds: 60, source: 'told' });
  });

  it('is none where the handler has said no-cache, whatever it told this cache', () => {
    const fields = { 'cache-control': 'no-cache' };
    expect(of(fields, { told: 60 })).toMatchObject({ seconds: 0, source: 'told', mustRevalidate: true });
    // Of one field alone it does not speak against the rest.
    expect(of({ 'cache-control': 'no-cache="x-a"' }, { told: 60 })).toMatchObject({ seconds: 60 });
  });

  it('is what one of several targeted fields says', () => {
    const fields = { [OWN]: 'max-age=5', 'cache-control': 'max-age=60' };
    expect(of(fields, {}, ['cdn-cache-control', OWN])).toMatchObject({ seconds: 5 });
  });

  it.each([{ told: Number.POSITIVE_INFINITY }, { fallback: Number.POSITIVE_INFINITY }])(
    'is no more than delta-seconds can say: %o',
    (at) => {
      expect(of({}, at).seconds).toBe(2 ** 31);
    },
  );

  it.each<[fields: Fields]>([
    [{ 'cache-control': 'no-cache' }],
    [{ 'cache-control': 'no-cache, max-age=60' }],
    [{ 'cache-control': 'no-cache, s-maxage=60' }],
    [{ 'cache-control': 'no-cache', expires: at(60) }],
    [{ pragma: 'no-cache' }],
  ])('is over at once where nothing may be used without asking (RFC 9111 §5.2.2.4): %j', (fields) => {
    expect(of(fields)).toMatchObject({ seconds: 0, mustRevalidate: true });
    // It lets no response in that has nothing else to say of its freshness (§3).
    const says = /max-age|s-maxage/.test(String(fields['cache-control'])) || fields.expires !== undefined;
    expect(of(fields).source).toBe(says ? 'declared' : 'none');
  });

  it('goes on where only some fields may not be used without asking', () => {
    expect(of({ 'cache-control': 'no-cache="x-user", max-age=60' })).toMatchObject({
      seconds: 60,
      mustRevalidate: false,
    });
  });
});

describe('the age that a response comes with (RFC 9111 §4.2.3)', () => {
  it.each<[fields: Fields, seconds: number, age: number]>([
    [{ 'cache-control': 'max-age=60', age: '20' }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: 20 }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: '80' }, -20, 80],
    [{ 'cache-control': 'max-age=60', age: '20, 30' }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: ['20', '30'] }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: '-5' }, 60, 0],
    [{ 'cache-control': 'max-age=60', age: '7.5' }, 60, 0],
    [{ 'cache-control': 'max-age=60', age: 'old' }, 60, 0],
    [{ 'cache-control': 'max-age=60', age: '' }, 60, 0],
    [{ 'cache-control': 'max-age=60', age: '99999999999' }, 60 - 2 ** 31, 2 ** 31],
    [{ expires: at(60), date: at(0), age: '20' }, 40, 20],
    // The apparent age: how long ago the response says that it was made.
    [{ 'cache-control': 'max-age=60', date: at(-20) }, 40, 20],
    [{ 'cache-control': 'max-age=60', date: at(20) }, 60, 0],
    [{ 'cache-control': 'max-age=60', date: 'yesterday' }, 60, 0],
    // The larger of the two.
    [{ 'cache-control': 'max-age=60', date: at(-20), age: '5' }, 40, 20],
    [{ 'cache-control': 'max-age=60', date: at(-5), age: '20' }, 40, 20],
    // Its own clock made it stale for itself, and its age is of ours.
    [{ expires: at(-10), date: at(-20) }, -10, 20],
  ])('is taken off: %j', (fields, seconds, age) => {
    expect(of(fields)).toMatchObject({ seconds, source: 'declared', age });
  });

  it('counts from the beginning of the request', () => {
    const fields = { 'cache-control': 'max-age=60', age: '20' };
    expect(of(fields, { requestedAt: NOW - 5000 })).toMatchObject({ seconds: 35, age: 25 });
  });

  it('counts parts of a second against the response, and tells whole ones', () => {
    expect(of({ 'cache-control': 'max-age=60' }, { requestedAt: NOW - 1500 })).toMatchObject({ seconds: 58.5, age: 1 });
  });

  it('does not add how long the request took to what the clock of the origin says', () => {
    const fields = { 'cache-control': 'max-age=60', date: at(-20), age: '5' };
    expect(of(fields, { requestedAt: NOW - 10_000 })).toMatchObject({ seconds: 40, age: 20 });
  });

  it('is none below zero where our clock went back', () => {
    expect(of({ 'cache-control': 'max-age=60' }, { requestedAt: NOW + 5000 })).toMatchObject({ seconds: 60, age: 0 });
  });

  it('is not taken off what was said to this cache alone', () => {
    expect(of({ age: '20' })).toMatchObject({ seconds: 300, source: 'configured', age: 20 });
    expect(of({ age: '20', 'cache-control': 'max-age=1' }, { told: 60 })).toMatchObject({
      seconds: 60,
      source: 'told',
      age: 20,
    });
  });

  it('is taken off what a field says to caches like this one', () => {
    expect(of({ age: '20', [OWN]: 'max-age=60' })).toMatchObject({ seconds: 40, age: 20 });
  });
});

describe('a guess (RFC 9111 §4.2.2)', () => {
  const guess = (fields: Fields, changes: Partial<Circumstances> = {}, targets?: string[]) =>
    of({ 'last-modified': at(-1000), ...fields }, { heuristic: 0.1, ...changes }, targets);

  it('is a fraction of the time since Last-Modified', () => {
    expect(guess({})).toMatchObject({ seconds: 100, source: 'heuristic' });
    expect(guess({}, { heuristic: 1 }).seconds).toBe(1000);
  });

  it('counts that time by the clock of the origin', () => {
    expect(guess({ 'last-modified': at(7200 - 500), date: at(7200) }).seconds).toBe(50);
  });

  it('is a day at the most', () => {
    expect(guess({ 'last-modified': at(-86_400 * 365) }).seconds).toBe(86_400);
  });

  it('is nothing for what was modified after it was made', () => {
    expect(guess({ 'last-modified': at(100) })).toMatchObject({ seconds: 0, source: 'heuristic' });
  });

  it('has the age taken off', () => {
    expect(guess({ age: '30' })).toMatchObject({ seconds: 70, age: 30 });
  });

  it('is not made where it is not wanted', () => {
    expect(guess({}, { heuristic: 0 }).source).toBe('configured');
  });

  it.each<[fields: Fields]>([[{ 'last-modified': undefined }], [{ 'last-modified': 'yesterday' }]])(
    'is not made without a date: %j',
    (fields) => {
      expect(guess(fields).source).toBe('configured');
    },
  );

  it.each<[fields: Fields]>([
    [{ 'cache-control': 'max-age=60' }],
    [{ 'cache-control': 'max-age=soon' }],
    [{ 'cache-control': 's-maxage=60' }],
    [{ expires: at(60) }],
    [{ expires: '0' }],
    [{ [OWN]: 'max-age=60' }],
  ])('is not made where the response says how long: %j', (fields) => {
    expect(guess(fields).source).toBe('declared');
  });

  it('is not made where the handler has told this cache', () => {
    expect(guess({}, { told: 5 })).toMatchObject({ seconds: 5, source: 'told' });
  });

  it.each([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])('is made for a %i', (status) => {
    expect(guess({}, { status }).source).toBe('heuristic');
  });

  it.each([201, 206, 302, 303, 307, 400, 403, 500, 503, 599])('is not made for a %i', (status) => {
    expect(guess({}, { status }).source).toBe('configured');
  });

  it('is made for any status that says it is public', () => {
    expect(guess({ 'cache-control': 'public' }, { status: 599 }).source).toBe('heuristic');
    expect(guess({ 'cache-control': 'public=1' }, { status: 599 }).source).toBe('configured');
  });

  it('is made where a field for this cache says no lifetime', () => {
    expect(guess({ [OWN]: 'public', expires: at(5), 'cache-control': 'max-age=6' }).seconds).toBe(100);
  });
});

describe('isHeuristicallyCacheable (RFC 9111 §3)', () => {
  it.each<[status: number, cacheControl: string, is: boolean]>([
    [200, '', true],
    [302, '', false],
    [302, 'public', true],
    [302, 'Public', true],
    [302, 'public="x"', false],
    [206, '', false],
  ])('%i with %j: %s', (status, cacheControl, is) => {
    expect(isHeuristicallyCacheable(status, parseCacheControl(cacheControl))).toBe(is);
  });
});

describe('fields for caches like this one (RFC 9213)', () => {
  const CDN = 'cdn-cache-control';

  it('are read in place of Cache-Control', () => {
    expect(of({ [OWN]: 'max-age=10', 'cache-control': 's-maxage=60, max-age=60' }).seconds).toBe(10);
    expect(of({ [OWN]: 'max-age=10', 'cache-control': 'no-cache, must-revalidate' })).toMatchObject({
      seconds: 10,
      mustRevalidate: false,
    });
  });

  it('are read in place of Expires, also where they say no lifetime (§2.1)', () => {
    expect(of({ [OWN]: 'public', expires: at(60) })).toMatchObject({ seconds: 300, source: 'configured' });
    expect(of({ [OWN]: 'public', expires: at(60) }, { fallback: undefined })).toMatchObject({
      seconds: 0,
      source: 'none',
    });
  });

  it('are read in place of Pragma', () => {
    expect(of({ [OWN]: 'max-age=10', pragma: 'no-cache' })).toMatchObject({ seconds: 10, mustRevalidate: false });
  });

  it.each(['', 'max-age=', 'Max-Age=10', '!', 'max-age=10;;'])(
    'are not there where they cannot be read: %j',
    (text) => {
      expect(of({ [OWN]: text, 'cache-control': 'max-age=60' }).seconds).toBe(60);
    },
  );

  it('go by the order of the list, not by that of the response', () => {
    const fields = { [CDN]: 'max-age=20', [OWN]: 'max-age=10' };
    expect(of(fields, {}, [OWN, CDN]).seconds).toBe(10);
    expect(of(fields, {}, [CDN, OWN]).seconds).toBe(20);
  });

  it('are passed over up to the first that can be read', () => {
    expect(of({ [OWN]: 'Max-Age', [CDN]: 'max-age=20' }, {}, [OWN, CDN]).seconds).toBe(20);
  });

  it('are not read where nobody has named them', () => {
    expect(of({ [CDN]: 'max-age=20', 'cache-control': 'max-age=60' }).seconds).toBe(60);
    expect(of({ [OWN]: 'max-age=10', 'cache-control': 'max-age=60' }, {}, []).seconds).toBe(60);
  });

  it('are said to be so', () => {
    expect(saidBy({ [OWN]: 'max-age=10' }, [OWN]).targeted).toBe(true);
    expect(saidBy({ [OWN]: '!', 'cache-control': 'max-age=10' }, [OWN]).targeted).toBe(false);
  });
});

describe('what a response is good for when it is stale (RFC 5861)', () => {
  const windows = ({ staleWhileRevalidate, staleIfError }: Lifetime) => [staleWhileRevalidate, staleIfError];
  const configured = { staleWhileRevalidate: 5, staleIfError: 6 };

  it('is what it says', () => {
    const fields = { 'cache-control': 'max-age=60, stale-while-revalidate=30, stale-if-error=40' };
    expect(windows(of(fields))).toEqual([30, 40]);
    expect(windows(of(fields, configured))).toEqual([30, 40]);
  });

  it('is what the options say, where it says nothing', () => {
    expect(windows(of({}, configured))).toEqual([5, 6]);
    expect(windows(of({ 'cache-control': 'max-age=60, stale-if-error=40' }, configured))).toEqual([5, 40]);
  });

  it.each(['0', 'soon', '-1', '1.5'])('is nothing for a window of %s', (value) => {
    const fields = { 'cache-control': `stale-while-revalidate=${value}, stale-if-error=${value}` };
    expect(windows(of(fields, configured))).toEqual([0, 0]);
  });

  it('is what a field for this cache says', () => {
    const fields = { 'cache-control': 'stale-if-error=40', [OWN]: 'stale-while-revalidate=30' };
    expect(windows(of(fields, configured))).toEqual([30, 6]);
  });

  // RFC 9111 §4.2.4; s-maxage is proxy-revalidate as well (§5.2.2.10).
  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=60', 'no-cache', 'Must-Revalidate', 's-maxage=soon'])(
    'is nothing where %s forbids it',
    (directive) => {
      const fields = { 'cache-control': `${directive}, stale-while-revalidate=30, stale-if-error=40` };
      expect(of(fields, configured)).toMatchObject({ mustRevalidate: true, staleWhileRevalidate: 0, staleIfError: 0 });
    },
  );

  it.each(['max-age=0', 'no-cache="x-user"', 'public', 'must-understand'])('is not forbidden by %s', (directive) => {
    expect(of({ 'cache-control': directive }, configured)).toMatchObject({ mustRevalidate: false, ...configured });
  });

  it('is nothing where it is forbidden, whatever the handler told this cache', () => {
    const fields = { 'cache-control': 'must-revalidate' };
    expect(of(fields, { ...configured, told: 60 })).toMatchObject({ seconds: 60, staleIfError: 0 });
  });

  it('is not forbidden by what Cache-Control says to others', () => {
    const fields = { 'cache-control': 'must-revalidate', [OWN]: 'max-age=60' };
    expect(windows(of(fields, configured))).toEqual([5, 6]);
  });

  it('is forbidden by Pragma, where there is no Cache-Control', () => {
    expect(windows(of({ pragma: 'no-cache' }, configured))).toEqual([0, 0]);
  });
});
