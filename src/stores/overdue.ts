import { UnavailableError } from '../errors.js';
import { withDeadline } from './guard.js';

/** How many commands may be without an answer beyond their time. */
const MOST = 1000;

/**
 * Counts commands that nobody waits for any more. Each stays in the client until Redis answers, or the connection ends: where
 * there is no breaker, a server that hangs would have them fill the memory.
 */
export class Overdue {
  readonly #onSilence: () => void;
  #count = 0;

  /** `onSilence`: told when there are too many: the connection may be dead without knowing. */
  constructor(onSilence: () => void) {
    this.#onSilence = onSilence;
  }

  /** @throws {UnavailableError} while there are too many */
  check(operation: string): void {
    if (this.#count >= MOST) throw new UnavailableError(`${operation}: Redis does not answer any more`);
  }

  /** Waits for a command for so many ms. @throws {UnavailableError} if it has no answer by then */
  async wait<T>(working: Promise<T>, ms: number, operation: string): Promise<T> {
    let isAnswered = false;
    let isOverdue = false;
    const answered = () => {
      isAnswered = true;
      if (isOverdue) this.#count--;
    };
    working.then(answered, answered);
    try {
      return await withDeadline(working, ms, operation);
    } finally {
      isOverdue = !isAnswered;
      if (isOverdue && ++this.#count === MOST) this.#onSilence();
    }
  }
}
