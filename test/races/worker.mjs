// One of several processes on one Redis: a server with the cache, writers that bump versions and invalidate, and readers
// that check that they are never given less than was durably invalidated when they asked. Run by processes.test.ts.
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { cacheMiddleware } from '../../dist/adapters/express/index.js';
import { createCache } from '../../dist/src/index.js';

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const tenants = ['t1', 't2'];
const RAISE =
  "local v = tonumber(redis.call('GET', KEYS[1]) or 0) if tonumber(ARGV[1]) > v then redis.call('SET', KEYS[1], ARGV[1]) end";

// Whoever ran it is gone.
process.once('disconnect', () => process.exit());

/** A load begins with its setup, says how far it is when it is asked to count, and ends when it is told to stop. */
for (;;) {
  const [setup] = await once(process, 'message');
  await run(setup);
}

async function run({ redis, database, options, keys, slack }) {
  const db = new Redis(database);
  const cache = createCache({ ...options, redis });
  const counts = { reads: 0, hits: 0, handlerRuns: 0, writes: 0, durable: 0, failures: 0, violations: [] };

  const app = express();
  app.use(cacheMiddleware({ cache }));
  app.get('/:key', async (req, res) => {
    counts.handlerRuns++;
    res.cache.tag('all-keys', `tag-${req.params.key}`);
    const version = await db.get(`db:${req.get('x-client-id')}:${req.params.key}`);
    await pause(Math.random() * 4);
    res.json({ version: Number(version ?? 0) });
  });
  const server = app.listen(0, '127.0.0.1');
  // A connection that is closed as idle just when it is used again would look like a failure.
  server.keepAliveTimeout = 0;
  await once(server, 'listening');
  const agent = new http.Agent({ keepAlive: true });
  const { port } = server.address();
  let running = true;

  async function write() {
    const [key, tenant] = [pick(keys), pick(tenants)];
    const version = await db.incr(`db:${tenant}:${key}`);
    const how = pick([
      () => cache.invalidateKey(`/${key}`, tenant),
      () => cache.invalidateByTags([`tag-${key}`], tenant),
      () => cache.invalidateByTags([`tag-${key}`]),
      () => cache.invalidatePattern(`/${key}*`, tenant),
      () => cache.invalidateTenant(tenant),
    ]);
    const { durable } = await how();
    counts.writes++;
    if (!durable) return;
    counts.durable++;
    await db.eval(RAISE, 1, `known:${tenant}:${key}`, version);
  }

  async function read() {
    const [key, tenant] = [pick(keys), pick(tenants)];
    const floor = Number((await db.get(`known:${tenant}:${key}`)) ?? 0);
    if (slack > 0) await pause(slack);
    const { status, text, cache: said } = await ask(agent, port, key, tenant);
    counts.reads++;
    if (status !== 200) {
      counts.failures++;
      return;
    }
    if (said?.includes('hit')) counts.hits++;
    const { version } = JSON.parse(text);
    if (version < floor) counts.violations.push({ key, tenant, version, floor, said });
  }

  async function loop(work, rest) {
    while (running) {
      await work();
      if (rest > 0) await pause(Math.random() * rest);
    }
  }

  const loops = [loop(write, 40), ...Array.from({ length: 6 }, () => loop(read, 0))];
  process.send('ready');
  while ((await once(process, 'message'))[0] !== 'stop') process.send(counts);
  running = false;
  await Promise.all(loops);
  server.close();
  agent.destroy();
  await cache.close();
  await db.quit();
  process.send(counts);
}

function ask(agent, port, key, tenant) {
  return new Promise((resolve, reject) => {
    const headers = { host: 'soak', 'x-client-id': tenant };
    const request = http.get({ agent, port, path: `/${key}`, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode, text, cache: answer.headers['cache-status'] }));
    });
    request.on('error', reject);
  });
}
