// The ways of a handler to answer through Node's own response, good and bad.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause, setImmediate as tick } from 'node:timers/promises';
import { type Plan, piecesOf } from './plans.js';
import type { Random } from './random.js';
import type { Run, World } from './world.js';

export interface Job {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly run: Run;
  readonly plan: Plan;
  readonly random: Random;
  readonly world: World;
}

export interface Way<J extends Job = Job> {
  readonly name: string;
  readonly breaks?: true;
  readonly sloppy?: true;
  readonly fails?: true;
  readonly confirms?: true;
  /** The body that it sends is not the plan's. */
  readonly ownBody?: true;
  readonly go: (job: J) => unknown;
}

export const WAYS: readonly Way[] = [
  { name: 'end', go: (job) => head(job).end(job.plan.body) },
  { name: 'end of text', go: (job) => head(job).end(job.plan.body.toString(), 'latin1') },
  { name: 'writes', go: (job) => writeAll(job, () => undefined) },
  { name: 'slow writes', go: (job) => writeAll(job, () => tick()) },
  { name: 'late', go: (job) => later(job, () => head(job).end(job.plan.body)) },
  { name: 'hanging between writes', go: (job) => writeAll(job, () => pause(job.random.below(15))) },
  { name: 'flushHeaders', go: (job) => flushed(job) },
  {
    name: 'writeHead with fields',
    go: ({ res, plan }) => res.writeHead(plan.status, Object.fromEntries(plan.fields)).end(plan.body),
  },
  { name: 'writeHead with a reason and a list', go: (job) => listed(job) },
  { name: 'pipeline', go: (job) => pipeline(Readable.from(piecesOf(job.plan, job.random)), head(job)) },
  { name: 'early hints', go: (job) => hinted(job) },
  { name: 'trailers', go: (job) => trailed(job) },
  { name: 'event stream', go: (job) => head(job, { 'Content-Type': 'text/event-stream' }).end(job.plan.body) },
  { name: 'with its length', go: (job) => head(job, { 'Content-Length': job.plan.body.length }).end(job.plan.body) },
  { name: 'end twice', go: (job) => twice(job) },
  { name: 'confirming', ownBody: true, go: (job) => confirmed(job) },
  {
    name: 'a stream that breaks',
    breaks: true,
    go: (job) => inTurn(job).then(() => pipeline(breaking(job), head(job))),
  },
  { name: 'half, then destroyed', breaks: true, go: (job) => halved(job) },
  { name: 'half, destroyed and ended at once', breaks: true, go: (job) => halvedAtOnce(job) },
  { name: 'the socket destroyed', breaks: true, go: ({ req }) => void req.socket.destroy() },
  { name: 'too short', breaks: true, sloppy: true, go: (job) => wrongLength(job, 10) },
  { name: 'too long', breaks: true, sloppy: true, go: (job) => wrongLength(job, -3) },
];

/** Sets what the plan says. Framing is left to Node, but for the field that asks for it. */
function head({ res, plan }: Job, more: Record<string, string | number> = {}): ServerResponse {
  res.statusCode = plan.status;
  for (const [name, value] of plan.fields) res.setHeader(name, value);
  for (const [name, value] of Object.entries(more)) res.setHeader(name, value);
  return res;
}

async function writeAll(job: Job, between: () => Promise<unknown> | undefined): Promise<void> {
  const res = head(job);
  for (const piece of piecesOf(job.plan, job.random)) {
    res.write(piece);
    await between();
  }
  res.end();
}

async function later(job: Job, then: () => void): Promise<void> {
  await pause(job.random.below(25));
  then();
}

async function flushed(job: Job): Promise<void> {
  const res = head(job);
  res.flushHeaders();
  await tick();
  res.end(job.plan.body);
}

function listed({ res, plan }: Job): void {
  const flat = plan.fields.flatMap(([name, value]) => [value].flat().flatMap((each) => [name, each]));
  res.writeHead(plan.status, 'Odd (but valid)', flat).end(plan.body);
}

function hinted(job: Job): void {
  // Behind another answer on its connection Node would put them behind their own head.
  if (job.res.socket !== null) {
    job.res.writeProcessing();
    job.res.writeEarlyHints({ link: '</style.css>; rel=preload' });
  }
  head(job).end(job.plan.body);
}

function trailed(job: Job): void {
  // Announced, they would be an error of Node's where there are no chunks: for HEAD, HTTP/1.0, and without a body.
  const res = head(job);
  res.write(job.plan.body);
  res.addTrailers({ 'X-Sum': '1' });
  res.end();
}

/** Node refuses or reports each of these; none may reach the client. */
function twice(job: Job): void {
  const res = head(job);
  res.on('error', () => {});
  res.end(job.plan.body);
  res.end('more');
  res.write('more', () => {});
  for (const late of [() => res.setHeader('X-Late', '1'), () => res.writeHead(500), () => res.removeHeader('ETag')]) {
    try {
      late();
    } catch {
      // It is too late, as Node says.
    }
  }
}

/** A handler that knows conditions: what it is asked about is still right. */
function confirmed(job: Job): void {
  const { req, res, plan, run } = job;
  const [tag] = /(?:W\/)?"[^"]*"/.exec(req.headers['if-none-match'] ?? '') ?? [];
  if (tag === undefined) {
    run.body = plan.body;
    head(job).end(plan.body);
    return;
  }
  res.writeHead(304, { ETag: tag, 'Cache-Control': 'max-age=60' }).end();
}

function breaking({ plan, random }: Job): Readable {
  const pieces = piecesOf(plan, random).filter((piece) => piece.length > 0);
  return new Readable({
    read() {
      const piece = pieces.shift();
      if (piece === undefined) this.destroy(new Error('the stream broke'));
      else this.push(piece);
    },
  });
}

async function halved(job: Job): Promise<void> {
  const res = head(job);
  res.write(job.plan.body.subarray(0, Math.ceil(job.plan.body.length / 2)));
  if (job.random.chance(0.5)) await tick();
  await inTurn(job);
  res.destroy();
}

/** Before anybody could listen for it. */
function halvedAtOnce(job: Job): unknown {
  if (job.res.socket === null) return halved(job);
  const res = head(job);
  res.write(job.plan.body.subarray(0, Math.ceil(job.plan.body.length / 2)));
  res.destroy();
  return res.end();
}

/**
 * From Node 24 on the client waits for ever for a response that is destroyed before those in front of it have left, with a cache
 * or without: these wait for their turn on the connection.
 */
async function inTurn({ res }: Job): Promise<void> {
  if (LEAVES_WAITING && res.socket === null && !res.destroyed)
    await new Promise((resolve) => res.once('socket', resolve).once('close', resolve));
}

const LEAVES_WAITING = Number.parseInt(process.versions.node, 10) >= 24;

/** The connection is to be closed behind it: what is wrong with the length must not hurt the next answer. */
function wrongLength(job: Job, by: number): void {
  const length = Math.max(0, job.plan.body.length + by);
  // A 204 has no body, whatever is said of its length.
  const isRight = length === job.plan.body.length || job.plan.status === 204;
  if (isRight) Object.assign(job.run, { breaks: false, sloppy: false });
  head(job, { 'Content-Length': length, Connection: 'close' }).end(job.plan.body);
}
