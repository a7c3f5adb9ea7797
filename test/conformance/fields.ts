// Fields of messages as tables write them, and dates in them as distances from the clock of the test.

import type { Line } from '../adapters/client.js';

/** Seconds from the moment that the row began, where that of the answer would be another each time. */
export class SinceStart {
  readonly seconds: number;
  readonly form: DateForm;

  constructor(seconds: number, form: DateForm) {
    this.seconds = seconds;
    this.form = form;
  }
}

export type DateForm = 'imf' | 'rfc850' | 'asctime';

/** A date that stays the same through all steps of a row. */
export function fixed(seconds: number, form: DateForm = 'imf'): SinceStart {
  return new SinceStart(seconds, form);
}

/**
 * A text, in which `{path}` is the row's path and `{host}` the application's; a number is a date, so many seconds from
 * now.
 */
export type Value = string | number | SinceStart;
export type Field = readonly [name: string, value: Value];
export type Fields = readonly Field[];

/** Where and when a row is played. */
export interface Scene {
  /** When it began, and what time it is, ms since 1970. */
  readonly start: number;
  now(): number;
  readonly path: string;
  readonly host: string;
}

export function textOf(value: Value, scene: Scene): string {
  if (typeof value === 'string') return value.replaceAll('{path}', scene.path).replaceAll('{host}', scene.host);
  if (typeof value === 'number') return httpDate(scene.now() + value * 1000);
  return httpDate(scene.start + value.seconds * 1000, value.form);
}

export function linesOf(fields: Fields, scene: Scene): Line[] {
  return fields.map(([name, value]) => [name, textOf(value, scene)] as const);
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** An HTTP date in one of its three forms (RFC 9110 §5.6.7). */
export function httpDate(ms: number, form: DateForm = 'imf'): string {
  const imf = new Date(ms).toUTCString();
  if (form === 'imf') return imf;
  const [, day = '', month = '', year = '', time = ''] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(imf) ?? [];
  const weekday = DAYS[new Date(ms).getUTCDay()] ?? '';
  if (form === 'rfc850') return `${weekday}, ${day}-${month}-${year.slice(2)} ${time} GMT`;
  return `${weekday.slice(0, 3)} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`;
}

/** The values of all lines of a name. */
export function valuesOf(lines: readonly Line[], name: string): string[] {
  const lower = name.toLowerCase();
  return lines.filter(([each]) => each.toLowerCase() === lower).map(([, value]) => value);
}

/** The members of a list field over all its lines, in lower case. */
export function membersOf(lines: readonly Line[], name: string): string[] {
  return valuesOf(lines, name)
    .join(',')
    .toLowerCase()
    .split(',')
    .flatMap((member) => member.trim() || []);
}
