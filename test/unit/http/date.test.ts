import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../../src/http/date.js';

const NOW = Date.UTC(2026, 5, 15);

describe('parseHttpDate', () => {
  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Sunday, 06-Nov-94 08:49:37 GMT'],
    ['Sun Nov  6 08:49:37 1994'],
    // RFC 9111 §4.2: a cache should match dates without regard to case.
    ['sun, 06 NOV 1994 08:49:37 gmt'],
    ['  Sun, 06 Nov 1994 08:49:37 GMT\t'],
    ['SUNDAY, 06-nov-94 08:49:37 Gmt'],
    ['sun nov  6 08:49:37 1994'],
    // The day need not be the right one: it adds nothing.
    ['Mon, 06 Nov 1994 08:49:37 GMT'],
    ['Wednesday, 06-Nov-94 08:49:37 GMT'],
    ['Sat Nov  6 08:49:37 1994'],
  ])('reads %j', (text) => {
    expect(parseHttpDate(text, NOW)).toBe(784_111_777_000);
  });

  it('reads a day of two digits in the third form', () => {
    expect(parseHttpDate('Wed Nov 16 08:49:37 1994', NOW)).toBe(Date.UTC(1994, 10, 16, 8, 49, 37));
  });

  it.each([
    [undefined],
    [''],
    ['0'],
    ['-1'],
    ['1994-11-06T08:49:37Z'],
    ['784111777'],
    ['Sun, 06 Nov 1994 08:49:37'],
    ['Sun, 06 Nov 1994 08:49:37 UTC'],
    ['Sun, 06 Nov 1994 08:49:37 EST'],
    ['Sun, 06 Nov 1994 08:49:37 +0000'],
    ['Sun, 6 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 94 08:49:37 GMT'],
    ['Sun, 06 Foo 1994 08:49:37 GMT'],
    ['Sun, 00 Nov 1994 08:49:37 GMT'],
    ['Sun, 31 Nov 1994 08:49:37 GMT'],
    ['Tue, 29 Feb 2023 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 24:00:00 GMT'],
    ['Sun, 06 Nov 1994 08:60:37 GMT'],
    ['Sun, 06 Nov 1994 08:49:61 GMT'],
    ['Sun, 06 Nov 1994 08:49 GMT'],
    ['Sun, 06 Nov 1994 8:49:37 GMT'],
    ['Sun, 06 Nov 1994 08:49:37 Z'],
    ['Sun, 06 Nov 1994 08:49:37GMT'],
    ['Sun, 06 Nov 1994 08:49:37 GMT+1'],
    ['Sun, 06 Nov 1994 08:49:37 GMT;'],
    ['Sun, 06 Nov 1994 08:49:37.000 GMT'],
    ['Sun, 06 Nov 1994 08.49.37 GMT'],
    ['Sun, 06 Nov 1994  08:49:37 GMT'],
    ['Sun 06 Nov 1994 08:49:37 GMT'],
    ['06 Nov 1994 08:49:37 GMT'],
    ['Xyz, 06 Nov 1994 08:49:37 GMT'],
    ['Sunday, 06 Nov 1994 08:49:37 GMT'],
    ['Sun, 06-Nov-1994 08:49:37 GMT'],
    ['Sun, 06-Nov-94 08:49:37 GMT'],
    ['Someday, 06-Nov-94 08:49:37 GMT'],
    ['Sunday, 06-Nov-1994 08:49:37 GMT'],
    ['Sun Nov 6 08:49:37 1994'],
    ['Sun Nov  6 08:49:37 1994 GMT'],
    ['Sun Nov  6 08:49:37 94'],
    ['Sun, 06 Nov 1994 08:49:37 GMT rubbish'],
    ['rubbish Sun, 06 Nov 1994 08:49:37 GMT'],
    ['"Sun, 06 Nov 1994 08:49:37 GMT"'],
    ['Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT'],
  ])('takes %j for no date', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });

  it.each([
    ['Sun, 29 Feb 2032 00:00:00 GMT', Date.UTC(2032, 1, 29)],
    // A leap second is the next minute's first: there is no other name for it here.
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 253_402_300_799_000],
  ])('knows the calendar: %s', (text, ms) => {
    expect(parseHttpDate(text, NOW)).toBe(ms);
  });

  it('takes the year 0050 as it is written', () => {
    expect(new Date(parseHttpDate('Sun, 06 Nov 0050 08:49:37 GMT', NOW)!).getUTCFullYear()).toBe(50);
  });

  it.each([
    ['00', 2000],
    ['26', 2026],
    ['75', 2075],
    // November 2076 is 50 years and some months ahead of June 2026.
    ['76', 1976],
    ['77', 1977],
    ['99', 1999],
  ])('puts the two-digit year %s at most 50 years ahead', (digits, year) => {
    expect(new Date(parseHttpDate(`Sunday, 06-Nov-${digits} 08:49:37 GMT`, NOW)!).getUTCFullYear()).toBe(year);
  });

  it.each([
    ['Monday, 15-Jun-76 00:00:00 GMT', 2076],
    ['Monday, 15-Jun-76 00:00:01 GMT', 1976],
  ])('measures those 50 years to the second: %s', (text, year) => {
    expect(new Date(parseHttpDate(text, NOW)!).getUTCFullYear()).toBe(year);
  });

  it('looks into the next century too, at the end of one', () => {
    expect(parseHttpDate('Saturday, 01-Jan-00 00:00:00 GMT', Date.UTC(2099, 11, 31))).toBe(Date.UTC(2100, 0, 1));
  });

  it('finds the century in which a 29th of February is', () => {
    expect(parseHttpDate('Tuesday, 29-Feb-00 00:00:00 GMT', Date.UTC(2060, 0, 1))).toBe(Date.UTC(2000, 1, 29));
    expect(parseHttpDate('Tuesday, 29-Feb-99 00:00:00 GMT', NOW)).toBeUndefined();
  });
});
