import { projectModule } from './modules.js';
import { body, wanted } from './serve.js';
import { target, URLS } from './traffic.js';

/** What a hit on Redis cannot do without: one read, sent together with those of other requests. */
export async function redisReader() {
  const { Redis } = await projectModule(wanted.client ?? 'ioredis');
  const redis = new Redis({ host: '127.0.0.1', port: wanted.redis, enableAutoPipelining: true });
  const prefix = `${wanted.slug}:`;
  for (let page = 0; page < (wanted.urls ?? URLS); page++) await redis.set(prefix + target(page), body);
  return (url) => redis.getBuffer(prefix + url);
}
