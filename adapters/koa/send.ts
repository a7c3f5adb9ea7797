import { Readable } from 'node:stream';
import type { Context, Middleware } from 'koa';
import { withOwnLines } from '../../src/http/headers.js';
import type { Reply } from '../../src/lookup/reply.js';
import { isHeadApart, ownBody, sendWhole } from '../node/send.js';

/** Answers from the cache by Koa's own means, so that layers outside see it as any other answer. */
export function send(ctx: Context, reply: Reply): void {
  // While it was looked up a layer outside has answered.
  if (ctx.res.headersSent) return;
  for (const name of reply.removed) ctx.remove(name);
  ctx.status = reply.status;
  if (reply.message !== undefined) ctx.message = reply.message;
  // The length is set with the body.
  for (const [name, value] of reply.headers)
    if (name !== 'Content-Length' || reply.body === undefined) ctx.res.setHeader(name, withOwnLines(value));
  const typed = ctx.res.hasHeader('content-type');
  const body = ownBody(reply) ?? null;
  if (body !== null && isHeadApart(ctx.res)) {
    // Koa writes the head of a stream without its body.
    ctx.body = Readable.from([body]);
    ctx.length = body.length;
  } else ctx.body = body;
  if (!typed) ctx.res.removeHeader('Content-Type');
}

/** Whether a layer is the application's first: no other one is there to see the answer, or to change it. */
export function isOutermost({ app }: Context, layer: Middleware): boolean {
  return (app as { readonly middleware?: readonly Middleware[] }).middleware?.[0] === layer;
}

/** Its head goes as it is, which takes Node less than half the time of having each field set. */
export function sendPastKoa(ctx: Context, reply: Reply): void {
  ctx.respond = false;
  sendWhole(ctx.res, reply);
}
