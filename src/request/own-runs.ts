import type { IncomingMessage } from 'node:http';
import type { Warming } from './request.js';

/** What a request is for that no client has made. */
export interface OwnRun {
  /** It has an entry made anew: the mark of that run. */
  readonly refreshing?: object;
  /** It fills the cache. */
  readonly warming?: Warming;
}

/** Kept beside the requests, where no client can say so of its own. */
const RUNS = new WeakMap<IncomingMessage, OwnRun>();

/** Says what a request is for that the cache has made, before the application is given it. */
export function markOwnRun(req: IncomingMessage, run: OwnRun): void {
  RUNS.set(req, run);
}

/** What a request is for, if the cache has made it. */
export function ownRunOf(req: IncomingMessage): OwnRun | undefined {
  return RUNS.get(req);
}
