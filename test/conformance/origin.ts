// The origin server: it reads requests with Node's parser, and writes its answers byte by byte as they are scripted,
// since nothing that Node would put right is to be put right.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Line } from '../adapters/client.js';
import { type Fields, linesOf, type Scene } from './fields.js';

/** What the application makes of a connection to the origin that breaks before an answer. */
export type OnBreak = 'gateway' | 'destroy' | 'throw';

/** An answer of the origin. `Date`, `Content-Type` and the length are added where the fields don't have them. */
export interface Script {
  readonly status?: number;
  readonly reason?: string;
  readonly fields?: Fields;
  readonly body?: string | Buffer;
  readonly framing?: 'length' | 'chunked' | 'close';
  /** Bytes after which the connection breaks, though more were promised. */
  readonly cut?: number;
  /** Informational answers before. */
  readonly hints?: readonly { readonly status: number; readonly fields?: Fields }[];
  /** No answer: the connection breaks, and the application answers 502, breaks off as well, or throws. */
  readonly breaks?: OnBreak;
  /** Seconds that the answer takes. */
  readonly takes?: number;
  /** The answer waits for this. */
  readonly after?: Promise<unknown>;
  readonly dateless?: boolean;
  readonly trailers?: Fields;
}

/** A request as it came to the origin. */
export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly lines: readonly Line[];
  readonly body: string;
}

/** An answer as it left. */
export interface Sent {
  readonly status: number;
  readonly reason: string;
  readonly lines: readonly Line[];
  readonly body: Buffer;
}

const REASONS: Record<number, string> = { 200: 'OK', 204: 'No Content', 206: 'Partial Content', 304: 'Not Modified' };
const BODILESS: ReadonlySet<number> = new Set([204, 304]);

/** How the origin is told what to say, and asked what it heard. */
export class Origin {
  /** Decides each answer. */
  reply: (asked: Asked) => Script = () => ({});
  /** Where the row is that asks. */
  scene: Scene;
  /** Of the answer that breaks, or that was the last to. */
  onBreak: OnBreak = 'gateway';
  readonly asked: Asked[] = [];
  /** By the same index: the answers that have left. */
  readonly sent: (Sent | undefined)[] = [];
  /** Lets a scripted duration pass. */
  readonly #pass: (seconds: number) => void;
  readonly #server: Server = createServer((req) => void this.#serve(req));

  constructor(scene: Scene, pass: (seconds: number) => void) {
    this.scene = scene;
    this.#pass = pass;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(req: IncomingMessage): Promise<void> {
    const { socket } = req;
    socket.on('error', () => {});
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of req) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const asked = toAsked(req, Buffer.concat(chunks).toString());
    const index = this.asked.push(asked) - 1;
    const script = this.reply(asked);
    if (script.takes !== undefined) this.#pass(script.takes);
    await script.after;
    if (script.breaks !== undefined) {
      this.onBreak = script.breaks;
      socket.destroy();
      return;
    }
    for (const hint of script.hints ?? []) socket.write(headOf(hint.status, 'Hint', this.#lines(hint.fields)));
    this.sent[index] = this.#write(socket, asked.method, script);
  }

  #lines(fields: Fields = []): Line[] {
    return linesOf(fields, this.scene);
  }

  #write(socket: Socket, method: string, script: Script): Sent {
    const { status = 200, framing = 'length', cut } = script;
    const { reason = REASONS[status] ?? 'Whatever' } = script;
    const body = BODILESS.has(status) ? Buffer.alloc(0) : Buffer.from(script.body ?? '');
    const lines = this.#complete(status, method, body, framing, script);
    const head = headOf(status, reason, lines);
    const bodiless = method === 'HEAD' || BODILESS.has(status);
    const framed = bodiless ? Buffer.alloc(0) : framing === 'chunked' ? this.#chunked(body, script) : body;
    const bytes = Buffer.concat([head, framed]);
    if (cut === undefined) socket.end(bytes);
    else socket.write(bytes.subarray(0, head.length + cut), () => socket.resetAndDestroy());
    return { status, reason, lines, body: bodiless ? Buffer.alloc(0) : body };
  }

  #complete(status: number, method: string, body: Buffer, framing: string, script: Script): Line[] {
    const lines = this.#lines(script.fields);
    const has = (name: string) => lines.some(([each]) => each.toLowerCase() === name);
    if (!has('date') && script.dateless !== true) lines.push(...this.#lines([['Date', 0]]));
    if (BODILESS.has(status)) return lines;
    if (!has('content-type')) lines.push(['Content-Type', 'text/plain']);
    if (framing === 'chunked') lines.push(['Transfer-Encoding', 'chunked']);
    else if (framing === 'length' && method !== 'HEAD' && !has('content-length'))
      lines.push(['Content-Length', String(body.length)]);
    return lines;
  }

  #chunked(body: Buffer, { trailers }: Script): Buffer {
    const size = Buffer.from(`${body.length.toString(16)}\r\n`);
    const chunk = body.length === 0 ? [] : [size, body, Buffer.from('\r\n')];
    const end = this.#lines(trailers).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.concat([...chunk, Buffer.from(`0\r\n${end.join('')}\r\n`, 'latin1')]);
  }
}

function headOf(status: number, reason: string, lines: readonly Line[]): Buffer {
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${text}\r\n`, 'latin1');
}

function toAsked(req: IncomingMessage, body: string): Asked {
  const { rawHeaders } = req;
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ''] as const] : []));
  return { method: req.method ?? '', target: req.url ?? '', lines, body };
}
