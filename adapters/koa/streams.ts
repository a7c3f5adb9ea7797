import { pipeline, type Readable, Transform } from 'node:stream';
import type { Context } from 'koa';
import type { Exchange } from '../../src/exchange.js';
import { trailersOf } from '../node/state.js';

/** Reads a stream for the store alone: what its client asked for was less. */
export async function drain(exchange: Exchange, stream: Readable): Promise<void> {
  try {
    for await (const chunk of stream) {
      exchange.write(chunk as Uint8Array | string);
      if (!exchange.wantsMore) break;
    }
    exchange.end();
  } catch {
    exchange.abandon();
  }
}

/** Puts a stage before Koa's own sending that sees each piece as it passes, and whether the stream came to its end. */
export function capture(ctx: Context, exchange: Exchange, source: NodeJS.ReadableStream): void {
  const stage = new Transform({
    transform(chunk, _encoding, done) {
      exchange.write(chunk);
      done(null, chunk);
    },
    flush(done) {
      if (trailersOf(ctx.res)) exchange.trailers();
      exchange.end();
      done();
    },
  });
  const { addTrailers } = ctx.res;
  ctx.res.addTrailers = (trailers) => {
    exchange.trailers();
    addTrailers.call(ctx.res, trailers);
  };
  // Koa 2 listens to the source itself, and reports its errors; Koa 3 to what it sends.
  if (source.listenerCount('error') > 0) stage.on('error', () => {});
  pipeline(source, stage, (error) => {
    if (error) exchange.abandon();
  });
  // From Node 22 on the pipeline says nothing until its source has closed, which one made of a web stream does not while it waits.
  stage.once('close', () => exchange.abandon());
  // Not `ctx.body`: it would take off the Content-Length, for another body, and Node would then not work out its own.
  (ctx.response as unknown as { _body: unknown })._body = stage;
}
