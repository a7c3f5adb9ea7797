// Koa 3 or 2: a bare handler, one behind respcache, or one behind koa-cash.

import { projectModule } from '../lib/modules.js';
import { inFront, middleware } from '../lib/ours.js';
import { redisReader } from '../lib/redis-reader.js';
import { body, data, serve, slowly, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const TAG = '"of-these-bytes"';
const Koa = await projectModule(wanted.stack);
const app = new Koa();

function answer(ctx, bytes) {
  ctx.set('Content-Type', CONTENT_TYPE);
  ctx.body = bytes;
}

/** As an uncached route has it: JSON, made for each answer, where it is `await` after a while. */
function json() {
  if (slowly === undefined) {
    return (ctx) => {
      ctx.body = data;
    };
  }
  return async (ctx) => {
    await slowly();
    ctx.body = data;
  };
}

function bare() {
  if (wanted.handler !== undefined) return json();
  if (slowly !== undefined) return async (ctx) => answer(ctx, await slowly().then(() => body));
  if (wanted.does === 'memory') return (ctx) => answer(ctx, Buffer.from(body));
  if (wanted.does !== 'not modified' || wanted.cache !== undefined) return (ctx) => answer(ctx, body);
  return (ctx) => {
    ctx.set('ETag', TAG);
    if (ctx.get('If-None-Match') !== TAG) return answer(ctx, body);
    ctx.status = 304;
  };
}

if (wanted.cache === 'redis') {
  const read = await redisReader();
  app.use(async (ctx) => answer(ctx, await read(ctx.url)));
} else if (wanted.cache === undefined || wanted.cache === 'respcache') {
  if (wanted.cache !== undefined && wanted.mount === 'middleware') app.use(await middleware('koa'));
  app.use(bare());
} else {
  const { middleware, already } = await import(`../caches/${wanted.cache}.js`);
  app.use(await middleware(wanted));
  if (already === undefined) app.use(bare());
  else {
    app.use(async (ctx) => {
      if (await already(ctx)) return;
      await slowly?.();
      ctx.body = wanted.handler === undefined ? structuredClone(data) : data;
    });
  }
}

serve(await inFront('koa', app, app.callback()));
