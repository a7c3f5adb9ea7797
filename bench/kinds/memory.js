// Bytes that an entry takes beyond its body: in process, or in Redis.

import { setTimeout as sleep } from 'node:timers/promises';
import { Crew } from '../lib/crew.js';
import { signed, whole } from '../lib/words.js';

/** Entries that are there before it is measured: what is made once is made by then. */
const BEFORE = 1000;
const AFTER = { full: 20_000, quick: 10_000 };
/** Of those that take the longer for each miss, the more they have. */
const SLOW = new Set(['apicache']);
const AFTER_SLOW = 3000;
const LONG = 120;
/** How long Redis has to stay as it is, ms. */
const SETTLED = 300;

export const columns = [
  { title: 'where', of: ({ where }) => where },
  { title: 'entries', of: ({ entries }) => whole(entries) },
  { title: 'bytes beyond the body', of: ({ beyond }) => signed(beyond, 0) },
];

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const rows = [];
  for (const entry of scene.entries) {
    const { name, group, what, ours, peer } = entry;
    await context.redis.client.flushall();
    const figures = await crew.attempt(entry, () => measureOne(entry, crew, scene.size, context));
    rows.push({ name, group, what, ours, peer, ...(figures ?? { failed: crew.failures.get(entry) }) });
  }
  return { rows, notes: [] };
}

async function measureOne(entry, crew, size, { redis, options }) {
  const onRedis = entry.config.store === 'redis';
  const contender = await crew.startOne(entry, {}, { execArgv: ['--expose-gc'] });
  try {
    const used = onRedis ? () => usedByRedis(redis.client) : async () => (await contender.ask('memory')).bytes;
    const fill = (most) => crew.load(contender, { seconds: LONG, most });
    await fill(BEFORE);
    const before = await used();
    const most = options.quick ? AFTER.quick : AFTER.full;
    const { answers } = await fill(SLOW.has(entry.config.cache) ? Math.min(most, AFTER_SLOW) : most);
    const after = await used();
    const beyond = (after - before) / answers - size;
    return { where: onRedis ? 'Redis' : 'process', entries: answers, beyond };
  } finally {
    await contender.stop();
  }
}

/** Entries are written beside the answers: it is settled when it grows no more. */
async function usedByRedis(client) {
  for (let last = -1, count = await client.dbsize(); count !== last; count = await client.dbsize()) {
    last = count;
    await sleep(SETTLED);
  }
  // Buffers of connections come and go with what has just been written.
  const text = await client.info('memory');
  const figure = (name) => Number(new RegExp(`\\n${name}:(\\d+)`).exec(text)[1]);
  return figure('used_memory') - figure('mem_clients_normal');
}
