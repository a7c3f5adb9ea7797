import { type ServerResponse, STATUS_CODES } from 'node:http';
import { withOwnLines } from '../../src/http/headers.js';
import { flat, type Reply } from '../../src/lookup/reply.js';

/** Puts the head of an answer from the cache onto a response, beside what layers outside have put there. */
export function layOn(res: ServerResponse, reply: Reply): void {
  for (const name of reply.removed) res.removeHeader(name);
  for (const [name, value] of reply.headers) res.setHeader(name, withOwnLines(value));
  res.statusCode = reply.status;
  res.statusMessage = reply.message ?? STATUS_CODES[reply.status] ?? '';
}

/** Sends an answer from the cache, for a framework whose layers may look at its fields. */
export function send(res: ServerResponse, reply: Reply): void {
  layOn(res, reply);
  end(res, reply);
}

/**
 * Sends an answer from the cache where no layer outside has set anything, or listens: the head goes as it is, which takes half
 * the time of setting each field. As after any `writeHead`, `getHeader` does not know them then.
 */
export function sendWhole(res: ServerResponse, reply: Reply): void {
  if (res.headersSent || res.getHeaderNames().length > 0 || isLayered(res)) {
    send(res, reply);
    return;
  }
  const lines = reply.lines ?? flat(reply.headers);
  res.writeHead(reply.status, reply.message ?? STATUS_CODES[reply.status] ?? '', lines as string[]);
  end(res, reply);
}

/** Whether layers outside have methods of their own there: they mostly know nothing of heads that are lists. */
function isLayered(res: ServerResponse): boolean {
  return Object.hasOwn(res, 'writeHead') || Object.hasOwn(res, 'setHeader');
}

/**
 * A small body goes as a text: with the head it is one write then, and not two pieces, which takes Node less time than the
 * whole rest of a hit. Whoever has put a method of their own in place of `end` is given bytes.
 */
function end(res: ServerResponse, reply: Reply): void {
  const { text } = reply;
  if (res.req.method === 'HEAD') res.end();
  else if (text !== undefined && !Object.hasOwn(res, 'end')) res.end(text, 'latin1');
  else if (reply.body === undefined) res.end();
  else res.end(reply.body);
}
