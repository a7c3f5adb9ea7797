import { describe, expect, it } from 'vitest';
import { lifetime } from '../../../src/lookup/freshness.js';
import type { Fields } from '../../../src/types.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString();
const of = (fields: Fields, told?: number) => lifetime(fields, told, 300, NOW);

describe('lifetime', () => {
  it('is the configured one where the handler says nothing', () => {
    expect(of({})).toEqual({ seconds: 300, explicit: false, age: 0 });
    expect(of({ 'cache-control': 'public' })).toEqual({ seconds: 300, explicit: false, age: 0 });
  });

  it.each<[fields: Fields, seconds: number]>([
    [{ 'cache-control': 'max-age=60' }, 60],
    [{ 'cache-control': 'max-age=0' }, 0],
    // RFC 9111 §4.2.1: s-maxage, then max-age, then Expires.
    [{ 'cache-control': 'max-age=60, s-maxage=120' }, 120],
    [{ 'cache-control': 's-maxage=0, max-age=60' }, 0],
    [{ 'cache-control': 'max-age=60', expires: at(5) }, 60],
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
    // RFC 9111 §1.2.2
    [{ 'cache-control': 'max-age=99999999999' }, 2 ** 31],
  ])('of %j', (fields, seconds) => {
    expect(of(fields)).toEqual({ seconds, explicit: true, age: 0 });
  });

  it('falls back to our own clock where Date is none', () => {
    expect(of({ expires: at(60), date: 'today' }).seconds).toBe(60);
  });

  it.each<[fields: Fields, seconds: number, age: number]>([
    [{ 'cache-control': 'max-age=60', age: '20' }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: 20 }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: '80' }, -20, 80],
    [{ 'cache-control': 'max-age=60', age: '20, 30' }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: ['20', '30'] }, 40, 20],
    [{ 'cache-control': 'max-age=60', age: '-5' }, 60, 0],
    [{ 'cache-control': 'max-age=60', age: 'old' }, 60, 0],
    [{ 'cache-control': 'max-age=60', age: '99999999999' }, 60 - 2 ** 31, 2 ** 31],
    [{ expires: at(60), date: at(0), age: '20' }, 40, 20],
  ])('takes off the age that the response came with: %j', (fields, seconds, age) => {
    expect(of(fields)).toEqual({ seconds, explicit: true, age });
  });

  it('does not take the age off what was said to this cache', () => {
    expect(of({ age: '20' })).toEqual({ seconds: 300, explicit: false, age: 20 });
    expect(of({ age: '20', 'cache-control': 'max-age=1' }, 60)).toEqual({ seconds: 60, explicit: true, age: 20 });
  });

  it('is what the handler told this cache, before all', () => {
    expect(of({ 'cache-control': 's-maxage=5, max-age=6', expires: at(7) }, 60).seconds).toBe(60);
  });
});
