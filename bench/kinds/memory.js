// Bytes that an entry takes beyond its body: in process, or in Redis.

import { Redis } from 'ioredis';
import { Crew } from '../lib/crew.js';
import { signed, whole } from '../lib/words.js';

/** Entries that are there before it is measured: what is made once is made by then. */
const BEFORE = 1000;
const AFTER = { full: 20_000, quick: 5000 };
const LONG = 120;

export const columns = [
  { title: 'where', of: ({ where }) => where },
  { title: 'entries', of: ({ entries }) => whole(entries) },
  { title: 'bytes beyond the body', of: ({ beyond }) => signed(beyond, 0) },
];

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const probe = new Redis({ host: '127.0.0.1', port: context.redis.port });
  const rows = [];
  try {
    for (const entry of scene.entries) {
      const { name, group, what, ours, peer } = entry;
      const figures = await crew.attempt(entry, () => measureOne(entry, crew, scene.size, probe, context.options));
      rows.push({ name, group, what, ours, peer, ...(figures ?? { failed: crew.failures.get(entry) }) });
    }
  } finally {
    probe.disconnect();
  }
  return { rows, notes: [] };
}

async function measureOne(entry, crew, size, probe, { quick }) {
  const onRedis = entry.config.store === 'redis';
  const contender = await crew.startOne(entry, {}, { execArgv: ['--expose-gc'] });
  try {
    const used = onRedis ? () => usedByRedis(probe) : async () => (await contender.ask('memory')).bytes;
    const fill = (most) => crew.load(contender, { seconds: LONG, most });
    await fill(BEFORE);
    const before = await used();
    const { answers } = await fill(quick ? AFTER.quick : AFTER.full);
    const after = await used();
    const beyond = (after - before) / answers - size;
    return { where: onRedis ? 'Redis' : 'process', entries: answers, beyond };
  } finally {
    await contender.stop();
  }
}

/** Entries are written beside the answers: it is settled when it grows no more. */
async function usedByRedis(probe) {
  let last = -1;
  for (;;) {
    const count = await probe.dbsize();
    if (count === last) break;
    last = count;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return Number(/used_memory:(\d+)/.exec(await probe.info('memory'))[1]);
}
