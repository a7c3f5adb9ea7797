import { type ServerResponse, STATUS_CODES } from 'node:http';
import { withOwnLines } from '../../src/http/headers.js';
import type { Reply } from '../../src/lookup/reply.js';
import { hasReason } from './state.js';
import { fieldsOf, isPlain, linesOf, WrittenHead } from './written-head.js';

/** Puts the head of an answer from the cache onto a response, beside what layers outside have put there. */
export function layOn(res: ServerResponse, reply: Reply): void {
  for (const name of reply.removed) res.removeHeader(name);
  for (const [name, value] of reply.headers) res.setHeader(name, withOwnLines(value));
  res.statusCode = reply.status;
  if (hasReason(res)) res.statusMessage = messageOf(reply);
}

/**
 * Whether Node is to write a head without its body: together with one it takes Content-Disposition for UTF-8, and ruins a file's
 * name in Latin-1, which a handler that streams may say.
 */
export function isHeadApart(res: ServerResponse): boolean {
  // Of other names it can be written with the body, for which layers outside may wait.
  return /[\x80-\uffff]/.test(String(res.getHeader('content-disposition') ?? ''));
}

type WriteHead = (status: number, reason?: string) => ServerResponse;

/** Writes the head that stands on a response. Node takes an empty reason for none, unless it is said with the status. */
export function writeHeadOf(res: ServerResponse, message: string | undefined, write: WriteHead = res.writeHead): void {
  if (message === '' && hasReason(res)) write.call(res, res.statusCode, '');
  else write.call(res, res.statusCode);
}

/** Writes the head that was laid on, where Node would write another one together with the body. */
export function writeApart(res: ServerResponse, { message }: Reply, write?: WriteHead): void {
  if (message === '' || isHeadApart(res)) writeHeadOf(res, message, write);
}

/** A body for layers outside: they may write over it, as over any answer's, and what is stored is for others, too. */
export function ownBody({ body }: Reply): Buffer | undefined {
  return body && Buffer.from(body);
}

/** Sends an answer from the cache, for a framework whose layers may look at its fields. */
export function send(res: ServerResponse, reply: Reply): void {
  sendBy(writeFields, res, reply);
}

/**
 * Sends an answer from the cache where no layer outside has set anything, or listens: the head goes as it is, which takes half
 * the time of setting each field. As after any `writeHead`, `getHeader` does not know them then.
 */
export function sendWhole(res: ServerResponse, reply: Reply): void {
  sendBy(writeWhole, res, reply);
}

type Write = (res: ServerResponse, reply: Reply) => void;

/** Sends an answer, its head as it was written for those before, if it can be. */
function sendBy(write: Write, res: ServerResponse, reply: Reply): void {
  const { shared, text } = reply;
  const plain = isPlain(res);
  if (plain && (shared?.written as WrittenHead | undefined)?.put(res)) {
    end(res, text ?? reply.body);
    return;
  }
  // While it was looked up a layer outside has answered: nothing can be given in that answer's place.
  if (res.headersSent) return;
  if (!plain) {
    // Layers with methods of their own mostly know nothing of heads that are lists, or of bodies that are texts.
    writeFields(res, reply);
    end(res, ownBody(reply));
    return;
  }
  const keeps = shared !== undefined && shared.written === undefined && isWorthKeeping(++shared.sent);
  const outside = keeps ? fieldsOf(res) : null;
  write(res, reply);
  end(res, text ?? reply.body);
  if (keeps) shared.written = WrittenHead.of(res, reply, outside);
}

/** What is asked for but once is not; and what could not be kept is tried again the more rarely the more often it could not. */
function isWorthKeeping(sent: number): boolean {
  return sent > 1 && Number.isInteger(Math.log2(sent));
}

function writeFields(res: ServerResponse, reply: Reply): void {
  layOn(res, reply);
  writeApart(res, reply);
}

function writeWhole(res: ServerResponse, reply: Reply): void {
  if (res.getHeaderNames().length > 0) writeFields(res, reply);
  else res.writeHead(reply.status, messageOf(reply), linesOf(reply) as string[]);
}

/** The reason that Node gives a status which it has no name for. */
const NAMELESS = 'unknown';

function messageOf({ status, message }: Reply): string {
  return message ?? STATUS_CODES[status] ?? NAMELESS;
}

/**
 * A small body goes as a text: with the head it is one write then, and not two pieces, which takes Node less time than the
 * whole rest of a hit.
 */
function end(res: ServerResponse, body: Buffer | string | undefined): void {
  if (res.req.method === 'HEAD' || body === undefined) res.end();
  else if (typeof body === 'string') res.end(body, 'latin1');
  else res.end(body);
}
