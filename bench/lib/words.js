// Figures as texts.

export const whole = (value) => Math.round(value).toLocaleString('en');
export const fixed = (value) => value.toFixed(2);
export const signed = (value, digits = 1) => `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;
export const range = ({ low, high }, text) => `(${text(low)}–${text(high)})`;
/** A figure that is to a limit; whose limit has failed has none, and is no limit for that. */
export const toLimit = (found, limit, text) =>
  found !== undefined ? text(found) : limit === undefined ? 'a limit' : '';
