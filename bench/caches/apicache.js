// A middleware; on Redis with the client that its README names.

import apicache from 'apicache';
import redis from 'redis3';

export function middleware({ store, redis: port }) {
  if (store === 'memory') return apicache.options({ statusCodes: { include: [200] } }).middleware('1 hour');
  return apicache.options({ redisClient: redis.createClient({ host: '127.0.0.1', port }) }).middleware('1 hour');
}
