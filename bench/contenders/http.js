// node:http alone: what nothing written for Node can beat.

import { plainStore } from '../lib/plain-store.js';
import { redisReader } from '../lib/redis-reader.js';
import { body, serve, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const TAG = '"of-these-bytes"';

function answer(res, bytes) {
  res.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': bytes.length });
  res.end(bytes);
}

function notModified(req, res) {
  if (req.headers['if-none-match'] === TAG) return res.writeHead(304, { ETag: TAG }).end();
  res.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': body.length, ETag: TAG }).end(body);
}

if (wanted.does === 'memory') {
  const keep = await plainStore();
  serve(async (req, res) => {
    await keep(req.url, Buffer.from(body));
    answer(res, body);
  });
} else if (wanted.store === 'redis') {
  const read = await redisReader();
  serve(async (req, res) => answer(res, await read(req.url)));
} else serve(wanted.does === 'not modified' ? notModified : (_req, res) => answer(res, body));
