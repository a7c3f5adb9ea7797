// A server whose requests can be held in a layer of the application, and run again from there.

import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { copyOf } from '../../../adapters/node/rerun.js';
import type { How } from '../../../src/inject.js';
import { type Application, type Asked, FRAMEWORKS, type Framework, type Layer } from './frameworks.js';

/** An exchange as the server sees it: outside of the application. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** What has happened, in its order. */
  readonly events: string[];
}

/** How a request is run again, where not as it came and with time enough. */
interface Changes extends Partial<How> {
  readonly target?: string;
}

/** A run, and what came of it. */
export interface Run extends Exchange {
  readonly whole: boolean;
  /** What was written to the connection. */
  readonly wire: string;
}

/** An original that waits for its answer in the layer that holds. */
class Held {
  readonly asked: Asked;
  readonly release: () => void;
  readonly #host: Host;

  constructor(host: Host, asked: Asked, release: () => void) {
    this.#host = host;
    this.asked = asked;
    this.release = release;
  }

  /** Begins a run. `begun` is settled when the application has been given it. */
  begin(options: Changes = {}): { begun: Promise<Exchange>; done: Promise<Run> } {
    const { req } = this.asked;
    const { target = this.asked.target, timeout = 10_000 } = options;
    let [begin, refuse] = [(_: Exchange) => {}, (_: unknown) => {}];
    const begun = new Promise<Exchange>((resolve, reject) => {
      [begin, refuse] = [resolve, reject];
    });
    begun.catch(() => {});
    const written: Buffer[] = [];
    const prepare = (copy: IncomingMessage, res: ServerResponse) => {
      options.prepare?.(copy, res);
      record(copy.socket, written);
      // This is before the spy outside of the application has seen it.
      queueMicrotask(() => begin(this.#host.exchangeOf(copy)));
    };
    const running = copyOf(req, target)?.({ prepare, timeout }) ?? Promise.resolve(false);
    const done = running.then(async (whole) => {
      refuse(new Error('it never began'));
      return { ...(await begun), whole, wire: Buffer.concat(written).toString('latin1') };
    });
    return { begun, done };
  }

  rerun(options: Changes = {}): Promise<Run> {
    return this.begin(options).done;
  }
}

const MOST = 2 ** 20;

/** What is written to a socket, which itself keeps nothing; of a large answer its beginning. */
function record(socket: Socket, written: Buffer[]): void {
  const { write } = socket;
  let bytes = 0;
  socket.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
    bytes += chunk.length;
    if (bytes < MOST) written.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk));
    return (write as (...all: unknown[]) => boolean).call(socket, chunk, ...rest);
  }) as Socket['write'];
}

export class Host {
  readonly app: Application;
  readonly server: Server;
  readonly exchanges: Exchange[] = [];
  /** Holds the request that `held` has sent; goes on with all others. */
  readonly hold: Layer;
  readonly #told = new EventEmitter();

  constructor(app: Application, server: Server) {
    this.app = app;
    this.server = server;
    // Stands in for any layer outside of the application.
    server.on('request', (req, res) => this.#spy(req, res));
    this.hold = async (asked, next) => {
      if (this.#told.listenerCount('held') === 0) return next();
      await new Promise<void>((release) => this.#told.emit('held', new Held(this, asked, release)));
      asked.send('the original');
    };
  }

  exchangeOf(req: IncomingMessage): Exchange {
    const found = this.exchanges.find((one) => one.req === req);
    if (found === undefined) throw new Error('the server has not seen this request');
    return found;
  }

  #spy(req: IncomingMessage, res: ServerResponse): void {
    const events: string[] = [];
    for (const event of ['end', 'close', 'aborted']) req.on(event, () => events.push(`request ${event}`));
    for (const event of ['finish', 'close']) res.on(event, () => events.push(`response ${event}`));
    this.exchanges.push({ req, res, events });
  }

  async listen(): Promise<this> {
    this.server.on('request', this.app.listener());
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Sends a request that is held, and waits until it is. */
  async held(target = '/', lines: readonly string[] = [], socket?: Socket): Promise<Held> {
    const held = once(this.#told, 'held') as Promise<[Held]>;
    const client = socket ?? this.connect();
    client.write(head(target, lines), 'latin1');
    return (await held)[0];
  }

  /** Holds a request, runs it again once, and lets it go. */
  async rerun(target = '/', lines: readonly string[] = [], options: Changes = {}): Promise<Run> {
    const held = await this.held(target, lines);
    try {
      return await held.rerun(options);
    } finally {
      held.release();
    }
  }

  /** What a client gets for a request, all of it. */
  async ask(target = '/', lines: readonly string[] = []): Promise<string> {
    const socket = this.connect();
    socket.write(head(target, [...lines, 'Connection: close']), 'latin1');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('latin1');
  }

  connect(): Socket {
    return connect(this.port, '127.0.0.1').on('error', () => {});
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

function head(target: string, lines: readonly string[]): string {
  return `${[`GET ${target} HTTP/1.1`, 'Host: example.com', ...lines].join('\r\n')}\r\n\r\n`;
}

/** An answer without what depends on the moment and on the connection. */
export function lasting(wire: string): string {
  return wire.replace(/^(Date|Connection|Keep-Alive): .*\r\n/gm, '');
}

export function createHost(framework: Framework, server: Server = createServer()): Host {
  return new Host(FRAMEWORKS[framework](), server);
}
