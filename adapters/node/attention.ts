import type { ServerResponse } from 'node:http';
import type { Reply } from '../../src/lookup/reply.js';
import { tellPast } from './begun.js';
import { silence, silenceBody } from './silence.js';
import type { Sink } from './sink.js';
import { isBrokenOff, isClosed, isCut, isGivenUp, trailersOf, whenLostInLine, whenStreamCloses } from './state.js';

/** A response as far as it has been given. */
export interface Given {
  /** All of it has been. */
  readonly hasEnded: boolean;
  /** Its head has not been told of. */
  readonly isOpen: boolean;
  /** Something else has left, whole, in its place. */
  readonly isReplaced: boolean;
  /** Gives this in its place, and ends it. */
  giveInstead(reply: Reply): void;
}

/** Listens to how a response may fail: its client goes, its handler gives it up, or its connection. */
export class Attention {
  readonly #res: ServerResponse;
  readonly #sink: Sink;
  readonly #given: Given;
  #isWhole = false;
  #hasTrailers = false;
  #hasClosed = false;

  constructor(res: ServerResponse, sink: Sink, given: Given) {
    this.#res = res;
    this.#sink = sink;
    this.#given = given;
  }

  /** Whether trailers were given to it. */
  get hasTrailers(): boolean {
    return this.#hasTrailers || Boolean(trailersOf(this.#res));
  }

  /** Whether its handler has just broken it off: that has not been told of yet, as the going of a client has. */
  get isBrokenOff(): boolean {
    return !this.#hasClosed && isBrokenOff(this.#res);
  }

  begin(): void {
    const res = this.#res;
    const gone = isGivenUp(res);
    this.#sink.whenWaitedFor((atOnce) => {
      if (atOnce || trailersOf(res) === undefined) this.#attend();
      else queueMicrotask(() => this.#attendLater(gone));
    });
    // Whose client has gone during the lookup says so no more.
    if (isClosed(res)) this.#leave();
    else {
      res.once('close', () => this.#leave());
      whenLostInLine(res, () => this.#leave());
    }
  }

  /** Nothing more will come. */
  giveUp(): void {
    if (!this.#given.hasEnded) this.#sink.abandon();
  }

  /** What has gone never drains: a handler that waits for that waits for ever. One that does not goes on to the end. */
  giveUpWaiting(): void {
    if (this.#res.listenerCount('drain') > 0) this.giveUp();
  }

  /**
   * Listens to all of it. Not before that is of use, most handlers having ended by then: where a framework gives each response
   * another prototype, every property costs microseconds.
   */
  #attend(): void {
    if (this.#isWhole) return;
    this.#isWhole = true;
    const res = this.#res;
    const { destroy } = res;
    res.destroy = (error) => this.#destroy(error, destroy);
    whenStreamCloses(res, () => this.giveUp());
    // Where they can be asked for at the end, nobody has to listen.
    if (trailersOf(res) !== undefined) return;
    const trailing = res as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
    for (const name of ['addTrailers', 'setTrailer']) {
      const method = trailing[name];
      if (method === undefined) continue;
      trailing[name] = (...args) => {
        this.#hasTrailers = true;
        return method.apply(res, args);
      };
    }
  }

  /** `gone`: its client had gone before the handler began. */
  #attendLater(gone: boolean): void {
    if (this.#given.hasEnded) return;
    if (isGivenUp(this.#res) && !gone) this.giveUp();
    else this.#attend();
  }

  #leave(): void {
    this.#hasClosed = true;
    const { hasEnded, isOpen } = this.#given;
    if (hasEnded) return;
    if (isOpen && this.#res.headersSent) tellPast(this.#res, this.#sink);
    else this.#sink.leave(isCut(this.#res));
    // A stream that was piped into it is let go of now, and stands still, as one does that is piped into it later.
    for (const event of ['unpipe', 'pipe'] as const) this.#res.once(event, () => this.#leaveAnswered());
  }

  /** A stream is an answer, though nobody may hear more of it. */
  #leaveAnswered(): void {
    if (this.#given.isOpen && !this.#given.hasEnded) tellPast(this.#res, this.#sink);
    else this.giveUp();
  }

  /** A handler that gives up before it has said anything may be stood in for. */
  #destroy(error: Error | undefined, destroy: ServerResponse['destroy']): ServerResponse {
    const [res, given] = [this.#res, this.#given];
    // What has taken the response's place is on its way: whoever gives up the response does not mean that.
    if (given.isReplaced) return res;
    const reply = given.isOpen && !res.headersSent ? this.#sink.hungUp(res) : undefined;
    if (reply === undefined) {
      // Nothing more will come: nobody is to wait for it.
      this.giveUp();
      return destroy.call(res, error);
    }
    given.giveInstead(reply);
    // A handler that goes on does so as on what it has destroyed: nothing comes of it, and nothing is refused.
    if (res.headersSent) silence(res);
    else silenceBody(res);
    return res;
  }
}
