import type { Fields } from '../types.js';

/** A request as the engine sees it. */
export interface RequestView {
  readonly method: string;
  /** The path and query as the client sent them, whatever mounts and rewrites came since. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Fields;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** What the functions among the options are called with: Express' `req`, Koa's `ctx`. */
  readonly source: unknown;
}
