const MONTHS: readonly string[] = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const IMF: RegExp = /^(?:mon|tue|wed|thu|fri|sat|sun), (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) gmt$/i;
const RFC850: RegExp =
  /^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) gmt$/i;
const ASCTIME: RegExp = /^(?:mon|tue|wed|thu|fri|sat|sun) ([a-z]{3}) ((?:\d| )\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;

/**
 * An HTTP date in any of its three forms (RFC 9110 §5.6.7) as ms since 1970; `undefined` for anything else, other time
 * zones, other numbers of digits and lists of dates among it. Case does not matter, as RFC 9111 §4.2 asks of caches;
 * the day of the week has to be one, but not the right one. `now`, in ms, is what a two-digit year is measured by.
 */
export function parseHttpDate(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  const imf = IMF.exec(trimmed);
  if (imf) return at(Number(imf[3]), imf[2]!, imf[1]!, imf[4]!, imf[5]!, imf[6]!);
  const old = RFC850.exec(trimmed);
  if (old) return atShortYear(Number(old[3]), now, (year) => at(year, old[2]!, old[1]!, old[4]!, old[5]!, old[6]!));
  const asc = ASCTIME.exec(trimmed);
  if (asc) return at(Number(asc[6]), asc[1]!, asc[2]!, asc[3]!, asc[4]!, asc[5]!);
  return undefined;
}

/**
 * A date whose year has two digits is the latest one that they can mean and that is not more than 50 years ahead
 * (RFC 9110 §5.6.7).
 */
function atShortYear(digits: number, now: number, inYear: (year: number) => number | undefined): number | undefined {
  const thisYear = new Date(now).getUTCFullYear();
  const latest = new Date(now).setUTCFullYear(thisYear + 50);
  const century = thisYear - (thisYear % 100);
  for (const year of [century + 100, century, century - 100].map((first) => first + digits)) {
    const time = inYear(year);
    if (time !== undefined && time <= latest) return time;
  }
  return undefined;
}

function at(year: number, month: string, day: string, h: string, m: string, s: string): number | undefined {
  const index = MONTHS.indexOf(month.toLowerCase());
  // A second 60 is a leap second: it has no other name here than the next minute's first.
  if (index < 0 || Number(h) > 23 || Number(m) > 59 || Number(s) > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, index, Number(day));
  if (date.getUTCDate() !== Number(day)) return undefined;
  return date.setUTCHours(Number(h), Number(m), Number(s));
}
