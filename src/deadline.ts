import { LONGEST_TIMER } from './clock.js';
import { UnavailableError } from './errors.js';
import type { MaybePromise } from './types.js';

/** Rejects with an {@link UnavailableError} if `work` takes longer than `ms`. `holds`: whether the process goes on until then. */
export function withDeadline<T>(work: Promise<T>, ms: number, operation: string, holds?: boolean): Promise<T>;
export function withDeadline<T>(work: MaybePromise<T>, ms: number, operation: string): MaybePromise<T>;
export function withDeadline<T>(work: MaybePromise<T>, ms: number, operation: string, holds = true): MaybePromise<T> {
  if (!(work instanceof Promise) || ms === Number.POSITIVE_INFINITY) return work;
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new UnavailableError(`${operation} took longer than ${ms} ms`));
    // When this process was busy itself, the answer may be waiting in its socket: it is read before we give up.
    const timer = setTimeout(() => setImmediate(late), Math.min(ms, LONGEST_TIMER));
    if (!holds) timer.unref();
    const settle = (done: () => void) => {
      clearTimeout(timer);
      done();
    };
    work.then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}
