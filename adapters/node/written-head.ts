import { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { flat, type Reply } from '../../src/lookup/reply.js';
import { isConnected } from './state.js';

/** What Node keeps of the fields of a response: names in lower case, and each as it was set. */
type Fields = Record<string, [name: string, value: number | string | string[]]>;

/** What a response of Node's has that is not documented. It has been so since Node 20, or for longer. */
interface Internals {
  _header?: string | null;
  readonly _contentLength?: number | null;
  readonly _last?: boolean;
  readonly _removedConnection?: boolean;
  readonly _keepAliveTimeout?: number;
  readonly _maxRequestsPerSocket?: number;
  readonly maxRequestsOnConnectionReached?: boolean;
  [field: symbol]: Fields | null | undefined;
}

const { writeHead, setHeader, end } = ServerResponse.prototype;

/** Where Node keeps the fields that were set on a response. */
const FIELDS = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === 'kOutHeaders',
)!;

/** What Node itself puts behind the fields of an answer of known length, where the connection stays open. */
const TAIL = /^Connection: keep-alive\r\n(?:Keep-Alive: timeout=\d+(?:, max=\d+)?\r\n)?\r\n$/;

/**
 * The head of a hit as Node has written it, for the next ones that have the same: having it checked and put together anew
 * takes as long as all that the cache does for a hit. What Node would have looked at is looked at here: what layers outside
 * have set, and what becomes of the connection.
 */
export class WrittenHead {
  readonly #text: string;
  readonly #status: number;
  readonly #message: string;
  /** What layers outside had set before, and what `getHeader` knew of afterwards. */
  readonly #outside: Fields | null;
  readonly #count: number;
  readonly #fields: Fields | null;
  readonly #keepAliveTimeout: number | undefined;
  readonly #maxRequests: number | undefined;
  /** It says how long the body is: without that a connection of HTTP/1.0 does not stay open. */
  readonly #isMeasured: boolean;

  private constructor(res: ServerResponse, text: string, outside: Fields | null) {
    const internals = res as unknown as Internals;
    this.#text = text;
    this.#status = res.statusCode;
    this.#message = res.statusMessage;
    this.#outside = outside;
    this.#count = outside === null ? 0 : Object.keys(outside).length;
    this.#fields = internals[FIELDS] ?? null;
    this.#keepAliveTimeout = internals._keepAliveTimeout;
    this.#maxRequests = internals._maxRequestsPerSocket;
    this.#isMeasured = /^Content-Length:/im.test(text);
  }

  /**
   * Of a response that has been sent. `outside`: what layers outside had set on it. `undefined` where anything but the reply
   * and these is in it, or the connection is to be closed.
   */
  static of(res: ServerResponse, reply: Reply, outside: Fields | null): WrittenHead | undefined {
    const internals = res as unknown as Internals;
    const { _header: text, _contentLength: length, _last } = internals;
    if (!TAKES_HEADS || _last || !res.shouldKeepAlive || res.chunkedEncoding || typeof text !== 'string')
      return undefined;
    if (typeof length !== 'number') return undefined;
    // A list may be the same one the next time, with other lines in it.
    if (outside !== null && Object.values(outside).some(([, value]) => typeof value === 'object')) return undefined;
    const fields = internals[FIELDS];
    if (fields && !isAllOf(fields, reply, outside)) return undefined;
    const lines = fields ? flat(Object.values(fields).map(([name, value]) => [name, lineOf(value)])) : linesOf(reply);
    let written = `HTTP/1.1 ${res.statusCode} ${res.statusMessage}\r\n`;
    for (let i = 0; i + 1 < lines.length; i += 2) written += `${lines[i]}: ${lines[i + 1]}\r\n`;
    if (!text.startsWith(written) || !TAIL.test(text.slice(written.length))) return undefined;
    return new WrittenHead(res, text, outside);
  }

  /**
   * Puts it on a response that would be given the same. `false`: this one would not. It looks at no more than it has to: under
   * Express on Node 20 each look takes half a microsecond.
   */
  put(res: ServerResponse): boolean {
    const internals = res as unknown as Internals;
    if (internals._header !== null || !this.#staysOpen(res, internals)) return false;
    if (!isSame(internals[FIELDS] ?? null, this.#outside, this.#count)) return false;
    res.statusCode = this.#status;
    res.statusMessage = this.#message;
    internals[FIELDS] = this.#fields;
    internals._header = this.#text;
    return true;
  }

  #staysOpen(res: ServerResponse, internals: Internals): boolean {
    const most = internals._maxRequestsPerSocket;
    return (
      res.shouldKeepAlive &&
      !internals._removedConnection &&
      (this.#isMeasured || res.useChunkedEncodingByDefault) &&
      internals._keepAliveTimeout === this.#keepAliveTimeout &&
      most === this.#maxRequests &&
      !(most && internals.maxRequestsOnConnectionReached)
    );
  }
}

/**
 * Whether all that is outside is Node's: nobody has put methods of their own in the place of its, as layers do that want to see or to
 * change a head, or something else in the place of a connection.
 */
export function isPlain(res: ServerResponse): boolean {
  return res.writeHead === writeHead && res.setHeader === setHeader && res.end === end && isConnected(res);
}

/** What is set on a response now, to be compared with others. */
export function fieldsOf(res: ServerResponse): Fields | null {
  const fields = (res as unknown as Internals)[FIELDS];
  return fields ? { ...fields } : null;
}

/** The lines of a reply, names and values by turns. */
export function linesOf(reply: Reply): readonly string[] {
  return reply.lines ?? flat(reply.headers);
}

/** Whether fields are those of a reply and those outside. A layer that had replaced methods of Node's earlier may have added more. */
function isAllOf(fields: Fields, { headers }: Reply, outside: Fields | null): boolean {
  const own = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]));
  return Object.entries(fields).every(([name, [, value]]) => value === (own.get(name) ?? outside?.[name]?.[1]));
}

function lineOf(value: number | string | string[]): string | string[] {
  return typeof value === 'object' ? value : String(value);
}

function isSame(fields: Fields | null, others: Fields | null, count: number): boolean {
  if (fields === null || others === null) return fields === others;
  let left = count;
  for (const name in fields) {
    const [spelling, value] = fields[name]!;
    const other = others[name];
    if (other === undefined || other[0] !== spelling || other[1] !== value) return false;
    left--;
  }
  return left === 0;
}

/** Whether this Node sends a head that is put there, tried once. */
const TAKES_HEADS = takesHeads();

function takesHeads(): boolean {
  const res = new ServerResponse(new IncomingMessage(new Socket())) as ServerResponse & Internals;
  res._header = 'head ';
  res.end('body', 'latin1');
  const { outputData } = res as unknown as { readonly outputData?: readonly { readonly data: unknown }[] };
  return FIELDS !== undefined && outputData?.[0]?.data === 'head body';
}
