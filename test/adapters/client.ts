// A client on raw `node:http`: what a browser's or a proxy's code would see of an answer, and nothing prettified.

import { type Agent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';

/** A field line as it stood on the wire. */
export type Line = readonly [name: string, value: string];

export interface Ask {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** A connection to be kept; without one every request has its own. */
  readonly agent?: Agent;
}

/** An informational answer (1xx) that came before the final one. */
export interface Hint {
  readonly status: number;
  readonly lines: readonly Line[];
}

/** The head of an answer. */
export class Head {
  readonly status: number;
  readonly reason: string;
  readonly lines: readonly Line[];
  readonly hints: readonly Hint[];

  constructor(message: IncomingMessage, hints: readonly Hint[]) {
    this.status = message.statusCode ?? 0;
    this.reason = message.statusMessage ?? '';
    this.lines = pairs(message.rawHeaders);
    this.hints = hints;
  }

  /** All lines of a name, in their order. */
  all(name: string): string[] {
    return this.lines.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  /** The only line of a name; `undefined` if there is none. */
  header(name: string): string | undefined {
    const found = this.all(name);
    if (found.length > 1) throw new Error(`${found.length} lines of ${name}: ${found.join(' | ')}`);
    return found[0];
  }
}

/** A whole answer, or what came of it. */
export interface Answer extends Pick<Head, 'status' | 'reason' | 'lines' | 'hints' | 'all' | 'header'> {
  readonly trailers: readonly Line[];
  /** The exact bytes, transfer coding taken off. */
  readonly body: Buffer;
  readonly text: string;
  /** Whether the message came to its end; if not, the connection broke off. */
  readonly complete: boolean;
}

/** An answer whose head is here, while its body arrives. */
export class Arriving {
  readonly head: Head;
  readonly #request: ClientRequest;
  readonly #message: IncomingMessage;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #received: Buffer[] = [];

  constructor(sent: ClientRequest, message: IncomingMessage, hints: readonly Hint[]) {
    this.head = new Head(message, hints);
    this.#request = sent;
    this.#message = message;
    this.#chunks = message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next bytes, or `undefined` at the end. */
  async next(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks.next();
    if (done) return undefined;
    this.#received.push(value);
    return value;
  }

  /** Breaks the connection off. */
  abort(): void {
    this.#request.destroy();
  }

  async rest(): Promise<Answer> {
    try {
      while ((await this.next()) !== undefined);
    } catch {
      // The connection broke off: `complete` says so.
    }
    const body = Buffer.concat(this.#received);
    const { complete, rawTrailers } = this.#message;
    const { head } = this;
    return {
      status: head.status,
      reason: head.reason,
      lines: head.lines,
      hints: head.hints,
      all: (name) => head.all(name),
      header: (name) => head.header(name),
      trailers: pairs(rawTrailers),
      body,
      text: body.toString(),
      complete,
    };
  }
}

/** Sends a request and waits for the head of its answer. Rejects if the connection breaks before. */
export function begin(port: number, target: string, ask: Ask = {}): Promise<Arriving> {
  const { method = 'GET', headers = {}, body, agent = false } = ask;
  return new Promise((resolve, reject) => {
    const hints: Hint[] = [];
    // Node's client says nothing of the length of what it sends with a DELETE.
    const framed = body === undefined ? headers : { 'Content-Length': Buffer.byteLength(body), ...headers };
    const sent = request({ host: '127.0.0.1', port, path: target, method, headers: framed, agent });
    sent.on('information', ({ statusCode, rawHeaders }) => {
      hints.push({ status: statusCode, lines: pairs(rawHeaders) });
    });
    sent.on('response', (message) => {
      message.on('error', () => {});
      resolve(new Arriving(sent, message, hints));
    });
    // After the head it settles nothing any more: what is wrong with the body shows there.
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends a request and reads its whole answer. */
export async function ask(port: number, target: string, options: Ask = {}): Promise<Answer> {
  return (await begin(port, target, options)).rest();
}

function pairs(flat: readonly string[]): Line[] {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : []));
}
