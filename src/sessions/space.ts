import type { MaybePromise } from '../types.js';

/** A session as it is kept. */
export interface KeptSession {
  /** The (escaped) name that it is kept under. */
  readonly name: string;
  readonly text: string;
}

/**
 * Where sessions are kept: texts under names, each with a life of its own, ms. Every operation rejects if it cannot be
 * done: that a session cannot be read never means that there is none.
 */
export interface SessionSpace {
  get(name: string): MaybePromise<string | undefined>;
  /** Keeps a text for `life`. `existing`: only where there is one already, so that what was destroyed stays away. */
  set(name: string, text: string, life: number, existing: boolean): MaybePromise<void>;
  /** Keeps another text in the place of one that is still there, and says whether it was. */
  replace(name: string, from: string, to: string, life: number): MaybePromise<boolean>;
  /** Gives what is there a new life, and leaves away what is not. */
  touch(name: string, life: number): MaybePromise<void>;
  destroy(name: string): MaybePromise<void>;
  /** The names of all, in steps; a name may come twice. */
  names(): AsyncIterable<readonly string[]>;
  /** What is kept under names, what is gone left out. */
  read(names: readonly string[]): MaybePromise<readonly KeptSession[]>;
  /** Destroys several. */
  drop(names: readonly string[]): MaybePromise<void>;
}
