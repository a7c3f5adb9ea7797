// A process that is measured: the built package in front of a plain handler, and what becomes of its requests.

import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { withCache } from '../../build/adapters/node/index.js';
import { createCache } from '../../build/src/index.js';
import { folderName, TYPE } from './site.js';

const wanted = JSON.parse(process.argv[2]);
const { redis, bytes, setup } = wanted;
const { tiers, strong, maxItems, maxBytes, ttl, fill } = setup;

const cache = createCache({
  redis: tiers === 'memory' ? false : redis,
  l1: tiers !== 'redis',
  consistency: strong ? 'strong' : 'pushed',
  // What is late is to be seen as late, and not as a miss: the machine is shared.
  timeout: 2000,
  sweepInterval: false,
  publishInterval: false,
  ...{ maxItems, maxBytes, ttl },
});
const counts = { memory: 0, redis: 0, collapsed: 0, miss: 0, errors: 0, filling: 0 };
cache.on('hit', ({ tier, collapsed }) => {
  counts[collapsed ? 'collapsed' : tier]++;
});
cache.on('miss', () => {
  counts.miss++;
});
cache.on('error', () => {
  counts.errors++;
});

const body = Buffer.alloc(bytes, 'x');
async function handler(request, response) {
  if (request.method !== 'GET') return response.writeHead(204).end();
  const started = performance.now();
  await pause(fill * 1000);
  response.writeHead(200, { 'Content-Type': TYPE, 'Content-Length': bytes }).end(body, () => {
    counts.filling += performance.now() - started;
  });
}

const tags = ({ url }) => [folderName(Number(url.slice(url.lastIndexOf('/') + 1)))];
const server = createServer(withCache(handler, { cache, tags })).listen(0, '127.0.0.1', () => {
  process.send({ port: server.address().port });
});
// Else a connection that has been idle for a while may be closed just as it is used again.
server.keepAliveTimeout = 0;

const WRITES = {
  tag: ({ tenant, folder }) => cache.invalidateByTags([folder], tenant),
  pattern: ({ tenant, folder }) => cache.invalidatePattern(`/${folder}/*`, tenant),
  tenant: ({ tenant }) => cache.invalidateTenant(tenant),
};

process.on('message', async ({ write, forget, close }) => {
  if (write !== undefined) return void (await WRITES[setup.kind](write));
  if (forget) for (const name of Object.keys(counts)) counts[name] = 0;
  if (close) await cache.close();
  process.send({ ...counts });
});
// The bench is done, or gone.
process.on('disconnect', () => process.exit());
