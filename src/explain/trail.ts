import { Events, type Reason } from '../events.js';
import type { Explanation, ExplanationStep, KilledBy, StoredEntry } from './explanation.js';
import { errorText } from './words.js';

/** What is stored where a request was looked for; `unknown`: the store did not answer. */
export type Stored = 'valid' | 'barred' | 'none' | 'unknown';

/** An explanation by one mount's options. */
export interface Told {
  readonly explanation: Explanation;
  readonly stored: Stored;
}

/** An explanation as it grows, step by step. */
export class Trail {
  /** Told of what functions among the options throw. Nobody else is: nothing of it counts. */
  readonly events: Events = new Events();
  readonly #steps: ExplanationStep[] = [];
  readonly #failures: { operation: string; error: unknown }[] = [];
  #facts: { tenant?: string; key?: string; entry?: StoredEntry; killedBy?: KilledBy } = {};

  constructor() {
    this.events.on('error', (failure) => this.#failures.push(failure));
  }

  pass(step: string, text: string): void {
    this.#steps.push({ step, ok: true, text });
  }

  fail(step: string, text: string): void {
    this.#steps.push({ step, ok: false, text });
  }

  /** Adds to what is known of the request and of what is stored for it. */
  learn(facts: { tenant?: string; key?: string; entry?: StoredEntry; killedBy?: KilledBy }): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  /** Which function among the options has thrown what; `otherwise`, if none has. */
  failure(otherwise: string): string {
    const [failed] = this.#failures;
    return failed === undefined ? otherwise : `The option ${failed.operation} threw ${errorText(failed.error)}.`;
  }

  /** The request passes the cache by. */
  bypass(step: Reason, text: string): Told {
    this.fail(step, text);
    return this.end('bypass', 'none', step);
  }

  end(outcome: Explanation['outcome'], stored: Stored, reason?: Reason): Told {
    const because = reason === undefined ? {} : { reason };
    return { stored, explanation: { outcome, ...because, ...this.#facts, steps: this.#steps } };
  }
}
