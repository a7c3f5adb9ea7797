// Figures as texts. English numbers, 24 hours, binary bytes; a figure that is not there is a dash.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const DASH = '–';

/** A number with its unit beside it. @typedef {[number: string, unit: string]} Quantity */

/** @param {unknown} value @returns {value is number} */
export function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

/** 12,345; from ten million on 12.3M. @param {unknown} value @returns {string} */
export function count(value) {
  if (!isNumber(value)) return DASH;
  return Math.abs(value) < 1e7 ? whole.format(value) : compact.format(value);
}

/** Three significant digits at most. @param {number} value @returns {string} */
function short(value) {
  if (value >= 100) return whole.format(value);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** Something a second. @param {unknown} value @returns {string} */
export function rate(value) {
  if (!isNumber(value)) return DASH;
  return value === 0 ? '0' : short(value);
}

/** @param {unknown} value in percent @param {number} [digits] @returns {string} */
export function percent(value, digits = 1) {
  return isNumber(value) ? value.toFixed(digits) : DASH;
}

/** @param {unknown} ms @returns {Quantity} */
export function duration(ms) {
  if (!isNumber(ms)) return [DASH, ''];
  return ms < 1000 ? [millis(ms), 'ms'] : [short(ms / 1000), 's'];
}

/** Milliseconds without their unit, for columns that name it. @param {unknown} ms @returns {string} */
export function millis(ms) {
  if (!isNumber(ms)) return DASH;
  return ms === 0 ? '0' : short(ms);
}

/** @param {unknown} value @returns {Quantity} */
export function bytes(value) {
  if (!isNumber(value)) return [DASH, ''];
  let amount = value;
  let unit = 0;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  // From 1000 on, so that no figure has four digits and a fraction.
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return [unit === 0 ? whole.format(amount) : short(amount), units[unit] ?? ''];
}

/** A length of time in the two largest units that it has. @param {unknown} seconds @returns {string} */
export function span(seconds) {
  if (!isNumber(seconds)) return DASH;
  const total = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(total / 86_400), 'd'],
    [Math.floor(total / 3600) % 24, 'h'],
    [Math.floor(total / 60) % 60, 'min'],
    [total % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount !== 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount !== 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

/** @param {unknown} ms since 1970 @returns {string} */
export function timeOfDay(ms) {
  return isNumber(ms) ? clock.format(ms) : DASH;
}

/** @param {unknown} ms since 1970 @returns {string} */
export function dayAndTime(ms) {
  return isNumber(ms) ? day.format(ms) : DASH;
}

/** @param {Quantity} quantity @returns {string} */
export function joined([number, unit]) {
  return unit === '' ? number : `${number} ${unit}`;
}
