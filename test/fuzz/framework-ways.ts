// The ways of a handler to answer by the means of its framework.

import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { NextFunction, Request, Response } from 'express';
import type { Context } from 'koa';
import { piecesOf } from './plans.js';
import type { Job, Way } from './ways.js';

export interface ExpressJob extends Job {
  readonly request: Request;
  readonly response: Response;
  readonly next: NextFunction;
}

export interface KoaJob extends Job {
  readonly ctx: Context;
}

const FILE = join(import.meta.dirname, 'random.ts');

/** An error as frameworks know them, and one that they don't. */
function failure({ random }: Job): Error {
  const error = Object.assign(new Error('the handler failed'), { stack: 'the handler failed' });
  return random.chance(0.5) ? error : Object.assign(error, { status: random.pick([404, 410, 418, 503]), expose: true });
}

export const EXPRESS_WAYS: readonly Way<ExpressJob>[] = [
  { name: 'send(Buffer)', confirms: true, go: (job) => express(job).type('bin').send(job.plan.body) },
  { name: 'send(text)', confirms: true, go: (job) => express(job).send(job.plan.body.toString()) },
  { name: 'json', confirms: true, ownBody: true, go: (job) => express(job).json({ of: job.run.id }) },
  { name: 'redirect', ownBody: true, go: (job) => express(job).redirect(job.random.pick([301, 302]), '/r0') },
  { name: 'sendFile', confirms: true, ownBody: true, go: (job) => sendFile(job) },
  {
    name: 'throw',
    fails: true,
    go: (job) => {
      throw failure(job);
    },
  },
  { name: 'throw later', fails: true, go: async (job) => Promise.reject(failure(job)) },
  { name: 'next(error)', fails: true, go: (job) => job.next(failure(job)) },
  { name: 'fields, then next(error)', fails: true, go: (job) => begun(job) },
  { name: 'half, then next(error)', breaks: true, go: (job) => half(job) },
  { name: 'nobody', fails: true, go: ({ next }) => next() },
];

function express({ response, plan }: ExpressJob): Response {
  response.status(plan.status);
  for (const [name, value] of plan.fields) response.setHeader(name, value);
  return response;
}

function begun(job: ExpressJob): void {
  express(job);
  job.next(failure(job));
}

/** It answers conditions and ranges itself. */
function sendFile(job: ExpressJob): void {
  const { plan, response, next } = job;
  for (const [name, value] of plan.fields) response.setHeader(name, value);
  response.sendFile(FILE, { cacheControl: false }, (error) => {
    if (error && !response.headersSent) next(error);
  });
}

function half(job: ExpressJob): void {
  express(job).write(job.plan.body.subarray(0, 20));
  job.next(failure(job));
}

export const KOA_WAYS: readonly Way<KoaJob>[] = [
  { name: 'a text', go: (job) => say(job, job.plan.body.toString()) },
  { name: 'a Buffer', go: (job) => say(job, job.plan.body) },
  { name: 'a stream', go: (job) => say(job, Readable.from(piecesOf(job.plan, job.random))) },
  { name: 'a stream of known length', go: (job) => lengthKnown(job) },
  { name: 'a body stream that breaks', breaks: true, go: (job) => broken(job) },
  { name: 'an object', ownBody: true, go: (job) => say(job, { of: job.run.id }) },
  { name: 'a redirect', ownBody: true, go: (job) => koa(job).redirect('/r0') },
  { name: 'a status alone', ownBody: true, go: (job) => void koa(job) },
  { name: 'null', ownBody: true, go: (job) => say(job, null) },
  {
    name: 'throw',
    fails: true,
    go: (job) => {
      throw failure(job);
    },
  },
  { name: 'throw later', fails: true, go: async (job) => Promise.reject(failure(job)) },
  { name: 'ctx.throw', fails: true, go: ({ ctx, random }) => ctx.throw(random.pick([404, 410, 500, 503]), 'thrown') },
  { name: 'a body, then throw', fails: true, go: (job) => thrown(job) },
  { name: 'nobody', fails: true, go: () => undefined },
];

function koa({ ctx, plan }: KoaJob): Context {
  ctx.status = plan.status;
  for (const [name, value] of plan.fields) ctx.set(name, value);
  return ctx;
}

function say(job: KoaJob, body: unknown): void {
  koa(job).body = body;
}

function lengthKnown(job: KoaJob): void {
  const ctx = koa(job);
  ctx.body = Readable.from(piecesOf(job.plan, job.random));
  ctx.length = job.plan.body.length;
}

/** Koa 2 leaves the client waiting for the rest of a stream that breaks: a careful handler does not. */
function broken(job: KoaJob): void {
  // Koa sends nothing of the stream then.
  if (job.plan.status === 204) job.run.breaks = false;
  const pieces = piecesOf(job.plan, job.random);
  const stream = Readable.from(
    (async function* () {
      yield* pieces;
      throw new Error('the stream broke');
    })(),
  );
  stream.on('error', () => job.res.destroy());
  koa(job).body = stream;
}

function thrown(job: KoaJob): void {
  koa(job).body = job.plan.body;
  throw failure(job);
}
