import type { Readable } from 'node:stream';
import type { Fields, MaybePromise } from '../types.js';
import type { App } from '../warm/options.js';

/** A request to the statistics, as its adapter sees it. */
export interface OperationsRequest {
  readonly method: string;
  /** The path below the mount: `/`, `/health`, … */
  readonly path: string;
  /** Of its URL. */
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Fields;
  /** Whether its connection is encrypted. */
  readonly secure: boolean;
  /** Whether whoever asks may see tenants and change things. */
  authorized(): MaybePromise<boolean>;
  /** The body as parsed JSON, or `undefined` if it is none. */
  body(): Promise<unknown>;
  /** Whether the server that it came to takes no more of them, and ends once all are answered. */
  closing(): boolean;
  /** The application that it came to; absent where there is no telling. */
  readonly app: App | undefined;
}

/** An answer of the statistics. */
export interface OperationsReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Readable;
}

/** What is said of an answer that nobody is to keep. */
export const UNKEPT = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

/** An answer in JSON. */
export function json(status: number, body: unknown): OperationsReply {
  const headers = { ...UNKEPT, 'Content-Type': 'application/json; charset=utf-8' };
  return { status, headers, body: JSON.stringify(body) };
}

/** As if there were nothing: whoever may not see it is not told that it is there. */
export const NOT_FOUND: OperationsReply = json(404, { error: 'not found' });
