import { withDeadline } from '../deadline.js';
import { isAnswer } from '../stores/guard.js';
import { Silence } from '../stores/silence.js';
import type { Batch, PendingPurges } from './pending.js';
import type { Purge } from './purge-table.js';

/** The first pause after a failure, and the longest; ms. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** How long an attempt may take: each one longer than the one before, as a table that is to be read may be on a slow way; ms. */
const FIRST_DEADLINE = 1000;
const LONGEST_DEADLINE = 30_000;
/** After how long without any answer the connection is given up, ms. */
const SILENCE = 3000;

export interface OutboxOptions {
  /** Enters a purge into the ledger; resolves with its place there. */
  send(purge: Purge): Promise<number>;
  onError(error: unknown): void;
  /** Nothing is heard of Redis any more. Where no request is looked up nobody else would notice. */
  onSilence(): void;
}

/** Sends what is pending to the ledger, one batch after the other; after a failure again later, until it is there. */
export class Outbox {
  readonly #pending: PendingPurges;
  readonly #options: OutboxOptions;
  readonly #silence: Silence;
  #sending = false;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(pending: PendingPurges, options: OutboxOptions) {
    this.#pending = pending;
    this.#options = options;
    this.#silence = new Silence(SILENCE, () => options.onSilence());
  }

  /** Sends what is there, if nobody is at it. */
  flush(): void {
    if (this.#sending || this.#closed) return;
    clearTimeout(this.#retry);
    this.#sending = true;
    void this.#sendAll();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  async #sendAll(): Promise<void> {
    for (let batch = this.#pending.take(); batch !== undefined; batch = this.#pending.take()) {
      if (await this.#isSent(batch)) continue;
      this.#sending = false;
      this.#retryLater();
      return;
    }
    // In one step with the last look: whoever adds a purge later sends it.
    this.#sending = false;
  }

  async #isSent({ tags, patterns }: Batch): Promise<boolean> {
    const asked = performance.now();
    const deadline = Math.min(FIRST_DEADLINE * 2 ** this.#failures, LONGEST_DEADLINE);
    try {
      const sequence = await withDeadline(this.#options.send({ tags: [...tags], patterns }), deadline, 'purge');
      this.#failures = 0;
      this.#silence.heard();
      this.#pending.sent(sequence);
      return true;
    } catch (error) {
      if (isAnswer(error)) this.#silence.heard();
      else this.#silence.unheard(asked);
      this.#options.onError(error);
      this.#pending.failed();
      return false;
    }
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.flush(), Math.min(FIRST_PAUSE * 2 ** this.#failures++, LONGEST_PAUSE));
    this.#retry.unref();
  }
}
