import { AsyncResource } from 'node:async_hooks';
import { type IncomingMessage, Server, type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http';
import { type Server as NetServer, Socket } from 'node:net';
import { LONGEST_TIMER } from './clock.js';

/** How a request is run. */
export interface How {
  /** Prepares the new request before the application sees it: marks it, so that the cache knows it. */
  prepare(req: IncomingMessage, res: ServerResponse): void;
  /** ms after which the run is given up: its response is destroyed, as if the client had hung up. */
  readonly timeout: number;
}

/** What Node does with a connection that a server has accepted: whichever stream it is given, says its documentation. */
const [connect] = new Server().listeners('connection');

/** Where no request's AsyncLocalStorage is: a run is an exchange of its own, not a part of that which asked for it. */
const OUTSIDE = new AsyncResource('respcache.inject');

/** What can be asked of a connection. */
export type Facts = ReadonlyMap<string, unknown>;

/**
 * Runs a request through an application, in this process and without a connection.
 *
 * @returns whether the response was given to its end
 */
export function inject(server: NetServer, head: Buffer, facts: Facts, how: How): Promise<boolean> {
  return OUTSIDE.runInAsyncScope(() => run(server, head, new Copy(facts), how));
}

/**
 * The server is given the request's head as on a new connection: so it is Node that makes the request and the response,
 * by the server's own settings, and that does for them what it does for any other.
 */
function run(server: NetServer, head: Buffer, socket: Socket, options: How): Promise<boolean> {
  return new Promise((resolve) => {
    let begun = false;
    let finished = false;
    let timer: NodeJS.Timeout | undefined;
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(finished);
    });
    const begin = (req: IncomingMessage, res: ServerResponse) => {
      begun = true;
      res.once('finish', () => {
        finished = true;
      });
      res.once('close', () => socket.destroy());
      // A write after the end ends no process: nobody waits for this answer.
      res.on('error', () => {});
      options.prepare(req, res);
    };
    connect?.call(server, socket);
    setImmediate(() => {
      // By a server that closed all connections meanwhile.
      if (socket.destroyed) return;
      timer = setTimeout(() => socket.destroy(), Math.min(options.timeout, LONGEST_TIMER)).unref();
      deliver(server, head, socket, begin);
      // The server would not have it as a request: too large a head, say.
      if (!begun) socket.destroy();
    });
  });
}

type Listener = (req: IncomingMessage, res: ServerResponse) => void;

/** Node's parser, the event `request` and the application's listeners all run within this call. */
function deliver(server: NetServer, head: Buffer, socket: Socket, begin: Listener): void {
  server.prependOnceListener('request', begin);
  try {
    socket.emit('data', head);
  } catch {
    socket.destroy();
  } finally {
    server.off('request', begin);
  }
}

/** The head of a request, as it goes over the wire. @throws {TypeError} for a target or a field that none can have */
export function headText(
  method: string,
  target: string,
  version: string,
  fields: readonly (readonly [name: string, value: string])[],
): Buffer {
  if (!/^[\x21-\x7e\x80-\xff]+$/.test(target)) throw new TypeError('a target that no request can have');
  const lines = fields.map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return Buffer.from(`${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n`, 'latin1');
}

/** A connection like another one, for all that can be asked of it, and to nowhere: what is written to it is gone. */
class Copy extends Socket {
  constructor(facts: Facts) {
    super();
    for (const [name, value] of facts) {
      Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
    }
    // The head is all that its client had to say: whoever asks if that has hung up is told so.
    Object.defineProperty(this, 'readableEnded', { value: true });
    // Whoever ends the connection by hand has ended the exchange.
    this.once('finish', () => this.destroy());
  }

  /** Later, so that a writer is told to wait, and not at the end of this turn, so that everything else has its turn. */
  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    if (this.timeout) this.setTimeout(this.timeout);
    setImmediate(done);
  }

  override _writev(_chunks: unknown, done: () => void): void {
    this._write(undefined, 'latin1', done);
  }

  override _final(done: () => void): void {
    done();
  }

  override _read(): void {}
}
