import { ServerResponse, STATUS_CODES } from 'node:http';
import type { Reply } from '../../src/lookup/reply.js';
import { Attention, type Given } from './attention.js';
import { tapBegun } from './begun.js';
import {
  answer,
  type Callback,
  type Chunk,
  callbackAmong,
  encodingOf,
  isChunk,
  isNothing,
  type WriteArguments,
} from './body-arguments.js';
import { EndedBody } from './ended-body.js';
import { applyHead } from './head-arguments.js';
import { holdHead, refuse, seemsEnded, tooLate, withHead } from './hold.js';
import { hearLate } from './late.js';
import { layOn, ownBody, writeApart, writeHeadOf } from './send.js';
import type { Sink } from './sink.js';
import { hasReason, isClosed, isConnected, isGone, textOfHead } from './state.js';

/**
 * Listens to everything that a handler sends through a Node response, whichever way: `write`, `end`, `writeHead` in
 * all its forms, `pipe`, `flushHeaders`. Bytes pass as they are and at once; only a head that its listener wants to
 * hold back (to invalidate something first) waits, and what follows it waits in line.
 */
export function tap(res: ServerResponse, sink: Sink): void {
  if (res.headersSent) tapBegun(res, sink);
  else new Tap(res, sink).install();
}

const NOTHING: never[] = [];

const { end } = ServerResponse.prototype;

/** The tap that was put on a response first. */
const TAP = Symbol('respcache.tap');

type Tapped = ServerResponse & { [TAP]: Tap };

class Tap implements Given {
  readonly #res: ServerResponse;
  readonly #sink: Sink;
  readonly #attention: Attention;
  readonly #writeHeadBefore: ServerResponse['writeHead'];
  readonly #writeBefore: ServerResponse['write'];
  readonly #endBefore: ServerResponse['end'];
  /** What stands there in the place of the first. */
  #writeHeadOwn: ServerResponse['writeHead'];
  #state: 'open' | 'held' | 'passing' | 'muted' = 'open';
  /** What was called while the head was held back. */
  #held: (() => void)[] = NOTHING;
  #ended = false;
  /** Something else has left, whole, in place of the response. */
  #replaced = false;
  /** Its reason, where that is not its status' own. */
  #message: string | undefined;
  /** All of the body, where it has come at once. */
  #whole: EndedBody | undefined;
  /** Its head was not written by itself, but with its body's first piece, or all of that. */
  #isImplied = false;
  /** Its head as a piece has gone by, where a layer outside that waits for the whole has it wait, too. */
  #waiting: string | undefined;
  /** What leaves in its place when a layer outside that may change its head then has ended it. */
  #laid: Reply | undefined;

  /** The same three functions for all responses, which find the tap that was put on one first. */
  static readonly #methods = {
    writeHead(this: Tapped, ...args: unknown[]): ServerResponse {
      return this[TAP].#writeHead(args);
    },
    write(this: Tapped, ...args: WriteArguments): boolean {
      return this[TAP].#write(args);
    },
    end(this: Tapped, ...args: WriteArguments): ServerResponse {
      return this[TAP].#end(args);
    },
  } as unknown as Pick<ServerResponse, 'writeHead' | 'write' | 'end'>;

  constructor(res: ServerResponse, sink: Sink) {
    this.#res = res;
    this.#sink = sink;
    this.#attention = new Attention(res, sink, this);
    this.#writeHeadBefore = res.writeHead;
    this.#writeHeadOwn = Tap.#methods.writeHead;
    this.#writeBefore = res.write;
    this.#endBefore = res.end;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isReplaced(): boolean {
    return this.#replaced;
  }

  giveInstead(reply: Reply): void {
    this.#ended = true;
    this.#sink.end();
    this.#release(reply);
  }

  install(): void {
    const res = this.#res;
    if ((res as Partial<Tapped>)[TAP] === undefined) this.#share();
    else {
      // The second one of a response: by what they share its calls would come back to itself.
      this.#writeHeadOwn = (...args: unknown[]) => this.#writeHead(args);
      res.writeHead = this.#writeHeadOwn;
      res.write = ((...args: WriteArguments) => this.#write(args)) as ServerResponse['write'];
      res.end = ((...args: WriteArguments) => this.#end(args)) as ServerResponse['end'];
    }
    this.#attention.begin();
  }

  /**
   * Functions that are made for each response and kept by it have V8 keep all that a request leaves behind until a full
   * collection: under Express on Node 26 it is a hundred times as much as with these.
   */
  #share(): void {
    const res = this.#res;
    const { writeHead, write, end } = Tap.#methods;
    (res as Tapped)[TAP] = this;
    res.writeHead = writeHead;
    res.write = write;
    res.end = end;
  }

  #writeHead(args: unknown[]): ServerResponse {
    if (this.#state === 'held') tooLate('writeHead')();
    const status = Number(args[0]);
    // Not a final head, or not a valid one, or not the first: Node knows what to do.
    if (this.#state !== 'open' || !(status >= 200 && status <= 999) || !applyHead(this.#res, args)) {
      return this.#passHead(args);
    }
    const reason = hasReason(this.#res) ? this.#res.statusMessage : undefined;
    if ((reason || args[1] === '') && reason !== STATUS_CODES[status]) this.#message = reason;
    const verdict = this.#sink.head({ status, message: this.#message, bag: this.#res, whole: this.#whole });
    if (verdict instanceof Promise) this.#hold(verdict);
    else this.#release(verdict);
    return this.#res;
  }

  #passHead(args: unknown[]): ServerResponse {
    this.#hearWaitingHead(args);
    const returned = this.#writeHeadBefore.apply(this.#res, args as Parameters<ServerResponse['writeHead']>);
    // Node takes a 101 (or another of the kind) for the head all the same: what comes behind it is no answer.
    if (this.#state === 'open' && this.#res.headersSent) {
      this.#state = 'passing';
      this.#attention.giveUp();
    }
    return returned;
  }

  #write([chunk, encoding, callback]: WriteArguments): boolean {
    const write = () =>
      this.#writeBefore.call(this.#res, chunk as Chunk, encoding as BufferEncoding, callback as Callback);
    if (this.#state === 'held' && !isChunk(chunk)) refuse(chunk);
    if (this.#ended) return this.#behindEnd(write, true);
    if (!isChunk(chunk)) return this.#inLine(write, true);
    this.#hearWaitingHead();
    if (this.#state === 'open') this.#headBeforeBody();
    this.#sink.write(chunk, encodingOf(encoding));
    if (this.#state === 'held') {
      // It is held for an operation's deadline at the most. `false` would ask the handler to wait for a `drain` that it
      // may listen for elsewhere: a compressing layer takes such listeners to itself.
      this.#held.push(() => (this.#state === 'muted' ? answer(callback ?? encoding) : this.#piecePast(write)));
      return true;
    }
    if (this.#state === 'passing') {
      const goesOn = this.#piecePast(write);
      if (!goesOn && isGone(this.#res)) setImmediate(() => this.#attention.giveUpWaiting());
      return goesOn;
    }
    answer(callback ?? encoding);
    return true;
  }

  #end(args: WriteArguments): ServerResponse {
    const [chunk, encoding] = args;
    const forward = () => this.#endBefore.apply(this.#res, args as Parameters<ServerResponse['end']>);
    const body = isChunk(chunk);
    const fits = body || isNothing(chunk, this.#res);
    if (this.#state === 'held' && !this.#ended && !fits && chunk) refuse(chunk);
    if (this.#ended && !isNothing(chunk, this.#res)) return this.#behindEnd(forward, this.#res);
    if (this.#ended || !fits) return this.#inLine(forward, this.#res);
    this.#hearWaitingHead();
    if (this.#state === 'open') {
      // So Koa 3 ends what it does not say to a client that has gone: it is less than the handler has made.
      if (!body && isGone(this.#res)) this.#sink.abandon();
      this.#headBeforeBody(new EndedBody(body ? chunk : '', encodingOf(encoding)));
    }
    if (body) this.#sink.write(this.#whole?.made ?? chunk, encodingOf(encoding));
    if (this.#attention.hasTrailers) this.#sink.trailers();
    // What was broken off in the middle is not whole, though its handler ends it before anybody could hear of that.
    if (this.#whole === undefined && this.#attention.isBrokenOff) this.#sink.abandon();
    this.#ended = true;
    this.#sink.end();
    if (this.#res.statusCode >= 400 && this.#sink.changesOnSuccess) hearLate(this.#res, this.#sink);
    const leave = () => (this.#state === 'muted' ? this.#endMuted(args) : this.#endPast(this.#told(args)));
    if (this.#state !== 'held') return leave();
    this.#held.push(leave);
    seemsEnded(this.#res);
    return this.#res;
  }

  #endPast(args: unknown[]): ServerResponse {
    const end = this.#endBefore as (...args: unknown[]) => ServerResponse;
    return this.#past(() => end.apply(this.#res, args));
  }

  #piecePast(write: () => boolean): boolean {
    const goesOn = this.#past(write);
    if (!this.#res.headersSent && this.#sink.isFilling) this.#waiting = textOfHead(this.#res);
    return goesOn;
  }

  /** What has been said of a head since it was judged, and before it left, as by an error handler, is not in what would be stored. */
  #hearWaitingHead(said?: unknown[]): void {
    const before = this.#waiting;
    this.#waiting = undefined;
    if (before !== undefined && before !== textOfHead(this.#res, said)) this.#sink.trailers();
  }

  /** Calls what is outside: layers inside with a `writeHead` of theirs have seen the head by then, or are not to see it. */
  #past<T>(call: () => T): T {
    if (this.#res.headersSent || this.#res.writeHead === this.#writeHeadOwn) return call();
    return withHead(this.#res, (...head: unknown[]) => this.#passHead(head), call);
  }

  /** Whether a layer outside ends the response, and may change a head then that was not written by itself. */
  get #endsOutside(): boolean {
    return this.#endBefore !== end && hasReason(this.#res) && this.#isImplied;
  }

  /**
   * Begins an answer whose body begins, too. `whole`: all of that. Node writes its head then, and layers outside that wait for the whole
   * may change it. Where it cannot begin so, its handler may send another one.
   */
  #headBeforeBody(whole?: EndedBody): void {
    this.#isImplied = true;
    this.#whole = whole;
    try {
      this.#res.writeHead(this.#res.statusCode);
    } catch (error) {
      this.#isImplied = false;
      this.#whole = undefined;
      throw error;
    }
  }

  /** What the response is ended with. Short bytes are told as a text (see send.ts), where Node is all that is outside. */
  #told(args: WriteArguments): WriteArguments {
    const isLast = this.#endBefore === end && isConnected(this.#res);
    const text = isLast ? this.#whole?.text : undefined;
    return text === undefined ? args : [text, 'latin1', callbackAmong(args)];
  }

  /** What Node is to say something of (a second end, a piece that comes behind it) comes behind what is held back. */
  #inLine<T>(call: () => T, meanwhile: T): T {
    if (this.#state !== 'held') return call();
    this.#held.push(call);
    return meanwhile;
  }

  /**
   * A piece behind the end of what is held back comes when that has left, as in a later turn it would have come: Node reports it as
   * an error before, which ends a process that does not listen for it.
   */
  #behindEnd<T>(call: () => T, meanwhile: T): T {
    if (this.#state !== 'held') return call();
    const res = this.#res;
    this.#held.push(() => (isClosed(res) ? call() : res.once('close', call)));
    return meanwhile;
  }

  #endMuted(args: WriteArguments): ServerResponse {
    const callback = callbackAmong(args);
    if (this.#replaced) {
      answer(callback);
      return this.#res;
    }
    // What was said of the head since then was said of the handler's answer.
    if (this.#laid !== undefined && !this.#res.headersSent) layOn(this.#res, this.#laid);
    return this.#endPast([callback]);
  }

  /** Keeps the head here until its listener is done. */
  #hold(verdict: Promise<Reply | undefined>): void {
    this.#state = 'held';
    this.#held = [];
    const letGo = holdHead(this.#res, (call) => this.#held.push(call));
    const settle = (reply: Reply | undefined) => {
      const late = letGo();
      this.#release(reply);
      for (const call of this.#held.splice(0)) call();
      if (this.#state === 'passing' && this.#res.headersSent) this.#res.statusCode = late;
    };
    // Whatever went wrong with the listener, the response is the handler's and leaves. What Node refuses of it now, nobody
    // hears of: it ends there.
    verdict.then(settle, () => settle(undefined)).catch((error) => this.#res.destroy(error));
  }

  #release(reply: Reply | undefined): void {
    const res = this.#res;
    if (reply === undefined) {
      this.#state = 'passing';
      // With the body at hand Node writes the head itself, and if it is whole, the body's length into it.
      if (!this.#isImplied) writeHeadOf(res, this.#message, this.#writeHeadBefore);
      return;
    }
    this.#state = 'muted';
    layOn(res, reply);
    // A body that is captured beside it is waited for: only its end says that it was whole.
    if ((this.#sink.isFilling || this.#sink.outlastsReply) && reply.body === undefined) {
      if (this.#endsOutside) {
        this.#laid = reply;
        this.#waiting = textOfHead(res);
      } else this.#writeHeadBefore.call(res, res.statusCode);
      return;
    }
    this.#replaced = true;
    writeApart(res, reply, this.#writeHeadBefore);
    // Over HTTP/2 Node ends by way of `write`: what comes that way now is no piece of the handler's.
    const ended = this.#ended;
    this.#ended = true;
    this.#endPast([res.req.method === 'HEAD' ? undefined : ownBody(reply)]);
    this.#ended = ended;
  }
}
