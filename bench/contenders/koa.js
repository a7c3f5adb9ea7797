// Koa 3 or 2: a bare handler, or the same one behind respcache.

import { body, redisReader, respcache, serve, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const { default: Koa } = await import(wanted.framework);
const app = new Koa();

function answer(ctx, bytes) {
  ctx.set('Content-Type', CONTENT_TYPE);
  ctx.body = bytes;
}

if (wanted.does === 'bare' && wanted.store === 'redis') {
  const read = await redisReader();
  app.use(async (ctx) => answer(ctx, await read(ctx.url)));
} else {
  if (wanted.does !== 'bare') app.use(await respcache('koa'));
  app.use((ctx) => answer(ctx, body));
}

serve(app.callback());
