import type { ServerResponse } from 'node:http';

const SILENT = [
  ...(['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const),
  ...(['writeHead', 'flushHeaders', 'addTrailers'] as const),
] as const;

/**
 * Makes a response that has been answered deaf: what a framework goes on to say to it leads nowhere, and fails nowhere.
 * `more`: further methods of the framework's, which then do nothing.
 */
export function silence(res: ServerResponse, more: readonly string[] = []): void {
  const { statusCode } = res;
  for (const name of [...SILENT, ...more]) define(res, name, () => res);
  define(res, 'write', (...args: unknown[]) => {
    callBack(args);
    return true;
  });
  define(res, 'end', (...args: unknown[]) => {
    callBack(args);
    return res;
  });
  // Whoever logs the request when its response is finished is to read what has left.
  Object.defineProperty(res, 'statusCode', { get: () => statusCode, set: () => {}, configurable: true });
}

function define(res: ServerResponse, name: string, value: unknown): void {
  Object.defineProperty(res, name, { value, configurable: true, writable: true });
}

function callBack(args: readonly unknown[]): void {
  const callback = args.findLast((each) => typeof each === 'function');
  if (callback !== undefined) process.nextTick(callback as () => void);
}
