// Fills a cache, invalidates all of it, and tells how long that took, by the number of entries: `first`, with all of them
// there, and `again`, the median of more calls where they cost what the first one does; both ms.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { makeCache } from '../lib/ours.js';
import { wanted } from '../lib/serve.js';
import { quantile } from '../lib/spread.js';

const STEP = 1000;
const CALLS = 20;
const VALUE = 'x'.repeat(16);
const { cache: name, store, does, sizes } = wanted;
const redis = new Redis({ host: '127.0.0.1', port: wanted.redis, enableAutoPipelining: true });

/** Calls `step` for every thousandth number. Between two the process hears of its bench, which may be gone. */
async function byThousands(count, step) {
  for (let from = 0; from < count; from += STEP) {
    await step(from);
    await nextTurn();
  }
}

/** Calls `each` for so many numbers, a thousand at once. */
function inSteps(count, each) {
  return byThousands(count, (from) =>
    Promise.all(Array.from({ length: Math.min(STEP, count - from) }, (_, i) => each(from + i))),
  );
}

async function median(call) {
  const times = [];
  for (let i = 0; i < CALLS; i++) times.push(await timed(call));
  return quantile(
    times.sort((a, b) => a - b),
    0.5,
  );
}

async function timed(call) {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

/** @throws if what was invalidated is there, or if nothing was there to be invalidated */
function sure(condition, what) {
  if (!condition) throw new Error(what);
}

const WAYS = {
  async respcache(count) {
    // What is swept beside it is not waited for by anybody, but it would be in the way of the next filling.
    wanted.cacheOptions = { maxItems: count + 10, maxBytes: 4e9, sweepInterval: false };
    const cache = await makeCache();
    await byThousands(count, (from) => {
      const some = Array.from({ length: STEP }, (_, i) => [`item:${from + i}`, VALUE]);
      return cache.mset(Object.fromEntries(some), 'tenant', { ttl: 3600, tags: ['all'] });
    });
    sure((await cache.get('item:0', 'tenant')) === VALUE, 'it was not filled');
    const call = {
      tag: () => cache.invalidateByTags(['all'], 'tenant'),
      pattern: () => cache.invalidatePattern('item:*', 'tenant'),
      tenant: () => cache.invalidateTenant('tenant'),
    }[does];
    const took = await timed(call);
    sure((await cache.get('item:0', 'tenant')) === undefined, 'it was not invalidated');
    const again = await median(call);
    await cache.close();
    return { first: took, again };
  },
  async bentocache(count) {
    const { open } = await import('../caches/bentocache.js');
    const cache = open({ ...wanted, entries: count + 10 });
    await inSteps(count, (i) => cache.set({ key: `item:${i}`, value: VALUE, ttl: '1h', tags: ['all'] }));
    sure((await cache.get({ key: 'item:0' })) === VALUE, 'it was not filled');
    const took = await timed(() => cache.deleteByTag({ tags: ['all'] }));
    sure((await cache.get({ key: 'item:0' })) === undefined, 'it was not invalidated');
    const again = await median(() => cache.deleteByTag({ tags: ['all'] }));
    await cache.disconnectAll();
    return { first: took, again };
  },
  /** Its groups are filled by requests only, so they are made of requests and responses that nobody sent. */
  async apicache(count) {
    const { default: apicache } = await import('apicache');
    const { default: express } = await import('express');
    const cache = apicache.newInstance();
    const app = express();
    app.use(cache.middleware('1 hour'), (req, res) => {
      req.apicacheGroup = 'all';
      res.end(VALUE);
    });
    const { request } = await import('node:http');
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const ask = (i) =>
      new Promise((resolve, reject) => {
        const where = { host: '127.0.0.1', port: server.address().port, path: `/${i}`, agent };
        request(where, (res) => res.resume().on('end', resolve))
          .on('error', reject)
          .end();
      });
    await inSteps(count, ask);
    sure(cache.getIndex().groups.all?.length === count, 'it was not filled');
    const took = await timed(async () => cache.clear('all'));
    sure(cache.getIndex().all.length === 0, 'it was not invalidated');
    agent.destroy();
    server.close();
    return { first: took };
  },
  async plain(count) {
    await redis.flushall();
    const key = (i) => `plain:item:${i}`;
    await inSteps(count, (i) => redis.set(key(i), VALUE, 'EX', 3600));
    if (does === 'a set of keys per tag') await inSteps(count, (i) => redis.sadd('tag:all', key(i)));
    if (does === 'a version counter') return { again: await median(() => redis.incr('version:all')) };
    const took = await timed(PLAIN[does]);
    sure((await redis.exists(key(0))) === 0, 'it was not invalidated');
    return { first: took };
  },
};

async function remove(keys, command) {
  for (let from = 0; from < keys.length; from += STEP) await redis[command](...keys.slice(from, from + STEP));
}

const PLAIN = {
  'KEYS and DEL': async () => remove(await redis.keys('plain:*'), 'del'),
  async 'SCAN and UNLINK'() {
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', 'plain:*', 'COUNT', STEP);
      if (keys.length > 0) await redis.unlink(...keys);
      cursor = next;
    } while (cursor !== '0');
  },
  async 'a set of keys per tag'() {
    const keys = await redis.smembers('tag:all');
    await remove(keys, 'unlink');
    await redis.del('tag:all');
  },
};

const times = {};
for (const count of sizes) {
  if (store === 'redis') await redis.flushall();
  times[count] = await WAYS[name](count);
}
if (store === 'redis') await redis.flushall();
process.send({ port: 0, times });
