import { loadPeer } from '../peer.js';

/** What a limiter says: of a request that is let through as it resolves, of one that is not as it rejects. */
export interface Count {
  /** Points that are left in this window. */
  readonly remainingPoints: number;
  /** ms until the window, or a block, ends. */
  readonly msBeforeNext: number;
  readonly consumedPoints: number;
}

/** What is used here of a limiter of `rate-limiter-flexible`. */
export interface Limiter {
  blockDuration: number;
  consume(key: string, points: number): Promise<Count>;
  reward(key: string, points: number): Promise<Count>;
}

/** The package, as far as it is used here: it need not be installed where there is no limit. */
export interface Flexible {
  readonly RateLimiterRedis: new (options: object) => Limiter;
  readonly RateLimiterMemory: new (options: object) => Limiter;
  readonly RateLimiterRes: new (remaining: number, ms: number, consumed: number, first: boolean) => Count;
}

/** Loads the package. @throws {Error} where it is not installed */
export function loadFlexible(): Flexible {
  return loadPeer('rate-limiter-flexible', 'rateLimit()') as Flexible;
}
