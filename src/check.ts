import { ConfigError } from './errors.js';
import { MAX_DELTA_SECONDS } from './http/cache-control.js';
import { isToken } from './http/headers.js';

/*
 * Checks of configuration values. Each returns the value, or throws a ConfigError that names the setting, what it
 * held, and what it takes. `undefined` means: not given.
 */

export function aboveZero(setting: string, value: unknown, unit: string): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new ConfigError(setting, value, `a number of ${unit} above 0`);
}

export function notNegative(setting: string, value: unknown, unit: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new ConfigError(setting, value, `a number of ${unit}, 0 or more`);
}

/** How long after its end something is good for, seconds; for ever is as long as delta-seconds can say (RFC 9111 §1.2.2). */
export function window(setting: string, value: unknown): number {
  return Math.min(notNegative(setting, value, 'seconds'), MAX_DELTA_SECONDS);
}

export function wholeNumber(setting: string, value: unknown, least: number, most: number = 2 ** 53 - 1): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === 2 ** 53 - 1 ? `${least} or more` : `from ${least} to ${most}`;
  throw new ConfigError(setting, value, `a whole number, ${range}`);
}

/** A whole number, as configuration services give it: also as a text. */
export function wholeOrText(setting: string, value: unknown, most: number): number {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= most) return number;
  throw new ConfigError(setting, value, `a whole number, from 0 to ${most}`);
}

export function flag(setting: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ConfigError(setting, value, 'true or false');
}

export function oneOf<T extends string>(setting: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new ConfigError(setting, value, choices.map((choice) => `'${choice}'`).join(' or '));
}

export function aFunction<F>(setting: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new ConfigError(setting, value, 'a function');
}

/** A function that is asked for the value later, or the value, which `check` returns or refuses. */
export function orFunction<T>(value: unknown, check: () => T): T {
  if (typeof value === 'function') return value as T;
  try {
    return check();
  } catch (error) {
    const { setting, held, takes } = error as ConfigError;
    throw new ConfigError(setting, held, `${takes}, or a function that returns one`);
  }
}

/** The list as it is now: whoever gave it may go on with it. */
export function texts(setting: string, value: unknown): readonly string[] {
  const list = listOf(value);
  if (list?.every((each) => typeof each === 'string' && each !== '')) return list as string[];
  throw new ConfigError(setting, value, 'a list of texts that are not empty');
}

/** A copy of a list, which has no holes: `every` passes over those. */
export function listOf(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? [...value] : undefined;
}

export function fieldName(setting: string, value: unknown): string {
  if (typeof value === 'string' && isToken(value)) return value.toLowerCase();
  throw new ConfigError(setting, value, 'the name of a header field');
}

/** What may say where Redis is, under whatever name: errors end in logs, and there may be a password in it. */
const SECRET = /redis|ur[il]|pass|secret|auth|token|conn/i;

/** Misspelt options would be silently without effect: they are errors. */
export function knownOnly(setting: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const option = `option ${setting}${name}`;
    const held = SECRET.test(option) ? '***' : (options as Record<string, unknown>)[name];
    throw new ConfigError(option, held, `no value: there is no such option (${known.join(', ')})`);
  }
}

/** The options that a method is given: an object, of names that there are. */
export function optionsOf<T>(method: string, options: T, known: readonly string[]): T & object {
  const given = anObject(`the options of ${method}()`, options);
  knownOnly(`of ${method}: `, given, known);
  return given;
}

export function aSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new ConfigError('option signal', signal, 'an AbortSignal');
}

export function anObject<T>(setting: string, value: T): T & object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ConfigError(setting, value, 'an object');
}
