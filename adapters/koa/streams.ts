import { pipeline, type Readable, Transform } from 'node:stream';
import type { Context } from 'koa';
import type { Exchange } from '../../src/exchange.js';
import { isChunk } from '../node/body-arguments.js';
import { isBrokenOff, isClosed, isCut, trailersOf, whenLostInLine } from '../node/state.js';

/**
 * Whether the response has just been destroyed, by its handler: who does that ends its stream behind it, perhaps, and has not made it
 * whole. That a client has gone is told of before anything can come of it.
 */
function watchBreaking({ res }: Context): () => boolean {
  let hasClosed = isClosed(res);
  res.once('close', () => {
    hasClosed = true;
  });
  return () => !hasClosed && isBrokenOff(res);
}

/** Reads a stream for the store alone: what its client asked for was less. */
export async function drain(ctx: Context, exchange: Exchange, stream: Readable): Promise<void> {
  const hasBrokenOff = watchBreaking(ctx);
  try {
    for await (const chunk of stream) {
      add(exchange, chunk);
      if (!exchange.wantsMore) break;
    }
    if (hasBrokenOff()) exchange.abandon();
    exchange.end();
  } catch {
    exchange.abandon();
  }
}

/** What is neither bytes nor text is for a layer outside, which makes a body of it: nobody knows here what that will be. */
function add(exchange: Exchange, chunk: unknown): void {
  if (isChunk(chunk)) exchange.write(chunk);
  else exchange.abandon();
}

/** Puts a stage before Koa's own sending that sees each piece as it passes, and whether the stream came to its end. */
export function capture(ctx: Context, exchange: Exchange, source: NodeJS.ReadableStream): void {
  const hasBrokenOff = watchBreaking(ctx);
  const stage = new Transform({
    // Layers outside see of the stage what they would see of the source, and may be given objects by it.
    objectMode: (source as Readable).readableObjectMode === true,
    transform(chunk, _encoding, done) {
      add(exchange, chunk);
      done(null, chunk);
    },
    flush(done) {
      if (trailersOf(ctx.res)) exchange.trailers();
      if (hasBrokenOff()) exchange.abandon();
      exchange.end();
      done();
    },
  });
  // By its file's path koa-etag knows what a stream will be.
  if ('path' in source) Object.assign(stage, { path: source.path });
  const { addTrailers } = ctx.res;
  ctx.res.addTrailers = (trailers) => {
    exchange.trailers();
    addTrailers.call(ctx.res, trailers);
  };
  // Koa 2 listens to the source itself, and reports its errors; Koa 3 to what it sends.
  if (source.listenerCount('error') > 0) stage.on('error', () => {});
  const giveUp = () => {
    // A client that goes with all that was declared has it before the stream has ended.
    if (isClosed(ctx.res)) exchange.leave(isCut(ctx.res));
    exchange.abandon();
  };
  pipeline(source, stage, (error) => {
    if (error) giveUp();
  });
  // From Node 22 on the pipeline says nothing until its source has closed, which one made of a web stream does not while it waits.
  stage.once('close', giveUp);
  // Nothing that has been piped into an answer in line is closed with that.
  whenLostInLine(ctx.res, giveUp);
  // Not `ctx.body`: it would take off the Content-Length, for another body, and Node would then not work out its own.
  (ctx.response as unknown as { _body: unknown })._body = stage;
}
