import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Reply } from '../../src/lookup/reply.js';

/** Puts the head of an answer from the cache onto a response, beside what layers outside have put there. */
export function layOn(res: ServerResponse, reply: Reply): void {
  for (const name of reply.removed) res.removeHeader(name);
  for (const [name, value] of reply.headers) res.setHeader(name, value);
  res.statusCode = reply.status;
  res.statusMessage = reply.message ?? STATUS_CODES[reply.status] ?? '';
}

/** Sends an answer from the cache. */
export function send(res: ServerResponse, reply: Reply): void {
  layOn(res, reply);
  if (reply.body === undefined || res.req.method === 'HEAD') res.end();
  else res.end(reply.body);
}
