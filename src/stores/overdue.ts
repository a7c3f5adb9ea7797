import { withDeadline } from '../deadline.js';
import { UnavailableError } from '../errors.js';
import { Silence } from './silence.js';

/** How many commands may be without an answer beyond their time. */
const MOST = 1000;
/** After how long without any answer the connection is given up, ms: of few commands a minute there are never too many. */
const SILENCE = 4000;

/**
 * Counts commands that nobody waits for any more. Each stays in the client until Redis answers, or the connection ends: where
 * there is no breaker, a server that hangs would have them fill the memory.
 */
export class Overdue {
  readonly #onSilence: () => void;
  readonly #silence: Silence;
  #count = 0;

  /** `onSilence`: told when there are too many, or none is answered any more: the connection may be dead without knowing. */
  constructor(onSilence: () => void) {
    this.#onSilence = onSilence;
    this.#silence = new Silence(SILENCE, onSilence);
  }

  /** @throws {UnavailableError} while there are too many */
  check(operation: string): void {
    if (this.#count >= MOST) throw new UnavailableError(`${operation}: Redis does not answer any more`);
  }

  /** Waits for a command for `ms`. @throws {UnavailableError} if it has no answer by then */
  async wait<T>(working: Promise<T>, ms: number, operation: string): Promise<T> {
    let isAnswered = false;
    let isOverdue = false;
    const asked = performance.now();
    const answered = () => {
      isAnswered = true;
      this.#silence.heard();
      if (isOverdue) this.#count--;
    };
    working.then(answered, answered);
    try {
      return await withDeadline(working, ms, operation);
    } finally {
      isOverdue = !isAnswered;
      if (isOverdue && ++this.#count === MOST) this.#onSilence();
      if (isOverdue) this.unheard(asked);
    }
  }

  /** What was asked then (by `performance.now()`) has had no answer in its time, or could not even be sent. */
  unheard(asked: number): void {
    this.#silence.unheard(asked);
  }
}
