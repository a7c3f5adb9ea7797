import { listOf } from './check.js';
import { show } from './errors.js';
import type { Events } from './events.js';
import type { MaybePromise } from './types.js';

/** Calls a function of the options; what it throws, or rejects with, becomes an `error` event and the fallback. */
export function ask<T>(events: Events, operation: string, fallback: T, call: () => T): T;
export function ask<T>(events: Events, operation: string, fallback: T, call: () => MaybePromise<T>): MaybePromise<T>;
export function ask<T>(events: Events, operation: string, fallback: T, call: () => MaybePromise<T>): MaybePromise<T> {
  const failed = (error: unknown) => {
    events.emit('error', { operation, error });
    return fallback;
  };
  try {
    const result = call();
    return result instanceof Promise ? result.catch(failed) : result;
  } catch (error) {
    return failed(error);
  }
}

/** A listener of the options that nobody waits for: what it rejects with becomes an `error` event; what it throws is its caller's. */
export function listening<T>(events: Events, operation: string, listener: (told: T) => unknown): (told: T) => void {
  return (told) => {
    const result = listener(told);
    if (result instanceof Promise) result.catch((error) => events.emit('error', { operation, error }));
  };
}

/**
 * What a function that is not waited for gave. A promise would be taken for an answer, and nobody would hear of its failure.
 *
 * @throws {TypeError} for a promise
 */
export function atOnce<T>(what: string, given: T): T {
  if (!(given instanceof Promise)) return given;
  given.catch(() => {});
  throw new TypeError(`${what} gave a promise; it takes a function that answers at once`);
}

/**
 * The text that such a function gave, or nothing, which an empty one is: it names nobody. Whoever gives a number is told: what
 * comes of it is that nothing is cached.
 *
 * @throws {TypeError} for anything else
 */
export function textAtOnce(what: string, given: unknown): string | null | undefined {
  const text = atOnce(what, given);
  if (text === undefined || text === '') return undefined;
  if (text === null || typeof text === 'string') return text;
  throw new TypeError(`${what} gave ${show(text)}; it takes a function that gives a text, or nothing`);
}

/** The seconds that such a function gave, or nothing. @throws {TypeError} for anything else */
export function secondsAtOnce(what: string, given: unknown): number | null | undefined {
  const seconds = atOnce(what, given);
  if (seconds === undefined || seconds === null || (typeof seconds === 'number' && !Number.isNaN(seconds)))
    return seconds;
  throw new TypeError(`${what} gave ${show(seconds)}; it takes a function that gives seconds, or nothing`);
}

/** The names that such a function gave: a text or several. @throws {TypeError} for anything else */
export function namesAtOnce(what: string, given: unknown): readonly string[] {
  const names = atOnce(what, given);
  if (typeof names === 'string') return [names];
  const list = listOf(names);
  if (list?.every((name) => typeof name === 'string')) return list;
  throw new TypeError(`${what} gave ${show(names)}; it takes a function that gives a text or a list of texts`);
}
