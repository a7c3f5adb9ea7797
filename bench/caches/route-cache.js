// A middleware; on Redis with the store that comes with it.

import { Redis } from 'ioredis';
import routeCache from 'route-cache';
import IoRedisStore from 'route-cache/ioRedisStore.js';

export function middleware({ store, redis: port, slug, prefix }) {
  if (store === 'redis') {
    const client = new Redis({ host: '127.0.0.1', port, keyPrefix: `${prefix ?? slug}:`, enableAutoPipelining: true });
    routeCache.config({ cacheStore: new IoRedisStore(client) });
  }
  return routeCache.cacheSeconds(3600);
}
