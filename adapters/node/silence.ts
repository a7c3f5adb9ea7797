import type { ServerResponse } from 'node:http';
import { define } from './hold.js';

const HEAD_METHODS = [
  ...(['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const),
  ...(['writeHead', 'flushHeaders', 'addTrailers'] as const),
] as const;

/**
 * Makes a response deaf that has been answered by its `end`: what a framework goes on to say to it leads nowhere, and
 * fails nowhere. `more`: further methods of the framework's, which then do nothing.
 */
export function silence(res: ServerResponse, more: readonly string[] = []): void {
  const { statusCode, writeHead } = res;
  // A layer outside may hold the end back, to save a session, say: then the head leaves later, and may be added to.
  let leaving = false;
  define(res, '_implicitHeader', () => {
    leaving = true;
    try {
      writeHead.call(res, statusCode);
    } finally {
      leaving = false;
    }
  });
  for (const name of HEAD_METHODS) {
    const method = res[name] as (...args: unknown[]) => unknown;
    define(res, name, (...args: unknown[]) => (leaving ? Reflect.apply(method, res, args) : res));
  }
  for (const name of more) define(res, name, () => res);
  silenceBody(res);
  // Whoever logs the request when its response is finished is to read what has left.
  Object.defineProperty(res, 'statusCode', { get: () => statusCode, set: () => {}, configurable: true });
}

/** The same of its body alone: its head may still be waiting for a layer outside. */
export function silenceBody(res: ServerResponse): void {
  define(res, 'write', (...args: unknown[]) => callBack(args, true));
  define(res, 'end', (...args: unknown[]) => callBack(args, res));
}

function callBack<T>(args: readonly unknown[], result: T): T {
  const callback = args.findLast((each) => typeof each === 'function');
  if (callback !== undefined) process.nextTick(callback);
  return result;
}
