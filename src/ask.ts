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
