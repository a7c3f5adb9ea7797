const MONTHS: readonly string[] = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const IMF: RegExp = /^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) gmt$/i;
const RFC850: RegExp = /^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) gmt$/i;
const ASCTIME: RegExp = /^[a-z]{3} ([a-z]{3}) ([\d ]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;

/** An HTTP date in any of its three forms (RFC 9110 §5.6.7) as ms since 1970; `undefined` for anything else. */
export function parseHttpDate(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  const imf = IMF.exec(trimmed);
  if (imf) return at(Number(imf[3]), imf[2]!, imf[1]!, imf[4]!, imf[5]!, imf[6]!);
  const old = RFC850.exec(trimmed);
  if (old) return at(fullYear(Number(old[3]), now), old[2]!, old[1]!, old[4]!, old[5]!, old[6]!);
  const asc = ASCTIME.exec(trimmed);
  if (asc) return at(Number(asc[6]), asc[1]!, asc[2]!, asc[3]!, asc[4]!, asc[5]!);
  return undefined;
}

/** A two-digit year more than 50 years ahead is the past century's (RFC 9110 §5.6.7). */
function fullYear(twoDigits: number, now: number): number {
  const year = new Date(now).getUTCFullYear();
  const guess = year - (year % 100) + twoDigits;
  return guess > year + 50 ? guess - 100 : guess;
}

function at(year: number, month: string, day: string, h: string, m: string, s: string): number | undefined {
  const index = MONTHS.indexOf(month.toLowerCase());
  if (index < 0 || Number(h) > 23 || Number(m) > 59 || Number(s) > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, index, Number(day));
  if (date.getUTCDate() !== Number(day)) return undefined;
  return date.setUTCHours(Number(h), Number(m), Number(s));
}
