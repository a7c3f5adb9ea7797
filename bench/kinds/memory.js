// Bytes that an entry takes beyond its body: in process, or in Redis.

import { setTimeout as sleep } from 'node:timers/promises';
import { Crew } from '../lib/crew.js';
import { signed, toLimit, whole } from '../lib/words.js';

/** Entries that are there before it is measured: what is made once is made by then. */
const BEFORE = 1000;
const AFTER = 10_000;
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
  { title: 'over the limit', of: ({ over, limit }) => toLimit(over, limit, (bytes) => signed(bytes, 0)) },
];

export async function measure(scene, context) {
  const crew = new Crew(context, scene.size);
  const rows = await crew.oneByOne(scene.entries, (entry) => measureOne(entry, crew, scene.size, context.redis));
  return { rows: rows.map((row, i) => compared(row, scene.entries[i].limit, rows)), notes: [] };
}

function compared(row, limit, rows) {
  const least = rows.find(({ name }) => name === limit)?.beyond;
  return { ...row, limit, over: least === undefined || row.failed ? undefined : row.beyond - least };
}

async function measureOne(entry, crew, size, redis) {
  const onRedis = entry.config.store === 'redis';
  const contender = await crew.startOne(entry, {}, { execArgv: ['--expose-gc'] });
  try {
    const fill = (most) => crew.load(contender, { seconds: LONG, most });
    const look = onRedis
      ? () => inRedis(redis.client)
      : async () => ({ bytes: (await contender.ask('memory')).bytes, entries: contender.answers });
    contender.answers += (await fill(BEFORE)).answers;
    const before = await look();
    const many = SLOW.has(entry.config.cache) ? AFTER_SLOW : AFTER;
    contender.answers += (await fill(many)).answers;
    const after = await look();
    const entries = after.entries - before.entries;
    if (entries < many / 2) throw new Error(`only ${entries} of ${many} answers were stored`);
    return { where: onRedis ? 'Redis' : 'process', entries, beyond: (after.bytes - before.bytes) / entries - size };
  } finally {
    await contender.stop();
  }
}

/**
 * Entries are written beside the answers, and compressed after that: they are there when nothing is written any more. On a busy
 * machine some are never written, so that it is they that are counted and not the answers.
 */
async function inRedis(client) {
  const figure = async (section, name) =>
    Number(new RegExp(`\\n${name}:(?:calls=)?(\\d+)`).exec(await client.info(section))?.[1] ?? 0);
  const state = async () => `${await client.dbsize()} ${await figure('commandstats', 'cmdstat_evalsha')}`;
  for (let [last, now] = ['', await state()]; now !== last; [last, now] = [now, await state()]) await sleep(SETTLED);
  // Buffers of connections come and go with what has just been written.
  const [used, ofClients] = [await figure('memory', 'used_memory'), await figure('memory', 'mem_clients_normal')];
  return { bytes: used - ofClients, entries: await client.dbsize() };
}
