// A function's values: its cache of HTTP handlers takes fetch's Request, which no framework here has.

import { Redis } from 'ioredis';
import { createBlobStorage, createMemoryStorage, defineCachedFunction } from 'ocache';

function onRedis({ redis: port, slug, prefix }) {
  const client = new Redis({ host: '127.0.0.1', port, keyPrefix: `${prefix ?? slug}:`, enableAutoPipelining: true });
  return createBlobStorage({
    get: (key) => client.getBuffer(key),
    set: async (key, bytes) => {
      if (bytes === null) await client.del(key);
      else await client.set(key, Buffer.from(bytes), 'EX', 3600);
    },
  });
}

export function value(wanted, make) {
  const storage = wanted.store === 'redis' ? onRedis(wanted) : createMemoryStorage();
  return defineCachedFunction(make, { name: 'users', maxAge: 3600, getKey: (url) => url, storage });
}
