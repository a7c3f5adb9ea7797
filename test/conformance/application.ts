// The application under test: our middleware, and behind it a handler that passes everything on to the origin and back.

import { request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type express from 'express';
import type Koa from 'koa';
import type { Context } from 'koa';
import type { Cache } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { type Framework, load } from '../adapters/hosts.js';
import type { Origin } from './origin.js';

/**
 * How the handler is written. `verbatim`: from the raw field lines; `parsed`: from `req.headers`; `head`: as the first,
 * and the answer's head in one `writeHead` (not in Koa, where whoever writes past it is left alone).
 */
export type Style = 'verbatim' | 'parsed' | 'head';

const PACKAGES: Record<Framework, string> = {
  'express 4': 'express4',
  'express 5': 'express',
  'koa 2': 'koa2',
  'koa 3': 'koa',
};

export function serverOf(framework: Framework, style: Style, cache: Cache, origin: Origin): Server {
  const name = PACKAGES[framework];
  const build = framework.startsWith('express') ? withExpress : withKoa;
  return createServer(build(name, style, cache, origin));
}

function withExpress(name: string, style: Style, cache: Cache, origin: Origin) {
  const app = load<typeof express>(name)();
  app.disable('x-powered-by');
  app.use(forExpress.cacheMiddleware({ cache }));
  app.use((req, res, next) => {
    forward(origin, style, req, res).catch(next);
  });
  // Express would print what was thrown.
  const failed: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(500).end('thrown');
  app.use(failed);
  return app;
}

function withKoa(name: string, style: Style, cache: Cache, origin: Origin) {
  const app = new (load<typeof Koa>(name))();
  app.silent = true;
  app.use(forKoa.cacheMiddleware({ cache }));
  app.use((ctx) => forwardNatively(origin, style, ctx));
  return app.callback();
}

/** Answers with what the origin says; rejects where an answer that breaks is to be an exception. */
async function forward(origin: Origin, style: Style, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const answer = await answerOf(origin, style, req, res);
  if (answer === 'gateway') {
    res.writeHead(502, 'Bad Gateway', { 'Content-Type': 'text/plain' }).end('gateway');
    return;
  }
  if (answer === 'destroy') {
    res.destroy();
    return;
  }
  writeHead(answer, res, style);
  await relayed(answer, res);
}

async function forwardNatively(origin: Origin, style: Style, ctx: Context): Promise<void> {
  const answer = await answerOf(origin, style, ctx.req, ctx.res);
  if (answer === 'destroy') {
    ctx.res.destroy();
    return;
  }
  if (answer === 'gateway') {
    ctx.status = 502;
    ctx.body = 'gateway';
    return;
  }
  ctx.status = answer.statusCode ?? 500;
  // Koa takes fields of the body off where there is none.
  const bodiless = ctx.status === 204 || ctx.status === 304;
  if (bodiless) ctx.body = null;
  ctx.message = answer.statusMessage ?? '';
  if (answer.headers.date !== undefined) ctx.res.sendDate = false;
  for (const [name, values] of grouped(answer)) ctx.set(name, values.length === 1 ? values[0]! : values);
  if (bodiless) return;
  answer.once('end', () => relayTrailers(answer, ctx.res));
  ctx.body = answer;
}

/** The head of the origin's answer; or how its absence is to be answered. */
function answerOf(
  origin: Origin,
  style: Style,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<IncomingMessage | 'gateway' | 'destroy'> {
  const headers = style === 'parsed' ? { ...req.headers } : req.rawHeaders;
  const { method = 'GET', url: path = '/' } = req;
  return new Promise((resolve, reject) => {
    const sent = ask({
      host: '127.0.0.1',
      port: origin.port,
      method,
      path,
      headers: [...lines(headers)],
      agent: false,
    });
    sent.on('information', (info) => relayHint(info, res));
    sent.on('response', resolve);
    sent.on('error', (error) => {
      if (origin.onBreak === 'throw') reject(error);
      else resolve(origin.onBreak);
    });
    req.pipe(sent);
  });
}

/** The fields as a flat list of names and values, as Node's client takes them verbatim. */
function lines(headers: string[] | IncomingMessage['headers']): string[] {
  if (Array.isArray(headers)) return headers;
  return Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().flatMap((each) => [name, each]));
}

function relayHint(info: { statusCode: number; rawHeaders: string[] }, res: ServerResponse): void {
  if (info.statusCode === 102) res.writeProcessing();
  const fields: Record<string, string> = {};
  for (let i = 0; i < info.rawHeaders.length; i += 2)
    fields[info.rawHeaders[i]!.toLowerCase()] = info.rawHeaders[i + 1]!;
  if (info.statusCode === 103) res.writeEarlyHints(fields);
}

function writeHead(answer: IncomingMessage, res: ServerResponse, style: Style): void {
  const { statusCode = 500, statusMessage = '' } = answer;
  const fields = grouped(answer);
  if (fields.has('Date') || fields.has('date')) res.sendDate = false;
  if (style === 'head') {
    const flat = [...fields].flatMap(([name, values]) => values.flatMap((value) => [name, value]));
    res.writeHead(statusCode, statusMessage, flat);
    return;
  }
  res.statusCode = statusCode;
  res.statusMessage = statusMessage;
  for (const [name, values] of fields) res.setHeader(name, values.length === 1 ? values[0]! : values);
}

/** The field lines by name, in their order, without those that speak of the connection to the origin alone. */
function grouped({ rawHeaders }: IncomingMessage): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  const names = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [raw, value] = [rawHeaders[i]!, rawHeaders[i + 1]!];
    const lower = raw.toLowerCase();
    if (lower === 'transfer-encoding' || (lower === 'connection' && /^(close|keep-alive)$/i.test(value))) continue;
    const name = names.get(lower) ?? raw;
    names.set(lower, name);
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}

/** Passes the body on, and its end: whole, or broken off. */
function relayed(answer: IncomingMessage, res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    res.once('close', resolve);
    answer.once('error', () => res.destroy());
    answer.on('data', (chunk: Buffer) => {
      res.write(chunk);
    });
    answer.once('end', () => {
      relayTrailers(answer, res);
      res.end();
    });
  });
}

function relayTrailers({ trailers }: IncomingMessage, res: ServerResponse): void {
  if (Object.keys(trailers).length > 0) res.addTrailers(trailers as Record<string, string>);
}
