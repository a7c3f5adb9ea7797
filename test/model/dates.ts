// HTTP dates (RFC 9110 §5.6.7): three forms, of which a sender may only use the first.

const MONTHS = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec';
const SHORT_DAYS = 'mon|tue|wed|thu|fri|sat|sun';
const LONG_DAYS = 'monday|tuesday|wednesday|thursday|friday|saturday|sunday';

// RFC 9111 §4.2: "a cache recipient SHOULD match the field value case-insensitively".
const IMF_FIXDATE = new RegExp(`^(?:${SHORT_DAYS}), (\\d\\d) (${MONTHS}) (\\d{4}) (\\d\\d:\\d\\d:\\d\\d) GMT$`, 'i');
const RFC850_DATE = new RegExp(`^(?:${LONG_DAYS}), (\\d\\d)-(${MONTHS})-(\\d\\d) (\\d\\d:\\d\\d:\\d\\d) GMT$`, 'i');
const ASCTIME_DATE = new RegExp(`^(?:${SHORT_DAYS}) (${MONTHS}) (\\d\\d| \\d) (\\d\\d:\\d\\d:\\d\\d) (\\d{4})$`, 'i');

const FIFTY_YEARS = 50 * 365.25 * 86_400;

/** Seconds since 1970, or `undefined` if it is no HTTP date. `now` settles the century of a two-digit year. */
export function parseDate(text: string, now: number): number | undefined {
  const imf = IMF_FIXDATE.exec(text);
  if (imf !== null) return secondsOf(imf[1]!, imf[2]!, imf[3]!, imf[4]!);
  const asc = ASCTIME_DATE.exec(text);
  if (asc !== null) return secondsOf(asc[2]!.replace(' ', '0'), asc[1]!, asc[4]!, asc[3]!);
  const old = RFC850_DATE.exec(text);
  return old === null ? undefined : inCentury(old[1]!, old[2]!, old[3]!, old[4]!, now);
}

/**
 * "Recipients … MUST interpret a timestamp that appears to be more than 50 years in the future as representing the most
 * recent year in the past that had the same last two digits."
 */
function inCentury(day: string, month: string, twoDigits: string, time: string, now: number): number | undefined {
  const century = Math.floor(new Date(now * 1000).getUTCFullYear() / 100);
  const found = secondsOf(day, month, `${century}${twoDigits}`, time);
  if (found === undefined || found <= now + FIFTY_YEARS) return found;
  return secondsOf(day, month, `${century - 1}${twoDigits}`, time);
}

function secondsOf(day: string, month: string, year: string, time: string): number | undefined {
  const ms = Date.parse(`${day} ${month} ${year} ${time} GMT`);
  // 31 February is not a day, though `Date.parse` takes it for one in March.
  return new Date(ms).getUTCDate() === Number(day) ? ms / 1000 : undefined;
}
