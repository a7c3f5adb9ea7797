import type { ServerResponse } from 'node:http';
import { hasReason } from './state.js';

/** What `write` and `end` of Node's are called with. */
export type WriteArguments = [chunk?: unknown, encoding?: unknown, callback?: unknown];
export type Callback = (error?: Error | null) => void;

/** A piece of a body, as Node takes it. */
export type Chunk = string | Uint8Array;

export function isChunk(chunk: unknown): chunk is Chunk {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

/** Whether `end` is given no piece. Of what is false Node makes none, other than over HTTP/2, where it refuses it. */
export function isNothing(chunk: unknown, res: ServerResponse): boolean {
  return chunk === undefined || chunk === null || typeof chunk === 'function' || (!chunk && hasReason(res));
}

/** The encoding among the arguments of `write` and `end`, where a callback may stand in its place. */
export function encodingOf(encoding: unknown): BufferEncoding | undefined {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined;
}

/** The callback, wherever it stands. */
export function callbackAmong(args: WriteArguments): (() => void) | undefined {
  return args.find((argument) => typeof argument === 'function') as (() => void) | undefined;
}

/** Calls back as Node would. */
export function answer(callback: unknown): void {
  if (typeof callback === 'function') process.nextTick(callback);
}
