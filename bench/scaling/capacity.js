// What the things that are done in Redis take of its one thread: a burst of each, and the CPU time that Redis counts.

import { Redis } from 'ioredis';
import { encode } from '../../build/src/entry/codec.js';
import { createCache } from '../../build/src/index.js';
import { startRedis } from '../lib/redis.js';
import { Site } from './site.js';

const PAGES = 1000;
/** Lookups that leave together, as they do where many requests come at once. */
const TOGETHER = 32;

/**
 * µs of Redis' CPU for a lookup (head and entry) that comes with others, for one that comes alone, and for a purge of one
 * tag; and the bytes that an entry takes there.
 */
export async function capacity({ times = 3000, bytes = 2048 } = {}) {
  const server = await startRedis();
  const client = new Redis({ host: '127.0.0.1', port: server.port });
  const cache = createCache({ redis: client, sweepInterval: false, publishInterval: false, timeout: 5000 });
  try {
    const keys = await fill(client, bytes);
    await cache.invalidateByTags(['first'], 'tenant');
    let asked = 0;
    const lookUp = (together) => async () => {
      const pipeline = client.pipeline();
      for (let i = 0; i < together; i++) pipeline.mgetBuffer('{respcache}:head', keys[asked++ % keys.length]);
      await pipeline.exec();
    };
    const together = (await cpuOf(client, times, lookUp(TOGETHER))) / TOGETHER;
    const alone = await cpuOf(client, times, lookUp(1));
    let tag = 0;
    const purge = await cpuOf(client, times, () => cache.invalidateByTags([`tag-${tag++}`], 'tenant'));
    let memory = 0;
    for (const key of keys.slice(0, 100)) memory += (await client.memory('USAGE', key)) / 100;
    return { together, alone, purge, memory };
  } finally {
    await cache.close();
    client.disconnect();
    await server.stop();
  }
}

async function fill(client, bytes) {
  const site = new Site({ bytes });
  const keys = [];
  for (let i = 0; i < PAGES; i++) {
    const page = site.page(1, i);
    const now = Date.now();
    await client.set(page.key, encode(page.key, site.entry(page, now * 1000, now, 3600)), 'PX', 3_600_000);
    keys.push(page.key);
  }
  return keys;
}

/** µs for each of so many calls. */
async function cpuOf(client, times, work) {
  await work();
  const before = await cpu(client);
  for (let i = 0; i < times; i++) await work();
  return ((await cpu(client)) - before) / times;
}

async function cpu(client) {
  const text = await client.info('cpu');
  const seconds = (name) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(text)[1]);
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6;
}
