/** What a command ends with, for scripts to ask. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Something that is told in one sentence, without a stack: the user can do something about it. */
export class Failure extends Error {
  constructor(
    message: string,
    /** What the process ends with. */
    readonly code: number = EXIT.failed,
  ) {
    super(message);
  }
}
