// Express 5 or 4: a bare handler, one behind respcache, or one behind or with another cache.

import { projectModule } from '../lib/modules.js';
import { inFront, middleware } from '../lib/ours.js';
import { redisReader } from '../lib/redis-reader.js';
import { body, data, serve, slowly, unavailable, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const TAG = '"of-these-bytes"';
const express = await projectModule(wanted.stack);
const app = express();

function answer(res, bytes) {
  res.setHeader('Content-Type', CONTENT_TYPE);
  res.end(bytes);
}

/** A handler as an uncached route has it: JSON, made for each answer, where it is `await` after a while. */
function json() {
  if (slowly === undefined) return (_req, res) => res.json(data);
  return async (_req, res) => {
    await slowly();
    res.json(data);
  };
}

/** The handler without a cache: it ends a buffer, which is its own where memory is measured. */
function bare() {
  if (wanted.handler !== undefined) return json();
  if (slowly !== undefined) return async (_req, res) => answer(res, await slowly().then(() => body));
  if (wanted.does === 'memory') return (_req, res) => answer(res, Buffer.from(body));
  if (wanted.does !== 'not modified' || wanted.cache !== undefined) return (_req, res) => answer(res, body);
  return (req, res) => {
    res.setHeader('ETag', TAG);
    if (req.headers['if-none-match'] !== TAG) return answer(res, body);
    res.statusCode = 304;
    res.end();
  };
}

/** What the handler of another cache makes: its own, but where it is compared with a handler that has only one. */
async function fresh() {
  await slowly?.();
  return wanted.handler === undefined ? structuredClone(data) : data;
}

async function peer() {
  const { middleware, value } = await import(`../caches/${wanted.cache}.js`);
  if (middleware !== undefined) {
    const handler = wanted.handler === undefined ? async (_req, res) => res.json(await fresh()) : json();
    return app.get('/users', await middleware(wanted), handler);
  }
  const cached = await value(wanted, fresh);
  app.get('/users', async (req, res) => res.json(await cached(req.originalUrl)));
}

if (wanted.compression) {
  const missing = () => unavailable('the package compression is not installed');
  const { default: compression } = await import('compression').catch(missing);
  app.use(compression());
}
if (wanted.cache === 'redis') {
  const read = await redisReader();
  app.get('/users', async (req, res) => answer(res, await read(req.url)));
} else if (wanted.cache === undefined || wanted.cache === 'respcache') {
  if (wanted.cache !== undefined && wanted.mount === 'middleware') app.use(await middleware('express'));
  app.get('/users', bare());
} else await peer();

serve(await inFront('express', app, app));
