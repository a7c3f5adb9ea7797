import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Whether a response can say why: HTTP/2 has no place for it, and Node warns of whoever sets or reads it there. */
export function hasReason(res: ServerResponse): boolean {
  return res.req.httpVersionMajor === 1;
}

/** Whether there is nobody any more to whom the response could be said. Over HTTP/2 nothing of a HEAD's can be written from the start. */
export function isGone(res: ServerResponse): boolean {
  return isClosed(res) || (res.req.httpVersionMajor === 1 && res.socket?.writable === false);
}

/** Over HTTP/2 it is a response's stream that knows it. */
export function isClosed(res: ServerResponse): boolean {
  const { closed } = res as { readonly closed?: boolean };
  return closed ?? (res as { readonly stream?: { readonly destroyed: boolean } }).stream?.destroyed === true;
}

/** Whether a connection was cut on this side: a client that goes has ended it, or it has failed. */
export function isCut({ req: { socket } }: ServerResponse): boolean {
  return socket instanceof Socket && socket.destroyed && !socket.readableEnded && socket.errored === null;
}

/** What `addTrailers` was given, as text: Node's own, and not documented. `undefined`: a response that cannot be asked. */
export function trailersOf(res: ServerResponse): string | undefined {
  const { _trailer: text } = res as { readonly _trailer?: unknown };
  return typeof text === 'string' ? text : undefined;
}
