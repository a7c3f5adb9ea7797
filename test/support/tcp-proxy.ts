// A TCP proxy between a client and a server, for tests of a network that is slow, gone, or silent.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Milliseconds each way, for bytes that arrive from now on. Bytes never overtake earlier ones. */
  latency: number;
  /** The port that new connections are led to; those that are open stay where they are. */
  target: number;
  /** The clients' connections that are open. */
  readonly connections: number;
  /** Destroys all connections, what was held or delayed on them is lost; new ones are destroyed at accept. */
  cut(): void;
  /**
   * Nothing passes any more, in neither direction: no bytes, and no end of a connection. Connections stay open, new
   * ones are accepted, and what arrives is held until `restore()`.
   */
  blackhole(): void;
  /**
   * Forwards again. Held bytes, and ends of connections, are delivered now and in order: a command that a client gave
   * up waiting for does reach the server late, as it would over a real network.
   */
  restore(): void;
  /** Destroys all connections and stops listening; resolves when every socket is closed. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

type Mode = 'forward' | 'cut' | 'blackhole';

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new ForwardingProxy(targetPort);
  await proxy.listen();
  return proxy;
}

class ForwardingProxy implements TcpProxy {
  latency = 0;
  target: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #mode: Mode = 'forward';
  #port = 0;

  constructor(targetPort: number) {
    this.target = targetPort;
    // Half-open: that one side has finished must not end the other side before it has been told, after the latency.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return [...this.#links].filter((link) => !link.client.destroyed).length;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, HOST);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    this.#port = address.port;
  }

  #accept(client: Socket): void {
    if (this.#mode === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect({ port: this.target, host: HOST, allowHalfOpen: true, noDelay: true });
    const rules: Rules = { latency: () => this.latency, holds: () => this.#mode === 'blackhole' };
    const link = new Link(client, upstream, rules);
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
  }

  cut(): void {
    this.#mode = 'cut';
    for (const link of this.#links) link.destroy();
  }

  blackhole(): void {
    this.#mode = 'blackhole';
  }

  restore(): void {
    this.#mode = 'forward';
    for (const link of this.#links) link.deliver();
  }

  async close(): Promise<void> {
    this.cut();
    const closed = [...this.#links].map((link) => link.closed);
    if (this.#server.listening) {
      this.#server.close();
      await once(this.#server, 'close');
    }
    await Promise.all(closed);
  }
}

interface Rules {
  latency(): number;
  holds(): boolean;
}

/** A client's connection with the one made for it to the server. */
class Link {
  readonly client: Socket;
  readonly closed: Promise<unknown>;
  readonly #upstream: Socket;
  readonly #lanes: Lane[];

  constructor(client: Socket, upstream: Socket, rules: Rules) {
    this.client = client;
    this.#upstream = upstream;
    this.#lanes = [new Lane(client, upstream, rules), new Lane(upstream, client, rules)];
    this.closed = Promise.all([client, upstream].map((socket) => new Promise((done) => socket.once('close', done))));
  }

  deliver(): void {
    for (const lane of this.#lanes) lane.deliver();
  }

  destroy(): void {
    for (const lane of this.#lanes) lane.clear();
    this.client.destroy();
    this.#upstream.destroy();
  }
}

/** What happened to the source and is to happen to the sink: bytes, its end, or that it is closed. */
type Step = Buffer | 'end' | 'close';

/**
 * One direction of a link: first in, first out, each step not before its time. It reads on however slowly the sink
 * takes it: what a test sends fits into memory.
 */
class Lane {
  readonly #sink: Socket;
  readonly #rules: Rules;
  #queue: { step: Step; due: number }[] = [];
  #lastDue = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket, sink: Socket, rules: Rules) {
    this.#sink = sink;
    this.#rules = rules;
    source.on('data', (bytes: Buffer) => this.#push(bytes));
    source.on('end', () => this.#push('end'));
    source.on('close', () => this.#push('close'));
    // The close that follows an error says all there is to say.
    source.on('error', () => {});
    sink.on('close', () => this.clear());
  }

  #push(step: Step): void {
    if (this.#sink.destroyed) return;
    this.#lastDue = Math.max(this.#lastDue, performance.now() + this.#rules.latency());
    this.#queue.push({ step, due: this.#lastDue });
    this.deliver();
  }

  /** Passes on what is due, and comes back for the rest. */
  deliver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#rules.holds()) return;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const wait = head.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.deliver(), Math.ceil(wait));
        return;
      }
      this.#queue.shift();
      this.#apply(head.step);
    }
  }

  #apply(step: Step): void {
    if (this.#sink.destroyed) return;
    if (step === 'close') this.#sink.destroySoon();
    else if (this.#sink.writableEnded) return;
    else if (step === 'end') this.#sink.end();
    else this.#sink.write(step);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
  }
}
