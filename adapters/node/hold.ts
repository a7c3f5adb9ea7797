import { OutgoingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { hasReason, isConnected } from './state.js';

/** Methods that change a head: while a head that was given is held back, they act as if it had left. */
const HEAD_METHODS = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;

/** What a response of Node's has that is not documented; over HTTP/2 it has neither. */
interface Internals {
  readonly _implicitHeader?: () => void;
  readonly _send?: (...args: unknown[]) => unknown;
}

/**
 * Has a response whose head is held back look as if it had left: to its handler it has. `later`: takes what has to wait for it.
 * The function that is returned takes all of this back, and tells the status that whoever logs the answer would find on it.
 */
export function holdHead(res: ServerResponse, later: (call: () => void) => void): () => number {
  const { statusCode } = res;
  const statusMessage = hasReason(res) ? res.statusMessage : undefined;
  define(res, 'headersSent', true);
  // express-session sees by Node's own text whether a head has left, and has Node make one where there is none.
  const { flushHeaders, _implicitHeader, _send } = res as ServerResponse & Internals;
  define(res, '_implicitHeader', () => {});
  // A handler that flushes a head which nobody has said yet has Node ask for it, and send it after that.
  if (_send !== undefined) define(res, '_send', (...args: unknown[]) => later(() => _send.apply(res, args)));
  const methods = HEAD_METHODS.map((name) => [name, res[name]] as const);
  for (const [name] of methods) define(res, name, tooLate(name));
  define(res, 'flushHeaders', () => later(() => flushHeaders.call(res)));
  // Over HTTP/2 a response has no connection of its own.
  const { socket } = res;
  const letGo = [holdMethod(res, 'destroy', later)];
  if (socket instanceof Socket) letGo.push(holdMethod(socket, 'destroy', later), holdMethod(socket, 'end', later));
  return () => {
    for (const each of letGo) each();
    for (const name of ['headersSent', 'writableEnded'] as const) Reflect.deleteProperty(res, name);
    for (const [name, method] of methods) restore(res, name, method);
    restore(res, 'flushHeaders', flushHeaders);
    restore(res, '_implicitHeader', _implicitHeader);
    if (_send !== undefined) restore(res, '_send', _send);
    // What an error handler has said since, after a handler that answered and then failed, comes too late.
    const { statusCode: late } = res;
    res.statusCode = statusCode;
    if (hasReason(res)) res.statusMessage = statusMessage as string;
    return late;
  };
}

/**
 * Whoever gives up an answer that has been given, or its connection, as Express does where a handler has answered and then fails,
 * gives up what comes behind it: that waits for the answer. So does whoever ends the connection.
 */
function holdMethod<N extends 'destroy' | 'end'>(
  of: Record<N, (...args: never[]) => unknown>,
  name: N,
  later: (call: () => void) => void,
): () => void {
  const method = of[name];
  let holds = true;
  // Meanwhile another layer, or another response of the connection, may have put its own before this one.
  const heldBack = ((...args: never[]) => {
    if (holds) later(() => method.apply(of, args));
    else method.apply(of, args);
    return of;
  }) as typeof method;
  of[name] = heldBack;
  return () => {
    holds = false;
    // Not taken off: a connection that a property was taken off V8 would be slow with from then on.
    if (of[name] === heldBack) of[name] = method;
  };
}

/** Has a response whose head is held back look as if it had ended, until that leaves; not to a host that would take what is there for all. */
export function seemsEnded(res: ServerResponse): void {
  if (isConnected(res)) define(res, 'writableEnded', true);
}

/** What Node says to whoever changes a head that has left. */
export function tooLate(name: string): () => never {
  return () => {
    const error = new Error(`Cannot call ${name} after the headers are sent to the client`);
    throw Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' });
  };
}

/** Throws what Node does for a piece that is none: if that waited with the others, nobody would be there to catch it. */
export function refuse(chunk: unknown): void {
  new OutgoingMessage().write(chunk);
}

/** Gives a response a property of its own, in the place of its prototype's. */
export function define(res: ServerResponse, name: string, value: unknown): void {
  Object.defineProperty(res, name, { value, configurable: true, writable: true });
}

/**
 * Calls with another `writeHead` on a response: as it ends, Node asks for the head once more, and layers that have one of theirs with
 * it. Where a layer outside ends it later, it stays.
 */
export function withHead<T>(res: ServerResponse, head: ServerResponse['writeHead'], call: () => T): T {
  const { writeHead } = res;
  res.writeHead = head;
  try {
    return call();
  } finally {
    if (res.writeHead === head && res.headersSent) res.writeHead = writeHead;
  }
}

/** Puts a method back: as the object's own if a layer outside had put one there, else the prototype's shows again. */
function restore(res: ServerResponse, name: string, method: unknown): void {
  Reflect.deleteProperty(res, name);
  if ((res as unknown as Record<string, unknown>)[name] !== method) define(res, name, method);
}
