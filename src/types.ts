/** A value now, or a promise of it: what is in memory is answered without a promise. */
export type MaybePromise<T> = T | Promise<T>;

/** Continues with `next` at once where the value is there, later where it is promised. */
export function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The header fields of a message as Node gives them: names in lower case. */
export type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** The part of an outgoing message that the engine reads and edits; a Node `ServerResponse` is one. */
export interface HeaderBag {
  getHeader(name: string): string | number | readonly string[] | undefined;
  getHeaders(): Fields;
  /** Names as they were spelt; absent over HTTP/2, where all are in lower case. */
  getRawHeaderNames?(): string[];
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): void;
}
