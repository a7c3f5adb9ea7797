import type { HeaderBag } from '../types.js';

/** The head of a handler's response, as its adapter hands it over before it leaves. */
export interface ResponseHead {
  readonly status: number;
  /** The reason phrase, if it is not the status's usual one. */
  readonly message: string | undefined;
  readonly bag: HeaderBag;
  /** The whole body, where it is known already: it can be given a tag before the head leaves. */
  readonly whole: Whole | undefined;
}

/** A body that has come at once. */
export interface Whole {
  /** Bytes. */
  readonly length: number;
  /** Made when they are asked for first: not at all, where nothing is to be stored. */
  bytes(): Uint8Array;
}
