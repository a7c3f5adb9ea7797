// What an invalidation costs with 1,000, 100,000 and 1,000,000 entries under one tag, pattern and tenant, in memory and
// on a Redis of its own over loopback; what the ledger's table takes; and what an entry takes in Redis beside its body.
// `--quick` leaves the million out.

import { once } from 'node:events';
import express from 'express';
import { Redis } from 'ioredis';
import { cacheMiddleware } from '../dist/adapters/express/index.js';
import { createCache } from '../dist/src/index.js';
import { startRedis } from './lib/redis.js';

const SIZES = process.argv.includes('--quick') ? [1_000, 100_000] : [1_000, 100_000, 1_000_000];
const CALLS = 200;
const STEP = 1_000;

const redis = await startRedis();
const url = `redis://127.0.0.1:${redis.port}`;
const probe = new Redis(url);
// The bench's server is bounded for the sake of the machine; here all entries are to be there.
await probe.config('SET', 'maxmemory', '0');

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const value = 'x'.repeat(16);

async function fill(cache, count) {
  for (let from = 0; from < count; from += STEP) {
    const entries = {};
    for (let i = from; i < Math.min(count, from + STEP); i++) entries[`item:${i}`] = value;
    await cache.mset(entries, 'tenant', { ttl: 3600, tags: ['one-tag'] });
  }
}

async function timed(call) {
  const times = [];
  for (let i = 0; i < CALLS; i++) {
    const start = performance.now();
    await call();
    times.push((performance.now() - start) * 1000);
  }
  return median(times);
}

async function measure(store, options) {
  for (const size of SIZES) {
    const cache = createCache({ ...options, maxItems: size + 10, maxBytes: 4e9, sweepInterval: false });
    await fill(cache, size);
    const alive = await cache.get(`item:${size - 1}`, 'tenant');
    if (alive !== value) throw new Error('the entries are not there');
    const row = { store, entries: size };
    row['tag, µs'] = await timed(() => cache.invalidateByTags(['one-tag'], 'tenant'));
    if ((await cache.get('item:0', 'tenant')) !== undefined) throw new Error('it was not invalidated');
    row['pattern, µs'] = await timed(() => cache.invalidatePattern('item:*', 'tenant'));
    row['tenant, µs'] = await timed(() => cache.invalidateTenant('tenant'));
    rows.push(row);
    await cache.close();
    if (options.redis !== false) await probe.flushall();
  }
}

/** Bytes that Redis gives an answer of the middleware's, beside its body: a typical JSON of 938 bytes, one tag. */
async function bytesPerEntry() {
  const cache = createCache({ redis: url });
  const body = { data: 'x'.repeat(938 - '{"data":""}'.length) };
  const app = express();
  app.use(cacheMiddleware({ cache, tags: ['users'] }));
  app.get('/users/1', (_req, res) => res.json(body));
  const listening = app.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const stored = new Promise((resolve) => cache.on('set', resolve));
  await (await fetch(`http://127.0.0.1:${listening.address().port}/users/1`)).text();
  await stored;
  const [key] = (await probe.keys('client:*')).filter((each) => !each.startsWith('lease:'));
  const whole = await probe.memory('USAGE', key);
  await probe.set('k'.repeat(key.length), 'x'.repeat(938), 'PX', 300_000);
  const plain = await probe.memory('USAGE', 'k'.repeat(key.length));
  for (let i = 0; i < 100; i++) await cache.invalidateByTags([`other-${i}`]);
  const table = await probe.memory('USAGE', '{respcache}:table', 'SAMPLES', 0);
  listening.close();
  await cache.close();
  return { whole, plain, frame: (await probe.strlen(key)) - 938, key: key.length, table };
}

const rows = [];
try {
  const size = await bytesPerEntry();
  await probe.flushall();
  await measure('memory', { redis: false });
  await measure('Redis', { redis: url });
  console.table(
    rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([k, v]) => [k, k.endsWith('µs') ? Math.round(v) : v])),
    ),
  );
  console.log(`the median of ${CALLS} calls each; node ${process.version}, one Redis over loopback`);
  console.log(
    `\nThe purge table after 100 purges: ${size.table} bytes in Redis. In each process it takes 2 MB from the start.`,
  );
  console.log(
    `An answer of 938 bytes with one tag: ${size.whole} bytes in Redis; ${size.frame} of them frame and header fields, ${size.key} the key.`,
  );
  console.log(
    `A plain SET of the body under a key as long takes ${size.plain}: ${size.whole - size.plain} bytes more.`,
  );
} finally {
  probe.disconnect();
  await redis.stop();
}
