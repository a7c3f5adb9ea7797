// A middleware of Koa's; its store is what `get` and `set` say: a Map without bounds, or JSON in Redis.

import { Redis } from 'ioredis';
import koaCash from 'koa-cash';

function onRedis({ redis: port, slug, prefix }) {
  const client = new Redis({ host: '127.0.0.1', port, keyPrefix: `${prefix ?? slug}:`, enableAutoPipelining: true });
  return {
    get: async (key) => JSON.parse(await client.get(key)) ?? undefined,
    set: (key, value) => client.set(key, JSON.stringify(value), 'EX', 3600),
  };
}

export function middleware(wanted) {
  if (wanted.store === 'redis') return koaCash(onRedis(wanted));
  const entries = new Map();
  return koaCash({ get: (key) => entries.get(key), set: (key, value) => entries.set(key, value) });
}

export const already = (ctx) => ctx.cashed();
