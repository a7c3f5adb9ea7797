import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Whether a response can say why: HTTP/2 has no place for it, and Node warns of whoever sets or reads it there. */
export function hasReason(res: ServerResponse): boolean {
  return res.req.httpVersionMajor === 1;
}

/** Whether there is nobody any more to whom the response could be said. Over HTTP/2 nothing of a HEAD's can be written from the start. */
export function isGone(res: ServerResponse): boolean {
  return isClosed(res) || (res.req.httpVersionMajor === 1 && res.socket?.writable === false);
}

/** Over HTTP/2 it is a response's stream that knows it; of one that stands in line, its request's connection. */
export function isClosed(res: ServerResponse): boolean {
  const { closed } = res as { readonly closed?: boolean };
  if (closed === false && isInLine(res)) return res.req.socket.destroyed;
  return closed ?? (res as Streaming).stream?.destroyed === true;
}

/** Whether it is the answer to a request that came behind another one, which is not answered yet (RFC 9112 §9.3.2). */
function isInLine(res: ServerResponse): boolean {
  return res.socket === null && !res.finished && res.req.socket instanceof Socket;
}

/** What of a response's stream is looked at, over HTTP/2. */
interface Streaming {
  readonly stream?: { readonly closed: boolean; readonly destroyed: boolean; close(...args: unknown[]): void };
}

/**
 * Whether a response leaves over a connection of Node's, or stands in line for one. Hosts that have none, as those for AWS Lambda, give it
 * something that only takes what is written, as UTF-8, and is asked for that as soon as the response says that it has ended.
 */
export function isConnected(res: ServerResponse): boolean {
  const { socket } = res;
  return socket === null || socket instanceof Socket || (res as Streaming).stream !== undefined;
}

/** Whether it has been destroyed, or over HTTP/2 its stream closed, which may take a while. */
export function isGivenUp(res: ServerResponse): boolean {
  return res.destroyed || (res as Streaming).stream?.closed === true;
}

/** Calls back as a handler closes a response's stream: when that has closed nobody can tell whether its client has gone. */
export function whenStreamCloses(res: ServerResponse, listener: () => void): void {
  const { stream } = res as Streaming;
  if (stream === undefined) return;
  const { close } = stream;
  stream.close = (...args) => {
    listener();
    close.apply(stream, args);
  };
}

/** What is to be done as a connection closes, for the answers that stand in line there. */
const IN_LINE = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when the connection of an answer that stands in line closes before its turn has come: Node then says to nobody that
 * this one is closed, too. Of all others it does.
 */
export function whenLostInLine(res: ServerResponse, listener: () => void): void {
  if (!isInLine(res)) return;
  const { socket } = res.req;
  const line = IN_LINE.get(socket) ?? newLine(socket);
  line.add(listener);
  res.once('close', () => line.delete(listener));
}

/** One listener for all of them: a client may send many, and Node warns of more than ten. */
function newLine(socket: Socket): Set<() => void> {
  const line = new Set<() => void>();
  IN_LINE.set(socket, line);
  socket.once('close', () => {
    for (const listener of line) listener();
  });
  return line;
}

/** Whether a connection was cut on this side: a client that goes has ended it, or it has failed. */
export function isCut({ req: { socket } }: ServerResponse): boolean {
  return socket instanceof Socket && socket.destroyed && !socket.readableEnded && socket.errored === null;
}

/** Whether it has been destroyed, its stream, or its connection, by whomever. */
export function isBrokenOff(res: ServerResponse): boolean {
  if (hasReason(res)) return res.destroyed || res.req.socket.destroyed;
  return (res as Streaming).stream?.destroyed === true;
}

/** The status that has left: over HTTP/2 it is a response's stream that knows it, whoever has sent it. */
export function statusSent(res: ServerResponse): number {
  const { stream } = res as { readonly stream?: { readonly sentHeaders?: OutgoingHttpHeaders } };
  return Number(stream?.sentHeaders?.[':status'] ?? res.statusCode);
}

/** What `addTrailers` was given, as text: Node's own, and not documented. `undefined`: a response that cannot be asked. */
export function trailersOf(res: ServerResponse): string | undefined {
  const { _trailer: text } = res as { readonly _trailer?: unknown };
  return typeof text === 'string' ? text : undefined;
}

/** The head that stands on a response, to be compared with a later one. `said`: what `writeHead` is called with. */
export function textOfHead(res: ServerResponse, [status = res.statusCode, ...more]: unknown[] = []): string {
  return [status, ...Object.entries(res.getHeaders()).flat(2), ...more].join('\n');
}
