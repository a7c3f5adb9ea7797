import type { Reason } from '../events.js';
import type { Fields, MaybePromise } from '../types.js';

/** What is to come of a request that is made to fill the cache. */
export interface Warming {
  /** Seconds: what stays fresh for longer need not be made anew. */
  readonly minFresh: number;
  /** Hears that nothing had to be done, that an entry is on its way into the store, or why there is none. */
  tell(result: 'fresh' | { readonly stored: MaybePromise<unknown> } | { readonly refused: Reason }): void;
}

/** Runs the application for nobody but the cache. Resolves when the response is given or given up; never rejects. */
export type Rerun = (mark: object, timeout: number) => Promise<boolean>;

/** A request as the engine sees it. */
export interface RequestView {
  readonly method: string;
  /** The same as layers inside have left it; absent where nobody can have changed it. */
  readonly currentMethod?: string;
  /** The path and query as the client sent them, whatever mounts and rewrites came since. */
  readonly target: string;
  /** What layers have made of it since, but for what mounts take off. */
  readonly rewritten?: string | undefined;
  /** Names in lower case. */
  readonly headers: Fields;
  /** The same as layers inside have left them; absent where nobody can have put others in their place. */
  readonly current?: Fields;
  /** The same as they came, names and values by turns. */
  readonly rawHeaders: string[];
  /** The same, each with a list of its lines; absent over HTTP/2. */
  readonly distinct?: Readonly<Record<string, readonly string[] | undefined>> | undefined;
  /** The same, where nobody has read `headers` yet, let alone changed them: until then these lines are all that was said. */
  readonly untouched?: readonly string[] | undefined;
  /** Whether something follows the fields that they need not tell of: over HTTP/2. */
  readonly isFollowed?: boolean;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** The store has just failed to answer for it: it is not asked a second time. */
  unreachable?: boolean;
  /** What the functions among the options are called with: Express' `req`, Koa's `ctx`. */
  readonly source: unknown;
  /**
   * Runs the application on a copy of the request, in this process and without a client; absent where that cannot be
   * done. The copy is made as this is read: the request may be over when it runs. The copy's view has `mark` as its
   * `refreshing`.
   */
  readonly rerun?: Rerun | undefined;
  /** The mark of a request that runs again: nobody waits for its response but the cache. */
  readonly refreshing?: object | undefined;
  /** The request is made to fill the cache: whoever has made it is told what became of it. */
  readonly warming?: Warming | undefined;
}
