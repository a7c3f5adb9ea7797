import type { ResponseHead } from '../../src/fill/response-head.js';
import type { Reply } from '../../src/lookup/reply.js';
import type { Fields, HeaderBag, MaybePromise } from '../../src/types.js';

/** What listens to a response: told of its head before it leaves, of each piece, and of how it ended. */
export interface Sink {
  /** What leaves in place of the response, if anything does. A promise holds it back until it is settled. */
  head(head: ResponseHead): MaybePromise<Reply | undefined>;
  /** Whether the pieces are wanted though something else has left in their place. */
  readonly isFilling: boolean;
  /**
   * Whether what has left in its place is to end with it, though the pieces are not wanted: whoever still sends takes an end for
   * its client's going (`res.sendFile` tells its callback of an error then). Known once the head is.
   */
  readonly outlastsReply: boolean;
  /**
   * Calls back as soon as it matters how the response ends: at once, if it does. `atOnce`: even how the handler may end it
   * before it returns.
   */
  whenWaitedFor(listener: (atOnce: boolean) => void): void;
  /** What leaves where the handler destroys its response before its head, if anything does. */
  hungUp(bag: HeaderBag): Reply | undefined;
  write(chunk: Uint8Array | string, encoding?: BufferEncoding): void;
  /** Fields follow its beginning: trailers, or more of a head that has not left yet. */
  trailers(): void;
  end(): void;
  /** The handler has given up. */
  abandon(): void;
  /** Whether something is invalidated if the handler succeeds. */
  readonly changesOnSuccess: boolean;
  /** It may have, though what was given in its place says that it has not. */
  invalidate(fields: Fields): MaybePromise<unknown>;
  /** The connection is gone, and the handler has not ended its response. `cut`: on this side, by the handler perhaps. */
  leave(cut: boolean): void;
}
