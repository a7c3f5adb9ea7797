import type { Hold, Lanes } from './lanes.js';

/** The lanes that this process is at work on: each is held until its work has ended, or is not waited for any more. */
export class Holds {
  readonly #lanes: Lanes;
  readonly #lease: number;
  readonly #leaving = new Set<() => void>();
  #left = false;

  /** `lease`: how long a lane stays held by a process that is silent, ms. */
  constructor(lanes: Lanes, lease: number) {
    this.#lanes = lanes;
    this.#lease = lease;
  }

  /** Whether nobody waits any more: what ends now is no longer this process' to say. */
  get left(): boolean {
    return this.#left;
  }

  /** Whether anything is at work that is waited for. */
  get busy(): boolean {
    return this.#leaving.size > 0;
  }

  /**
   * Holds a lane during work on it, and gives what that comes to; once it is left, after how many ms the lane is another's. Then
   * no work is begun any more.
   */
  async during(hold: Hold, work: () => Promise<number | undefined>): Promise<number | undefined> {
    if (this.#left) return this.#lease;
    const renewal = setInterval(() => void this.#lanes.renew(hold, this.#lease).catch(() => {}), this.#lease / 3);
    return new Promise((resolve, reject) => {
      const end = () => {
        clearInterval(renewal);
        this.#leaving.delete(leave);
      };
      const leave = () => {
        end();
        resolve(this.#lease);
      };
      this.#leaving.add(leave);
      work().finally(end).then(resolve, reject);
    });
  }

  /** Has all work waited for no longer, and its lanes held no longer than a lease. */
  leave(): void {
    this.#left = true;
    for (const leave of this.#leaving) leave();
  }
}
