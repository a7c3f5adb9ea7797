import type { Choose } from './choices.js';
import { type Exchange, has, type Request } from './messages.js';
import type { Stored } from './stored.js';

/** What a cache has to do with a request. */
export type Verdict =
  /** Answer from the store. `refresh`: and ask the origin in the background (RFC 5861 §3). */
  | { readonly kind: 'serve'; readonly stored: Stored; readonly refresh: boolean }
  /**
   * Ask the origin. `chosen`: though there is this. `validate`: on condition that it has something else (RFC 9111 §4.3).
   * `standIn`: what is served if the origin fails (RFC 5861 §4).
   */
  | {
      readonly kind: 'forward';
      readonly chosen: Stored | undefined;
      readonly validate: Stored | undefined;
      readonly standIn: Stored | undefined;
    }
  /** 504 (RFC 9111 §5.2.1.7). */
  | { readonly kind: 'refuse' };

export const FORWARD: Verdict = { kind: 'forward', chosen: undefined, validate: undefined, standIn: undefined };

/** One question put to a policy. */
export interface Case {
  readonly store: readonly Stored[];
  readonly request: Request;
  /** Seconds since 1970. */
  readonly now: number;
  readonly choose: Choose;
  /** Names this request, for choices that need not be the same each time. */
  readonly occasion: string;
  /** When the origin was asked last; `undefined`: never. */
  readonly lastRun: number | undefined;
}

/** For so many seconds nobody has to try again what has just come to nothing. */
const PAUSE = 10;

/** RFC 5861 §3: "caches … SHOULD attempt to revalidate", but not over and over, nor in the name of somebody. */
export function isRefreshed({ request, now, lastRun, choose, occasion }: Case): boolean {
  const again = lastRun !== undefined && now - lastRun <= PAUSE;
  if (again && choose(`${occasion}: it is refreshed, though the last attempt came to nothing`) === 1) return false;
  const plain = request.method === 'GET' && !has(request, 'Authorization') && !has(request, 'Cookie');
  return plain || choose('RFC 5861 §3: a HEAD, or a request with credentials, has it refreshed') === 0;
}

export interface Policy {
  readonly name: 'rfc9111' | 'application';
  judge(question: Case): Verdict;
  /** Whether a stored response could be chosen for a request, fresh or not (§4, all but the last requirement). */
  chooses(stored: Stored, request: Request, choose: Choose): boolean;
  mayStore(exchange: Exchange, choose: Choose): boolean;
  /** What is kept of a response that may be stored, or that was updated. */
  keep(exchange: Exchange, choose: Choose): Stored;
}
