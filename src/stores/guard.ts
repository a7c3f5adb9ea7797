import type { Clock } from '../clock.js';
import { withDeadline } from '../deadline.js';
import { UnavailableError } from '../errors.js';
import type { Events } from '../events.js';
import type { MaybePromise } from '../types.js';
import { isReply, lossOr } from './loss.js';

/** How long operations may take, and when to stop trying. */
export interface GuardOptions {
  /** Failures in a row that open the breaker. */
  readonly failures: number;
  /** How long it stays open before one operation tries again, ms. */
  readonly openFor: number;
  /** What counts as an answer in time, ms: a slower one, to an operation that may take longer, decides nothing. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly events: Events;
  /** Nothing at all has been heard for long: the connection may be dead without knowing. */
  readonly onSilence: () => void;
}

/** After how many times `openFor` without any answer a connection is taken for dead. */
const SILENCE = 3;

/**
 * Stands around everything that can hang or fail: each operation has a deadline, and after a few failures in a row
 * none is tried for a while (the breaker is open); then one probe decides. An answer that is an error (Redis out of
 * memory, say) is an answer: only silence and lost connections count against the breaker.
 */
export class Guard {
  readonly #options: GuardOptions;
  #failures = 0;
  #openUntil = 0;
  #probing = false;
  #lastHeard = performance.now();
  readonly #heard = () => {
    this.#lastHeard = performance.now();
  };

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Whether operations are refused at present. */
  get open(): boolean {
    return this.#failures >= this.#options.failures;
  }

  /** Runs `work` within `deadline` ms. @throws {UnavailableError} at once if the breaker is open, or at the deadline */
  async run<T>(operation: string, deadline: number, work: () => MaybePromise<T>): Promise<T> {
    const probe = this.#admit();
    const started = performance.now();
    try {
      const working = native(work());
      if (working instanceof Promise) working.then(this.#heard, () => {});
      const result = await withDeadline(working, deadline, operation);
      if (performance.now() - started <= this.#options.timeout) this.#succeeded();
      return result;
    } catch (cause) {
      if (isAnswer(cause)) this.#succeeded();
      else if (!(cause instanceof NotSentError)) this.#failed(probe);
      const error = lossOr(cause);
      this.#options.events.emit('error', { operation, error });
      throw error;
    } finally {
      if (probe) this.#probing = false;
    }
  }

  /** Takes a sign of life from elsewhere (a new connection): the next operation is tried. */
  revive(): void {
    this.#openUntil = 0;
  }

  #admit(): boolean {
    if (!this.open) return false;
    // A clock that has been put back must not keep it open for as long.
    const left = this.#openUntil - this.#options.clock.now();
    if (this.#probing || (left > 0 && left <= this.#options.openFor)) throw new UnavailableError('the breaker is open');
    this.#probing = true;
    return true;
  }

  #succeeded(): void {
    const wasOpen = this.open;
    this.#failures = 0;
    if (wasOpen) this.#options.events.emit('breaker', { state: 'closed' });
  }

  #failed(probe: boolean): void {
    const wasOpen = this.open;
    this.#failures++;
    if (this.open) this.#openUntil = this.#options.clock.now() + this.#options.openFor;
    const { openFor, onSilence } = this.#options;
    if (probe && performance.now() - this.#lastHeard > openFor * SILENCE) {
      this.#heard();
      onSilence();
    }
    if (this.open && !wasOpen) this.#options.events.emit('breaker', { state: 'open' });
  }
}

/** What was not even sent, because this process has sent too much already: that says nothing of the server. */
export class NotSentError extends UnavailableError {}

/** A store of the caller's own may promise by another library, or, as Node's own promises under Jest, come from another realm. */
function native<T>(work: MaybePromise<T>): MaybePromise<T> {
  if (work === undefined || work instanceof Promise) return work;
  const isPromise = typeof (work as { readonly then?: unknown } | null)?.then === 'function';
  return isPromise ? Promise.resolve(work) : work;
}

/** Whether an error is Redis' own reply: the server lives. While it loads or has no master it cannot serve, though. */
export function isAnswer(error: unknown): boolean {
  return isReply(error) && !/^(LOADING|MASTERDOWN|CLUSTERDOWN)/.test(error.message);
}
